"""Puts messages into a queue, ten a call, until every one is in it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, SendMessageBatchRequestEntryTypeDef

    from thumbctl.bulk.pace import Pace

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MESSAGES_A_CALL = 10

_ATTEMPTS = 8


@dataclass(frozen=True)
class Message:
    """What goes into a queue."""

    body: str
    attributes: Mapping[str, MessageAttributeValueTypeDef] = field(default_factory=dict)


class Sender:
    """Sends messages to one queue; any number of threads may use it, and share its pace."""

    def __init__(
        self, sqs: SQSClient, queue_url: str, pace: Pace, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._pace = pace
        self._sleep = sleep

    def send(self, messages: Sequence[Message]) -> None:
        """Send up to ten messages, and those again that SQS took no blame for refusing, until all are in the queue.

        Raises ThumbctlError where one never gets there; then some of the others may be there.
        """
        for refusal in self.offer(messages).values():
            raise ThumbctlError(
                f"SQS refuses a message for {self._queue_url} ({refusal}): mend that, and start again; what was sent"
                " stays sent."
            )

    def offer(self, messages: Sequence[Message]) -> dict[int, str]:
        """As `send`, but return the messages that SQS refuses for good: its reason, by their index."""
        self._pace.take(len(messages))
        waiting = dict(enumerate(messages))
        refusals: dict[int, str] = {}
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter
            entries = [_entry(str(index), message) for index, message in waiting.items()]
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            for sent in answer.get("Successful", ()):
                del waiting[int(sent["Id"])]
            for refused in answer.get("Failed", ()):
                if refused["SenderFault"]:
                    del waiting[int(refused["Id"])]
                    refusals[int(refused["Id"])] = f"{refused['Code']}: {refused.get('Message', '')}"
            if not waiting:
                return refusals
        raise ThumbctlError(
            f"{self._queue_url} took {len(messages) - len(waiting)} of {len(messages)} messages and never the others:"
            " see whether SQS is well in this region, and start again; what was sent stays sent."
        )


def _entry(identifier: str, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": identifier, "MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = message.attributes
    return entry
