"""What the table of jobs holds: jobs, and the ranges of keys that they are cut into.

job      what                attributes
───────  ──────────────────  ──────────────────────────────────────────────────────────────────────────────────
jobs     <id>                what was asked and how far it is, one row a job, so that all are listed with one query
<id>     plan                borders: the texts that divide its keys, written once
<id>     range#<name>        begins, ends, reached; who works on it until when; what it has counted, and examples
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.jobs.ranges import Range
from thumbnail_pipeline.jobs.wish import Wish
from thumbnail_pipeline.reconciliation.comparison import GRACE
from thumbnail_pipeline.reconciliation.findings import Kind, Standing
from thumbnail_pipeline.reconciliation.judgement import Verdict
from thumbnail_pipeline.rows import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

JOBS: Final = "jobs"
"""The partition of all jobs."""

SENT: Final = "sent"
"""What is counted of messages that are in the queue, beside what was found."""

DELETED: Final = "deleted"
"""What is counted of thumbnails that no row listed, and that were deleted."""

EXAMINED: Final = "examined"
"""What is counted of all objects, whatever was found."""

_COUNT: Final = "n_"


class JobKind(StrEnum):
    """What a job does."""

    BACKFILL = "backfill"
    """Sends messages about objects whose rows are missing or out of date."""
    RECONCILE = "reconcile"
    """Compares both buckets with the catalog, and mends what is wrong where that was asked for."""


class JobState(StrEnum):
    """Where a job is. Only the first four can change."""

    PLANNING = "planning"
    """Its keys are being divided into ranges."""
    RUNNING = "running"
    PAUSED = "paused"
    """By somebody, who can have it go on."""
    STOPPED = "stopped"
    """By its own guard, which says why; it can go on when the cause is mended."""
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether it never goes on."""
        return self in {JobState.DONE, JobState.CANCELLED}


@dataclass(frozen=True)
class JobBounds:
    """When a job waits, and when it stops. None is no bound."""

    in_queue: int = 10_000
    """It waits while there are more messages in the backfill queue."""
    rate: float | None = None
    """Messages a second."""
    failed_percent: float | None = 10
    """It stops when more of the images that were followed last failed."""
    dead: int = 10
    """It stops when there are more new dead letters, also those of other messages."""
    limit: int | None = None
    """It stops when so many messages are sent."""
    dollars: float | None = None
    """It stops when it has cost so much."""


@dataclass(frozen=True)
class JobPrices:
    """What a job is reckoned to cost, in dollars."""

    message: float
    """Of a message and what the function does about it."""
    million_examined: float
    """Of listing a million objects and reading their rows."""


@dataclass(frozen=True)
class JobInventory:
    """An S3 Inventory, as it is when somebody asks for a job."""

    location: str
    """Of its manifest: `s3://bucket/key`."""
    etag: str
    """Of its manifest."""


