"""How long a bulk job takes, and which of AWS's limits it meets first.

Everything follows from what one image takes: an invocation is busy for so many seconds, and makes so many requests. So
each demand grows with the number of invocations at a time, and each limit is met at a number of them. Pure: seconds,
images, units a second.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from thumbctl.bulk.queues import INVOCATIONS_A_POLLER
from thumbctl.costs.model import BUCKET_KEY_MISSES
from thumbnail_pipeline.rows import FAILURE_SHARDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thumbctl.costs.limits import AwsLimits, Limit

DAY = 24 * 3600

_MINUTE, _HOUR = 60, 3600
# What a good setting takes of every limit: retries, other functions of the account and bursts need the rest.
_GOOD_SHARE = 0.8
# Lambda's least maximum concurrency.
_FEWEST = 2
_TENS = 10
# Where the ramp takes more than this share of the time and these seconds, it is worth a word.
_LONG_RAMP = 0.1
_LONG_RAMP_SECONDS = 30


class Step(NamedTuple):
    """From `begin` seconds on, at most so many invocations at a time."""

    begin: float
    most: float


@dataclass(frozen=True)
class Ramp:
    """How Lambda's pollers get busy: with `first` batches at a time, and `a_second` more each second."""

    first: float
    a_second: float

    def done(self, until: float, most: float) -> float:
        """Invocation-seconds in the first `until` seconds, with never more than `most` at a time."""
        knee = self.full_after(most)
        rising = min(until, knee)
        flat = until - rising
        return min(self.first, most) * rising + self.a_second * rising**2 / 2 + (most * flat if flat else 0)

    def seconds(self, work: float, most: float) -> float:
        """How long `work` invocation-seconds take, with never more than `most` at a time."""
        knee = self.full_after(most)
        risen = self.done(knee, most)
        if work > risen:
            return knee + (work - risen) / most
        return (math.sqrt(self.first**2 + 2 * self.a_second * work) - self.first) / self.a_second if work else 0

    def full_after(self, most: float) -> float:
        """Seconds until `most` are at work."""
        return max(0.0, (most - self.first) / self.a_second)


def seconds(work: float, ramp: Ramp, steps: Sequence[Step]) -> float:
    """How long `work` invocation-seconds take where what is allowed changes in `steps`; the first begins at 0."""
    for step, following in itertools.pairwise(steps):
        before, after = (ramp.done(moment, step.most) for moment in (step.begin, following.begin))
        if before + work <= after:
            return ramp.seconds(before + work, step.most)
        work -= after - before
    last = steps[-1]
    return ramp.seconds(ramp.done(last.begin, last.most) + work, last.most)


@dataclass(frozen=True)
class Demand:
    """What an average image of a job takes of what is limited.

    seconds   of an invocation, shared by the images in it
    batch     messages that an invocation gets
    puts      to the prefix of one rendition: each has its own
    gets      from the prefix of the sources
    reads     read units of the catalog
    writes    write units of the catalog
    failures  write units of the index of failures
    kms       requests to KMS that bucket keys would not save
    """

    images: float
    seconds: float
    batch: float
    puts: float
    gets: float
    reads: float
    writes: float
    failures: float
    kms: float


@dataclass(frozen=True)
class Usage:
    """What a job asks of one limit."""

    service: str
    what: str
    demand: float
    limit: Limit
    lowered_to: float | None = None
    """By the stack's own configuration."""
    saturates_at: float | None = None
    """Invocations at a time; None where their number does not matter."""

    @property
    def most(self) -> float:
        """What the limit comes to here."""
        return self.limit.value if self.lowered_to is None else self.lowered_to

    @property
    def share(self) -> float:
        """Of the limit."""
        return self.demand / self.most


@dataclass(frozen=True)
class Growing:
    """What an image takes of a table that is ready for more once it is asked for more than ever."""

    units: float
    first: Limit
    most: Limit

    def ready(self, doublings: int) -> float:
        """Units a second."""
        return min(self.first.value * float(2**doublings), self.most.value)


