"""What a job has done so far, in a file that survives it: SQLite, one file a job, one process at a time.

A job is what somebody asked for, on one stack. Whoever asks for the same again goes on with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import platformdirs

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def folder() -> Path:
    """Where the state of thumbctl lies: `$XDG_STATE_HOME/thumbctl`, or `~/.local/state/thumbctl`."""
    return platformdirs.user_state_path("thumbctl")


def file_of(command: str, stack: str, asked: Mapping[str, Any]) -> Path:
    """Where the journal of a job lies: the same for the same `command` on the same `stack` (its title, for instance)
    that was `asked` for the same, which must be JSON.
    """
    text = json.dumps([stack, asked], sort_keys=True)
    name = f"{command}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.sqlite"
    return folder() / name


@contextlib.contextmanager
def opened(file: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """Open the journal `file`, made with the statements of `schema` where there is none.

    Every statement is committed by itself unless a transaction is begun. What is committed survives the end of the
    process, however it ends. Raises ThumbctlError where another process has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ThumbctlError(
                f"The same job is being done by another process, which has {file}: wait for that one, or end it."
            ) from None
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            # After a power cut the last few entries may be gone, which costs doing them again.
            # https://www.sqlite.org/pragma.html#pragma_synchronous
            connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {schema}")
            yield connection
        finally:
            connection.close()
