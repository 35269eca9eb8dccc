"""The thumbnailer's environment, read and checked once at cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline.environment import Variables
from thumbnailer.capacity import Capacity
from thumbnailer.postponing import MOST_DENIED_TRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.settings import Settings


@dataclass(frozen=True)
class ThumbnailerConfig:
    """What Terraform decided for the thumbnailer.

    config = ThumbnailerConfig.from_environment(os.environ)
    """

    settings: Settings
    source_bucket: str
    source_prefix: str
    """Only keys below it are watched; empty for the whole bucket."""
    thumbnails_bucket: str
    cache_control: str
    """The Cache-Control header that thumbnails are stored with; empty for none."""
    propagates_deletions: bool
    """Whether thumbnails go when their source does."""
    catalog_table: str
    alerts_topic_arn: str
    digests_table: str
    digest_window_seconds: int
    """How long no further digest is sent for the same reason."""
    runbook_url: str
    tombstone_days: int
    """How long the row of a deleted image stays, to hold off late events."""
    retry_first_seconds: int
    """After the first failure that may pass, a message waits between half of this and all of it."""
    retry_denied_seconds: int
    """For how long an image that S3 denies is tried again."""
    max_receive_count: int
    """How often a message is delivered at most."""
    key_ids: tuple[str, ...]
    """Of the keys that buckets are encrypted with: without them no image can be read."""
    timeout_seconds: int
    """How long an invocation may take."""
    memory_bytes: int
    """What the function has in all."""
    capacity: Capacity
    """How much of its work an invocation does at a time."""

    @property
    def denied_tries(self) -> int:
        """How often an image that S3 denies is tried before it is given up."""
        return min(MOST_DENIED_TRIES, self.max_receive_count)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ThumbnailerConfig:
        """Read and validate. Raises Systemic, naming the variable: without it, no image can be processed."""

        given = Variables(environment)
        # Set by Lambda itself.
        memory_bytes = given.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") * 2**20
        return cls(
            settings=given.settings("SETTINGS"),
            source_bucket=given.text("SOURCE_BUCKET"),
            source_prefix=given.text_if_set("SOURCE_PREFIX"),
            thumbnails_bucket=given.text("THUMBNAILS_BUCKET"),
            cache_control=given.text_if_set("CACHE_CONTROL"),
            propagates_deletions=given.switch("PROPAGATE_DELETIONS", default=True),
            catalog_table=given.text("CATALOG_TABLE"),
            alerts_topic_arn=given.text("ALERTS_TOPIC_ARN"),
            digests_table=given.text("DIGESTS_TABLE"),
            digest_window_seconds=given.number("DIGEST_WINDOW_SECONDS"),
            runbook_url=given.text("RUNBOOK_URL"),
            tombstone_days=given.number("TOMBSTONE_DAYS"),
            retry_first_seconds=given.number("RETRY_FIRST_SECONDS"),
            retry_denied_seconds=given.number("RETRY_DENIED_SECONDS"),
            max_receive_count=given.number("MAX_RECEIVE_COUNT"),
            key_ids=tuple(given.text("KEY_IDS").split()),
            timeout_seconds=given.number("TIMEOUT_SECONDS"),
            memory_bytes=memory_bytes,
            capacity=Capacity.of(
                memory_bytes,
                images=given.number_if_set("IMAGES_AT_ONCE"),
                renders=given.number_if_set("RENDERS_AT_ONCE"),
                writes=given.number_if_set("WRITES_AT_ONCE"),
            ),
        )
