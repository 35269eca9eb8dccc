"""The range worker's environment, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.settings import Settings


@dataclass(frozen=True)
class ScheduledReconcile:
    """What the reconciliations may do that a schedule begins."""

    dollars: int
    """What each may cost: whoever has written it down has approved it."""
    repairs: bool
    """Whether they mend what is wrong."""

    @classmethod
    def from_variables(cls, given: Variables) -> ScheduledReconcile | None:
        """Read them, where there is a budget. Raises Systemic."""
        dollars = given.number_if_set("RECONCILE_DOLLARS")
        return None if dollars is None else cls(dollars, given.switch("RECONCILE_REPAIRS", default=False))


@dataclass(frozen=True)
class RangeWorkerConfig:
    """What Terraform decided for the range worker.

    config = RangeWorkerConfig.from_environment(os.environ)
    """

    settings: Settings
    """Those of the thumbnailer: thumbnails that were made with others are out of date."""
    source_bucket: str
    source_prefix: str
    """Only keys below it are watched; empty for the whole bucket."""
    thumbnails_bucket: str
    propagates_deletions: bool
    """Whether thumbnails go when their source does."""
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
    metrics_function: str
    """The value of the metrics' dimension `Function`: the thumbnailer's name, to be shown beside its metrics."""
    scheduled: ScheduledReconcile | None = None
    """None where there is no schedule."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RangeWorkerConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(
            settings=given.settings("SETTINGS"),
            source_bucket=given.text("SOURCE_BUCKET"),
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            thumbnails_bucket=given.text("THUMBNAILS_BUCKET"),
            propagates_deletions=given.switch("PROPAGATE_DELETIONS", default=True),
            jobs_table=given.text("JOBS_TABLE"),
            catalog_table=given.text("CATALOG_TABLE"),
            ranges_queue=given.text("RANGES_QUEUE_URL"),
            backfill_queue=given.text("BACKFILL_QUEUE_URL"),
            dead_letter_queue=given.text("DLQ_URL"),
            backfill_mapping=given.text("BACKFILL_MAPPING"),
            ranges_at_a_time=given.number("RANGES_AT_A_TIME"),
            timeout_seconds=given.number("TIMEOUT_SECONDS"),
            metrics_function=given.text("METRICS_FUNCTION"),
            scheduled=ScheduledReconcile.from_variables(given),
        )
