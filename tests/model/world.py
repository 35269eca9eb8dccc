"""A small world in which the order of everything is chosen from outside.

The real Pipeline, Catalog and Storage run over S3 and DynamoDB in memory. Every delivery of a message is a
thread that stops at each call to AWS until it is told what becomes of that call; only one thread ever runs.
So a list of choices decides a whole history: which message is delivered when and how often, who makes the
next call, which worker dies at it, which answer is lost, when somebody uploads, deletes or deploys.
"""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from support.memory_aws import Lock, MemoryDynamoDB, MemoryEvents, MemoryS3, Version, refusal
from support.pipeline import TABLE, THUMBNAILS, UPLOADS, environment
from support.strands import Strand, current_strand
from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Permanent, Systemic, Transient, Withheld
from thumbnail_pipeline.images import Image, thumbnail_key
from thumbnail_pipeline.messages import Change, ObjectEvent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.rendering import Facts, Rendered, Thumbnail
from thumbnail_pipeline.rows import plain
from thumbnail_pipeline.sending import EventBus
from thumbnailer.catalog import Catalog
from thumbnailer.config import ThumbnailerConfig
from thumbnailer.pipeline import Pipeline
from thumbnailer.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from thumbnail_pipeline.settings import Rendition, Settings
    from thumbnailer.pipeline import Outcome

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")

IMAGE = Image(UPLOADS, "cat.png")

GOOD, OTHER, BAD = b"a good image", b"another good image", b"bad"
"""What is uploaded. GOOD is within the limit of every deployment, OTHER is not within that of the last."""

DEPLOYMENT = "thumbs"

# How much the clocks of workers are fast or slow, by the millisecond; a tombstone stays for longer.
_SKEWS_MS = (0, -40, 90_000, 0, 3, -90_000, 40)
_TOMBSTONE_MS = 8 * 24 * 3600 * 1000
_BEGINNING_MS = 1_767_323_045_000
_TICKS_A_MS = 4

_LARGE = {"name": "large", "width": 32, "height": 32, "format": "png"}
_SMALL = {"name": "small", "width": 8, "height": 8, "format": "gif"}
_DEPLOYMENTS: tuple[dict[str, Any], ...] = (
    {"renditions": [_LARGE, _SMALL]},
    {"renditions": [_LARGE]},
    {"renditions": [_SMALL, _LARGE]},
    {"renditions": [{**_LARGE, "width": 64}, {**_SMALL, "format": "png"}]},
    {"renditions": [_LARGE, _SMALL], "limits": {"bytes": len(GOOD)}},
)


@cache
def configuration(number: int) -> ThumbnailerConfig:
    """What the function is deployed with: renditions added, removed, reordered, changed; a lower limit."""
    topic_arn = "arn:aws:sns:us-east-1:123456789012:alerts"
    return ThumbnailerConfig.from_environment(environment(topic_arn, **_DEPLOYMENTS[number]))


CONFIGURATIONS = len(_DEPLOYMENTS)


def thumbnail_bytes(source: bytes, rendition: Rendition) -> bytes:
    """What a rendition of a source comes to here: bytes that name both."""
    return b"%s as %r at the end" % (source, rendition)


def render(source: bytes, settings: Settings) -> Rendered:
    """Stands in for the renderer, so that thousands of histories take seconds."""
    if source == BAD:
        raise Permanent(Reason.UNIDENTIFIED, "not an image")
    facts = Facts("png", 64, 48, len(source), "RGB", 1, False, "#000000", "", None, ())  # noqa: FBT003
    thumbnails = (Thumbnail(each, thumbnail_bytes(source, each), 1, 1) for each in settings.renditions)
    return Rendered(facts, tuple(thumbnails))


def has_a_state(record: dict[str, Any]) -> bool:
    """The filter of the event source mapping: nothing is paid for claims on what has no state yet, nor for expiry."""
    return "status" in record["dynamodb"].get("NewImage", {})


