"""What a bulk job costs and how long it takes, before it begins."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from thumbctl.bulk.queues import INVOCATIONS_A_POLLER, MESSAGES_AT_A_TIME
from thumbctl.costs.capacity import Demand, JobCapacity
from thumbctl.costs.limits import AwsLimits
from thumbctl.costs.model import BUCKET_KEY_MISSES, MESSAGES_A_REQUEST, Line, Model, Workload, by_service, total
from thumbctl.costs.ranges import UNITS_A_LOOK, Ranges

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from thumbctl.costs.capacity import RangesCapacity, Usage

_KEYS_A_LISTING = 1000
_GB = 2**30
_GIGABIT = 1e9
# What was measured on an imitation of Lambda may take half or twice as long on Lambda.
_OFF = 2

# What Lambda is paid for by time.
_COMPUTE = frozenset({"compute", "compute of range workers"})

_PROTOCOL = "guarantees.md#2-it-converges"
_S3_PRICES = "https://aws.amazon.com/s3/pricing/"
_BUCKET_KEY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html"
_LISTING = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"
_UNITS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"

# The module's variable that bounds each kind's invocations at a time, and what it is by default.
_SETTINGS: Mapping[str, tuple[str, int]] = {
    "import": ("maximum_concurrency", 20),
    "backfill": ("backfill.maximum_concurrency", 10),
}
DEFAULT_CONCURRENCY = sum(most for _, most in _SETTINGS.values())
"""How many invocations the module's defaults run at a time."""
# And where its pollers are provisioned.
_POLLERS: Mapping[str, str] = {"import": "pollers.maximum", "backfill": "backfill.pollers.maximum"}


@dataclass(frozen=True)
class Job:
    """A bulk job; `import` uploads new sources, `backfill` has those looked at that are there.

    objects    whose thumbnails are made
    bytes      of all of them together
    examined   of an import, how many more are in the bucket already and are compared, none where it is None; of a
               backfill, how many are listed and have their row looked up, as many as objects where it is None
    rewritten  how many of the objects have thumbnails already: uploads that replace others, rows out of date or forced
    inventory  whether a backfill reads an inventory instead of listing the bucket
    ranges     how many ranges of keys are gone through at a time in the account; None where a machine does that
    """

    kind: Literal["import", "backfill", "reconcile"]
    objects: int
    bytes: int
    examined: int | None = None
    rewritten: int = 0
    inventory: bool = False
    ranges: int | None = None

    @property
    def lane(self) -> Literal["import", "backfill"]:
        """Whose queue its messages come from: what a reconciliation mends, a backfill would have mended."""
        return "import" if self.kind == "import" else "backfill"

    @property
    def looks(self) -> int:
        """How many objects are examined."""
        everything = self.objects if self.kind != "import" else 0
        return everything if self.examined is None else self.examined

    @property
    def queued(self) -> int:
        """How many messages are in the queue at a time at most: S3 sends all, a backfill waits for room."""
        return min(self.objects, MESSAGES_AT_A_TIME) if self.kind != "import" else self.objects


