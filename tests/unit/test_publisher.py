"""The publisher: what a batch of the stream comes to, and from where on it comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from publisher.publishing import Publisher
from support.announcements import require_valid
from support.memory_aws import MemoryEvents
from support.pipeline import FakeContext
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.sending import ChangeStream, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {
    "DEPLOYMENT": "thumbs",
    "DESTINATION": "events",
    "EVENT_BUS_NAME": "thumbs-events",
    "TIMEOUT_SECONDS": "60",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def record(number: int, key: str = "a.jpg", *, revision: int | None = None, before: int | None = None) -> Any:
    """The stream tells that an image is gone; or with the same revision `before`, of a claim."""

    def image(its: int) -> dict[str, Any]:
        row = {
            "source_bucket": "uploads",
            "source_key": key,
            "status": "DELETED",
            "sequencer": "1",
            "claim": "1",
            "fence": 0,
            "revision": its,
        }
        return {name: TypeSerializer().serialize(value) for name, value in row.items()}

    change: dict[str, Any] = {"SequenceNumber": str(number), "NewImage": image(revision or number)}
    if before is not None:
        change["OldImage"] = image(before)
    return {"eventName": "MODIFY" if before is not None else "INSERT", "dynamodb": change}


def publisher(fails: Callable[[Any], str | None] = lambda _: None) -> tuple[Publisher, MemoryEvents]:
    """A publisher and the bus that it puts events on."""
    bus = MemoryEvents(fails)
    return Publisher("thumbs", EventBus(bus, "bus"), sleep=lambda _: None), bus  # type: ignore[arg-type]


def lines(capsys: pytest.CaptureFixture[str], message: str) -> list[dict[str, Any]]:
    """The lines of the log with this message."""
    every = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each for each in every if each.get("message", "_aws" in each and "metrics") == message]


def test_a_batch_is_announced_once_for_each_change_of_state() -> None:
    it, bus = publisher()
    records = [record(1), record(2, revision=1, before=1), record(3, "b.jpg"), record(4)]
    assert it.run(records, FakeContext()) is None
    assert [(each["subject"], int(each["sequence"])) for each in bus.arrived] == [
        ("a.jpg", 1),
        ("b.jpg", 3),
        ("a.jpg", 4),
    ]
    for each in bus.arrived:
        require_valid(each)


def test_the_batch_comes_back_from_the_first_that_was_not_sent() -> None:
    it, bus = publisher(lambda entry: "InternalFailure" if "b.jpg" in entry["Detail"] else None)
    records = [record(9), record(10, "b.jpg"), record(11, "b.jpg"), record(12, "c.jpg")]
    assert it.run(records, FakeContext()) == "10"
    assert [each["subject"] for each in bus.arrived] == ["a.jpg", "c.jpg"]


def test_a_record_that_cannot_be_read_comes_back_and_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    it, bus = publisher()
    poison = record(2)
    del poison["dynamodb"]["NewImage"]["source_key"]
    assert it.run([record(1), poison, record(3)], FakeContext()) == "2"
    assert [int(each["sequence"]) for each in bus.arrived] == [1, 3]
    (line,) = lines(capsys, "event not sent")
    assert line["record"] == "2"
    assert "no record of the catalog" in line["error"]


def test_what_there_is_no_time_for_comes_back() -> None:
    it, bus = publisher()
    # The reserve is a share of what is left in the beginning; each look at the clock takes one of these.
    context = FakeContext(remaining=[60_000, 30_000, 17_000])
    assert it.run([record(number) for number in (1, 2, 3)], context) == "2"
    assert len(bus.arrived) == 1


def test_what_everybody_would_meet_is_raised_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    it, _ = publisher(lambda _: "AccessDeniedException")
    with pytest.raises(Systemic):
        it.run([record(1)], FakeContext())
    assert len(lines(capsys, "metrics")) == 1


def test_metrics_count_and_say_how_late_events_are(capsys: pytest.CaptureFixture[str]) -> None:
    it, _ = publisher(lambda entry: "MalformedDetail" if "b.jpg" in entry["Detail"] else None)
    ahead_of_all_clocks = 99_999_999_999_999
    assert it.run([record(1), record(2, "b.jpg"), record(3, revision=ahead_of_all_clocks)], FakeContext()) == "2"
    (metrics,) = lines(capsys, "metrics")
    assert (metrics["EventsPublished"], metrics["EventsFailed"]) == (2, 1)
    assert metrics["EventDelay"][0] > 0
    assert metrics["EventDelay"][1] == 0, "with one negative value, CloudWatch shows no percentile"


def test_an_event_is_found_in_the_log_by_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    it, bus = publisher()
    assert it.run([record(1)], FakeContext()) is None
    (line,) = lines(capsys, "event")
    assert (line["key"], line["event_id"], line["sequence"]) == (
        "a.jpg",
        bus.arrived[0]["id"],
        bus.arrived[0]["sequence"],
    )


def test_a_function_has_one_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", ENVIRONMENT["AWS_DEFAULT_REGION"])
    assert isinstance(Publisher.start(ENVIRONMENT).destination, EventBus)
    stream = {**ENVIRONMENT, "DESTINATION": "changes", "STREAM_ARN": "arn:aws:kinesis:us-east-1:1:stream/x"}
    assert isinstance(Publisher.start(stream).destination, ChangeStream)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DESTINATION": ""}, "DESTINATION is not set"),
        ({"DESTINATION": "moon"}, "DESTINATION is 'moon', neither events nor changes"),
        ({"DESTINATION": "changes"}, "STREAM_ARN is not set"),
        ({"EVENT_BUS_NAME": ""}, "EVENT_BUS_NAME is not set"),
        ({"DEPLOYMENT": ""}, "DEPLOYMENT is not set"),
        ({"TIMEOUT_SECONDS": "soon"}, "TIMEOUT_SECONDS is 'soon', not a whole number"),
    ],
)
def test_a_bad_environment_is_named(change: dict[str, str], message: str) -> None:
    with pytest.raises(Systemic, match=message):
        Publisher.start({**ENVIRONMENT, **change})


def test_the_handler_names_what_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    from publisher import handler  # noqa: PLC0415 - it reads its environment when it is imported

    bus = MemoryEvents(lambda entry: "InternalFailure" if "b.jpg" in entry["Detail"] else None)
    destination = EventBus(bus, "bus")  # type: ignore[arg-type]
    monkeypatch.setattr(
        handler, "_publisher", replace(handler._publisher, destination=destination, sleep=lambda _: None)
    )
    assert handler.handler({"Records": [record(1)]}, FakeContext()) == {"batchItemFailures": []}
    told = handler.handler({"Records": [record(1), record(7, "b.jpg")]}, FakeContext())
    assert told == {"batchItemFailures": [{"itemIdentifier": "7"}]}
