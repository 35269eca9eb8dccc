"""Whether an object's catalog row shows its newest state. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.settings import is_mended, made_by

if TYPE_CHECKING:
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Row


class Verdict(StrEnum):
    """What an object's row says of it."""

    CURRENT = "current"
    """READY, from these very bytes and with the settings that are deployed."""
    FAILED = "failed"
    """These very bytes failed for good, and the row has the reason."""
    MISSING = "missing"
    """There is no row, or one of a deletion: no event of this object was sent, or it was lost."""
    CHANGED = "changed"
    """The row was made from other bytes."""
    RESTYLED = "restyled"
    """Made with other settings, or by a renderer that did worse on its kind, or a renewal was left half done."""
    CLAIMED = "claimed"
    """A newer event is being applied; if its worker died, its message comes back."""


def judge(listed: Listed, row: Row | None, settings_fingerprint: str) -> Verdict:
    """Compare an object with its row; None where it has none."""
    if row is None:
        return Verdict.MISSING
    if row.claimed:
        return Verdict.CLAIMED
    if row.status not in {Status.READY, Status.FAILED}:
        return Verdict.MISSING
    # The row of a source that was too large to be read may have no ETag.
    if row.etag != listed.etag and not (row.status is Status.FAILED and row.etag is None):
        return Verdict.CHANGED
    if row.status is Status.FAILED:
        return Verdict.RESTYLED if is_mended(row.settings_fingerprint, row.reason) else Verdict.FAILED
    is_current = row.settings_fingerprint == made_by(settings_fingerprint, row.kind)
    return Verdict.CURRENT if is_current else Verdict.RESTYLED
