"""What the blocks of a GIF say, and each of its frames as a file of its own.

Decoders disagree about what is seen where no frame has drawn, and Pillow fills it with a colour. Browsers leave it
transparent, and so do we: a decoder only ever sees a picture that is all of its screen.

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.reading import Container, Cursor, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["container_of_gif"]

_BLOCK: Final = re.compile(rb"[!,;]")  # an extension, a frame, the end; decoders skip what is none of them
_MOST_BLOCKS: Final = 2_000_000  # 255 bytes each in files that people make
_FRAME, _CONTROL, _APPLICATION = 0x2C, 0xF9, 0xFF
_CLEAR, _RESTORE = 2, 3  # how a frame is disposed of; some encoders write 4 for 3
_LOOP: Final = re.compile(rb"\x0b(?:NETSCAPE2\.0|ANIMEXTS1\.0)\x03\x01(..)", re.DOTALL)


def container_of_gif(source: bytes) -> Container:
    """The container. Raises Permanent for what is cut into shreds, and EOFError for what has no frame."""
    screen = _Screen(source)
    size = extent = screen.size
    frames, first = 0, None
    for frame in screen.frames():
        extent = max(extent[0], frame.box[2]), max(extent[1], frame.box[3])
        frames += 1
        if first is None:
            first, size = frame, extent  # decoders grow the screen for a first frame that reaches beyond it
    if first is None:
        raise EOFError("it has no frame")
    box = None if first.box == (0, 0, *size) else first.box
    return Container(size, first.parts, box=box, frames=frames, play=screen.frames, extent=extent, plays=screen.plays)


class _Screen:
    """The screen that the header declares, and a walk over the blocks that follow."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        cursor = Cursor(source, 6, order="little")
        self.size = cursor.number(2), cursor.number(2)
        flags = cursor.number(1)
        cursor.skip(2)
        self._table = (flags & 0x87, cursor.take(min(_table(flags), cursor.left)))
        self._start = cursor.at
        # A count of N asks for N repeats, and none for one play: as browsers have it.
        # https://web.archive.org/web/20180620143135/http://www.vurdalakov.net/misc/gif/netscape-looping-application-extension
        self.plays = 1

    def frames(self) -> Iterator[Frame]:
        """The frames one by one, and how often they are played once the walk is over."""
        source, at, blocks = self._source, self._start, 0
        control = bytes(4)
        while (found := _BLOCK.search(source, at)) is not None and found.group() != b";":
            cursor = Cursor(source, found.start() + 1, order="little")
            start = cursor.at
            try:
                label = cursor.number(1)
                if found.group() == b",":
                    cursor.skip(8)
                    cursor.skip(min(_table(source[cursor.at - 1]) + 1, cursor.left))
                elif label == _CONTROL and cursor.left > 4:  # noqa: PLR2004 - its length, and what it controls
                    control = source[cursor.at + 1 : cursor.at + 5]
                elif label == _APPLICATION and (loop := _LOOP.match(source, cursor.at)) is not None:
                    count = int.from_bytes(loop.group(1), "little")
                    self.plays = count + 1 if count else 0
            except EOFError:
                return
            at = cursor.at
            while at < len(source) and source[at]:
                at += 1 + source[at]
                blocks += 1
                if blocks > _MOST_BLOCKS:
                    raise Permanent(Reason.CORRUPT, f"The GIF is cut into more than {_MOST_BLOCKS:,} blocks.")
            at += 1
            blocks += 1
            if found.group() == b",":
                yield self._frame(control, start, min(at, len(source)))
                control = bytes(4)

    def _frame(self, control: bytes, start: int, end: int) -> Frame:
        """A frame, whose descriptor begins at `start` and whose last block ends at `end`."""
        cursor = Cursor(self._source, start, order="little")
        left, top, width, height = (cursor.number(2) for _ in range(4))
        if not width or not height:  # as browsers have it
            width, height = self.size
        flags, table = self._table
        whole = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        disposal = control[0] >> 2 & 7
        return Frame(
            (left, top, left + width, top + height),
            (
                b"GIF89a" + whole + bytes((flags, 0, 0)) + table,
                b"!\xf9\x04" + control + b"\0" if control[0] & 1 else b"",
                b",\0\0\0\0" + whole,
                memoryview(self._source)[start + 8 : end],
                b";",
            ),
            int.from_bytes(control[1:3], "little") * 10,
            blends=True,
            disposal="clear" if disposal == _CLEAR else "keep" if disposal < _CLEAR else "restore",
        )


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
