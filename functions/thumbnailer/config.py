"""The function's environment → one frozen object, validated once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnailer.capacity import Capacity
from thumbnailer.errors import Systemic
from thumbnailer.renditions import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Config:
    """What Terraform decided for this function."""

    settings: Settings
    source_bucket: str
    source_prefix: str
    """Only keys below it are watched; empty for the whole bucket."""
    thumbnails_bucket: str
    cache_control: str
    """What thumbnails are stored with, for whoever keeps copies of them; empty for nothing."""
    propagates_deletions: bool
    """Whether thumbnails go when their source does."""
    catalog_table: str
    alerts_topic_arn: str
    digests_table: str
    digest_window_seconds: int
    """How long a digest of failures keeps further ones of its reason silent."""
    runbook_url: str
    tombstone_days: int
    """How long the row of a deleted image stays, to hold off late events."""
    retry_first_seconds: int
    """How long a message waits at least half of, after its first failure that may pass."""
    timeout_seconds: int
    """How long an invocation may take."""
    memory_bytes: int
    """What the function has in all."""
    capacity: Capacity
    """How much of its work an invocation does at a time."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Read and validate. Raises Systemic, naming the variable: no image can be processed without."""

        def required(name: str) -> str:
            value = environment.get(name, "")
            if not value:
                raise Systemic(f"the environment variable {name} is not set: deploy with the Terraform module")
            return value

        try:
            settings = Settings.from_json(required("SETTINGS"))
        except ValueError as error:
            raise Systemic(f"the environment variable SETTINGS is not usable: {error}") from error

        def number(name: str) -> int:
            value = required(name)
            if not value.isdecimal():
                raise Systemic(f"the environment variable {name} is {value!r}, not a whole number")
            return int(value)

        def number_if_set(name: str) -> int | None:
            if not environment.get(name):
                return None
            if (given := number(name)) == 0:
                raise Systemic(f"the environment variable {name} is 0: nothing would ever be done")
            return given

        # Set by Lambda itself.
        memory_bytes = number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") * 2**20
        return cls(
            settings=settings,
            source_bucket=required("SOURCE_BUCKET"),
            source_prefix=environment.get("SOURCE_PREFIX", ""),
            thumbnails_bucket=required("THUMBNAILS_BUCKET"),
            cache_control=environment.get("CACHE_CONTROL", ""),
            propagates_deletions=propagates_deletions(environment),
            catalog_table=required("CATALOG_TABLE"),
            alerts_topic_arn=required("ALERTS_TOPIC_ARN"),
            digests_table=required("DIGESTS_TABLE"),
            digest_window_seconds=number("DIGEST_WINDOW_SECONDS"),
            runbook_url=required("RUNBOOK_URL"),
            tombstone_days=number("TOMBSTONE_DAYS"),
            retry_first_seconds=number("RETRY_FIRST_SECONDS"),
            timeout_seconds=number("TIMEOUT_SECONDS"),
            memory_bytes=memory_bytes,
            capacity=Capacity.of(
                memory_bytes,
                images=number_if_set("IMAGES_AT_ONCE"),
                renders=number_if_set("RENDERS_AT_ONCE"),
                writes=number_if_set("WRITES_AT_ONCE"),
            ),
        )


def propagates_deletions(environment: Mapping[str, str]) -> bool:
    """Return whether thumbnails go when their source does, which both functions are told. Raises Systemic."""
    value = environment.get("PROPAGATE_DELETIONS", "true")
    if value not in {"true", "false"}:
        raise Systemic(f"the environment variable PROPAGATE_DELETIONS is {value!r}, neither true nor false")
    return value == "true"
