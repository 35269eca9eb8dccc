"""The environment of the function, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.asking.config import Access
from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DeviceStatusConfig:
    """What Terraform decided for the way back to devices.

    config = DeviceStatusConfig.from_environment(os.environ)
    """

    source_prefix: str
    topic_prefix: str
    iot_endpoint: str
    """The account's host for devices; a local stack has one address for all."""
    access: Access

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeviceStatusConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            topic_prefix=given.text("TOPIC_PREFIX"),
            iot_endpoint=given.text("IOT_ENDPOINT"),
            access=Access.of(given),
        )
