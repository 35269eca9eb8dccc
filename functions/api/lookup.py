"""Finds images of one user: their rows, their asks, and the uploads that wait for the pipeline.

Every key begins with the user's own name, so another's image is looked for where nothing can be, in the same calls as
one that never was.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.asks import ask_key
from api.ids import is_image_id
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of
from thumbnail_pipeline.users import key_of_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.aws import Aws
    from api.config import ApiConfig
    from thumbnail_pipeline.rows import Row

__all__ = ["Found", "Lookup", "Page"]

_ATTEMPTS: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Found:
    """What is known of one id."""

    row: Row | None
    asked: bool
    """Whether it was asked for, with a URL that is still good."""

    @property
    def decided(self) -> bool:
        """Whether the pipeline is through with it."""
        return self.row is not None and self.row.status is not None


@dataclass(frozen=True)
class Page:
    """Some of a user's images, the newest first."""

    ids: tuple[str, ...]
    is_last: bool


class Lookup:
    """Reads the catalog, the asks and the listing of uploads.

    found = Lookup(aws, config).one(owner, image_id, now)
    """

    def __init__(self, aws: Aws, config: ApiConfig) -> None:
        self._aws = aws
        self._config = config

    def key(self, owner: str, image_id: str) -> str:
        """Return where an image of a user is uploaded to."""
        return key_of_user(self._config.source_prefix, owner, image_id)

    def one(self, owner: str, image_id: str, now: float) -> Found:
        """Return what the tables say of one id, in one call."""
        key = self.key(owner, image_id)
        answer = self._read(
            {
                self._config.catalog_table: {"Keys": [self._row_key(key)]},
                # Whoever has just asked must not hear that there is no such image.
                self._config.asks_table: {"Keys": [ask_key(owner, image_id)], "ConsistentRead": True},
            }
        )
        rows, asks = (answer.get(table, []) for table in (self._config.catalog_table, self._config.asks_table))
        # DynamoDB deletes what has expired when it comes to it.
        return Found(decoded(rows[0]) if rows else None, any(int(ask["expires_at"]["N"]) > now for ask in asks))

    def many(self, owner: str, ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows that there are of up to a hundred ids."""
        if not ids:
            return {}
        keys = {self.key(owner, each): each for each in ids}
        asked = {self._config.catalog_table: {"Keys": [self._row_key(key) for key in keys]}}
        rows = map(decoded, self._read(asked).get(self._config.catalog_table, []))
        return {keys[row.image.key]: row for row in rows}

    def uploaded(self, owner: str, image_id: str) -> bool:
        """Whether there is a source object. It is listed, for a HEAD would need the permission to read it."""
        # Of all keys that begin with it, a key itself comes first.
        return self._listed(owner, image_id, most=1).ids[:1] == (image_id,)

    def page(self, owner: str, *, after: str, most: int) -> Page:
        """Return the ids of up to `most` images that were uploaded, from the one `after` on.

        What is uploaded meanwhile comes before all that was there, and shifts no later page.
        """
        return self._listed(owner, "", most=most, after=after)

    def delete(self, owner: str, image_id: str) -> None:
        """Delete the source object; where the bucket has versions, it gets a delete marker."""
        self._aws.s3("DELETE", self._config.uploads_bucket, self.key(owner, image_id))

    def _listed(self, owner: str, image_id: str, *, most: int, after: str = "") -> Page:
        # Imported for this alone: most requests list nothing.
        from xml.etree import ElementTree as Xml  # noqa: PLC0415

        prefix = self.key(owner, image_id)
        query = {"list-type": "2", "max-keys": str(most), "prefix": prefix}
        if after:
            query["start-after"] = prefix + after
        # It is S3's own XML.
        listed = Xml.fromstring(self._aws.s3("GET", self._config.uploads_bucket, query=query))  # noqa: S314
        names = [(each.text or "").rpartition("/")[2] for each in listed.findall("{*}Contents/{*}Key")]
        # Nobody else may write there; what somebody did all the same is nobody's image.
        return Page(tuple(filter(is_image_id, names)), listed.findtext("{*}IsTruncated") != "true")

    def _row_key(self, key: str) -> dict[str, Any]:
        return key_of(Image(self._config.uploads_bucket, key))

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
