"""Dead letters: looked at without being used up, and moved or deleted so that none is lost.

SQS has no call that only looks: whoever receives a message hides it from everybody else for a while.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol, Self

from botocore.exceptions import BotoCoreError, ClientError

from thumbctl.bulk.pace import Pace
from thumbctl.bulk.sender import Message, Sender
from thumbnail_pipeline import messages
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.messages import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef


MOST_REDRIVES = 3
"""A letter that was sent back this many times is left alone: it would only fail again."""

# As long as the module hides them from people with a console. Ten a call, one call at a time, a walk hides fewer than
# the 120,000 that may be hidden at a time.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
HIDDEN_SECONDS = 60
# More than none asks all servers of a queue, and not only some of them.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
_PATIENCE_SECONDS = 1
LETTERS_A_CALL = 10
_ATTEMPTS = 4
_SMALLEST_ROUND = 100
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_BYTES_A_CALL = 256 * 1024
_REDRIVES = "redrives"
_COUNT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was tried too often."""

    message_id: str
    body: str
    sent_at: datetime
    """When it was sent first, which is not when it was given up."""
    received: int
    """How many times in all, looks at it as a dead letter included."""
    source_arn: str | None
    """The queue that gave it up, where SQS knows it."""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those of the sender, as SQS takes them."""
    receipt_handle: str = ""
    """Empty where it was not received but read from a backup."""

    @property
    def redrives(self) -> int:
        """How many times it has been sent back from here, letter by letter."""
        count = self.attributes.get(_REDRIVES, {}).get("StringValue", "")
        return int(count) if _COUNT.fullmatch(count) else 0

    @property
    def events(self) -> tuple[ObjectEvent | Permanent, ...]:
        """The events in it, and an error in the place of what cannot be read."""
        try:
            return messages.parse(self.body)
        except Permanent as error:
            return (error,)

    @property
    def is_of_a_rule(self) -> bool:
        """Whether EventBridge could not deliver it, and no queue has ever had it.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        """
        return self.source_arn is None and "RULE_ARN" in self.attributes

    @property
    def keys(self) -> tuple[str, ...]:
        """The objects that it is about."""
        return tuple(each.image.key for each in self.events if isinstance(each, ObjectEvent))

    @property
    def message(self) -> Message:
        """The message as it was sent first."""
        attributes: dict[str, Any] = dict(self.attributes)
        return Message(self.body, attributes)

    @property
    def redriven(self) -> Message:
        """The message as it is sent back, with its count of redrives raised by one."""
        count = {"DataType": "Number", "StringValue": str(self.redrives + 1)}
        attributes: dict[str, Any] = {**self.attributes, _REDRIVES: count}
        return Message(self.body, attributes)


@dataclass(frozen=True)
class Selection:
    """Which letters to take. Without keys and since: all of them."""

    keys: Sequence[str] = ()
    """Patterns of the shell, of which one has to match a key in the letter; * crosses slashes."""
    since: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.keys) or self.since is not None

    def __contains__(self, letter: Letter) -> bool:
        if self.since is not None and letter.sent_at < self.since:
            return False
        return not self.keys or any(fnmatchcase(key, each) for key in letter.keys for each in self.keys)


@dataclass(frozen=True)
class Origins:
    """The two queues that letters come from, each as (URL, ARN)."""

    work: tuple[str, str]
    backfill: tuple[str, str]

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> Origins:
        """Those of a stack, by its outputs."""
        return cls(*((outputs[f"{name}_url"], outputs[f"{name}_arn"]) for name in ("queue", "backfill_queue")))

    def senders(self, sqs: SQSClient, rate: float | None = None) -> dict[str, Sender]:
        """What sends to each queue, by its URL: together at most `rate` messages a second."""
        pace = Pace(rate)
        return {url: Sender(sqs, url, pace) for url, _ in (self.work, self.backfill)}

    def url_of(self, letter: Letter) -> str:
        """The queue that `letter` belongs into: the one that gave it up, or what its events look like."""
        for url, arn in (self.work, self.backfill):
            if letter.source_arn == arn:
                return url
        found = letter.events
        backfill = bool(found) and all(isinstance(each, ObjectEvent) and each.is_backfill for each in found)
        return (self.backfill if backfill else self.work)[0]

    def sort(self, letters: Iterable[Letter]) -> Iterator[tuple[str, list[Letter]]]:
        """Yield each queue that some of `letters` belong into, with these."""
        sorted_letters: dict[str, list[Letter]] = {}
        for letter in letters:
            sorted_letters.setdefault(self.url_of(letter), []).append(letter)
        yield from sorted_letters.items()


class DeadLetters:
    """The letters of a queue, for use in a `with` block.

        with DeadLetters(sqs, outputs["dlq_url"]) as dead:
            for page in dead.pages(): ...

    Receiving a letter hides it from others for HIDDEN_SECONDS; the end of the block makes all of them visible again.
    """

    def __init__(
        self, sqs: SQSClient, queue_url: str, *, clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._sqs = sqs
        self._queue_url = queue_url
        self._clock = clock
        self._sleep = sleep
        # When each comes back by itself, and the receipt to give it back before, the earliest first.
        self._hidden: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def pages(self) -> Iterator[list[Letter]]:
        """Yield every letter that was sent before this began, once, up to ten at a time.

        Letters that are sent meanwhile, such as those that fail again, are left alone. So are those that somebody
        else is looking at. Memory is that of the ids, and of the receipts of a minute.
        """
        began = self._clock()
        seen: set[str] = set()
        familiar = 0
        # Of many, the first come back before the last were seen. A whole round with nothing new is the end.
        while familiar <= max(len(seen), _SMALLEST_ROUND):
            received = self._receive()
            if not received:
                return
            new = [each for each in received if each.message_id not in seen and each.sent_at.timestamp() < began]
            familiar = 0 if new else familiar + len(received)
            seen.update(each.message_id for each in new)
            if new:
                yield new

    def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete up to ten letters, and return those that are still there.

        An old receipt may be too old: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
        """
        waiting = {str(index): letter for index, letter in enumerate(letters)}
        left: list[Letter] = []
        for attempt in range(_ATTEMPTS):
            if not waiting:
                break
            if attempt:
                self._sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": each, "ReceiptHandle": letter.receipt_handle} for each, letter in waiting.items()],
            )
            for deleted in answer.get("Successful", ()):
                self._hidden.pop(waiting.pop(deleted["Id"]).message_id, None)
            left += [waiting.pop(each["Id"]) for each in answer.get("Failed", ()) if each["SenderFault"]]
        return [*left, *waiting.values()]

    def _receive(self) -> list[Letter]:
        now = self._clock()
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=LETTERS_A_CALL,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=_PATIENCE_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        letters = [_letter(message) for message in answer.get("Messages", ())]
        for letter in letters:
            self._hidden.pop(letter.message_id, None)
            self._hidden[letter.message_id] = (now + HIDDEN_SECONDS, letter.receipt_handle)
        for message_id, (until, _) in list(itertools.takewhile(lambda each: each[1][0] < now, self._hidden.items())):
            del self._hidden[message_id], until
        return letters

    def _give_back(self) -> None:
        """Let others see at once what is still hidden; it would come back by itself, so failures do not matter."""
        hidden = iter(list(self._hidden.values()))
        while page := list(itertools.islice(hidden, LETTERS_A_CALL)):
            now = self._clock()
            receipts = [receipt for until, receipt in page if now < until]
            if receipts:
                with contextlib.suppress(BotoCoreError, ClientError):
                    self._sqs.change_message_visibility_batch(
                        QueueUrl=self._queue_url,
                        Entries=[
                            {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                            for index, receipt in enumerate(receipts)
                        ],
                    )
        self._hidden.clear()


class Fate(StrEnum):
    """What became of a letter that was to be redriven."""

    MOVED = "moved"
    DOUBLED = "doubled"
    """It is back in its queue and still among the dead letters: processing it twice changes nothing."""
    LOOPING = "looping"
    """Left alone, for it was redriven too often already."""
    REFUSED = "refused"
    """Left alone, for SQS does not take it."""


def redrive(
    letters: DeadLetters, origins: Origins, senders: Mapping[str, Sender], selection: Selection, *, again: bool
) -> Iterator[tuple[Letter, Fate]]:
    """Move the selected letters back to where they came from, and yield what became of each.

    Each is deleted only after it was sent. Whatever ends this in between makes a duplicate at most, which changes
    nothing: an event that has been applied is not applied again. `senders` are by the URL of their queue. Unless
    `again`, letters stay that were redriven MOST_REDRIVES times.
    """
    for page in letters.pages():
        chosen = [letter for letter in page if letter in selection]
        looping = [] if again else [letter for letter in chosen if letter.redrives >= MOST_REDRIVES]
        yield from ((letter, Fate.LOOPING) for letter in looping)
        for url, group in origins.sort(letter for letter in chosen if letter not in looping):
            for batch in batches(group):
                refusals = senders[url].offer([letter.redriven for letter in batch])
                sent = [letter for index, letter in enumerate(batch) if index not in refusals]
                left = {letter.message_id for letter in letters.delete(sent)}
                yield from ((batch[index], Fate.REFUSED) for index in refusals)
                yield from ((letter, Fate.DOUBLED if letter.message_id in left else Fate.MOVED) for letter in sent)


class HasQueues(Protocol):
    """What a stack is here, deployed or local."""

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Those of the Terraform module."""

    def client(self, service: str, /) -> Any:  # noqa: ANN401 - boto3's own signature
        """A client by the name of its service."""


def redrive_of(
    stack: HasQueues, selection: Selection, *, again: bool, rate: float | None = None
) -> Iterator[tuple[Letter, Fate]]:
    """As `redrive`, for the queues of a stack; at most `rate` letters a second."""
    sqs, origins = stack.client("sqs"), Origins.of(stack.outputs)
    with DeadLetters(sqs, stack.outputs["dlq_url"]) as letters:
        yield from redrive(letters, origins, origins.senders(sqs, rate), selection, again=again)


def batches(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Yield the letters in groups that one call can send."""
    batch: list[Letter] = []
    total = 0
    for letter in letters:
        size = _size(letter)
        if batch and (len(batch) == LETTERS_A_CALL or total + size > _BYTES_A_CALL):
            yield batch
            batch, total = [], 0
        batch.append(letter)
        total += size
    if batch:
        yield batch


def _size(letter: Letter) -> int:
    """In bytes, as SQS counts it, with room for the count of redrives."""
    attributes = (
        len(name.encode()) + len(each["DataType"]) + len(each.get("StringValue", "").encode())
        + len(each.get("BinaryValue", b""))
        for name, each in letter.attributes.items()
    )  # fmt: skip
    return len(letter.body.encode()) + sum(attributes) + 32


def _letter(message: MessageTypeDef) -> Letter:
    system = message["Attributes"]
    return Letter(
        message_id=message["MessageId"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        received=int(system["ApproximateReceiveCount"]),
        source_arn=system.get("DeadLetterQueueSourceArn"),
        attributes={name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        receipt_handle=message["ReceiptHandle"],
    )


def _attribute(received: Mapping[str, Any]) -> dict[str, Any]:
    """As it can be sent: only the fields that it has."""
    return {name: received[name] for name in ("DataType", "StringValue", "BinaryValue") if name in received}
