"""Rows of the catalog, as a test wants them."""

from __future__ import annotations

from typing import Any

from thumbnail_pipeline import ordering
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import Row


def row(
    status: str | None = "READY",
    etag: str | None = None,
    settings_fingerprint: str | None = None,
    *,
    claimed: bool = False,
    key: str = "a.jpg",
    **more: Any,
) -> Row:
    """A row that has seen one event, and where `claimed`, is about to see a second."""
    sequencer, claim = ordering.normalise("1"), ordering.normalise("2" if claimed else "1")
    return Row(
        Image("uploads", key),
        Status(status) if status else None,
        sequencer,
        claim,
        fence=1,
        etag=etag,
        settings_fingerprint=settings_fingerprint,
        **more,
    )
