"""Sends completion events: to a bus of EventBridge, or into a Kinesis stream.

Both services take several entries a call and answer for each of them, and a call that succeeds may have failed for
some. Only those are sent again, and a later event of an image waits for its earlier ones:

    unsent = send(EventBus(client, "thumbs-events"), events, left=lambda: seconds_that_are_left)
    for position, why in unsent.items():
        …

What is sent again may have arrived before, if an answer was lost; it has the same id.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from thumbnail_pipeline.clients import errors_told_apart
from thumbnail_pipeline.completion import SOURCE
from thumbnail_pipeline.errors import Systemic, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kinesis import KinesisClient

    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.images import Image

_MOST_TRIES: Final = 5
"""Of one event; then it stays unsent."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0

# What the answer says of one entry. Any other code may pass.
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsResultEntry.html
_OF_THE_ENTRY: Final = frozenset({"InvalidArgument", "MalformedDetail"})
_OF_ALL: Final = frozenset(
    {
        "AccessDeniedException",
        "InvalidAccountIdException",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
    }
)


class Destination(Protocol):
    """Where events go."""

    most_entries: int
    most_bytes: int
    """Of the entries of one call together."""

    def size(self, event: CompletionEvent) -> int:
        """Return how many bytes of a call an event takes."""

    def put(self, events: Sequence[CompletionEvent]) -> list[str | None]:
        """Send `events` in one call and return the code of each one's error, None where it was taken.

        Raises Transient or Systemic where the call as a whole fails.
        """


class EventBus:
    """A bus of EventBridge, by its name or ARN."""

    most_entries = 10
    # Together, and therefore each. A larger limit is spoken of; the lower one holds everywhere.
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    most_bytes = 256 * 1024 - 1

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def size(self, event: CompletionEvent) -> int:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size."""
        time_bytes = 14
        texts = (SOURCE, event.detail_type, event.text, self._arn(event))
        return time_bytes + sum(len(each.encode()) for each in texts)

    def put(self, events: Sequence[CompletionEvent]) -> list[str | None]:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html."""
        with errors_told_apart("putting events on the bus"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": event.detail_type,
                        "Time": event.time,
                        "Resources": [self._arn(event)],
                        "Detail": event.text,
                    }
                    for event in events
                ]
            )
        return [each.get("ErrorCode") for each in answer["Entries"]]

    def _arn(self, event: CompletionEvent) -> str:
        return f"arn:{self._client.meta.partition}:s3:::{event.image.bucket}/{event.image.key}"


class ChangeStream:
    """A Kinesis stream, by its ARN. The events of one image are in one shard, in their order."""

    # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
    most_entries = 500
    most_bytes = 5 * 1024**2

    def __init__(self, client: KinesisClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def size(self, event: CompletionEvent) -> int:
        """Data and partition key count."""
        return len(event.text.encode()) + len(_partition_key(event.image))

    def put(self, events: Sequence[CompletionEvent]) -> list[str | None]:
        """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html."""
        with errors_told_apart("putting records into the stream"):
            answer = self._client.put_records(
                StreamARN=self._arn,
                Records=[
                    {"Data": event.text.encode(), "PartitionKey": _partition_key(event.image)} for event in events
                ],
            )
        return [each.get("ErrorCode") for each in answer["Records"]]


def send(
    destination: Destination,
    events: Sequence[CompletionEvent],
    *,
    left: Callable[[], float],
    sent: Callable[[CompletionEvent], None],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[int, str]:
    """Send `events`, those of one image in their order, and return the positions of those that were not, and why.

    `left` says how many seconds there are still, and `sent` is called for each event that was taken. Raises Systemic
    where no event can be sent until a person acts.
    """
    unsent: dict[int, str] = {}
    waiting: list[int] = []
    for position, event in enumerate(events):
        if destination.size(event) > destination.most_bytes:
            unsent[position] = "it is larger than a call may be"
        else:
            waiting.append(position)
    tries: Counter[int] = Counter()
    longest_wait = _FIRST_WAIT_SECONDS
    while waiting and left() > 0:
        call = _next_call(destination, events, waiting)
        try:
            codes = destination.put([events[position] for position in call])
        except Transient as error:
            codes = [str(error)] * len(call)
        failed = False
        for position, code in zip(call, codes, strict=True):
            if code in _OF_ALL:
                raise Systemic(f"{code} for {events[position].image.key}: no event can be sent")
            if code is None:
                waiting.remove(position)
                sent(events[position])
                continue
            tries[position] += 1
            if code in _OF_THE_ENTRY:
                waiting.remove(position)
                unsent[position] = code
                continue
            failed = True
            if tries[position] == _MOST_TRIES:
                # Its later events would overtake it: they come with it next time.
                behind = [each for each in waiting if events[each].image == events[position].image]
                unsent |= dict.fromkeys(behind, code)
                waiting = [each for each in waiting if each not in behind]
        if not failed:
            longest_wait = _FIRST_WAIT_SECONDS
        elif waiting:
            sleep(min(random.uniform(0, longest_wait), max(0, left())))  # noqa: S311 - jitter
            longest_wait = min(2 * longest_wait, _LONGEST_WAIT_SECONDS)
    return unsent | dict.fromkeys(waiting, "there was no time left")


def _next_call(destination: Destination, events: Sequence[CompletionEvent], waiting: Sequence[int]) -> list[int]:
    """The positions of what goes next: as much as one call holds, and of each image only its first event.

    Of two events of an image in one call, the first may fail and the second arrive.
    """
    call: list[int] = []
    images: set[Image] = set()
    room = destination.most_bytes
    for position in waiting:
        if events[position].image in images:
            continue
        room -= destination.size(events[position])
        if room < 0 or len(call) == destination.most_entries:
            break
        call.append(position)
        images.add(events[position].image)
    return call


def _partition_key(image: Image) -> str:
    """Up to 256 characters, and a key of S3 may have more."""
    return hashlib.sha256(f"{image.bucket}/{image.key}".encode()).hexdigest()
