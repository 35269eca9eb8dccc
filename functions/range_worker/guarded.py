"""What turns of every kind have in common: leave to send, looks at the queues, and what becomes of what was sent."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from range_worker import telling
from range_worker.queues import MESSAGES_A_CALL
from thumbnail_pipeline.jobs.guard import GENERATION, LOOK_SECONDS, JobTripped, allowed, given_at, require_means, room
from thumbnail_pipeline.jobs.records import Followed, JobState
from thumbnail_pipeline.jobs.table import NotRunning
from thumbnail_pipeline.outcomes import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_s3 import S3Client

    from range_worker.config import RangeWorkerConfig
    from range_worker.queues import JobQueues
    from thumbnail_pipeline.jobs.records import Asked, BulkJob, KeyRange
    from thumbnail_pipeline.jobs.sources import JobSource
    from thumbnail_pipeline.jobs.table import JobTable
    from thumbnail_pipeline.reconciliation.comparison import Estate
    from thumbnail_pipeline.rows import Rows

# Most of a turn is waiting for answers, or reading them, which holds the interpreter's lock.
CALLS_AT_A_TIME: Final = 4

ROOM_SECONDS: Final = 10.0
"""A range that has to wait for room in the queue comes back after so long."""

_ALIVE_SECONDS: Final = 10.0
"""So often it is asked whether the job still runs, where nothing is sent that would show it."""

_MOST_FOLLOWED: Final = 8
"""Images a range: a job has many ranges."""

_SETTLE_SECONDS: Final = 30.0
# The row of an image that the function left as it was, or that was deleted, never changes. Once the queue is seen empty
# a while after it was sent, the function is done with it; SQS tells of a queue up to a minute late.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
_PATIENCE_SECONDS: Final = 15 * 60
_PASSED_SECONDS: Final = 60


@dataclass(frozen=True)
class TurnOver:
    """How a turn ended."""

    found: KeyRange
    done: bool = False
    wait: float = 0.0
    """Seconds until the next turn can do anything."""
    outcomes: tuple[bool, ...] = ()
    """Of images that were followed, whether they failed."""
    border: str | None = None
    """Where the range has to be divided, for it cannot be gone through in one turn."""


class TurnShop(Protocol):
    """What a worker lends to its turns."""

    @property
    def config(self) -> RangeWorkerConfig:
        """What Terraform decided."""

    @property
    def table(self) -> JobTable:
        """Jobs and ranges."""

    @property
    def queues(self) -> JobQueues:
        """Where messages go."""

    def source(self, asked: Asked) -> JobSource:
        """Where a job's objects come from."""

    @property
    def deleting(self) -> S3Client:
        """For deletions: a client that repeats no call."""

    @property
    def rows(self) -> Callable[[str], Rows]:
        """The catalog's rows of a bucket's images."""

    @property
    def estate(self) -> Callable[[str], Estate]:
        """What is compared below a prefix."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970."""

    @property
    def executor(self) -> Callable[[int], Executor]:
        """Makes threads, so many."""

    @property
    def keys_a_page(self) -> int:
        """How many keys are dealt with at a time."""


class RangeTurn(Protocol):
    """A turn at a range, of either kind."""

    @property
    def source(self) -> JobSource:
        """Where the range's objects come from."""

    def run(self, found: KeyRange, until: float) -> TurnOver:
        """Go through what is left of a range until it is done, has to wait, or it is `until`.

        Raises NotRunning, and TurnLost.
        """

    def can_end_at(self, found: KeyRange, border: str) -> bool:
        """Whether the range can be divided there, after what is dealt with."""


