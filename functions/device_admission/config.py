"""The environment of the function, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.asking.config import Access
from thumbnail_pipeline.environment import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DeviceAdmissionConfig:
    """What Terraform decided for the admission of devices.

    config = DeviceAdmissionConfig.from_environment(os.environ)
    """

    thing_type: str
    """Of our devices."""
    access: Access

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeviceAdmissionConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        return cls(thing_type=given.text("THING_TYPE"), access=Access.of(given))
