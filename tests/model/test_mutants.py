"""A test of the model: protocols that are known to be wrong, each of which it must catch.

Each variant takes away or turns round one thing that `docs/guarantees.md` says is needed.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from model.history import Broken, play, seeded
from model.world import DEPLOYMENT, Protocol, has_a_state
from publisher import publishing
from support.memory_aws import MemoryDynamoDB
from thumbnail_pipeline import completion, ordering, sending
from thumbnail_pipeline.clients import errors_told_apart
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.errors import Permanent, Systemic, Withheld
from thumbnail_pipeline.images import StoredThumbnail
from thumbnail_pipeline.messages import Change
from thumbnail_pipeline.ordering import Order
from thumbnail_pipeline.outcomes import Reason, Status
from thumbnail_pipeline.rows import Row, key_of
from thumbnail_pipeline.sending import EventBus
from thumbnail_pipeline.settings import made_by
from thumbnailer import catalog, pipeline
from thumbnailer.catalog import Catalog, Superseded
from thumbnailer.pipeline import Pipeline
from thumbnailer.storage import Occupied, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.memory_aws import MemoryEvents
    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.images import Image
    from thumbnail_pipeline.messages import ObjectEvent
    from thumbnail_pipeline.renderer.rendering import Thumbnail
    from thumbnailer.catalog import State
    from thumbnailer.storage import FetchedSource, Seen

_MOST_HISTORIES = 10_000
# Histories that show what is wrong with a variant of which few do: tried before all others, for they save minutes.
_TELLING: Final = (1125, 618, 336, 223)
_ALWAYS = "fence >= :fence OR fence < :fence"


class TakesDenialsForTheRoles(Storage):
    """What is denied of one object is taken for a fault that every image meets."""

    def fetch(self, event: ObjectEvent, *, most_bytes: int, room: int) -> tuple[FetchedSource, bytes]:
        try:
            return super().fetch(event, most_bytes=most_bytes, room=room)
        except Withheld as withheld:
            raise Systemic(str(withheld)) from withheld


class TakesDenialsForTheObjects(Storage):
    """What is denied of everything is taken for one object's own matter."""

    def fetch(self, event: ObjectEvent, *, most_bytes: int, room: int) -> tuple[FetchedSource, bytes]:
        try:
            return super().fetch(event, most_bytes=most_bytes, room=room)
        except Systemic as systemic:
            raise Withheld(Reason.ACCESS_DENIED, str(systemic)) from systemic


class WritesOverAnything(Storage):
    """Thumbnails are written without a condition."""

    def write(self, key: str, data: bytes, content_type: str, *, replacing: str | None) -> StoredThumbnail:  # noqa: ARG002
        with errors_told_apart("writing"):
            answer = self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        return StoredThumbnail(key, answer["ETag"].strip('"'))


class DeletesAnything(Storage):
    """Thumbnails are deleted whatever the key holds by now."""

    def delete(self, thumbnail: StoredThumbnail) -> None:
        with errors_told_apart("deleting"):
            self._s3.delete_object(Bucket=self._bucket, Key=thumbnail.key)


class CommitsWithoutItsClaim(Catalog):
    """The commit does not ask whether somebody has claimed the image since."""

    def _put(
        self,
        claimed: Row,
        state: State,
        *,
        obsolete: tuple[StoredThumbnail, ...],
        condition: str,
        values: Mapping[str, Any],
    ) -> Row:
        return super()._put(
            claimed, state, obsolete=obsolete, condition=_ALWAYS if values else condition, values=values
        )


class ClaimsAfterWriting(Catalog):
    """The claim is made only when the thumbnails lie there."""

    def claim(self, image: Image, sequencer: str) -> Row:
        row = self.read(image) or Row(image, None, ordering.LOWEST, sequencer, fence=0)
        if row.sequencer >= sequencer and row.status:
            raise Superseded(row)
        return replace(row, claim=sequencer)

    def require(self, claimed: Row) -> None:
        pass

    def commit(self, claimed: Row, state: State) -> Row:
        return super().commit(super().claim(claimed.image, claimed.claim), state)


class LeavesNoTombstone(Catalog):
    """The row of a deleted image is deleted."""

    def commit(self, claimed: Row, state: State) -> Row:
        row = super().commit(claimed, state)
        if state.status is Status.DELETED:
            with errors_told_apart("deleting"):
                self._dynamodb.delete_item(TableName=self._table, Key=key_of(claimed.image))
        return row


class ClaimsWithoutOrder(Catalog):
    """Any event may claim, an older one too."""

    def claim(self, image: Image, sequencer: str) -> Row:
        values = {":sequencer": {"S": sequencer}, ":zero": {"N": "0"}, ":lowest": {"S": ordering.LOWEST}}
        return self._claim(image, catalog._CLAIM, f"{catalog._NOBODY_WAS_HERE} OR fence >= :zero", values)


class ClaimsWithoutCounting(Catalog):
    """A claim does not change the fence."""

    def _claim(self, image: Image, update: str, condition: str, values: Mapping[str, Any]) -> Row:
        return super()._claim(image, update, condition, {**values, ":one": {"N": "0"}})


