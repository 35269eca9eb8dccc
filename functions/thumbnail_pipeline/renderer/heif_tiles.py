"""A HEIF decoded tile by tile and made smaller on the way, by the libheif that comes with pi-heif.

Phones store a picture as a grid of small ones. pi-heif asks for the whole, which libheif puts together in planes,
converts, and hands over for two more copies: twelve bytes a pixel. Asked for one tile at a time, it never holds more
than that tile, and each row of tiles is reduced as soon as it is there. The pixels are identical, bit by bit.

https://github.com/strukturag/libheif/blob/master/libheif/api/libheif/heif_tiling.h
"""

from __future__ import annotations

import ctypes
import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.formats import Header

__all__ = ["decoded", "strip_rows", "suits"]

_OLDEST: Final = 0x01170000  # 1.23: before, a grid that refers to no item ended the process
_NEXT: Final = 0x02000000  # another major version may lay out its structures otherwise
_RGB, _INTERLEAVED_RGB, _INTERLEAVED = 1, 10, 10  # heif_colorspace, heif_chroma, heif_channel
_SUPPORT: Final = 2  # rows that the bicubic filter reaches up and down, of what it draws
_OUT_OF_MEMORY: Final = (6, 0)  # heif_error_Memory_allocation_error, without a limit that says why


class _Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p))


class _Tiling(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        *((name, ctypes.c_uint32) for name in ("columns", "rows", "tile_width", "tile_height", "width", "height")),
        *((name, ctypes.c_uint32) for name in ("top_offset", "left_offset")),
        ("extra_dimensions", ctypes.c_uint8),
        ("extra_sizes", ctypes.c_uint32 * 8),
    )


class _Options(ctypes.Structure):  # the beginning of it; later versions have more behind
    _fields_ = (
        ("version", ctypes.c_uint8),
        ("ignore_transformations", ctypes.c_uint8),
        ("progress", ctypes.c_void_p * 4),
        ("convert_hdr_to_8bit", ctypes.c_uint8),
    )


_FUNCTIONS: Final = {
    "heif_get_version_number": (ctypes.c_uint32,),
    "heif_context_alloc": (ctypes.c_void_p,),
    "heif_context_free": (None, ctypes.c_void_p),
    "heif_context_read_from_memory_without_copy": (
        _Error, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
    ),
    "heif_context_get_primary_image_handle": (_Error, ctypes.c_void_p, ctypes.c_void_p),
    "heif_decoding_options_alloc": (ctypes.POINTER(_Options),),
    "heif_decoding_options_free": (None, ctypes.POINTER(_Options)),
    "heif_image_handle_get_image_tiling": (_Error, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Tiling)),
    "heif_image_handle_decode_image_tile": (
        _Error, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.POINTER(_Options),
        ctypes.c_uint32, ctypes.c_uint32,
    ),
    "heif_image_handle_release": (None, ctypes.c_void_p),
    "heif_image_get_width": (ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
    "heif_image_get_height": (ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
    "heif_image_get_plane_readonly": (
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int),
    ),
    "heif_image_release": (None, ctypes.c_void_p),
}  # fmt: skip


def suits(header: Header) -> bool:
    """Whether `decoded` can decode this: a grid in colour without alpha, laid out in the usual way."""
    return header.heif is not None and header.heif.tile is not None and header.mode == "RGB" and _library() is not None


def strip_rows(height: int, drawn: int, factor: int, tile: int) -> int:
    """How many rows are held: those of a row of tiles, and those before that lie beside what is not drawn yet."""
    return tile + max(factor, math.ceil(2 * _SUPPORT * height / drawn) + 4)


