"""What is wrong with one image, and the counts of a whole pass. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.alignment import Sight


class Kind(StrEnum):
    """What can be found; each kind has one remedy."""

    MISSING = "missing"
    """There is an object, and no row or only that of a deletion."""
    CHANGED = "changed"
    """The row was made from other bytes."""
    RESTYLED = "restyled"
    """The thumbnails were made with other settings, or a worker died while it made them anew."""
    THUMBNAIL_MISSING = "thumbnail-missing"
    """The row is current, and a thumbnail that it lists is not there."""
    THUMBNAIL_ALTERED = "thumbnail-altered"
    """The row is current, and a thumbnail that it lists has other bytes."""
    VANISHED = "vanished"
    """The object is gone, and its row does not say so."""
    ORPHAN = "orphan"
    """No row lists this thumbnail."""
    PENDING = "pending"
    """Too young to be called wrong, or being worked on."""
    FOREIGN = "foreign"
    """It lies in the thumbnails bucket and can be no thumbnail of ours. Nobody touches it."""

    @property
    def is_wrong(self) -> bool:
        """Whether somebody has to mend it."""
        return self not in {Kind.PENDING, Kind.FOREIGN}


BROKEN = frozenset({Kind.THUMBNAIL_MISSING, Kind.THUMBNAIL_ALTERED})
"""Kinds that can be wrong while the row is current."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody may want to know, or mend."""

    kind: Kind
    key: str
    """Of the source; of something foreign, its own key in the thumbnails bucket."""
    detail: str
    thumbnail: Listed | None = None
    """The thumbnail in question, where there is one."""

    def as_json(self) -> dict[str, Any]:
        shown = {"thumbnail": self.thumbnail.key} if self.thumbnail else {}
        return {"kind": self.kind, "key": self.key, **shown, "detail": self.detail}


class Standing(StrEnum):
    """What an object counts as in a pass; each is exactly one of these."""

    CURRENT = "current"
    """READY, from its newest bytes and with the settings that are deployed, and every thumbnail is there."""
    FAILED = "failed"
    """Its newest bytes failed for good, and the row has the reason."""
    PENDING = "pending"
    """Too young to be called wrong, or being worked on."""
    INCOMPLETE = "incomplete"
    """It should be one of the others, and is not."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a pass says of one source key, or of something foreign."""

    standing: Standing | None
    """None where there is no object."""
    findings: tuple[Finding, ...] = ()
    object: Listed | None = None
    reason: str | None = None
    """Why it FAILED."""
    place: str | None = None
    """See `Sight`."""

    @property
    def is_wrong(self) -> bool:
        return any(finding.kind.is_wrong for finding in self.findings)


