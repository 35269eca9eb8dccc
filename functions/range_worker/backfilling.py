"""A turn of a backfill: lists a range, compares objects with their rows, and sends messages for what is out of date."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from range_worker.queues import MESSAGES_A_CALL
from thumbnail_pipeline import listing, telemetry
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.jobs.guard import GENERATION, LOOK_SECONDS, JobTripped, allowed
from thumbnail_pipeline.jobs.records import EXAMINED, SENT, Followed, JobState
from thumbnail_pipeline.jobs.table import NotRunning
from thumbnail_pipeline.jobs.wish import EXCLUDED, Wish
from thumbnail_pipeline.messages import backfill_body
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.reconciliation.judgement import judge
from thumbnail_pipeline.rows import KEYS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_s3 import S3Client

    from range_worker.config import RangeWorkerConfig
    from range_worker.queues import JobQueues
    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange
    from thumbnail_pipeline.jobs.table import JobTable
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.judgement import Verdict
    from thumbnail_pipeline.rows import Row, Rows

# Most of a turn is waiting for answers, or reading them, which holds the interpreter's lock.
_CALLS_AT_A_TIME: Final = 4

_Judged: TypeAlias = "tuple[Listed, tuple[Row | None, Verdict | None]]"
"""An object, its row, and what that says of it; None for both where it was not asked for."""

ROOM_SECONDS: Final = 10.0
"""A range that has to wait for room in the queue comes back after so long."""

_ALIVE_SECONDS: Final = 10.0
"""So often it is asked whether the job still runs, where nothing is sent that would show it."""

_MOST_FOLLOWED: Final = 8
"""Images a range: a job has many ranges."""

_SETTLE_SECONDS: Final = 30.0
# The row of an image that the function left as it was, or that was deleted, never changes.
_PATIENCE_SECONDS: Final = 15 * 60


@dataclass(frozen=True)
class TurnOver:
    """How a turn ended."""

    found: KeyRange
    done: bool = False
    wait: float = 0.0
    """Seconds until the next turn can do anything."""
    outcomes: tuple[bool, ...] = ()
    """Of images that were followed, whether they failed."""


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

    @property
    def s3(self) -> S3Client:
        """For listings."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970."""

    @property
    def executor(self) -> Callable[[int], Executor]:
        """Makes threads, so many."""

    @property
    def keys_a_page(self) -> int:
        """How many keys are dealt with at a time."""


