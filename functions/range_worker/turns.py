"""One message is one turn at a range: for as long as there is time, and then it is somebody else's.

The message stays in the queue until its range is done: it comes back after each turn, so that nothing has to be sent
for the work to go on, and nothing is lost where a worker dies. What is dealt with is in the range's row, page by page,
on the condition that the range is still this worker's.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from range_worker import telling
from range_worker.backfilling import BackfillTurn
from range_worker.guarded import ROOM_SECONDS
from range_worker.reconciling import ReconcileTurn
from thumbnail_pipeline import listing, telemetry
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.jobs.guard import may_have_room
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import JobKind, JobState, KeyRange
from thumbnail_pipeline.jobs.sources import InventorySource, ListedSource, SourceChanged
from thumbnail_pipeline.jobs.table import HeldByAnother, NotRunning, TurnLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

    from range_worker.config import RangeWorkerConfig
    from range_worker.guarded import RangeTurn, TurnOver, TurnShop
    from range_worker.queues import JobQueues
    from thumbnail_pipeline.jobs.records import Asked, BulkJob
    from thumbnail_pipeline.jobs.sources import JobSource
    from thumbnail_pipeline.jobs.table import JobTable
    from thumbnail_pipeline.reconciliation.comparison import Estate
    from thumbnail_pipeline.rows import Rows

# Four times as many as are worked on at a time, so that those that turn out long are not left alone at the end.
_RANGES_FOR_EACH: Final = 4
# Of a job's row 400 KB may be used, and this many borders of the longest keys fit.
_MOST_RANGES: Final = 256

_MOST_DEPTH: Final = 8
"""How often a range can be divided: no message leads to more than so many others, one after the other."""

_MOST_ATTEMPTS: Final = 5
"""How often a range is begun in vain before its job is stopped."""

_RENEWED_SECONDS: Final = 7 * 24 * 3600
"""A message that is older is sent anew, for no queue keeps one for more than fourteen days."""

_TURNS: Final[Mapping[JobKind, Callable[[TurnShop, BulkJob], RangeTurn]]] = {
    JobKind.BACKFILL: BackfillTurn,
    JobKind.RECONCILE: ReconcileTurn,
}

_PLANNING_SECONDS: Final = 5
_ATTEMPT_SECONDS: Final = 10


@dataclass(frozen=True)
class Received:
    """A message as SQS handed it out."""

    body: str
    times: int
    """How often it was received, this time included."""
    sent_at: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class RangeWorker:
    """What a warm function keeps between invocations."""

    config: RangeWorkerConfig
    table: JobTable
    queues: JobQueues
    s3: S3Client
    deleting: S3Client
    """Repeats no call; see `mending.ONCE`."""
    rows: Callable[[str], Rows]
    """The catalog's rows of a bucket's images."""
    estate: Callable[[str], Estate]
    """What is compared below a prefix."""
    clock: Callable[[], float] = time.time
    executor: Callable[[int], Executor] = ThreadPoolExecutor
    keys_a_page: int = listing.KEYS_A_CALL

    def source(self, asked: Asked) -> JobSource:
        """Return where a job's objects come from."""
        if asked.inventory:
            return InventorySource(self.s3, asked.inventory, asked.prefix)
        return ListedSource(self.s3, asked.bucket, asked.prefix, small=self.keys_a_page)

    def work(self, received: Received, *, holder: str, until: float) -> float | None:
        """Have one turn that is over at the moment `until`, and return in how many seconds the message is to come back.

        None where it is not: everything that it is about is done, or waits for somebody.
        """
        try:
            message = WorkMessage.parse(received.body)
            job = self.table.job(message.job)
        except (ValueError, LookupError) as error:
            # Whoever has put it there, or a job that is over for a month.
            telemetry.log("WARNING", "message about no job", error=repr(error))
            return None
        if message.range is None:
            return self._plan(job, received)
        wait = self._work_on(job, message.range, holder, until)
        if wait is not None and self.clock() - received.sent_at > _RENEWED_SECONDS:
            self.queues.send_ranges([received.body])
            return None
        return wait

    def _work_on(self, job: BulkJob, name: str, holder: str, until: float) -> float | None:
        if job.state is JobState.PLANNING:
            return _PLANNING_SECONDS
        if job.state is not JobState.RUNNING:
            return None
        if job.asked.kind is JobKind.BACKFILL and not may_have_room(job, self.clock()):
            return ROOM_SECONDS
        try:
            found = self.table.take(job.id, name, holder=holder, seconds=self.config.timeout_seconds)
        except HeldByAnother as held:
            return held.seconds
        except LookupError:
            return None
        self._pay(found)
        if found.is_done:
            self._finish(job)
            return None
        if found.attempts > _MOST_ATTEMPTS:
            self._give_up(job, found, "whoever worked on it died")
            return None
        try:
            return self._turn(job, found, until)
        except NotRunning:
            self.table.release(found, failed=False)
            return None
        except TurnLost:
            return float(self.config.timeout_seconds)
        except SourceChanged as changed:
            self.table.release(found, failed=False)
            telling.stop(self.table, job.id, str(changed))
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it counts, and ends the job if it stays
            telling.turn_failed({"job": job.id, "range": found.name}, error)
            if found.attempts == _MOST_ATTEMPTS:
                self._give_up(job, found, repr(error))
                return None
            self.table.release(found, failed=True)
            return float(found.attempts * _ATTEMPT_SECONDS)

    def _plan(self, job: BulkJob, received: Received) -> float | None:
        """Divide a job into ranges, and have each worked on; whatever of that was done before stays as it is."""
        if job.state is not JobState.PLANNING:
            return None
        try:
            self._divide(job)
        except SourceChanged as changed:
            telling.stop(self.table, job.id, str(changed))
        except Exception as error:  # noqa: BLE001 - as for ranges
            telling.turn_failed({"job": job.id}, error)
            if received.times < _MOST_ATTEMPTS:
                return float(received.times * _ATTEMPT_SECONDS)
            telling.stop(self.table, job.id, f"It could not be divided into ranges: {error!r}")
        return None

    def _divide(self, job: BulkJob) -> None:
        wanted = min(_MOST_RANGES, _RANGES_FOR_EACH * self.config.ranges_at_a_time)
        cut = self.source(job.asked).split(wanted)
        named = [KeyRange(job.id, f"{number:05d}", keys) for number, keys in enumerate(cut)]
        ranges = self.table.plan(job.id, named)
        for each in ranges:
            self.table.add(each)
        self.queues.send_ranges([WorkMessage(job.id, each.name).body for each in ranges])
        self.table.begin(job.id, len(ranges))

    def _turn(self, job: BulkJob, found: KeyRange, until: float) -> float | None:
        began = self.clock()
        turn = _TURNS[job.asked.kind](self, job)
        over = turn.run(found, until)
        milliseconds = round((self.clock() - began) * 1000)
        if over.done:
            self._leave(over, milliseconds, done=True)
            self._finish(job)
            return None
        border = over.border
        if border is not None and found.depth >= _MOST_DEPTH:
            raise Transient(f"it cannot be divided again, and what comes after {found.rest.after!r} takes too long")
        if (
            border is None
            and not over.wait
            and found.depth < _MOST_DEPTH
            and job.ranges_open < self.config.ranges_at_a_time
        ):
            border = turn.source.halve(over.found.rest)
            if border is not None and not turn.can_end_at(over.found, border):
                border = None
        self._pay(self._leave(over, milliseconds, split_at=border))
        return over.wait

    def _leave(self, over: TurnOver, milliseconds: int, *, done: bool = False, split_at: str | None = None) -> KeyRange:
        left = self.table.leave(
            over.found, milliseconds=milliseconds, outcomes=over.outcomes, done=done, split_at=split_at
        )
        telling.turn_over(over.found)
        return left

    def _pay(self, found: KeyRange) -> None:
        """Have the range worked on that was divided off, if that is owed."""
        if found.owes:
            self.queues.send_ranges([WorkMessage(found.job, found.owes).body])
            self.table.pay(found)

    def _finish(self, job: BulkJob) -> None:
        is_done = telling.finish(self.table, job.id)
        if is_done and job.asked.kind is JobKind.RECONCILE and job.asked.prefix == self.config.source_prefix:
            telling.how_complete(self.config.metrics_function, self.table.job(job.id))

    def _give_up(self, job: BulkJob, found: KeyRange, why: str) -> None:
        """Stop a job of which a range cannot be worked on; when it goes on, that is tried again."""
        self.table.release(found, failed=False)
        telling.stop(self.table, job.id, f"The range {found.name} was begun {found.attempts} times in vain: {why}")
