"""What CloudWatch does behind the scenes: it makes metrics of log lines and queues, and evaluates alarms."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from devtools.livepage import emf
from devtools.livepage.alarms import Evaluator
from devtools.livepage.logs import Event, LogFollower
from devtools.livepage.metrics import MetricStore
from devtools.livepage.queues import QueueMetrics
from thumbnail_pipeline.sns import Notification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

    from devtools.localaws.stack import LocalStack

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
_MOST_DATA_A_CALL: Final = 1000
_EVENTS_KEPT: Final = 20_000
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_BYTES_AROUND_AN_EVENT: Final = 26


class Bridge:
    """Keeps the metrics and alarms of the emulator up to date, and remembers what it saw on the way."""

    def __init__(self, stack: LocalStack) -> None:
        self._cloudwatch = stack.client("cloudwatch")
        self._queues = QueueMetrics(stack.client("sqs"), stack.endpoint_url)
        self._log_group = stack.outputs["log_group_name"]
        self._log = LogFollower(stack.client("logs"), self._log_group)
        self._inbox = stack.alerts_queue_url
        self._unpublished: defaultdict[str, list[MetricDatumTypeDef]] = defaultdict(list)
        self._alerts: dict[str, Notification] = {}
        self.metrics = MetricStore(self._cloudwatch)
        self.alarms = Evaluator(self._cloudwatch, self.metrics)
        self.events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        """The latest lines of the function's log, the oldest first."""

    @property
    def alerts(self) -> list[Notification]:
        """Every alert that has arrived, the newest first; also those that somebody has taken out since."""
        return list(reversed(self._alerts.values()))

    def read_log(self) -> None:
        """Publish what metrics the function has written into its log since the last time."""
        events = self._log.new()
        self.events.extend(events)
        if events:
            self._unpublished["AWS/Logs"].append(self._volume(events))
        for event in events:
            document = emf.document(event.message)
            for namespace, data in emf.metrics(document).items() if document else ():
                self._unpublished[namespace] += data
        # What a call that fails leaves here is published the next time.
        for namespace, data in self._unpublished.items():
            while data:
                self._put(namespace, data[:_MOST_DATA_A_CALL])
                del data[:_MOST_DATA_A_CALL]

    def measure_queues(self) -> None:
        """Publish what the queues hold now."""
        self._put("AWS/SQS", self._queues.metrics())

    def collect_alerts(self) -> None:
        """Look which alerts have arrived, and leave them where they are."""
        for message in self._queues.messages(self._inbox):
            if notification := Notification.of(json.loads(message["Body"])):
                self._alerts.setdefault(message["MessageId"], notification)

    def _volume(self, events: Sequence[Event]) -> MetricDatumTypeDef:
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""
        return {
            "MetricName": "IncomingBytes",
            "Dimensions": [{"Name": "LogGroupName", "Value": self._log_group}],
            "Value": sum(len(event.message.encode()) + _BYTES_AROUND_AN_EVENT for event in events),
            "Unit": "Bytes",
        }

    def _put(self, namespace: str, data: Sequence[MetricDatumTypeDef]) -> None:
        self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