class BackfillTurn:
    """What one turn needs; `run` has it."""

    def __init__(self, shop: TurnShop, rows: Rows) -> None:
        self._shop = shop
        self._table = shop.table
        self._queues = shop.queues
        self._clock = shop.clock
        self._rows = rows
        self._outcomes: list[bool] = []
        self._seen_running = shop.clock()

    def run(self, job: BulkJob, found: KeyRange, until: float) -> TurnOver:
        """Go through what is left of a range until it is done, has to wait, or it is `until`.

        Raises NotRunning, and TurnLost.
        """
        asked, settings = job.asked, self._shop.config.settings
        if asked.settings_fingerprint != settings.fingerprint:
            why = "Other settings are deployed since it began: cancel it, and begin another."
            self._table.move(job.id, JobState.STOPPED, JobState.RUNNING, why=why)
            raise NotRunning
        named = Wish(asked.include, asked.exclude, asked.sent, settings.watches).names()
        objects = listing.objects(
            self._shop.s3, asked.bucket, prefix=asked.prefix, after=found.rest.after, until=found.keys.before
        )
        found = self._look_after(found)
        with self._shop.executor(_CALLS_AT_A_TIME) as threads:
            for page in _ahead(threads, objects, self._shop.keys_a_page):
                verdicts = self._judged(threads, page, named, asked.settings_fingerprint)
                found, room = self._deal_with(threads, job, found, list(zip(page, verdicts, strict=True)))
                if not room:
                    return self._over(found, wait=ROOM_SECONDS)
                if self._clock() >= until:
                    return self._over(found)
                self._require_running(job)
        if found.followed:
            self._look(job, sending=False)
            return self._over(found, wait=_SETTLE_SECONDS)
        return self._over(found, done=True)

    def _over(self, found: KeyRange, *, done: bool = False, wait: float = 0.0) -> TurnOver:
        return TurnOver(found, done, wait, tuple(self._outcomes))

    def _judged(
        self,
        threads: Executor,
        page: Sequence[Listed],
        named: Callable[[str, int], bool],
        fingerprint: str,
    ) -> list[tuple[Row | None, Verdict | None]]:
        """Return the row and the verdict of each object, None for those that were not asked for."""
        keys = [each.key for each in page if named(each.key, each.size)]
        calls = [keys[first : first + KEYS_A_CALL] for first in range(0, len(keys), KEYS_A_CALL)]
        rows: dict[str, Row] = {}
        for answer in threads.map(self._rows.of, calls):
            rows |= answer
        asked_for = set(keys)
        return [
            (row := rows.get(each.key), judge(each, row, fingerprint)) if each.key in asked_for else (None, None)
            for each in page
        ]

    def _deal_with(
        self, threads: Executor, job: BulkJob, found: KeyRange, page: Sequence[_Judged]
    ) -> tuple[KeyRange, bool]:
        """Send what is out of date as far as the guard lets it through, write that down, and say whether it was all."""
        outdated = [number for number, (_, (_, verdict)) in enumerate(page) if verdict in job.asked.sent]
        granted = self._grant(job, len(outdated)) if outdated else 0
        end = len(page) if granted == len(outdated) else outdated[granted]
        sent = [page[number] for number in outdated[:granted]]
        bucket, forced = job.asked.bucket, job.asked.forced
        bodies = [
            backfill_body(Image(bucket, each.key), size=each.size, etag=each.etag, forced=forced) for each, _ in sent
        ]
        calls = [bodies[first : first + MESSAGES_A_CALL] for first in range(0, len(bodies), MESSAGES_A_CALL)]
        list(threads.map(self._queues.send_images, calls))
        if not end:
            return found, False
        counts = Counter(str(verdict or EXCLUDED) for _, (_, verdict) in page[:end])
        counts[EXAMINED] += end
        counts[SENT] += granted
        now = self._clock()
        more = [Followed(each.key, row.processed_at if row else None, now) for each, (row, _) in sent]
        found = replace(
            found,
            reached=page[end - 1][0].key,
            counts=found.counts + counts,
            followed=(*found.followed, *more)[:_MOST_FOLLOWED],
        )
        self._table.record(found)
        return found, end == len(page)

    def _grant(self, job: BulkJob, wanted: int) -> int:
        """Return how many of so many messages may be sent now. Raises NotRunning."""
        granted = self._table.grant(job.id, wanted)
        self._seen_running = self._clock()
        if granted.number < wanted and self._look(job, sending=True):
            return granted.number + self._table.grant(job.id, wanted - granted.number).number
        return granted.number

    def _look(self, job: BulkJob, *, sending: bool) -> bool:
        """Look at the queues, unless somebody has in the last seconds. Raises NotRunning where the job has to stop."""
        looker = f"{self._clock()}"
        now = self._table.begin_look(job.id, looker=looker, seconds=LOOK_SECONDS)
        if now is None:
            return False
        seen = self._queues.look()
        try:
            number = allowed(now, seen, sending=sending)
        except JobTripped as tripped:
            if self._table.move(job.id, JobState.STOPPED, JobState.RUNNING, why=str(tripped)):
                telemetry.log("ERROR", "job stopped", job=job.id, why=str(tripped))
            raise NotRunning from None
        rotate = now.decided >= GENERATION
        self._table.end_look(now, looker=looker, allowed=number, in_queue=seen.in_queue, dead=seen.dead, rotate=rotate)
        return True

    def _require_running(self, job: BulkJob) -> None:
        now = self._clock()
        if now - self._seen_running >= _ALIVE_SECONDS:
            if self._table.job(job.id).state is not JobState.RUNNING:
                raise NotRunning
            self._look(job, sending=False)
            self._seen_running = now

    def _look_after(self, found: KeyRange) -> KeyRange:
        """See what has become of the images that are followed."""
        if not found.followed:
            return found
        rows = self._rows.of([each.key for each in found.followed])
        still: list[Followed] = []
        for each in found.followed:
            row = rows.get(each.key)
            if row and row.status and row.processed_at != each.written:
                self._outcomes.append(row.status is Status.FAILED)
            elif self._clock() - each.since < _PATIENCE_SECONDS:
                still.append(each)
        return replace(found, followed=tuple(still))


def _ahead(threads: Executor, objects: Iterator[Listed], number: int) -> Iterator[list[Listed]]:
    """Yield pages of so many objects, and fetch the next one meanwhile."""

    def fetch() -> list[Listed]:
        return list(itertools.islice(objects, number))

    following = threads.submit(fetch)
    while page := following.result():
        following = threads.submit(fetch)
        yield page
