"""Makes a thumbnail's bytes, and so its ETag, unlike any that were written before.

An ETag names content. Where an image goes back to earlier content, a worker that was overtaken long ago would find the
ETag it remembers, and would take the newer thumbnail for the one it may replace. A worker that replaces a thumbnail
therefore stamps its bytes with the fence, a number that the catalog never gives out twice for an image. Each format
has a place for it that decoders skip.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.settings import Format


def stamp(data: bytes, image_format: Format, number: int) -> bytes:
    """Return the encoded image `data` with `number` in it; what it shows stays the same."""
    return _STAMPERS[image_format](data, b"fence %d" % number)


def _jpeg(data: bytes, mark: bytes) -> bytes:
    # A COM segment behind the first one, for JFIF wants its own APP0 right after the start of the image.
    # https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.2.4.5
    (first_length,) = struct.unpack_from(">H", data, 4)
    behind_first = 4 + first_length
    comment = b"\xff\xfe" + struct.pack(">H", len(mark) + 2) + mark
    return data[:behind_first] + comment + data[behind_first:]


def _png(data: bytes, mark: bytes) -> bytes:
    # A tEXt chunk before IEND, which is the last 12 bytes. https://www.w3.org/TR/png-3/#11tEXt
    chunk = b"tEXtComment\0" + mark
    length, checksum = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return data[:-12] + length + chunk + checksum + data[-12:]


def _webp(data: bytes, mark: bytes) -> bytes:
    # An unknown chunk at the end, which readers must ignore; chunks are padded to an even length.
    # https://developers.google.com/speed/webp/docs/riff_container#unknown_chunks
    chunk = b"FENC" + struct.pack("<I", len(mark)) + mark + b"\0" * (len(mark) % 2)
    riff_size = struct.pack("<I", len(data) - 8 + len(chunk))
    return data[:4] + riff_size + data[8:] + chunk


def _avif(data: bytes, mark: bytes) -> bytes:
    # A box of type 'free' at the end: "content may be ignored". ISO/IEC 14496-12, 8.1.2
    return data + struct.pack(">I", len(mark) + 8) + b"free" + mark


def _gif(data: bytes, mark: bytes) -> bytes:
    # A comment extension before the trailer. https://www.w3.org/Graphics/GIF/spec-gif89a.txt, 24
    return data[:-1] + b"\x21\xfe" + bytes([len(mark)]) + mark + b"\0" + data[-1:]


_STAMPERS = {"jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _avif, "gif": _gif}
