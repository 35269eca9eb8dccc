"""What an animation shows at a time: its frames drawn over each other, as browsers do it.

Where no frame has drawn, and where one was cleared away, nothing is: whatever the file says of a background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.reading import Frame

__all__ = ["Canvas"]


class Canvas:
    """A picture in RGBA that frames are drawn on, each `shown` after the last one was disposed of."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._picture = Image.new("RGBA", size)
        self._before: tuple[tuple[int, int, int, int], Image.Image] | None = None

    def shown(self, frame: Frame, picture: Image.Image) -> Image.Image:
        """The canvas with `picture`, the pixels of `frame`, on it. It is the caller's to keep."""
        if self._before is not None:
            box, before = self._before
            self._picture.paste(before, box)
        width, height = self._picture.size
        box = frame.box[0], frame.box[1], min(frame.box[2], width), min(frame.box[3], height)
        self._before = None
        if box[0] >= box[2] or box[1] >= box[3]:
            return self._picture.copy()
        if frame.disposal == "clear":
            self._before = box, Image.new("RGBA", (box[2] - box[0], box[3] - box[1]))
        elif frame.disposal == "restore":
            self._before = box, self._picture.crop(box)
        drawn = picture.convert("RGBA").crop((0, 0, box[2] - box[0], box[3] - box[1]))
        if frame.blends:
            self._picture.alpha_composite(drawn, box[:2])
        else:
            self._picture.paste(drawn, box)
        return self._picture.copy()
