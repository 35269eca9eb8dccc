"""Standard queues in memory: the calls that operators' tools make, time that passes when it is told to, and faults.

Whatever is outside of that raises NotImplementedError.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.memory_aws import refusal

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_MESSAGES_A_CALL = 10


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Queued:
    """A message in a queue."""

    message_id: str
    body: str
    attributes: dict[str, Any]
    sent_at: float
    source_arn: str | None = None
    received: int = 0
    visible_at: float = 0.0
    receipt: str = ""


@dataclass
class MemorySQS:
    """The SQS client. `fault` is asked at every step of a call what goes wrong there, and may raise Crash."""

    now: float = 1_800_000_000.0
    """Seconds since the epoch."""
    fault: Callable[[str], str] = lambda _: ""
    """Of a step, such as "send", "sent", "delete", "deleted": nothing, "fails" (SQS's fault) or "refused" (ours)."""
    on_sent: Callable[[str, Queued], None] = lambda _url, _message: None
    queues: dict[str, list[Queued]] = field(default_factory=dict)
    chance: random.Random | None = None
    """Decides what is received first; without it, what came first."""
    most_hidden: int = 0
    calls: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def put(self, url: str, body: str, *, source_arn: str | None = None, attributes: Any = None) -> Queued:
        """Have a message in a queue, sent a moment ago."""
        message = Queued(f"m{next(self._numbers)}", body, attributes or {}, self.now - 1, source_arn)
        self.queues.setdefault(url, []).append(message)
        return message

    def bodies(self, *urls: str) -> list[str]:
        """Everything in queues, hidden or not."""
        return sorted(message.body for url in urls for message in self.queues.get(url, ()))

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int, WaitTimeSeconds: int, **_: Any  # noqa: N803 - boto3's names
    ) -> dict[str, Any]:  # fmt: skip
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html."""
        self._begin("ReceiveMessage")
        queue = self.queues.setdefault(QueueUrl, [])
        visible = [each for each in queue if each.visible_at <= self.now]
        if self.chance:
            self.chance.shuffle(visible)
        found = visible[:MaxNumberOfMessages]
        for message in found:
            # A standard queue hands out what comes back behind what waits.
            queue.remove(message)
            queue.append(message)
            message.received += 1
            message.visible_at = self.now + VisibilityTimeout
            message.receipt = f"r{next(self._numbers)}"
        self.most_hidden = max(self.most_hidden, sum(each.visible_at > self.now for each in queue))
        self.now += 0 if found else WaitTimeSeconds
        return {"Messages": [_received(each) for each in found]} if found else {}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html."""

        def send(entry: dict[str, Any]) -> str:
            if len(entry.get("MessageAttributes", {})) > _MESSAGES_A_CALL:
                return "refused"
            sent = Queued(f"m{next(self._numbers)}", entry["MessageBody"], entry.get("MessageAttributes", {}), self.now)
            self.queues.setdefault(QueueUrl, []).append(sent)
            self.on_sent(QueueUrl, sent)
            return ""

        return self._batch("send", "sent", Entries, send)

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html."""

        def delete(entry: dict[str, Any]) -> str:
            found = self._with(QueueUrl, entry)
            if found is None:
                return "refused"
            self.queues[QueueUrl].remove(found)
            return ""

        return self._batch("delete", "deleted", Entries, delete)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html."""

        def change(entry: dict[str, Any]) -> str:
            found = self._with(QueueUrl, entry)
            if found is None:
                return "refused"
            found.visible_at = self.now + entry["VisibilityTimeout"]
            return ""

        return self._batch("hide", "hidden", Entries, change)

    def _with(self, url: str, entry: dict[str, Any]) -> Queued | None:
        return next((each for each in self.queues[url] if each.receipt == entry["ReceiptHandle"]), None)

    def _batch(
        self, before: str, after: str, entries: list[dict[str, Any]], work: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any]:
        self._begin(before)
        if not 0 < len(entries) <= _MESSAGES_A_CALL:
            raise refusal(before, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
        successful: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in entries:
            problem = self.fault(before) or work(entry)
            if problem:
                failed.append({"Id": entry["Id"], "SenderFault": problem == "refused", "Code": problem, "Message": ""})
            else:
                self.fault(after)
                successful.append({"Id": entry["Id"]})
        return {"Successful": successful, "Failed": failed}

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        self.now += 0.01


def _received(message: Queued) -> dict[str, Any]:
    system = {"SentTimestamp": str(int(message.sent_at * 1000)), "ApproximateReceiveCount": str(message.received)}
    if message.source_arn:
        system["DeadLetterQueueSourceArn"] = message.source_arn
    received: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "Attributes": system,
    }
    return {**received, "MessageAttributes": message.attributes} if message.attributes else received
