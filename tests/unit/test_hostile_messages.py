"""Whatever a message holds and whatever AWS answers: nothing escapes the worker but what is systemic, and no
message is acknowledged whose events are not dealt with."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model.world import GOOD, render
from support.memory_aws import MemoryDynamoDB, MemoryS3, MemorySNS, refusal
from support.notifications import notification, record, s3_test_event, sqs_record, through_event_bridge, through_sns
from support.pipeline import RENDITIONS, TABLE, THUMBNAILS, UPLOADS, FakeContext, environment
from thumbnail_pipeline.errors import Permanent, Systemic
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import Change, ObjectEvent, parse
from thumbnailer.admission import Admission
from thumbnailer.alerts import Alerts
from thumbnailer.catalog import Catalog
from thumbnailer.config import ThumbnailerConfig
from thumbnailer.digests import Digest, Digests
from thumbnailer.postponing import WorkQueue
from thumbnailer.storage import Storage
from thumbnailer.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thumbnail_pipeline.renderer.rendering import Rendered

KEYS = ["cat.png", "holiday/cat 1+2.png", "ä%&=?\n\t€\U0001f600", "k" * 1024, "..", "k" * 1025, "half \ud800"]

ETAG = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()


class _RenderedHere(Admission):
    """No process apart, and no pictures."""

    def render(self, source: bytes, attempt: int, **_: Any) -> Rendered:  # noqa: ARG002
        return render(source, self._settings)


class _NeverPostponed(WorkQueue):
    """There is no queue."""

    def postpone(self, record: dict[str, Any], seconds: int) -> None:
        pass


class _AlwaysOurTurn(Digests):
    """Every failure is told at once."""

    def __init__(self) -> None:
        super().__init__(None, "", 60)  # type: ignore[arg-type]

    def add(self, reason: str, examples: Sequence[str]) -> Digest:
        return Digest(reason, len(examples), tuple(examples), len(examples), 0)

    def told(self, digest: Digest) -> None:
        pass

    def not_told(self, digest: Digest) -> None:
        pass


@dataclass(frozen=True)
class _Failing:
    """A client whose calls fail as told, in turn; then none does."""

    client: Any
    faults: list[tuple[str, int] | None]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            fault = self.faults.pop(0) if self.faults else None
            if fault:
                raise refusal(name, *fault)
            return getattr(self.client, name)(**request)

        return call


class _House:
    """The worker over services in memory, with one good image in the bucket."""

    def __init__(self, faults: list[tuple[str, int] | None]) -> None:
        self.s3, self.dynamodb, self.sns = MemoryS3(), MemoryDynamoDB(), MemorySNS()
        for bucket in (UPLOADS, THUMBNAILS):
            self.s3.create_bucket(Bucket=bucket)
        self.dynamodb.create_table(TableName=TABLE)
        assert self.s3.put_object(Bucket=UPLOADS, Key=KEYS[0], Body=GOOD)["ETag"] == f'"{ETAG}"'
        config = ThumbnailerConfig.from_environment(
            environment("arn:aws:sns:us-east-1:123456789012:alerts", RENDITIONS)
        )
        clients = SimpleNamespace(sns=_Failing(self.sns, faults))
        self.worker = Worker(
            config=config,
            storage=Storage(_Failing(self.s3, faults), THUMBNAILS),  # type: ignore[arg-type]
            catalog=Catalog(_Failing(self.dynamodb, faults), TABLE),  # type: ignore[arg-type]
            admission=_RenderedHere(config.settings, config.capacity, config.memory_bytes),
            alerts=Alerts(clients, "arn", _AlwaysOurTurn(), "runbook"),  # type: ignore[arg-type]
            queue=_NeverPostponed(clients),  # type: ignore[arg-type]
        )

    def has_dealt_with(self, event: ObjectEvent) -> bool:
        """Whether the catalog knows of the event or a newer one, or its object is not there any more; of a bucket
        that is not ours, whether somebody was told.
        """
        if event.image.bucket != UPLOADS:
            return any("foreign-bucket" in alert["Message"] for alert in self.sns.published)
        item = self.dynamodb.tables[TABLE].get((event.image.key, event.image.bucket))
        if item is not None and item["sequencer"]["S"] >= event.sequencer and "status" in item:
            return True
        current = self.s3.buckets[event.image.bucket].current(event.image.key)
        gone = current is None or event.version_id is not None or event.etag not in (None, current.etag)
        return gone and event.change is Change.CREATED


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*KEYS, "F" * 65, "A1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_CREATED = ["ObjectCreated:Put", "s3:ObjectCreated:Copy"]
_REMOVED = ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"]
names = st.sampled_from(_CREATED) | st.sampled_from(_REMOVED) | st.text(max_size=10)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record of S3 in which some fields are replaced or lacking."""
    made = record(
        draw(st.sampled_from([*KEYS[:1] * 5, *KEYS[:-1]])),
        name=draw(names),
        sequencer=draw(st.none() | st.sampled_from(["A1", "a2", "0", "no hex"])),
        etag=draw(st.sampled_from([None, ETAG, "0" * 32])),
        version_id=draw(st.sampled_from([None, None, None, "null", "v0001", "\ud800"])),
    )
    for holder in draw(st.permutations([made["s3"]["object"], made["s3"]["bucket"], made["s3"], made]))[:2]:
        field = draw(st.none() | st.sampled_from(sorted(holder)))
        if field is not None:
            holder[field] = draw(anything)
            if draw(st.booleans()):
                del holder[field]
    return made


