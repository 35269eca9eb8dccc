"""Threads that render: one for each processor, for one image after the other."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

__all__ = ["Lanes"]


class Lanes:
    """So many threads, each of which one piece of work has to itself for a while.

    Of several lanes, the largest first, because it would otherwise be under way alone at the end of a batch while other
    processors have nothing to do (Graham, Bounds on Multiprocessing Timing Anomalies, 1969). In threads of their own,
    because every thread that ever rendered keeps memory that the others cannot use:
    https://sourceware.org/glibc/manual/latest/html_node/The-GNU-Allocator.html
    """

    def __init__(self, number: int) -> None:
        # One lane is as busy in any order, and small images at the end would all be stored at the very end.
        self._largest_first = number > 1
        self._free: list[Executor] = [ThreadPoolExecutor(1, "lane") for _ in range(number)]
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = itertools.count()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def lane(self, size: int) -> Iterator[Executor]:
        """Wait for a lane, and keep it for the block; what else is equal, whoever came first."""
        with self._changed:
            ticket = (-size if self._largest_first else 0, next(self._arrivals))
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            lane = self._free.pop()
            self._changed.notify_all()
        try:
            yield lane
        finally:
            with self._changed:
                self._free.append(lane)
                self._changed.notify_all()