@dataclass
class PassTally:
    """The counts of a pass.

    tally = PassTally()
    for examined in reconcile(estate):
        tally.add(examined)
    """

    checked: int = 0
    """Objects, of which each is either current, failed, pending or incomplete."""
    current: int = 0
    pending: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    found: Counter[Kind] = field(default_factory=Counter)

    def add(self, examined: Examined) -> None:
        self.found.update(finding.kind for finding in examined.findings)
        if examined.standing is None:
            return
        self.checked += 1
        if examined.standing is Standing.CURRENT:
            self.current += 1
        elif examined.standing is Standing.PENDING:
            self.pending += 1
        elif examined.standing is Standing.FAILED:
            self.failed[examined.reason or "unknown"] += 1

    @property
    def incomplete(self) -> int:
        """Objects that should be current or failed, and are neither."""
        return self.checked - self.pending - self.current - self.failed.total()

    @property
    def orphans(self) -> int:
        """What has outlived its source: thumbnails without a row, and rows without an object."""
        return self.found[Kind.ORPHAN] + self.found[Kind.VANISHED]

    @property
    def wrong(self) -> int:
        return sum(number for kind, number in self.found.items() if kind.is_wrong)

    @property
    def completeness(self) -> float:
        """Percent of the objects that are due: current, or failed for a reason that is on record."""
        due = self.checked - self.pending
        return 100 * (due - self.incomplete) / due if due else 100.0

    def as_json(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "current": self.current,
            "pending": self.pending,
            "failed": dict(self.failed),
            "found": {kind.value: number for kind, number in self.found.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PassTally:
        """Raises LookupError, TypeError or ValueError for what `as_json` has not written."""
        checked, current, pending = (int(document[name]) for name in ("checked", "current", "pending"))
        found = Counter({Kind(kind): int(number) for kind, number in document["found"].items()})
        return cls(checked, current, pending, Counter(document["failed"]), found)


def examine(
    sight: Sight, settings_fingerprint: str, young_since: datetime, *, propagates_deletions: bool = True
) -> Examined:
    """Say what is wrong with one source key.

    What was written after `young_since` may still be on its way through the queue, and counts as pending until it is
    done. Where deletions are not propagated, a row and thumbnails without an object are as they should be.
    """
    if sight.is_changing or (sight.row is not None and sight.row.claimed):
        standing = Standing.PENDING if sight.object else None
        detail = "an event is being applied; if its worker died, its message comes back, or is a dead letter"
        return _pending(sight, standing, detail)
    if sight.object is None:
        # Where there is a tombstone, the deletion was propagated, and thumbnails that are left are wrong.
        if not propagates_deletions and (sight.row is None or sight.row.status is not Status.DELETED):
            return Examined(None, place=sight.place)
        return _without_object(sight, young_since)
    verdict = judge(sight.object, sight.row, settings_fingerprint)
    if verdict in _OUT_OF_DATE and _is_young(sight.object.modified, young_since):
        return _pending(sight, Standing.PENDING, f"{verdict} by now, and uploaded only a short while ago")
    findings = [*_about_the_row(sight, sight.object, verdict)]
    # Until the row is up to date, nobody can say which thumbnails are orphans. Where the catalog is lost, none may be
    # called so.
    if verdict not in _OUT_OF_DATE:
        findings += _unlisted(sight, young_since)
    if verdict is Verdict.FAILED:
        reason = sight.row.reason if sight.row else None
        return Examined(Standing.FAILED, tuple(findings), sight.object, reason, sight.place)
    is_whole = verdict is Verdict.CURRENT and not any(each.kind in BROKEN for each in findings)
    standing = Standing.CURRENT if is_whole else Standing.INCOMPLETE
    return Examined(standing, tuple(findings), sight.object, place=sight.place)


_OUT_OF_DATE = frozenset({Verdict.MISSING, Verdict.CHANGED, Verdict.RESTYLED})


def _pending(sight: Sight, standing: Standing | None, detail: str) -> Examined:
    return Examined(standing, (Finding(Kind.PENDING, sight.key, detail),), place=sight.place)


def _without_object(sight: Sight, young_since: datetime) -> Examined:
    if _is_young(sight.gone_since, young_since):
        return _pending(sight, None, "its object was deleted only a short while ago")
    findings = [*_unlisted(sight, young_since)]
    if sight.row is not None and sight.row.status in {Status.READY, Status.FAILED}:
        findings.append(Finding(Kind.VANISHED, sight.key, f"the object is gone, and its row says {sight.row.status}"))
    return Examined(None, tuple(findings), place=sight.place)


def _about_the_row(sight: Sight, listed: Listed, verdict: Verdict) -> Iterator[Finding]:
    row = sight.row
    if verdict is Verdict.MISSING:
        detail = "it has no row" if row is None else f"its row says {row.status or 'nothing yet'}"
        yield Finding(Kind.MISSING, sight.key, detail)
    elif row is None:
        return
    elif verdict is Verdict.CHANGED:
        detail = f"its row was made from the bytes with ETag {row.etag}, and it has those with {listed.etag}"
        yield Finding(Kind.CHANGED, sight.key, detail)
    elif verdict is Verdict.RESTYLED:
        detail = (
            f"it was last made with the settings {row.settings_fingerprint}"
            if row.settings_fingerprint
            else "a renewal of its thumbnails is not finished"
        )
        yield Finding(Kind.RESTYLED, sight.key, detail)
    elif verdict is Verdict.CURRENT:
        for stored in row.thumbnails:
            found = sight.thumbnails.get(stored.key)
            if found is None:
                yield Finding(Kind.THUMBNAIL_MISSING, sight.key, f"{stored.key} is not there")
            elif found.etag != stored.etag:
                detail = f"{stored.key} has the ETag {found.etag}, and its row says {stored.etag}"
                yield Finding(Kind.THUMBNAIL_ALTERED, sight.key, detail, found)


def _unlisted(sight: Sight, young_since: datetime) -> Iterator[Finding]:
    """Yield the thumbnails that the row does not list. A young one may be a worker's that has yet to write the row.

    A listed key with other bytes than the row says is one of them only where there is no object: where there is one,
    these bytes will be replaced.
    """
    listed = {each.key: each.etag for each in sight.row.thumbnails} if sight.row else {}
    for key, thumbnail in sight.thumbnails.items():
        if key in listed and (sight.object or listed[key] == thumbnail.etag):
            continue
        if _is_young(thumbnail.modified, young_since):
            yield Finding(Kind.PENDING, sight.key, f"{key} was written only a short while ago", thumbnail)
        else:
            what = f"{key} with the ETag {thumbnail.etag}" if key in listed else key
            yield Finding(Kind.ORPHAN, sight.key, f"no row lists {what}", thumbnail)


def _is_young(moment: datetime | None, young_since: datetime) -> bool:
    return moment is not None and moment > young_since
