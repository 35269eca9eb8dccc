"""What the chunks of a PNG say, and the file with none but those that its pixels need.

Decoders refuse a whole picture for a text that is too long or a resolution that is summed up wrongly. Here a chunk that
is broken costs itself: only the header, the palette and the pixels can fail.

PNG, third edition: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.reading import Aside, Container, Cursor, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PngHeader", "container_of_png"]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_ANCILLARY: Final = 0x20  # in the first letter of a chunk's name: the picture can do without it
_MOST_CHUNKS: Final = 500_000
_LARGEST_PROFILE: Final = 8 << 20  # bytes once inflated; the profiles of printing presses have 2 to 3 million
_LARGEST_TEXT: Final = 1 << 20  # bytes of all texts once inflated
_MOST_DEFLATED: Final = 1032  # bytes that one deflated byte can stand for
_GREY, _RGB, _PALETTE, _RGB_ALPHA = 0, 2, 3, 6
_BYTE, _DEEP = 8, 16
_CLEAR, _RESTORE = 1, 2  # how a frame is disposed of: https://www.w3.org/TR/png-3/#fcTL-chunk


@dataclass(frozen=True)
class PngHeader:
    """The fields of IHDR that decide how a pixel is read, and the colour that tRNS makes transparent.

    clear  as stored, one value a channel; of a palette the alpha of each entry
    """

    bits: int
    colours: int
    interlaced: bool
    clear: tuple[int, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether a pixel is one byte a channel, and nothing else says how it looks."""
        return self.bits == _BYTE and not self.interlaced and not self.clear and self.colours in {_RGB, _RGB_ALPHA}

    @property
    def exact(self) -> bool:
        """Whether the transparent colour has more bits than a decoder keeps, so that both halves must be compared."""
        return bool(self.clear) and self.bits == _DEEP and self.colours == _RGB

    @property
    def transparency(self) -> int | bytes | tuple[int, ...] | None:
        """Pillow's `transparency` for the pixels that it decodes; it takes tRNS as it is, whatever the bits."""
        if not self.clear or self.exact:
            return None
        if self.colours == _PALETTE:
            return bytes(self.clear)
        if self.bits < 8:  # noqa: PLR2004 - decoded to the full range of a byte
            return self.clear[0] * 255 // ((1 << self.bits) - 1)
        return self.clear[0] if self.colours == _GREY else self.clear


@dataclass
class _Found:
    """What a walk over the chunks collects."""

    header: bytes = b""
    palette: bytes = b""
    clear: bytes = b""
    exif: bytes | None = None
    profile: bytes | None = None
    notes: list[str] = field(default_factory=list)
    pixels: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    plays: int = 0
    apart: bool = True
    inflated: int = 0


def container_of_png(source: bytes) -> tuple[Container, PngHeader]:
    """The container, and how its pixels are stored.

    Raises Permanent for what is cut into shreds, EOFError and ValueError for a header that cannot be read.
    """
    found = _walk(source)
    cursor = Cursor(found.header)
    size = cursor.number(4), cursor.number(4)
    bits, colours = cursor.number(1), cursor.number(1)
    cursor.skip(2)  # the one compression, and the one kind of filter
    interlaced = cursor.number(1) != 0
    still = _still(found, found.header, [memoryview(source)[start:end] for start, end in found.pixels])
    clear = _clear(found, bits, colours)
    container = Container(
        size,
        still,
        Aside(found.exif, found.profile, tuple(found.notes)),
        frames=max(1, found.frames),
        play=lambda: _play(source, found),
        extent=size,
        plays=found.plays,
        apart=found.apart and found.frames > 0,
    )
    return container, PngHeader(bits, colours, interlaced, clear)


def _walk(source: bytes) -> _Found:
    """Read the chunks from front to back. Those of the pixels are merely noted, as spans of the file."""
    found = _Found()
    for kind, start, end in _chunks(source):
        body = slice(start + 8, end - 4)
        match kind:
            case b"IHDR" if not found.header:
                found.header = source[body]
                if _checksum(source, start, end) != source[end - 4 : end]:
                    raise ValueError("the checksum of its header is wrong")
            case b"PLTE":
                found.palette = source[start:end]
            case b"IDAT":
                if found.pixels and found.pixels[-1][1] == start:
                    found.pixels[-1] = (found.pixels[-1][0], end)
                else:
                    found.pixels.append((start, end))
            case b"IEND" | b"fdAT":
                pass
            case _:
                note = _aside(kind, source, start, end, found)
                found.notes += [f"The chunk {kind.decode('ascii')} was ignored: {note}."] if note else []
    if not found.header:
        raise EOFError("the header is truncated")
    return found


