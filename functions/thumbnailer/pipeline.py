"""Applies one event: fetch → render → store → commit, in the order that the ordering rule allows.

However often and in whatever order messages come, at the end the catalog row and the thumbnails are those of the newest
state of the source, and no thumbnail belongs to nothing.

The usual case, an image that nobody has processed before, costs one GET, one PUT per rendition and one
DynamoDB write. It bets on being first: the thumbnails are written only where there are none, and the row
only where there is none. A lost bet costs a claim (see `catalog`) and writing the thumbnails again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from thumbnail_pipeline import ordering, telemetry
from thumbnail_pipeline.errors import Permanent, Transient, Withheld
from thumbnail_pipeline.images import LONGEST_KEY_BYTES, thumbnail_key
from thumbnail_pipeline.messages import Change
from thumbnail_pipeline.ordering import Order
from thumbnail_pipeline.outcomes import Reason, Status, Unapplied
from thumbnail_pipeline.rows import iso
from thumbnail_pipeline.settings import made_by
from thumbnailer.catalog import State, Superseded
from thumbnailer.refusals import Gone
from thumbnailer.stamp import stamp
from thumbnailer.storage import NeedsRoom, Occupied, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from thumbnail_pipeline.images import Image, StoredThumbnail
    from thumbnail_pipeline.messages import ObjectEvent
    from thumbnail_pipeline.renderer.rendering import Rendered, Thumbnail
    from thumbnail_pipeline.rows import Row
    from thumbnailer.catalog import Catalog
    from thumbnailer.config import ThumbnailerConfig
    from thumbnailer.storage import FetchedSource, Storage

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")

# Every lost race means that another worker made progress on the same key. After so many in a row, let SQS try later.
_MOST_RACES = 5

# What says nothing of the bytes, which may be those of before.
_UNREADABLE = frozenset({Reason.ACCESS_DENIED, Reason.ARCHIVED, Reason.UNREADABLE_ENCRYPTION})


class Workshop(Protocol):
    """What the images of an invocation share, each of which is in a thread of its own: memory, processors, writers."""

    def hold(self, source_bytes: int) -> AbstractContextManager[None]:
        """Hold memory for a source for as long as the block lasts. Raises OutOfTime."""

    def render(self, source: bytes, attempt: int) -> Rendered:
        """Render the bytes of a source, delivered for the `attempt`-th time. Raises Permanent and Transient."""

    def side_by_side(self, work: Callable[[_Item], _Done], items: Sequence[_Item]) -> list[_Done]:
        """Do `work` on all `items` at the same time; wait for all of them, and then raise what one of them raised.

        A write that outlives the failure of another could land after what was written has been tidied up.
        """


@dataclass(frozen=True)
class Outcome:
    """What became of an event."""

    image: Image
    result: Status | Unapplied
    """The state of the image where this event decided it; else why it did not."""
    reason: Reason | None = None
    """Why it FAILED."""
    detail: str | None = None
    report: bool = False
    """Whether people must hear of it."""
    source_bytes: int | None = None
    thumbnail_bytes: int | None = None


class _Decision(NamedTuple):
    """What became of an event, and the row that it was decided by; None where no row is known."""

    outcome: Outcome
    row: Row | None


@dataclass(frozen=True)
class _Result:
    """What fetching and rendering came to, before anything is stored."""

    source: FetchedSource | None
    rendered: Rendered | None
    failure: Permanent | None
    started: float


class Pipeline:
    """Applies events to the thumbnails bucket and the catalog.

    pipeline = Pipeline(config, storage, catalog, workshop)
    outcome = pipeline.apply(event, attempt=1)
    """

    def __init__(self, config: ThumbnailerConfig, storage: Storage, catalog: Catalog, workshop: Workshop) -> None:
        self._config = config
        self._storage = storage
        self._catalog = catalog
        self._workshop = workshop

    def apply(self, event: ObjectEvent, *, attempt: int) -> Outcome:
        """Apply `event`, delivered for the `attempt`-th time (1 the first), and say what became of it.

        Raises Transient or Systemic; then nothing is decided and the message must come back.
        """
        if event.image.bucket != self._config.source_bucket:
            detail = (
                f"Only images of {self._config.source_bucket} are processed: the function may read no other bucket."
            )
            return Outcome(event.image, Status.FAILED, Reason.FOREIGN_BUCKET, detail, report=True)
        if not event.image.key.startswith(self._config.source_prefix):
            return Outcome(event.image, Unapplied.IGNORED)
        # S3 does not report deletions then, but some messages may have been on their way when that was configured.
        if event.change is not Change.CREATED and not self._config.propagates_deletions:
            return Outcome(event.image, Unapplied.IGNORED)
        is_watched = self._config.settings.watches(event.image.key, event.size if event.change is Change.CREATED else 0)
        if event.change is Change.CREATED and not is_watched:
            return Outcome(event.image, Unapplied.IGNORED)
        # Reading the row first costs a call. It is worth it where an earlier delivery may have written one, where a
        # backfill is compared with it, and where thumbnails may be left from before a key was excluded.
        row = self._catalog.read(event.image) if attempt > 1 or event.is_backfill or not is_watched else None
        if row is None and not is_watched:
            return Outcome(event.image, Unapplied.IGNORED)
        unsure = attempt > 1
        outcome = None
        for _ in range(_MOST_RACES):
            try:
                if outcome is None:
                    outcome, row = self._apply(event, attempt, row)
                if unsure and outcome.result is not Status.READY:
                    self._sweep(event, row, keeping=outcome.result is Unapplied.KEPT)
            except Superseded as superseded:
                row, unsure = superseded.row, True
            else:
                return outcome
        raise Transient(f"the row of {event.image.key} is being changed by others again and again")

    def _apply(self, event: ObjectEvent, attempt: int, row: Row | None) -> _Decision:
        """Apply `event` where the image's row is `row`, or None: no row is known."""
        try:
            if event.is_backfill:
                return self._backfill(event, attempt, row)
            if row is not None and (decided := self._decided(event, row, attempt)):
                return decided
            if event.change is Change.REMOVED:
                return self._remove(event, attempt)
            if event.change is Change.VERSION_REMOVED:
                return self._look_again(event, attempt, row)
            return self._create(event, attempt, row)
        except Gone:
            # A newer event exists, and it decides.
            return _Decision(Outcome(event.image, Unapplied.STALE), row)

    def _decided(self, event: ObjectEvent, row: Row, attempt: int) -> _Decision | None:
        """Return the decision where `row` already decides on `event`, or None where it must be applied."""
        order = ordering.compare(event.sequencer, row)
        if order is Order.NEWER:
            return None
        if order is Order.STALE:
            return _Decision(Outcome(event.image, Unapplied.STALE), row)
        # The delivery that stored the failure may have died before anybody was told.
        report = attempt > 1 and row.status is Status.FAILED
        return _Decision(Outcome(event.image, Unapplied.DUPLICATE, report=report), row)

    # ── the ways of an event ─────────────────────────────────────────────────────────────────────────

    def _create(self, event: ObjectEvent, attempt: int, row: Row | None) -> _Decision:
        result = self._fetch_and_render(event, attempt)
        if result.failure and result.failure.reason in _UNREADABLE:
            row = row or self._catalog.read(event.image)
            if row is not None and (decided := self._decided(event, row, attempt)):
                return decided
            if row is not None and (kept := self._kept(event, row, result.failure)):
                return kept
        state, thumbnails = self._state_of(event, result, attempt)
        if row is None:
            try:
                return self._commit_first(event.image, state, thumbnails)
            except Occupied as occupied:
                # The bet is lost: somebody was here before, most often with this very event.
                row = self._catalog.read(event.image)
                if row is not None and (decided := self._decided(event, row, attempt)):
                    if self._keys(event.image) <= {thumbnail.key for thumbnail in row.thumbnails}:
                        return decided
                    raise Superseded(row) from occupied
            except Superseded:
                pass  # A row without thumbnails, such as a tombstone: the claim tells who is the newer.
        return self._commit_claimed(self._catalog.claim(event.image, event.sequencer), state, thumbnails)

    def _remove(self, event: ObjectEvent, attempt: int) -> _Decision:
        """Make the row a tombstone, which lists no thumbnails, and delete all that it listed."""
        claimed = self._catalog.claim(event.image, event.sequencer)
        return self._commit_claimed(claimed, self._tombstone(event, attempt), ())

    def _look_again(self, event: ObjectEvent, attempt: int, row: Row | None) -> _Decision:
        """A version went for good: what the key holds now, an older version perhaps, is its newest state.

        Most often that is what the row shows, for an overwritten version has expired.
        """
        current = self._storage.look(event.image)
        if current is None:
            return self._remove(event, attempt)
        if not self._config.settings.watches(event.image.key, current.size):
            return _Decision(Outcome(event.image, Unapplied.IGNORED), row)
        row = row or self._catalog.read(event.image)
        if row is not None:
            if decided := self._decided(event, row, attempt):
                return decided
            if _shows(row, current):
                return _Decision(
                    Outcome(event.image, Unapplied.DUPLICATE), self._catalog.keep(row, event.sequencer, current)
                )
        as_created = replace(
            event, change=Change.CREATED, version_id=current.version_id, etag=current.etag, size=current.size
        )
        return self._create(as_created, attempt, row)

    def _backfill(self, event: ObjectEvent, attempt: int, row: Row | None) -> _Decision:
        """Render an object that no event is about, if its row is missing, failed or out of date, or if forced."""
        if row is not None and row.claim > row.sequencer:
            return _Decision(Outcome(event.image, Unapplied.STALE), row)
        if self._is_up_to_date(event, row, event.etag):
            return _Decision(Outcome(event.image, Unapplied.DUPLICATE), row)
        try:
            result = self._fetch_and_render(event, attempt)
        except Gone:
            return self._bury(event, attempt, row)
        if row is None:
            state, thumbnails = self._state_of(event, result, attempt)
            try:
                return self._commit_first(event.image, state, thumbnails)
            except Occupied:
                claimed = self._catalog.claim(event.image, event.sequencer)
                return self._commit_claimed(claimed, state, thumbnails)
        if self._is_up_to_date(event, row, result.source.etag if result.source else None):
            return _Decision(Outcome(event.image, Unapplied.DUPLICATE), row)
        # The row keeps its rank, so that the next real event is the newer.
        event = replace(event, sequencer=row.sequencer)
        if result.failure and (kept := self._kept(event, row, result.failure)):
            return kept
        state, thumbnails = self._state_of(event, result, attempt)
        return self._commit_claimed(self._catalog.claim_as_seen(row), state, thumbnails)

    def _kept(self, event: ObjectEvent, row: Row, failure: Permanent) -> _Decision | None:
        """Keep the thumbnails of an object that cannot be read and is still what they show, or return None."""
        if failure.reason not in _UNREADABLE or row.status is not Status.READY or row.claimed:
            return None
        seen = Seen(event.version_id, event.etag or "", event.size or 0)
        if not _is_same_object(row, seen):
            looked_at = self._storage.look(event.image, event.version_id)
            if looked_at is None or not (_is_same_object(row, looked_at) or _has_same_bytes(row, looked_at)):
                return None
            seen = looked_at
        if (event.sequencer, seen.etag) != (row.sequencer, row.etag):
            row = self._catalog.keep(row, event.sequencer, seen)
        return _Decision(Outcome(event.image, Unapplied.KEPT, failure.reason, failure.detail), row)

    def _bury(self, event: ObjectEvent, attempt: int, row: Row | None) -> _Decision:
        """Remove the thumbnails of an object that is gone, unless the key holds another object by now.

        The event of the deletion does the same; this is for a deletion whose event was lost.
        """
        if row is None or row.status is Status.DELETED or not self._config.propagates_deletions:
            return _Decision(Outcome(event.image, Unapplied.STALE), row)
        if self._storage.look(event.image):
            return _Decision(Outcome(event.image, Unapplied.STALE), row)
        tombstone = self._tombstone(replace(event, sequencer=row.sequencer), attempt)
        return self._commit_claimed(self._catalog.claim_as_seen(row), tombstone, ())

    def _is_up_to_date(self, event: ObjectEvent, row: Row | None, etag: str | None) -> bool:
        """Whether a backfill of the bytes with `etag`, where they are known, has nothing to do."""
        return (
            not event.forced
            and row is not None
            and row.status is Status.READY
            and etag is not None
            and row.etag == etag
            and row.settings_fingerprint == made_by(self._config.settings.fingerprint, row.kind)
        )

    # ── the steps on the way ─────────────────────────────────────────────────────────────────────────

    def _fetch_and_render(self, event: ObjectEvent, attempt: int) -> _Result:
        limit = self._config.settings.limits.bytes
        # No more than the limit is ever read, and where no size is known, it may be that much.
        room = min(limit if event.size is None else event.size, limit)
        try:
            return self._fetch_and_render_within(room, event, attempt)
        except NeedsRoom:
            return self._fetch_and_render_within(limit, event, attempt)

    def _fetch_and_render_within(self, room: int, event: ObjectEvent, attempt: int) -> _Result:
        started = time.monotonic()
        source = None
        try:
            self._require_storable(event.image)
            with self._workshop.hold(room):
                with telemetry.step("fetch"):
                    source, data = self._storage.fetch(event, most_bytes=self._config.settings.limits.bytes, room=room)
                return _Result(source, self._workshop.render(data, attempt), None, started)
        except Permanent as failure:
            return _Result(source, None, failure, started)
        except Withheld as withheld:
            # Until then the row stays as it is, with the thumbnails of what was there before.
            if attempt < self._config.denied_tries:
                raise
            return _Result(source, None, Permanent(withheld.reason, withheld.detail), started)

    def _require_storable(self, image: Image) -> None:
        for rendition in self._config.settings.renditions:
            if len(thumbnail_key(rendition, image).encode()) > LONGEST_KEY_BYTES:
                raise Permanent(
                    Reason.KEY_TOO_LONG,
                    f"as rendition {rendition.name!r} its thumbnail's key would pass S3's {LONGEST_KEY_BYTES} bytes",
                )

    def _commit_first(self, image: Image, state: State, thumbnails: Sequence[Thumbnail]) -> _Decision:
        def write(thumbnail: Thumbnail) -> StoredThumbnail:
            key = thumbnail_key(thumbnail.rendition, image)
            return self._storage.write(key, thumbnail.data, thumbnail.rendition.content_type, replacing=None)

        written = self._store(write, thumbnails)
        with telemetry.step("commit"):
            row = self._catalog.commit_first(image, _with_thumbnails(state, thumbnails, written))
        self._tidy(row)
        return _Decision(_outcome(image, state, thumbnails), row)

    def _commit_claimed(self, claimed: Row, state: State, thumbnails: Sequence[Thumbnail]) -> _Decision:
        stamped = [replace(each, data=stamp(each.data, each.rendition.format, claimed.fence)) for each in thumbnails]
        expected = {old.key: old.etag for old in (*claimed.obsolete, *claimed.thumbnails)}

        def write(thumbnail: Thumbnail) -> StoredThumbnail:
            key = thumbnail_key(thumbnail.rendition, claimed.image)
            return self._replace(claimed, key, thumbnail, expected.get(key))

        written = self._store(write, stamped)
        with telemetry.step("commit"):
            row = self._catalog.commit(claimed, _with_thumbnails(state, stamped, written))
        self._tidy(row)
        return _Decision(_outcome(claimed.image, state, stamped), row)

    def _store(
        self, write: Callable[[Thumbnail], StoredThumbnail], thumbnails: Sequence[Thumbnail]
    ) -> list[StoredThumbnail]:
        if not thumbnails:
            return []
        with telemetry.step("store"):
            return self._workshop.side_by_side(write, thumbnails)

    def _replace(self, claimed: Row, key: str, thumbnail: Thumbnail, expected: str | None) -> StoredThumbnail:
        """Write a thumbnail over whatever is there, as long as the claim is ours.

        The order matters: what is there is looked up before the claim is checked. A worker that takes the
        claim over after that check changes the ETag, and our write fails.
        """
        content_type = thumbnail.rendition.content_type
        for _ in range(_MOST_RACES):
            try:
                return self._storage.write(key, thumbnail.data, content_type, replacing=expected)
            except Occupied:
                found = self._storage.find(key)
                expected = found.etag if found else None
                self._catalog.require(claimed)
        raise Transient(f"{key} is being written by others again and again")

    def _tidy(self, row: Row) -> None:
        """Delete the thumbnails that `row` has on record as no longer its own."""
        if row.obsolete:
            self._workshop.side_by_side(self._storage.delete, row.obsolete)
            self._catalog.settle(row)

    def _sweep(self, event: ObjectEvent, row: Row | None, *, keeping: bool) -> None:
        """Delete thumbnails that this message may have written and that the image's row does not list.

        Every message does this for itself before it is acknowledged, for only it knows what it wrote: in a delivery
        that died, in a lost race, or in a write whose answer was lost. Other workers are fenced off first, because what
        is found may be theirs: they begin anew, and then write under another ETag. With `keeping`, the keys that the
        row lists are left alone, even if a renewal that could not be finished has written them.
        """
        looked_up = self._workshop.side_by_side(self._storage.find, sorted(self._keys(event.image)))
        kept = {each.key for each in row.thumbnails} if row and keeping else set()
        found = [each for each in looked_up if each and each.key not in kept]
        if any(row is None or thumbnail not in row.thumbnails for thumbnail in found):
            row = self._catalog.fence_off(row) if row else self._catalog.claim(event.image, event.sequencer)
            orphans = [each for each in found if each not in row.thumbnails]
            self._workshop.side_by_side(self._storage.delete, orphans)
        if row is not None:
            self._tidy(row)

    def _keys(self, image: Image) -> set[str]:
        return {thumbnail_key(rendition, image) for rendition in self._config.settings.renditions}

    # ── what is stored ───────────────────────────────────────────────────────────────────────────────

    def _state_of(self, event: ObjectEvent, result: _Result, attempt: int) -> tuple[State, Sequence[Thumbnail]]:
        source, rendered, failure = result.source, result.rendered, result.failure
        attributes = {
            "size_bytes": source.size if source else event.size,
            "checksum": source.checksum if source else None,
            "content_type": source.content_type if source else None,
            "created_at": iso(source.created_at.astimezone(UTC)) if source else event.occurred_at or None,
            "milliseconds": round((time.monotonic() - result.started) * 1000),
            **_about_this_attempt(attempt),
        }
        if rendered:
            facts = rendered.facts
            attributes |= {
                "format": facts.format,
                "width": facts.width,
                "height": facts.height,
                "mode": facts.mode,
                "frames": facts.frames,
                "has_alpha": facts.has_alpha,
                "dominant_colour": facts.dominant_colour,
                "placeholder": facts.placeholder,
                "captured_at": facts.captured_at,
                "warnings": list(facts.warnings) or None,
            }
        if failure:
            attributes |= {"reason": failure.reason, "detail": failure.detail}
        kind = failure.reason if failure else rendered.facts.format if rendered else None
        state = State(
            status=Status.FAILED if failure else Status.READY,
            sequencer=event.sequencer,
            version_id=source.version_id if source else event.version_id,
            etag=source.etag if source else event.etag,
            settings_fingerprint=made_by(self._config.settings.fingerprint, kind),
            attributes=attributes,
        )
        return state, rendered.thumbnails if rendered else ()

    def _tombstone(self, event: ObjectEvent, attempt: int) -> State:
        expires = datetime.now(UTC) + timedelta(days=self._config.tombstone_days)
        return State(
            status=Status.DELETED,
            sequencer=event.sequencer,
            version_id=event.version_id,
            etag=None,
            settings_fingerprint=self._config.settings.fingerprint,
            attributes={"expires_at": int(expires.timestamp()), **_about_this_attempt(attempt)},
        )


