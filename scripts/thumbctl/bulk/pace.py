"""How fast bulk work may go."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Pace:
    """Spreads calls evenly over time, at most `per_second` of them in all threads; idle time is not made up for."""

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`per_second` None is as fast as it goes."""
        self._seconds_each = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    def take(self, number: int = 1) -> None:
        """Wait until `number` more may be done."""
        if not self._seconds_each:
            return
        with self._lock:
            now = self._clock()
            begin = max(now, self._free_at)
            self._free_at = begin + number * self._seconds_each
        if begin > now:
            self._sleep(begin - now)
