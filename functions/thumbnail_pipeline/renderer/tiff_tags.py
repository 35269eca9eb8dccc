"""The first directory of a TIFF, without the tags that nobody can read.

Where a value lies beyond the end of the file, Pillow stops to read the directory, and the tags that follow are lost
with it. Those that the pixels need are left for the decoder to judge.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.renderer.reading import Aside, Container, Cursor

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["container_of_tiff"]

_BIG: Final = 43  # BigTIFF has 8 bytes where TIFF has 4: https://www.awaresystems.be/imaging/tiff/bigtiff.html
_BYTES: Final = {
    **dict.fromkeys((1, 2, 6, 7), 1), **dict.fromkeys((3, 8), 2), **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}  # fmt: skip
_OF_PIXELS: Final = frozenset(
    {
        *range(254, 260),
        262,
        266,
        273,
        274,
        *range(277, 280),
        284,
        292,
        293,
        317,
        *range(320, 326),
        332,
        *range(336, 342),
    }
    | {347, *range(512, 522), *range(529, 533)}
)


def container_of_tiff(source: bytes) -> Container:
    """The container; the size is for the decoder to tell, and so is what is wrong with a directory."""
    order: Literal["big", "little"] = "little" if source.startswith(b"II") else "big"
    try:
        cursor = Cursor(source, 2, order=order)
        big = cursor.number(2) == _BIG
        cursor.skip(4 if big else 0)
        width = 8 if big else 4
        head = source[: cursor.at]
        directory = Cursor(source, cursor.number(width), order=order)
        count = directory.number(8 if big else 2)
    except EOFError:
        return Container((0, 0), (source,))
    kept, notes = [], []
    for _ in range(min(count, directory.left // (4 + 2 * width))):
        entry = Cursor(directory.take(4 + 2 * width), order=order)
        tag, kind, values, place = entry.number(2), entry.number(2), entry.number(width), entry.number(width)
        length = _BYTES.get(kind, 0) * values
        if length <= width or place + length <= len(source) or tag in _OF_PIXELS:
            kept.append(entry.source)
        else:
            notes.append(f"The tag {tag} was ignored: it reaches beyond the end of the file.")
    if not notes:
        return Container((0, 0), (source,))
    rest = memoryview(source)[len(head) + width :]
    end = len(kept).to_bytes(8 if big else 2, order) + b"".join(kept) + bytes(width)
    padding = bytes(len(source) % 2)  # a directory begins at a word
    parts = head + (len(source) + len(padding)).to_bytes(width, order), rest, padding + end
    return Container((0, 0), parts, Aside(notes=tuple(notes)))
