"""thumbctl backfill, retry, pause and resume: what is sent, what is said, and how a run ends."""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.metadata
import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from thumbctl import conventions
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.backfill import enqueue
from thumbctl.bulk.sender import Sender
from thumbctl.defaults import DEFAULT
from thumbctl.stack import Deployed, Stack
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.rows import FAILURE_SHARDS
from thumbnail_pipeline.settings import made_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from typer.testing import Result

BUCKET, TABLE = "uploads", "catalog"
HOSTILE = ["a b+c.jpg", "100%.jpg", "%2B.jpg", "ü/日本.jpg", 'q"u&o<t>e.jpg', "emoji-🙂.jpg", "new\nline.jpg", "//.jpg"]


@functools.cache
def client(service: str) -> Any:
    """Made once: that takes longer than a test."""
    return boto3.client(service, "eu-central-1")  # type: ignore[call-overload] # one overload a service


class FakeLambda:
    """The mappings of a function."""

    def __init__(self) -> None:
        self.states = {"work-mapping": "Enabled", "backfill-mapping": "Enabled"}

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803 - boto3's names
        return {"State": self.states[UUID], "BatchSize": 10}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> Any:  # noqa: N803
        self.states[UUID] = "Enabling" if Enabled else "Disabling"
        return {"State": self.states[UUID]}


class FakeStack(Stack):
    """A stack with the settings that are under this name in its outputs."""

    def deployed(self) -> Deployed:
        return Deployed(self.outputs["settings"], 1769, "arm64", 60, "python3.13", "sha")


