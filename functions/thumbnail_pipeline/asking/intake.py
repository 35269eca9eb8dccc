"""What is known of an upload, and the one PUT that an ask is granted.

known = intake.one(key, ask_key(owner, image_id), now)
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.asking.aws import ServiceError
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, iso, key_of, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thumbnail_pipeline.asking.aws import Aws
    from thumbnail_pipeline.asking.wanted import Wanted
    from thumbnail_pipeline.rows import Row

__all__ = ["PENDING", "Intake", "KeyPage", "Known"]

PENDING: Final = "PENDING"
"""What clients hear of an image that nobody has decided upon."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_IS_THERE, _MEETS_ANOTHER = "412", "409"
_ATTEMPTS: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Known:
    """What is known of one upload."""

    row: Row | None
    asked: bool
    """Whether it was asked for, and the ask is still remembered."""

    @property
    def decided(self) -> bool:
        """Whether the pipeline is through with it."""
        return self.row is not None and self.row.status is not None


@dataclass(frozen=True)
class KeyPage:
    """Some keys of the uploads bucket, in their order."""

    keys: tuple[str, ...]
    is_last: bool


class Intake:
    """Reads the catalog, the asks and the listing of uploads, and signs uploads.

    intake = Intake(aws, bucket="thumbs-uploads", catalog_table="thumbs-catalog", asks_table="thumbs-asks")
    """

    def __init__(self, aws: Aws, *, bucket: str, catalog_table: str, asks_table: str) -> None:
        self._aws = aws
        self._bucket = bucket
        self._catalog_table = catalog_table
        self._asks_table = asks_table

    def one(self, key: str, ask: dict[str, Any], now: float) -> Known:
        """Return what the tables say of one key, and of the ask with the primary key `ask`, in one call."""
        answer = self._read(
            {
                self._catalog_table: {"Keys": [self._row_key(key)]},
                # Whoever has just asked must not hear that there is no such image.
                self._asks_table: {"Keys": [ask], "ConsistentRead": True},
            }
        )
        rows, asks = (answer.get(table, []) for table in (self._catalog_table, self._asks_table))
        # DynamoDB deletes what has expired when it comes to it.
        return Known(decoded(rows[0]) if rows else None, any(int(each["expires_at"]["N"]) > now for each in asks))

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """Return the rows that there are of up to a hundred keys, in any order."""
        if not keys:
            return []
        asked = {self._catalog_table: {"Keys": [self._row_key(key) for key in keys]}}
        return [decoded(each) for each in self._read(asked).get(self._catalog_table, [])]

    def is_there(self, key: str) -> bool:
        """Whether there is a source object. It is listed, for a HEAD would need the permission to read it."""
        # Of all keys that begin with it, a key itself comes first.
        return self.listed(key, most=1).keys[:1] == (key,)

    def listed(self, prefix: str, *, most: int, after: str = "") -> KeyPage:
        """Return up to `most` keys that begin with `prefix`, from the one `after` on."""
        # Imported for this alone: most requests list nothing.
        from xml.etree import ElementTree as Xml  # noqa: PLC0415

        query = {"list-type": "2", "max-keys": str(most), "prefix": prefix}
        if after:
            query["start-after"] = after
        # It is S3's own XML.
        answer = Xml.fromstring(self._aws.s3("GET", self._bucket, query=query))  # noqa: S314
        keys = tuple(each.text or "" for each in answer.findall("{*}Contents/{*}Key"))
        return KeyPage(keys, answer.findtext("{*}IsTruncated") != "true")

    def delete(self, key: str) -> None:
        """Delete the source object; where the bucket has versions, it gets a delete marker."""
        self._aws.s3("DELETE", self._bucket, key)

    def allowed(self, key: str, wanted: Wanted, *, asked_at: int, seconds: int) -> dict[str, Any]:
        """Return the one PUT that is allowed from `asked_at` on: of exactly what is wanted, where nothing is yet."""
        headers = _put_headers(wanted)
        # Whoever sends a body sends its length, which is signed as well.
        signed = {**headers, "content-length": str(wanted.bytes)}
        url = self._aws.presigned("PUT", self._bucket, key, signed, seconds=seconds, now=asked_at)
        expires = iso(moment((asked_at + seconds) * 1000))
        return {"method": "PUT", "url": url, "headers": headers, "expires_at": expires}

    def put(self, key: str, wanted: Wanted, body: bytes) -> None:
        """Upload what is wanted, unless something is there already. Raises Transient."""
        headers = {**_put_headers(wanted), "x-amz-checksum-sha256": _checksum(hashlib.sha256(body).digest())}
        try:
            self._aws.s3("PUT", self._bucket, key, headers=headers, body=body)
        except ServiceError as error:
            if error.code == _MEETS_ANOTHER:
                raise Transient("two uploads of one image meet") from error
            if error.code != _IS_THERE:
                raise

    def _row_key(self, key: str) -> dict[str, Any]:
        return key_of(Image(self._bucket, key))

    def _read(self, wanted: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for attempt in range(_ATTEMPTS):
            answer = self._aws.dynamodb("BatchGetItem", {"RequestItems": wanted})
            for table, items in answer["Responses"].items():
                found.setdefault(table, []).extend(items)
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
            # What was throttled is handed back rather than refused.
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
            time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - jitter
        raise Transient("DynamoDB handed keys back")


def _put_headers(wanted: Wanted) -> dict[str, str]:
    headers = {"content-type": wanted.type, "if-none-match": "*"}
    if wanted.sha256:
        headers["x-amz-checksum-sha256"] = _checksum(bytes.fromhex(wanted.sha256))
    return headers


def _checksum(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