@dataclass(frozen=True)
class Asked:
    """What somebody asked for; it never changes."""

    kind: JobKind
    bucket: str
    prefix: str
    settings_fingerprint: str
    """Of the settings by which objects are out of date."""
    prices: JobPrices
    inventory: JobInventory | None = None
    """Whose objects it is about; None where the bucket is listed."""
    repair: bool = False
    """Of a reconcile, whether what is wrong is mended."""
    grace: float = GRACE.total_seconds()
    """Of a reconcile, how many seconds something may take before it counts as wrong."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sent: frozenset[Verdict] = Wish().sent
    forced: bool = False
    by: str = ""
    """Who asked."""
    at: float = 0.0
    """When, in seconds since 1970."""

    @property
    def changes(self) -> bool:
        """Whether it has anything done about what it finds."""
        return self.kind is JobKind.BACKFILL or self.repair

    def conflicts_with(self, other: Asked) -> bool:
        """Whether both may be about the same keys, and would find the same, or have the same done."""
        overlap = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        return overlap and (self.kind is other.kind or (self.changes and other.changes))

    def as_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps({**asdict(self), "sent": sorted(self.sent)})

    @classmethod
    def from_json(cls, text: str) -> Asked:
        """Raises LookupError, TypeError or ValueError for what `as_json` has not written."""
        given = json.loads(text)
        of: dict[str, Any] = {"include": tuple(given["include"]), "exclude": tuple(given["exclude"])}
        of |= {"kind": JobKind(given["kind"]), "prices": JobPrices(**given["prices"])}
        of |= {"inventory": JobInventory(**given["inventory"]) if given.get("inventory") else None}
        return cls(**{**given, **of, "sent": frozenset(map(Verdict, given["sent"]))})


@dataclass(frozen=True)
class BulkJob:
    """A job, and how far it is."""

    id: str
    asked: Asked
    bounds: JobBounds
    state: JobState = JobState.PLANNING
    why: str = ""
    """Why it was stopped."""
    ranges_open: int = 0
    """Those that are not done."""
    allowed: int = 0
    """How many messages may have been let through by now."""
    granted: int = 0
    """How many were."""
    looked_at: float = 0.0
    """When somebody last began to look at the queues."""
    given_at: float = 0.0
    """Up to when a rate has given its leave."""
    dead_before: int = -1
    """Dead letters at the first look; negative before it."""
    in_queue: int = 0
    """Messages in the backfill queue at the last look."""
    decided: int = 0
    """Images that were followed to what became of them, lately, and how many of those failed."""
    failed: int = 0
    decided_before: int = 0
    """The same of those just before."""
    failed_before: int = 0
    examined: int = 0
    """Objects that were compared with their rows."""
    milliseconds: int = 0
    """That workers have spent on it."""
    ran_since: float = 0.0
    """When it last began to run, or to run again."""
    examined_then: int = 0
    """Objects that were examined by then."""
    finished_at: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    """Of a backfill, objects by verdict, EXCLUDED and SENT. Of a reconcile, objects by standing, findings by kind, SENT
    and DELETED; both have some that are pending, of which the findings are counted."""

    @property
    def cost(self) -> float:
        """Dollars so far, of messages and of looking; up to a minute late."""
        prices = self.asked.prices
        return self.granted * prices.message + self.examined / 1e6 * prices.million_examined

    @property
    def let_through(self) -> int:
        """Messages: what was granted above what is allowed is about to be given back."""
        return min(self.granted, self.allowed)

    @property
    def orphans(self) -> int:
        """Of a reconcile, what has outlived its source."""
        return self.counts[Kind.ORPHAN] + self.counts[Kind.VANISHED]

    @property
    def completeness(self) -> float:
        """Of a reconcile, percent of the objects that are due which are current, or failed for a reason on record."""
        good = self.counts[Standing.CURRENT] + self.counts[Standing.FAILED]
        due = good + self.counts[Standing.INCOMPLETE]
        return 100 * good / due if due else 100.0

    def as_item(self) -> dict[str, Any]:
        """Return its row as DynamoDB writes it. Counts are there from the first time that something is counted."""
        return {
            "job": {"S": JOBS},
            "what": {"S": self.id},
            "asked": {"S": self.asked.as_json()},
            "bounds": {"S": json.dumps(asdict(self.bounds))},
            "job_state": {"S": self.state},
            "why": {"S": self.why},
            **{name: {"N": str(getattr(self, name))} for name in _NUMBERS},
            **{count_name(what): {"N": str(number)} for what, number in self.counts.items()},
        }

    @classmethod
    def decoded(cls, item: Mapping[str, Any]) -> BulkJob:
        """Read a row. Raises LookupError, TypeError or ValueError for what is none."""
        values = plain(item)
        return cls(
            id=values["what"],
            asked=Asked.from_json(values["asked"]),
            bounds=JobBounds(**json.loads(values["bounds"])),
            state=JobState(values["job_state"]),
            why=values["why"],
            counts=Counter(
                {
                    name.removeprefix(_COUNT).replace("_", "-"): number
                    for name, number in values.items()
                    if name.startswith(_COUNT)
                }
            ),
            **{name: values[name] for name in _NUMBERS},
        )


_NUMBERS: Final = tuple(
    each.name for each in fields(BulkJob) if each.name not in {"id", "asked", "bounds", "state", "why", "counts"}
)


def count_name(what: str) -> str:
    """Return the attribute of a job's row that counts this; names of what is found may have hyphens."""
    return f"{_COUNT}{what.replace('-', '_')}"


