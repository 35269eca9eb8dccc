"""Colour: whatever a picture is stored in becomes sRGB.

Conversions run on thumbnails, not on sources: the same colours for a hundredth of the work.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageFilter

__all__ = ["BrokenProfile", "to_srgb"]

_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}

_FOUR_COLOUR_PRINT: Final = (
    # Paper, inks and their overprints of offset print on coated paper (SWOP), in sRGB: what every combination
    # of full cyan, magenta and yellow looks like, cyan changing fastest.
    (255, 255, 255), (0, 174, 239), (236, 0, 140), (46, 49, 146),
    (255, 242, 0), (0, 166, 81), (237, 28, 36), (54, 53, 52),
)  # fmt: skip
_BLACK_INK: Final = 35


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
        try:
            converted = _transform(profile, picture.mode).apply(picture)
        except BrokenProfile:
            raise
        except Exception as error:  # Little CMS reports what it finds as OSError, ValueError, TypeError …
            raise BrokenProfile(str(error)) from error
        return converted.convert("L") if picture.mode == "L" else converted
    return _print(picture) if picture.mode == "CMYK" else picture


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
