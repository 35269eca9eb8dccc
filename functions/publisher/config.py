"""The publisher's environment, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.environment import Variables
from thumbnail_pipeline.errors import Systemic

if TYPE_CHECKING:
    from collections.abc import Mapping

BUS: Final = "events"
STREAM: Final = "changes"
_NAMED_BY: Final = {BUS: "EVENT_BUS_NAME", STREAM: "STREAM_ARN"}


@dataclass(frozen=True)
class PublisherConfig:
    """What Terraform decided for a publisher: one function has one destination.

    config = PublisherConfig.from_environment(os.environ)
    """

    deployment: str
    """The name that events carry."""
    destination: str
    """BUS or STREAM."""
    target: str
    """The bus by its name or ARN, the stream by its ARN."""
    timeout_seconds: int
    """How long an invocation may take."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> PublisherConfig:
        """Read and validate. Raises Systemic, naming the variable."""
        given = Variables(environment)
        destination = given.text("DESTINATION")
        if destination not in _NAMED_BY:
            raise Systemic(f"the environment variable DESTINATION is {destination!r}, neither {BUS} nor {STREAM}")
        return cls(
            deployment=given.text("DEPLOYMENT"),
            destination=destination,
            target=given.text(_NAMED_BY[destination]),
            timeout_seconds=given.number("TIMEOUT_SECONDS"),
        )
