"""The images that failed for good, the newest first, from the sparse index that only their catalog rows are in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline.rows import FAILURE_SHARDS, iso, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputPaginateTypeDef

# One page of each shard is read at once, so a large page would be read even for a screenful.
_ROWS_A_CALL = 250


@dataclass(frozen=True, slots=True)
class Failed:
    """An image whose newest state could not be made into thumbnails."""

    key: str
    reason: str
    detail: str
    etag: str | None
    """Of the bytes that failed; None where they were never fetched."""
    attempts: int
    """How many times its message had been received."""
    failed_at: str
    """ISO 8601, UTC, as the catalog has it: the order of the strings is that of time."""


def failures(dynamodb: DynamoDBClient, table: str, index: str, *, since: datetime | None = None) -> Iterator[Failed]:
    """Yield what is failed now, the newest first, and nothing that failed before `since`.

    Memory is that of a page a shard, however many there are. The index is a moment behind the table, and what fails or
    is mended meanwhile may be missing or not: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
    """
    shards = (_shard(dynamodb, table, index, f"{number:02d}", since) for number in range(FAILURE_SHARDS))
    return heapq.merge(*shards, key=lambda failed: failed.failed_at, reverse=True)


def _shard(dynamodb: DynamoDBClient, table: str, index: str, shard: str, since: datetime | None) -> Iterator[Failed]:
    request: QueryInputPaginateTypeDef = {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": "failure_shard = :shard",
        "ExpressionAttributeValues": {":shard": {"S": shard}},
        "ScanIndexForward": False,
        "PaginationConfig": {"PageSize": _ROWS_A_CALL},
    }
    if since is not None:
        request["KeyConditionExpression"] = "failure_shard = :shard AND failed_at >= :since"
        # As the function writes it.
        moment = iso(since.astimezone(UTC))
        request["ExpressionAttributeValues"] = {":shard": {"S": shard}, ":since": {"S": moment}}
    for page in dynamodb.get_paginator("query").paginate(**request):
        yield from map(_failed, page["Items"])


def _failed(item: Mapping[str, Any]) -> Failed:
    values = plain(item)
    return Failed(
        key=values["source_key"],
        reason=values["reason"],
        detail=values["detail"],
        etag=values.get("etag"),
        attempts=values["attempts"],
        failed_at=values["failed_at"],
    )