@dataclass(frozen=True)
class Protocol:
    """The code under test; known-bad variants take the place of the real one."""

    pipeline: type[Pipeline] = Pipeline
    catalog: type[Catalog] = Catalog
    storage: type[Storage] = Storage
    bus: type[EventBus] = EventBus
    passes: Callable[[dict[str, Any]], bool] = has_a_state
    """Which records of the catalog's stream reach the publisher."""

    def __str__(self) -> str:
        real = {each.__name__ for each in (Pipeline, Catalog, Storage, EventBus, has_a_state)}
        parts = (self.pipeline, self.catalog, self.storage, self.bus, self.passes)
        return "+".join({each.__name__ for each in parts} - real)


class Fate(enum.Enum):
    """What becomes of one call."""

    ANSWERED = "is answered"
    REPEATED = "takes effect, its answer is lost and the SDK repeats it"
    REFUSED = "is refused by an overloaded service"
    FORBIDDEN = "is refused, for the role has lost the permission"
    UNANSWERED = "takes effect, and no attempt of the SDK gets an answer"
    KILLED_BEFORE = "is never sent: the worker dies"
    KILLED_AFTER = "takes effect, and the worker dies"


_READS = frozenset({"get_object", "head_object", "list_objects_v2", "get_item"})
_READ_FATES = (Fate.REFUSED, Fate.FORBIDDEN, Fate.KILLED_BEFORE)
_WRITE_FATES = (Fate.REPEATED, Fate.REFUSED, Fate.UNANSWERED, Fate.KILLED_BEFORE, Fate.KILLED_AFTER)


class _Killed(BaseException):
    """A worker's end: nothing in the function may catch it."""


@dataclass(eq=False)
class Message:
    """One SQS message: it stays until it is acknowledged."""

    name: str
    event: ObjectEvent
    received: int = 0
    acknowledged: bool = False
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def in_flight(self) -> list[Delivery]:
        """The workers that have it now."""
        return [each for each in self.deliveries if not each.over]


