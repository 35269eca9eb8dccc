"""Finds images of one user: their rows, their asks, and the uploads that wait for the pipeline.

Every key begins with the user's own name, so another's image is looked for where nothing can be, in the same calls as
one that never was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.ids import is_image_id
from thumbnail_pipeline.asking.asks import ask_key
from thumbnail_pipeline.asking.intake import Intake
from thumbnail_pipeline.users import key_of_user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from api.config import ApiConfig
    from thumbnail_pipeline.asking.asks import Granted
    from thumbnail_pipeline.asking.aws import Aws
    from thumbnail_pipeline.asking.intake import Known
    from thumbnail_pipeline.asking.wanted import Wanted
    from thumbnail_pipeline.rows import Row

__all__ = ["Lookup", "Page"]


@dataclass(frozen=True)
class Page:
    """Some of a user's images, the newest first."""

    ids: tuple[str, ...]
    is_last: bool


class Lookup:
    """Reads the catalog, the asks and the listing of uploads.

    known = Lookup(aws, config).one(owner, image_id, now)
    """

    def __init__(self, aws: Aws, config: ApiConfig) -> None:
        self._source_prefix = config.source_prefix
        self._url_seconds = config.limits.url_minutes * 60
        self._intake = Intake(
            aws, bucket=config.uploads_bucket, catalog_table=config.catalog_table, asks_table=config.asks_table
        )

    def one(self, owner: str, image_id: str, now: float) -> Known:
        """Return what the tables say of one id, in one call."""
        return self._intake.one(self._key(owner, image_id), ask_key(owner, image_id), now)

    def many(self, owner: str, ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows that there are of up to a hundred ids."""
        keys = {self._key(owner, each): each for each in ids}
        return {keys[row.image.key]: row for row in self._intake.rows(list(keys))}

    def uploaded(self, owner: str, image_id: str) -> bool:
        """Whether there is a source object."""
        return self._intake.is_there(self._key(owner, image_id))

    def page(self, owner: str, *, after: str, most: int) -> Page:
        """Return the ids of up to `most` images that were uploaded, from the one `after` on.

        What is uploaded meanwhile comes before all that was there, and shifts no later page.
        """
        prefix = self._key(owner, "")
        listed = self._intake.listed(prefix, most=most, after=prefix + after if after else "")
        # Nobody else may write there; what somebody did all the same is nobody's image.
        return Page(tuple(filter(is_image_id, (key.rpartition("/")[2] for key in listed.keys))), listed.is_last)

    def upload(self, owner: str, wanted: Wanted, granted: Granted) -> dict[str, Any]:
        """Return the one PUT that was granted."""
        key = self._key(owner, granted.image_id)
        return self._intake.allowed(key, wanted, asked_at=granted.asked_at, seconds=self._url_seconds)

    def delete(self, owner: str, image_id: str) -> None:
        """Delete the source object."""
        self._intake.delete(self._key(owner, image_id))

    def _key(self, owner: str, image_id: str) -> str:
        return key_of_user(self._source_prefix, owner, image_id)
