"""Threads that render: one for each processor, and each takes the largest piece that waits."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from queue import PriorityQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lanes"]

_Done = TypeVar("_Done")


class Lanes:
    """So many threads, for as long as the process lives.

    The largest first, because it would otherwise be under way alone at the end of a batch while other processors have
    nothing to do (Graham, Bounds on Multiprocessing Timing Anomalies, 1969). In threads of their own, because every
    thread that ever rendered keeps memory that the others cannot use:
    https://sourceware.org/glibc/manual/latest/html_node/The-GNU-Allocator.html
    """

    def __init__(self, number: int) -> None:
        self._waiting: PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = PriorityQueue()
        self._arrivals = itertools.count()
        for _ in range(number):
            threading.Thread(target=self._work, name="lane", daemon=True).start()

    def do(self, size: int, work: Callable[[], _Done]) -> _Done:
        """Wait for a lane, and return or raise what `work` does there; of equal size, whoever came first."""
        future: Future[_Done] = Future()
        self._waiting.put((-size, next(self._arrivals), future, work))
        return future.result()

    def _work(self) -> None:
        while True:
            _, _, future, work = self._waiting.get()
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised where the work was asked for
                future.set_exception(error)
            # Or the source would stay in memory until there is more to do.
            del future, work
