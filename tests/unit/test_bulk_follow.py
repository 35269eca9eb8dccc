"""bulk.follow: every image that was imported is READY, FAILED, replaced, or told to be stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.memory_aws import MemoryS3
from support.rows import row
from thumbctl.bulk import journal
from thumbctl.importing import follow
from thumbctl.importing.files import SourceFile
from thumbctl.importing.follow import Follower, Queues, Stalled
from thumbctl.importing.import_journal import SCHEMA, ImportJournal, Planned
from thumbctl.importing.transfer import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from thumbnail_pipeline.rows import Row

BUCKET = "uploads"
QUEUES = Queues("work", "dead")


class Rows:
    """A catalog of which every look is counted."""

    def __init__(self) -> None:
        self.known: dict[str, Row] = {}
        self.looks = 0

    def of(self, keys: Sequence[str]) -> dict[str, Row]:
        assert 0 < len(keys) <= 100
        self.looks += len(keys)
        return {key: self.known[key] for key in keys if key in self.known}


class Sqs:
    """Queues that hold so many messages."""

    def __init__(self) -> None:
        self.messages = {"work": 0, "dead": 0}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        visible, hidden, delayed = request["AttributeNames"]
        return {"Attributes": {visible: "0", hidden: str(self.messages[request["QueueUrl"]]), delayed: "0"}}


class World:
    """What was imported, and a clock that only sleeping moves."""

    def __init__(self, imported: ImportJournal) -> None:
        self.journal = imported
        self.s3 = MemoryS3()
        self.s3.create_bucket(Bucket=BUCKET)
        self.rows = Rows()
        self.sqs = Sqs()
        self.now = 0.0
        self.slept: list[float] = []
        self.each_sleep: Callable[[], None] = lambda: None
        self.etags: dict[str, str] = {}
        self.meanwhile = 0

    def imported(self, number: int) -> list[str]:
        keys = [f"{index:05d}.jpg" for index in range(number)]
        self.plan(keys)
        for key in keys:
            self.etags[key] = self.s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())["ETag"].strip('"')
        self.journal.record((key, Stored(self.etags[key], None)) for key in keys)
        return keys

    def plan(self, keys: list[str]) -> None:
        found = (SourceFile(key, f"/{key}", 1, 1) for key in keys)
        assert list(self.journal.plan(found, most_bytes=1, planned=Planned())) == []

    def decide(self, key: str, status: str | None = "READY", reason: str | None = None, **values: Any) -> None:
        self.rows.known[key] = row(status, values.pop("etag", self.etags[key]), reason=reason, **values)

    def follower(self) -> Follower:
        return Follower(self.journal, self.rows, self.s3, BUCKET)  # type: ignore[arg-type]

    def run(self) -> Stalled | None:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.now += seconds
            assert self.now < 10_000, "it never ends"
            self.each_sleep()

        def meanwhile() -> None:
            self.meanwhile += 1

        return self.follower().run(
            self.sqs,  # type: ignore[arg-type]
            QUEUES,
            meanwhile,
            patience_seconds=100,
            clock=lambda: self.now,
            sleep=sleep,
        )

    def outcomes(self) -> dict[tuple[str | None, str | None], int]:
        return dict(self.journal.outcomes())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with journal.opened(tmp_path / "journal.sqlite", SCHEMA) as connection:
        yield World(ImportJournal(connection))


def test_each_becomes_what_its_row_says(world: World) -> None:
    for key in world.imported(1000):
        world.decide(key, *(("FAILED", "corrupt") if key.endswith("7.jpg") else ("READY", None)))
    assert world.run() is None
    assert world.outcomes() == {("READY", None): 900, ("FAILED", "corrupt"): 100}
    assert world.slept == []
    assert world.rows.looks == 1000
    assert [key for key, *_ in world.journal.failed()] == [f"{index:05d}.jpg" for index in range(7, 1000, 10)]


def test_what_was_followed_is_not_looked_at_again(world: World) -> None:
    for key in world.imported(10):
        world.decide(key)
    assert world.run() is None
    world.rows.looks = 0
    assert world.run() is None
    assert world.rows.looks == 0


def test_a_row_of_a_claim_is_not_an_answer(world: World) -> None:
    (key,) = world.imported(1)
    world.decide(key, None, etag=None, claimed=True)
    world.each_sleep = lambda: world.decide(key)
    assert world.run() is None
    assert len(world.slept) == 1


def test_a_row_of_earlier_bytes_is_waited_out(world: World) -> None:
    (key,) = world.imported(1)
    world.decide(key, "FAILED", "corrupt", etag="earlier")
    reads: list[str] = []
    really = world.s3.head_object

    def head_object(**request: Any) -> dict[str, Any]:
        reads.append(request["Key"])
        return really(**request)

    world.s3.head_object = head_object  # type: ignore[method-assign]
    world.each_sleep = lambda: world.decide(key) if len(world.slept) == 5 else None
    assert world.run() is None
    assert world.outcomes() == {("READY", None): 1}
    assert reads == [key], "one look at the object is enough for one state of its row"


@pytest.mark.parametrize("gone", [True, False])
def test_what_others_replaced_or_deleted_is_not_waited_for(world: World, *, gone: bool) -> None:
    (key,) = world.imported(1)
    if gone:
        world.s3.delete_object(Bucket=BUCKET, Key=key)
        world.decide(key, "DELETED", etag=None)
    else:
        world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"later")
        world.decide(key, etag="later")
    assert world.run() is None
    assert world.outcomes() == {("REPLACED", None): 1}


def test_a_failure_without_an_etag_is_ours(world: World) -> None:
    (key,) = world.imported(1)
    world.decide(key, "FAILED", "too-large", etag=None)
    assert world.run() is None
    assert world.outcomes() == {("FAILED", "too-large"): 1}


@pytest.mark.parametrize(
    ("work", "dead", "expected"), [(0, 0, Stalled(0, 0)), (0, 3, Stalled(0, 3)), (5, 2, Stalled(5, 2))]
)
def test_it_ends_when_nothing_moves_and_nothing_is_to_come(
    world: World, work: int, dead: int, expected: Stalled
) -> None:
    for key in world.imported(10)[:9]:
        world.decide(key)
    world.sqs.messages = {"work": work, "dead": dead}
    assert world.run() == expected
    assert world.outcomes() == {("READY", None): 9, (None, None): 1}
    assert world.now >= 100


def test_while_messages_wait_it_waits_too(world: World) -> None:
    (key,) = world.imported(1)
    world.sqs.messages["work"] = 1
    world.each_sleep = lambda: world.decide(key) if world.now > 500 else None
    assert world.run() is None
    assert world.slept[:5] == [1, 2, 4, 8, 15]
    assert max(world.slept) == 15
    assert world.meanwhile == len(world.slept) + 2


def test_looking_costs_what_is_decided_not_how_long_it_takes(world: World) -> None:
    keys = world.imported(5000)
    decided = iter(keys)

    def work() -> None:
        for _ in range(int(20 * world.slept[-1])):
            if key := next(decided, None):
                world.decide(key)

    world.each_sleep = work
    assert world.run() is None
    assert world.outcomes() == {("READY", None): 5000}
    # Looking at everything every second would be about 500,000.
    assert world.rows.looks < 20 * len(keys)


def test_the_stuck_do_not_hide_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_MOST_WAITING", 1200)
    keys = world.imported(3000)
    stuck = set(keys[:1000])
    for key in keys:
        if key not in stuck:
            world.decide(key)
    assert world.run() == Stalled(0, 0)
    assert world.outcomes() == {("READY", None): 2000, (None, None): 1000}


def test_no_more_than_a_few_thousand_are_held(world: World) -> None:
    world.imported(10_000)
    follower = world.follower()
    for _ in range(30):
        assert follower.look() == (400, 0)
        assert len(follower._waiting) == follow._MOST_WAITING


def test_it_finds_what_was_stored_out_of_order(world: World) -> None:
    keys = [f"{index}.jpg" for index in range(4)]
    world.plan(keys)
    for key in keys:
        world.etags[key] = world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")["ETag"].strip('"')
        world.decide(key)
    world.journal.record([(keys[3], Stored(world.etags[keys[3]], None))])
    follower = world.follower()
    assert follower.look() == (1, 1)
    world.journal.record((key, Stored(world.etags[key], None)) for key in keys[:3])
    assert follower.look() == (0, 0)
    assert follower.run(world.sqs, QUEUES, lambda: None) is None  # type: ignore[arg-type]
    assert world.outcomes() == {("READY", None): 4}
    assert follower.decided == 4
