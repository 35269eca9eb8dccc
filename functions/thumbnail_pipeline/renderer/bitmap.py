"""BMP as Pillow reads it, and the kinds that it does not: channels of any width, and runs that stop early.

https://learn.microsoft.com/en-us/windows/win32/api/wingdi/ns-wingdi-bitmapv5header
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, cast

from PIL import Image, ImageChops, ImageFile
from PIL.BmpImagePlugin import BmpImageFile, BmpRleDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

__all__ = ["Bitmap"]

_HEADER: Final = 54  # bytes of the file's header and the shortest that masks can follow
_WITH_ALPHA: Final = 56  # bytes of the shortest header that has a mask for it
_FIELDS: Final = frozenset({3, 6})  # BI_BITFIELDS, and BI_ALPHABITFIELDS of Windows CE
_LANES: Final = {16: "LA", 32: "RGBA"}  # a mode that takes a pixel apart into its bytes
_STRIP: Final = 1 << 18  # pixels


class Bitmap(BmpImageFile):
    """A BMP. An alpha of nothing but zeros is none, as in browsers."""

    def _bitmap(self, header: int = 0, offset: int = 0) -> None:
        file = cast("IO[bytes]", self.fp)
        at = file.tell()
        start = file.read(_HEADER + 4 * 4 - at)
        file.seek(at)
        size, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", start.ljust(_HEADER))
        masked = compression in _FIELDS and bits in _LANES and len(start) == _HEADER + 4 * 4 - at
        masks = struct.unpack_from("<4I", start, _HEADER - at) if masked else (0, 0, 0, 0)
        if size < _WITH_ALPHA and compression != max(_FIELDS):
            masks = (*masks[:3], 0)
        try:
            super()._bitmap(header, offset)
            if bits == 32 or not masks[3]:  # noqa: PLR2004 - Pillow knows of no alpha in 16 bits
                return
        except OSError:
            if not any(masks) or width < 1 or not height:
                raise
        self._mode = "RGBA" if masks[3] else "RGB"
        self._size = width, abs(height)
        args = bits, masks, -1 if height > 0 else 1
        self.tile = [ImageFile._Tile("bmp_masks", (0, 0, *self._size), offset, args)]  # noqa: SLF001 - as plug-ins do

    def load_end(self) -> None:
        """Without the alpha that nobody filled in."""
        if self.mode == "RGBA" and self.getchannel("A").getbbox() is None:
            self.putalpha(255)


class _Masks(ImageFile.PyDecoder):
    """Channels that are some bits of a number each."""

    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:  # noqa: ARG002 - it reads the file itself
        """Strip by strip, for the bytes of a pixel are pictures of their own on the way."""
        bits, masks, direction = self.args
        mode = self.mode
        width, height = self.state.xsize, self.state.ysize
        stride = -(-width * bits // 32) * 4
        rows = max(1, _STRIP // width)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            data = cast("IO[bytes]", self.fd).read(stride * count)
            if len(data) < stride * count:
                raise OSError("image file is truncated")
            lanes = Image.frombytes(_LANES[bits], (width, count), data, "raw", _LANES[bits], stride, direction).split()
            strip = Image.merge(mode, [_channel(lanes, mask) for mask in masks[: len(mode)]])
            above = top if direction > 0 else height - top - count
            cast("Any", self.im).paste(strip.im, (0, above, width, above + count))
        return -1, 0


def _channel(lanes: Sequence[Image.Image], mask: int) -> Image.Image:
    """The bits of a mask, the upper eight of them, as 0 to 255."""
    shift = max((mask & -mask).bit_length() - 1, mask.bit_length() - 8, 0)
    most = max(mask >> shift, 1)
    found = Image.new("L", lanes[0].size)
    for number, lane in enumerate(lanes):
        bits = lane.point([(byte << 8 * number & mask) >> shift & 0xFF for byte in range(256)])
        found = ImageChops.add(found, bits)
    return found.point([min(value, most) * 255 // most for value in range(256)])


class _Runs(BmpRleDecoder):
    """Runs; where they stop before the picture does, the rest has the first colour."""

    def set_as_raw(self, data: bytes | bytearray, rawmode: str | None = None, extra: tuple[Any, ...] = ()) -> None:
        """Fill up what is missing."""
        super().set_as_raw(data.ljust(self.state.xsize * self.state.ysize, b"\0"), rawmode, extra)


Image.register_decoder("bmp_masks", _Masks)
Image.register_decoder("bmp_rle", _Runs)
