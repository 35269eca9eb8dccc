"""The reconciler's environment, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.settings import Settings


@dataclass(frozen=True)
class ReconcilerConfig:
    """What Terraform decided for the reconciler.

    config = ReconcilerConfig.from_environment(os.environ)
    """

    settings: Settings
    """Those of the thumbnailer: thumbnails that were made with others are out of date."""
    source_bucket: str
    source_prefix: str
    """Only keys below it are watched; empty for the whole bucket."""
    thumbnails_bucket: str
    propagates_deletions: bool
    """Whether thumbnails go when their source does."""
    catalog_table: str
    cursor_parameter: str
    """The SSM parameter that holds how far the pass has come."""
    metrics_function: str
    """The value of the metrics' dimension `Function`: the thumbnailer's name, to be shown beside its metrics."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ReconcilerConfig:
        """Read and validate. Raises Systemic, naming the variable."""

        given = Variables(environment)
        return cls(
            settings=given.settings("SETTINGS"),
            source_bucket=given.text("SOURCE_BUCKET"),
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            thumbnails_bucket=given.text("THUMBNAILS_BUCKET"),
            propagates_deletions=given.switch("PROPAGATE_DELETIONS", default=True),
            catalog_table=given.text("CATALOG_TABLE"),
            cursor_parameter=given.text("CURSOR_PARAMETER"),
            metrics_function=given.text("METRICS_FUNCTION"),
        )
