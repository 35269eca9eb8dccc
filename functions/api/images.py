"""What a client is shown of an image: what the catalog says of it that is theirs to know, and where its thumbnails are.

Thumbnails are fetched by signed URLs, which are the same for half of the time that they are good for. So a client may
keep an answer until they change, and has then as much time again to load what it shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.asking.intake import PENDING
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import iso, moment
from thumbnail_pipeline.settings import EXTENSIONS

if TYPE_CHECKING:
    from thumbnail_pipeline.asking.aws import Aws
    from thumbnail_pipeline.rows import Row

__all__ = ["Shelf", "Window", "entity_tag"]

_FORMATS: Final = {extension: name for name, extension in EXTENSIONS.items()}
_FACTS: Final = ("created_at", "format", "width", "height", "frames", "has_alpha", "dominant_colour", "placeholder")


@dataclass(frozen=True)
class Window:
    """When URLs were signed, and until when they are good: the same for everybody who asks in the same half."""

    began: int
    """Seconds since 1970."""
    seconds: int

    @classmethod
    def at(cls, now: float, minutes: int) -> Window:
        """The window that `now` lies in, of URLs that are good for so many minutes."""
        half = minutes * 30
        return cls(int(now) // half * half, 2 * half)

    @property
    def ends(self) -> int:
        """When the URLs run out."""
        return self.began + self.seconds

    def fresh_for(self, now: float) -> int:
        """For how many seconds the URLs stay the same."""
        return self.began + self.seconds // 2 - int(now)


@dataclass(frozen=True)
class Shelf:
    """Shows images of the catalog with the thumbnails that lie in one bucket.

    document = Shelf(aws, "thumbs-thumbnails").shown(image_id, row, Window.at(now, minutes=10))
    """

    aws: Aws
    bucket: str

    def shown(self, image_id: str, row: Row | None, window: Window) -> dict[str, Any]:
        """Return what the client is shown; an image that nobody has decided upon is PENDING."""
        if row is None or row.status not in (Status.READY, Status.FAILED):
            return {"id": image_id, "status": PENDING}
        document: dict[str, Any] = {"id": image_id, "status": str(row.status)}
        if row.status is Status.FAILED:
            return {**document, "reason": row.reason}
        facts = {name: row.attributes.get(name) for name in _FACTS} | {"bytes": row.attributes.get("size_bytes")}
        return {
            **document,
            **{name: value for name, value in facts.items() if value is not None},
            "renditions": [
                {
                    "name": each["name"],
                    "type": f"image/{_FORMATS[each['key'].rpartition('.')[2]]}",
                    "width": each["width"],
                    "height": each["height"],
                    "bytes": each["bytes"],
                    "url": self.url(each["key"], window),
                }
                for each in row.attributes.get("renditions", ())
            ],
            "urls_expire_at": iso(moment(window.ends * 1000)),
        }

    def url(self, key: str, window: Window) -> str:
        """Return where the thumbnail at `key` can be fetched while the window lasts."""
        return self.aws.presigned("GET", self.bucket, key, seconds=window.seconds, now=window.began)


def entity_tag(row: Row, window: Window) -> str:
    """Return the ETag of a decided image: another for another state, and where there are URLs, before they run out.

    It is weak, for each process of the function signs with credentials of its own, and URLs are never quite the same.
    https://www.rfc-editor.org/rfc/rfc9110#name-etag
    """
    until = window.began if row.status is Status.READY else 0
    shown = f"{row.status} {row.revision} {row.fence} {row.settings_fingerprint} {row.reason} {until}"
    return f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'
