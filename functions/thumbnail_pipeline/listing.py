"""What a bucket holds, in the order in which S3 lists it: the keys' UTF-8 bytes, which is Python's order of strings.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2RequestPaginateTypeDef, ObjectTypeDef

KEYS_A_CALL = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it: the current version of its key."""

    key: str
    size: int
    """Bytes."""
    etag: str
    modified: datetime | None
    """When it was written, where the listing says so."""


def find(s3: S3Client, bucket: str, key: str) -> Listed | None:
    """Return the object at `key`, or None. It is listed, for a HEAD would need the permission to read it."""
    # Of all keys that begin with it, a key itself comes first.
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    return next((_listed(each) for each in found if each["Key"] == key), None)


def top_level(s3: S3Client, bucket: str) -> Iterator[str]:
    """Yield the first part of all keys, each once, with its slash where the key has one."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/"):
        yield from (each["Prefix"] for each in page.get("CommonPrefixes", ()))
        yield from (each["Key"] for each in page.get("Contents", ()))


def objects(
    s3: S3Client, bucket: str, *, prefix: str = "", after: str = "", until: str | None = None
) -> Iterator[Listed]:
    """Yield the objects whose keys begin with `prefix`, come after `after` and before `until`, in the order of keys.

    Memory is that of one page, however many there are.
    """
    request: ListObjectsV2RequestPaginateTypeDef = {"Bucket": bucket, "Prefix": prefix}
    if after:
        request["StartAfter"] = after
    for page in s3.get_paginator("list_objects_v2").paginate(**request):
        for each in page.get("Contents", ()):
            if until is not None and each["Key"] >= until:
                return
            yield _listed(each)


def _listed(each: ObjectTypeDef) -> Listed:
    return Listed(each["Key"], each["Size"], each["ETag"].strip('"'), each.get("LastModified"))
