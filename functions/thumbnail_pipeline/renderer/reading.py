"""The one way in which the renderer reads a container: bounded, so that no file can point a parser beyond its end.

`Cursor` reads numbers and bytes, `Pieces` shows a decoder a file with something left out, without a copy of the rest.
What is not needed to decode the pixels never reaches a decoder: it is read here first, and broken, it costs itself.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Aside", "Container", "Cursor", "Frame", "Pieces"]


class Cursor:
    """A place in `source` that moves forward, no further than `end`.

        cursor = Cursor(source, 8)
        length, kind = cursor.number(4), cursor.take(4)

    What lies beyond the end of the file is EOFError, for bytes are missing; beyond the end of the part that is read it
    is ValueError, for the bytes are wrong.
    """

    def __init__(
        self, source: bytes, at: int = 0, end: int | None = None, order: Literal["big", "little"] = "big"
    ) -> None:
        self.source = source
        self.at = at
        self.end = len(source) if end is None else min(end, len(source))
        self.order = order

    @property
    def left(self) -> int:
        """How many bytes there are from here to the end."""
        return max(0, self.end - self.at)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.at
        self.skip(count)
        return self.source[start : self.at]

    def number(self, count: int) -> int:
        """The next `count` bytes as a number without a sign."""
        return int.from_bytes(self.take(count), self.order)

    def skip(self, count: int) -> None:
        """Move on by `count` bytes."""
        if count > self.left:
            if self.end == len(self.source):
                raise EOFError("the file is truncated")
            raise ValueError("a part of the file reaches beyond what holds it")
        self.at += count


class Pieces(io.RawIOBase):
    """A file that is made of other bytes, one after the other."""

    def __init__(self, parts: Iterable[bytes | memoryview]) -> None:
        self._parts = [memoryview(part) for part in parts if len(part)]
        self._starts = [0, *accumulate(len(part) for part in self._parts)]
        self._at = 0

    def __len__(self) -> int:
        return self._starts[-1]

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may lie beyond the end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self)}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """As many of the next `size` bytes as there are; all of them if it is negative."""
        stop = len(self) if size is None or size < 0 else min(self._at + size, len(self))
        if stop <= self._at:
            return b""
        found = []
        number = bisect_right(self._starts, self._at) - 1
        while self._at < stop:
            start = self._starts[number]
            found.append(self._parts[number][self._at - start : stop - start])
            self._at += len(found[-1])
            number += 1
        whole = found[0].obj
        if len(found) == 1 and isinstance(whole, bytes) and len(whole) == len(found[0]):
            return whole  # decoders that want all of it at once get it without a copy
        return b"".join(found)


@dataclass(frozen=True)
class Aside:
    """What a file says beside its pixels: EXIF and colour profile as bytes, and a note on what had to be left out."""

    exif: bytes | None = None
    profile: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One picture of an animation, as a file of its own.

    box           left, top, right and bottom, in pixels of the canvas
    parts         a still in the animation's format
    milliseconds  how long it stands; browsers stretch what is next to nothing
    blends        whether what is below shows through; otherwise the frame replaces it
    disposal      what becomes of its box afterwards
    """

    box: tuple[int, int, int, int]
    parts: tuple[bytes | memoryview, ...]
    milliseconds: int
    blends: bool
    disposal: Literal["keep", "clear", "restore"]


@dataclass(frozen=True)
class Container:
    """A source as its container describes it, before any decoder has seen it.

    size    of the still, in stored pixels, as far as the container tells
    parts   the file that the decoder is given: that of the still alone, without what is beside the pixels
    box     where the still lies on a canvas of `size`; None where it covers it
    frames  of an animation, and `play` reads them one by one
    extent  width and height that hold every frame
    plays   how often an animation runs; 0 is for ever
    apart   whether the still is no frame of the animation
    """

    size: tuple[int, int]
    parts: tuple[bytes | memoryview, ...]
    aside: Aside = Aside()
    box: tuple[int, int, int, int] | None = None
    frames: int = 1
    play: Callable[[], Iterator[Frame]] | None = None
    extent: tuple[int, int] = (0, 0)
    plays: int = 0
    apart: bool = False
