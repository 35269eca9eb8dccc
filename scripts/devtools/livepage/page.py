"""What the page shows at a moment: the dashboards with their data, and the panels beside them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from devtools.livepage import dashboard, panels
from devtools.livepage.dashboard import WidgetData
from devtools.livepage.metrics import Window
from devtools.livepage.traces import TraceFile
from thumbctl.local import traces_file

if TYPE_CHECKING:
    from devtools.livepage.bridge import Bridge
    from devtools.livepage.dashboard import View
    from devtools.localaws.stack import LocalStack

_MOST_EVENTS: Final = 20
_MOST_FAILURES: Final = 20
_MOST_IMAGES: Final = 12
_MOST_TRACES: Final = 8


class Page:
    """The page of one stack."""

    def __init__(self, stack: LocalStack, bridge: Bridge) -> None:
        self._stack = stack
        self._bridge = bridge
        self._cloudwatch = stack.client("cloudwatch")
        self._dynamodb = stack.client("dynamodb")
        self._s3 = stack.client("s3")
        self._traces = TraceFile(traces_file(stack.directory))

    def view(self, minutes: int, text: str) -> View:
        """Return all that is to be seen of the last `minutes`, and of the traces those with `text` in their key."""
        now = int(time.time())
        described = list(
            self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
        )
        composite_alarms = [alarm for part in described for alarm in part["CompositeAlarms"]]
        metric_alarms = [alarm for part in described for alarm in part["MetricAlarms"]]
        sources = WidgetData(
            self._bridge.metrics,
            {alarm["AlarmArn"]: alarm for alarm in metric_alarms},
            self._stack.outputs["log_group_name"],
            list(self._bridge.events),
        )
        window = Window(now - minutes * 60, now)
        outputs = self._stack.outputs
        table, bucket = outputs["table_name"], outputs["source_bucket"]
        images = panels.newest(sources.events, _MOST_IMAGES)
        pictures = dict(panels.thumbnails(self._dynamodb, table, bucket, [image["key"] for image in images]))
        return {
            "stack": self._stack.endpoint_url,
            "start": window.start * 1000,
            "end": window.end * 1000,
            "dashboards": [
                {"name": name, "widgets": dashboard.draw(body, sources, window)} for name, body in self._dashboards()
            ],
            "alarms": [
                panels.alarm(alarm, self._bridge.alarms.problems) for alarm in (*composite_alarms, *metric_alarms)
            ],
            "alerts": [panels.alert(alert) for alert in self._bridge.alerts],
            "events": [panels.announcement(event) for event in self._bridge.announcements[:_MOST_EVENTS]],
            "images": [{**image, "picture": pictures.get(image["key"])} for image in images],
            "failures": panels.failures(self._dynamodb, table, outputs["failures_index_name"], _MOST_FAILURES),
            "traces": self._traces.find(text, _MOST_TRACES),
        }

    def thumbnail(self, key: str) -> tuple[bytes, str]:
        """Return the bytes of a thumbnail and their type."""
        answer = self._s3.get_object(Bucket=self._stack.outputs["thumbnails_bucket"], Key=key)
        return answer["Body"].read(), answer["ContentType"]

    def _dashboards(self) -> list[tuple[str, str]]:
        pages = self._cloudwatch.get_paginator("list_dashboards").paginate()
        names = [entry["DashboardName"] for page in pages for entry in page["DashboardEntries"]]
        return [(name, self._cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in names]