class RenewsWithoutATrace(Catalog):
    """The row keeps its settings fingerprint while a backfill makes the thumbnails anew."""

    def claim_as_seen(self, row: Row) -> Row:
        return self.fence_off(row)


class RenewsWhateverItFinds(Catalog):
    """A backfill claims the row as it is by now, not as it was before the GET."""

    def claim_as_seen(self, row: Row) -> Row:
        return super().claim_as_seen(self.read(row.image) or row)


class KeepsWithoutARank(Catalog):
    """Where the row shows the newest state already, nobody notes as of which event."""

    def keep(self, row: Row, sequencer: str, seen: Seen) -> Row:
        return super().keep(row, row.sequencer, seen) if sequencer == row.sequencer else row


class SweepsWithoutAFence(Catalog):
    """A sweep lets whoever is at work go on."""

    def fence_off(self, row: Row) -> Row:
        self.require(row)
        return row


class ForgetsWhatIsObsolete(Catalog):
    """The row does not say what was there before."""

    def commit(self, claimed: Row, state: State) -> Row:
        return super().commit(replace(claimed, thumbnails=(), obsolete=()), state)


class AnnouncesBeforeItCommits(Catalog):
    """Consumers hear of a state first, and then it is stored, unless somebody else was quicker."""

    def _put(
        self,
        claimed: Row,
        state: State,
        *,
        obsolete: tuple[StoredThumbnail, ...],
        condition: str,
        values: Mapping[str, Any],
    ) -> Row:
        elsewhere = MemoryDynamoDB()
        elsewhere.create_table(TableName=self._table)
        to_be = Catalog(elsewhere, self._table, self._clock)  # type: ignore[arg-type]
        row = to_be._put(claimed, state, obsolete=obsolete, condition=catalog._NOBODY_WAS_HERE, values={})
        bus: MemoryEvents = self._dynamodb._delivery._world.bus  # type: ignore[attr-defined]
        event = completion_event(row, DEPLOYMENT)
        assert event
        bus.arrived.append(json.loads(event.text))
        return super()._put(claimed, state, obsolete=obsolete, condition=condition, values=values)


class IgnoresFailedEntries(EventBus):
    """A call that was answered has sent all of its events."""

    def put(self, events: Sequence[CompletionEvent]) -> list[str | None]:
        super().put(events)
        return [None for _ in events]


class KeepsWhateverItHas(Pipeline):
    """Thumbnails stay where the newest object cannot be read, whatever they show."""

    def _kept(self, event: ObjectEvent, row: Row, failure: Permanent) -> pipeline._Decision | None:
        return super()._kept(replace(event, etag=row.etag), row, failure)


class NeverSweeps(Pipeline):
    """A redelivered message does not look for what it left."""

    def _sweep(self, event: ObjectEvent, row: Row | None, *, keeping: bool) -> None:
        pass


class ChecksBeforeLookingUp(Pipeline):
    """The claim is checked first, and then looked up what may be replaced."""

    def _replace(self, claimed: Row, key: str, thumbnail: Thumbnail, expected: str | None) -> StoredThumbnail:
        while True:
            try:
                return self._storage.write(key, thumbnail.data, "", replacing=expected)
            except Occupied:
                self._catalog.require(claimed)
                found = self._storage.find(key)
                expected = found.etag if found else None


class SettlesBeforeDeleting(Pipeline):
    """What is obsolete is forgotten before it is deleted."""

    def _tidy(self, row: Row) -> None:
        if row.obsolete:
            self._catalog.settle(row)
        for thumbnail in row.obsolete:
            self._storage.delete(thumbnail)


class BackfillOutranks(Pipeline):
    """A backfill is taken for the newest event."""

    def _apply(self, event: ObjectEvent, attempt: int, row: Row | None) -> pipeline._Decision:
        newest = replace(event, sequencer="F" * len(ordering.LOWEST)) if event.is_backfill else event
        return super()._apply(newest, attempt, row)


class BuriesWhateverIsNotTheSame(Pipeline):
    """A backfill takes an object that was overwritten for one that is gone."""

    def _bury(self, event: ObjectEvent, attempt: int, row: Row | None) -> pipeline._Decision:
        if row is None or row.status == "DELETED":
            return super()._bury(event, attempt, row)
        tombstone = self._tombstone(replace(event, sequencer=row.sequencer), attempt)
        return self._commit_claimed(self._catalog.claim_as_seen(row), tombstone, ())


class TakesTheRowForCurrent(Pipeline):
    """A backfill leaves alone what was made from the same bytes, with whatever settings."""

    def _is_up_to_date(self, event: ObjectEvent, row: Row | None, etag: str | None) -> bool:
        if row is not None:
            row = replace(row, settings_fingerprint=made_by(self._config.settings.fingerprint, row.kind))
        return super()._is_up_to_date(event, row, etag)


class AnyVersionRemovedIsARemoval(Pipeline):
    """The deletion of an old version is taken for that of the object."""

    def _look_again(self, event: ObjectEvent, attempt: int, row: Row | None) -> pipeline._Decision:  # noqa: ARG002
        return self._remove(replace(event, change=Change.REMOVED), attempt)


