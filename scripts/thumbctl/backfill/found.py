"""What a job knows of an object when it decides whether to send a message about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.judgement import Verdict
    from thumbnail_pipeline.rows import Row


@dataclass(frozen=True)
class Found:
    """An object and what is known of it."""

    listed: Listed
    row: Row | None
    verdict: Verdict