class World:
    """A stack without a function: what is sent stays in its queue."""

    def __init__(self) -> None:
        self.s3, self.sqs, self.dynamodb = client("s3"), client("sqs"), client("dynamodb")
        self.functions = FakeLambda()
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "source_key", "KeyType": "HASH"},
                {"AttributeName": "source_bucket", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("source_key", "source_bucket", "failure_shard", "failed_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "failures",
                    "KeySchema": [
                        {"AttributeName": "failure_shard", "KeyType": "HASH"},
                        {"AttributeName": "failed_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("work", "backfill", "dead")}
        self.queue = urls["backfill"]
        outputs = {
            "release": importlib.metadata.version("thumbnail-pipeline"),
            "settings": DEFAULT,
            "source_bucket": BUCKET,
            "source_prefix": "",
            "table_name": TABLE,
            "failures_index_name": "failures",
            "queue_url": urls["work"],
            "backfill_queue_url": urls["backfill"],
            "dlq_url": urls["dead"],
            "event_source_mapping_uuid": "work-mapping",
            "backfill_event_source_mapping_uuid": "backfill-mapping",
            "maximum_concurrency": 20,
            "backfill_maximum_concurrency": 10,
        }
        clients = {"s3": self.s3, "sqs": self.sqs, "dynamodb": self.dynamodb, "lambda": self.functions}
        self.stack = FakeStack("photos in eu-central-1", outputs, lambda service, config=None: clients[service])  # noqa: ARG005

    def upload(self, key: str, body: bytes = b"image") -> str:
        etag: str = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]
        return etag.strip('"')

    def made(self, key: str, *, status: str = "READY", settings: str = "", **other: str) -> None:
        """Upload an object, and give it the row that it has when the function is through with it."""
        row = {
            "source_key": key,
            "source_bucket": BUCKET,
            "status": status,
            "etag": self.upload(key),
            "settings_fingerprint": settings or made_by(DEFAULT.fingerprint, other.get("reason")),
            "sequencer": "1",
            "claim": "1",
            "processed_at": "2026-01-02T03:04:05.000Z",
        }
        item: Any = {name: {"S": value} for name, value in (row | other).items()}
        self.dynamodb.put_item(TableName=TABLE, Item={**item, "fence": {"N": "1"}})

    def failed(self, key: str, reason: str = "corrupt", failed_at: str = "2026-01-02T03:04:05.000Z") -> None:
        shard = f"{hash(key) % FAILURE_SHARDS:02d}"
        self.made(key, status="FAILED", reason=reason, detail="", failure_shard=shard, failed_at=failed_at)
        update: Any = {"attempts": {"Value": {"N": "1"}}}
        name: Any = {"source_key": {"S": key}, "source_bucket": {"S": BUCKET}}
        self.dynamodb.update_item(TableName=TABLE, Key=name, AttributeUpdates=update)

    def sent(self) -> list[ObjectEvent]:
        """The events in the backfill queue, which is empty then."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                (event,) = parse(message["Body"])
                assert isinstance(event, ObjectEvent)
                assert event.is_backfill
                found.append(event)
        return found

    def keys(self) -> list[str]:
        return sorted(event.image.key for event in self.sent())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with mock_aws():
        world = World()
        monkeypatch.setattr(stacks, "find", lambda _: world.stack)
        yield world


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answered(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


BACKFILL = ("backfill", "--yes", "--no-wait")
RETRY = ("retry", "--yes", "--no-wait")


# Backfill


def a_bit_of_everything(world: World) -> None:
    world.upload("missing.jpg")
    world.made("current.jpg")
    world.made("restyled.jpg", settings="0" * 16)
    world.made("changed.jpg")
    world.upload("changed.jpg", b"another image")
    world.made("claimed.jpg", settings="0" * 16, claim="2")
    world.failed("failed.jpg")


def test_what_is_missing_or_out_of_date_is_sent(world: World) -> None:
    a_bit_of_everything(world)
    told = answered(*BACKFILL)
    assert (told["state"], told["sent"], told["reason"]) == ("finished", 3, None)
    assert told["objects"] == {
        "missing": 1, "changed": 1, "restyled": 1, "failed": 1, "current": 1, "claimed": 1
    }  # fmt: skip
    events = {event.image.key: event for event in world.sent()}
    assert events.keys() == {"missing.jpg", "changed.jpg", "restyled.jpg"}
    assert not any(event.forced for event in events.values())
    changed = events["changed.jpg"]
    etag = hashlib.md5(b"another image", usedforsecurity=False).hexdigest()
    assert (changed.image.bucket, changed.etag, changed.size) == (BUCKET, etag, 13)


def test_people_are_told(world: World) -> None:
    a_bit_of_everything(world)
    result = run(*BACKFILL)
    assert (result.exit_code, result.stderr) == (0, "")
    table = [line.split() for line in result.stdout.splitlines()]
    assert [
        "1",
        "restyled",
        *["their", "thumbnails", "were", "made", "with", "other", "settings", "one", "each"],
    ] in table
    assert ["1", "current", *["their", "thumbnails", "are", "up", "to", "date"]] in table
    assert "3 messages sent, finished." in result.stdout


@pytest.mark.parametrize(
    ("option", "keys"),
    [
        ("--failed", {"missing.jpg", "changed.jpg", "restyled.jpg", "failed.jpg"}),
        ("--force", {"missing.jpg", "changed.jpg", "restyled.jpg", "failed.jpg", "current.jpg"}),
    ],
)
def test_more_than_what_is_out_of_date(world: World, option: str, keys: set[str]) -> None:
    a_bit_of_everything(world)
    answered(*BACKFILL, option)
    events = world.sent()
    assert {event.image.key for event in events} == keys
    assert {event.forced for event in events} == {option == "--force"}


def test_any_key_arrives_as_it_is(world: World) -> None:
    for key in HOSTILE:
        world.upload(key)
    answered(*BACKFILL)
    assert world.keys() == sorted(HOSTILE)


def test_only_some_keys(world: World) -> None:
    for key in ("a/1.jpg", "a/2.png", "a/tmp/3.jpg", "b/4.jpg"):
        world.upload(key)
    told = answered(*BACKFILL, "--prefix", "a/", "--include", "*.jpg", "--exclude", "*/tmp/*")
    assert told["objects"] == {"missing": 1, "excluded": 2}
    assert world.keys() == ["a/1.jpg"]


def test_only_keys_that_are_watched(world: World) -> None:
    world.stack.outputs["source_prefix"] = "in/"  # type: ignore[index]
    for key in ("in/1.jpg", "out/2.jpg"):
        world.upload(key)
    answered(*BACKFILL)
    assert world.keys() == ["in/1.jpg"]
    result = run(*BACKFILL, "--prefix", "out/")
    assert result.exit_code == 2
    assert "watches only keys" in result.stderr


def test_another_release_is_not_trusted(world: World) -> None:
    """To a newer renderer everything is out of date, and the function that is deployed would make nothing of it."""
    world.stack.outputs["release"] = "0.0.9"  # type: ignore[index]
    world.made("current.jpg")
    result = run(*BACKFILL)
    assert result.exit_code == 2
    assert "The stack is of release 0.0.9 and this thumbctl of " in result.stderr
    assert world.keys() == []


def test_messages_fill_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(53):
        world.upload(f"{number}.jpg")
    sizes = []
    send = Sender.send

    def counted(sender: Sender, messages: Sequence[Any]) -> None:
        sizes.append(len(messages))
        send(sender, messages)

    monkeypatch.setattr(Sender, "send", counted)
    answered(*BACKFILL)
    assert sizes == [10, 10, 10, 10, 10, 3]


def test_a_dry_run_changes_nothing(world: World) -> None:
    a_bit_of_everything(world)
    told = answered("backfill", "--dry-run")
    assert (told["state"], told["would_send"]) == ("looked", 3)
    job = told["estimate"]["job"]
    assert (job["kind"], job["objects"], job["bytes"], job["examined"], job["rewritten"]) == ("backfill", 3, 23, 6, 2)
    assert world.keys() == []
    # And the real one begins at the beginning.
    assert answered(*BACKFILL)["sent"] == 3


def test_nothing_to_do(world: World) -> None:
    world.made("current.jpg")
    result = run("backfill", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Nothing has to be sent." in result.stdout
    assert answered("backfill")["would_send"] == 0  # there is nothing to be asked


def test_people_see_what_it_costs_before_they_are_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    a_bit_of_everything(world)
    asked: list[str] = []

    def no(question: str, *, yes: bool) -> None:
        assert not yes
        asked.append(question)
        raise KeyboardInterrupt

    monkeypatch.setattr(conventions, "ask", no)
    result = run("backfill")
    assert result.exit_code != 0
    assert re.search(r"Begin\? About \$", asked[0])
    assert "Backfill of 3 images" in result.stdout
    assert world.keys() == []


def test_nobody_is_there_to_be_asked(world: World) -> None:
    world.upload("missing.jpg")
    result = run("backfill")
    assert result.exit_code == 2
    assert "pass --yes" in result.stderr
    assert world.keys() == []


def test_limits_follow_each_other(world: World) -> None:
    keys = [f"{number:02d}.jpg" for number in range(25)]
    for key in keys:
        world.upload(key)
    first = answered(*BACKFILL, "--limit", "12")
    assert (first["state"], first["sent"]) == ("limited", 12)
    sent = world.keys()
    result = run(*BACKFILL, "--limit", "12")
    assert "12 objects are dealt with already" in result.stderr
    sent += world.keys()
    third = answered(*BACKFILL, "--limit", "12")
    assert (third["state"], third["sent"]) == ("finished", 1)
    assert sorted(sent + world.keys()) == keys
    # It is through, so the next one begins anew; nobody made the rows meanwhile.
    assert answered(*BACKFILL)["sent"] == 25


def test_another_question_is_another_job(world: World) -> None:
    for number in range(20):
        world.upload(f"{number:02d}.jpg")
    answered(*BACKFILL, "--limit", "10")
    assert answered(*BACKFILL, "--include", "0*")["sent"] == 10
    assert answered(*BACKFILL, "--restart")["sent"] == 20


def test_other_settings_are_another_job(world: World) -> None:
    for number in range(20):
        world.upload(f"{number:02d}.jpg")
    answered(*BACKFILL, "--limit", "10")
    world.stack.outputs["settings"] = replace(DEFAULT, animation="animate")  # type: ignore[index]
    assert answered(*BACKFILL)["sent"] == 20


def test_a_dry_run_leaves_an_interrupted_job_as_it_is(world: World) -> None:
    for number in range(20):
        world.upload(f"{number:02d}.jpg")
    answered(*BACKFILL, "--limit", "15")
    assert answered("backfill", "--dry-run")["would_send"] == 5
    assert answered("backfill", "--dry-run", "--restart")["would_send"] == 20
    assert answered(*BACKFILL)["sent"] == 5


def test_ctrl_c_pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"{number:02d}.jpg" for number in range(25)]
    for key in keys:
        world.upload(key)
    send, doing = Sender.send, enqueue._doing
    calls: list[int] = []

    def counted(sender: Sender, messages: Sequence[Any]) -> None:
        send(sender, messages)
        calls.append(len(messages))

    def interrupted(seen: Any) -> str:
        if calls:
            raise KeyboardInterrupt
        return doing(seen)

    monkeypatch.setattr(Sender, "send", counted)
    monkeypatch.setattr(enqueue, "_doing", interrupted)
    result = run(*BACKFILL, "--in-queue", "10")
    assert result.exit_code == 130
    assert "10 messages sent, paused." in result.stdout
    assert "The same command goes on where this one stopped." in result.stdout
    monkeypatch.setattr(enqueue, "_doing", doing)
    paused = world.keys()
    assert len(paused) == 10
    assert answered(*BACKFILL)["sent"] == 15
    assert sorted(paused + world.keys()) == keys


def test_a_paused_queue_is_not_filled(world: World) -> None:
    world.upload("missing.jpg")
    assert answered("pause", "backfill") == {"queue": "backfill", "state": "Disabling"}
    result = run(*BACKFILL)
    assert result.exit_code == 1
    assert "thumbctl resume backfill" in result.stderr
    assert world.keys() == []
    assert "The backfill queue is resumed" in run("resume", "backfill").stdout
    assert answered(*BACKFILL)["sent"] == 1


def test_dead_letters_stop_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue, "_LOOK_SECONDS", 0)
    for number in range(40):
        world.upload(f"{number:02d}.jpg")
    send = Sender.send

    def die(sender: Sender, messages: Sequence[Any]) -> None:
        send(sender, messages)
        for _ in messages:
            world.sqs.send_message(QueueUrl=world.stack.outputs["dlq_url"], MessageBody="dead")

    monkeypatch.setattr(Sender, "send", die)
    told = answered(*BACKFILL, "--in-queue", "10", "--max-dead", "9", code=1)
    assert (told["state"], told["sent"]) == ("stopped", 10)
    assert told["reason"].startswith("10 messages have become dead letters since the start, and at most 9 may")
    monkeypatch.setattr(Sender, "send", send)
    assert len(world.keys()) == 10
    assert answered(*BACKFILL)["sent"] == 30


def test_it_waits_until_the_function_is_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(enqueue, "_SETTLED_SECONDS", 0)
    world.upload("good.jpg")
    world.upload("bad.jpg")
    looks = []
    doing = enqueue._doing

    def work(seen: Any) -> str:
        looks.append(seen)
        for event in world.sent():
            failed = event.image.key == "bad.jpg"
            world.made(event.image.key, status="FAILED" if failed else "READY", processed_at="now")
        return doing(seen)

    monkeypatch.setattr(enqueue, "_doing", work)
    told = answered("backfill", "--yes")
    assert told["seen"] == {"in_queue": 0, "dead": 0, "followed": {"decided": 2, "failed": 1}}
    assert len(looks) >= 3


def test_an_inventory_instead_of_a_listing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.made("current.jpg")
    etag = world.upload("a b+c.jpg")
    rows = [
        f'"{BUCKET}","{quote_plus(key)}","v","{latest}","{marker}","5","{tag}"'
        for key, latest, marker, tag in (
            ("current.jpg", "true", "false", hashlib.md5(b"image", usedforsecurity=False).hexdigest()),
            ("a b+c.jpg", "true", "false", etag),
            ("a b+c.jpg", "false", "false", "older"),
            ("gone.jpg", "true", "true", ""),
        )
    ]
    content = gzip.compress("\n".join(rows).encode())
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    document = {
        "sourceBucket": BUCKET,
        "destinationBucket": "arn:aws:s3:::inventories",
        "creationTimestamp": "1767312000000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag",
        "files": [{"key": "daily/data/1.csv.gz", "size": len(content), "MD5checksum": md5}],
    }
    (tmp_path / "1.csv.gz").write_bytes(content)
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    listed: Any = None
    monkeypatch.setattr(world.s3, "list_objects_v2", listed)
    told = answered(*BACKFILL, "--inventory", str(tmp_path / "manifest.json"))
    assert told["objects"] == {"missing": 1, "current": 1}
    ((event),) = world.sent()
    assert (event.image.key, event.etag) == ("a b+c.jpg", None), "whatever is there by now"


# Retry


def test_what_failed_is_tried_again(world: World) -> None:
    for number in range(12):
        world.failed(f"{number}.jpg", "corrupt")
    world.failed("text.jpg", "unidentified")
    world.made("current.jpg")
    told = answered(*RETRY)
    assert (told["state"], told["sent"], told["failed"]) == ("finished", 13, {"corrupt": 12, "unidentified": 1})
    events = world.sent()
    assert len(events) == 13
    assert {event.etag for event in events} == {hashlib.md5(b"image", usedforsecurity=False).hexdigest()}
    assert not any(event.forced for event in events)


def test_only_some_failures(world: World) -> None:
    world.failed("a/1.jpg", "corrupt", "2026-01-01T00:00:00.000Z")
    world.failed("a/2.jpg", "corrupt", "2026-01-03T00:00:00.000Z")
    world.failed("b/3.jpg", "too-many-pixels", "2026-01-03T00:00:00.000Z")
    world.failed("b/4.jpg", "unidentified", "2026-01-03T00:00:00.000Z")
    answered(*RETRY, "--reason", "corrupt", "--reason", "too-many-pixels")
    assert world.keys() == ["a/1.jpg", "a/2.jpg", "b/3.jpg"]
    answered(*RETRY, "--since", "2026-01-02T00:00Z", "--key", "a/*", "--key", "*4.jpg")
    assert world.keys() == ["a/2.jpg", "b/4.jpg"]
    answered(*RETRY, "--key", "a/*", "--limit", "1")
    assert world.keys() == ["a/2.jpg"]  # the newest first


def test_what_is_mended_meanwhile_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.failed("1.jpg")
    world.failed("2.jpg")
    monkeypatch.setattr("thumbctl.backfill.retry.ask", lambda *_, **__: world.made("1.jpg"))
    assert answered(*RETRY)["sent"] == 1
    assert world.keys() == ["2.jpg"]


def test_what_fails_again_is_not_tried_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the function is, a run ends."""
    monkeypatch.setattr("thumbctl.looking.failed._ROWS_A_CALL", 1)
    for number in range(15):
        world.failed(f"{number}.jpg")
    send = Sender.send

    def fail_again(sender: Sender, messages: Sequence[Any]) -> None:
        send(sender, messages)
        for message in messages:
            (event,) = parse(message.body)
            assert isinstance(event, ObjectEvent)
            world.failed(event.image.key, failed_at="2026-01-09T00:00:00.000Z")

    monkeypatch.setattr(Sender, "send", fail_again)
    assert answered(*RETRY)["sent"] == 15
    assert world.keys() == sorted(f"{number}.jpg" for number in range(15))


def test_a_dry_run_of_a_retry(world: World) -> None:
    world.failed("1.jpg", "corrupt")
    assert answered("retry", "--dry-run") == {"state": "looked", "would_send": 1, "failed": {"corrupt": 1}}
    result = run("retry", "--dry-run", "--reason", "unidentified")
    assert (result.exit_code, result.stdout) == (0, "Nothing of that is failed.\n")
    result = run("retry")
    assert result.exit_code == 2
    assert "pass --yes" in result.stderr
    assert world.keys() == []


# Pause


def test_each_queue_by_itself(world: World) -> None:
    assert "The work queue is paused; Lambda calls its mapping Disabling." in run("pause", "work").stdout
    assert world.functions.states == {"work-mapping": "Disabling", "backfill-mapping": "Enabled"}
    assert answered("resume", "work") == {"queue": "work", "state": "Enabling"}
    assert run("pause", "everything").exit_code == 2
