"""TIFF as Pillow reads it, where that is right, and mended or refused where it is not.

Imported with the first TIFF.
https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

from typing import IO, Final, cast

from PIL import ImagePalette
from PIL.TiffImagePlugin import MM, OPEN_INFO, TiffImageFile

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout

__all__ = ["Tiff"]

_COMPRESSION, _PHOTOMETRIC, _STRIPS, _SAMPLES, _LENGTHS, _EXTRA = 259, 262, 273, 277, 279, 338
_PLANAR, _COLOUR_MAP, _TILES, _TILE_LENGTHS, _SUBSAMPLING = 284, 320, 324, 325, 530
_RESOLUTION: Final = (282, 283, 296)
_PROFILE: Final = 34675
_RAW, _JPEG, _PACKBITS = 1, 7, 32773
_WHITE_IS_ZERO, _YCBCR, _SEPARATE = 0, 6, 2
_NOT_DECODED: Final = {34676: "SGI LogLuv", 34677: "SGI LogLuv", 50001: "WebP", 50002: "JPEG XL"}

# As it reads the same pixels in the other order of bytes.
OPEN_INFO[MM, _WHITE_IS_ZERO, (1,), 1, (16,), ()] = ("I;16B", "I;16B")


class Tiff(TiffImageFile):
    """The first page of a TIFF, in stored orientation.

    `info["white_is_zero"]` says that what has more than eight bits is a negative.
    """

    def _setup(self) -> None:
        tags = self.tag_v2
        for tag in _RESOLUTION:
            tags.pop(tag, None)
        if not isinstance(tags.get(_PROFILE, b""), bytes):
            del tags[_PROFILE]
        compression, photometric = tags.get(_COMPRESSION, _RAW), tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
        if compression in _NOT_DECODED:
            raise _unsupported(f"it is compressed with {_NOT_DECODED[compression]}")
        if compression == _JPEG and (strange := self._jpeg().strange) is not None:
            raise _unsupported(f"it holds a JPEG that is of a kind that is not decoded, {strange}")
        separate = tags.get(_PLANAR) == _SEPARATE
        if separate and tags.get(_SAMPLES) == 2 and tags.get(_EXTRA, (0,)) != (0,):  # noqa: PLR2004 - grey and alpha
            raise _unsupported("its alpha is a plane beside that of its grey")
        if photometric == _YCBCR and separate and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
            raise _unsupported("its planes differ in size")
        if compression == _RAW and (photometric == _YCBCR or separate):
            # Pillow takes planes of 16 bits, and subsampled colours, for bytes. libtiff does not, and reads what is
            # compressed; from the file it learns that this is not.
            tags[_COMPRESSION] = _PACKBITS
        colours = tags.get(_COLOUR_MAP, ())
        super()._setup()
        if photometric == _WHITE_IS_ZERO and self.mode[0] in "IF":
            self.info["white_is_zero"] = True
        if self.mode in {"P", "PA"} and max(colours) <= 0xFF:  # noqa: PLR2004 - 16 bits each by the standard
            # What libtiff takes for a map of 8 bits:
            # https://gitlab.com/libtiff/libtiff/-/blob/master/libtiff/tif_getimage.c (checkcmap)
            self.palette = ImagePalette.raw("RGB;L", bytes(colours))

    def _jpeg(self) -> JpegLayout:
        """The layout of the first strip or tile."""
        tags, file = self.tag_v2, cast("IO[bytes]", self.fp)
        file.seek(tags[_STRIPS if _STRIPS in tags else _TILES][0])
        return JpegLayout.of(file.read(tags[_LENGTHS if _LENGTHS in tags else _TILE_LENGTHS][0]), 1)

    def load_end(self) -> None:
        """Leave it as it is stored: what is small is turned later, and EXIF that is broken costs itself alone."""
        self._size = self._tile_size


def _unsupported(why: str) -> Permanent:
    return Permanent(Reason.UNSUPPORTED_FORMAT, f"The TIFF is of a kind that is not decoded: {why}.")
