"""What keeps a job that sends messages from running away: how much may be in the queue, and when it is to stop.

A queue takes any number of messages. Once they are in it, nothing but a purge gets them out, so no more are put in than
the function works off within minutes: then a stop is a stop, and what is looked at shows what was sent lately.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbctl.bulk.queues import MESSAGES_AT_A_TIME, depth
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import KEYS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from thumbctl.backfill.found import Found
    from thumbnail_pipeline.rows import Rows

# So many images are followed to what becomes of them, and the ratio is that of the last so many: it shows what goes
# wrong now, however much went well before.
_SAMPLE: Final = 300
_ENOUGH: Final = 100
# The row of an image that the function left as it was, or that was deleted, never changes.
_PATIENCE_SECONDS: Final = 15 * 60


class Tripped(Exception):
    """The job has to stop; the message says what was seen and what to do. Nothing is lost."""


@dataclass(frozen=True)
class Bounds:
    """When a job waits, and when it stops."""

    in_queue: int = MESSAGES_AT_A_TIME
    """It waits while there are more messages in the backfill queue."""
    failed_percent: float | None = None
    """It stops when more of the images that were decided last failed; None is no bound."""
    dead: int = 10
    """It stops when there are more new dead letters, also those of other messages."""


@dataclass(frozen=True)
class Seen:
    """What a look at the stack showed."""

    in_queue: int
    dead: int
    """Letters since the start."""
    decided: int
    """Of the images that were followed, the last so many; `failed` of them failed for good."""
    failed: int
    undecided: int
    """Images that are still followed."""


class Valve:
    """Lets messages into the queue as long as there is room; whoever sends asks first, and waits."""

    def __init__(self, limit: int | None = None) -> None:
        """Let `limit` messages through at most, and none before there is said to be room."""
        self._condition = threading.Condition()
        self._room = 0
        self._left = limit
        self._taken = 0
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def taken(self) -> int:
        """How many messages were let through since the start."""
        return self._taken

    def take(self, number: int) -> int:
        """Wait for room for `number` messages, and say how many may be sent: fewer at the limit, none when closed."""
        with self._condition:
            self._condition.wait_for(lambda: self.closed or self._room >= self._at_most(number))
            granted = 0 if self.closed else self._at_most(number)
            self._room -= granted
            self._taken += granted
            if self._left is not None:
                self._left -= granted
            return granted

    def make_room(self, number: int, *, taken: int) -> None:
        """There was room for `number` messages when `taken` had been let through."""
        with self._condition:
            self._room = number - (self._taken - taken)
            self._condition.notify_all()

    def close(self) -> None:
        """Let nothing through from now on."""
        with self._condition:
            self._closed.set()
            self._condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until it is closed."""
        self._closed.wait(seconds)

    def _at_most(self, number: int) -> int:
        return number if self._left is None else min(number, self._left)


@dataclass(frozen=True)
class _Followed:
    key: str
    written: str | None
    """When its row was, before the message was sent; None where there was none."""
    since: float


class Guard:
    """Looks at the queue, the dead letters and what becomes of the images, and says when it is too much."""

    def __init__(
        self,
        sqs: SQSClient,
        functions: LambdaClient,
        rows: Rows,
        outputs: Mapping[str, Any],
        bounds: Bounds,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sqs = sqs
        self._functions = functions
        self._rows = rows
        self._outputs = outputs
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._following: deque[_Followed] = deque()
        self._failures: deque[bool] = deque(maxlen=_SAMPLE)
        self._dead_before = self._depth("dlq_url")

    def follow(self, sent: Sequence[Found]) -> None:
        """Watch what becomes of these images, as far as there is room in the sample."""
        now = self._clock()
        with self._lock:
            room = max(0, _SAMPLE - len(self._following))
            self._following.extend(
                _Followed(each.listed.key, each.row.processed_at if each.row else None, now) for each in sent[:room]
            )

    def look(self) -> Seen:
        """Look once. Raises Tripped where the job has to stop."""
        self._require_mapping()
        dead = self._depth("dlq_url") - self._dead_before
        if dead > self._bounds.dead:
            raise Tripped(
                f"{dead} messages have become dead letters since the start, and at most {self._bounds.dead} may: look"
                " at them with 'thumbctl dlq peek', and go on with the same command when the cause is mended;"
                " --max-dead allows more."
            )
        self._look_at_rows()
        decided, failed = len(self._failures), sum(self._failures)
        most = self._bounds.failed_percent
        if most is not None and decided >= _ENOUGH and failed * 100 > most * decided:
            raise Tripped(
                f"{failed} of the last {decided} images that were followed failed, and at most {most:g} % may: see why"
                " with 'thumbctl failures --by-reason', leave out with --exclude what is no image, and go on with the"
                " same command; --max-failed allows more."
            )
        return Seen(self._depth("backfill_queue_url"), max(0, dead), decided, failed, len(self._following))

    def _require_mapping(self) -> None:
        uuid = self._outputs["backfill_event_source_mapping_uuid"]
        state = self._functions.get_event_source_mapping(UUID=uuid)["State"]
        if state in {"Disabled", "Disabling"}:
            raise Tripped(
                "The backfill queue is paused, so nobody works on what is sent: go on with 'thumbctl resume backfill'"
                " and the same command."
            )

    def _look_at_rows(self) -> None:
        with self._lock:
            looked_at = list(self._following)
        now = self._clock()
        over: set[_Followed] = {each for each in looked_at if now - each.since > _PATIENCE_SECONDS}
        for first in range(0, len(looked_at), KEYS_A_CALL):
            page = looked_at[first : first + KEYS_A_CALL]
            found = self._rows.of(list({each.key for each in page}))
            for each in page:
                row = found.get(each.key)
                if row and row.status and row.processed_at != each.written:
                    self._failures.append(row.status is Status.FAILED)
                    over.add(each)
        with self._lock:
            self._following = deque(each for each in self._following if each not in over)

    def _depth(self, queue: str) -> int:
        """How many messages there are about, seen and unseen."""
        return depth(self._sqs, self._outputs[queue]).total
