"""Pixels to files: the four still formats and the two that move, with nothing of the source's metadata.

The same pixels always give the same bytes: nothing here depends on the clock or on how many processors there are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thumbnail_pipeline.settings import Rendition

__all__ = ["MOVING", "Timing", "encoded", "flattened"]

MOVING: Final = frozenset({"webp", "gif"})
"""The formats that an animation stays an animation in."""

_MOST_PLAYS: Final = 0xFFFF  # what fits into two bytes

# Chosen by `make bench`: see the table of size, time and likeness in docs/renderer.md.
_EFFORT: Final = {"webp": 2, "jpeg": 1, "png": 4, "avif": 3, "gif": 0}


@dataclass(frozen=True)
class Timing:
    """How an animation runs: milliseconds for each frame, and how often it plays (0 is for ever)."""

    durations: tuple[int, ...]
    plays: int


def flattened(picture: Image.Image, rendition: Rendition) -> Image.Image:
    """The picture in its padding, and over the background where the format or the padding asks for one."""
    padded = rendition.fit == "pad"
    if not padded and not (picture.mode == "RGBA" and rendition.format == "jpeg"):
        return picture
    size = (rendition.width, rendition.height) if padded else picture.size
    canvas = Image.new("RGB", size, rendition.background)
    corner = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    canvas.paste(picture, corner, picture if picture.mode == "RGBA" else None)
    return canvas


def encoded(frames: Sequence[Image.Image], rendition: Rendition, timing: Timing | None = None) -> bytes:
    """The file of one thumbnail: its only frame, or all of them with their timing."""
    options = _options(rendition)
    if rendition.format == "gif":
        frames = [_hard_edged(frame) for frame in frames]
    for frame in frames:
        frame.info = {}  # Pillow would write a profile or a comment that it finds there
    first, *rest = frames
    if timing is not None:
        options |= {"save_all": True, "append_images": rest, "duration": list(timing.durations)}
        if rendition.format == "webp":
            options |= {"loop": min(timing.plays, _MOST_PLAYS)}
        elif timing.plays != 1:  # a GIF counts repeats; without a count it plays once
            options |= {"loop": min(max(timing.plays - 1, 0), _MOST_PLAYS)}
        if rendition.format == "gif" and any(frame.mode == "RGBA" for frame in frames):
            options |= {"disposal": 2}  # each frame starts from nothing, or old pixels would show through
    out = io.BytesIO()
    first.save(out, rendition.format.upper(), **options)
    return out.getvalue()


def _hard_edged(frame: Image.Image) -> Image.Image:
    """A frame as GIF can hold it: every pixel is opaque or gone."""
    if frame.mode != "RGBA":
        return frame
    solid = frame.getchannel("A").point([0] * 128 + [255] * 128)
    hard = Image.new("RGBA", frame.size, (0, 0, 0, 0))
    hard.paste(frame.convert("RGB"), mask=solid)
    return hard


def _options(rendition: Rendition) -> dict[str, Any]:
    effort = _EFFORT[rendition.format] if rendition.effort is None else rendition.effort
    match rendition.format:
        case "webp":
            return {"quality": rendition.quality, "method": effort}
        case "jpeg":
            return {"quality": rendition.quality, "optimize": effort == 1, "progressive": effort > 1}
        case "png":
            return {"compress_level": effort}
        case "avif":
            # With more threads libavif cuts the picture into other tiles, and the bytes differ.
            return {"quality": rendition.quality, "speed": 10 - effort, "max_threads": 1}
        case "gif":
            return {}