@st.composite
def events_of_event_bridge(draw: st.DrawFn) -> str:
    """An event of EventBridge in which some fields are replaced."""
    made = json.loads(
        through_event_bridge(
            draw(st.sampled_from(KEYS)),
            detail_type=draw(st.sampled_from(["Object Created", "Object Deleted", "Object Tags Added"])),
            deletion_type=draw(st.sampled_from([None, "Permanently Deleted"])),
            version_id=draw(st.none() | st.text(max_size=5)),
        )
    )
    holder = draw(st.sampled_from([{}, made, made["detail"], made["detail"]["object"]]))
    if holder:
        holder[draw(st.sampled_from(sorted(holder)))] = draw(anything)
    return json.dumps(made)


plain = (
    st.text()
    | anything.map(json.dumps)
    | st.lists(records() | anything, max_size=4).map(lambda several: json.dumps({"Records": several}))
    | events_of_event_bridge()
    | st.just(s3_test_event())
)
bodies = plain | plain.map(through_sns) | plain.map(through_sns).map(through_sns)
_FAULTS = [("SlowDown", 503), ("InternalServerError", 500), ("AccessDenied", 403)]
faults = st.lists(st.none() | st.none() | st.sampled_from(_FAULTS), max_size=8)


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@example(several=[through_event_bridge("half \ud800")], failing=[])
@example(several=[notification(record("k" * 1025, name="ObjectRemoved:Delete"))], failing=[])
@example(several=["[" * 5_000], failing=[])
@given(several=st.lists(bodies, min_size=1, max_size=3), failing=faults)
def test_nothing_escapes_and_nothing_is_acknowledged_unseen(
    several: list[str], failing: list[tuple[str, int] | None]
) -> None:
    house = _House(list(failing))
    batch = [sqs_record(body, message_id=str(number)) for number, body in enumerate(several)]
    # As strict about what it is given as the log of a real function.
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
        try:
            returned = house.worker.run(batch, FakeContext())
        except Systemic:
            return
    assert set(returned) <= {message["messageId"] for message in batch}
    rejected = 0
    for message in batch:
        if message["messageId"] in returned:
            continue
        events = understood(message["body"])
        rejected += sum(isinstance(event, Permanent) for event in events)
        for event in events:
            assert isinstance(event, Permanent) or house.has_dealt_with(event)
    told = sum(int(alert["Subject"].split()[0]) for alert in house.sns.published)
    assert told >= rejected


def understood(body: str) -> tuple[ObjectEvent | Permanent, ...]:
    """The events of a body, or the one error that it is as a whole."""
    try:
        return parse(body)
    except Permanent as error:
        return (error,)


@pytest.mark.parametrize("key", KEYS[:5])
def test_a_key_of_any_spelling_is_understood(key: str) -> None:
    for body in (notification(record(key)), through_event_bridge(key)):
        (event,) = parse(body)
        assert isinstance(event, ObjectEvent)
        assert event.image == Image(UPLOADS, key)
