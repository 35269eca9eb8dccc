"""What keeps a job from running away: how many messages it may have sent by now, and when it is to stop. Pure.

A queue takes any number of messages, and nothing but a purge gets them out, so no more are put in than the function
works off within minutes. All workers of a job share one number, how many messages may have been let through. Whoever
looks at the queues raises it; whoever sends takes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from thumbnail_pipeline.jobs.records import BulkJob, JobBounds

LOOK_SECONDS: Final = 3
"""How often somebody looks."""

_MOST_SECONDS: Final = 15
"""Leave that a rate gives and nobody asks for in so long is forgone, or in as long as two messages take."""

GENERATION: Final = 150
"""Failures are those of the last so many images that were followed to their end, and of the same number before."""

_ENOUGH: Final = 100


class JobTripped(Exception):
    """The job has to stop; the message says what was seen and what to do. Nothing is lost."""


@dataclass(frozen=True)
class QueueLook:
    """What the queues showed."""

    in_queue: int
    """Messages in the backfill queue, seen and unseen."""
    dead: int
    """Dead letters."""
    paused: bool
    """Whether nobody works on the backfill queue."""


def may_have_room(job: BulkJob, now: float) -> bool:
    """Whether a turn may get leave to send anything: not where nothing was left at a look that somebody has just had.

    To take a range and leave it only to find that out costs more than all else of a job that waits for weeks.
    """
    return job.granted < job.allowed or now - job.looked_at >= LOOK_SECONDS


def allowed(job: BulkJob, seen: QueueLook) -> int:
    """Return how many messages may be let through up to the next look. Raises JobTripped where the job has to stop."""
    bounds = job.bounds
    if seen.paused:
        raise JobTripped("The backfill queue is paused, so nobody works on what is sent: 'thumbctl resume backfill'.")
    dead = seen.dead - job.dead_before if job.dead_before >= 0 else 0
    if dead > bounds.dead:
        raise JobTripped(
            f"{dead} messages have become dead letters since it began, and at most {bounds.dead} may: look at them with"
            " 'thumbctl dlq peek'; --max-dead allows more."
        )
    decided, failed = job.decided + job.decided_before, job.failed + job.failed_before
    most = bounds.failed_percent
    if most is not None and decided >= _ENOUGH and failed * 100 > most * decided:
        raise JobTripped(
            f"{failed} of the last {decided} images that were followed failed, and at most {most:g} % may: see why with"
            " 'thumbctl failures --by-reason'; --max-failed allows more."
        )
    most_granted = [job.let_through + room(bounds, seen.in_queue)]
    if bounds.limit is not None:
        most_granted.append(bounds.limit)
    if bounds.rate is not None:
        most_granted.append(job.let_through + int(bounds.rate * (job.looked_at - _gives_since(job, bounds.rate))))
    if bounds.dollars is not None:
        left = bounds.dollars - job.cost
        if left <= 0:
            raise _spent(job, bounds.dollars)
        if price := job.asked.prices.message:
            most_granted.append(job.let_through + int(left / price))
    return min(most_granted)


def room(bounds: JobBounds, in_queue: int) -> int:
    """Return how many messages the queue has room for: none where it holds more than `goes_on_at`.

    For fewer it does not pay to go through a page again that was left half done, or through a file of an inventory.
    """
    return bounds.in_queue - in_queue if in_queue <= goes_on_at(bounds) else 0


def goes_on_at(bounds: JobBounds) -> int:
    """Return at how many messages in the queue a job goes on that waits for room: a tenth below what it may hold."""
    return bounds.in_queue - max(1, bounds.in_queue // 10)


def require_means(job: BulkJob) -> None:
    """Raises JobTripped where a job has something to send, and may send no more, whatever the queues show."""
    limit, dollars = job.bounds.limit, job.bounds.dollars
    if limit is not None and job.let_through >= limit:
        raise JobTripped(
            f"It has sent {job.let_through:,} messages, and at most {limit:,} may be: --limit allows more."
        )
    if dollars is not None and dollars - job.cost < job.asked.prices.message:
        raise _spent(job, dollars)


def _spent(job: BulkJob, dollars: float) -> JobTripped:
    return JobTripped(
        f"It has cost about ${job.cost:,.2f}, and at most ${dollars:,.2f} may be spent: --budget allows more."
    )


def given_at(job: BulkJob, number: int) -> float:
    """Return up to which moment a rate has given its leave, once so many messages may be let through; 0 without one."""
    rate = job.bounds.rate
    return _gives_since(job, rate) + (number - job.let_through) / rate if rate else 0.0


def _gives_since(job: BulkJob, rate: float) -> float:
    return max(job.given_at, job.ran_since, job.looked_at - max(_MOST_SECONDS, 2 / rate))