_VARIANTS = [
    Protocol(storage=TakesDenialsForTheRoles),
    Protocol(storage=TakesDenialsForTheObjects),
    Protocol(storage=WritesOverAnything),
    Protocol(storage=DeletesAnything),
    Protocol(catalog=CommitsWithoutItsClaim),
    Protocol(catalog=ClaimsAfterWriting),
    Protocol(catalog=LeavesNoTombstone),
    Protocol(catalog=ClaimsWithoutOrder),
    Protocol(catalog=ClaimsWithoutCounting),
    Protocol(catalog=RenewsWithoutATrace),
    Protocol(catalog=RenewsWhateverItFinds),
    Protocol(catalog=KeepsWithoutARank),
    Protocol(catalog=SweepsWithoutAFence),
    Protocol(pipeline=KeepsWhateverItHas),
    Protocol(catalog=ForgetsWhatIsObsolete),
    Protocol(pipeline=NeverSweeps),
    Protocol(pipeline=ChecksBeforeLookingUp),
    Protocol(pipeline=SettlesBeforeDeleting),
    Protocol(pipeline=BackfillOutranks),
    Protocol(pipeline=BuriesWhateverIsNotTheSame),
    Protocol(pipeline=TakesTheRowForCurrent),
    Protocol(pipeline=AnyVersionRemovedIsARemoval),
    Protocol(catalog=AnnouncesBeforeItCommits),
    Protocol(bus=IgnoresFailedEntries),
]


@pytest.mark.parametrize("variant", _VARIANTS, ids=str)
def test_the_model_catches(variant: Protocol) -> None:
    assert_caught(variant)


def test_the_model_catches_thumbnails_without_a_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "stamp", lambda data, *_: data)
    assert_caught(Protocol())


@pytest.mark.parametrize("taken_for_newer", [Order.STALE, Order.SAME])
def test_the_model_catches_a_comparison_that_is_too_lenient(
    monkeypatch: pytest.MonkeyPatch, taken_for_newer: Order
) -> None:
    compare = ordering.compare

    def lenient(sequencer: str, row: Row | None) -> Order:
        order = compare(sequencer, row)
        return Order.NEWER if order is taken_for_newer else order

    monkeypatch.setattr(ordering, "compare", lenient)
    assert_caught(Protocol())


def test_the_model_catches_a_worker_that_does_not_know_its_own_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "_shows", lambda *_: False)
    assert_caught(Protocol())


@pytest.mark.parametrize("status", Status)
def test_the_model_catches_a_filter_that_drops_a_state(status: Status) -> None:
    def passes(record: dict[str, Any]) -> bool:
        return has_a_state(record) and record["dynamodb"]["NewImage"]["status"]["S"] != status

    assert_caught(Protocol(passes=passes))


def test_the_model_catches_an_id_without_a_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    def event_of_record(record: Mapping[str, Any], deployment: str) -> CompletionEvent | None:
        event = completion.event_of_record(record, deployment)
        if event is None:
            return None
        data = event.detail["data"]
        return replace(event, detail={**event.detail, "id": json.dumps([data["key"], data["version"], data["etag"]])})

    monkeypatch.setattr(publishing, "event_of_record", event_of_record)
    assert_caught(Protocol())


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda before, after, now: before.revision + 1, id="begins anew after expiry"),  # noqa: ARG005
        pytest.param(lambda before, after, now: now, id="is a clock's"),  # noqa: ARG005
        pytest.param(lambda before, after, now: max(before.revision, now), id="may stay"),  # noqa: ARG005
        pytest.param(
            lambda before, after, now: before.revision if before.status == after["status"] else now,
            id="is the status's",
        ),
    ],
)
def test_the_model_catches_a_revision_that(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Row, Mapping[str, Any], int], int]
) -> None:
    right = catalog._revised

    def revised(before: Row, after: Mapping[str, Any], now: int) -> tuple[int, bool]:
        revision, backfilled = right(before, after, now)
        return revision if revision == before.revision else wrong(before, after, now), backfilled

    monkeypatch.setattr(catalog, "_revised", revised)
    assert_caught(Protocol())


def test_the_model_catches_a_call_with_two_events_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_next_call", lambda _, __, waiting: list(waiting))
    assert_caught(Protocol())


def assert_caught(protocol: Protocol) -> None:
    """Some seeded history ends badly, and not because the variant falls over by itself."""
    endings = (ending(seed, protocol) for seed in itertools.chain(_TELLING, range(_MOST_HISTORIES)))
    bad = next((each for each in endings if each), None)
    assert bad is not None, f"{_MOST_HISTORIES} histories, and none of them shows what is wrong"
    assert " met " not in bad or " met Systemic" in bad or " met Withheld" in bad, bad


def ending(seed: int, protocol: Protocol) -> str | None:
    """What is wrong at the end of a history."""
    try:
        play(seeded(seed), protocol)
    except Broken as broken:
        return str(broken)
    return None
