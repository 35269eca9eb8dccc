"""Bytes of memory, shared by the images in flight."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """A number of bytes that jobs share: each waits until the part that it needs is free.

        budget = MemoryBudget(512 * 2**20)
        with budget.hold(estimate_memory(source, settings)):
            render(source, settings)

    A job that needs more than the whole budget runs when no other does. A job that holds a part of one budget may wait
    for another budget only if no job does so the other way round, or both would wait for ever.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, needed: int) -> Iterator[None]:
        """Wait until `needed` bytes are free, and hold them for the block."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._taken + needed <= self._size)
            self._taken += needed
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()
