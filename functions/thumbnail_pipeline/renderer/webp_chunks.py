"""What the chunks of a WebP say, and each of its frames as a file of its own.

https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.reading import Aside, Container, Cursor, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WebpCoding", "coding_of_webp", "container_of_webp"]

_HEADER: Final = 12  # RIFF, the length of all that follows, WEBP
_PICTURE: Final = frozenset({b"VP8 ", b"VP8L"})
_ALPHA_CHUNK: Final = b"ALPH"  # before the picture that it belongs to
_HINT_OF_ALPHA: Final = 0x10  # in the header of VP8L, above width and height
_MOST_CHUNKS: Final = 500_000
_ALPHA: Final = 0x10  # in the flags of VP8X
_UNBLENDED, _CLEAR = 2, 1  # in the flags of a frame


@dataclass(frozen=True)
class WebpCoding:
    """How the pixels of a WebP are coded, which decides what its decoder has to keep of them."""

    lossless: bool
    alpha: bool


def coding_of_webp(container: Container) -> WebpCoding:
    """How the still of this container is coded."""
    kinds = [bytes(part[:4]) for part in container.parts]
    if b"VP8L" in kinds:
        picture = container.parts[kinds.index(b"VP8L")]
        return WebpCoding(lossless=True, alpha=bool(picture[12] & _HINT_OF_ALPHA))
    return WebpCoding(lossless=False, alpha=_ALPHA_CHUNK in kinds)


def container_of_webp(source: bytes) -> Container:
    """The container. Raises EOFError for what has no picture, and ValueError for one whose header is none."""
    size: tuple[int, int] | None = None
    aside: dict[bytes, bytes] = {}
    still: list[bytes | memoryview] = []
    found, plays, first = 0, 0, None
    for kind, start, end in _chunks(source, _HEADER, len(source)):
        cursor = Cursor(source, start + 8, end, order="little")
        if kind == b"VP8X" and size is None and not still:
            cursor.skip(4)
            size = cursor.number(3) + 1, cursor.number(3) + 1
        elif kind == b"ANIM" and cursor.left >= 6:  # noqa: PLR2004 - background, and how often it plays
            cursor.skip(4)
            plays = cursor.number(2)
        elif kind == b"ANMF":
            found += 1
            if first is None:
                first = _frame(source, start, end)
        elif kind in _PICTURE | {_ALPHA_CHUNK} and (not still or bytes(still[-1][:4]) == _ALPHA_CHUNK != kind):
            still.append(memoryview(source)[start:end])
        elif kind in {b"ICCP", b"EXIF"}:
            aside.setdefault(kind, source[start + 8 : end])
    beside = Aside(aside.get(b"EXIF"), aside.get(b"ICCP"))
    if first is not None and not still:
        canvas = size or (first.box[2], first.box[3])
        box = None if first.box == (0, 0, *canvas) else first.box
        return Container(canvas, first.parts, beside, box, found, lambda: _play(source), extent=canvas, plays=plays)
    if not still and size is not None:
        return Container(size, (source,), beside)  # too large, or the decoder says what is wrong with it
    if not still:
        raise EOFError("the header is truncated")
    return Container(_picture_size(still), _file(still, _picture_size(still)), beside)


def _chunks(source: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The name of each chunk, and where it starts and ends; the last may be cut short."""
    cursor = Cursor(source, start, end, order="little")
    number = 0
    while cursor.left >= 8:  # noqa: PLR2004 - name and length
        number += 1
        if number > _MOST_CHUNKS:
            raise Permanent(Reason.CORRUPT, f"The WebP is cut into more than {_MOST_CHUNKS:,} chunks.")
        at = cursor.at
        kind, length = cursor.take(4), cursor.number(4)
        cursor.skip(min(length, cursor.left))
        yield kind, at, cursor.at
        cursor.skip(min(length & 1, cursor.left))


def _picture_size(parts: list[bytes | memoryview]) -> tuple[int, int]:
    """Width and height that the bitstream itself has."""
    picture = bytes(next((part[:18] for part in parts if bytes(part[:4]) in _PICTURE), b""))
    cursor = Cursor(picture, 8, order="little")
    if picture.startswith(b"VP8L"):
        cursor.skip(1)
        bits = cursor.number(4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    cursor.skip(6)
    return cursor.number(2) & 0x3FFF, cursor.number(2) & 0x3FFF


def _file(parts: list[bytes | memoryview], size: tuple[int, int]) -> tuple[bytes | memoryview, ...]:
    """A WebP of one picture, and of its alpha where that is a chunk of its own."""
    lossless = any(bytes(part[:4]) == b"VP8L" for part in parts)
    if lossless or len(parts) == 1:
        parts = parts[-1:]
    else:
        across, down = ((side - 1).to_bytes(3, "little") for side in size)
        parts = [b"VP8X\x0a\0\0\0" + bytes((_ALPHA, 0, 0, 0)) + across + down, *parts]
    padded = [piece for part in parts for piece in (part, b"\0" * (len(part) & 1))]
    return struct.pack("<4sI4s", b"RIFF", 4 + sum(map(len, padded)), b"WEBP"), *padded


def _play(source: bytes) -> Iterator[Frame]:
    for kind, start, end in _chunks(source, _HEADER, len(source)):
        if kind == b"ANMF":
            yield _frame(source, start, end)


def _frame(source: bytes, start: int, end: int) -> Frame:
    """A frame of an animation, out of its ANMF chunk."""
    cursor = Cursor(source, start + 8, end, order="little")
    left, top = 2 * cursor.number(3), 2 * cursor.number(3)
    size = cursor.number(3) + 1, cursor.number(3) + 1
    milliseconds, flags = cursor.number(3), cursor.number(1)
    parts: list[bytes | memoryview] = []
    for kind, at, until in _chunks(source, cursor.at, end):
        if kind in _PICTURE | {_ALPHA_CHUNK}:
            parts.append(memoryview(source)[at:until])
    if not parts or _picture_size(parts) != size:
        raise ValueError("a frame is not as large as it says")
    return Frame(
        (left, top, left + size[0], top + size[1]),
        _file(parts, size),
        milliseconds,
        not flags & _UNBLENDED,
        "clear" if flags & _CLEAR else "keep",
    )
