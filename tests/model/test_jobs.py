"""Whatever happens to the workers of a bulk job, no key is left out and little is done twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.jobs import PAGE, THUMBNAILS, TIMEOUT, UPLOADS, VISIBILITY, JobFate, JobWorld, Turn
from range_worker import reconciling, turns
from support.inventories import DELIVERY, MANIFEST
from thumbnail_pipeline.jobs.guard import LOOK_SECONDS
from thumbnail_pipeline.jobs.records import DELETED, EXAMINED, SENT, JobBounds, JobKind, JobState
from thumbnail_pipeline.reconciliation.comparison import reconcile
from thumbnail_pipeline.reconciliation.findings import Kind, PassTally, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYS = tuple(f"{folder}/{number:02d}.jpg" for folder in "abc" for number in range(7))

_FATES = st.sampled_from([JobFate.ANSWERED] * 12 + list(JobFate))
_NUMBERS = st.integers(0, 10**6)
# Each example is a whole job.
_PLAYED = settings(
    phases=[__import__("hypothesis").Phase.generate],
    max_examples=max(5, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.too_slow],
)
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["step"] * 14 + ["deliver"] * 4 + ["again", "wait", "work", "work", "pause", "resume", "resume"]
        ),
        _NUMBERS,
        _FATES,
    ),
    min_size=20,
    max_size=120,
)


def play(world: JobWorld, events: list[tuple[str, int, JobFate]]) -> None:
    """What happens is chosen by numbers, among what can happen then."""
    for what, number, fate in events:
        if what == "step" and world.under_way:
            world.step(world.under_way[number % len(world.under_way)], fate)
        elif what == "deliver" and world.visible:
            world.deliver(world.visible[number % len(world.visible)])
        elif what == "again" and (there := [each for each in world.queue if not each.gone]):
            world.deliver(there[number % len(there)])  # a standard queue hands out a message twice now and then
        elif what == "wait":
            world.pass_time((4, TIMEOUT, VISIBILITY + 1)[number % 3])
        elif what == "work":
            world.function_works()
        elif what in {"pause", "resume"}:
            getattr(world, what)()


def come_to_an_end(world: JobWorld) -> None:
    for _ in range(30):
        world.drain()
        if world.job.state not in {JobState.PAUSED, JobState.STOPPED}:
            return
        world.resume()


def assert_is(world: JobWorld, state: JobState) -> None:
    assert world.job.state is state, world.notes[-40:]


def assert_all_is_told(world: JobWorld) -> None:
    job, ranges = world.job, world.ranges
    told: Counter[str] = Counter()
    for each in ranges:
        assert each.is_done
        assert each.told == each.counts
        told += each.counts
    assert told.pop(EXAMINED) == job.examined == len(world.keys)
    assert told == +job.counts
    assert job.ranges_open == 0


@_PLAYED
@given(
    events=_EVENTS,
    outdated=st.sets(st.sampled_from(KEYS)),
    in_queue=st.integers(1, 30),
    files=st.sampled_from([0, 0, 1, 5]),
)
def test_no_key_is_left_out(events: list[Any], outdated: set[str], in_queue: int, files: int) -> None:
    world = JobWorld(KEYS, frozenset(outdated), JobBounds(in_queue=in_queue, failed_percent=None), files=files)
    play(world, events)
    come_to_an_end(world)
    assert world.job.state is JobState.DONE, world.notes[-40:]
    assert world.sent.keys() == outdated
    repeated = world.sent.total() - len(outdated)
    zombies = sum(what == "wait" for what, _, _ in events) * len(world.turns)
    assert repeated <= PAGE * (world.mishaps + zombies)
    assert world.job.counts[SENT] == len(outdated)
    assert_all_is_told(world)


@_PLAYED
@given(events=_EVENTS, limit=st.integers(1, 20))
def test_no_more_is_sent_than_is_allowed(events: list[Any], limit: int) -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(limit=limit, failed_percent=None))
    play(world, [each for each in events if each[0] not in {"resume"}])
    world.drain()
    if world.job.state is JobState.PAUSED:
        world.resume()
        world.drain()
    assert len(world.sent) <= limit
    assert world.sent.total() <= limit
    if not world.mishaps:
        assert_is(world, JobState.STOPPED)
        assert "at most" in world.job.why


@_PLAYED
@given(events=_EVENTS)
def test_nothing_is_sent_once_it_is_cancelled(events: list[Any]) -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(failed_percent=None))
    play(world, events[: len(events) // 2])
    world.cancel()
    sending = [turn for turn in world.under_way if (turn.strand.waits_for or "").startswith("send")]
    before = world.sent.total()
    play(world, events[len(events) // 2 :])
    world.drain()
    assert world.sent.total() <= before + PAGE * len(sending)
    assert world.job.state is JobState.CANCELLED
    assert not world.visible


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_a_worker_in_the_middle_of_its_turn_sends_nothing_any_more(end: str) -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    world.deliver(world.visible[0])
    (turn,) = world.under_way
    while not world.job.allowed or "SET granted" not in (turn.strand.waits_for or ""):
        world.step(turn)
    getattr(world, end)()
    while not turn.over:
        world.step(turn)
    assert not world.sent
    assert turn.message.gone


# Keys that begin others, so that thumbnails lie behind other sources, and behind any border.
TANGLED = ("a", "a-1", "a-2", "a-2.webp", "a.jpg", "a.x", "a.x-1", "b", "b,1", "b-1", "b/1", "b/1.webp", "c", "c-1")
_WITHOUT_SOURCE = ("a-0", "a-", "a.", "b-", "c-1.", "c.y", "d")


def tangled(
    *, outdated: Iterable[str] = (), orphans: Iterable[str] = (), repair: bool = False, **more: Any
) -> JobWorld:
    """A world to be compared, in which somebody has left thumbnails that no row lists."""
    world = JobWorld(TANGLED, frozenset(outdated), kind=JobKind.RECONCILE, repair=repair, **more)
    for key in orphans:
        world.s3.put_object(Bucket=THUMBNAILS, Key=f"small/{key}.webp", Body=b"", ContentType="")
    return world


def in_one_pass(world: JobWorld) -> PassTally:
    """What a pass in one process finds."""
    tally = PassTally()
    for each in reconcile(world.estate()):
        tally.add(each)
    return tally


def assert_found(world: JobWorld, tally: PassTally) -> None:
    """The job has counted the same, each thing once."""
    counts = world.job.counts
    assert world.job.examined == tally.checked
    assert {kind: counts[kind] for kind in Kind if counts[kind]} == +tally.found, world.notes
    assert counts[Standing.CURRENT] == tally.current
    assert counts[Standing.INCOMPLETE] == tally.incomplete
    assert world.job.completeness == pytest.approx(tally.completeness)
    for kind, number in tally.found.items():
        shown = [each for one in world.ranges for each in one.examples if each["kind"] == kind]
        assert min(3, number) <= len(shown) <= min(number, 3 * len(world.ranges))


_TANGLES = st.tuples(st.sets(st.sampled_from(TANGLED)), st.sets(st.sampled_from((*TANGLED, *_WITHOUT_SOURCE))))


@_PLAYED
@given(events=_EVENTS, tangle=_TANGLES, ranges=st.sampled_from([1, 4]), turn_seconds=st.sampled_from([0.0, 36.0]))
def test_ranges_find_what_one_pass_finds(
    events: list[Any], tangle: tuple[set[str], set[str]], ranges: int, turn_seconds: float
) -> None:
    outdated, orphans = tangle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_MOST_RANGES", ranges)
        world = tangled(outdated=outdated, orphans=orphans, turn_seconds=turn_seconds)
        play(world, events)
        come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert_found(world, in_one_pass(world))
    assert not world.sent
    assert world.job.counts[DELETED] == 0
    assert all(each.told == each.counts for each in world.ranges)


@_PLAYED
@given(events=_EVENTS, tangle=_TANGLES, in_queue=st.integers(1, 5), turn_seconds=st.sampled_from([0.0, 36.0]))
def test_whatever_is_wrong_is_mended(
    events: list[Any], tangle: tuple[set[str], set[str]], in_queue: int, turn_seconds: float
) -> None:
    outdated, orphans = tangle
    bounds = JobBounds(in_queue=in_queue, failed_percent=None)
    world = tangled(outdated=outdated, orphans=orphans, repair=True, bounds=bounds, turn_seconds=turn_seconds)
    tally = in_one_pass(world)
    play(world, events)
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert world.sent.keys() == outdated
    # Whose thumbnails those are can be told only once the row is up to date.
    left = {f"small/{key}.webp" for key in orphans & outdated}
    assert set(world.s3.buckets[THUMBNAILS].keys) <= left
    if world.sent.total() == len(outdated) and not world.mishaps and not any(each[0] == "wait" for each in events):
        assert_found(world, tally)
        assert world.job.counts[SENT] == len(outdated)
        assert world.job.counts[DELETED] == tally.found[Kind.ORPHAN]


@pytest.mark.parametrize("fate", [JobFate.KILLED_BEFORE, JobFate.KILLED_AFTER, JobFate.REPEATED, JobFate.FAILED])
def test_a_mishap_at_every_call_of_a_repair(fate: JobFate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    outdated, orphans = frozenset(TANGLED[::3]), frozenset(["a-1", "a-", "b-", "d"])
    calls = 0
    while True:
        world = tangled(outdated=outdated, orphans=orphans, repair=True, turn_seconds=0)
        reached = world.drain_with(calls, fate)
        come_to_an_end(world)
        assert_is(world, JobState.DONE)
        assert world.sent.keys() == outdated
        assert world.sent.total() <= len(outdated) + PAGE
        assert not world.s3.buckets[THUMBNAILS].keys
        assert world.job.examined == len(TANGLED)
        if not reached:
            return
        calls += 1


def test_what_cannot_be_interrupted_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    monkeypatch.setattr(reconciling, "_OVERTIME_SECONDS", 0)
    # Thumbnails of "a" would lie behind all the others.
    keys = ("a", *(f"a-{number:03d}" for number in range(60)))
    world = settled(JobWorld(keys, frozenset(), kind=JobKind.RECONCILE, look_seconds=1))
    assert_is(world, JobState.DONE)
    assert len(world.ranges) > 1
    assert_found(world, in_one_pass(world))


def test_what_waits_for_images_is_not_gone_through_again() -> None:
    world = tangled(outdated=TANGLED, orphans=["a-", "b-", "d"], repair=True)
    tally = in_one_pass(world)
    world.drain()
    assert_is(world, JobState.DONE)
    assert_found(world, tally)
    assert world.sent == Counter(TANGLED)
    assert any(each.keys.until for each in world.ranges)


def test_a_thumbnail_that_changed_since_it_was_seen_is_kept() -> None:
    world = tangled(orphans=["d"], repair=True)
    world.drain_until_running()
    world.deliver(world.visible[-1])
    (turn,) = world.under_way
    while not (turn.strand.waits_for or "").startswith("delete_object"):
        world.step(turn)
    world.s3.put_object(Bucket=THUMBNAILS, Key="small/d.webp", Body=b"of a new image", ContentType="")
    world.drain()
    assert_is(world, JobState.DONE)
    assert world.s3.buckets[THUMBNAILS].keys
    assert (world.job.counts[Kind.ORPHAN], world.job.counts[DELETED]) == (1, 0)


def settled(world: JobWorld) -> JobWorld:
    world.drain()
    return world


def test_a_calm_job_sends_each_image_once() -> None:
    world = settled(JobWorld(KEYS, frozenset(KEYS[::2])))
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(KEYS[::2])
    assert_all_is_told(world)
    assert len(world.ranges) > 1


def test_a_killed_workers_range_is_taken_up_within_the_visibility_timeout() -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    world.deliver(world.visible[0])
    (turn,) = world.under_way
    world.step(turn, JobFate.KILLED_AFTER)
    died_at = world.now
    assert turn.message not in world.visible
    world.pass_time(VISIBILITY)
    world.deliver(turn.message)
    (again,) = world.under_way
    world.step(again)
    held = {each.holder for each in world.ranges}
    assert again.holder in held
    assert world.now - died_at <= VISIBILITY


@pytest.mark.parametrize("about", ["SET reached", "SET told"])
def test_who_outlived_their_turn_write_nothing_any_more(about: str) -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    world.deliver(world.visible[0])
    (slow,) = world.under_way
    while about not in (slow.strand.waits_for or "") and not (slow.strand.waits_for or "").startswith("transact"):
        world.step(slow)
    world.pass_time(VISIBILITY + 1)
    world.deliver(slow.message)
    (other,) = (each for each in world.under_way if each is not slow)
    while not other.over:
        world.step(other)
    there = world.ranges
    while not slow.over:
        world.step(slow)
    assert world.ranges == there
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert_all_is_told(world)
    assert world.sent.total() <= len(KEYS) + PAGE


def test_a_range_that_is_delivered_twice_is_worked_on_once() -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    (message, *_) = world.visible
    world.deliver(message)
    world.step(world.under_way[0])
    world.deliver(message)
    (first, second) = world.under_way
    while not second.over:
        world.step(second)
    while not first.over:
        world.step(first)
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(KEYS)


def test_a_long_range_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    world = settled(JobWorld(KEYS, frozenset(KEYS), turn_seconds=0))
    assert_is(world, JobState.DONE)
    assert len(world.ranges) > 1
    assert world.sent == Counter(KEYS)
    assert_all_is_told(world)


def test_a_range_that_was_divided_off_is_worked_on_whoever_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    # What is left of the first range has nothing to wait for, so that its next turn is its last.
    world = JobWorld(KEYS, frozenset(KEYS[-6:]), turn_seconds=0)
    world.drain_until_running()
    world.deliver(world.visible[0])
    (turn,) = world.under_way
    while not ("send_message_batch" in (turn.strand.waits_for or "") and "range" in (turn.strand.waits_for or "")):
        world.step(turn)
    world.step(turn, JobFate.KILLED_BEFORE)
    assert any(each.owes for each in world.ranges)
    world.turn_seconds = TIMEOUT
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(KEYS[-6:])


def run_to_its_end(world: JobWorld, turn: Turn) -> None:
    while not turn.over:
        world.step(turn)


def test_a_job_that_is_divided_twice_is_divided_alike() -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    (message,) = world.visible
    world.deliver(message)
    (slow,) = world.under_way
    while "put_item" not in (slow.strand.waits_for or "") or len(world.ranges) < 1:
        world.step(slow)
    # What would be other borders by now.
    more = tuple(f"a/00/{number:02d}.jpg" for number in range(14))
    for key in more:
        world.s3.put_object(Bucket=UPLOADS, Key=key, Body=b"", ContentType="")
    world.deliver(message)
    run_to_its_end(world, world.turns[-1])
    while world.job.state is not JobState.DONE:
        for other in world.visible:
            world.deliver(other)
            run_to_its_end(world, world.turns[-1])
        world.pass_time(TIMEOUT)
        world.function_works()
    run_to_its_end(world, slow)
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(KEYS + more)
    assert all(each.is_done for each in world.ranges)
    assert world.job.ranges_open == 0


def test_who_fails_after_their_turn_leaves_the_range_to_whoever_has_it() -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    (message, *_) = world.visible
    world.deliver(message)
    (slow,) = world.under_way
    while not (slow.strand.waits_for or "").startswith("send"):
        world.step(slow)
    world.pass_time(VISIBILITY + 1)
    world.deliver(message)
    (_, other) = world.under_way
    world.step(other)
    world.step(slow, JobFate.FAILED)
    run_to_its_end(world, slow)
    assert any(each.holder == other.holder and each.held_until > world.now for each in world.ranges)


def test_a_debt_is_paid_by_who_owes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    keys = tuple(f"{letter}/{number:02d}.jpg" for letter in "abcdefgh" for number in range(7))
    world = JobWorld(keys, frozenset(), turn_seconds=0)
    world.drain_until_running()
    (message,) = world.visible

    def about_to_pay() -> Turn:
        world.deliver(message)
        turn = world.under_way[-1]
        while "send_message_batch" not in (turn.strand.waits_for or ""):
            world.step(turn)
        return turn

    slow = about_to_pay()
    world.pass_time(VISIBILITY + 1)
    run_to_its_end(world, about_to_pay())
    # With the other range done, this one is divided again.
    world.turn_seconds = TIMEOUT
    for other in world.visible:
        if other is not message:
            world.deliver(other)
            run_to_its_end(world, world.under_way[-1])
    world.turn_seconds = 0
    again = about_to_pay()
    world.step(again, JobFate.KILLED_BEFORE)
    run_to_its_end(world, slow)
    assert any(each.owes for each in world.ranges)
    world.turn_seconds = TIMEOUT
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert_all_is_told(world)


def test_a_job_that_is_cancelled_at_its_end_is_not_done() -> None:
    world = JobWorld(KEYS, frozenset())
    world.drain_until_running()
    while world.job.ranges_open or not any(
        "job_state = :done" in (each.strand.waits_for or "") for each in world.under_way
    ):
        if world.under_way:
            world.step(world.under_way[0])
        else:
            world.deliver(world.visible[0])
    world.cancel()
    world.drain()
    assert_is(world, JobState.CANCELLED)


def test_a_message_is_sent_anew_before_its_queue_forgets_it() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=1))
    world.drain_until_running()
    (message, *others) = world.visible
    world.pass_time(8 * 24 * 3600)
    world.deliver(message)
    run_to_its_end(world, world.under_way[0])
    assert message.gone
    (anew,) = (each for each in world.queue if not each.gone and each not in others)
    assert (anew.body, anew.sent_at) == (message.body, world.now)


def test_messages_wait_for_room() -> None:
    world = settled(JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=4)))
    assert_is(world, JobState.DONE)
    assert world.most_waiting <= 4


def test_a_limit_is_kept_to_the_message() -> None:
    world = settled(JobWorld(KEYS, frozenset(KEYS), JobBounds(limit=4)))
    assert_is(world, JobState.STOPPED)
    assert world.sent.total() == 4


def test_a_rate_is_kept_within_a_turn() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(rate=1))
    world.drain_until_running()
    world.pass_time(LOOK_SECONDS)
    world.deliver(world.visible[0])
    run_to_its_end(world, world.under_way[0])
    assert world.sent.total() == LOOK_SECONDS


def test_one_range_reaches_the_rate_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    monkeypatch.setattr(turns, "_MOST_DEPTH", 0)
    keys = tuple(f"{number:03d}" for number in range(300))
    world = JobWorld(keys, frozenset(keys), JobBounds(rate=1, failed_percent=None))
    world.drain_until_running()
    begun = world.now
    while world.sent.total() < len(keys):
        if not world.visible:
            world.now = min(each.visible_at for each in world.queue if not each.gone)
        world.function_works()
        world.deliver(world.visible[0])
        run_to_its_end(world, world.turns[-1])
        assert world.sent.total() <= world.now - begun + LOOK_SECONDS
    assert len(keys) / (world.now - begun) >= 0.9


def test_another_manifest_in_the_place_of_the_first_stops_it() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), files=3)
    world.drain_until_running()
    world.s3.put_object(Bucket=DELIVERY, Key=MANIFEST, Body=b"{}", ContentType="")
    world.drain()
    assert_is(world, JobState.STOPPED)
    assert "was written anew" in world.job.why
    assert not world.sent


def test_a_key_that_is_listed_twice_is_no_trouble() -> None:
    world = settled(JobWorld((*KEYS[:5], *KEYS[:5]), frozenset(KEYS[:5]), files=1, twice=True))
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(dict.fromkeys(KEYS[:5], 2))


def test_nothing_is_looked_at_while_the_queue_is_full() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=4), files=1)
    world.drain_until_running()
    world.deliver(world.visible[0])
    run_to_its_end(world, world.turns[-1])
    read, world.s3.get_object = world.s3.get_object, None
    for _ in range(5):
        world.now = min(each.visible_at for each in world.queue if not each.gone)
        world.deliver(world.visible[0])
        run_to_its_end(world, world.turns[-1])
    assert_is(world, JobState.RUNNING)
    world.s3.get_object = read
    world.drain()
    assert_is(world, JobState.DONE)
    assert world.most_waiting <= 4


def test_queues_are_looked_at_only_now_and_then() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=4))
    world.drain_until_running()
    for message in world.visible:
        world.deliver(message)
        run_to_its_end(world, world.turns[-1])
    assert world.sent.total() == 4
    assert world.looks == 1


def test_images_that_are_gone_are_not_waited_for_once_the_queue_is_empty() -> None:
    gone = frozenset(KEYS[:9])
    world = JobWorld(KEYS, frozenset(KEYS), gone=gone)
    begun = world.now
    world.drain()
    assert_is(world, JobState.DONE)
    assert world.now - begun < 5 * 60


def test_too_many_failures_stop_it() -> None:
    keys = tuple(f"{number:04d}" for number in range(400))
    world = JobWorld(keys, frozenset(keys), JobBounds(in_queue=30), bad=frozenset(keys[::2]))
    world.drain()
    assert_is(world, JobState.STOPPED)
    assert "failed" in world.job.why
    assert world.sent.total() < len(keys)


def test_new_dead_letters_stop_it() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=3))
    world.drain_until_running()
    world.deliver(world.visible[0])
    while world.job.dead_before < 0:
        world.step(world.under_way[0])
    world.dead = 50
    world.drain()
    assert_is(world, JobState.STOPPED)
    assert "dead letters" in world.job.why


def test_dead_letters_are_counted_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    world = JobWorld(KEYS, frozenset(KEYS), JobBounds(in_queue=1))
    works = world.function_works

    def some_die() -> None:
        works()
        world.dead += 4

    monkeypatch.setattr(world, "function_works", some_die)
    world.drain()
    assert_is(world, JobState.STOPPED)
    assert "dead letters" in world.job.why


def test_a_paused_queue_stops_it() -> None:
    world = JobWorld(KEYS, frozenset(KEYS), paused=True)
    world.drain()
    assert_is(world, JobState.STOPPED)
    world.paused = False
    world.resume()
    come_to_an_end(world)
    assert_is(world, JobState.DONE)


def test_what_always_fails_stops_it_and_says_why() -> None:
    world = JobWorld(KEYS, frozenset(KEYS))
    world.drain_until_running()
    real, world.s3.list_objects_v2 = (
        world.s3.list_objects_v2,
        lambda **_: (_ for _ in ()).throw(ConnectionError("gone")),
    )
    world.drain()
    assert_is(world, JobState.STOPPED)
    assert "gone" in world.job.why
    world.s3.list_objects_v2 = real
    world.resume()
    come_to_an_end(world)
    assert_is(world, JobState.DONE)
    assert world.sent == Counter(KEYS)


@pytest.mark.parametrize("files", [0, 3])
@pytest.mark.parametrize("fate", [JobFate.KILLED_BEFORE, JobFate.KILLED_AFTER, JobFate.REPEATED, JobFate.FAILED])
def test_a_mishap_at_every_call_of_a_job(fate: JobFate, files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_RANGES", 1)
    calls = 0
    while True:
        # One range is left over, and long enough to be divided.
        world = JobWorld(KEYS[:12], frozenset(KEYS[:12:2]), files=files, turn_seconds=0)
        reached = world.drain_with(calls, fate)
        come_to_an_end(world)
        assert world.job.state is JobState.DONE, world.notes[-40:]
        assert world.sent.keys() == set(KEYS[:12:2])
        assert world.sent.total() <= 6 + PAGE
        assert_all_is_told(world)
        if not reached:
            return
        calls += 1
