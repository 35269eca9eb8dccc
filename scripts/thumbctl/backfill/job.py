"""Has the function look at objects whose catalog rows are missing or out of date: found, sent, and written down.

What is to be gone through falls into parts, which several threads work off. Each goes through its part in order and
writes down how far it is whenever SQS has acknowledged what it sent. A process that is killed in between sends those
messages again, ten a thread at most; the function finds them done.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Protocol

from thumbctl.backfill.found import Found
from thumbctl.bulk.sender import MESSAGES_A_CALL
from thumbnail_pipeline.jobs.wish import EXCLUDED
from thumbnail_pipeline.reconciliation.judgement import judge
from thumbnail_pipeline.rows import KEYS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from thumbctl.backfill.guard import Valve
    from thumbnail_pipeline.jobs.wish import Wish
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Row, Rows

# The interpreter has one lock, and most of a part's time is reading what AWS answered: more would hold more pages.
PARTS_AT_A_TIME: Final = 4

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY, part TEXT NOT NULL, position TEXT NOT NULL, done INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS counts (what TEXT PRIMARY KEY, number INTEGER NOT NULL);
"""

_OBJECTS_A_PAGE: Final = 1000
# Where hardly anything is out of date, messages are sent though they do not fill a call, so that little is looked at
# again after an interruption.
_MOST_WITHOUT_CHECKPOINT: Final = 10_000
_TICK_SECONDS: Final = 0.5


class ObjectSource(Protocol):
    """Objects, in parts that are gone through side by side. What a part and a position are is the source's own."""

    def parts(self) -> Sequence[str]:
        """Name the parts."""

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:
        """Yield a part's objects behind `position`, empty for all, each with the position that it is at."""


class Checkpoints:
    """How far a job is: in a journal, or where nothing needs to survive, in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Go on with what the journal `connection` has, which was made with SCHEMA."""
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def in_memory(cls, like: sqlite3.Connection | None = None) -> Checkpoints:
        """Return those of a job that is not begun, or is as far as the journal `like` has it."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.executescript(SCHEMA)
        if like:
            like.backup(connection)
        return cls(connection)

    def copy(self) -> Checkpoints:
        """Return the same in memory, where going on does not change the original."""
        return self.in_memory(self._connection)

    def begin(self, parts: Iterable[str]) -> None:
        """Begin a job anew."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM parts")
            connection.execute("DELETE FROM counts")
            connection.executemany(
                "INSERT INTO parts (part, position, done) VALUES (?, '', 0)", [(part,) for part in parts]
            )

    def remaining(self) -> list[tuple[int, str, str]]:
        """Return the parts that are not done, each with its number and the position in it."""
        with self._lock:
            return self._connection.execute(
                "SELECT number, part, position FROM parts WHERE NOT done ORDER BY number"
            ).fetchall()

    def counts(self) -> Mapping[str, int]:
        """Return how many objects were dealt with, by verdict or EXCLUDED."""
        with self._lock:
            return dict(self._connection.execute("SELECT what, number FROM counts"))

    def record(self, number: int, position: str, counts: Mapping[str, int], *, done: bool) -> None:
        """Everything of a part up to `position` is dealt with, of which `counts` are new."""
        with self._transaction() as connection:
            connection.execute("UPDATE parts SET position = ?, done = ? WHERE number = ?", (position, done, number))
            connection.executemany(
                "INSERT INTO counts VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET number = number + excluded.number",
                counts.items(),
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            yield self._connection


class Backfill:
    """One run over what is left of a job."""

    def __init__(
        self,
        source: ObjectSource,
        rows: Rows,
        wish: Wish,
        settings_fingerprint: str,
        checkpoints: Checkpoints,
        send: Callable[[Sequence[Found]], None],
        valve: Valve,
    ) -> None:
        """`send` puts up to ten messages into the queue, and returns when they are in it."""
        self._source = source
        self._rows = rows
        self._sent = wish.sent
        self._is_named = wish.names()
        self._settings_fingerprint = settings_fingerprint
        self._checkpoints = checkpoints
        self._send = send
        self._valve = valve

    def run(self, watch: Callable[[], None]) -> None:
        """Go on until everything is dealt with or the valve lets nothing through.

        `watch` is called every half second; whatever it raises ends the run, once what is being sent is written down.
        """
        with ThreadPoolExecutor(PARTS_AT_A_TIME) as threads:
            try:
                working = {threads.submit(self._work_off, *each) for each in self._checkpoints.remaining()}
                while working:
                    watch()
                    done, working = wait(working, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()
            finally:
                self._valve.close()

    def _work_off(self, number: int, part: str, begin: str) -> None:
        stretches, objects = [_Stretch(begin)], 0
        for page in _pages(self._source.objects(part, begin)):
            if self._valve.closed:
                return
            for position, found in self._judged(page):
                objects += 1
                if found is not None and found.verdict in self._sent:
                    stretches[-1].outdated = found
                    stretches.append(_Stretch(position))
                else:
                    stretches[-1].pass_over(position, found.verdict if found else EXCLUDED)
                if len(stretches) > MESSAGES_A_CALL or objects == _MOST_WITHOUT_CHECKPOINT:
                    if not self._deal_with(number, stretches):
                        return
                    stretches, objects = [_Stretch(position)], 0
            if len(stretches) == 1:
                self._deal_with(number, stretches)
                stretches, objects = [_Stretch(stretches[-1].position)], 0
        if self._deal_with(number, stretches):
            self._checkpoints.record(number, stretches[-1].position, {}, done=True)

    def _judged(self, page: Sequence[tuple[str, Listed]]) -> Iterator[tuple[str, Found | None]]:
        """Yield the positions of a page, with what was found there where it was asked for."""
        keys = [listed.key for _, listed in page if self._is_named(listed.key, listed.size)]
        rows: dict[str, Row] = {}
        for first in range(0, len(keys), KEYS_A_CALL):
            rows |= self._rows.of(keys[first : first + KEYS_A_CALL])
        named = set(keys)
        for position, listed in page:
            if listed.key in named:
                row = rows.get(listed.key)
                yield position, Found(listed, row, judge(listed, row, self._settings_fingerprint))
            else:
                yield position, None

    def _deal_with(self, number: int, stretches: Sequence[_Stretch]) -> bool:
        """Send what is out of date, as far as the valve lets it through, write down so much, and say if it is all."""
        outdated = [each.outdated for each in stretches if each.outdated]
        granted = self._valve.take(len(outdated)) if outdated else 0
        if granted:
            self._send(outdated[:granted])
        # What comes before the first that has to wait is passed over, and done.
        reached = stretches[granted]
        counts: Counter[str] = Counter(found.verdict for found in outdated[:granted])
        for each in stretches[: granted + 1]:
            counts.update(each.passed_over)
        if counts:
            self._checkpoints.record(number, reached.position, counts, done=False)
        return granted == len(outdated)


class _Stretch:
    """Objects one after the other, of which all but the last are only counted: most need no message."""

    def __init__(self, position: str) -> None:
        self.position = position
        """Behind which it begins, and then that of what was passed over last."""
        self.passed_over: Counter[str] = Counter()
        self.outdated: Found | None = None
        """What it ends with; only the last of several has none."""

    def pass_over(self, position: str, what: str) -> None:
        self.position = position
        self.passed_over[what] += 1


def _pages(objects: Iterator[tuple[str, Listed]]) -> Iterator[list[tuple[str, Listed]]]:
    while page := list(itertools.islice(objects, _OBJECTS_A_PAGE)):
        yield page
