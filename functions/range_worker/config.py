"""The range worker's environment, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.settings import Settings


@dataclass(frozen=True)
class RangeWorkerConfig:
    """What Terraform decided for the range worker.

    config = RangeWorkerConfig.from_environment(os.environ)
    """

    settings: Settings
    """Those of the thumbnailer: thumbnails that were made with others are out of date."""
    jobs_table: str
    catalog_table: str
    ranges_queue: str
    """URL of the queue that it is fed from."""
    backfill_queue: str
    """URL of the queue that messages about images go to."""
    dead_letter_queue: str
    """URL."""
    backfill_mapping: str
    """UUID of what feeds the thumbnailer from the backfill queue."""
    ranges_at_a_time: int
    """How many invocations there are at most."""
    timeout_seconds: int
    """How long an invocation may take."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RangeWorkerConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(
            settings=given.settings("SETTINGS"),
            jobs_table=given.text("JOBS_TABLE"),
            catalog_table=given.text("CATALOG_TABLE"),
            ranges_queue=given.text("RANGES_QUEUE_URL"),
            backfill_queue=given.text("BACKFILL_QUEUE_URL"),
            dead_letter_queue=given.text("DLQ_URL"),
            backfill_mapping=given.text("BACKFILL_MAPPING"),
            ranges_at_a_time=given.number("RANGES_AT_A_TIME"),
            timeout_seconds=given.number("TIMEOUT_SECONDS"),
        )