def _is_same_object(row: Row, seen: Seen) -> bool:
    return seen.etag == row.etag or (seen.version_id is not None and seen.version_id == row.version_id)


def _has_same_bytes(row: Row, seen: Seen) -> bool:
    of_the_row = (row.attributes.get("size_bytes"), row.attributes.get("checksum"))
    return seen.checksum is not None and of_the_row == (seen.size, seen.checksum)


def _shows(row: Row, seen: Seen) -> bool:
    """Whether `row` has the thumbnails of that very object, and nobody is changing them."""
    settled = row.status is Status.READY and row.settings_fingerprint is not None and not row.claimed
    return settled and _is_same_object(row, seen)


def _about_this_attempt(attempt: int) -> dict[str, Any]:
    return {
        "attempts": attempt,
        "trace_id": telemetry.trace_id(),
    }


def _with_thumbnails(state: State, thumbnails: Sequence[Thumbnail], written: Sequence[StoredThumbnail]) -> State:
    if not written:
        return state
    renditions = [
        {
            "name": thumbnail.rendition.name,
            "key": stored.key,
            "width": thumbnail.width,
            "height": thumbnail.height,
            "bytes": len(thumbnail.data),
            "etag": stored.etag,
        }
        for thumbnail, stored in zip(thumbnails, written, strict=True)
    ]
    return replace(state, thumbnails=tuple(written), attributes={**state.attributes, "renditions": renditions})


def _outcome(image: Image, state: State, thumbnails: Sequence[Thumbnail]) -> Outcome:
    return Outcome(
        image,
        state.status,
        reason=state.attributes.get("reason"),
        detail=state.attributes.get("detail"),
        report=state.status is Status.FAILED,
        source_bytes=state.attributes.get("size_bytes"),
        thumbnail_bytes=sum(len(each.data) for each in thumbnails) if thumbnails else None,
    )
