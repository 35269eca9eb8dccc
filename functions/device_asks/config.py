"""The environment of the function, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.asking.config import Access, AskLimits
from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DeviceAsksConfig:
    """What Terraform decided for the asks of devices.

    config = DeviceAsksConfig.from_environment(os.environ)
    """

    uploads_bucket: str
    source_prefix: str
    catalog_table: str
    asks_table: str
    limits: AskLimits
    """Of one device."""
    topic_prefix: str
    iot_endpoint: str
    """The account's host for devices; a local stack has one address for all."""
    access: Access

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeviceAsksConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(
            uploads_bucket=given.text("UPLOADS_BUCKET"),
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            catalog_table=given.text("CATALOG_TABLE"),
            asks_table=given.text("ASKS_TABLE"),
            limits=AskLimits.of(given),
            topic_prefix=given.text("TOPIC_PREFIX"),
            iot_endpoint=given.text("IOT_ENDPOINT"),
            access=Access.of(given),
        )
