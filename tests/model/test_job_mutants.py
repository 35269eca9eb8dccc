"""A test of the model of bulk jobs: workers and tables that are known to be wrong, each of which it must catch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from model import test_jobs
from model.jobs import JOBS_TABLE, JobFate
from range_worker import turns
from range_worker.queues import JobQueues
from range_worker.turns import RangeWorker
from support import memory_aws
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.sources import InventorySource
from thumbnail_pipeline.jobs.table import HeldByAnother, JobTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange
    from thumbnail_pipeline.jobs.table import Granted

    Mutation = Callable[[pytest.MonkeyPatch], None]
    Check = Callable[[pytest.MonkeyPatch], None]


def _without(condition: str, update: str = "") -> Mutation:
    """A table that does not ask for a condition, in writes that begin so."""

    def mutate(monkeypatch: pytest.MonkeyPatch) -> None:
        check = memory_aws._Expressions.check

        def lenient(self: Any, item: Any) -> None:
            request = self._request
            written = request.get("ConditionExpression", "")
            is_meant = request["TableName"] == JOBS_TABLE and request.get("UpdateExpression", "PUT").startswith(update)
            if is_meant and condition in written:
                whatever = written.replace(condition, f"({condition} OR attribute_exists(job))")
                self._request = {**request, "ConditionExpression": whatever}
            check(self, item)
            self._request = request

        monkeypatch.setattr(memory_aws._Expressions, "check", lenient)

    return mutate


def works_by_a_plan_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is not written down before messages are sent."""
    monkeypatch.setattr(JobTable, "plan", lambda _, __, ranges: ranges)


def adds_ranges_after_their_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[KeyRange] = []
    add, begin = JobTable.add, JobTable.begin

    def later(self: JobTable, job_id: str, ranges: int) -> None:
        begin(self, job_id, ranges)
        while waiting:
            add(self, waiting.pop())

    monkeypatch.setattr(JobTable, "add", lambda _, found: waiting.append(found))
    monkeypatch.setattr(JobTable, "begin", later)


def runs_before_its_messages_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    divide = RangeWorker._divide

    def early(self: RangeWorker, job: BulkJob) -> None:
        later: list[str] = []
        divide(replace(self, queues=SimpleNamespace(send_ranges=later.extend)), job)  # type: ignore[arg-type] # its part
        self.queues.send_ranges(later)

    monkeypatch.setattr(RangeWorker, "_divide", early)


def checkpoints_before_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    send, record = JobQueues.send_images, JobTable.record
    waiting: list[tuple[JobQueues, Sequence[str]]] = []

    def early(self: JobTable, found: KeyRange) -> None:
        record(self, found)
        while waiting:
            send(*waiting.pop(0))

    monkeypatch.setattr(JobQueues, "send_images", lambda self, bodies: waiting.append((self, bodies)))
    monkeypatch.setattr(JobTable, "record", early)


def never_pays_what_it_owes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RangeWorker, "_pay", lambda *_: None)


def pays_only_while_it_divides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds a range that owes a message leaves it so."""
    take = JobTable.take
    monkeypatch.setattr(JobTable, "take", lambda *args, **named: replace(take(*args, **named), owes=""))


def forgives_before_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(self: RangeWorker, found: KeyRange) -> None:
        if found.owes:
            self.table.pay(found)
            self.queues.send_ranges([WorkMessage(found.job, found.owes).body])

    monkeypatch.setattr(RangeWorker, "_pay", early)


def forgets_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message whose range somebody works on is taken for a duplicate, and acknowledged."""
    work = RangeWorker._work_on
    held: list[float] = []

    def note(self: HeldByAnother, seconds: float) -> None:
        self.seconds = seconds
        held.append(seconds)

    def forgetful(self: RangeWorker, *given: Any) -> float | None:
        held.clear()
        wait = work(self, *given)
        return None if held else wait

    monkeypatch.setattr(HeldByAnother, "__init__", note)
    monkeypatch.setattr(RangeWorker, "_work_on", forgetful)


def tells_its_job_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    leave = JobTable.leave

    def again(self: JobTable, found: KeyRange, **named: Any) -> KeyRange:
        return leave(self, replace(found, told=type(found.told)()), **named)

    monkeypatch.setattr(JobTable, "leave", again)