@dataclass(frozen=True)
class Estimate:
    """The answer: `once` to do it, `monthly` for as long as what it makes is kept."""

    job: Job
    workload: Workload
    once: tuple[Line, ...]
    monthly: tuple[Line, ...]
    capacity: JobCapacity
    """Of what makes the thumbnails."""
    looking: RangesCapacity | None
    """Of what looks for them in the account."""
    prices_date: date
    region: str

    @classmethod
    def of(
        cls,
        job: Job,
        workload: Workload,
        *,
        retention_days: float = 4,
        pollers: int | None = None,
        model: Model | None = None,
    ) -> Estimate:
        """Work it out from the checked-in figures, or another `model`.

        The queue keeps messages for `retention_days`, and has so many provisioned `pollers` at least, where it has any.
        The sources are as large as those of the job.
        """
        model = model or Model.load()
        workload = replace(workload, source_bytes=job.bytes / job.objects if job.objects else None)
        setting, _ = _SETTINGS[job.lane]
        if pollers:
            setting = f"{INVOCATIONS_A_POLLER} * {_POLLERS[job.lane]}"
        capacity = JobCapacity(
            demand=_demand(model, job, workload),
            limits=AwsLimits.load(),
            setting=setting,
            concurrency=workload.maximum_concurrency,
            queued=job.queued,
            retention_days=retention_days,
            pollers=pollers,
        )
        ranges = _ranges(job, workload)
        looking = ranges.capacity(model) if ranges else None
        waiting = max(0.0, capacity.seconds - looking.seconds) if looking else 0
        return cls(
            job,
            workload,
            (*_once(model, job, workload), *(ranges.lines(model, workload, waiting) if ranges else ())),
            _monthly(model, job, workload),
            capacity,
            looking,
            model.prices.date,
            model.prices.region,
        )

    @property
    def dollars(self) -> float:
        """To do it."""
        return total(self.once)

    @property
    def monthly_dollars(self) -> float:
        """For each month that it is kept."""
        return total(self.monthly)

    @property
    def seconds(self) -> float:
        """From the first message to the last image; where it is looked for them in the account, to the last look."""
        return max(each.seconds for each in self.capacities.values())

    @property
    def upload_seconds(self) -> float:
        """How long the sources of an import are on their way at a gigabit a second, which `seconds` leaves out."""
        return self.job.bytes * 8 / _GIGABIT if self.job.kind == "import" else 0

    @property
    def dollars_between(self) -> tuple[float, float]:
        """What it costs where Lambda takes half as long as reckoned, and twice as long."""
        compute = sum(line.dollars for line in self.once if line.what in _COMPUTE)
        return self.dollars - compute + compute / _OFF, self.dollars - compute + compute * _OFF

    @property
    def seconds_between(self) -> tuple[float, float]:
        """How long it takes then."""
        soon, late = (max(_taking(factor, each) for each in self.capacities.values()) for factor in (1 / _OFF, _OFF))
        return soon, late

    @property
    def verdict(self) -> tuple[str, ...]:
        """What bounds the job and what to set, in sentences."""
        return tuple(itertools.chain.from_iterable(each.verdict for each in self.capacities.values()))

    @property
    def capacities(self) -> Mapping[str, JobCapacity]:
        """Of those that have something to do, by what they deal with: objects are looked at while images are made."""
        looking = {} if self.looking is None else {"objects": self.looking}
        return {"images": self.capacity, **looking} if self.job.objects or not looking else looking

    def as_json(self) -> dict[str, Any]:
        """For scripts: dollars and seconds, by what."""
        capacity = self.capacity
        return {
            "job": asdict(self.job),
            "dollars": self.dollars,
            "dollars_between": self.dollars_between,
            "dollars_by_service": by_service(self.once),
            "dollars_a_month": self.monthly_dollars,
            "seconds": self.seconds,
            "seconds_between": self.seconds_between,
            "upload_seconds_at_a_gigabit": self.upload_seconds,
            "images_a_second": capacity.images_a_second,
            "concurrency": {capacity.setting: capacity.concurrency, "good": capacity.good},
            "lines": [_line_as_json(each) for each in self.once],
            "limits": [_usage_as_json(each) for each in capacity.usages],
            "ranges": self.looking
            and {
                "seconds": self.looking.seconds,
                "objects_a_second": self.looking.images_a_second,
                "concurrency": {self.looking.setting: self.looking.concurrency, "good": self.looking.good},
                "limits": [_usage_as_json(each) for each in self.looking.usages],
            },
            "verdict": self.verdict,
            "prices": {"date": self.prices_date.isoformat(), "region": self.region},
            "limits_date": capacity.limits.date.isoformat(),
        }


def default_workload(kind: Literal["import", "backfill", "reconcile"]) -> Workload:
    """What the Terraform module makes of a job of that kind where nobody says otherwise."""
    _, concurrency = _SETTINGS["import" if kind == "import" else "backfill"]
    return Workload(Model.load().renditions, maximum_concurrency=concurrency)


def _line_as_json(line: Line) -> dict[str, Any]:
    return {
        "service": line.service,
        "what": line.what,
        "amount": line.amount,
        "unit": line.price.unit,
        "dollars": line.dollars,
        "rule": line.rule,
    }


def _usage_as_json(usage: Usage) -> dict[str, Any]:
    return {
        "service": usage.service,
        "what": usage.what,
        "demand": usage.demand,
        "limit": usage.most,
        "share": usage.share,
        "saturates_at": usage.saturates_at,
        "page": usage.limit.page,
    }


