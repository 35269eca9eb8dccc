"""Follows what was imported until the catalog says of each image that it is READY or FAILED.

Looks at the oldest first, a few hundred at a time, at once again where that found much and later where it did not: what
it costs is what has been decided, and little for how long that takes.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from thumbctl.bulk.queues import depth
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import KEYS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from thumbctl.importing.import_journal import ImportJournal
    from thumbnail_pipeline.rows import Row, Rows

REPLACED: Final = "REPLACED"
"""Somebody has put other bytes there since, or deleted it."""

_CALLS_AT_ONCE = 4
_MOST_WAITING = 4000
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 15.0
# An event of S3 can take a minute or more, and so does a message that a dying worker held.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
PATIENCE_SECONDS: Final = 180.0


@dataclass(frozen=True)
class Queues:
    """Where the events of uploads wait, and end when nobody could use them."""

    work_url: str
    dead_letter_url: str


@dataclass(frozen=True)
class Stalled:
    """Why nothing is decided any more."""

    waiting: int
    """Messages that are in the work queue."""
    dead_letters: int


class Follower:
    """Follows the images of one journal."""

    def __init__(self, journal: ImportJournal, rows: Rows, s3: S3Client, bucket: str) -> None:
        self._journal = journal
        self._rows = rows
        self._s3 = s3
        self._bucket = bucket
        self.decided = 0
        """By this."""
        self._threads = ThreadPoolExecutor(_CALLS_AT_ONCE)
        self._waiting: deque[tuple[str, str]] = deque()
        self._after = ""
        self._ours: dict[str, str | None] = {}
        """ETags in rows of other bytes, by key, where the object was found to be ours still."""

    def look(self) -> tuple[int, int]:
        """Look at the next few hundred; returns how many they were, and how many are decided now."""
        hundreds = self._next()
        rows = self._threads.map(lambda hundred: self._rows.of([key for key, _ in hundred]), hundreds)
        outcomes: dict[str, tuple[str, str | None]] = {}
        for hundred, known in zip(hundreds, rows, strict=True):
            for key, etag in hundred:
                outcome = self._outcome(key, etag, known.get(key))
                if outcome:
                    outcomes[key] = outcome
                    self._ours.pop(key, None)
                else:
                    self._waiting.append((key, etag))
        self._journal.decide(outcomes)
        self.decided += len(outcomes)
        return sum(map(len, hundreds)), len(outcomes)

    def run(
        self,
        sqs: SQSClient,
        queues: Queues,
        meanwhile: Callable[[], None],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Stalled | None:
        """Look until everything is decided, or nothing moves and nothing more is to come; then say why.

        `meanwhile` is called after each look.
        """
        # From the beginning: what is uploaded side by side is not stored in the order of keys.
        self._waiting.clear()
        self._after = ""
        moved, wait_seconds = clock(), _FIRST_WAIT_SECONDS
        while True:
            looked_at, decided = self.look()
            meanwhile()
            if not looked_at:
                return None
            if decided:
                moved, wait_seconds = clock(), _FIRST_WAIT_SECONDS
            if 2 * decided >= looked_at:
                continue
            if clock() - moved >= patience_seconds:
                stalled = Stalled(depth(sqs, queues.work_url).total, depth(sqs, queues.dead_letter_url).total)
                if stalled.dead_letters or not stalled.waiting:
                    return stalled
            sleep(wait_seconds)
            if not decided:
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)

    def _next(self) -> list[list[tuple[str, str]]]:
        """The next hundreds, which are no longer among those that wait."""
        more = self._journal.undecided(self._after, _MOST_WAITING - len(self._waiting))
        self._after = more[-1][0] if more else self._after
        self._waiting.extend(more)
        taken = [self._waiting.popleft() for _ in range(min(_CALLS_AT_ONCE * KEYS_A_CALL, len(self._waiting)))]
        return [taken[begin : begin + KEYS_A_CALL] for begin in range(0, len(taken), KEYS_A_CALL)]

    def _outcome(self, key: str, etag: str, row: Row | None) -> tuple[str, str | None] | None:
        if row is None or row.status is None:
            return None
        # Of what is too large to be read, the row may know no ETag.
        if row.etag == etag or (row.status is Status.FAILED and row.etag is None):
            return row.status, row.reason
        # The row is of an earlier state, for which ours is still to come, or of a later one.
        if key not in self._ours or self._ours[key] != row.etag:
            if self._etag_of(key) != etag:
                return REPLACED, None
            self._ours[key] = row.etag
        return None

    def _etag_of(self, key: str) -> str | None:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"].strip('"')
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004 - HTTP's
                return None
            raise
