"""What keeps a job from running away: how many messages it may have sent by now, and when it is to stop. Pure.

A queue takes any number of messages, and nothing but a purge gets them out, so no more are put in than the function
works off within minutes. All workers of a job share one number, how many messages may have been let through. Whoever
looks at the queues raises it; whoever sends takes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from thumbnail_pipeline.jobs.records import BulkJob

LOOK_SECONDS: Final = 3
"""How often somebody looks."""

_MOST_SECONDS: Final = 15
"""Leave that a rate gives and nobody asked for in so long is forgone; a range that has none comes back before."""

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

    To list a page and read its rows only to find that out costs more than all else of a job that waits for weeks.
    """
    return job.granted < job.allowed or now - job.looked_at >= LOOK_SECONDS


def allowed(job: BulkJob, seen: QueueLook, *, sending: bool = True) -> int:
    """Return how many messages may be let through up to the next look. Raises JobTripped where the job has to stop.

    Where it is not `sending`, it may well have sent as many as it may.
    """
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
    if sending and bounds.limit is not None and job.granted >= bounds.limit:
        raise JobTripped(
            f"It has sent {job.granted:,} messages, and at most {bounds.limit:,} may be: --limit allows more."
        )
    most_granted = [job.granted + max(0, bounds.in_queue - seen.in_queue)]
    if bounds.limit is not None:
        most_granted.append(bounds.limit)
    if bounds.rate is not None:
        since = job.looked_at - job.looked_before if job.looked_before else LOOK_SECONDS
        most_granted.append(job.granted + max(1, int(bounds.rate * min(since, _MOST_SECONDS))))
    if bounds.dollars is not None:
        left = bounds.dollars - job.cost
        price = job.asked.prices.message
        if left <= 0 or (sending and left < price):
            raise JobTripped(
                f"It has cost about ${job.cost:,.2f}, and at most ${bounds.dollars:,.2f} may be spent: --budget allows"
                " more."
            )
        if price:
            most_granted.append(job.granted + int(left / price))
    return min(most_granted)
