"""What CloudWatch does behind the scenes: it makes metrics of log lines and queues, and evaluates alarms."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

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
_ANNOUNCEMENTS_KEPT: Final = 1000
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_BYTES_AROUND_AN_EVENT: Final = 26


class Bridge:
    """Keeps the metrics and alarms of the emulator up to date, and remembers what it saw on the way."""

    def __init__(self, stack: LocalStack) -> None:
        self._cloudwatch = stack.client("cloudwatch")
        self._queues = QueueMetrics(stack.client("sqs"), stack.endpoint_url)
        logs, api = stack.client("logs"), stack.outputs.get("api")
        others = [*stack.outputs.get("publishers", {}).values(), *([api] if api else [])]
        self._log_group = stack.outputs["log_group_name"]
        groups = [self._log_group, *(function["log_group_name"] for function in others)]
        self._logs = {group: LogFollower(logs, group) for group in groups}
        self._inbox = stack.alerts_queue_url
        self._consumer = stack.events_queue_url
        self._unpublished: defaultdict[str, list[MetricDatumTypeDef]] = defaultdict(list)
        self._alerts: dict[str, Notification] = {}
        self._announcements: dict[str, dict[str, Any]] = {}
        self.metrics = MetricStore(self._cloudwatch)
        self.alarms = Evaluator(self._cloudwatch, self.metrics)
        self.events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        """The latest lines of the function's log, the oldest first."""

    @property
    def alerts(self) -> list[Notification]:
        """Every alert that has arrived, the newest first; also those that somebody has taken out since."""
        return list(reversed(self._alerts.values()))

    @property
    def announcements(self) -> list[dict[str, Any]]:
        """The latest events that the bus has handed to its consumer, the newest first."""
        return list(reversed(self._announcements.values()))

    def read_log(self) -> None:
        """Publish what metrics the functions have written into their logs since the last time."""
        for group, log in self._logs.items():
            events = log.new()
            if group == self._log_group:
                self.events.extend(events)
            if events:
                self._unpublished["AWS/Logs"].append(_volume(group, events))
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

    def collect_announcements(self) -> None:
        """Look which events have arrived at the consumer's queue, and leave them where they are."""
        for message in self._queues.messages(self._consumer) if self._consumer else ():
            self._announcements.setdefault(message["MessageId"], json.loads(message["Body"]))
        while len(self._announcements) > _ANNOUNCEMENTS_KEPT:
            del self._announcements[next(iter(self._announcements))]

    def _put(self, namespace: str, data: Sequence[MetricDatumTypeDef]) -> None:
        self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def _volume(group: str, events: Sequence[Event]) -> MetricDatumTypeDef:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""
    return {
        "MetricName": "IncomingBytes",
        "Dimensions": [{"Name": "LogGroupName", "Value": group}],
        "Value": sum(len(event.message.encode()) + _BYTES_AROUND_AN_EVENT for event in events),
        "Unit": "Bytes",
    }