def ends_a_range_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that has to wait for room is taken for done."""
    leave = JobTable.leave
    monkeypatch.setattr(
        JobTable,
        "leave",
        lambda self, found, **named: leave(self, found, **{**named, "done": not named.get("split_at")}),
    )


def divides_and_keeps_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The range that is divided goes on to its old end."""
    request = JobTable._request

    def kept(self: JobTable, key: Any, update: str, condition: str, values: Any) -> Any:
        if ":ends" in values:
            update = update.replace("ends = :ends", "once_ended = :ends")
        return request(self, key, update, condition, values)

    monkeypatch.setattr(JobTable, "_request", kept)


def keeps_what_was_granted_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is given all of it as soon as there is any room."""
    grant = JobTable.grant

    def generous(self: JobTable, job_id: str, wanted: int) -> Granted:
        granted = grant(self, job_id, wanted)
        return replace(granted, number=wanted) if granted.number else granted

    monkeypatch.setattr(JobTable, "grant", generous)


def grants_whatever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = JobTable.grant
    monkeypatch.setattr(
        JobTable, "grant", lambda self, job_id, wanted: replace(grant(self, job_id, wanted), number=wanted)
    )


def counts_every_turn_as_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    request = JobTable._request

    def kept(self: JobTable, key: Any, update: str, condition: str, values: Any) -> Any:
        return request(self, key, update.replace(", attempts = :zero", ", attempted = :zero"), condition, values)

    monkeypatch.setattr(JobTable, "_request", kept)


def holds_no_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    take = JobTable.take
    monkeypatch.setattr(JobTable, "take", lambda *args, **named: take(*args, **{**named, "seconds": -1}))


def holds_for_as_long_as_six_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    take = JobTable.take
    monkeypatch.setattr(
        JobTable, "take", lambda *args, **named: take(*args, **{**named, "seconds": 6 * named["seconds"]})
    )


def goes_on_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes after their turn was lost are not told."""
    held = JobTable._held
    monkeypatch.setattr(JobTable, "_held", lambda self, call: held(self, call) or {})


def begins_to_count_dead_letters_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    end = JobTable.end_look
    monkeypatch.setattr(
        JobTable, "end_look", lambda self, job, **named: end(self, replace(job, dead_before=-1), **named)
    )


def rotates_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    end = JobTable.end_look
    monkeypatch.setattr(JobTable, "end_look", lambda self, job, **named: end(self, job, **{**named, "rotate": True}))


def follows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    leave, record = JobTable.leave, JobTable.record
    monkeypatch.setattr(JobTable, "record", lambda self, found: record(self, replace(found, followed=())))
    monkeypatch.setattr(
        JobTable, "leave", lambda self, found, **named: leave(self, replace(found, followed=()), **named)
    )


def keeps_messages_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_RENEWED_SECONDS", 10**9)


def begins_a_file_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pages_of = InventorySource._pages_of
    monkeypatch.setattr(InventorySource, "_pages_of", lambda self, number, _, most: pages_of(self, number, 0, most))


def leaves_out_the_rest_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pages_of = InventorySource._pages_of

    def only_from_its_beginning(self: InventorySource, number: int, done: int, most: int) -> Any:
        return iter(()) if done else pages_of(self, number, done, most)

    monkeypatch.setattr(InventorySource, "_pages_of", only_from_its_beginning)


def _mishap(fate: JobFate, files: int = 0) -> Check:
    return lambda monkeypatch: test_jobs.test_a_mishap_at_every_call_of_a_job(fate, files, monkeypatch)


def _outlived(about: str) -> Check:
    return lambda _: test_jobs.test_who_outlived_their_turn_write_nothing_any_more(about)


def _calmly(check: Callable[[], None]) -> Check:
    return lambda _: check()


_TWICE: Final = _calmly(test_jobs.test_a_range_that_is_delivered_twice_is_worked_on_once)
_DIVIDED_TWICE: Final = _calmly(test_jobs.test_a_job_that_is_divided_twice_is_divided_alike)
_CALM: Final = _calmly(test_jobs.test_a_calm_job_sends_each_image_once)
_LIMIT: Final = _calmly(test_jobs.test_a_limit_is_kept_to_the_message)
_FAILURES: Final = _calmly(test_jobs.test_too_many_failures_stop_it)

