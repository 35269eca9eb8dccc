"""Threads of which only one ever runs, each up to the next call that it makes: whoever steps them decides the order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Strand:
    """A thread that runs only while it is told to."""

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.waits_for: str | None = None
        """What it is about to do; None when it is over."""
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._fate: Any = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Run to where it waits first, or to the end."""
        self._thread.start()
        self._stopped.acquire()

    def go_on(self, fate: Any) -> None:
        """Let it do what it waits for, and run to where it waits next, or to the end."""
        assert self.waits_for is not None, "it is over"
        self._fate = fate
        self._go.release()
        self._stopped.acquire()

    def wait(self, what: str) -> Any:
        """Called within the thread: stop until it may do `what`, and learn what becomes of that."""
        self.waits_for = what
        self._stopped.release()
        self._go.acquire()
        return self._fate

    def result(self) -> Any:
        """What the work returned; raises what it raised."""
        if self._error:
            raise self._error
        return self._result

    def _run(self) -> None:
        _STRAND.current = self
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - it must not end in this thread unseen
            self._error = error
        self.waits_for = None
        self._stopped.release()


_STRAND = threading.local()


def current_strand() -> Strand:
    """The one that is running."""
    strand: Strand = _STRAND.current
    return strand
