"""One image, as the catalog and the two buckets have it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from thumbnail_pipeline import listing
from thumbnail_pipeline.rows import Known, known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from thumbctl.stack import Stack

_deserialise = TypeDeserializer().deserialize

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
_MOST_VERSIONS = 1000


@dataclass(frozen=True)
class Row:
    """A catalog row: `attributes` for people, as JSON has them, and `known` to judge it by."""

    attributes: Mapping[str, Any]
    known: Known


@dataclass(frozen=True)
class Source:
    """What the uploads bucket has, and had, at a key; a bucket without versioning has no past."""

    current: listing.Listed | None
    """None where there was something, and a delete marker hides it."""
    version_id: str
    versions: int
    """Delete markers not counted; not more than a thousand are."""
    changed: datetime
    """When it was last written or deleted."""


@dataclass(frozen=True)
class Thumbnail:
    """A rendition as its row lists it, and whether it lies in the bucket."""

    listed: Mapping[str, Any]
    """name, key, width and height in pixels, bytes, etag."""
    found: str
    """`there`, `missing`, or `altered`: other bytes than the row says."""


def row(stack: Stack, key: str) -> Row | None:
    """Read the row of the source object at `key` as it is at this moment."""
    dynamodb: DynamoDBClient = stack.client("dynamodb")
    named = {"source_key": {"S": key}, "source_bucket": {"S": stack.outputs["source_bucket"]}}
    answer = dynamodb.get_item(TableName=stack.outputs["table_name"], Key=named, ConsistentRead=True)
    if "Item" not in answer:
        return None
    item = answer["Item"]
    return Row({name: _plain(_deserialise(value)) for name, value in sorted(item.items())}, known(item))


def source(stack: Stack, key: str) -> Source | None:
    """Look at the versions of a source object, or return None where there never was one that is still kept."""
    s3: S3Client = stack.client("s3")
    # Of all keys that begin with it, a key itself comes first, and of its versions the newest.
    page = s3.list_object_versions(Bucket=stack.outputs["source_bucket"], Prefix=key, MaxKeys=_MOST_VERSIONS)
    versions = [each for each in page.get("Versions", ()) if each["Key"] == key]
    markers = [each for each in page.get("DeleteMarkers", ()) if each["Key"] == key]
    latest = next((each for each in versions if each["IsLatest"]), None)
    if latest is not None:
        current = listing.Listed(key, latest["Size"], latest["ETag"].strip('"'), latest["LastModified"])
        return Source(current, latest["VersionId"], len(versions), latest["LastModified"])
    hidden = next((each for each in markers if each["IsLatest"]), None)
    if hidden is not None:
        return Source(None, hidden["VersionId"], len(versions), hidden["LastModified"])
    return None


def thumbnails(stack: Stack, listed: Sequence[Mapping[str, Any]]) -> list[Thumbnail]:
    """Compare the renditions that a row lists with what lies in the thumbnails bucket."""
    s3: S3Client = stack.client("s3")
    found = []
    for each in listed:
        lying = listing.find(s3, stack.outputs["thumbnails_bucket"], each["key"])
        state = "missing" if lying is None else "there" if lying.etag == each["etag"] else "altered"
        found.append(Thumbnail(each, state))
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a row can hold
    """The same as JSON can hold it; the catalog has no binary attributes."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
    return value
