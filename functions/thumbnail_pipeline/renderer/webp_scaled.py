"""A WebP decoded at the size that is needed, by the libwebp that comes with Pillow.

Pillow decodes through the interface for animations: always at full size, into two canvases and two copies. libwebp
itself scales while it decodes, and then takes no more memory than the result. Where the library is not found, as in a
Pillow that was not installed from a wheel, Pillow decodes.

https://developers.google.com/speed/webp/docs/api#advanced_decoding_api
https://github.com/webmproject/libwebp/blob/main/src/webp/decode.h
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import PIL
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["available", "decoded"]

_ABI: Final = 0x0200  # libwebp refuses another major version, the upper byte
_RGB, _RGBA = 0, 1  # WEBP_CSP_MODE
_OUT_OF_MEMORY: Final = 1
_CUT_SHORT: Final = frozenset({5, 7})  # suspended for want of data, and not enough of it
_STATUS: Final = {2: "an invalid parameter", 3: "an error in the bitstream", 4: "an unsupported feature"}


class _Features(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("width", "height", "has_alpha", "has_animation", "format")),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Rgba(ctypes.Structure):
    _fields_ = (("rgba", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t))


class _Yuva(ctypes.Structure):
    _fields_ = (
        ("planes", ctypes.c_void_p * 4),
        ("strides", ctypes.c_int * 4),
        ("sizes", ctypes.c_size_t * 4),
    )


class _Pixels(ctypes.Union):
    _fields_ = (("rgba", _Rgba), ("yuva", _Yuva))


class _Buffer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("colorspace", "width", "height", "is_external_memory")),
        ("pixels", _Pixels),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("bypass_filtering", "no_fancy_upsampling", "use_cropping")),
        *((name, ctypes.c_int) for name in ("crop_left", "crop_top", "crop_width", "crop_height")),
        *((name, ctypes.c_int) for name in ("use_scaling", "scaled_width", "scaled_height")),
        *((name, ctypes.c_int) for name in ("use_threads", "dithering_strength", "flip", "alpha_dithering_strength")),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


def available() -> bool:
    """Whether the library is there, and is of the version that this is written for."""
    return _library() is not None


def decoded(data: bytes, size: tuple[int, int], *, alpha: bool) -> Image.Image:
    """The picture in the file `data`, at `size`, which is no larger than its own; RGBA with `alpha`, else RGB.

    Raises EOFError for what is cut short, MemoryError, and ValueError with what libwebp found wrong.
    """
    library = _library()
    config = _Config()
    if library is None or not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI):
        raise ValueError("libwebp is not there")
    width, height = size
    stride = width * (4 if alpha else 3)
    pixels = bytearray(stride * height)
    config.options.use_scaling = 1
    config.options.scaled_width, config.options.scaled_height = size
    config.output.colorspace = _RGBA if alpha else _RGB
    config.output.is_external_memory = 1
    rgba = config.output.pixels.rgba
    rgba.rgba = ctypes.addressof(ctypes.c_char.from_buffer(pixels))
    rgba.stride, rgba.size = stride, len(pixels)
    status = library.WebPDecode(data, len(data), ctypes.byref(config))
    if status == _OUT_OF_MEMORY:
        raise MemoryError
    if status in _CUT_SHORT:
        raise EOFError("the file is truncated")
    if status:
        raise ValueError(f"libwebp reports {_STATUS.get(status, status)}")
    mode = "RGBA" if alpha else "RGB"
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


@cache
def _library() -> ctypes.CDLL | None:
    """The one library in the folder that wheels keep theirs in: https://github.com/pypa/auditwheel"""
    found = list(Path(PIL.__file__).parents[1].glob("pillow.libs/libwebp-*.so*"))
    if len(found) != 1:
        return None
    try:
        library = ctypes.CDLL(str(found[0]))
        decode, prepare = library.WebPDecode, library.WebPInitDecoderConfigInternal
    except (OSError, AttributeError):
        return None
    decode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_Config))
    prepare.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library if _is_laid_out_alike(prepare) else None


def _is_laid_out_alike(prepare: Callable[[object, int], int]) -> bool:
    """Whether libwebp, which sets a configuration to zeros, takes it to be as long as we do, and us for compatible."""
    length, beyond = ctypes.sizeof(_Config), 64
    room = (ctypes.c_ubyte * (length + beyond))(*[0xFF] * (length + beyond))
    return bool(prepare(room, _ABI)) and bytes(room) == bytes(length) + b"\xff" * beyond
