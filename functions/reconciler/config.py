"""The environment of the scheduled function → one frozen object, validated once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnailer.config import propagates_deletions
from thumbnailer.errors import Systemic
from thumbnailer.renditions import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Config:
    """What Terraform decided for this function."""

    settings: Settings
    """Those of the function that renders: what is made with others is out of date."""
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
    """The dimension `Function` of the metrics: the function that renders, beside whose metrics these are shown."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Read and validate. Raises Systemic, naming the variable."""

        def required(name: str) -> str:
            value = environment.get(name, "")
            if not value:
                raise Systemic(f"the environment variable {name} is not set: deploy with the Terraform module")
            return value

        try:
            settings = Settings.from_json(required("SETTINGS"))
        except ValueError as error:
            raise Systemic(f"the environment variable SETTINGS is not usable: {error}") from error
        return cls(
            settings=settings,
            source_bucket=required("SOURCE_BUCKET"),
            source_prefix=environment.get("SOURCE_PREFIX", ""),
            thumbnails_bucket=required("THUMBNAILS_BUCKET"),
            propagates_deletions=propagates_deletions(environment),
            catalog_table=required("CATALOG_TABLE"),
            cursor_parameter=required("CURSOR_PARAMETER"),
            metrics_function=required("METRICS_FUNCTION"),
        )
