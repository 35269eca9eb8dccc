"""What the catalog knows of many objects at a time."""

from __future__ import annotations

import itertools
import random
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from boto3.dynamodb.types import TypeDeserializer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from typing import Any

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

    from thumbnail_pipeline.listing import Listed

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
KEYS_A_CALL = 100

# Failures are listed through a sparse index: only FAILED rows carry its keys, and they are spread over
# this many partitions so that a bulk import of bad images does not throttle the table.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-gsi-sharding.html
FAILURE_SHARDS = 16

_ATTRIBUTES = (
    "source_key",
    "status",
    "etag",
    "settings_fingerprint",
    "reason",
    "sequencer",
    "claim",
    "processed_at",
)
_THUMBNAILS = "renditions"
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0
_deserialise = TypeDeserializer().deserialize

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Known:
    """What a catalog row says, as far as it takes to tell whether it is current."""

    status: str | None
    """READY, FAILED or DELETED; None while the first claim on an image is not yet committed."""
    etag: str | None = None
    settings_fingerprint: str | None = None
    reason: str | None = None
    processed_at: str | None = None
    """When it was last written, ISO 8601."""
    claimed: bool = False
    """Whether a newer event than the one that the row shows is being applied."""
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    """ETags by key."""


class Rows:
    """The catalog's rows of the images of one bucket, read-only."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, bucket: str, *, thumbnails: bool = True) -> None:
        """Without `thumbnails`, rows are told to have none: they are most of a row, and of the time to read it."""
        self._dynamodb = dynamodb
        self._attributes = (*_ATTRIBUTES, _THUMBNAILS) if thumbnails else _ATTRIBUTES
        self._table = table
        self._bucket = bucket

    def of(self, keys: Sequence[str], *, consistent: bool = False) -> dict[str, Known]:
        """Return the rows that there are of up to a hundred images, by key.

        Unless `consistent`, what was written in the last second may be missing, and each costs half.
        """
        found: dict[str, Known] = {}
        names = {f"#{index}": name for index, name in enumerate(self._attributes)}
        asked: KeysAndAttributesTypeDef = {
            "Keys": [{"source_key": {"S": key}, "source_bucket": {"S": self._bucket}} for key in keys],
            "ConsistentRead": consistent,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        wanted: Mapping[str, KeysAndAttributesTypeDef] = {self._table: asked} if keys else {}
        longest_wait = _FIRST_WAIT_SECONDS
        while wanted:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._table, ()):
                found[item["source_key"]["S"]] = known(item)
            wanted = answer.get("UnprocessedKeys") or {}  # type: ignore[assignment] # the same shape
            if wanted:
                # What was throttled is handed back rather than refused, and the SDK does not ask for it again.
                # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
                time.sleep(random.uniform(0, longest_wait))  # noqa: S311 - jitter
                longest_wait = min(2 * longest_wait, _LONGEST_WAIT_SECONDS)
        return found


def survey(objects: Iterable[Listed], rows: Rows, *, at_once: int) -> Iterator[tuple[Listed, Known | None]]:
    """Yield each object with its row, or None where it has none, in the order of `objects`.

    Up to `at_once` hundreds are looked up at a time; no more than that is held.
    """
    remaining = iter(objects)
    with ThreadPoolExecutor(at_once) as threads:

        def look_up() -> Iterator[tuple[list[Listed], Future[dict[str, Known]]]]:
            while page := list(itertools.islice(remaining, KEYS_A_CALL)):
                yield page, threads.submit(rows.of, [each.key for each in page])

        for page, answer in _ahead(look_up(), at_once):
            known = answer.result()
            yield from ((each, known.get(each.key)) for each in page)


def _ahead(items: Iterator[_Item], number: int) -> Iterator[_Item]:
    """The same items, of which up to `number` have been begun when the first is asked for."""
    begun = deque(itertools.islice(items, number))
    while begun:
        yield begun.popleft()
        begun.extend(itertools.islice(items, 1))


def known(item: Mapping[str, Any]) -> Known:
    """What an item of the table says, as DynamoDB writes it."""
    values = {name: _deserialise(value) for name, value in item.items()}
    return Known(
        status=values.get("status"),
        etag=values.get("etag"),
        settings_fingerprint=values.get("settings_fingerprint"),
        reason=values.get("reason"),
        processed_at=values.get("processed_at"),
        claimed=values["claim"] > values["sequencer"],
        thumbnails={each["key"]: each["etag"] for each in values.get(_THUMBNAILS) or ()},
    )