class Delivery:
    """One worker with one message. Its threads wait at each call for what becomes of it, and only one ever runs."""

    def __init__(self, world: World, message: Message, number: int, attempt: int) -> None:
        self.message = message
        self.attempt = attempt
        self.config = configuration(world.deployed)
        self.began = world.tick()
        self.ended: int | None = None
        self.died = False
        self.forbidden = False
        """Whether a call of its was refused for want of a permission."""
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.name = f"worker {number}"
        self._world = world
        self._skew_ms = _SKEWS_MS[number % len(_SKEWS_MS)]
        self._main = Strand(self.name, self._process)
        self._strands: list[Strand] = []
        """Those that the pipeline waits for, as long as it does."""
        self._main.start()

    @property
    def waiting(self) -> list[Strand]:
        """The threads that are about to make a call; none once the worker has none to make any more."""
        return [each for each in self._strands or [self._main] if each.waits_for is not None]

    @property
    def waits_for(self) -> str | None:
        """The call that the first of its threads is about to make."""
        return self.waiting[0].waits_for if self.waiting else None

    @property
    def over(self) -> bool:
        """Whether the message is no longer with this worker."""
        return self.ended is not None

    @property
    def keys(self) -> set[str]:
        """The thumbnails that its configuration knows of."""
        return {thumbnail_key(each, IMAGE) for each in self.config.settings.renditions}

    def fates(self, strand: int = 0) -> tuple[Fate, ...]:
        """What may become of the next call of one of its threads other than an answer."""
        if not self.waiting:
            return (Fate.KILLED_BEFORE,)
        return _READ_FATES if self.waiting[strand].waits_for in _READS else _WRITE_FATES

    def step(self, fate: Fate = Fate.ANSWERED, strand: int = 0) -> None:
        """Let one thread make the call it waits for; or where all have finished, acknowledge or return the message."""
        killed = fate in (Fate.KILLED_BEFORE, Fate.KILLED_AFTER)
        if not self.waiting:
            self._world.note(f"{self.name}: end {fate.value}")
            if killed:
                self._end(died=True)
            else:
                self._finish()
            return
        chosen = self.waiting[strand]
        self._world.note(f"{self.name}: {chosen.waits_for} {fate.value}")
        chosen.go_on(fate)
        if killed:
            for other in self.waiting:
                other.go_on(Fate.KILLED_BEFORE)
        if self._strands and not self.waiting:
            self._strands = []
            self._main.go_on(Fate.ANSWERED)
        if killed:
            self._end(died=True)

    def run(self, *, until: str | None = None, times: int = 1) -> Delivery:
        """Step to the end, or to just before the call `until` is made for the `times`-th time."""
        while not self.over:
            if until is not None and self.waits_for == until:
                times -= 1
                if times == 0:
                    return self
            self.step()
        return self

    def _process(self) -> None:
        protocol = self._world.protocol
        storage = protocol.storage(_Wire(self._world.s3, self), THUMBNAILS)  # type: ignore[arg-type]
        catalog = protocol.catalog(_Wire(self._world.dynamodb, self), TABLE, self._clock)  # type: ignore[arg-type]
        pipeline = protocol.pipeline(self.config, storage, catalog, self)
        try:
            self.outcome = pipeline.apply(self.message.event, attempt=self.attempt)
        except BaseException as error:  # noqa: BLE001 - it must not end in this thread unseen
            self.error = error

    def _clock(self) -> float:
        return (self._world.now_ms + self._skew_ms) / 1000

    # ── what it lends to the pipeline; see `pipeline.Workshop` ───────────────────────────────────────

    def hold(self, source_bytes: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """Memory is not of this world."""
        return contextlib.nullcontext()

    def side_by_side(self, work: Callable[[_Item], _Done], items: Sequence[_Item]) -> list[_Done]:
        """Every item in a thread of its own; the pipeline's waits until all are over."""
        strands = [Strand(f"{self.name}, {number}", partial(work, item)) for number, item in enumerate(items)]
        for strand in strands:
            strand.start()
        if any(strand.waits_for for strand in strands):
            self._strands = strands
            self._main.wait("the others")
        return [strand.result() for strand in strands]

    def render(self, source: bytes, attempt: int) -> Rendered:
        """Stand in for the renderer."""
        if self._world.fragile and attempt > 1:
            raise Permanent(Reason.CRASHED, "as some do at later deliveries only, where they are rendered apart")
        return render(source, self.config.settings)

    def call(self, name: str, effect: Callable[[], Any], request: dict[str, Any]) -> Any:
        """One call of the function to AWS, in one of the worker's threads."""
        while True:
            fate: Fate = current_strand().wait(name)
            if fate is Fate.KILLED_BEFORE:
                raise _Killed
            if fate is Fate.REFUSED:
                raise refusal(name, "SlowDown", 503)
            if fate is Fate.FORBIDDEN:
                self.forbidden = True
                raise refusal(name, "AccessDenied", 403, "s3:Any because no identity-based policy allows it")
            try:
                answer = effect()
            except Exception as refused:
                if fate is Fate.ANSWERED:
                    raise
                answer = refused
            else:
                if name == "put_object":
                    self._world.written[request["Key"], answer["ETag"].strip('"')] = self
            if fate is Fate.ANSWERED:
                return answer
            if fate is Fate.KILLED_AFTER:
                raise _Killed
            if fate is Fate.UNANSWERED:
                raise refusal(name, "InternalError", 500)

    def _finish(self) -> None:
        self._end(died=False)
        if self.outcome is None:
            # Only what others will meet may keep them from being worked on, and only an object's own matter ends as its
            # failure.
            systemic = isinstance(self.error, Systemic) and self.forbidden
            withheld = isinstance(self.error, Withheld) and self._world.locked
            if not systemic and not withheld and type(self.error) is not Transient:
                raise AssertionError(f"{self.name} met {self.error!r}") from self.error
            return
        self._world.note(f"{self.name}: acknowledges {self.message.name} as {self.outcome.result}")
        self.message.acknowledged = True

    def _end(self, *, died: bool) -> None:
        self.died = died
        self.ended = self._world.tick()


class _Wire:
    """A client whose every call waits for its fate."""

    def __init__(self, client: MemoryS3 | MemoryDynamoDB, delivery: Delivery) -> None:
        self._client, self._delivery = client, delivery

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda **request: self._delivery.call(name, partial(method, **request), request)


class World:
    """One image, its events, the queue, and what is deployed."""

    def __init__(self, *, versioned: bool = False, opaque: bool = False, protocol: Protocol | None = None) -> None:
        self.protocol = protocol or Protocol()
        self.versioned = versioned
        self.s3, self.dynamodb = MemoryS3(), MemoryDynamoDB()
        self.s3.create_bucket(Bucket=UPLOADS, versioned=versioned, opaque=opaque)
        self.s3.create_bucket(Bucket=THUMBNAILS)
        self.dynamodb.create_table(TableName=TABLE)
        self.bus = MemoryEvents()
        self.deployed = 0
        self.fragile = False
        """Whether what rendered well at first fails when it is delivered again."""
        self.locked = False
        """Whether an object could not be read for a time."""
        self.messages: list[Message] = []
        self.deliveries: list[Delivery] = []
        self.written: dict[tuple[str, str], Delivery] = {}
        """Who wrote, as the last one, the bytes with this ETag to this key."""
        self.newest = ordering.LOWEST
        """The sequencer of the newest event."""
        self.backfilled_with: int | None = None
        """What was deployed at the last backfill that no older deployment's worker could spoil."""
        self.story: list[str] = []
        self._now = 0
        self._passed_ms = 0
        self._forgotten = 0

    # ── what people do ───────────────────────────────────────────────────────────────────────────────

    def found(self, body: bytes) -> dict[str, Any]:
        """Put an object that nobody tells of: one from before there was a pipeline."""
        self.note(f"upload of {body!r}")
        return self.s3.put_object(Bucket=UPLOADS, Key=IMAGE.key, Body=body, ContentType="image/png")

    def upload(self, body: bytes, lock: Lock | None = None) -> Message:
        """Put an object, into an archive or where nobody may read it with a `lock`."""
        answer = self.found(body)
        if lock:
            self.lock(lock)
        return self._send(Change.CREATED, version_id=answer.get("VersionId"), etag=answer["ETag"].strip('"'))

    def delete(self) -> Message:
        """Delete the object; where there are versions, hide it behind a marker."""
        self.note("deletion")
        marker = self.s3.delete_object(Bucket=UPLOADS, Key=IMAGE.key).get("VersionId")
        return self._send(Change.REMOVED, version_id=marker)

    def expire(self) -> Message:
        """Let an object without versions expire."""
        self.note("expiry")
        self.s3.delete_object(Bucket=UPLOADS, Key=IMAGE.key)
        return self._send(Change.VERSION_REMOVED, version_id=None)

    def delete_version(self, version: Version) -> Message:
        """Delete one version, or one delete marker, for good."""
        self.note(f"deletion of version {version.version_id}")
        self.s3.delete_object(Bucket=UPLOADS, Key=IMAGE.key, VersionId=version.version_id)
        return self._send(Change.VERSION_REMOVED, version_id=version.version_id)

    def lock(self, lock: Lock | None) -> None:
        """Let nobody read the newest object, or everybody again; nobody tells of either."""
        self.note(f"the newest object is {lock.name if lock else 'free'}")
        self.locked |= bool(lock)
        self.s3.withhold(UPLOADS, IMAGE.key, lock)

    def vanish(self) -> None:
        """Delete the object, and nobody tells of it."""
        self.note("deletion that nobody tells of")
        self.s3.delete_object(Bucket=UPLOADS, Key=IMAGE.key)

    def backfill(self, *, etag: str | None = None, forced: bool = False) -> Message:
        """Ask for the object to be looked at, or for the very bytes with an `etag`."""
        old = any(each.config is not configuration(self.deployed) for each in self.deliveries if not each.over)
        self.backfilled_with = None if old else self.deployed
        event = replace(_event(Change.CREATED, ordering.LOWEST, etag=etag), forced=forced)
        return self._enqueue(event, f"backfill{' of ' + etag if etag else ''}{', forced' if forced else ''}")

    def forget(self) -> None:
        """Let the tombstone of the deleted image expire, which outlives every message."""
        self.note("the tombstone expires")
        self._passed_ms += _TOMBSTONE_MS
        self.dynamodb.expire(TABLE, float("inf"))
        self._forgotten = len(self.messages)
        self.newest = ordering.LOWEST

    def duplicate(self, message: Message) -> Message:
        """S3 sends the same event once more."""
        return self._enqueue(message.event, f"copy of {message.name}")

    def deploy(self, number: int) -> None:
        """Change the configuration; whoever is at work goes on with the old one."""
        self.note(f"deployment {number}")
        self.deployed = number
        self.backfilled_with = None

    @property
    def versions(self) -> list[Version]:
        """The versions and delete markers of the source, the oldest first."""
        return self.s3.buckets[UPLOADS].keys.get(IMAGE.key, [])

    def _send(self, change: Change, *, version_id: str | None, etag: str | None = None) -> Message:
        self.newest = ordering.normalise(f"{self.tick():04X}")
        return self._enqueue(_event(change, self.newest, version_id, etag), change.value)

    def _enqueue(self, event: ObjectEvent, name: str) -> Message:
        message = Message(f"message {len(self.messages) + 1} ({name})", event)
        self.messages.append(message)
        self.note(f"{message.name} is in the queue")
        return message

    # ── what SQS and Lambda do ───────────────────────────────────────────────────────────────────────

    def deliver(self, message: Message, *, same_count: bool = False) -> Delivery:
        """Hand a message to a worker; while another has it, SQS may count that as one delivery."""
        if not (same_count and message.received):
            message.received += 1
        delivery = Delivery(self, message, len(self.deliveries) + 1, message.received)
        self.note(f"{delivery.name} gets {message.name}, attempt {message.received}, deployment {self.deployed}")
        self.deliveries.append(delivery)
        message.deliveries.append(delivery)
        return delivery

    @property
    def queue(self) -> list[Message]:
        """What is not acknowledged."""
        return [message for message in self.messages if not message.acknowledged]

    @property
    def recent(self) -> list[Message]:
        """Those that may come again: all since the last tombstone expired."""
        return self.messages[self._forgotten :]

    @property
    def at_work(self) -> list[Delivery]:
        """The workers that have a message now."""
        return [delivery for delivery in self.deliveries if not delivery.over]

    def drain(self) -> None:
        """Let everybody finish and deliver what is left, with no further mishap, until nothing is left."""
        for delivery in self.at_work:
            delivery.run()
        for _ in range(5):
            for message in self.queue:
                self.deliver(message).run()
        assert not self.queue, "messages come back for ever"

    def stop(self) -> None:
        """End every worker where it stands."""
        for delivery in self.at_work:
            delivery.step(Fate.KILLED_BEFORE)

    # ── a record of it ───────────────────────────────────────────────────────────────────────────────

    def tick(self) -> int:
        """The time: the number of things that have happened."""
        self._now += 1
        return self._now

    @property
    def now_ms(self) -> int:
        """The true time, in milliseconds since 1970; several things may happen in one."""
        return _BEGINNING_MS + self._passed_ms + self._now // _TICKS_A_MS

    def note(self, what: str) -> None:
        """Write into the story that a failure is told by."""
        self.story.append(what)

    def row(self) -> dict[str, Any] | None:
        """The catalog row as it is stored."""
        item = self.dynamodb.tables[TABLE].get((IMAGE.key, IMAGE.bucket))
        return item and plain(item)

    def thumbnails(self) -> Iterator[tuple[str, Version]]:
        """What lies in the thumbnails bucket."""
        for key, versions in self.s3.buckets[THUMBNAILS].keys.items():
            yield key, versions[-1]


def _event(change: Change, sequencer: str, version_id: str | None = None, etag: str | None = None) -> ObjectEvent:
    return ObjectEvent(change, IMAGE, sequencer, version_id, etag, None, "2026-01-02T03:04:05.678Z")
