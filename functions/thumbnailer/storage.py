"""Reads sources, and writes and deletes thumbnails: every call to S3.

Reads are pinned to the version or ETag that an event named, and no write or delete is unconditional: each
says what it expects to find, so that a worker that was overtaken cannot undo a newer worker's work.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from thumbnail_pipeline import listing
from thumbnail_pipeline.clients import code_of, errors_told_apart
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.images import LONGEST_KEY_BYTES, StoredThumbnail
from thumbnail_pipeline.outcomes import Reason
from thumbnailer.refusals import GONE, UNREADABLE, Refusals

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectOutputTypeDef,
        HeadObjectRequestTypeDef,
    )

    from thumbnail_pipeline.images import Image
    from thumbnail_pipeline.messages import ObjectEvent

_CHECKSUMS = frozenset(f"Checksum{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"))
_CONDITION_FAILED = frozenset({"404", "412", "NoSuchKey", "PreconditionFailed"})


class _Headers(TypedDict, total=False):
    """What every thumbnail is stored with."""

    CacheControl: str


class NeedsRoom(Exception):
    """The object takes more room than it was given, or may: what is compressed, once it is unpacked."""


class Occupied(Exception):
    """A thumbnail's key holds something else than the write expected."""


@dataclass(frozen=True)
class FetchedSource:
    """What S3 said of a source when it was read; its bytes are not kept with it."""

    size: int
    """Bytes."""
    etag: str
    version_id: str | None
    content_type: str
    created_at: datetime
    checksum: str | None
    """Of the bytes, after the name of its algorithm; None where S3 has none."""


@dataclass(frozen=True)
class Seen:
    """What S3 tells of an object without handing it out."""

    version_id: str | None
    etag: str
    size: int
    """Bytes."""
    checksum: str | None = None


