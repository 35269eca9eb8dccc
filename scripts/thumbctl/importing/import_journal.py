"""The journal of an import: a row a file, with what became of it.

    key   path, size, mtime_ns    etag, version_id             outcome, reason
          as last walked          once these bytes are there   once they are followed

`run` is that of the walk which last saw the file. A row without an ETag is to be done.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thumbctl.importing.files import LeftOut, Problem, SourceFile
from thumbctl.importing.transfer import MOST_BYTES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from thumbctl.importing.transfer import Stored

SCHEMA = """
    CREATE TABLE IF NOT EXISTS files (
        key TEXT PRIMARY KEY, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        run INTEGER NOT NULL, etag TEXT, version_id TEXT, outcome TEXT, reason TEXT
    ) WITHOUT ROWID
"""

_ROWS_AT_ONCE = 1000

# Bytes that are there stay there for as long as their file is the same.
_SAME = "(path, size, mtime_ns) = (excluded.path, excluded.size, excluded.mtime_ns)"
_SEEN = f"""
    INSERT INTO files (key, path, size, mtime_ns, run) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        etag = CASE WHEN {_SAME} THEN etag END, version_id = CASE WHEN {_SAME} THEN version_id END,
        outcome = CASE WHEN {_SAME} THEN outcome END, reason = CASE WHEN {_SAME} THEN reason END,
        path = excluded.path, size = excluded.size, mtime_ns = excluded.mtime_ns, run = excluded.run
    WHERE run < excluded.run
"""  # noqa: S608 - of constants


@dataclass
class Planned:
    """What a walk found."""

    files: int = 0
    bytes: int = 0
    left_out: Counter[Problem] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to import, and what was stored of it before."""

    source: SourceFile
    etag: str | None


class ImportJournal:
    """The rows of one import; the journal is open for as long as this is used, by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run: int = connection.execute("PRAGMA user_version").fetchone()[0]

    def plan(self, found: Iterable[SourceFile | LeftOut], *, most_bytes: int, planned: Planned) -> Iterator[LeftOut]:
        """Begin a run: note every source that is `found`, add it up in `planned`, and yield what is left out.

        A source is left out that is empty, has more than `most_bytes` or than S3 takes at once, or the key
        of one found before.
        """
        self._run += 1
        self._connection.execute(f"PRAGMA user_version = {self._run}")
        remaining = iter(found)
        while some := list(itertools.islice(remaining, _ROWS_AT_ONCE)):
            left_out = []
            with self._transaction():
                for each in some:
                    judged = self._noted(each, most_bytes, planned)
                    if judged:
                        planned.left_out[judged.problem] += 1
                        left_out.append(judged)
            yield from left_out
        self._connection.execute("DELETE FROM files WHERE run < ? AND etag IS NULL", (self._run,))

    def remaining(self) -> tuple[int, int]:
        """How many files of this run are not known to be there, and their bytes together."""
        row: tuple[int, int] = self._connection.execute(
            "SELECT count(*), ifnull(sum(size), 0) FROM files WHERE run = ? AND etag IS NULL", (self._run,)
        ).fetchone()
        return row

    def entries(self) -> Iterator[Entry]:
        """The files of this run in the order of their keys' bytes; a thousand are held at a time."""
        after = ""
        while rows := self._connection.execute(
            "SELECT key, path, size, mtime_ns, etag FROM files WHERE run = ? AND key > ? ORDER BY key LIMIT ?",
            (self._run, after, _ROWS_AT_ONCE),
        ).fetchall():
            yield from (Entry(SourceFile(*row[:4]), row[4]) for row in rows)
            after = rows[-1][0]

    def record(self, stored: Iterable[tuple[str, Stored]]) -> None:
        """Note what is there now, by key, in one transaction."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE files SET etag = ?, version_id = ?, outcome = NULL, reason = NULL WHERE key = ?",
                ((each.etag, each.version_id, key) for key, each in stored),
            )

    def undecided(self, after: str, number: int) -> list[tuple[str, str]]:
        """The keys behind `after`, and ETags, of what is there and has no outcome, in the order of keys."""
        return self._connection.execute(
            "SELECT key, etag FROM files WHERE key > ? AND etag IS NOT NULL AND outcome IS NULL ORDER BY key LIMIT ?",
            (after, number),
        ).fetchall()

    def decide(self, outcomes: Mapping[str, tuple[str, str | None]]) -> None:
        """Note outcomes and reasons by key, in one transaction."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE files SET outcome = ?, reason = ? WHERE key = ?",
                ((outcome, reason, key) for key, (outcome, reason) in outcomes.items()),
            )

    def outcomes(self) -> Counter[tuple[str | None, str | None]]:
        """How many that are there have which outcome and reason; None is none yet."""
        rows = self._connection.execute(
            "SELECT outcome, reason, count(*) FROM files WHERE etag IS NOT NULL GROUP BY outcome, reason"
        )
        return Counter({(outcome, reason): number for outcome, reason, number in rows})

    def failed(self) -> Iterator[tuple[str, str, str]]:
        """Key, outcome and reason of everything that is there and did not become READY."""
        yield from self._connection.execute(
            "SELECT key, outcome, ifnull(reason, '') FROM files WHERE outcome <> 'READY' ORDER BY key"
        )

    def _noted(self, found: SourceFile | LeftOut, most_bytes: int, planned: Planned) -> LeftOut | None:
        if isinstance(found, LeftOut):
            return found
        if not found.size:
            return LeftOut(found.path, Problem.EMPTY)
        for most, problem in ((most_bytes, Problem.LARGE), (MOST_BYTES, Problem.HUGE)):
            if found.size > most:
                return LeftOut(found.path, problem, f"{found.size:,} of {most:,}")
        seen = (found.key, found.path, found.size, found.mtime_ns, self._run)
        if self._connection.execute(_SEEN, seen).rowcount:
            planned.files += 1
            planned.bytes += found.size
            return None
        (path,) = self._connection.execute("SELECT path FROM files WHERE key = ?", (found.key,)).fetchone()
        return LeftOut(found.path, Problem.SAME_KEY, path) if path != found.path else None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
