"""A backfill sends what is out of date, each object once, and goes on where it was killed."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rows import row
from thumbctl.backfill import job
from thumbctl.backfill.guard import Valve
from thumbctl.backfill.job import PARTS_AT_A_TIME, Backfill, Checkpoints
from thumbnail_pipeline.jobs.wish import EXCLUDED, Wish
from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thumbctl.backfill.found import Found
    from thumbnail_pipeline.rows import Row

SETTINGS = "s1"
OUTDATED = Wish().sent

_STATES = st.sampled_from(
    [
        None,
        row("READY", "e", SETTINGS),
        row("READY", "e", "s0"),
        row("READY", "other", SETTINGS),
        row("READY", "e", SETTINGS, claimed=True),
        row("FAILED", "e", SETTINGS),
        row("DELETED"),
    ]
)
_BUCKETS = st.lists(_STATES, max_size=80).map(
    lambda states: {f"{number:03d}.jpg": known for number, known in enumerate(states)}
)


@dataclass(frozen=True)
class World:
    """A bucket in parts, and its rows."""

    states: Mapping[str, Row | None]
    size: int
    """Objects a part."""

    def parts(self) -> list[str]:
        return [str(first) for first in range(0, len(self.states), self.size)]

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:
        for key in list(self.states)[int(part) : int(part) + self.size]:
            if key > position:
                yield key, Listed(key, 1, "e", None)

    def of(self, keys: Sequence[str]) -> dict[str, Row]:
        assert len(keys) <= 100
        return {key: known for key in keys if (known := self.states[key])}

    def verdicts(self) -> Counter[str]:
        return Counter(str(judge(Listed(key, 1, "e", None), known, SETTINGS)) for key, known in self.states.items())

    def outdated(self, verdicts: frozenset[Verdict] = OUTDATED) -> list[str]:
        judged = {key: judge(Listed(key, 1, "e", None), known, SETTINGS) for key, known in self.states.items()}
        return [key for key, verdict in judged.items() if verdict in verdicts]


class Killed(Exception):
    """The process is gone: nothing that any of its threads does from now on counts."""


class Life:
    """So many steps until a process is killed."""

    def __init__(self, steps: int | None = None) -> None:
        self._left = steps
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    raise Killed


class Queue:
    """What was sent, by any process."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    @property
    def keys(self) -> list[str]:
        return [key for call in self.calls for key in call]


def run(
    world: World,
    checkpoints: Checkpoints,
    queue: Queue,
    *,
    wish: Wish | None = None,
    limit: int | None = None,
    life: Life | None = None,
) -> None:
    """One process of a job."""
    life = life or Life()
    if not checkpoints.remaining():
        checkpoints.begin(world.parts())

    def send(found: Sequence[Found]) -> None:
        life.step()
        queue.calls.append([each.listed.key for each in found])
        life.step()

    record = checkpoints.record

    def die_or_record(*arguments: Any, **options: Any) -> None:
        life.step()
        record(*arguments, **options)

    valve = Valve(limit)
    rows: Any = world
    checkpoints.record = die_or_record  # type: ignore[method-assign]
    try:
        work = Backfill(world, rows, wish or Wish(), SETTINGS, checkpoints, send, valve)
        work.run(lambda: valve.make_room(1000, taken=valve.taken))
    finally:
        checkpoints.record = record  # type: ignore[method-assign]


@given(states=_BUCKETS, size=st.integers(1, 40))
def test_everything_out_of_date_once(states: dict[str, Row | None], size: int) -> None:
    world, queue, checkpoints = World(states, size), Queue(), Checkpoints.in_memory()
    run(world, checkpoints, queue)
    assert sorted(queue.keys) == world.outdated()
    assert checkpoints.counts() == world.verdicts()
    assert checkpoints.remaining() == []
    # Full calls, but for the last of every part.
    assert len(queue.calls) <= len(queue.keys) // 10 + len(world.parts())
    assert all(1 <= len(call) <= 10 for call in queue.calls)


@given(states=_BUCKETS, size=st.integers(1, 40), lives=st.lists(st.integers(0, 30), max_size=5))
def test_nothing_is_lost_however_often_it_is_killed(states: dict[str, Row | None], size: int, lives: list[int]) -> None:
    world, queue, checkpoints = World(states, size), Queue(), Checkpoints.in_memory()
    checkpoints.begin(world.parts())
    kills = 0
    for steps in lives:
        try:
            run(world, checkpoints, queue, life=Life(steps))
        except Killed:
            kills += 1
            continue
        break
    if checkpoints.remaining():
        run(world, checkpoints, queue)
    times = Counter(queue.keys)
    assert sorted(times) == world.outdated()
    assert sum(times.values()) - len(times) <= kills * PARTS_AT_A_TIME * 10
    # What is counted is what is dealt with, once.
    assert checkpoints.counts() == world.verdicts()


@given(states=_BUCKETS, size=st.integers(1, 40), limit=st.integers(1, 25))
def test_limits_follow_each_other(states: dict[str, Row | None], size: int, limit: int) -> None:
    world, queue, checkpoints = World(states, size), Queue(), Checkpoints.in_memory()
    checkpoints.begin(world.parts())
    outdated = world.outdated()
    while checkpoints.remaining():
        before = len(queue.keys)
        run(world, checkpoints, queue, limit=limit)
        assert len(queue.keys) == min(before + limit, len(outdated))
    assert sorted(queue.keys) == outdated
    assert checkpoints.counts() == world.verdicts()


