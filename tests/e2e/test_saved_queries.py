"""The saved queries answer what they are for, asked of the function's real log and of lines as Lambda writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devtools.livepage import insights
from devtools.livepage.logs import Event, LogFollower
from devtools.localaws.stack import REPOSITORY
from support.deployment import eventually
from support.pictures import picture

if TYPE_CHECKING:
    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

QUERIES = REPOSITORY / "terraform" / "modules" / "observability" / "queries"


def ask(name: str, events: list[Event], **replaced: str) -> list[dict[str, Any]]:
    """The rows that a saved query yields, with these words of it replaced."""
    query = (QUERIES / f"{name}.query").read_text()
    for value, other in replaced.items():
        assert query.count(value) == 1
        query = query.replace(value, other)
    table = insights.run(query, events)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def line(**fields: object) -> Event:
    return Event("stream", 1_000, json.dumps(fields))


@pytest.fixture(scope="module")
def log(deployment: Deployment) -> list[Event]:
    """The function's log, once there is an image in it that is ready and one that failed."""
    deployment.upload("asked/good.png", picture())
    deployment.upload("asked/bad.png", b"poison")
    deployment.row_when("asked/good.png", "READY")
    deployment.row_when("asked/bad.png", "FAILED")
    follower = LogFollower(deployment.stack.client("logs"), deployment.outputs["log_group_name"])
    events: list[Event] = []

    def complete() -> bool:
        events.extend(follower.new())
        return all(any(key in event.message for event in events) for key in ("asked/good.png", "asked/bad.png"))

    eventually("the log tells of both", complete)
    return events


def test_failures_by_reason(log: list[Event]) -> None:
    rows = {row["reason"]: row for row in ask("failures-by-reason", log)}
    assert rows["unidentified"]["images"] >= 1
    assert rows["unidentified"]["last_detail"]
    assert {"first_key", "last_key"} <= set(rows["unidentified"])


def test_slowest_images(log: list[Event]) -> None:
    rows = ask("slowest-images", log)
    assert [row["milliseconds"] for row in rows] == sorted((row["milliseconds"] for row in rows), reverse=True)
    for row in rows:
        parts = [row[part] for part in ("wait_ms", "fetch_ms", "render_ms", "store_ms", "commit_ms")]
        assert None not in parts
        assert row["milliseconds"] >= max(parts)


def test_story_of_one_key(log: list[Event]) -> None:
    (told,) = ask("story-of-one-key", log, **{"photos/cat.jpg": "asked/bad.png"})
    assert told["outcome"] == "FAILED"
    assert told["reason"] == "unidentified"
    assert told["attempt"] == 1
    assert None not in (told["message_id"], told["request_id"])


def test_returned_by_error() -> None:
    lines = [
        line(message="image", outcome="RETURNED", error="SlowDown", attempt=1, key="a", message_id="1"),
        line(message="image", outcome="RETURNED", error="SlowDown", attempt=2, key="a", message_id="1"),
        line(message="image", outcome="HANDED_BACK", attempt=1, key="b", message_id="2"),
        line(message="image", outcome="READY", attempt=3, key="a", message_id="1"),
    ]
    first, second = ask("returned-by-error", lines)
    assert (first["error"], first["deliveries"], first["messages"], first["most_attempts"]) == ("SlowDown", 2, 1, 2)
    assert (second["outcome"], second["last_key"]) == ("HANDED_BACK", "b")


def test_systemic_errors() -> None:
    lines = [line(message="image", outcome="SYSTEMIC", error="access denied", key="a"), line(outcome="READY")]
    (row,) = ask("systemic-errors", lines)
    assert (row["error"], row["images"], row["last_key"]) == ("access denied", 1, "a")


def test_devices_refused() -> None:
    """One device that does not give up is the first row, whatever all the others ask for."""
    urn = "urn:thumbnail-pipeline:problem:"
    lines = [
        *(
            line(message="request", thing="loop", id=f"p-{each % 2}", outcome=f"{urn}too-many-asks")
            for each in range(9)
        ),
        line(message="request", thing="once", id="p", outcome=f"{urn}too-large"),
        *(line(message="request", thing="good", id=f"p-{each}", outcome="granted") for each in range(20)),
        line(message="status", key="things/loop/p-0", outcome="told"),
    ]
    first, second = ask("devices/devices-refused", lines)
    assert (first["thing"], first["refusals"], first["images"]) == ("loop", 9, 2)
    assert first["last_reason"] == f"{urn}too-many-asks"
    assert (second["thing"], second["refusals"]) == ("once", 1)


def test_story_of_one_device() -> None:
    lines = [
        line(message="request", thing="cam-1", id="p", outcome="granted"),
        line(message="request", thing="cam-2", id="p", outcome="granted"),
        line(message="status", key="photos/things/cam-1/p", outcome="told"),
        line(message="status", key="photos/things/cam-10/p", outcome="told"),
        line(message="admission", thing="cam-1", allowed=False, why="nobody has announced it"),
    ]
    story = ask("devices/story-of-one-device", lines)
    assert [row["message"] for row in story] == ["request", "status", "admission"]
    assert story[2]["why"] == "nobody has announced it"


def test_turns_of_jobs_that_failed() -> None:
    lines = [
        *(line(message="turn failed", job="j1", range=f"0000{each}", error="AccessDenied") for each in range(3)),
        line(message="turn failed", job="j2", error="SlowDown"),
        line(message="turn", about='{"job": "j1", "range": "00000"}'),
    ]
    first, second = ask("jobs/jobs-turns-failed", lines)
    assert (first["error"], first["turns"], first["last_job"]) == ("AccessDenied", 3, "j1")
    assert (second["error"], second["last_job"]) == ("SlowDown", "j2")


def test_story_of_one_job() -> None:
    job = "20260131-080000-1a2b"
    lines = [
        line(message="turn", about=json.dumps({"job": job, "range": "00000"}), comes_back_in=10),
        line(message="turn", about=json.dumps({"job": "20260131-080000-ffff", "range": "00000"})),
        line(level="ERROR", message="turn failed", job=job, range="00000", error="SlowDown"),
        line(level="ERROR", message="job stopped", job=job, why="too dear"),
    ]
    story = ask("jobs/story-of-one-job", lines)
    assert [row["message"] for row in story] == ["turn", "turn failed", "job stopped"]
    assert story[2]["why"] == "too dear"


# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ("2026-01-02T03:04:05.678Z 8f5 Task timed out after 60.00 seconds", True),
        ("RequestId: 8f5 Error: Runtime exited with error: signal: killed\nRuntime.ExitError", True),
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'thumbnailer.handler': No module named 'PIL'",
            True,
        ),
        ("REPORT RequestId: 8f5\tDuration: 60000.00 ms\tMemory Size: 1769 MB\tStatus: timeout", True),
        ("REPORT RequestId: 8f5\tDuration: 100.00 ms\tMemory Size: 1769 MB\tMax Memory Used: 200 MB", False),
        ('{"level":"INFO","message":"image","outcome":"READY"}', False),
    ],
)
def test_crashes(message: str, is_one: bool) -> None:  # noqa: FBT001 - a column of the table
    assert bool(ask("crashes", [Event("stream", 1_000, message)])) == is_one


def test_cold_starts_can_be_asked(log: list[Event]) -> None:
    # The emulator's reports lack the duration of a start, and the local CloudWatch reads no reports.
    assert ask("cold-starts", log) == []
