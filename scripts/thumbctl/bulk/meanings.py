"""What it means where something is counted, in the order in which it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.jobs.records import DELETED
from thumbnail_pipeline.jobs.wish import EXCLUDED
from thumbnail_pipeline.reconciliation.findings import Kind, Standing
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

FINDINGS: Final[Mapping[str, str]] = {
    Kind.MISSING: "the object has no row: its event never arrived",
    Kind.CHANGED: "the thumbnails were made from an earlier object",
    Kind.RESTYLED: "the thumbnails were made with other settings",
    Kind.THUMBNAIL_MISSING: "a thumbnail is gone",
    Kind.THUMBNAIL_ALTERED: "a thumbnail has other bytes than were stored",
    Kind.VANISHED: "the object was deleted, and its row says otherwise",
    Kind.ORPHAN: "no row lists this thumbnail",
    Kind.PENDING: "too young to judge, or being processed; if it stays so, see the dead letters",
    Kind.FOREIGN: "not made by the pipeline; left alone",
}
"""What each finding of a reconciliation says."""

COMPARED: Final[Mapping[str, str]] = {
    **FINDINGS,
    Standing.CURRENT: "objects whose thumbnails are up to date and there",
    Standing.FAILED: "objects that could not be rendered, and whose row says why",
    Standing.INCOMPLETE: "objects with any of the findings that concern one",
    DELETED: "thumbnails that no row listed, and that are gone now",
}
"""The same, and what else a reconciliation in the account counts."""
