"""What stands beside the dashboard: traces, alerts, the newest images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devtools.livepage import panels
from devtools.livepage.logs import Event
from devtools.livepage.traces import TraceFile
from thumbnail_pipeline.sns import Notification

if TYPE_CHECKING:
    from pathlib import Path


def image_documents(key: str, start: float, trace: str = "1-a") -> list[dict[str, Any]]:
    """The documents of one image, as the SDK sends them: the parts first."""
    common = {"trace_id": trace}
    return [
        {**common, "id": f"{key}-f", "parent_id": key, "name": "fetch", "start_time": start, "end_time": start + 0.01},
        {
            **common,
            "id": f"{key}-r",
            "parent_id": key,
            "name": "render",
            "start_time": start + 0.01,
            "end_time": start + 0.04,
            "fault": True,
        },
        {
            **common,
            "id": key,
            "parent_id": "lambda",
            "name": "image",
            "start_time": start,
            "end_time": start + 0.05,
            "annotations": {"outcome": "FAILED"},
            "metadata": {"default": {"key": key}},
        },
    ]


def test_traces_are_read_as_they_come_and_found_by_key(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    traces = TraceFile(file)
    assert traces.find("", 10) == []
    documents = [
        *image_documents("cats/a.png", 100.0),
        *image_documents("cats/c.png", 100.5),
        *image_documents("dogs/b.png", 200.0, trace="1-b"),
    ]
    text = "".join(json.dumps(document) + "\n" for document in documents)
    torn = text.index("dogs") + 10
    file.write_text(text[:torn])
    assert [image["key"] for image in traces.find("", 10)] == ["cats/c.png", "cats/a.png"]
    with file.open("a") as growing:
        growing.write(text[torn:])
    assert [image["key"] for image in traces.find("", 10)] == ["dogs/b.png", "cats/c.png", "cats/a.png"]
    assert [image["key"] for image in traces.find("", 1)] == ["dogs/b.png"]
    (image,) = traces.find("s/a", 10)
    assert [(part["name"], part["depth"], part["failed"]) for part in image["parts"]] == [
        ("image", 0, False),
        ("fetch", 1, False),
        ("render", 1, True),
    ]
    assert [round(part["offset"]) for part in image["parts"]] == [0, 0, 10]
    assert round(image["milliseconds"]) == 50


def test_the_newest_images_once_each() -> None:
    def told(key: str, outcome: str) -> str:
        return json.dumps({"message": "image", "key": key, "outcome": outcome}, separators=(",", ":"))

    events = [
        Event("s", 1, told("a", "FAILED")),
        Event("s", 2, told("b", "READY")),
        Event("s", 3, "END"),
        Event("s", 4, told("a", "READY")),
    ]
    assert [(line["key"], line["outcome"], line["time"]) for line in panels.newest(events, 10)] == [
        ("a", "READY", 4),
        ("b", "READY", 2),
    ]
    assert [line["key"] for line in panels.newest(events, 1)] == ["a"]


def test_an_event_is_told_by_what_became_of_which_image() -> None:
    data = {"reason": "truncated"}
    detail = {"subject": "a.png", "sequence": "0000000000000000007", "time": "now", "data": data}
    assert panels.announcement({"detail-type": "Image Failed", "detail": detail}) == {
        "what": "Image Failed",
        "key": "a.png",
        "reason": "truncated",
        "sequence": "0000000000000000007",
        "time": "now",
    }


def test_an_alarm_in_an_alert_is_unwrapped() -> None:
    change = {"AlarmName": "dead-letters", "NewStateReason": "too many", "AlarmDescription": "1. Read some."}
    assert (
        panels.alert(Notification("warning", "ALARM", json.dumps(change), "now", {}))["text"]
        == "too many\n\n1. Read some."
    )
    assert (
        panels.alert(Notification("failures", "3 images failed", "truncated: 3", "now", {}))["text"] == "truncated: 3"
    )