class TurnGuard:
    """One turn's part of the guard that all workers of a job share."""

    def __init__(self, shop: TurnShop, job: BulkJob) -> None:
        self._table = shop.table
        self._queues = shop.queues
        self._clock = shop.clock
        self._rows = shop.rows(job.asked.bucket)
        self._fingerprint = shop.config.settings.fingerprint
        self._job = job
        self._outcomes: list[bool] = []
        self._seen_running = shop.clock()

    def require_settings(self) -> None:
        """Stop a job whose settings are not those that are deployed by now. Raises NotRunning."""
        if self._job.asked.settings_fingerprint != self._fingerprint:
            why = "Other settings are deployed since it began: cancel it, and begin another."
            telling.stop(self._table, self._job.id, why)
            raise NotRunning

    def require_running(self) -> None:
        """Raises NotRunning where the job was paused or has to stop; asks only now and then."""
        now = self._clock()
        if now - self._seen_running >= _ALIVE_SECONDS:
            if self._table.job(self._job.id).state is not JobState.RUNNING:
                raise NotRunning
            self._look()
            self._seen_running = now

    def finds_room(self) -> bool:
        """Whether it is worth to look at objects: not while the queue is full. Raises NotRunning."""
        if self._job.granted < self._job.allowed or not self._job.allowed:
            return True
        seen = self._look()
        return seen is not None and room(seen.bounds, seen.in_queue) > 0

    def grant(self, wanted: int) -> int:
        """Return how many of so many messages may be sent now. Raises NotRunning."""
        if not wanted:
            return 0
        granted = self._table.grant(self._job.id, wanted)
        self._seen_running = self._clock()
        if not granted.number:
            with self._stopping():
                require_means(granted.job)
        if granted.number < wanted and self._look():
            return granted.number + self._table.grant(self._job.id, wanted - granted.number).number
        return granted.number

    def give_back(self, number: int) -> None:
        """Let others have what was granted and cannot be used."""
        if number:
            self._table.give_back(self._job.id, number)

    def send(self, threads: Executor, bodies: Sequence[str]) -> None:
        """Have images looked at by the function: no more than were granted."""
        calls = [bodies[first : first + MESSAGES_A_CALL] for first in range(0, len(bodies), MESSAGES_A_CALL)]
        list(threads.map(self._queues.send_images, calls))

    def follow(self, found: KeyRange, sent: Iterable[tuple[str, str | None]]) -> KeyRange:
        """Follow some of the images that were sent: keys, and when their rows were written before."""
        now = self._clock()
        more = [Followed(key, written, now) for key, written in sent]
        return replace(found, followed=(*found.followed, *more)[:_MOST_FOLLOWED])

    def follow_keys(self, found: KeyRange, keys: Sequence[str]) -> KeyRange:
        """Follow some of the images that are about to be sent, whose rows are not at hand."""
        keys = keys[: _MOST_FOLLOWED - len(found.followed)]
        rows = self._rows.of(keys)
        return self.follow(found, [(key, row.processed_at if (row := rows.get(key)) else None) for key in keys])

    def look_after(self, found: KeyRange) -> KeyRange:
        """See what has become of the images that are followed."""
        if not found.followed:
            return found
        rows = self._rows.of([each.key for each in found.followed])
        still: list[Followed] = []
        for each in found.followed:
            row = rows.get(each.key)
            if row and row.status and row.processed_at != each.written:
                self._outcomes.append(row.status is Status.FAILED)
            elif self._clock() - each.since < _PATIENCE_SECONDS and not self._has_passed(each):
                still.append(each)
        return replace(found, followed=tuple(still))

    def _has_passed(self, each: Followed) -> bool:
        """Whether the function must have dealt with an image."""
        return self._job.in_queue == 0 and self._job.looked_at - each.since > _PASSED_SECONDS

    def without_room(self, found: KeyRange) -> TurnOver:
        """End a turn that has to wait until more may be sent."""
        return self.over(found, wait=ROOM_SECONDS)

    def at_the_end(self, found: KeyRange) -> TurnOver:
        """End a turn after which nothing is left of the range but, maybe, images that are followed."""
        if found.followed:
            self._look()
            return self.over(found, wait=_SETTLE_SECONDS)
        return self.over(found, done=True)

    def over(self, found: KeyRange, *, done: bool = False, wait: float = 0.0, border: str | None = None) -> TurnOver:
        """End a turn."""
        return TurnOver(found, done, wait, tuple(self._outcomes), border)

    def _look(self) -> BulkJob | None:
        """Look at the queues, and return the job by what was seen; None where somebody has in the last seconds.

        Raises NotRunning where the job has to stop.
        """
        looker = f"{self._clock()}"
        now = self._table.begin_look(self._job.id, looker=looker, seconds=LOOK_SECONDS)
        if now is None:
            return None
        seen = self._queues.look()
        with self._stopping():
            number = allowed(now, seen)
        self._table.end_look(
            now,
            looker=looker,
            allowed=number,
            given_at=given_at(now, number),
            in_queue=seen.in_queue,
            dead=seen.dead,
            rotate=now.decided >= GENERATION,
        )
        return replace(now, allowed=number, in_queue=seen.in_queue)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop the job where it has to. Raises NotRunning then."""
        try:
            yield
        except JobTripped as tripped:
            telling.stop(self._table, self._job.id, str(tripped))
            raise NotRunning from None
