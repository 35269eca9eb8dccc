"""What it means where something is counted, in the order in which it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.jobs.wish import EXCLUDED
from thumbnail_pipeline.reconciliation.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Final[Mapping[str, str]] = {
    Verdict.MISSING: "they have no row in the catalog, and no thumbnails",
    Verdict.CHANGED: "their thumbnails were made from earlier objects",
    Verdict.RESTYLED: "their thumbnails were made with other settings",
    Verdict.FAILED: "they could not be rendered; --failed tries again",
    Verdict.CURRENT: "their thumbnails are up to date",
    Verdict.CLAIMED: "the function is processing them",
    EXCLUDED: "--include, --exclude or source_keys leave them out",
}
"""What each verdict of a backfill says of the objects that are counted under it."""
