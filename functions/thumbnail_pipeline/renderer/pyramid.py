"""A picture at falling sizes, so that every thumbnail is drawn from the smallest version that is good enough.

Levels are in stored orientation; the first is what the decoder gave, the others are sRGB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops

from thumbnail_pipeline.renderer.colour import BrokenProfile, to_srgb

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.geometry import Cut
    from thumbnail_pipeline.renderer.webp_chunks import WebpCoding

__all__ = ["MARGIN", "Pyramid", "decoder_reduction", "reduction", "scaled_size", "tiled_size"]

MARGIN: Final = 1.5
"""How much larger than a thumbnail the version must be that it is drawn from, each way. Against a full decode,
Lanczos from 1.5 keeps 42 to 56 dB over photographs, from 1.0 36 to 55, from 2.0 46 to 59 (docs/renderer.md)."""

_SCALED_MARGIN: Final = 2.0  # as MARGIN, of what libwebp scales: from 1.5 it keeps 45.7 dB, from 2.0 49.6
_GAP: Final = 2.0  # box filter down to this multiple of the thumbnail, Lanczos for the rest
_STRIP: Final = 1 << 18  # pixels converted at a time: they stay in the processor's cache
_OVERVIEW: Final = 48
_DIRECT: Final = frozenset({"L", "RGB", "CMYK", "LAB"})


@dataclass(frozen=True)
class _Level:
    image: Image.Image
    scale: tuple[float, float]  # its pixels for each pixel of the picture
    srgb: bool


class Pyramid:
    """The versions of one frame. `drawn` adds to them, so ask for the largest thumbnail first."""

    def __init__(
        self,
        decoded: Image.Image,
        size: tuple[int, int],
        scale: tuple[float, float],
        largest: float,
        profile: bytes | None,
    ) -> None:
        """`decoded` shows, at `scale`, a picture of `size` pixels; no thumbnail will be over `largest` of that size."""
        self.size = size
        self.note: str | None = None
        self._profile = profile
        factor = reduction(min(scale), largest)
        base = _reduced(decoded, factor)
        self._levels = [_Level(base, (scale[0] / factor, scale[1] / factor), srgb=False)]

    @property
    def transparent(self) -> bool:
        """Whether any pixel lets the background through."""
        return self._levels[0].image.mode == "RGBA"

    def drawn(self, cut: Cut) -> Image.Image:
        """The region at its size, in sRGB, as L, RGB or RGBA."""
        across, down = cut.box[2] - cut.box[0], cut.box[3] - cut.box[1]
        wanted = cut.size[0] / across, cut.size[1] / down
        level = next(
            level
            for index, level in reversed(list(enumerate(self._levels)))
            if not index or all(have >= MARGIN * want for have, want in zip(level.scale, wanted, strict=True))
        )
        box = tuple(
            min(edge * level.scale[axis % 2], float(level.image.size[axis % 2])) for axis, edge in enumerate(cut.box)
        )
        picture = _resized(level.image, cut.size, (box[0], box[1], box[2], box[3]))
        if not level.srgb:
            picture = self._converted(picture)
        if list(cut.box) == [0, 0, *self.size]:
            self._levels.append(_Level(picture, wanted, srgb=True))
        return picture

    def overview(self) -> Image.Image:
        """The whole picture at no more than 48 pixels a side, enough to judge its content by."""
        level = self._levels[-1]
        longest = max(level.image.size)
        size = tuple(max(1, round(side * min(1.0, _OVERVIEW / longest))) for side in level.image.size)
        small = level.image.resize((size[0], size[1]), Image.Resampling.BOX, reducing_gap=1.0)
        return small if level.srgb else self._converted(small)

    def _converted(self, picture: Image.Image) -> Image.Image:
        try:
            return to_srgb(picture, self._profile)
        except BrokenProfile as error:
            self.note = f"The colour profile was ignored: {error}."
            self._profile = None
            return to_srgb(picture, None)


def reduction(scale: float, largest: float) -> int:
    """By how much a decoded version can be box-filtered before it is too small for the largest thumbnail."""
    return max(1, int(scale / (largest * _GAP)))


def decoder_reduction(largest: float) -> int:
    """8, 4, 2 or 1: by how much a JPEG decoder may reduce by itself and leave the margin."""
    return next((step for step in (8, 4, 2) if largest * MARGIN * step <= 1), 1)


def scaled_size(size: tuple[int, int], largest: float, coding: WebpCoding) -> tuple[int, int]:
    """The size at which a WebP is decoded: all of it where colours under transparency could bleed into others.

    libwebp multiplies by alpha before it scales what is lossless, and not what is lossy.
    """
    if coding.alpha and not coding.lossless:
        return size
    factor = min(1.0, largest * _SCALED_MARGIN)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def tiled_size(size: tuple[int, int], largest: float) -> tuple[int, tuple[int, int]]:
    """By how much a picture is reduced that comes in strips, and to which size: to the margin if it is by 1."""
    factor = reduction(1.0, largest)
    share = 1 / factor if factor > 1 else min(1.0, largest * MARGIN)
    rounded = math.ceil if factor > 1 else round
    return factor, (max(1, rounded(size[0] * share)), max(1, rounded(size[1] * share)))


def _resized(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    if list(box) == [0, 0, *size] == [0, 0, *image.size]:
        return image.copy()
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_GAP)


def _reduced(decoded: Image.Image, factor: int) -> Image.Image:
    """The mean of factor x factor pixels each, in a mode that to_srgb knows; without alpha where all is opaque.

    Palettes, 16 bits and alpha are converted and reduced strip by strip: the full-size copy in another mode
    would cost more memory and time than the reduction itself.
    """
    if decoded.mode in _DIRECT and "transparency" not in decoded.info:
        return decoded.reduce(factor) if factor > 1 else decoded
    width, height = decoded.size
    rows = factor * max(1, _STRIP // (width * factor))
    tops = range(0, height, rows)

    def strip(top: int) -> Image.Image:
        return decoded.crop((0, top, width, min(top + rows, height)))

    if decoded.mode == "F":
        decoded = _numbers(decoded, tops)
    scaling = _range(decoded)
    opaque = not decoded.has_transparency_data or all(_is_opaque(strip(top), scaling) for top in tops)
    if factor == 1 and decoded.mode == "RGBA" and not opaque:
        return decoded
    whole: Image.Image | None = None
    for top in tops:
        part = _standard(strip(top), scaling, opaque=opaque)
        whole = whole or Image.new(part.mode, (-(-width // factor), -(-height // factor)))
        whole.paste(part.reduce(factor) if factor > 1 else part, (0, top // factor))
    if whole is None:
        raise ValueError("the picture has no rows")
    return whole


def _is_opaque(strip: Image.Image, scaling: tuple[float, float] | None) -> bool:
    """Whether nothing shows through; comparing bytes takes a third of the time of getextrema."""
    alpha = _standard(strip, scaling, opaque=False).getchannel("A").tobytes()
    return alpha == b"\xff" * len(alpha)


def _numbers(decoded: Image.Image, tops: range) -> Image.Image:
    """Floating point without what is none: NaN, infinity, and the -3.4e38 by which maps say that nothing was measured.

    All of them, and no other number below 1.7e38, have seven ones in the upper byte of their exponent (IEEE 754). They
    take the least value that there is.
    """
    masks = []
    for top in tops:
        strip = decoded.crop((0, top, decoded.width, min(top + tops.step, decoded.height)))
        upper = Image.frombytes("L", strip.size, strip.tobytes("raw", "F;32F")[3::4])
        masks.append(upper.point([255 * (value & 0x7F == 0x7F) for value in range(256)]))  # noqa: PLR2004 - seven ones
    mask = Image.new("L", decoded.size)
    for top, each in zip(tops, masks, strict=True):
        mask.paste(each, (0, top))
    if mask.getbbox() is None:
        return decoded
    some = ImageChops.invert(mask).getbbox()
    numbers = decoded.copy()
    numbers.paste(0.0, (0, 0, *decoded.size), mask)
    if some is None:
        return numbers
    # A number that is there stands in for those that are not until the least is known.
    known = next(x for x in range(some[0], some[2]) if not mask.getpixel((x, some[1])))
    numbers.paste(decoded.crop((known, some[1], known + 1, some[1] + 1)).resize(decoded.size), mask=mask)
    numbers.paste(numbers.getextrema()[0], (0, 0, *decoded.size), mask)
    return numbers


def _range(decoded: Image.Image) -> tuple[float, float] | None:
    """Scale and offset that bring more than eight bits into 0…255, or None where there are eight."""
    negative = "white_is_zero" in decoded.info
    if decoded.mode.startswith("I;16"):
        return (-1 / 257, 255.0) if negative else (1 / 257, 0.0)
    if decoded.mode in {"I", "F"}:  # no standard says what is white: the brightest value is
        low, high = (float(value) for value in decoded.getextrema() if isinstance(value, (int, float)))
        if low == high:
            return 0.0, 0.0
        dark, light = (high, low) if negative else (low, high)
        return 255 / (light - dark), -dark * 255 / (light - dark)
    return None


def _standard(strip: Image.Image, scaling: tuple[float, float] | None, *, opaque: bool) -> Image.Image:
    """A strip of any mode as L, RGB, RGBA, CMYK or LAB."""
    if scaling is not None:
        return _eight_bits(strip, scaling, opaque=opaque)
    if strip.mode == "La":  # grey and alpha of a TIFF, premultiplied
        strip = strip.convert("LA")
    if not opaque:
        return strip if strip.mode == "RGBA" else strip.convert("RGBA")
    if strip.mode in _DIRECT and "transparency" not in strip.info:
        return strip
    return strip.convert("L" if strip.mode in {"1", "L", "LA"} else "RGB")


def _eight_bits(strip: Image.Image, scaling: tuple[float, float], *, opaque: bool) -> Image.Image:
    """More than eight bits of grey as eight, rounded; a 16-bit transparent value (PNG tRNS) as alpha."""
    scale, offset = scaling
    deep = strip if strip.mode in {"I;16", "I", "F"} else strip.convert("I")  # the big-endian kinds know no point()
    grey = deep.point(lambda value: value * scale + (offset + 0.5)).convert("L")
    clear = strip.info.get("transparency")
    if opaque or not isinstance(clear, int) or not strip.mode.startswith("I;16"):
        return grey if opaque else grey.convert("RGBA")
    raw = strip.tobytes("raw", "I;16")
    low, high = (Image.frombytes("L", strip.size, raw[start::2]) for start in (0, 1))
    off = ImageChops.add(
        low.point([value != clear & 255 for value in range(256)]),
        high.point([value != clear >> 8 for value in range(256)]),
    )
    return Image.merge("RGBA", (grey, grey, grey, off.point([0] + [255] * 255)))
