"""Colour: whatever a picture is stored in becomes sRGB.

Conversions run on thumbnails, not on sources: the same colours for a hundredth of the work.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageFilter

__all__ = ["BrokenProfile", "profile_of", "to_srgb"]

_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}

_FOUR_COLOUR_PRINT: Final = (
    # Paper, inks and their overprints of offset print on coated paper (SWOP), in sRGB: what every combination
    # of full cyan, magenta and yellow looks like, cyan changing fastest.
    (255, 255, 255), (0, 174, 239), (236, 0, 140), (46, 49, 146),
    (255, 242, 0), (0, 166, 81), (237, 28, 36), (54, 53, 52),
)  # fmt: skip
_BLACK_INK: Final = 35

# XYZ of red, green and blue under D50, by the number that the primaries have in ITU-T H.273, table 2:
# https://www.itu.int/rec/T-REC-H.273
_PRIMARIES: Final = {
    9: ((0.67346, 0.27903, -0.00193), (0.16566, 0.67534, 0.02998), (0.12510, 0.04561, 0.79686)),  # BT.2020
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),  # Display P3
}
_WHITE: Final = (0.96420, 1.0, 0.82491)
_HIGH_RANGE: Final = frozenset({16, 18})  # PQ and HLG, table 3: their pictures are shown as they are


@lru_cache(maxsize=4)
def profile_of(primaries: int, transfer: int) -> bytes | None:
    """An ICC profile for colours that are given by number (nclx); None where they are sRGB, or to be taken for it.

    Header, table of tags and three kinds of tag: https://www.color.org/specification/ICC.1-2022-05.pdf
    """
    if primaries not in _PRIMARIES or transfer in _HIGH_RANGE:
        return None
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    points = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), _PRIMARIES[primaries], strict=True)) | {b"wtpt": _WHITE}
    tags = {name: b"XYZ \0\0\0\0" + _fixed(*point) for name, point in points.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return head + _fixed(*_WHITE) + bytes(48) + table + body


def _fixed(*numbers: float) -> bytes:
    """Numbers with 16 bits behind the point."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


class BrokenProfile(Exception):
    """The embedded profile cannot be used for this picture."""


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """An L, RGB, RGBA, CMYK or LAB picture in sRGB, as L, RGB or RGBA.

    Raises BrokenProfile if the profile cannot be read or is for another kind of pixel; the picture then
    converts without it.
    """
    if picture.mode == "LAB":
        return _transform(None, "LAB").apply(picture)
    if profile:
        if picture.mode == "RGBA" and profile[16:20] == b"GRAY" and _is_grey(picture):  # grey with alpha is kept so
            return _with_alpha(to_srgb(picture.getchannel("R"), profile), picture)
        try:
            converted = _transform(profile, picture.mode).apply(picture)
        except BrokenProfile:
            raise
        except Exception as error:  # Little CMS reports what it finds as OSError, ValueError, TypeError …
            raise BrokenProfile(str(error)) from error
        return converted.convert("L") if picture.mode == "L" else converted
    return _print(picture) if picture.mode == "CMYK" else picture


def _is_grey(picture: Image.Image) -> bool:
    red, green, blue = picture.split()[:3]
    return all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))


def _with_alpha(grey: Image.Image, other: Image.Image) -> Image.Image:
    return Image.merge("RGBA", (grey, grey, grey, other.getchannel("A")))


@lru_cache(maxsize=8)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    """The transform from a profile to sRGB. A run of photographs from one camera builds it once."""
    if profile is None:
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    else:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space != _SPACES[mode]:
        raise BrokenProfile(f"it is for {source.profile.xcolor_space.strip()}, the pixels are {mode}")
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGBA" if mode == "RGBA" else "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _print(picture: Image.Image) -> Image.Image:
    """CMYK without a profile, as offset print would look (Neugebauer's equations).

    A dot of ink covers paper or other ink by chance (Demichel), so a colour is the mean of the eight overprints
    of cyan, magenta and yellow weighted by their areas: a trilinear interpolation. Black darkens what is there.
    https://en.wikipedia.org/wiki/Neugebauer_equations
    """
    cyan, magenta, yellow, black = picture.split()
    table = [value / 255 for colour in _FOUR_COLOUR_PRINT for value in colour]
    inks = Image.merge("RGB", (cyan, magenta, yellow)).filter(ImageFilter.Color3DLUT(2, table))
    shade = black.point([255 - (255 - _BLACK_INK) * value // 255 for value in range(256)])
    return ImageChops.multiply(inks, Image.merge("RGB", (shade, shade, shade)))