@given(states=_BUCKETS, verdicts=st.frozensets(st.sampled_from(list(Verdict))))
def test_only_what_is_wished_for(states: dict[str, Row | None], verdicts: frozenset[Verdict]) -> None:
    world, queue = World(states, 30), Queue()
    run(world, Checkpoints.in_memory(), queue, wish=Wish(sent=verdicts))
    assert sorted(queue.keys) == world.outdated(verdicts)


@pytest.mark.parametrize(
    ("include", "exclude", "named"),
    [
        ((), (), {"a.jpg", "b/c.jpg", "b/d.PNG", "[e].jpg", "f\n.jpg"}),
        (("*.jpg",), (), {"a.jpg", "b/c.jpg", "[e].jpg", "f\n.jpg"}),
        (("a*", "*.PNG"), (), {"a.jpg", "b/d.PNG"}),
        ((), ("b/*",), {"a.jpg", "[e].jpg", "f\n.jpg"}),
        (("*.jpg",), ("b/*", "[[]*"), {"a.jpg", "f\n.jpg"}),
    ],
)
def test_globs(include: tuple[str, ...], exclude: tuple[str, ...], named: set[str]) -> None:
    world = World(dict.fromkeys(["[e].jpg", "a.jpg", "b/c.jpg", "b/d.PNG", "f\n.jpg"]), 5)
    queue, checkpoints = Queue(), Checkpoints.in_memory()
    run(world, checkpoints, queue, wish=Wish(include, exclude))
    assert set(queue.keys) == named
    assert checkpoints.counts().get(EXCLUDED, 0) == 5 - len(named)


def test_nothing_is_sent_that_the_function_passes_over() -> None:
    wish = Wish(include=("*.jpg",), watches=lambda key, size: (key, size) != ("b.jpg", 1))
    named = wish.names()
    assert [each for each in ("a.jpg", "b.jpg", "c.png") if named(each, 1)] == ["a.jpg"]


def test_calls_are_full_though_few_are_out_of_date() -> None:
    current = row("READY", "e", SETTINGS)
    world = World({f"{number:05d}": None if number % 100 == 0 else current for number in range(6000)}, 6000)
    queue = Queue()
    run(world, Checkpoints.in_memory(), queue)
    assert [len(call) for call in queue.calls] == [10] * 6


def test_memory_is_bounded_where_hardly_anything_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_MOST_WITHOUT_CHECKPOINT", 2000)
    current = row("READY", "e", SETTINGS)
    world = World({f"{number:05d}": None if number in {5, 5005} else current for number in range(6000)}, 6000)
    queue, checkpoints = Queue(), Checkpoints.in_memory()
    with pytest.raises(Killed):
        run(world, checkpoints, queue, life=Life(3))  # the second message is not sent
    assert queue.calls == [["00005"]]
    ((_, _, position),) = checkpoints.remaining()
    assert position >= "01999"
    run(world, checkpoints, queue)
    assert queue.calls == [["00005"], ["05005"]]


def test_an_error_ends_all_parts_and_loses_nothing() -> None:
    world, queue, checkpoints = (
        World(dict.fromkeys(f"{number:03d}" for number in range(500)), 50),
        Queue(),
        Checkpoints.in_memory(),
    )
    checkpoints.begin(world.parts())
    failing = Life(6)
    with pytest.raises(Killed):
        run(world, checkpoints, queue, life=failing)
    assert len(queue.keys) < 500
    run(world, checkpoints, queue)
    assert set(queue.keys) == set(world.states)


def test_whoever_watches_ends_it() -> None:
    world, queue, checkpoints = (
        World(dict.fromkeys(f"{number:03d}" for number in range(100)), 50),
        Queue(),
        Checkpoints.in_memory(),
    )
    checkpoints.begin(world.parts())
    valve = Valve()
    rows: Any = world

    def watch() -> None:
        if valve.taken:
            raise KeyboardInterrupt
        valve.make_room(20, taken=valve.taken)

    def send(found: Sequence[Found]) -> None:
        queue.calls.append([each.listed.key for each in found])

    with pytest.raises(KeyboardInterrupt):
        Backfill(world, rows, Wish(), SETTINGS, checkpoints, send, valve).run(watch)
    assert len(queue.keys) == 20
    assert checkpoints.counts() == {Verdict.MISSING: 20}
    run(world, checkpoints, queue)
    assert sorted(queue.keys) == sorted(world.states)


def test_a_copy_goes_on_by_itself() -> None:
    world, checkpoints = World(dict.fromkeys("abc"), 2), Checkpoints.in_memory()
    checkpoints.begin(world.parts())
    copy = checkpoints.copy()
    run(world, copy, Queue())
    assert copy.remaining() == []
    assert len(checkpoints.remaining()) == 2
    assert checkpoints.counts() == {}


def test_beginning_anew_forgets() -> None:
    world, queue, checkpoints = World(dict.fromkeys("abc"), 2), Queue(), Checkpoints.in_memory()
    run(world, checkpoints, queue)
    checkpoints.begin(world.parts())
    assert checkpoints.counts() == {}
    run(world, checkpoints, queue)
    assert Counter(queue.keys) == {"a": 2, "b": 2, "c": 2}
