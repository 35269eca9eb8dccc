"""A guard stops a job that goes wrong, and a valve keeps the queue so short that a stop is one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from support.rows import row
from thumbctl.backfill.found import Found
from thumbctl.backfill.guard import Bounds, Guard, Tripped, Valve
from thumbctl.backfill.job import Backfill, Checkpoints
from thumbnail_pipeline.jobs.wish import Wish
from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.reconciliation.judgement import Verdict

if TYPE_CHECKING:
    from thumbnail_pipeline.rows import Row

OUTPUTS = {"dlq_url": "dead", "backfill_queue_url": "backfill", "backfill_event_source_mapping_uuid": "uuid"}


# The valve


def test_nothing_passes_before_there_is_room() -> None:
    valve, granted = Valve(), []
    sender = threading.Thread(target=lambda: granted.append(valve.take(10)))
    sender.start()
    valve.make_room(9, taken=0)
    sender.join(0.05)
    assert sender.is_alive()
    valve.make_room(10, taken=0)
    sender.join(5)
    assert granted == [10]


def test_what_passed_since_the_look_is_in_the_queue() -> None:
    valve = Valve()
    valve.make_room(30, taken=0)
    assert valve.take(10) == 10
    valve.make_room(19, taken=0)  # seen before those ten were sent
    granted: list[int] = []
    sender = threading.Thread(target=lambda: granted.append(valve.take(10)))
    sender.start()
    sender.join(0.05)
    assert sender.is_alive()
    valve.make_room(10, taken=10)
    sender.join(5)
    assert granted == [10]
    valve.close()
    assert valve.take(10) == 0


def test_no_more_than_the_limit() -> None:
    valve = Valve(limit=12)
    valve.make_room(1000, taken=0)
    assert [valve.take(10) for _ in range(3)] == [10, 2, 0]
    assert valve.taken == 12


def test_closing_lets_nobody_wait() -> None:
    valve, granted = Valve(), []
    senders = [threading.Thread(target=lambda: granted.append(valve.take(1))) for _ in range(3)]
    for each in senders:
        each.start()
    valve.close()
    for each in senders:
        each.join(5)
    assert granted == [0, 0, 0]
    valve.sleep(60)


# The guard


@dataclass
class Stack:
    """A stack as a guard sees it."""

    dead: int = 0
    in_queue: int = 0
    state: str = "Enabled"
    rows: dict[str, Row] = field(default_factory=dict)
    now: float = 0

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - boto3's names
        seen = self.dead if QueueUrl == "dead" else self.in_queue
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {"ApproximateNumberOfMessagesNotVisible": str(seen)}}

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803
        assert UUID == "uuid"
        return {"State": self.state}

    def of(self, keys: list[str]) -> dict[str, Row]:
        assert len(keys) <= 100
        return {key: self.rows[key] for key in keys if key in self.rows}

    def guard(self, **bounds: Any) -> Guard:
        aws: Any = self
        return Guard(aws, aws, aws, OUTPUTS, replace(Bounds(failed_percent=10), **bounds), clock=lambda: self.now)

    def decide(self, first: int, number: int, *, failed: int = 0) -> list[Found]:
        """Images that are not decided yet, and will be at the next look."""
        keys = [f"{each}.jpg" for each in range(first, first + number)]
        for index, key in enumerate(keys):
            self.rows[key] = row("FAILED" if index < failed else "READY", "e", processed_at="later")
        return [Found(Listed(key, 1, "e", None), None, Verdict.MISSING) for key in keys]


def test_all_is_well() -> None:
    stack = Stack(dead=7, in_queue=40)
    guard = stack.guard()
    guard.follow(stack.decide(0, 200, failed=20))
    seen = guard.look()
    assert (seen.in_queue, seen.dead, seen.decided, seen.failed, seen.undecided) == (40, 0, 200, 20, 0)


def test_too_many_fail() -> None:
    stack = Stack()
    guard = stack.guard()
    guard.follow(stack.decide(0, 99, failed=99))
    assert guard.look().failed == 99  # too few to tell
    guard.follow(stack.decide(99, 1, failed=0))
    with pytest.raises(Tripped, match=r"99 of the last 100 images .* at most 10 % may.*--max-failed allows more"):
        guard.look()


def test_the_bound_is_a_percentage() -> None:
    stack = Stack()
    guard = stack.guard(failed_percent=10)
    guard.follow(stack.decide(0, 200, failed=20))
    guard.look()
    guard.follow(stack.decide(200, 10, failed=2))
    with pytest.raises(Tripped):
        guard.look()


def test_what_went_well_long_ago_does_not_count() -> None:
    stack = Stack()
    guard = stack.guard()
    for first in range(0, 30_000, 300):
        guard.follow(stack.decide(first, 300))
        guard.look()
    guard.follow(stack.decide(30_000, 40, failed=40))
    with pytest.raises(Tripped, match="40 of the last 300"):
        guard.look()


def test_no_bound_on_failures() -> None:
    stack = Stack()
    guard = stack.guard(failed_percent=None)
    guard.follow(stack.decide(0, 200, failed=200))
    assert guard.look().failed == 200


def test_only_what_is_decided_since_counts() -> None:
    stack = Stack()
    guard = stack.guard()
    before = row("FAILED", "e", processed_at="before")
    stack.rows["a"] = before
    guard.follow([Found(Listed("a", 1, "e", None), before, Verdict.FAILED)])
    assert (guard.look().decided, guard.look().undecided) == (0, 1)
    stack.rows["a"] = replace(before, processed_at="later")
    assert (guard.look().failed, guard.look().undecided) == (1, 0)


def test_what_is_never_decided_makes_room_for_others() -> None:
    stack = Stack()
    guard = stack.guard()
    duplicates = stack.decide(0, 400)
    stack.rows.clear()
    guard.follow(duplicates)
    assert guard.look().undecided == 300
    stack.now = 16 * 60
    assert guard.look().undecided == 0
    guard.follow(stack.decide(400, 1))
    assert guard.look().decided == 1


def test_too_many_dead_letters() -> None:
    stack = Stack(dead=50)
    guard = stack.guard(dead=3)
    stack.dead = 53
    assert guard.look().dead == 3
    stack.dead = 54
    with pytest.raises(Tripped, match="4 messages have become dead letters since the start, and at most 3 may"):
        guard.look()


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_paused_queue(state: str) -> None:
    with pytest.raises(Tripped, match="'thumbctl resume backfill'"):
        Stack(state=state).guard().look()


# Together


def test_the_queue_stays_short() -> None:
    """Though sending is much faster than the function."""
    stack = Stack()
    guard, valve = stack.guard(in_queue=50), Valve()
    longest, lock = 0, threading.Lock()

    class Source:
        def parts(self) -> list[str]:
            return list("abcdefgh")

        def objects(self, part: str, position: str) -> Any:  # noqa: ARG002
            return ((f"{part}{number:03d}", Listed(f"{part}{number:03d}", 1, "e", None)) for number in range(40))

    def send(found: Any) -> None:
        nonlocal longest
        with lock:
            stack.in_queue += len(found)
            longest = max(longest, stack.in_queue)

    def watch() -> None:
        with lock:
            stack.in_queue = max(0, stack.in_queue - 30)  # what the function did meanwhile
        taken = valve.taken
        valve.make_room(50 - guard.look().in_queue, taken=taken)

    rows: Any = stack
    checkpoints = Checkpoints.in_memory()
    checkpoints.begin(Source().parts())
    Backfill(Source(), rows, Wish(), "s", checkpoints, send, valve).run(watch)
    assert valve.taken == 320
    assert longest <= 50
