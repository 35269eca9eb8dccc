"""Whether an object's catalog row shows its newest state. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Known


class Verdict(StrEnum):
    """What an object's row says of it."""

    CURRENT = "current"
    """READY, from these very bytes and with the settings that are deployed."""
    FAILED = "failed"
    """These very bytes failed for good, and the row has the reason."""
    MISSING = "missing"
    """There is no row, or one of a deletion: nobody was told of this object, or its event was lost."""
    CHANGED = "changed"
    """The row was made from other bytes."""
    RESTYLED = "restyled"
    """The thumbnails were made with other settings, or a renewal was left half done."""
    CLAIMED = "claimed"
    """A newer event is being applied; if its worker died, its message comes back."""


def judge(listed: Listed, known: Known | None, settings_fingerprint: str) -> Verdict:
    """Compare an object with its row, or with None where it has none."""
    if known is None:
        return Verdict.MISSING
    if known.claimed:
        return Verdict.CLAIMED
    if known.status not in {"READY", "FAILED"}:
        return Verdict.MISSING
    # Of what is too large to be read, the row may know no ETag.
    if known.etag != listed.etag and not (known.status == "FAILED" and known.etag is None):
        return Verdict.CHANGED
    if known.status == "FAILED":
        return Verdict.FAILED
    return Verdict.CURRENT if known.settings_fingerprint == settings_fingerprint else Verdict.RESTYLED