def decoded(source: bytes, header: Header, size: tuple[int, int], factor: int) -> Image.Image:
    """The picture as stored, before any turn, at `size`: the mean of factor x factor pixels each, if that is not 1.

    Raises MemoryError, and ValueError with what libheif found wrong.
    """
    library, coding = _library(), header.heif
    if library is None or coding is None or coding.tile is None:
        raise ValueError("libheif is not there")
    context, options = library.heif_context_alloc(), library.heif_decoding_options_alloc()
    handle = ctypes.c_void_p()
    try:
        options.contents.ignore_transformations = options.contents.convert_hdr_to_8bit = 1
        _check(library.heif_context_read_from_memory_without_copy(context, source, len(source), None))
        _check(library.heif_context_get_primary_image_handle(context, ctypes.byref(handle)))
        tiling = _Tiling()
        _check(library.heif_image_handle_get_image_tiling(handle, 0, tiling))
        width, height = header.container.size
        across, down = coding.tile
        columns, rows = -(-width // max(1, across)), -(-height // max(1, down))
        if (
            (tiling.width, tiling.height, tiling.tile_width, tiling.tile_height) != (width, height, across, down)
            or tiling.columns < columns
            or tiling.rows < rows
        ):
            raise ValueError("it is not made of the tiles that it says")
        shrunk = _Shrunk((width, height), size, factor, down)
        for row in range(rows):
            for column in range(columns):
                tile = ctypes.c_void_p()
                _check(
                    library.heif_image_handle_decode_image_tile(
                        handle, ctypes.byref(tile), _RGB, _INTERLEAVED_RGB, options, column, row
                    )
                )
                try:
                    shrunk.put(_picture(library, tile, coding.tile), column * across)
                finally:
                    library.heif_image_release(tile)
            shrunk.draw(min(down, height - row * down))
        return shrunk.whole
    finally:
        library.heif_image_handle_release(handle)
        library.heif_decoding_options_free(options)
        library.heif_context_free(context)


class _Shrunk:
    """A picture of `size` pixels, drawn from strips of a larger one that come from top to bottom.

    The strip keeps the last rows of what came before: those that lie beside an edge of what is drawn next.
    """

    def __init__(self, source: tuple[int, int], size: tuple[int, int], factor: int, tile: int) -> None:
        self.whole = Image.new("RGB", size)
        self._source = source
        self._factor = factor
        self._step = source[1] / size[1]  # rows for each row that is drawn
        self._kept, self._top, self._drawn = 0, 0, 0
        self._strip = Image.new("RGB", (source[0], strip_rows(source[1], size[1], factor, tile)))

    def put(self, part: Image.Image, left: int) -> None:
        """Lay a part of the next rows at its place."""
        self._strip.paste(part, (left, self._kept))

    def draw(self, rows: int) -> None:
        """Draw what can be drawn, now that so many more rows are there."""
        width, height = self._source
        bottom = self._top + self._kept + rows
        if self._factor > 1:
            until = self.whole.height if bottom == height else bottom // self._factor
            begin = until * self._factor
            if until > self._drawn:
                box = 0, 0, width, min(begin, height) - self._top
                self.whole.paste(self._strip.reduce(self._factor, box), (0, self._drawn))
        else:
            # A row is drawn from those whose centres are no further from its own than the filter reaches.
            until = self.whole.height if bottom == height else int((bottom - 1) / self._step - _SUPPORT + 0.5)
            until = max(self._drawn, until)
            begin = max(self._top, int((until - _SUPPORT + 0.5) * self._step) - 1)
            if until > self._drawn:
                edges = self._drawn * self._step - self._top, until * self._step - self._top
                # The filter would reach beyond the box, into what is left there of rows before.
                strip = self._strip.crop((0, 0, width, bottom - self._top)) if bottom == height else self._strip
                part = strip.resize(
                    (self.whole.width, until - self._drawn), Image.Resampling.BICUBIC, (0, edges[0], width, edges[1])
                )
                self.whole.paste(part, (0, self._drawn))
        begin = min(begin, bottom)
        self._strip.paste(self._strip.crop((0, begin - self._top, width, bottom - self._top)), (0, 0))
        self._kept, self._top, self._drawn = bottom - begin, begin, until


def _picture(library: ctypes.CDLL, tile: ctypes.c_void_p, size: tuple[int, int]) -> Image.Image:
    """A decoded tile as a picture of its own."""
    found = tuple(get(tile, _INTERLEAVED) for get in (library.heif_image_get_width, library.heif_image_get_height))
    stride = ctypes.c_int()
    start = library.heif_image_get_plane_readonly(tile, _INTERLEAVED, stride)
    if found != size or not start or stride.value < size[0] * 3:
        raise ValueError("a tile of it is not as large as it says")
    pixels = ctypes.string_at(start, stride.value * size[1])
    return Image.frombuffer("RGB", size, pixels, "raw", "RGB", stride.value, 1)


def _check(error: _Error) -> None:
    if (error.code, error.subcode) == _OUT_OF_MEMORY:
        raise MemoryError
    if error.code:
        raise ValueError((error.message or b"libheif does not say why").decode("utf-8", "replace"))


@cache
def _library() -> ctypes.CDLL | None:
    """The one library in the folder that wheels keep theirs in: https://github.com/pypa/auditwheel"""
    found = find_spec("pi_heif")
    folder = Path(found.origin).parents[1] if found is not None and found.origin else None
    libraries = list(folder.glob("pi_heif.libs/libheif-*.so*")) if folder else []
    if len(libraries) != 1:
        return None
    try:
        library = ctypes.CDLL(str(libraries[0]))
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library if _OLDEST <= library.heif_get_version_number() < _NEXT else None