@dataclass(frozen=True)
class Followed:
    """An image that a message was sent about, to see what becomes of it."""

    key: str
    written: str | None
    """When its row was, before; None where there was none."""
    since: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class KeyRange:
    """A range of a job's places, and how far it is; see `sources`."""

    job: str
    name: str
    keys: Range
    reached: str = ""
    """Everything up to this place is dealt with; empty at the beginning."""
    walked: bool = False
    """Whether everything is, and only images that are followed are waited for."""
    depth: int = 0
    """How often ranges were divided to come to this one."""
    holder: str = ""
    """Who works on it, or did last."""
    held_until: float = 0.0
    """When somebody else may: seconds since 1970."""
    attempts: int = 0
    """How often it was begun since something was dealt with."""
    finished_at: float = 0.0
    """0 while it is not done."""
    owes: str = ""
    """A range that was divided off, whose message may not have been sent yet."""
    counts: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    """What of the counts is in the job's."""
    followed: tuple[Followed, ...] = ()
    ahead: tuple[str, ...] = ()
    """Of a reconcile, keys of images behind `reached` that are dealt with."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """Of a reconcile, some findings of each kind as `Finding.as_json` has them."""

    @classmethod
    def new(cls, job: str, name: str, after: str, until: str | None) -> KeyRange:
        """Return a range of which nothing is dealt with."""
        return cls(job, name, Range(after, until))

    def divided_at(self, border: str) -> KeyRange:
        """Return what comes after `border`, as a range of its own; this one is then as deep."""
        depth = self.depth + 1
        return replace(KeyRange.new(self.job, f"{self.name}.{depth}", border, self.keys.until), depth=depth)

    @property
    def is_done(self) -> bool:
        return self.finished_at > 0

    @property
    def rest(self) -> Range:
        """What is not dealt with yet."""
        return Range(max(self.keys.after, self.reached), self.keys.until)

    def as_item(self) -> dict[str, Any]:
        """Return its row as DynamoDB writes it."""
        ends = {} if self.keys.until is None else {"ends": {"S": self.keys.until}}
        return {
            **range_key(self.job, self.name),
            "begins": {"S": self.keys.after},
            **ends,
            "reached": {"S": self.reached},
            "holder": {"S": self.holder},
            "owes": {"S": self.owes},
            **{name: {"N": str(getattr(self, name))} for name in ("depth", "held_until", "attempts", "finished_at")},
            "counts": {"S": json.dumps(self.counts)},
            "told": {"S": json.dumps(self.told)},
            "followed": {"S": followed_text(self.followed)},
            "ahead": {"S": json.dumps(self.ahead)},
            "examples": {"S": json.dumps(self.examples)},
            "walked": {"BOOL": self.walked},
        }

    @classmethod
    def decoded(cls, item: Mapping[str, Any]) -> KeyRange:
        """Read a row. Raises LookupError, TypeError or ValueError for what is none."""
        values = plain(item)
        return cls(
            job=values["job"],
            name=values["what"].removeprefix(RANGE),
            keys=Range(values["begins"], values.get("ends")),
            counts=Counter(json.loads(values["counts"])),
            told=Counter(json.loads(values["told"])),
            followed=tuple(Followed(*each) for each in json.loads(values["followed"])),
            ahead=tuple(json.loads(values["ahead"])),
            examples=tuple(json.loads(values["examples"])),
            **{
                name: values[name]
                for name in ("reached", "walked", "holder", "owes", "depth", "held_until", "attempts", "finished_at")
            },
        )


RANGE: Final = "range#"


def range_key(job: str, name: str) -> dict[str, Any]:
    """Return the primary key of a range's row, as DynamoDB writes it."""
    return {"job": {"S": job}, "what": {"S": f"{RANGE}{name}"}}


def followed_text(followed: tuple[Followed, ...]) -> str:
    """Return how a row has the images that are followed."""
    return json.dumps([[each.key, each.written, each.since] for each in followed])