def _chunks(source: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, and where it starts and ends; the last may be cut short."""
    cursor = Cursor(source, len(_SIGNATURE))
    number, pixels = 0, False
    while cursor.left >= 8:  # noqa: PLR2004 - length and name
        start = cursor.at
        length, kind = cursor.number(4), cursor.take(4)
        if not kind.isalpha():
            if pixels:  # whether all of them are there is for the decoder to say
                return
            raise ValueError("the bytes between its chunks are no chunk")
        number += 1
        if number > _MOST_CHUNKS:
            raise Permanent(Reason.CORRUPT, f"The PNG is cut into more than {_MOST_CHUNKS:,} chunks.")
        cursor.skip(min(length + 4, cursor.left))
        pixels = pixels or kind == b"IDAT"
        yield kind, start, cursor.at
        if kind == b"IEND":
            return


def _aside(kind: bytes, source: bytes, start: int, end: int, found: _Found) -> str | None:
    """Take from a chunk what is of use; the reason why it is of none, if it is broken.

    Raises what the walk does for a chunk that the pixels need.
    """
    if kind == b"CgBI":
        raise Permanent(Reason.UNSUPPORTED_FORMAT, "The PNG is of the kind that only iOS reads (CgBI).")
    if not kind[0] & _ANCILLARY:
        raise ValueError(f"the chunk {kind.decode('ascii')} is needed to decode it, and not known")
    body = source[start + 8 : end - 4]
    if int.from_bytes(source[start : start + 4], "big") != len(body):
        return "it is truncated"
    if _checksum(source, start, end) != source[end - 4 : end]:
        return "its checksum is wrong"
    match kind:
        case b"tRNS" if not found.pixels:
            found.clear = body
        case b"eXIf" if not found.pixels:
            found.exif = body
        case b"iCCP" if not found.pixels:
            return _profile(body, found)
        case b"acTL" if not found.pixels:
            if len(body) != 8:  # noqa: PLR2004 - frames and plays
                return "it is short"
            found.frames, found.plays = struct.unpack(">II", body)
        case b"fcTL" if not found.pixels:
            found.apart = False
        case b"pHYs" if len(body) != 9:  # noqa: PLR2004 - across, down, unit
            return "it is short"
        case b"zTXt" | b"iTXt":
            return _text(kind, body, found)
    return None


def _text(kind: bytes, body: bytes, found: _Found) -> str | None:
    """Why a text is of no use to anybody. Nothing here reads it, and nothing long is inflated to judge it."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return None
        rest = rest[1:2] + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if rest[:1] != b"\0":
        return "its compression is unknown"
    room = _LARGEST_TEXT - found.inflated
    if len(rest) * _MOST_DEFLATED < room:
        return None
    try:
        found.inflated += len(zlib.decompressobj().decompress(rest[1:], max(1, room)))
    except zlib.error:
        return "it cannot be inflated"
    return "it is too large" if found.inflated >= _LARGEST_TEXT else None


def _checksum(source: bytes, start: int, end: int) -> bytes:
    """What the last four bytes of a chunk have to be."""
    return zlib.crc32(source[start + 4 : end - 4]).to_bytes(4, "big")


def _profile(body: bytes, found: _Found) -> str | None:
    """The colour profile of an iCCP chunk: a name, a zero, the method zero, and a deflated profile."""
    _, zero, rest = body.partition(b"\0")
    if not zero or rest[:1] != b"\0":
        return "its compression is unknown"
    inflating = zlib.decompressobj()
    try:
        found.profile = inflating.decompress(rest[1:], _LARGEST_PROFILE)
    except zlib.error:
        return "it cannot be inflated"
    if not inflating.eof:
        found.profile = None
        return "it cannot be inflated" if not inflating.unconsumed_tail else "it is too large"
    return None


def _clear(found: _Found, bits: int, colours: int) -> tuple[int, ...]:
    """What tRNS says, held against the palette and the bits of a channel; broken, it is left out with a note."""
    if not found.clear or colours not in {_GREY, _RGB, _PALETTE}:
        return ()
    if colours == _PALETTE:
        fits = len(found.clear) <= len(found.palette[8:-4]) // 3
        values = tuple(found.clear)
    else:
        count = 3 if colours == _RGB else 1
        fits = len(found.clear) == 2 * count
        values = struct.unpack(f">{count}H", found.clear) if fits else ()
        values = tuple(value & ((1 << bits) - 1) for value in values)
    if not fits:
        found.notes.append("The chunk tRNS was ignored: its length is wrong.")
    return values if fits else ()


def _still(
    found: _Found, header: bytes, pixels: list[bytes | memoryview] | list[memoryview]
) -> tuple[bytes | memoryview, ...]:
    """A PNG of nothing but header, palette and pixels. No decoder here looks at the checksum of pixels."""
    return _SIGNATURE, _chunk(b"IHDR", header), found.palette, *pixels, _END


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _play(source: bytes, found: _Found) -> Iterator[Frame]:
    """The frames of an animated PNG, each as a PNG of its own."""
    control: bytes | None = None
    pixels: list[bytes | memoryview] = []
    for kind, start, end in _chunks(source):
        body = memoryview(source)[start + 8 : end - 4]
        if kind in {b"fcTL", b"IEND"}:
            if control is not None:
                yield _frame(found, control, pixels)
            control, pixels = bytes(body), []
        elif kind == b"IDAT" and control is not None:
            pixels.append(memoryview(source)[start:end])
        elif kind == b"fdAT" and len(body) >= 4:  # noqa: PLR2004 - its place in the sequence
            pixels += [struct.pack(">I", len(body) - 4) + b"IDAT", body[4:], b"\0\0\0\0"]


def _frame(found: _Found, control: bytes, pixels: list[bytes | memoryview]) -> Frame:
    """A frame by its fcTL: https://www.w3.org/TR/png-3/#fcTL-chunk"""
    cursor = Cursor(control, 4)
    width, height, left, top = (cursor.number(4) for _ in range(4))
    delay, parts = cursor.number(2), cursor.number(2) or 100
    disposal, blends = cursor.number(1), cursor.number(1) == 1
    canvas = struct.unpack(">II", found.header[:8])
    if not width or not height or left + width > canvas[0] or top + height > canvas[1]:
        raise ValueError("a frame lies outside of the picture")
    return Frame(
        (left, top, left + width, top + height),
        _still(found, struct.pack(">II", width, height) + found.header[8:], pixels),
        round(1000 * delay / parts),
        blends,
        "clear" if disposal == _CLEAR else "restore" if disposal == _RESTORE else "keep",
    )
