"""How much one invocation does at a time: what its memory and its processors allow.

Threads are cheap and processors are not. Every image in flight has a thread, so that while one is rendered others
are read and stored; but only as many are rendered at a time as there are processors for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Capacity"]

_MEBIBYTE = 2**20

# Lambda gives processor time in proportion to memory: one whole processor at 1,769 MB.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MB_OF_A_PROCESSOR = 1769
# What the interpreter, the SDK and the thumbnails on their way to S3 take (docs/performance.md).
_OCCUPIED = 192 * _MEBIBYTE
# The share of the rest for sources that wait for a processor; all else is for rendering.
_SHARE_OF_SOURCES = 1 / 6
# One image in flight for each message of a full batch by default: waiting for S3 costs no processor.
_IMAGES_A_PROCESSOR = 10
# A rendered image is stored while the next is rendered; more than two images' worth is hardly ever on its way.
_WRITES_A_PROCESSOR = 8


@dataclass(frozen=True)
class Capacity:
    """How many things one invocation does side by side, and the bytes that they may hold."""

    images: int
    """Images in flight, each in a thread of its own."""
    renders: int
    """Images that are rendered at a time."""
    writes: int
    """Thumbnails that are stored or removed at a time."""
    source_bytes: int
    """For sources, from the moment they are asked for until they are rendered."""
    render_bytes: int
    """For rendering."""

    @classmethod
    def of(
        cls, memory_bytes: int, *, images: int | None = None, renders: int | None = None, writes: int | None = None
    ) -> Capacity:
        """Derive it from the function's memory in bytes; a number that is given replaces the one derived."""
        processors = max(1, math.ceil(memory_bytes / (_MB_OF_A_PROCESSOR * _MEBIBYTE)))
        free = max(memory_bytes - _OCCUPIED, _MEBIBYTE)
        source_bytes = int(free * _SHARE_OF_SOURCES)
        return cls(
            images=images or _IMAGES_A_PROCESSOR * processors,
            renders=renders or processors,
            writes=writes or _WRITES_A_PROCESSOR * processors,
            source_bytes=source_bytes,
            render_bytes=free - source_bytes,
        )

    @property
    def connections(self) -> int:
        """HTTP connections to keep open to S3: one for each image that is read, and for each write."""
        return self.images + self.writes