# Each with the test that notices it, for to try them all takes minutes.
_MUTANTS: Final[dict[str, tuple[Mutation, Check]]] = {
    "writes ranges again": (_without("attribute_not_exists(what)", "PUT"), _DIVIDED_TWICE),
    "begins what has begun": (_without("job_state = :from"), _DIVIDED_TWICE),
    "takes what another holds": (_without("held_until < :now"), _TWICE),
    "checkpoints another's range": (_without("holder = :me", "SET reached"), _outlived("SET reached")),
    "leaves another's range": (_without("holder = :me", "SET told"), _outlived("SET told")),
    "releases another's range": (
        _without("holder = :me", "SET held_until"),
        _calmly(test_jobs.test_who_fails_after_their_turn_leaves_the_range_to_whoever_has_it),
    ),
    "pays another's debt": (_without("owes = :owes"), test_jobs.test_a_debt_is_paid_by_who_owes_it),
    "is done with ranges open": (_without("ranges_open = :zero"), _CALM),
    "is done when cancelled": (
        _without("job_state = :running", "SET job_state"),
        _calmly(test_jobs.test_a_job_that_is_cancelled_at_its_end_is_not_done),
    ),
    "lets messages through when paused": (
        _without("job_state = :running", "SET granted"),
        _calmly(lambda: test_jobs.test_a_worker_in_the_middle_of_its_turn_sends_nothing_any_more("pause")),
    ),
    "looks at any time": (
        _without("looked_at <= :before"),
        _calmly(test_jobs.test_queues_are_looked_at_only_now_and_then),
    ),
    **{
        each.__name__.replace("_", " "): (each, check)
        for each, check in (
            (works_by_a_plan_of_its_own, _DIVIDED_TWICE),
            (adds_ranges_after_their_messages, _mishap(JobFate.KILLED_AFTER)),
            (runs_before_its_messages_are_sent, _mishap(JobFate.KILLED_AFTER)),
            (checkpoints_before_it_sends, _mishap(JobFate.KILLED_BEFORE)),
            (never_pays_what_it_owes, test_jobs.test_a_long_range_is_divided),
            (pays_only_while_it_divides, test_jobs.test_a_range_that_was_divided_off_is_worked_on_whoever_died),
            (forgives_before_it_pays, test_jobs.test_a_range_that_was_divided_off_is_worked_on_whoever_died),
            (forgets_what_is_held, _TWICE),
            (tells_its_job_twice, _CALM),
            (ends_a_range_that_waits, _FAILURES),
            (divides_and_keeps_the_whole, test_jobs.test_a_long_range_is_divided),
            (keeps_what_was_granted_too_much, _LIMIT),
            (grants_whatever_is_asked_for, _calmly(test_jobs.test_messages_wait_for_room)),
            (counts_every_turn_as_an_attempt, test_jobs.test_a_long_range_is_divided),
            (holds_no_longer_than_a_moment, _TWICE),
            (
                holds_for_as_long_as_six_timeouts,
                _calmly(test_jobs.test_a_killed_workers_range_is_taken_up_within_the_visibility_timeout),
            ),
            (goes_on_after_its_time, _outlived("SET told")),
            (begins_to_count_dead_letters_anew, test_jobs.test_dead_letters_are_counted_from_its_beginning),
            (rotates_at_every_look, _FAILURES),
            (follows_nobody, _FAILURES),
            (begins_a_file_again, _mishap(JobFate.KILLED_AFTER, files=3)),
            (leaves_out_the_rest_of_a_file, _mishap(JobFate.KILLED_AFTER, files=3)),
            (keeps_messages_for_ever, _calmly(test_jobs.test_a_message_is_sent_anew_before_its_queue_forgets_it)),
        )
    },
}


@pytest.mark.parametrize("name", _MUTANTS)
def test_the_model_catches_a_worker_that(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, check = _MUTANTS[name]
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        check(monkeypatch)
