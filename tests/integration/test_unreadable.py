"""Objects that cannot be read: encrypted with a key of their own, denied by a policy, not scanned yet."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from support.memory_aws import Lock, refusal
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import UPLOADS, FakeContext
from thumbnail_pipeline.errors import Systemic
from thumbnailer.postponing import delay_of_denied

if TYPE_CHECKING:
    from support.pipeline import Bench


class Locks:
    """What S3 does not hand out, by key; moto hands out everything."""

    def __init__(self, bench: Bench, patch: pytest.MonkeyPatch) -> None:
        self.of: dict[str, Lock] = {}
        s3 = bench.clients.s3
        really = {name: getattr(s3, name) for name in ("get_object", "head_object")}

        def get_object(**request: Any) -> Any:
            if lock := self.of.get(request["Key"]):
                code, status, _, words = lock.value
                raise refusal("GetObject", code, status, words)
            return really["get_object"](**request)

        def head_object(**request: Any) -> Any:
            lock = self.of.get(request["Key"])
            if lock and (status := lock.value[2]):
                raise refusal("HeadObject", str(status), status)
            return really["head_object"](**request)

        patch.setattr(s3, "get_object", get_object)
        patch.setattr(s3, "head_object", head_object)


@pytest.fixture
def locks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Locks:
    return Locks(bench, monkeypatch)


def message(bench: Bench, key: str, body: bytes | None = None, *, sequencer: str = "A1") -> dict[str, Any]:
    """Upload an object and return the SQS record that tells of it."""
    body = body or picture()
    etag = bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["ETag"].strip('"')
    told = notification(record(key, etag=etag, size=len(body), sequencer=sequencer))
    return sqs_record(told, message_id=key)


def again(told: dict[str, Any], attempt: int) -> dict[str, Any]:
    return {**told, "attributes": {"ApproximateReceiveCount": str(attempt)}}


@pytest.mark.parametrize("unreadable", [1, 4, 10])
@pytest.mark.parametrize("lock", Lock)
def test_what_cannot_be_read_touches_no_neighbour(bench: Bench, locks: Locks, lock: Lock, unreadable: int) -> None:
    bench.configure(variables={"IMAGES_AT_ONCE": "2"})
    messages = [message(bench, f"{number}.png") for number in range(10)]
    keys = [each["messageId"] for each in messages]
    locks.of = dict.fromkeys(keys[:unreadable], lock)
    returned = bench.worker.run(messages, FakeContext())
    assert returned == (keys[:unreadable] if lock is Lock.DENIED else [])
    assert {bench.row(key)["status"] for key in keys[unreadable:]} <= {"READY"}
    if lock is not Lock.DENIED:
        reason = "archived" if lock is Lock.ARCHIVED else "unreadable-encryption"
        assert {bench.row(key)["reason"] for key in keys[:unreadable]} == {reason}


def test_an_image_is_ready_when_its_tag_comes(bench: Bench, locks: Locks) -> None:
    told = message(bench, "0.png")
    locks.of = {"0.png": Lock.DENIED}
    for attempt in range(1, 5):
        assert bench.worker.run([again(told, attempt)], FakeContext()) == ["0.png"]
        assert bench.row("0.png") == {}
    locks.of = {}
    assert bench.worker.run([again(told, 5)], FakeContext()) == []
    assert bench.row("0.png")["status"] == "READY"
    assert bench.alerts() == []


@pytest.mark.parametrize("max_receive_count", [2, 5, 100])
def test_an_image_that_stays_denied_fails_and_can_be_retried(
    bench: Bench, locks: Locks, max_receive_count: int
) -> None:
    bench.configure(variables={"MAX_RECEIVE_COUNT": str(max_receive_count)})
    tries = min(5, max_receive_count)
    bench.worker.run([message(bench, "0.png", picture("red"))], FakeContext())
    before = bench.thumbnails()
    told = message(bench, "0.png", picture("teal"), sequencer="A2")
    locks.of = {"0.png": Lock.DENIED}
    for attempt in range(1, tries):
        assert bench.worker.run([again(told, attempt)], FakeContext()) == ["0.png"]
        # Until it is decided, people see what they saw before.
        assert bench.thumbnails() == before
        assert bench.row("0.png")["status"] == "READY"
    assert bench.worker.run([again(told, tries)], FakeContext()) == []
    row = bench.row("0.png")
    assert (row["status"], row["reason"]) == ("FAILED", "access-denied")
    assert "explicit deny in a resource-based policy" in row["detail"]
    assert bench.thumbnails() == {}
    assert [alert["MessageAttributes"]["reason"]["Value"] for alert in bench.alerts()] == ["access-denied"]
    locks.of = {}
    etag = bench.s3.head_object(Bucket=UPLOADS, Key="0.png")["ETag"].strip('"')
    retry = sqs_record(notification(record("0.png", etag=etag, sequencer=None)))
    assert bench.worker.run([retry], FakeContext()) == []
    assert bench.row("0.png")["status"] == "READY"


def test_a_role_that_lost_its_permission_leaves_every_message_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [message(bench, f"{number}.png") for number in range(3)]

    def refuse(**_: Any) -> Any:
        words = "s3:GetObject because no identity-based policy allows the s3:GetObject action"
        raise refusal("GetObject", "AccessDenied", 403, words)

    monkeypatch.setattr(bench.clients.s3, "get_object", refuse)
    for attempt in (1, 5):
        with pytest.raises(Systemic, match="no identity-based policy"):
            bench.worker.run([again(each, attempt) for each in messages], FakeContext())
    assert bench.row("0.png") == {}


@pytest.mark.parametrize("tries", [2, 3, 5])
def test_the_waits_of_what_is_denied_are_an_hour_together(tries: int) -> None:
    waits = [delay_of_denied(attempt, tries, 3600) for attempt in range(1, tries)]
    assert sum(waits) == pytest.approx(3600, abs=2)
    assert all(longer >= 3 * shorter for shorter, longer in itertools.pairwise(waits))
