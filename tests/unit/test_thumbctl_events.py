"""thumbctl events: who announces, and announcing again from the catalog and from what was parked."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from support.announcements import require_valid
from support.operated import TABLE, Operated, operated
from thumbctl.app import app
from thumbctl.events import outbox, parked
from thumbctl.events.outbox import ChosenImages
from thumbctl.looking.publishers import DeployedPublisher, Measured
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.rows import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REVISION = 1_795_000_000_000
NUMBERS = itertools.count()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Operated]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with operated(monkeypatch) as deployed:
        deployed.announce()
        yield deployed


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["events", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    exit_code, out, complaints = run(*arguments, "--json")
    assert exit_code == code, complaints
    (line,) = out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def item(key: str, status: str = "READY", **more: Any) -> dict[str, Any]:
    """A row of the catalog, as DynamoDB has it."""
    thumbnail = {"name": "small", "key": f"small/{key}.webp", "width": 8, "height": 6, "bytes": 99, "etag": "t"}
    row: dict[str, Any] = {
        "source_key": key, "source_bucket": "uploads", "status": status, "sequencer": "1", "claim": "1", "fence": 1,
        "revision": REVISION, "etag": "e",
    }  # fmt: skip
    if status == "READY":
        row |= {"size_bytes": 1, "format": "png", "width": 8, "height": 6, "renditions": [thumbnail]}
    if status == "FAILED":
        row |= {"reason": "corrupt"}
    return dict(TypeSerializer().serialize({**row, **more})["M"])


def put(stack: Operated, *items: dict[str, Any]) -> None:
    for each in items:
        stack.dynamodb.put_item(TableName=TABLE, Item=each)


def heard(stack: Operated) -> list[dict[str, Any]]:
    """What a consumer of the bus got."""
    details = [json.loads(message["Body"])["detail"] for message in drained(stack)]
    for detail in details:
        require_valid(detail)
    return details


def drained(stack: Operated) -> Iterator[Any]:
    url = stack.outputs["heard_url"]
    while messages := stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message


def streamed(stack: Operated) -> list[dict[str, Any]]:
    """What is in the change stream."""
    (shard,) = stack.kinesis.list_shards(StreamName="photos-changes")["Shards"]
    iterator = stack.kinesis.get_shard_iterator(
        StreamName="photos-changes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [json.loads(each["Data"]) for each in stack.kinesis.get_records(ShardIterator=iterator)["Records"]]


def keys(details: list[dict[str, Any]]) -> list[str]:
    return sorted(detail["subject"] for detail in details)


def park(stack: Operated, *changes: dict[str, Any], destination: str = "events", as_text: bool = True) -> str:
    """Have a parked batch with a record for each change, as Lambda writes it."""
    payload: Any = {"Records": [{"eventName": "MODIFY", "dynamodb": {"NewImage": each}} for each in changes]}
    function = stack.outputs["publishers"][destination]["function_name"]
    key = f"aws/lambda/{destination}-uuid/shardId-1/2026/11/29/2026-11-29T10.15.00-{next(NUMBERS)}"
    body = {
        "requestContext": {"functionArn": f"arn:aws:lambda:eu-central-1:123456789012:function:{function}"},
        "DDBStreamBatchInfo": {"batchSize": len(changes)},
        "payload": json.dumps(payload) if as_text else payload,
    }
    stack.s3.put_object(Bucket="parked", Key=key, Body=json.dumps(body).encode())
    return key


def left(stack: Operated) -> list[str]:
    return [each["Key"] for each in stack.s3.list_objects_v2(Bucket="parked").get("Contents", [])]


# ── status ───────────────────────────────────────────────────────────────────────────────────────────


def test_all_is_well(stack: Operated) -> None:
    now = datetime.now(UTC)
    published, age = ("Function", "photos-publisher"), ("FunctionName", "photos-publisher")
    stack.measure("ThumbnailPipeline", "EventsPublished", published, 7, now - timedelta(minutes=5))
    stack.measure("ThumbnailPipeline", "EventsPublished", published, 40, now - timedelta(hours=5))
    stack.measure("AWS/Lambda", "IteratorAge", age, 2500, now - timedelta(minutes=2))
    code, out, complaints = run("status", "--json")
    assert (code, complaints) == (0, "")
    bus, stream = map(json.loads, out.splitlines())
    assert (bus["destination"], bus["enabled"], bus["behind_seconds"]) == ("events", True, 2.5)
    assert (bus["last_hour"], bus["last_day"], bus["parked"], bus["problems"]) == (7, 47, 0, [])
    assert (stream["destination"], stream["behind_seconds"], stream["last_day"]) == ("changes", None, 0)
    assert stream["where"] == stack.outputs["change_stream"]["arn"]
    code, out, _ = run("status")
    assert code == 0
    assert all(words in out for words in ("Enabled", "2 s", stack.outputs["event_bus_arn"]))


def test_what_is_wrong_is_said_with_its_remedy(stack: Operated) -> None:
    stack.mapping_states["events-uuid"] = "Disabled"
    age = ("FunctionName", "photos-change-publisher")
    stack.measure("AWS/Lambda", "IteratorAge", age, 5 * 3600 * 1000, datetime.now(UTC) - timedelta(minutes=2))
    park(stack, item("a.png"), destination="changes")
    code, _, complaints = run("status")
    assert code == 1
    assert "--uuid events-uuid" in complaints
    assert "photos-change-publisher is 5.0 hours behind" in complaints
    assert "1 batch could not be announced: mend the cause, then 'thumbctl events resend'" in complaints


def test_what_a_mapping_has_parked_that_is_gone_is_seen(stack: Operated) -> None:
    stack.s3.put_object(Bucket="parked", Key="aws/lambda/gone/shardId-1/2026/11/29/old", Body=b"{}")
    code, out, _ = run("status", "--json")
    assert (code, [json.loads(line)["parked"] for line in out.splitlines()]) == (1, [1, 0])


@pytest.mark.parametrize("command", [["status"], ["republish", "--yes"], ["resend", "--yes"]])
def test_a_stack_that_announces_nothing_says_so(stack: Operated, command: list[str]) -> None:
    del stack.outputs["publishers"]
    code, _, complaints = run(*command)
    assert (code, "announces nothing" in complaints) == (2, True)


# ── show ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "behind_seconds", "age", "said"),
    [
        ({}, None, timedelta(hours=1), "read, and so announced or parked"),
        ({}, 10, timedelta(hours=1), "read, and so announced or parked"),
        ({}, 7200, timedelta(hours=1), "not read yet, the publisher is 7,200 s behind"),
        ({}, 10, timedelta(seconds=30), "on its way"),
        ({"state": "Disabled"}, None, timedelta(hours=1), "nobody announces it, for the mapping is Disabled"),
        ({"wants_backfills": False}, None, timedelta(hours=1), "left out, for a backfill made it"),
    ],
    ids=str,
)
def test_whether_an_event_went_out_is_told_as_far_as_it_can_be(
    changed: dict[str, Any], behind_seconds: float | None, age: timedelta, said: str
) -> None:
    row = decoded(item("a.png", backfilled=True))
    event = completion_event(row, "")
    assert event
    publisher = DeployedPublisher(
        "events", "bus", "photos-publisher", "Enabled", "OK", wants_backfills=True, mapping_uuid="uuid"
    )
    measured = Measured(behind_seconds, 0, 0, 0)
    assert replace(publisher, **changed).passed(event, row, measured, event.time + age) == said


# ── republish ────────────────────────────────────────────────────────────────────────────────────────


def test_everything_that_is_committed_is_announced_under_the_ids_it_had(stack: Operated) -> None:
    rows = [item("a.png"), item("b.png", "FAILED"), item("c/d.png", "DELETED")]
    claimed = {name: value for name, value in item("claimed.png").items() if name not in ("status", "revision")}
    put(stack, *rows, claimed, item("theirs.png", source_bucket="others"))
    document = told("republish", "--yes")
    assert (document["state"], document["read"], document["selected"]) == ("finished", 4, 3)
    assert (document["sent"], document["refused"]) == ({"events": 3, "changes": 3}, {})
    expected = {event.detail["id"] for row in rows if (event := completion_event(decoded(row), "photos"))}
    assert len(expected) == 3
    for details in (heard(stack), streamed(stack)):
        assert keys(details) == ["a.png", "b.png", "c/d.png"]
        assert {detail["id"] for detail in details} == expected
    told("republish", "--yes", "--to", "events")
    assert {detail["id"] for detail in heard(stack)} == expected


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--prefix", "2026/"], ["2026/new.png", "2026/old.png"]),
        (["--key", "*new*"], ["2026/new.png"]),
        (["--key", "2026/old.png", "--key", "absent.png"], ["2026/old.png"]),
        (["--since", datetime.fromtimestamp(REVISION / 1000 + 1, UTC).isoformat()], ["2026/new.png"]),
        (["--prefix", "none/"], []),
    ],
    ids=str,
)
def test_what_is_chosen(stack: Operated, options: list[str], chosen: list[str]) -> None:
    put(stack, item("2026/old.png"), item("2026/new.png", revision=REVISION + 5000), item("other.png"))
    looked = told("republish", *options, "--dry-run")
    assert (looked["state"], looked["selected"], looked["sent"]) == ("looked", len(chosen), {})
    assert heard(stack) == []
    assert told("republish", *options, "--yes", "--to", "events")["selected"] == len(chosen)
    assert keys(heard(stack)) == chosen
    assert streamed(stack) == []


def test_what_the_publisher_leaves_out_is_left_out(stack: Operated) -> None:
    stack.filters["events-uuid"] = {"Filters": [{"Pattern": '{"dynamodb": {"NewImage": {"backfilled": {}}}}'}]}
    put(stack, item("a.png"), item("filled.png", backfilled=True))
    assert told("republish", "--yes")["sent"] == {"events": 1, "changes": 2}
    assert keys(heard(stack)) == ["a.png"]


def test_it_says_the_cost_and_asks(stack: Operated) -> None:
    put(stack, item("a.png"))
    code, _, complaints = run("republish")
    assert (code, "pass --yes" in complaints) == (2, True)
    assert heard(stack) == []
    assert "about $0.00" in run("republish", "--yes")[1]


def test_a_run_that_breaks_off_goes_on_where_it_stopped(stack: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    put(stack, *(item(f"{number}.png") for number in range(30)))
    monkeypatch.setattr(outbox, "SEGMENTS", 1)
    scan, calls = stack.dynamodb.scan, itertools.count()

    def seven_a_page(**request: Any) -> Any:
        if next(calls) == 2:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "Scan")
        return scan(**{**request, "Limit": 7, "TotalSegments": 1, "Segment": 0})

    monkeypatch.setattr(stack.dynamodb, "scan", seven_a_page)
    assert run("republish", "--yes", "--to", "events")[0] == 2
    before = heard(stack)
    assert len(before) == 14
    code, _, complaints = run("republish", "--yes", "--to", "events")
    assert (code, "14 rows are read already" in complaints) == (0, True)
    after = heard(stack)
    assert len(after) == 16
    assert len({detail["id"] for detail in (*before, *after)}) == 30


def test_what_is_refused_is_named(stack: Operated) -> None:
    put(stack, item("a.png"), item("large.png", renditions=[{"name": "n" * 300_000, "key": "k", "etag": "t"}]))
    code, _, complaints = run("republish", "--yes", "--to", "events")
    assert (code, "large.png was refused" in complaints) == (1, True)
    assert keys(heard(stack)) == ["a.png"]


def test_a_bus_that_refuses_all_is_a_sentence(stack: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    put(stack, item("a.png"))

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "PutEvents")

    monkeypatch.setattr(stack.events, "put_events", refuse)
    code, _, complaints = run("republish", "--yes", "--to", "events")
    assert (code, "AWS denies PutEvents (not you)" in complaints) == (2, True)


def test_keys_that_are_named_are_not_searched_for() -> None:
    assert ChosenImages(keys=("a.png", "b/c.png")).exact
    assert not ChosenImages(keys=("a.png", "b/*")).exact
    assert not ChosenImages(prefix="a").exact


# ── resend ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("as_text", [True, False])
def test_what_is_parked_is_announced_and_removed(stack: Operated, *, as_text: bool) -> None:
    park(stack, item("a.png"), item("a.png", "DELETED", revision=REVISION + 1), as_text=as_text)
    park(stack, item("b.png"), destination="changes", as_text=as_text)
    document = told("resend", "--yes")
    assert (document["removed"], document["sent"]) == (2, {"events": 2, "changes": 1})
    assert [detail["data"]["status"] for detail in heard(stack)] == ["READY", "DELETED"]
    assert keys(streamed(stack)) == ["b.png"]
    assert left(stack) == []
    assert told("resend", "--yes")["batches"] == 0


def test_a_batch_stays_until_all_of_it_was_taken(stack: Operated) -> None:
    poison = park(stack, item("a.png"), {"source_key": {"S": "b.png"}})
    large = park(stack, item("large.png", renditions=[{"name": "n" * 300_000, "key": "k", "etag": "t"}]))
    park(stack, item("c.png"))
    document = told("resend", "--yes", code=1)
    assert (document["batches"], document["removed"], document["unreadable"]) == (3, 1, 1)
    assert list(document["refused"]) == ["large.png"]
    assert keys(heard(stack)) == ["a.png", "c.png"]
    assert left(stack) == [poison, large]


def test_only_what_is_meant_is_sent(stack: Operated) -> None:
    kept = park(stack, item("b.png"), destination="changes")
    park(stack, item("a.png"))
    assert told("resend", "--yes", "--to", "events")["removed"] == 1
    assert left(stack) == [kept]


def test_what_is_no_batch_is_left_alone(stack: Operated) -> None:
    stack.s3.put_object(Bucket="parked", Key="note.txt", Body=b"mine")
    assert list(parked.batches(stack.s3, "parked")) == []
    stack.s3.put_object(Bucket="parked", Key="aws/lambda/events-uuid/s/2026/11/29/x", Body=b"{}")
    code, _, complaints = run("resend", "--yes")
    assert (code, "is no batch that Lambda has parked" in complaints) == (2, True)
    assert len(left(stack)) == 2


def test_a_batch_of_another_function_stays(stack: Operated) -> None:
    key = park(stack, item("a.png"))
    stack.outputs["publishers"]["events"]["function_name"] = "photos-publisher-2"
    code, _, complaints = run("resend", "--yes")
    assert (code, "none of this stack's publishers" in complaints) == (1, True)
    assert left(stack) == [key]
