"""Reads rows of the catalog: how one is found, what is in it, and many at a time. Only the thumbnailer writes them.

row = Rows(dynamodb, table, bucket).of([key])[key]
row.status, row.reason, [each.key for each in row.thumbnails]
"""

from __future__ import annotations

import itertools
import random
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from thumbnail_pipeline.images import Image, StoredThumbnail
from thumbnail_pipeline.outcomes import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

    from thumbnail_pipeline.listing import Listed

FAILURE_SHARDS = 16
"""Partitions of the sparse index of failures, so that a bulk import of bad images does not throttle the table.

Only FAILED rows carry its keys: `failure_shard`, two decimal digits, and `failed_at`.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-gsi-sharding.html
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

KEYS_A_CALL = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

_ATTRIBUTES = (
    "source_key",
    "source_bucket",
    "status",
    "etag",
    "settings_fingerprint",
    "reason",
    "format",
    "sequencer",
    "claim",
    "fence",
    "processed_at",
    "revision",
    "backfilled",
)
_THUMBNAILS = "renditions"
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalog says of one image."""

    image: Image
    status: Status | None
    """None while the first claim on an image is not yet committed."""
    sequencer: str
    """That of the newest event applied; see `ordering`."""
    claim: str
    """That of the newest event that anybody is applying."""
    fence: int
    """Grows with every claim."""
    version_id: str | None = None
    etag: str | None = None
    """Of the source's bytes; None where they were never read."""
    settings_fingerprint: str | None = None
    """Of the settings that the thumbnails were made with; None while they are being renewed."""
    thumbnails: tuple[StoredThumbnail, ...] = ()
    obsolete: tuple[StoredThumbnail, ...] = ()
    """Thumbnails of an earlier state that may not have been deleted yet."""
    reason: str | None = None
    """Why it FAILED: one of `Reason`, or of another release's."""
    processed_at: str | None = None
    """When it was last written, ISO 8601."""
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Everything that was read, by attribute name: text, numbers, booleans, lists and objects, as JSON has them."""

    @property
    def kind(self) -> str | None:
        """What a renderer can get better at: the reason of a failure, or the format of what was rendered."""
        return self.reason if self.status is Status.FAILED else self.attributes.get("format")

    @property
    def claimed(self) -> bool:
        """Whether a newer event than the one that the row shows is being applied, or its worker died."""
        return self.claim > self.sequencer

    @property
    def revision(self) -> int:
        """Grows whenever what is announced of the image changes (see `completion`): milliseconds since 1970.

        Most often that is when the row was written. The attribute is there only where it is not: where nothing new was
        written, or the clock was behind. So a row of a release without revisions has one too. 0 while nothing is
        committed.
        """
        if "revision" in self.attributes:
            return int(self.attributes["revision"])
        if self.processed_at is None:
            return 0
        return (datetime.fromisoformat(self.processed_at) - _EPOCH) // timedelta(milliseconds=1)

    @property
    def backfilled(self) -> bool:
        """Whether a backfill made this revision; what it finds deleted counts as deleted by its owner."""
        return bool(self.attributes.get("backfilled"))


def moment(milliseconds: int) -> datetime:
    """Return a moment that is counted since 1970, as revisions are. Raises OverflowError."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(moment_in_utc: datetime) -> str:
    """Return how rows and events write a moment: 2026-01-02T03:04:05.678Z."""
    return moment_in_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_of(image: Image) -> dict[str, Any]:
    """Return the primary key of an image's row, as DynamoDB writes it."""
    return {"source_key": {"S": image.key}, "source_bucket": {"S": image.bucket}}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item that DynamoDB wrote as JSON has it; the catalog holds neither binary values nor sets.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
    """
    return {name: _plain(each) for name, each in item.items()}


def _plain(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever a row can hold
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return float(value) if "." in value else int(value)
        case "L":
            return [_plain(each) for each in value]
        case "M":
            return plain(value)
        case "NULL":
            return None
    return value


class _Attributes(Mapping[str, Any]):
    """An item as `plain` returns it, of which each attribute is decoded when it is asked for: bulk work needs few."""

    __slots__ = ("_item",)

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._item = item

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever a row can hold
        return _plain(self._item[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._item)

    def __len__(self) -> int:
        return len(self._item)


def decoded(item: Mapping[str, Any]) -> Row:
    """Read a row that DynamoDB wrote. Raises LookupError or ValueError for what is no row."""
    status = _text(item, "status")
    return Row(
        image=Image(item["source_bucket"]["S"], item["source_key"]["S"]),
        status=None if status is None else Status(status),
        sequencer=item["sequencer"]["S"],
        claim=item["claim"]["S"],
        fence=int(item["fence"]["N"]),
        version_id=_text(item, "version_id"),
        etag=_text(item, "etag"),
        settings_fingerprint=_text(item, "settings_fingerprint"),
        thumbnails=_thumbnails(item, _THUMBNAILS),
        obsolete=_thumbnails(item, "obsolete"),
        reason=_text(item, "reason"),
        processed_at=_text(item, "processed_at"),
        attributes=_Attributes(item),
    )


def _text(item: Mapping[str, Any], name: str) -> str | None:
    return item[name].get("S") if name in item else None


def _thumbnails(item: Mapping[str, Any], name: str) -> tuple[StoredThumbnail, ...]:
    listed = item[name].get("L", ()) if name in item else ()
    return tuple(StoredThumbnail(each["M"]["key"]["S"], each["M"]["etag"]["S"]) for each in listed)


class Rows:
    """The catalog's rows of the images of one bucket, read-only."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, bucket: str, *, thumbnails: bool = True) -> None:
        """Without `thumbnails`, rows come without theirs, which are most of a row and of the time to read it."""
        self._dynamodb = dynamodb
        self._attributes = (*_ATTRIBUTES, _THUMBNAILS) if thumbnails else _ATTRIBUTES
        self._table = table
        self._bucket = bucket

    def of(self, keys: Sequence[str], *, consistent: bool = False) -> dict[str, Row]:
        """Return the rows that there are of up to a hundred images, by key; what is named twice is looked up once.

        Unless `consistent`, what was written in the last second may be missing, and a read costs half.
        """
        found: dict[str, Row] = {}
        names = {f"#{index}": name for index, name in enumerate(self._attributes)}
        asked: KeysAndAttributesTypeDef = {
            "Keys": [key_of(Image(self._bucket, key)) for key in dict.fromkeys(keys)],
            "ConsistentRead": consistent,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        wanted: Mapping[str, KeysAndAttributesTypeDef] = {self._table: asked} if keys else {}
        longest_wait = _FIRST_WAIT_SECONDS
        while wanted:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._table, ()):
                row = decoded(item)
                found[row.image.key] = row
            wanted = answer.get("UnprocessedKeys") or {}  # type: ignore[assignment] # the same shape
            if wanted:
                # What was throttled is handed back rather than refused, and the SDK does not ask for it again.
                # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
                time.sleep(random.uniform(0, longest_wait))  # noqa: S311 - jitter
                longest_wait = min(2 * longest_wait, _LONGEST_WAIT_SECONDS)
        return found


def survey(objects: Iterable[Listed], rows: Rows, *, at_once: int) -> Iterator[tuple[Listed, Row | None]]:
    """Yield each object with its row, or None where it has none, in the order of `objects`.

    Up to `at_once` pages of a hundred objects are looked up at a time, and no more are held in memory.
    """
    remaining = iter(objects)
    with ThreadPoolExecutor(at_once) as threads:

        def look_up() -> Iterator[tuple[list[Listed], Future[dict[str, Row]]]]:
            while page := list(itertools.islice(remaining, KEYS_A_CALL)):
                yield page, threads.submit(rows.of, [each.key for each in page])

        for page, answer in _ahead(look_up(), at_once):
            found = answer.result()
            yield from ((each, found.get(each.key)) for each in page)


def _ahead(items: Iterator[_Item], number: int) -> Iterator[_Item]:
    """Yield the same items, but take up to `number` of them from the iterator before they are asked for."""
    begun = deque(itertools.islice(items, number))
    while begun:
        yield begun.popleft()
        begun.extend(itertools.islice(items, 1))