class Storage:
    """Both buckets: sources are read, thumbnails are found, written and deleted.

    storage = Storage(s3, "thumbs-thumbnails", cache_control="max-age=3600")
    source, data = storage.fetch(event, most_bytes=64 * 2**20)
    stored = storage.write("small/cat.jpg.webp", thumbnail, "image/webp", replacing=None)
    """

    def __init__(
        self, s3: S3Client, thumbnails_bucket: str, cache_control: str = "", key_ids: Collection[str] = ()
    ) -> None:
        self._s3 = s3
        self._refusals = Refusals(s3, key_ids)
        self._bucket = thumbnails_bucket
        self._headers: _Headers = {"CacheControl": cache_control} if cache_control else {}

    def fetch(self, event: ObjectEvent, *, most_bytes: int, room: int) -> tuple[FetchedSource, bytes]:
        """Read the very object that `event` speaks of; whatever is there where it names neither version nor ETag.

        What was stored as compressed with gzip is unpacked, to `most_bytes` at most. Raises NeedsRoom where that may be
        more than `room`, Gone where that object is not there any more, Permanent (`too-large`, `archived`, …) where it
        must not or cannot be read, and Withheld where S3 denies this one object.
        """
        request: GetObjectRequestTypeDef = {
            "Bucket": event.image.bucket,
            "Key": event.image.key,
            "ChecksumMode": "ENABLED",
        }
        if event.version_id:
            request["VersionId"] = event.version_id
        elif event.etag:
            request["IfMatch"] = event.etag
        with errors_told_apart("reading the source"):
            try:
                response = self._s3.get_object(**request)
            except ClientError as error:
                if meaning := self._refusals.meaning(request, error):
                    raise meaning from error
                raise
            with contextlib.closing(response["Body"]) as body:
                is_packed = "gzip" in response.get("ContentEncoding", "")
                announced = response.get("ContentLength")
                # Where an event names no version, the object may have been replaced by a larger one since.
                if room < most_bytes and (is_packed or (announced or 0) > room):
                    raise NeedsRoom
                data = _read(body, announced, most_bytes)
        size = max(announced or 0, len(data))
        if size > most_bytes:
            raise Permanent(Reason.TOO_LARGE, f"{size:,} bytes or more; the limit is {most_bytes:,}")
        source = FetchedSource(
            size=size,
            etag=response["ETag"].strip('"'),
            version_id=_version(response.get("VersionId")),
            content_type=response.get("ContentType", ""),
            created_at=response["LastModified"],
            checksum=_checksum(response),
        )
        return source, _unpacked(data, most_bytes) if is_packed else data

    def look(self, image: Image, version_id: str | None = None) -> Seen | None:
        """Return what the key holds now, or a version of it, or None where there is nothing.

        Of an object that S3 denies, the bucket's listing tells: of the current version alone, and not which it is.
        """
        request: HeadObjectRequestTypeDef = {"Bucket": image.bucket, "Key": image.key, "ChecksumMode": "ENABLED"}
        if version_id:
            request["VersionId"] = version_id
        with errors_told_apart("looking at the source"):
            try:
                response = self._s3.head_object(**request)
            except ClientError as error:
                if code_of(error) in GONE:
                    return None
                if code_of(error) not in UNREADABLE:
                    raise
                found = None if version_id else listing.find(self._s3, image.bucket, image.key)
                return Seen(None, found.etag, found.size) if found else None
        etag, size = response["ETag"].strip('"'), response["ContentLength"]
        return Seen(_version(response.get("VersionId")), etag, size, _checksum(response))

    def write(self, key: str, data: bytes, content_type: str, *, replacing: str | None) -> StoredThumbnail:
        """Store a thumbnail over the one with the ETag `replacing`, or where None, only if there is none.

        Raises Occupied where the key holds anything else.
        """
        with errors_told_apart("writing a thumbnail"):
            try:
                if replacing is None:
                    response = self._s3.put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=data,
                        ContentType=content_type,
                        IfNoneMatch="*",
                        **self._headers,
                    )
                else:
                    response = self._s3.put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=data,
                        ContentType=content_type,
                        IfMatch=replacing,
                        **self._headers,
                    )
            except ClientError as error:
                if code_of(error) in _CONDITION_FAILED:
                    raise Occupied(key) from error
                raise
        return StoredThumbnail(key, response["ETag"].strip('"'))

    def delete(self, thumbnail: StoredThumbnail) -> None:
        """Delete these very bytes; where the key holds others, or none, there is nothing to do."""
        with errors_told_apart("deleting a thumbnail"):
            try:
                self._s3.delete_object(Bucket=self._bucket, Key=thumbnail.key, IfMatch=thumbnail.etag)
            except ClientError as error:
                if code_of(error) not in _CONDITION_FAILED:
                    raise

    def find(self, key: str) -> StoredThumbnail | None:
        """Return what lies at `key`, or None.

        By a listing of one key: for a missing object, HEAD would answer 403 to a role that may not list the
        whole bucket. S3 lists in UTF-8 order, so a key comes before every other key that it begins.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        if len(key.encode()) > LONGEST_KEY_BYTES:
            return None
        with errors_told_apart("looking for a thumbnail"):
            response = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        for found in response.get("Contents", []):
            if found["Key"] == key:
                return StoredThumbnail(key, found["ETag"].strip('"'))
        return None


def _read(body: StreamingBody, announced: int | None, most_bytes: int) -> bytes:
    """Read the body, or nothing of one that is announced as too long.

    Where a proxy on the way left the announcement out, one byte more than allowed shows that it is too long.
    """
    if announced is None:
        return body.read(most_bytes + 1)
    # Without a number of bytes to read, the SDK does not copy what it reads.
    return body.read() if announced <= most_bytes else b""


def _unpacked(data: bytes, most_bytes: int) -> bytes:
    """Unpack what was stored with `Content-Encoding: gzip`, unless whoever stored it only said so.

    https://www.rfc-editor.org/rfc/rfc1952
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacked = b""
    try:
        # A file may have several members, one after the other.
        while data and len(unpacked) <= most_bytes:
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            unpacked += member.decompress(data, most_bytes + 1 - len(unpacked))
            if not member.eof and len(unpacked) <= most_bytes:
                raise Permanent(Reason.TRUNCATED, "it is stored with Content-Encoding: gzip, and ends too early")
            data = member.unused_data
    except zlib.error as error:
        raise Permanent(
            Reason.CORRUPT, f"it is stored with Content-Encoding: gzip, and cannot be unpacked: {error}"
        ) from error
    if len(unpacked) > most_bytes:
        raise Permanent(Reason.TOO_LARGE, f"unpacked, it has more than {most_bytes:,} bytes, which is the limit")
    return unpacked


def _checksum(response: GetObjectOutputTypeDef | HeadObjectOutputTypeDef) -> str | None:
    """The checksum that came with an object: a copy of the same bytes has it too, whatever its ETag is.

    With SSE-KMS no two writes have the same ETag.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    found = {name: value for name, value in response.items() if name in _CHECKSUMS}
    return next((f"{name.removeprefix('Checksum')}:{value}" for name, value in found.items()), None)


def _version(version_id: str | None) -> str | None:
    # An unversioned object has none; one from before versioning was switched on has "null".
    return None if version_id in (None, "null") else version_id