@dataclass(frozen=True)
class JobCapacity:
    """A job and the stack that it is to go through.

    setting         the module's variable that bounds the invocations at a time
    concurrency     what it is set to
    queued          messages that are in the queue at a time at most
    retention_days  for which the queue keeps a message
    pollers         how many of the mapping's pollers are provisioned at least; None where Lambda brings its own
    """

    demand: Demand
    limits: AwsLimits
    setting: str
    concurrency: int
    queued: float
    retention_days: float
    pollers: int | None = None

    @property
    def images_a_second(self) -> float:
        """With all invocations at work and nothing in the way."""
        return self.concurrency / self.demand.seconds

    @property
    def seconds(self) -> float:
        """From the first message to the last image."""
        return seconds(self._work, self._ramp, tuple(self._steps()))

    @property
    def ramp_seconds(self) -> float:
        """Of them, what is lost because Lambda begins with a few batches at a time."""
        at_once = Ramp(math.inf, self._ramp.a_second)
        return self.seconds - seconds(self._work, at_once, tuple(self._steps()))

    @property
    def wait_seconds(self) -> float:
        """For which a message may wait in the queue before its turn comes."""
        return replace(self, demand=replace(self.demand, images=min(self.demand.images, self.queued))).seconds

    @property
    def full_after_seconds(self) -> float:
        """Until all invocations are at work."""
        return self._ramp.full_after(self.concurrency)

    @property
    def good(self) -> int:
        """The most invocations at a time that leave a fifth of every limit free, in tens where there are so many."""
        allowed = int(_GOOD_SHARE * min(each.saturates_at for each in self._paced if each.saturates_at))
        return max(_FEWEST, allowed if allowed < _TENS else allowed // _TENS * _TENS)

    @property
    def first(self) -> Usage | None:
        """What saturates first, if anything does."""
        saturated = [each for each in self._paced if each.share > 1]
        return max(saturated, key=lambda each: each.share, default=None)

    def at(self, concurrency: int) -> JobCapacity:
        """The same job with another setting."""
        return replace(self, concurrency=concurrency)

    @property
    def usages(self) -> tuple[Usage, ...]:
        """Every limit and what the job asks of it."""
        limits = self.limits
        pollers, days = self._ramp.a_second, self.wait_seconds / DAY
        return (
            Usage("Lambda", "new invocations a second", pollers, limits.lambda_environments),
            *self._paced,
            self._usage("KMS", "requests, without bucket keys", self._rate(self.demand.kms), limits.kms_requests),
            Usage(
                "SQS", "days for which a message waits, at most", days, limits.sqs_retention_days, self.retention_days
            ),
        )

    @property
    def _paced(self) -> tuple[Usage, ...]:
        """The limits that slow the job down."""
        limits, demand, concurrency = self.limits, self.demand, self.concurrency
        with_bucket_keys = self._rate(demand.kms * BUCKET_KEY_MISSES)
        return (
            self._usage("Lambda", "invocations of the mapping", concurrency, self._mapping),
            self._usage("Lambda", "invocations of the account", concurrency, limits.lambda_account),
            self._usage("S3", "PUT under the prefix of a rendition", self._rate(demand.puts), limits.s3_put_prefix),
            self._usage("S3", "GET under the prefix of the sources", self._rate(demand.gets), limits.s3_get_prefix),
            self._usage("DynamoDB", "writes, in a new table", self._rate(demand.writes), limits.dynamodb_first_write),
            self._usage("DynamoDB", "writes", self._rate(demand.writes), limits.dynamodb_table_write),
            *self._reads,
            self._usage(
                "DynamoDB",
                "writes to a shard of the index of failures",
                self._rate(demand.failures / FAILURE_SHARDS),
                limits.dynamodb_partition_write,
            ),
            self._usage("SQS", "messages in flight", concurrency * demand.batch, limits.sqs_in_flight),
            self._usage("KMS", "requests, at best", with_bucket_keys, limits.kms_requests),
            self._usage("CloudWatch", "PutLogEvents, at most", self._rate(1 / demand.batch), limits.logs_put),
        )

    @property
    def _reads(self) -> tuple[Usage, ...]:
        """Of the catalog, which is a new table and later is none."""
        rate = self._rate(self.demand.reads)
        return (
            self._usage("DynamoDB", "reads, in a new table", rate, self.limits.dynamodb_first_read),
            self._usage("DynamoDB", "reads", rate, self.limits.dynamodb_table_read),
        )

    @property
    def _growing(self) -> tuple[Growing, ...]:
        """What is asked of the catalog, which gets ready for more."""
        limits, demand = self.limits, self.demand
        return (
            Growing(demand.writes, limits.dynamodb_first_write, limits.dynamodb_table_write),
            Growing(demand.reads, limits.dynamodb_first_read, limits.dynamodb_table_read),
        )

    @property
    def verdict(self) -> tuple[str, ...]:
        """What bounds the job and what to set, in sentences."""
        return (self._bound(), *self._expiry(), *self._slow_start())

    def _bound(self) -> str:
        first, good = self.first, self.at(self.good)
        better = f"with {good.concurrency:,}, which leaves a fifth of every limit free, it takes {spoken(good.seconds)}"
        if first is not None:
            return (
                f"{first.service} saturates first ({first.what}), at {first.saturates_at:,.0f} of {self.concurrency:,}"
                f" invocations at a time: lower {self.setting} ({better}), or {first.limit.remedy}."
            )
        if self.concurrency < good.concurrency:
            return f"Nothing saturates; what bounds it is {self.setting} = {self.concurrency:,}: {better}."
        left = "a fifth" if self.concurrency == good.concurrency else "less than a fifth"
        return f"Nothing saturates, and {self.setting} = {self.concurrency:,} leaves {left} of the scarcest limit free."

    def _expiry(self) -> Iterator[str]:
        if self.wait_seconds <= self.retention_days * DAY:
            return
        good = self.at(max(self.good, self.concurrency))
        slower = f"send at most {self._images_a_second_at_first:,.0f} images a second with --rate"
        ways = (slower, *self._in_time_with(self), *self._in_time_with(good))
        yield (
            f"The queue keeps a message for {self.retention_days:g} days, and the last would wait for"
            f" {spoken(self.wait_seconds)}: sent all at once, messages expire before their turn comes. So"
            f" {', or '.join(dict.fromkeys(ways))}."
        )

    def _in_time_with(self, other: JobCapacity) -> Iterator[str]:
        """What to set for messages to live as long as the job takes with the concurrency of `other`, if that can be."""
        days = math.ceil(other.wait_seconds / DAY)
        # Dead letters have to be kept for longer than messages, and SQS keeps nothing for longer than this.
        if days >= self.limits.sqs_retention_days.value:
            return
        settings = []
        if other.concurrency != self.concurrency:
            settings.append(f"{self.setting} to {other.concurrency:,}")
        if days > self.retention_days:
            settings.append(f"retention.queue_days to {days}")
        yield f"set {' and '.join(settings)}"

    def _slow_start(self) -> Iterator[str]:
        lost = self.ramp_seconds
        if lost > max(_LONG_RAMP * self.seconds, _LONG_RAMP_SECONDS):
            yield (
                f"Of it, {spoken(lost)} are lost while Lambda's pollers begin: where that matters, {self._more.remedy}."
            )

    @property
    def _images_a_second_at_first(self) -> float:
        """When all invocations that are allowed from the beginning are at work."""
        return math.floor(next(self._steps()).most / self.demand.seconds)

    @property
    def _work(self) -> float:
        return self.demand.images * self.demand.seconds

    @property
    def _ramp(self) -> Ramp:
        first = INVOCATIONS_A_POLLER * self.pollers if self.pollers else self.limits.lambda_first_batches.value
        return Ramp(first, self._more.value / _MINUTE)

    @property
    def _mapping(self) -> Limit:
        return self.limits.lambda_provisioned if self.pollers else self.limits.lambda_mapping

    @property
    def _more(self) -> Limit:
        return self.limits.lambda_provisioned_more if self.pollers else self.limits.lambda_more_batches

    def _steps(self) -> Iterator[Step]:
        """What is allowed, from when on: a table that is asked for more than ever gets ready for it, by doubling."""
        growing = [each for each in self._growing if each.units]
        others = self._most([each.first for each in growing])
        for doublings in itertools.count():
            ready = [each.ready(doublings) * self.demand.seconds / each.units for each in growing]
            allowed = min([others, *ready])
            yield Step(doublings * self.limits.dynamodb_doubling.value, allowed)
            if allowed >= others or all(each.ready(doublings) >= each.most.value for each in growing):
                return

    def _most(self, but: Sequence[Limit]) -> float:
        """Invocations at a time that are allowed by everything else than the limits `but`."""
        allowed = (each.saturates_at for each in self._paced if each.limit not in but and each.saturates_at)
        return min(self.concurrency, *allowed)

    def _rate(self, per_image: float) -> float:
        return self.images_a_second * per_image

    def _usage(self, service: str, what: str, demand: float, limit: Limit) -> Usage:
        """Of what grows with the invocations at a time."""
        saturates_at = self.concurrency * limit.value / demand if demand else None
        return Usage(service, what, demand, limit, saturates_at=saturates_at)


class RangesCapacity(JobCapacity):
    """A job in the account that goes through so many ranges of keys at a time: its images are objects, looked at."""

    @property
    def usages(self) -> tuple[Usage, ...]:
        """Every limit and what the job asks of it."""
        begun = Usage("Lambda", "new invocations a second", self._ramp.a_second, self.limits.lambda_environments)
        return (begun, *self._paced)

    @property
    def _paced(self) -> tuple[Usage, ...]:
        limits, demand, ranges = self.limits, self.demand, self.concurrency
        row = self._rate(demand.writes)
        # A listing is a GET of the bucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        return (
            self._usage("Lambda", "invocations of the mapping", ranges, self._mapping),
            self._usage("Lambda", "invocations of the account", ranges, limits.lambda_account),
            self._usage("S3", "LIST under a prefix", self._rate(demand.gets), limits.s3_get_prefix),
            *self._reads,
            self._usage("DynamoDB", "writes to the job's row", row, limits.dynamodb_partition_write),
        )

    @property
    def _growing(self) -> tuple[Growing, ...]:
        limits = self.limits
        return (Growing(self.demand.reads, limits.dynamodb_first_read, limits.dynamodb_table_read),)


def spoken(seconds: float) -> str:
    """A duration as people say it."""
    spans = ((2 * _MINUTE, 1, "seconds"), (2 * _HOUR, _MINUTE, "minutes"), (2 * DAY, _HOUR, "hours"))
    unit, name = next(((unit, name) for until, unit, name in spans if seconds < until), (DAY, "days"))
    amount = seconds / unit
    return f"{amount:.0f} {name}" if amount >= _TENS or unit == 1 else f"{amount:.1f} {name}"
