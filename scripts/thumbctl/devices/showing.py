"""What is known of one device: its quota of today, its newest images, and what failed of them."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from thumbctl.looking import failed
from thumbnail_pipeline import listing
from thumbnail_pipeline.rows import Rows, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from thumbctl.looking.failed import Failed
    from thumbctl.stack import Stack
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Row

__all__ = ["MOST_LISTED", "MOST_SHOWN", "SeenImage", "Used", "failures_of", "newest_images", "used_today"]

MOST_SHOWN: Final = 10
MOST_LISTED: Final = 10_000
"""A device's own ids are in no order of time, so all of its images are listed to find the newest: ten calls at most."""
_MOST_FAILURES: Final = 2_000
_DAY, _MINUTE = 86_400, 60
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Used:
    """What a device has asked for."""

    bytes_today: int
    """Days begin at midnight UTC."""
    asks_this_minute: int


@dataclass(frozen=True, slots=True)
class SeenImage:
    """An image that a device uploaded."""

    key: str
    bytes: int
    uploaded_at: datetime | None
    status: str | None
    """None while it is not decided."""
    reason: str | None


def used_today(stack: Stack, asks_table: str, thing: str) -> Used:
    """Read how much of its quota a device has used, in the row that counts it."""
    dynamodb: DynamoDBClient = stack.client("dynamodb")
    now = int(time.time())
    day = datetime.fromtimestamp(now, UTC).strftime("day#%Y-%m-%d")
    found = dynamodb.get_item(TableName=asks_table, Key={"owner": {"S": thing}, "what": {"S": day}})
    counted: dict[str, Any] = plain(found.get("Item", {}))
    return Used(int(counted.get("bytes_asked", 0)), int(counted.get(f"m{now % _DAY // _MINUTE}", 0)))


def newest_images(stack: Stack, prefix: str) -> tuple[list[SeenImage], int]:
    """Return the newest images below a prefix, and how many were looked at: of more than MOST_LISTED, the first."""
    outputs = stack.outputs
    bucket = outputs["source_bucket"]
    number = 0

    def looked_at() -> Iterator[Listed]:
        nonlocal number
        for each in itertools.islice(listing.objects(stack.client("s3"), bucket, prefix=prefix), MOST_LISTED):
            number += 1
            yield each

    newest = heapq.nlargest(MOST_SHOWN, looked_at(), key=lambda each: each.modified or _NEVER)
    rows = Rows(stack.client("dynamodb"), outputs["table_name"], bucket, thumbnails=False)
    found = rows.of([each.key for each in newest])
    return [_seen(each, found.get(each.key)) for each in newest], number


def _seen(listed: Listed, row: Row | None) -> SeenImage:
    status, reason = (row.status, row.reason) if row else (None, None)
    return SeenImage(listed.key, listed.size, listed.modified, status, reason)


def failures_of(stack: Stack, prefix: str) -> list[Failed]:
    """Return the newest failures below a prefix, as far as they are among the newest of the stack."""
    outputs = stack.outputs
    newest = failed.failures(stack.client("dynamodb"), outputs["table_name"], outputs["failures_index_name"])
    own = (each for each in itertools.islice(newest, _MOST_FAILURES) if each.key.startswith(prefix))
    return list(itertools.islice(own, MOST_SHOWN))
