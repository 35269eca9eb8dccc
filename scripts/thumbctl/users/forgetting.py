"""Finds and deletes what there is of one user of the API: uploads and thumbnails in all their versions, asks and, where
nothing else does it, rows.

things = UsersThings(s3, dynamodb, uploads_bucket="uploads", prefix="in/users/1111aaaa-…/", …)
things.held()
things.forget(forgotten, advance)
"""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import key_of
from thumbnail_pipeline.settings import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

__all__ = ["Forgotten", "Held", "UsersThings"]

_Item = TypeVar("_Item")

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_VERSIONS_A_CALL: Final = 1000
_ITEMS_AT_A_TIME: Final = 8
# What an Idempotency-Key is remembered by: thumbnail_pipeline.asking.asks.
_ONCE: Final = "once#"


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of an object, or a delete marker."""

    key: str
    version_id: str
    """`null` where the bucket has no versions."""
    size: int | None
    """Bytes; None of a delete marker."""
    is_latest: bool
    """Whether it is what the key holds, or hides what it held."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """One row of the table of asks."""

    what: str
    asked_at: int | None
    """When an upload was granted, in seconds since 1970."""


@dataclass
class Held:
    """What there is of a user."""

    images: int = 0
    """Keys of uploads, deleted ones among them."""
    versions: int = 0
    """Of uploads."""
    bytes: int = 0
    """Of those versions."""
    delete_markers: int = 0
    thumbnails: int = 0
    """In all their versions."""
    asks: int = 0
    """Rows of the table of asks."""


@dataclass
class Forgotten:
    """What has been deleted of it."""

    versions: int = 0
    """Of uploads, delete markers among them."""
    thumbnails: int = 0
    rows: int = 0
    """Of the catalog, where no event would mark them deleted."""
    asks: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """What S3 would not delete, by its code."""
    open_until: int | None = None
    """When the last address runs out by which an image can still be put; seconds since 1970."""


@dataclass(frozen=True)
class UsersThings:
    """Whatever lies under one user's name."""

    s3: S3Client
    dynamodb: DynamoDBClient
    uploads_bucket: str
    thumbnails_bucket: str
    catalog_table: str
    asks_table: str | None
    """None where there is no API any more."""
    prefix: str
    """What all of the user's source keys begin with, up to a slash."""
    owner: str
    propagates_deletions: bool
    """Whether the pipeline hears of deletions, and marks the rows itself."""
    url_seconds: int
    """How long an upload's address is good for."""

    def held(self) -> Held:
        """Count what there is, and change nothing."""
        held, last = Held(), None
        for each in self._uploads():
            held.images += each.key != last
            last = each.key
            held.versions += each.size is not None
            held.delete_markers += each.size is None
            held.bytes += each.size or 0
        held.thumbnails = sum(1 for _ in self._thumbnails())
        held.asks = sum(1 for _ in self._asks())
        return held

    def forget(self, forgotten: Forgotten, advance: Callable[[int], None], *, now: float) -> None:
        """Delete it all, and note in `forgotten` what is through. Wherever it stops, the next time goes on."""

        def delete(bucket: str, batch: Sequence[_Version]) -> list[tuple[_Version, str]]:
            kept = self._delete(bucket, batch)
            gone = len(batch) - len(kept)
            if bucket == self.uploads_bucket:
                forgotten.versions += gone
            else:
                forgotten.thumbnails += gone
            advance(gone)
            return kept

        def delete_latest(batch: Sequence[_Version]) -> list[tuple[_Version, str]]:
            # As long as the source is there, an interrupted run finds its row again.
            forgotten.rows += self._forget_rows({each.key for each in batch})
            return delete(self.uploads_bucket, batch)

        def delete_thumbnails(batch: Sequence[_Version]) -> list[tuple[_Version, str]]:
            forgotten.rows += self._forget_rows({_source_key(each.key) for each in batch})
            return delete(self.thumbnails_bucket, batch)

        # What is hidden goes before what hides it: an older version that lay bare would be the image again.
        hidden = _until_none_goes(
            lambda: (each for each in self._uploads() if not each.is_latest),
            lambda batch: delete(self.uploads_bucket, batch),
        )
        bared = {each.key for each, _ in hidden}
        latest = _until_none_goes(
            lambda: (each for each in self._uploads() if each.is_latest and each.key not in bared), delete_latest
        )
        thumbnails = _until_none_goes(self._thumbnails, delete_thumbnails)
        forgotten.refused.update(code for _, code in (*hidden, *latest, *thumbnails))
        self._forget_asks(forgotten, now)

    def _uploads(self) -> Iterator[_Version]:
        return _versions(self.s3, self.uploads_bucket, self.prefix)

    def _thumbnails(self) -> Iterator[_Version]:
        """Yield those of every rendition, deployed or retired, and the versions that a bucket of somebody's kept."""
        paginator = self.s3.get_paginator("list_object_versions")
        for page in paginator.paginate(Bucket=self.thumbnails_bucket, Delimiter="/"):
            for each in page.get("CommonPrefixes", ()):
                if NAME.fullmatch(each["Prefix"].rstrip("/")):
                    yield from _versions(self.s3, self.thumbnails_bucket, each["Prefix"] + self.prefix)

    def _asks(self) -> Iterator[_Ask]:
        if self.asks_table is None:
            return
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.asks_table,
            KeyConditionExpression="#owner = :owner",
            ProjectionExpression="what, asked_at",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": self.owner}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield _Ask(item["what"]["S"], int(item["asked_at"]["N"]) if "asked_at" in item else None)

    def _delete(self, bucket: str, versions: Sequence[_Version]) -> list[tuple[_Version, str]]:
        """Delete versions for good, and return those that S3 keeps, with the code of why."""
        named: list[ObjectIdentifierTypeDef] = [{"Key": each.key, "VersionId": each.version_id} for each in versions]
        answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
        errors = {(each["Key"], each.get("VersionId")): each["Code"] for each in answer.get("Errors", ())}
        return [(each, errors[at]) for each in versions if (at := (each.key, each.version_id)) in errors]

    def _forget_rows(self, keys: Iterable[str]) -> int:
        """Delete the rows of source keys where no event would, and return how many there were."""
        if self.propagates_deletions:
            return 0

        def forget(key: str) -> bool:
            name = key_of(Image(self.uploads_bucket, key))
            return "Attributes" in self.dynamodb.delete_item(
                TableName=self.catalog_table, Key=name, ReturnValues="ALL_OLD"
            )

        with ThreadPoolExecutor(_ITEMS_AT_A_TIME) as threads:
            return sum(threads.map(forget, keys))

    def _forget_asks(self, forgotten: Forgotten, now: float) -> None:
        """Delete what was asked for, but by what one can see that an address is still good."""
        if self.asks_table is None:
            return
        table, gone = self.asks_table, []
        for ask in self._asks():
            ends = (ask.asked_at or 0) + self.url_seconds
            if ask.what.startswith(_ONCE) and ends > now:
                forgotten.open_until = max(ends, forgotten.open_until or 0)
            else:
                gone.append(ask)

        def forget(ask: _Ask) -> None:
            self.dynamodb.delete_item(TableName=table, Key={"owner": {"S": self.owner}, "what": {"S": ask.what}})

        with ThreadPoolExecutor(_ITEMS_AT_A_TIME) as threads:
            for _ in threads.map(forget, gone):
                forgotten.asks += 1


def _versions(s3: S3Client, bucket: str, prefix: str) -> Iterator[_Version]:
    """Yield every version and delete marker below a prefix, key by key."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [
            _Version(each["Key"], each["VersionId"], each["Size"], each["IsLatest"])
            for each in page.get("Versions", ())
        ] + [_Version(each["Key"], each["VersionId"], None, each["IsLatest"]) for each in page.get("DeleteMarkers", ())]
        yield from sorted(found, key=lambda version: version.key)


def _source_key(thumbnail_key: str) -> str:
    """What `thumbnail_key` in images.py made it of."""
    return thumbnail_key.partition("/")[2].rpartition(".")[0]


def _until_none_goes(
    listed: Callable[[], Iterable[_Version]], delete: Callable[[Sequence[_Version]], list[tuple[_Version, str]]]
) -> list[tuple[_Version, str]]:
    """Delete what is listed until the listing has nothing but what S3 keeps, which is returned.

    A listing that goes on behind what has been deleted meanwhile may miss something.
    """
    while True:
        kept, number = [], 0
        for batch in _batches(listed(), _VERSIONS_A_CALL):
            kept += delete(batch)
            number += len(batch)
        if number == len(kept):
            return kept


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
