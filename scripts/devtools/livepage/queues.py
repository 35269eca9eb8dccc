"""Reads the messages and metrics of the emulator's queues without receiving anything."""

from __future__ import annotations

import json
import math
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

# Attributes of a queue, and the metric that each is the value of. The emulator does not count what is sent or deleted.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
_COUNTERS: Final[dict[QueueAttributeNameType, str]] = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
# SQS leaves a message that was received this often out of the age of the oldest.
_RECEIVED_TOO_OFTEN: Final = 3


class QueueMetrics:
    """Every queue of the emulator."""

    def __init__(self, sqs: SQSClient, endpoint_url: str) -> None:
        self._sqs = sqs
        self._endpoint_url = endpoint_url

    def metrics(self) -> list[MetricDatumTypeDef]:
        """Return what the queues hold now, as the metrics of SQS say it."""
        pages = self._sqs.get_paginator("list_queues").paginate()
        return [datum for page in pages for url in page.get("QueueUrls", ()) for datum in self._metrics(url)]

    def messages(self, url: str) -> list[dict[str, Any]]:
        """Return every message of a queue from the emulator's own endpoint: ReceiveMessage would count as a receive."""
        address = f"{self._endpoint_url}/_ministack/sqs/messages?{urllib.parse.urlencode({'QueueUrl': url})}"
        with urllib.request.urlopen(address, timeout=10) as response:
            accounts = json.load(response)["messages"]
        return [message for regions in accounts.values() for queues in regions.values() for message in queues[url]]

    def _metrics(self, url: str) -> list[MetricDatumTypeDef]:
        counted = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTERS))["Attributes"]
        sent = [each["SentTimestamp"] for each in self.messages(url) if each["ReceiveCount"] < _RECEIVED_TOO_OFTEN]
        name = url.rpartition("/")[2]
        return [
            *(_datum(metric, name, int(counted[counter]), "Count") for counter, metric in _COUNTERS.items()),
            _datum(
                "ApproximateAgeOfOldestMessage", name, max(0.0, time.time() - min(sent, default=math.inf)), "Seconds"
            ),
        ]


def _datum(metric: str, queue: str, value: float, unit: StandardUnitType) -> MetricDatumTypeDef:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
        "Value": value,
        "Unit": unit,
    }
