"""Containers written by hand, for what no encoder writes: any bit depth, any chunk, any frame."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

GREY, RGB, PALETTE = 0, 2, 3
PNG = b"\x89PNG\r\n\x1a\n"
IEND = b"\0\0\0\0IEND\xaeB`\x82"


def chunk(kind: bytes, body: bytes, *, crc: int | None = None, length: int | None = None) -> bytes:
    """A chunk of a PNG; with the wrong checksum or length if one is given."""
    checksum = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body) if length is None else length) + kind + body + struct.pack(">I", checksum)


def png(
    rows: Sequence[Sequence[int]], bits: int, colours: int, *, before: bytes = b"", after: bytes = b"", size: int = 0
) -> bytes:
    """A PNG of these samples, with other chunks before and after its pixels."""
    width = size or len(rows[0]) // (3 if colours == RGB else 1)
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colours, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels(rows, bits)) + after + IEND


def pixels(rows: Sequence[Sequence[int]], bits: int) -> bytes:
    """What IDAT holds: the samples of each row in as few bytes as they take, without a filter."""
    packed = b"".join(b"\0" + _packed(row, bits) for row in rows)
    return zlib.compress(packed)


def _packed(row: Sequence[int], bits: int) -> bytes:
    text = "".join(f"{value:0{bits}b}" for value in row)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def gif_frame(
    picture: Image.Image, at: tuple[int, int] = (0, 0), *, disposal: int = 0, clear: int | None = None
) -> bytes:
    """A frame of a GIF: its indices, its own palette, and how it is disposed of."""
    data = _gif_data(picture)
    control = bytes((disposal << 2 | (clear is not None), 4, 0, clear or 0))
    colours = bytes(picture.getpalette() or ())[:12].ljust(12, b"\0")
    head = b"!\xf9\x04" + control + b"\0," + struct.pack("<HHHHB", *at, *picture.size, 0x81)
    return head + colours + data


def _gif_data(picture: Image.Image) -> bytes:
    """LZW without compression: a code to clear the table before every pixel. Codes have four bits of 3 + 1."""
    codes = [code for index in picture.tobytes() for code in (8, index)] + [9]
    data = bytes((codes[at] | (codes[at + 1] << 4 if at + 1 < len(codes) else 0)) for at in range(0, len(codes), 2))
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"\x03" + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def gif(size: tuple[int, int], *frames: bytes, loop: int | None = None, background: int = 0) -> bytes:
    """A GIF with this screen, a global palette of blue and yellow, and these frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, background, 0) + b"\0\0\xff\xff\xff\0"
    repeats = b"" if loop is None else b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0"
    return head + repeats + b"".join(frames) + b";"


def tiff(
    size: tuple[int, int],
    strips: Sequence[bytes],
    *,
    order: Literal["<", ">"] = "<",
    **tags: int | Sequence[int],
) -> bytes:
    """An uncompressed TIFF; tags by their numbers, such as `t262=1`, all of them in 16 bits."""
    data = b"".join(strips)
    entries: dict[int, tuple[str, Sequence[int]]] = {
        256: ("H", (size[0],)),
        257: ("H", (size[1],)),
        259: ("H", (1,)),
        273: ("I", [8 + sum(map(len, strips[:index])) for index in range(len(strips))]),
        278: ("H", (size[1],)),
        279: ("I", [len(strip) for strip in strips]),
    }
    for name, value in tags.items():
        entries[int(name[1:])] = ("H", (value,) if isinstance(value, int) else tuple(value))
    start = 8 + len(data)
    values = start + 2 + 12 * len(entries) + 4
    directory, beyond = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(packed) > 4:
            place = struct.pack(order + "I", values + len(beyond))
            beyond += packed
        else:
            place = packed.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[kind], len(numbers)) + place
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "I", start) + data + directory + bytes(4) + beyond


def grown(source: bytes, path: Sequence[bytes], more: bytes) -> bytes:
    """An AVIF or HEIF with these bytes at the end of the box that is reached by these names."""
    start, end, lengths = 0, len(source), []
    for name in path:
        at = source.index(name, start, end) - 4
        lengths.append(at)
        start, end = at + 8, at + int.from_bytes(source[at : at + 4], "big")
    out = bytearray(source[:end] + more + source[end:])
    for at in lengths:
        out[at : at + 4] = (int.from_bytes(out[at : at + 4], "big") + len(more)).to_bytes(4, "big")
    return bytes(out)


def bitmap(
    size: tuple[int, int],
    bits: int,
    pixels: bytes,
    masks: Sequence[int] = (),
    *,
    compression: int = 0,
    colours: int = 0,
) -> bytes:
    """A BMP with these rows, the last one first, or these runs, and a palette of grey; masks are in a V4 header."""
    length = 108 if masks else 40
    palette = b"".join(bytes((n, n, n, 0)) for n in range(0, 256, max(1, 256 // colours))) if colours else b""
    header = struct.pack("<IiiHHIIiiII", length, *size, 1, bits, compression, len(pixels), 0, 0, colours, 0)
    header = (header + struct.pack(f"<{len(masks)}I", *masks)).ljust(length, b"\0") + palette
    start = 14 + len(header)
    return b"BM" + struct.pack("<IxxxxI", start + len(pixels), start) + header + pixels


def box(kind: bytes, body: bytes) -> bytes:
    """A box of a HEIF."""
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_properties(source: bytes, *boxes: bytes) -> bytes:
    """A HEIF whose primary item, the first that has properties, has these as well.

    The new meta box comes last, and the old one becomes free space: so nothing that it points to moves.
    """
    start = source.index(b"meta") - 4
    length = int.from_bytes(source[start : start + 4], "big")
    meta, added = bytearray(source[start : start + length]), b"".join(boxes)
    inner, names = meta.index(b"ipco") + 4, 0
    end = inner - 8 + int.from_bytes(meta[inner - 8 : inner - 4], "big")
    at = inner
    while at < end:
        at, names = at + int.from_bytes(meta[at : at + 4], "big"), names + 1
    entry = meta.index(b"ipma") + 4 + 4 + 4 + 2  # after version, flags, count of items and the first item
    numbers = bytes(0x80 | names + 1 + index for index in range(len(boxes)))
    at = entry + 1 + meta[entry]
    meta[at:at] = numbers
    meta[entry] += len(boxes)
    meta[end:end] = added
    for kind, more in (
        (b"meta", len(added + numbers)),
        (b"iprp", len(added + numbers)),
        (b"ipco", len(added)),
        (b"ipma", len(numbers)),
    ):
        place = meta.index(kind) - 4
        meta[place : place + 4] = struct.pack(">I", int.from_bytes(meta[place : place + 4], "big") + more)
    rest = source[start + length :]
    return source[:start] + box(b"free", bytes(length - 8)) + rest + bytes(meta)
