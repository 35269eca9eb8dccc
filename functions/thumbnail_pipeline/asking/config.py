"""The part of the environment that all have who answer asks, read and checked once at cold start."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline.asking.signing import Credentials
from thumbnail_pipeline.errors import Systemic

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import Variables

__all__ = ["Access", "AskLimits"]


@dataclass(frozen=True)
class Access:
    """Where AWS is, and as whom a function calls it.

    access = Access.of(Variables(os.environ))
    """

    region: str
    endpoint_url: str
    """Of a local stack; empty on AWS."""
    credentials: Credentials

    @classmethod
    def of(cls, given: Variables) -> Access:
        """Read what Lambda sets. Raises Systemic, naming the variable."""
        return cls(
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
            region=given.text_if_set("AWS_REGION") or given.text("AWS_DEFAULT_REGION"),
            endpoint_url=given.text_if_set("AWS_ENDPOINT_URL").rstrip("/"),
            # A function's credentials last longer than the process that they were given to.
            # https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
            credentials=Credentials(
                given.text("AWS_ACCESS_KEY_ID"),
                given.text("AWS_SECRET_ACCESS_KEY"),
                given.text_if_set("AWS_SESSION_TOKEN"),
            ),
        )


@dataclass(frozen=True)
class AskLimits:
    """What one user, or one device, may ask for."""

    bytes: int
    """Of one upload."""
    types: tuple[str, ...]
    """Media types of uploads."""
    asks_a_minute: int
    bytes_a_day: int
    url_minutes: int
    """How long an upload's URL is good for, and a thumbnail's."""

    @classmethod
    def of(cls, given: Variables) -> AskLimits:
        """Read the variable LIMITS, a JSON object. Raises Systemic."""
        try:
            document: dict[str, Any] = json.loads(given.text("LIMITS"))
            limits = cls(**{**document, "types": tuple(document["types"])})
        except (LookupError, TypeError, ValueError) as error:
            raise Systemic(f"the environment variable LIMITS cannot be used: {error}") from error
        numbers = [getattr(limits, each.name) for each in fields(cls) if each.name != "types"]
        if not limits.types or not all(isinstance(number, int) and number > 0 for number in numbers):
            raise Systemic("the environment variable LIMITS must have whole numbers from 1, and a type")
        return limits
