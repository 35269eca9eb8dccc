"""A world of bulk jobs in which the order of everything is chosen from outside.

The real range worker runs over S3, DynamoDB and SQS in memory. Every delivery of a message is a thread that stops at
each call that writes until it is told what becomes of it; only one ever runs.
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from range_worker.config import RangeWorkerConfig
from range_worker.queues import JobQueues
from range_worker.turns import RangeWorker, Received
from support import inventories
from support.inventories import InventoryRow
from support.memory_aws import MemoryDynamoDB, MemoryS3
from support.strands import Strand, current_strand
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import (
    Asked,
    BulkJob,
    JobBounds,
    JobInventory,
    JobKind,
    JobPrices,
    JobState,
    KeyRange,
)
from thumbnail_pipeline.jobs.table import JobTable
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.reconciliation.comparison import Estate
from thumbnail_pipeline.rows import Rows
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

UPLOADS, THUMBNAILS, CATALOG, JOBS_TABLE, JOB = "uploads", "thumbnails", "catalog", "jobs", "job-1"
RANGES_URL, BACKFILL_URL, DEAD_URL = "ranges", "backfill", "dead"
SETTINGS = Settings.from_json('{"renditions": [{"name": "small", "width": 8, "height": 8}]}')
PAGE = 3
TIMEOUT, VISIBILITY = 60, 90
CONFIG = RangeWorkerConfig(
    SETTINGS, UPLOADS, "", THUMBNAILS, propagates_deletions=True, jobs_table=JOBS_TABLE, catalog_table=CATALOG,
    ranges_queue=RANGES_URL, backfill_queue=BACKFILL_URL, dead_letter_queue=DEAD_URL, backfill_mapping="mapping",
    ranges_at_a_time=2, timeout_seconds=TIMEOUT, metrics_function="thumbnailer",
)  # fmt: skip


class JobFate(enum.Enum):
    """What becomes of one call that writes."""

    ANSWERED = "is answered"
    REPEATED = "takes effect, its answer is lost and the SDK repeats it"
    FAILED = "fails, however often the SDK repeats it"
    KILLED_BEFORE = "is never sent: the worker dies"
    KILLED_AFTER = "takes effect, and the worker dies"


class _Dead(BaseException):
    """A worker's end: nothing in the function may catch it."""


