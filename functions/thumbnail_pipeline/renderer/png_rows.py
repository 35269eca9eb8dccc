"""A PNG of plain colour, decoded row by row and reduced on the way, by libspng where it is installed.

Pillow undoes the filters of a PNG one byte at a time, and keeps the whole picture. libspng undoes them with SIMD, and
hands out rows: a strip of them is reduced while it is in the cache. The pixels are identical, bit by bit. It is given
header and pixels alone, and whatever it does not like is decoded by Pillow instead.

The library comes inside the package `pyspng`, which exports its functions, and is not imported: that would take numpy.
https://libspng.org/docs/decode/
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.formats import Header

__all__ = ["reduced", "suits"]

_FORMATS: Final = {"RGB": 4, "RGBA": 1}  # SPNG_FMT_RGB8, SPNG_FMT_RGBA8
_PROGRESSIVE: Final = 256  # SPNG_DECODE_PROGRESSIVE: a row at a time
_LAST_ROW: Final = 75  # SPNG_EOI
_USE: Final = 2  # SPNG_CRC_USE: Pillow does not look at the checksum of pixels either
_STRIP: Final = 1 << 18  # pixels


def suits(header: Header) -> bool:
    """Whether `reduced` can decode this: eight bits of red, green and blue, with alpha or without, not interlaced."""
    png = header.png
    return png is not None and png.plain and header.mode in _FORMATS and _library() is not None


def reduced(header: Header, factor: int) -> Image.Image | None:
    """The mean of factor x factor pixels each, in RGB or, where anything shows through, in RGBA.

    None where libspng refuses the file: what is wrong with it is for Pillow to say.
    """
    library = _library()
    if library is None:
        return None
    data = b"".join(header.container.parts)
    context = library.spng_ctx_new(0)
    if not context:
        raise MemoryError
    try:
        library.spng_set_crc_action(context, _USE, _USE)
        if library.spng_set_png_buffer(context, data, len(data)) or library.spng_decode_image(
            context, None, 0, _FORMATS[header.mode], _PROGRESSIVE
        ):
            return None
        return _drawn(library, context, header, factor)
    finally:
        library.spng_ctx_free(context)


def _drawn(library: ctypes.CDLL, context: int, header: Header, factor: int) -> Image.Image | None:
    width, height, mode = header.width, header.height, header.mode
    row = width * len(mode)
    rows = factor * max(1, _STRIP // (width * factor))
    strip = bytearray(row * min(rows, height))
    start = ctypes.addressof(ctypes.c_char.from_buffer(strip))
    whole = Image.new(mode, (-(-width // factor), -(-height // factor)))
    opaque = True
    for top in range(0, height, rows):
        count = min(rows, height - top)
        for number in range(count):
            status = library.spng_decode_row(context, start + number * row, row)
            if status and not (status == _LAST_ROW and top + number + 1 == height):
                return None
        part = Image.frombytes(mode, (width, count), memoryview(strip)[: count * row])
        opaque = opaque and (mode == "RGB" or strip[3 : count * row : 4].count(0xFF) == count * width)
        whole.paste(part.reduce(factor) if factor > 1 else part, (0, top // factor))
    return whole.convert("RGB") if opaque and mode == "RGBA" else whole


@cache
def _library() -> ctypes.CDLL | None:
    found = find_spec("pyspng")
    folder = Path(found.origin).parent if found is not None and found.origin else None
    try:
        library = ctypes.CDLL(str(next(iter(folder.glob("_pyspng_c*.so"))))) if folder else None
        if library is not None:
            library.spng_ctx_new.restype = ctypes.c_void_p
            library.spng_ctx_free.argtypes = (ctypes.c_void_p,)
            library.spng_set_crc_action.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
            library.spng_set_png_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
            library.spng_decode_image.argtypes = (
                ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
            )  # fmt: skip
            library.spng_decode_row.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    except (OSError, AttributeError, StopIteration):
        return None
    return library
