"""The names of an image: its source object, and where its thumbnails lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.settings import Rendition

__all__ = ["LONGEST_KEY_BYTES", "Image", "StoredThumbnail", "thumbnail_key"]

LONGEST_KEY_BYTES = 1024
"""Of a key in UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


@dataclass(frozen=True, slots=True)
class Image:
    """A source object by name; its catalog row has the same key."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredThumbnail:
    """A thumbnail as it lies in the thumbnails bucket; `etag` names its very bytes."""

    key: str
    etag: str


def thumbnail_key(rendition: Rendition, image: Image) -> str:
    """Return where the thumbnail of `image` lies: `<rendition>/<source key>.<extension>`."""
    return f"{rendition.name}/{image.key}.{rendition.extension}"