class _Serially(Executor):
    """Threads that are none, so that every call is made by the strand."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done

    def map(self, fn: Callable[..., Any], *iterables: Any, **_: Any) -> Any:
        return [fn(*each) for each in zip(*iterables, strict=True)]


@dataclass(eq=False)
class InQueue:
    """A message of the queue of ranges; `gone` once it was acknowledged."""

    body: str
    sent_at: float
    times: int = 0
    visible_at: float = 0.0
    gone: bool = False


@dataclass(eq=False)
class Turn:
    """One delivery."""

    message: InQueue
    holder: str
    strand: Strand
    over: bool = False


_WRITES = ("update_item", "put_item", "transact_write_items", "send_message_batch", "delete_object")


@dataclass
class JobWorld:
    """A bucket of `keys` letters, of which those that are `outdated` need a message, and one job over it."""

    keys: tuple[str, ...]
    outdated: frozenset[str]
    bounds: JobBounds = field(default_factory=JobBounds)
    kind: JobKind = JobKind.BACKFILL
    repair: bool = False
    files: int = 0
    """Of an inventory that the job reads; with 0 it lists the bucket."""
    twice: bool = False
    """Whether the inventory lists each object twice."""
    gone: frozenset[str] = frozenset()
    """Keys whose objects are deleted by the time that the function comes to them."""
    now: float = 1_796_000_000.0
    queue: list[InQueue] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    waiting: list[str] = field(default_factory=list)
    """Keys in the backfill queue."""
    most_waiting: int = 0
    turn_seconds: float = TIMEOUT * 0.6
    """With 0, a turn is a page."""
    look_seconds: float = 0
    """How much later it is whenever a worker looks at the clock."""
    mishaps: int = 0
    """Deaths, failures and doubtful answers, of which each may cost a page that is sent twice."""
    dead: int = 0
    looks: int = 0
    """How often somebody asked how full the backfill queue is."""
    paused: bool = False
    bad: frozenset[str] = frozenset()
    """Keys whose images fail."""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.s3: Any = MemoryS3()
        self.s3.create_bucket(Bucket=UPLOADS)
        self.s3.create_bucket(Bucket=THUMBNAILS)
        self.s3.keys_a_page = PAGE
        self.dynamodb: Any = MemoryDynamoDB()
        self.dynamodb.create_table(TableName=CATALOG)
        self.dynamodb.create_table(TableName=JOBS_TABLE, key=("job", "what"))
        for key in self.keys:
            self.s3.put_object(Bucket=UPLOADS, Key=key, Body=key.encode(), ContentType="")
            if key not in self.outdated:
                self._make(key, "READY")
        inventory = self._inventory() if self.files else None
        asked = Asked(
            self.kind, UPLOADS, "", SETTINGS.fingerprint, JobPrices(0.001, 1.0), inventory, repair=self.repair
        )
        self.table = JobTable(
            self.dynamodb,  # type: ignore[arg-type]
            JOBS_TABLE,
            clock=lambda: self.now,
            sleep=lambda _: None,
        )
        self.table.create(BulkJob(JOB, asked, self.bounds))
        self.queue.append(InQueue(WorkMessage(JOB).body, self.now))

    @property
    def job(self) -> BulkJob:
        return self.table.job(JOB)

    @property
    def ranges(self) -> list[KeyRange]:
        rows = self.dynamodb.tables[JOBS_TABLE]
        return [KeyRange.decoded(item) for (job, what), item in rows.items() if job == JOB and what != "plan"]

    # ── what can happen ──────────────────────────────────────────────────────────────────────────────

    def deliver(self, message: InQueue) -> None:
        """Hand a message to a worker."""
        message.times += 1
        message.visible_at = self.now + VISIBILITY
        number = len(self.turns)
        received = Received(message.body, message.times, message.sent_at)
        worker, until = self._worker(), self.now + self.turn_seconds
        turn = Turn(
            message, f"w{number}", Strand(f"w{number}", lambda: worker.work(received, holder=f"w{number}", until=until))
        )
        self.turns.append(turn)
        self.notes.append(f"{turn.holder} gets {message.body}")
        turn.strand.start()
        self._end_if_over(turn)

    def step(self, turn: Turn, fate: JobFate = JobFate.ANSWERED) -> None:
        """Let a worker make its next call."""
        self.notes.append(f"{turn.holder}: {turn.strand.waits_for} {fate.value}")
        self.mishaps += fate is not JobFate.ANSWERED
        turn.strand.go_on(fate)
        self._end_if_over(turn)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def function_works(self) -> None:
        """The thumbnailer deals with all that is in the backfill queue."""
        for key in set(self.waiting) - self.gone:
            self._make(key, "FAILED" if key in self.bad else "READY")
        self.waiting.clear()

    def pause(self) -> None:
        self.table.move(JOB, JobState.PAUSED, JobState.RUNNING)

    def cancel(self) -> None:
        self.table.cancel(JOB)

    def resume(self) -> None:
        """As operators do: a message for every range that is open."""
        open_ranges = [each for each in self.ranges if not each.is_done]
        if not self.dynamodb.tables[JOBS_TABLE].get((JOB, "plan")) or (not self.job.ranges_open and open_ranges):
            if self.table.move(JOB, JobState.PLANNING, JobState.PAUSED, JobState.STOPPED):
                self.queue.append(InQueue(WorkMessage(JOB).body, self.now))
            return
        if self.table.move(JOB, JobState.RUNNING, JobState.PAUSED, JobState.STOPPED):
            self.queue.extend(InQueue(WorkMessage(JOB, each.name).body, self.now) for each in open_ranges)
            self.table.finish(JOB)

    @property
    def visible(self) -> list[InQueue]:
        return [each for each in self.queue if not each.gone and each.visible_at <= self.now]

    @property
    def under_way(self) -> list[Turn]:
        return [each for each in self.turns if not each.over]

    def drain(self) -> None:
        """Let all come to its end: nobody dies any more."""
        for _ in range(3000):
            if self.under_way:
                self.step(self.under_way[0])
                continue
            if self.job.state in {JobState.PAUSED, JobState.STOPPED}:
                return
            if self.visible:
                self.deliver(self.visible[0])
                continue
            hidden = [each.visible_at for each in self.queue if not each.gone]
            if not hidden:
                return
            self.now = max(self.now, min(hidden))
            self.function_works()
        raise AssertionError("it does not come to an end:\n" + "\n".join(self.notes[-60:]))

    def drain_until_running(self) -> None:
        """Have the job divided into ranges, and no more."""
        self.deliver(self.visible[0])
        while self.under_way:
            self.step(self.under_way[0])

    def drain_with(self, calls: int, fate: JobFate) -> bool:
        """As `drain`, but something happens at the call after so many; return whether there were as many."""
        for _ in range(3000):
            if self.under_way:
                if calls == 0:
                    self.step(self.under_way[0], fate)
                    return True
                calls -= 1
                self.step(self.under_way[0])
            elif self.visible:
                self.deliver(self.visible[0])
            elif hidden := [each.visible_at for each in self.queue if not each.gone]:
                self.now = max(self.now, min(hidden))
                self.function_works()
            else:
                return False
        raise AssertionError("it does not come to an end")

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────

    def _inventory(self) -> JobInventory:
        """Deliver one in which keys are in no order, each with an older version."""
        rows = [
            InventoryRow(each["Key"], each["Size"], each["ETag"], is_latest=is_latest)
            for each in self.s3.list_objects_v2(Bucket=UPLOADS, MaxKeys=1000)["Contents"]
            for is_latest in (True, self.twice)
        ]
        self.s3.create_bucket(Bucket=inventories.DELIVERY)
        files = [inventories.in_csv(rows[first :: self.files]) for first in range(self.files)]
        return JobInventory(inventories.LOCATION, inventories.deliver(self.s3, *files))

    def _end_if_over(self, turn: Turn) -> None:
        if turn.strand.waits_for is not None:
            return
        turn.over = True
        try:
            wait = turn.strand.result()
        except _Dead:
            self.notes.append(f"{turn.holder} dies")
            return
        except Exception as error:  # noqa: BLE001 - Lambda lets the message come back
            self.notes.append(f"{turn.holder} raises {error!r}")
            return
        self.notes.append(f"{turn.holder} returns {wait}")
        if wait is None:
            turn.message.gone = True
        else:
            turn.message.visible_at = self.now + wait

    def estate(self, prefix: str = "") -> Estate:
        """What is compared."""
        return Estate(self.s3, self.dynamodb, UPLOADS, THUMBNAILS, CATALOG, SETTINGS, prefix)

    def _worker(self) -> RangeWorker:
        dynamodb, sqs = _Wired(self.dynamodb, self), _Wired(_Sqs(self), self)
        functions = SimpleNamespace(
            get_event_source_mapping=lambda **_: {"State": "Disabled" if self.paused else "Enabled"}
        )
        queues = JobQueues(CONFIG, sqs, functions, sleep=lambda _: None)  # type: ignore[arg-type]

        def clock() -> float:
            self.now += self.look_seconds
            return self.now

        return RangeWorker(
            CONFIG,
            JobTable(dynamodb, JOBS_TABLE, clock=clock, sleep=lambda _: None),  # type: ignore[arg-type]
            queues,
            self.s3,
            _Wired(self.s3, self),  # type: ignore[arg-type]
            lambda bucket: Rows(self.dynamodb, CATALOG, bucket, thumbnails=False),
            self.estate,
            clock,
            lambda _: _Serially(),
            PAGE,
        )

    def _make(self, key: str, status: str) -> None:
        etag = self.s3.list_objects_v2(Bucket=UPLOADS, Prefix=key, MaxKeys=1)["Contents"][0]["ETag"].strip('"')
        texts = {
            "source_key": key, "source_bucket": UPLOADS, "status": status, "etag": etag, "sequencer": "1", "claim": "1",
            "settings_fingerprint": SETTINGS.fingerprint, "processed_at": f"{self.now}",
        }  # fmt: skip
        if status == "FAILED":
            texts["reason"] = "unidentified"
        item = {name: {"S": value} for name, value in texts.items()} | {"fence": {"N": "1"}}
        self.dynamodb.put_item(TableName=CATALOG, Item=item)


class _Sqs:
    """The queues, as the range worker calls them."""

    def __init__(self, world: JobWorld) -> None:
        self._world = world

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - boto3's names
        for entry in Entries:
            if QueueUrl == RANGES_URL:
                self._world.queue.append(InQueue(entry["MessageBody"], self._world.now))
                continue
            for event in parse(entry["MessageBody"]):
                assert isinstance(event, ObjectEvent)
                self._world.sent[event.image.key] += 1
                self._world.waiting.append(event.image.key)
        self._world.most_waiting = max(self._world.most_waiting, len(self._world.waiting))
        return {"Successful": [{"Id": each["Id"]} for each in Entries]}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> Any:  # noqa: N803 - boto3's names
        self._world.looks += QueueUrl == BACKFILL_URL
        number = len(self._world.waiting) if QueueUrl == BACKFILL_URL else self._world.dead
        shown = dict.fromkeys(("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"), "0")
        return {"Attributes": {"ApproximateNumberOfMessages": str(number), **shown, "VisibilityTimeout": "360"}}


class _Wired:
    """A client whose every call that writes waits for its fate."""

    def __init__(self, client: Any, world: JobWorld) -> None:
        self._client, self._world = client, world

    def __getattr__(self, name: str) -> Any:
        effect = getattr(self._client, name)
        if name not in _WRITES:
            return effect

        def call(**request: Any) -> Any:
            fate = current_strand().wait(name + _about(request))
            if fate is JobFate.KILLED_BEFORE:
                raise _Dead
            if fate is JobFate.FAILED:
                raise ConnectionError(name)
            answer = effect(**request)
            if fate is JobFate.KILLED_AFTER:
                raise _Dead
            # The SDK gives a transaction a token, by which its repetition is none.
            if fate is JobFate.REPEATED and name != "transact_write_items":
                return effect(**request)
            return answer

        return call


def _about(request: dict[str, Any]) -> str:
    return f" {request.get('UpdateExpression') or json.dumps(request.get('Entries', ''))[:80]}"
