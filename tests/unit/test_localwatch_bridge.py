"""Every metric in the log is published once, and nothing but metrics."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.livepage import emf
from devtools.livepage.bridge import Bridge
from devtools.livepage.logs import Event, LogFollower

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000_000


class Logs:
    """A log group in memory: a page has so many events at most, as the emulator's answer."""

    def __init__(self, page: int = 10_000) -> None:
        self.events: list[Event] = []
        self._page = page

    def get_paginator(self, _operation: str) -> Logs:
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert logGroupName == "group"
        found = sorted((event for event in self.events if event.time >= startTime), key=lambda event: event.time)
        yield {
            "events": [
                {"logStreamName": event.stream, "timestamp": event.time, "message": event.message}
                for event in found[: self._page]
            ]
        }


def follower(logs: Logs) -> LogFollower:
    return LogFollower(logs, "group")  # type: ignore[arg-type]


# Lines arrive one after the other, up to nine seconds late. Of few times and texts, so that many are equal.
_arrivals = st.lists(st.tuples(st.sampled_from([0, 10, 20, 9_000]), st.sampled_from(["one", "two"]), st.booleans()))


@given(_arrivals)
def test_each_event_is_read_once_however_late_and_however_often_one_looks(
    arrivals: list[tuple[int, str, bool]],
) -> None:
    logs = Logs()
    following = follower(logs)
    read: Counter[Event] = Counter()
    for number, (late, message, look) in enumerate(arrivals):
        logs.events.append(Event("stream", NOW + number * 10 - late, message))
        if look:
            read.update(following.new())
    read.update(following.new())
    read.update(following.new())
    assert read == Counter(logs.events)


def test_a_log_of_many_pages_is_read_to_its_end() -> None:
    logs = Logs(page=20)
    logs.events = [Event("stream", NOW + number * 1000, str(number)) for number in range(100)]
    following = follower(logs)
    read = [event for _ in range(20) for event in following.new()]
    assert read == logs.events


def document(**more: Any) -> dict[str, Any]:
    """What the function writes for an invocation with two images."""
    return {
        "_aws": {
            "Timestamp": NOW,
            "CloudWatchMetrics": [
                {
                    "Namespace": "ThumbnailPipeline",
                    "Dimensions": [["Function"], ["Function", "Reason"]],
                    "Metrics": [{"Name": "Failed", "Unit": "Count"}, {"Name": "Age", "Unit": "Milliseconds"}],
                }
            ],
        },
        "Function": "thumbs",
        "Reason": "empty",
        "Failed": 0,
        "Age": [77, 186],
        **more,
    }


def test_a_document_yields_each_metric_for_each_set_of_dimensions() -> None:
    found = emf.document(json.dumps(document()))
    assert found is not None
    data = emf.metrics(found)["ThumbnailPipeline"]
    assert [(each["MetricName"], list(each["Values"]), len(each["Dimensions"])) for each in data] == [
        ("Failed", [0], 1),
        ("Age", [77, 186], 1),
        ("Failed", [0], 2),
        ("Age", [77, 186], 2),
    ]
    assert {each["Unit"] for each in data} == {"Count", "Milliseconds"}
    assert all(each["Timestamp"].timestamp() * 1000 == NOW for each in data)  # type: ignore[union-attr]


def test_a_metric_or_a_dimension_without_a_value_is_left_out() -> None:
    incomplete = document()
    del incomplete["Age"], incomplete["Reason"]
    data = emf.metrics(incomplete)["ThumbnailPipeline"]
    assert [(each["MetricName"], len(each["Dimensions"])) for each in data] == [("Failed", 1)]


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 Version: $LATEST",
        '{"level":"INFO","message":"image","key":"a.png"}',
        '{"_aws":"no"}',
        '{"_aws":{"Timestamp":1}}',
        '["_aws"]',
        'torn {"_aws":',
    ],
)
def test_other_lines_are_no_documents(line: str) -> None:
    assert emf.document(line) is None


class CloudWatch:
    """Takes metrics, or fails."""

    def __init__(self) -> None:
        self.failing = False
        self.calls: list[tuple[str, int]] = []
        self.published: Counter[str] = Counter()

    def put_metric_data(self, *, Namespace: str, MetricData: list[Any]) -> None:  # noqa: N803
        if self.failing:
            raise ConnectionError
        self.calls.append((Namespace, len(MetricData)))
        for datum in MetricData:
            self.published[datum["MetricName"]] += len(datum["Values"]) if "Values" in datum else datum["Value"]


class Stack:
    """As much of a stack as the bridge needs."""

    endpoint_url = "http://127.0.0.1:1"
    alerts_queue_url = "http://127.0.0.1:1/alerts"
    events_queue_url = None
    outputs: dict[str, str] = {"log_group_name": "group"}  # noqa: RUF012 - nobody writes to it

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {"cloudwatch": CloudWatch(), "logs": Logs(), "sqs": None}

    def client(self, service: str) -> Any:
        return self.clients[service]


def test_what_cannot_be_published_now_is_published_later_and_once() -> None:
    stack = Stack()
    bridge = Bridge(stack)  # type: ignore[arg-type]
    cloudwatch, logs = stack.clients["cloudwatch"], stack.clients["logs"]
    line = json.dumps(document())
    logs.events = [Event("stream", NOW + number, line) for number in range(300)]
    cloudwatch.failing = True
    with pytest.raises(ConnectionError):
        bridge.read_log()
    cloudwatch.failing = False
    logs.events.append(Event("later", NOW, line))
    bridge.read_log()
    bridge.read_log()
    assert cloudwatch.published == {
        "Failed": 2 * 301,
        "Age": 2 * 2 * 301,
        "IncomingBytes": 301 * (len(line) + 26),
    }
    assert cloudwatch.calls == [("AWS/Logs", 2), ("ThumbnailPipeline", 1000), ("ThumbnailPipeline", 204)]
    assert len(bridge.events) == 301
