"""One image, as the catalog and the two buckets have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline import listing
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from thumbctl.stack import Stack
    from thumbnail_pipeline.rows import Row

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
_MOST_VERSIONS = 1000


@dataclass(frozen=True)
class SourceObject:
    """What the uploads bucket has, and had, at a key; a bucket without versioning has no past."""

    current: listing.Listed | None
    """None where there was something, and a delete marker hides it."""
    version_id: str
    versions: int
    """Delete markers not counted; not more than a thousand are."""
    changed: datetime
    """When it was last written or deleted."""


@dataclass(frozen=True)
class ThumbnailObject:
    """A rendition as its row lists it, and whether it lies in the bucket."""

    listed: Mapping[str, Any]
    """name, key, width and height in pixels, bytes, etag."""
    found: str
    """`there`, `missing`, or `altered`: other bytes than the row says."""


def row(stack: Stack, key: str) -> Row | None:
    """Read the row of the source object at `key` as it is at this moment."""
    dynamodb: DynamoDBClient = stack.client("dynamodb")
    named = key_of(Image(stack.outputs["source_bucket"], key))
    answer = dynamodb.get_item(TableName=stack.outputs["table_name"], Key=named, ConsistentRead=True)
    return decoded(answer["Item"]) if "Item" in answer else None


def source(stack: Stack, key: str) -> SourceObject | None:
    """Look at the versions of a source object, or return None where there never was one that is still kept."""
    s3: S3Client = stack.client("s3")
    # Of all keys that begin with it, a key itself comes first, and of its versions the newest.
    page = s3.list_object_versions(Bucket=stack.outputs["source_bucket"], Prefix=key, MaxKeys=_MOST_VERSIONS)
    versions = [each for each in page.get("Versions", ()) if each["Key"] == key]
    markers = [each for each in page.get("DeleteMarkers", ()) if each["Key"] == key]
    latest = next((each for each in versions if each["IsLatest"]), None)
    if latest is not None:
        current = listing.Listed(key, latest["Size"], latest["ETag"].strip('"'), latest["LastModified"])
        return SourceObject(current, latest["VersionId"], len(versions), latest["LastModified"])
    hidden = next((each for each in markers if each["IsLatest"]), None)
    if hidden is not None:
        return SourceObject(None, hidden["VersionId"], len(versions), hidden["LastModified"])
    return None


def thumbnails(stack: Stack, listed: Sequence[Mapping[str, Any]]) -> list[ThumbnailObject]:
    """Compare the renditions that a row lists with what lies in the thumbnails bucket."""
    s3: S3Client = stack.client("s3")
    found = []
    for each in listed:
        lying = listing.find(s3, stack.outputs["thumbnails_bucket"], each["key"])
        state = "missing" if lying is None else "there" if lying.etag == each["etag"] else "altered"
        found.append(ThumbnailObject(each, state))
    return found
