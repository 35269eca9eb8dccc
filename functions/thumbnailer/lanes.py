"""Threads that render, one for each processor."""

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
    """A pool of threads; a job owns a thread until it ends.

        lanes = Lanes(2)
        with lanes.lane(len(source)) as thread:
            rendered = thread.submit(render, source, settings).result()

    Of the jobs that wait for one of several lanes, the largest goes first: it would otherwise run alone at the end of a
    batch while other processors have nothing to do (Graham, Bounds on Multiprocessing Timing Anomalies, 1969). Nothing
    else runs in these threads, because each keeps the memory that it has ever rendered with, and no other can use it:
    https://sourceware.org/glibc/manual/latest/html_node/The-GNU-Allocator.html
    """

    def __init__(self, number: int) -> None:
        # A single lane is busy in any order, and with the largest first, all others would be stored late.
        self._largest_first = number > 1
        self._free: list[Executor] = [ThreadPoolExecutor(1, "lane") for _ in range(number)]
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = itertools.count()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def lane(self, size: int) -> Iterator[Executor]:
        """Wait for a thread and own it for the block. `size` is that of the job, in bytes; among equals, in turn."""
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
