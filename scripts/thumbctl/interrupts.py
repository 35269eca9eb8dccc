"""What Ctrl-C does to a job that has to put things in order before it ends."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt in this block at the first SIGINT, SIGTERM or SIGHUP, so that every `finally` runs.

    Later signals are ignored: a second Ctrl-C must not cut short what the first one set off.
    """

    def interrupt(*_: object) -> None:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in endings}
    try:
        for number in endings:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def interrupt_once() -> Iterator[None]:
    """Raise KeyboardInterrupt in this block at the first Ctrl-C; the second one ends the process at once."""

    def unwind(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, unwind)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is unwind:
            signal.signal(signal.SIGINT, previous)