def _taking(factor: float, capacity: JobCapacity) -> float:
    """Seconds, where Lambda takes `factor` times as long as reckoned."""
    return replace(capacity, demand=replace(capacity.demand, seconds=factor * capacity.demand.seconds)).seconds


def _ranges(job: Job, workload: Workload) -> Ranges | None:
    if job.ranges is None or job.kind == "import":
        return None
    listings = (0 if job.inventory else 1) + (len(workload.renditions) if job.kind == "reconcile" else 0)
    return Ranges(job.kind, job.looks, job.objects, job.ranges, listings)


def _once(model: Model, job: Job, workload: Workload) -> tuple[Line, ...]:
    if job.kind == "import":
        return (*_uploads(model, job, workload), *model.once(job.objects, workload))
    sends = math.ceil(job.objects / MESSAGES_A_REQUEST)
    return (*_looks(model, job, workload), *model.once(job.objects, workload, sends=sends))


def _uploads(model: Model, job: Job, workload: Workload) -> tuple[Line, ...]:
    """What comes on top of making the thumbnails of uploads.

    An upload of a key that had one before bets on being the first and loses: every thumbnail is refused, the row is
    read and claimed, and every thumbnail is written anew.
    """
    prices = model.prices
    refused = job.rewritten * len(workload.renditions)
    return (
        Line("S3", "PUT of the source", job.objects, prices.s3_put, _S3_PRICES),
        Line("S3", "LIST of what is there", _listings(job.objects + job.looks), prices.s3_put, _LISTING),
        Line("S3", "HEAD of what is there", job.looks, prices.s3_get, _S3_PRICES),
        Line("S3", "PUT refused, of keys that had thumbnails", refused, prices.s3_put, _PROTOCOL),
        Line("DynamoDB", "rows read, of such keys", job.rewritten, prices.dynamodb_read, _PROTOCOL),
        _claims(model, job, workload),
        Line("KMS", "data keys of uploads, at best", job.objects * BUCKET_KEY_MISSES, prices.kms_request, _BUCKET_KEY),
    )


def _looks(model: Model, job: Job, workload: Workload) -> tuple[Line, ...]:
    """What comes on top of making the thumbnails in a backfill: the operator's look at all, the function's at each."""
    prices = model.prices
    read = (
        Line("DynamoDB", "rows read by the function", job.objects, prices.dynamodb_read, _PROTOCOL),
        _claims(model, job, workload),
    )
    listed = Line("S3", "LIST of what is there", _listings(job.looks), prices.s3_put, _LISTING)
    if job.inventory:
        listed = Line("S3", "listed in an inventory", job.looks, prices.s3_inventory, _S3_PRICES)
    if job.ranges is not None:
        # What workers in the account list and look up is among what their ranges take.
        return (listed, *read) if job.inventory else read
    looked_up = Line("DynamoDB", "rows looked up", job.looks * UNITS_A_LOOK, prices.dynamodb_read, _UNITS)
    return (listed, looked_up, *read)


def _listings(keys: int) -> int:
    return math.ceil(keys / _KEYS_A_LISTING)


def _claims(model: Model, job: Job, workload: Workload) -> Line:
    units = job.rewritten * model.row_units(workload)
    return Line("DynamoDB", "claims of rows that are there", units, model.prices.dynamodb_write, _PROTOCOL)


def _monthly(model: Model, job: Job, workload: Workload) -> tuple[Line, ...]:
    kept = model.kept(job.objects - job.rewritten, workload)
    if job.kind != "import":
        return kept
    return (Line("S3", "sources", job.bytes / _GB, model.prices.s3_storage, _S3_PRICES), *kept)


def _demand(model: Model, job: Job, workload: Workload) -> Demand:
    rewritten = job.rewritten / job.objects if job.objects else 0
    units = model.row_units(workload)
    importing = job.kind == "import"
    puts = 1 + (rewritten if importing else 0)
    return Demand(
        images=job.objects,
        seconds=model.billed_ms(workload) / 1000,
        batch=workload.batch,
        puts=puts,
        gets=1,
        reads=rewritten if importing else 1,
        writes=units * (1 + rewritten) + workload.failed,
        failures=workload.failed,
        kms=1 + len(workload.renditions) * puts + (1 if importing else 0),
    )
