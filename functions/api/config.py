"""The environment of the API, read and checked once at cold start."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from api.signing import Credentials
from thumbnail_pipeline.environment import Variables
from thumbnail_pipeline.errors import Systemic

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class UserLimits:
    """What one user may ask for."""

    bytes: int
    """Of one upload."""
    types: tuple[str, ...]
    """Media types of uploads."""
    asks_a_minute: int
    bytes_a_day: int
    url_minutes: int
    """How long an upload's URL is good for, and a thumbnail's."""


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
    limits: UserLimits
    region: str
    endpoint_url: str
    """Of a local stack; empty on AWS."""
    credentials: Credentials

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
            limits=_limits(given.text("LIMITS")),
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


def _limits(text: str) -> UserLimits:
    try:
        document: dict[str, Any] = json.loads(text)
        limits = UserLimits(**{**document, "types": tuple(document["types"])})
    except (LookupError, TypeError, ValueError) as error:
        raise Systemic(f"the environment variable LIMITS cannot be used: {error}") from error
    numbers = [getattr(limits, each.name) for each in fields(UserLimits) if each.name != "types"]
    if not limits.types or not all(isinstance(number, int) and number > 0 for number in numbers):
        raise Systemic("the environment variable LIMITS must have whole numbers from 1, and a type")
    return limits
