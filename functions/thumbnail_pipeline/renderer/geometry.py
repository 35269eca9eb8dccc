"""Boxes and sizes: which part of a picture becomes a thumbnail of which size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from thumbnail_pipeline.settings import Rendition

__all__ = ["Box", "Cut", "cut", "scale"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_STEPS: Final = 24  # positions tried for a crop: finer than the eye cares about


@dataclass(frozen=True)
class Cut:
    """A region of the picture, in its own pixels, and the size in pixels that it is drawn at."""

    box: Box
    size: tuple[int, int]


def scale(rendition: Rendition, width: int, height: int) -> float:
    """Thumbnail pixels for each pixel of a picture of width x height."""
    ratios = rendition.width / width, rendition.height / height
    wanted = max(ratios) if rendition.fit == "cover" else min(ratios)
    return wanted if rendition.enlarge else min(wanted, 1.0)


def cut(rendition: Rendition, width: int, height: int, focus: Callable[[], Image.Image]) -> Cut:
    """What `rendition` shows of a picture of width x height, and how large.

    `focus` gives a small version of the whole picture, and is asked only where a crop looks at the content.
    Sizes are rounded to the nearest pixel and never below one.
    """
    factor = scale(rendition, width, height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if rendition.fit != "cover":
        return Cut((0, 0, width, height), size)
    size = min(size[0], rendition.width), min(size[1], rendition.height)
    region = min(width, size[0] / factor), min(height, size[1] / factor)
    room = width - region[0], height - region[1]
    left, top = room[0] / 2, room[1] / 2
    if rendition.crop != "centre" and max(room) >= 1:
        attention = rendition.crop == "attention"
        small, share = (_saliency(focus()), _sum) if attention else (focus().convert("L"), _entropy)
        left, top = (_best(small, axis, room[axis], region[axis], share) for axis in (0, 1))
    return Cut((left, top, left + region[0], top + region[1]), size)


def _best(small: Image.Image, axis: int, room: float, window: float, share: Callable[[Image.Image], float]) -> float:
    """Where along one axis a window of the picture has the largest share; the most central of equals."""
    ratio = small.size[axis] / (room + window)
    scored: list[tuple[float, float, float]] = []
    for step in range(_STEPS + 1 if room >= 1 else 0):
        start = room * step / _STEPS
        near = min(round(start * ratio), small.size[axis] - 1)
        far = near + max(1, round(window * ratio))
        part = (near, 0, far, small.height) if axis == 0 else (0, near, small.width, far)
        scored.append((share(small.crop(part)), -abs(start - room / 2), start))
    return max(scored)[2] if scored else room / 2


def _entropy(part: Image.Image) -> float:
    """Bits a pixel (Shannon) of the brightness."""
    return round(part.entropy(), 6)


def _sum(part: Image.Image) -> float:
    return sum(value * count for value, count in enumerate(part.histogram()))


def _saliency(small: Image.Image) -> Image.Image:
    """What draws the eye, as brightness: local contrast, colourfulness, and the colours of skin.

    Skin is Cb 77 to 127 and Cr 133 to 173: D. Chai and K. N. Ngan, "Face segmentation using skin-color map
    in videophone applications", IEEE Transactions on Circuits and Systems for Video Technology 9(4), 1999.
    """
    red, green, blue = small.convert("RGB").split()
    grey, cb, cr = small.convert("RGB").convert("YCbCr").split()
    contrast = ImageChops.difference(grey, grey.filter(ImageFilter.GaussianBlur(2)))
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    least = ImageChops.darker(ImageChops.darker(red, green), blue)
    colour = ImageChops.difference(most, least).point([value // 4 for value in range(256)])
    skin = ImageChops.multiply(
        cb.point([64 * (77 <= value <= 127) for value in range(256)]),  # noqa: PLR2004 - see above
        cr.point([255 * (133 <= value <= 173) for value in range(256)]),  # noqa: PLR2004 - see above
    )
    return ImageChops.add(ImageChops.add(contrast, contrast), ImageChops.add(colour, skin))
