"""The environment of the API, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.asking.config import Access, AskLimits
from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ApiConfig:
    """What Terraform decided for the API.

    config = ApiConfig.from_environment(os.environ)
    """

    uploads_bucket: str
    source_prefix: str
    thumbnails_bucket: str
    catalog_table: str
    asks_table: str
    own_issuer: str
    """Of our own user pool; empty where users come from elsewhere."""
    limits: AskLimits
    """Of one user."""
    access: Access

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ApiConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(
            uploads_bucket=given.text("UPLOADS_BUCKET"),
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            thumbnails_bucket=given.text("THUMBNAILS_BUCKET"),
            catalog_table=given.text("CATALOG_TABLE"),
            asks_table=given.text("ASKS_TABLE"),
            own_issuer=given.text_if_set("OWN_ISSUER"),
            limits=AskLimits.of(given),
            access=Access.of(given),
        )
