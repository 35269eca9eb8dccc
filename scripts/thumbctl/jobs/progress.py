"""How far a job is and how long it may take, as far as that can be known, and no further.

Nobody knows how many objects there are before all are listed. Two things tell something: ranges that are done, by which
those that are not may be judged, though they are no two alike; and S3's daily count of a bucket's objects, which counts
every version, and so says how many there are at most. So what is left is told from and to, or at most, or not at all.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from thumbctl.conventions import counted
from thumbctl.costs.capacity import spoken
from thumbnail_pipeline.jobs.guard import goes_on_at
from thumbnail_pipeline.jobs.records import EXAMINED, SENT, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange

# Fewer ranges that are done, or a smaller share, say nothing of the others: the short ones are done first.
_TELLING_RANGES: Final = 4
_TELLING_SHARE: Final = 0.25
_EXAMPLES: Final = 3
"""Of each kind."""

# Before, it is mostly workers that start.
_SETTLED_SECONDS: Final = 30
# Whoever works on a range looks at the queues at least once a minute.
_SILENT_SECONDS: Final = 5 * 60


@dataclass(frozen=True)
class Span:
    """A number that is known from and to."""

    least: float
    most: float


@dataclass(frozen=True)
class JobProgress:
    """A job at a moment, with its ranges."""

    told: BulkJob
    """As its row has it, where what a worker has counted is added once its turn is over."""
    ranges: Sequence[KeyRange]
    now: float
    """Seconds since 1970."""
    most_objects: int | None = None
    """How many the job can be about at most; None where nobody knows."""

    @cached_property
    def examples(self) -> dict[str, list[Mapping[str, Any]]]:
        """Of a reconcile, some findings of each kind, as `Finding.as_json` has them."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for each in (example for one in self.ranges for example in one.examples):
            if len(some := found.setdefault(each["kind"], [])) < _EXAMPLES:
                some.append(each)
        return found

    @cached_property
    def job(self) -> BulkJob:
        """As of this moment: with what is in its ranges' rows only.

        Both grow, and the job's is not read at the same moment: the larger one is true of a later moment.
        """
        counted_by_ranges = sum((each.counts for each in self.ranges), Counter[str]())
        examined = max(self.told.examined, counted_by_ranges.pop(EXAMINED, 0))
        return replace(self.told, examined=examined, counts=self.told.counts | counted_by_ranges)

    @property
    def ranges_done(self) -> int:
        return sum(each.is_done for each in self.ranges)

    @property
    def objects_a_second(self) -> float | None:
        """Since it last began to run; None where it does not run, or has just begun to."""
        seconds = self.now - self.told.ran_since
        if self.told.state is not JobState.RUNNING or seconds < _SETTLED_SECONDS:
            return None
        return (self.job.examined - self.told.examined_then) / seconds

    @property
    def _ranges_tell(self) -> bool:
        """Whether those that are done say anything of the others."""
        return self.ranges_done >= max(_TELLING_RANGES, _TELLING_SHARE * len(self.ranges))

    @property
    def objects_left(self) -> Span | None:
        """How many objects are not looked at yet; None where nothing tells."""
        cap = math.inf if self.most_objects is None else max(0, self.most_objects - self.job.examined)
        sizes = [each.counts[EXAMINED] for each in self.ranges if each.is_done]
        open_ones = [each.counts[EXAMINED] for each in self.ranges if not each.is_done]
        if self.ranges and not open_ones:
            return Span(0, 0)
        if not self._ranges_tell:
            return None if self.most_objects is None else Span(0, cap)
        mean, largest = sum(sizes) / len(sizes), max(sizes + open_ones)
        least, most = (sum(max(0, size - each) for each in open_ones) for size in (mean, largest))
        return Span(min(least, cap), min(most, cap))

    @property
    def seconds_left(self) -> Span | None:
        """How long it takes if it goes on as it has since it last began to run; None where nothing tells."""
        left, rate = self.objects_left, self.objects_a_second
        if left is None or not rate:
            return None
        return Span(left.least / rate, left.most / rate)

    def sentences(self) -> Iterator[str]:
        """What people are told of it."""
        job = self.job
        rate = self.objects_a_second
        speed = f" ({rate:,.0f} a second)" if rate else ""
        budget = f" of at most ${job.bounds.dollars:,.2f}" if job.bounds.dollars is not None else ""
        yield (
            f"{counted(job.examined, 'object')} looked at{speed}, {counted(job.counts[SENT], 'message')} sent,"
            f" {_dollars(job.cost)}{budget}."
        )
        if self.ranges and not job.state.is_over:
            yield f"Ranges of keys that are done: {self.ranges_done:,} of {len(self.ranges):,}."
        match job.state:
            case JobState.PLANNING:
                yield "Its keys are being divided into ranges, which takes a minute at most."
                yield from self._silence(job.asked.at)
            case JobState.RUNNING:
                yield from self._running()
            case JobState.PAUSED:
                yield f"It is paused: 'thumbctl jobs resume {job.id}' has it go on."
            case JobState.STOPPED:
                yield (
                    f"'thumbctl jobs resume {job.id}' has it go on where it stopped, once that is mended or allowed;"
                    f" 'thumbctl jobs cancel {job.id}' ends it."
                )
            case JobState.DONE:
                yield f"It took {spoken(job.finished_at - job.asked.at)}."
            case JobState.CANCELLED:
                pass

    def _running(self) -> Iterator[str]:
        job = self.job
        open_ones = [each for each in self.ranges if not each.is_done]
        if job.granted and job.granted >= job.allowed:
            yield f"It waits until more may be sent: {self._bound()}."
        elif not open_ones:
            yield "All of it is done: it ends at any moment."
        elif all(each.followed and each.held_until < self.now for each in open_ones):
            yield "All keys are looked at, it seems: it waits for what becomes of the images that it follows."
        else:
            yield self._left()
        yield from self._silence(max(job.looked_at, job.ran_since))

    def _bound(self) -> str:
        bounds = self.job.bounds
        if bounds.rate is not None and self.job.in_queue <= goes_on_at(bounds):
            return f"--rate is {bounds.rate:g} a second"
        most = f"{goes_on_at(bounds):,}, a tenth below --in-queue"
        return f"{self.job.in_queue:,} messages are in the backfill queue, and it goes on at {most}"

    def _left(self) -> str:
        left = self.seconds_left
        if left is None:
            return "It is too early to say how long it takes."
        least, most = spoken(left.least), spoken(left.most)
        if not self._ranges_tell:
            return f"At most {most} left at this rate, by S3's daily count of the bucket's objects."
        between = most if least == most else f"{least} to {most}"
        return f"Perhaps {between} left, as ranges that are done tell of the others."

    def _silence(self, since: float) -> Iterator[str]:
        if self.now - since > _SILENT_SECONDS:
            yield f"Nobody has worked on it for {spoken(self.now - since)}: 'thumbctl doctor' may say why."


def _dollars(dollars: float) -> str:
    return "less than $0.01" if 0 < dollars < 0.01 else f"about ${dollars:,.2f}"  # noqa: PLR2004 - a cent
