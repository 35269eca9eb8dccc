"""What the range worker asks of SQS, and of what feeds the thumbnailer."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.jobs.guard import QueueLook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from range_worker.config import RangeWorkerConfig

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MESSAGES_A_CALL: Final = 10

_ATTEMPTS: Final = 6


@dataclass(frozen=True)
class JobQueues:
    """The queue of ranges, the backfill queue and that of dead letters."""

    config: RangeWorkerConfig
    sqs: SQSClient
    functions: LambdaClient
    sleep: Callable[[float], None] = time.sleep

    def send_ranges(self, bodies: Sequence[str]) -> None:
        """Have others woken up. Raises Transient where SQS does not take all of them."""
        self._send(self.config.ranges_queue, bodies)

    def send_images(self, bodies: Sequence[str]) -> None:
        """Have images looked at by the thumbnailer. Raises Transient where SQS does not take all of them."""
        self._send(self.config.backfill_queue, bodies)

    def postpone(self, receipt: str, seconds: float) -> None:
        """Let the message that woke us up come back after so many seconds."""
        self.sqs.change_message_visibility(
            QueueUrl=self.config.ranges_queue, ReceiptHandle=receipt, VisibilityTimeout=round(seconds)
        )

    def look(self) -> QueueLook:
        """Ask how much is in the queues; every number is approximate, and up to a minute old."""
        mapping = self.functions.get_event_source_mapping(UUID=self.config.backfill_mapping)
        return QueueLook(
            in_queue=self._depth(self.config.backfill_queue),
            dead=self._depth(self.config.dead_letter_queue),
            paused=mapping["State"] in {"Disabled", "Disabling"},
        )

    def _depth(self, url: str) -> int:
        """Messages, seen and unseen."""
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return (
            int(attributes["ApproximateNumberOfMessages"])
            + int(attributes["ApproximateNumberOfMessagesNotVisible"])
            + int(attributes["ApproximateNumberOfMessagesDelayed"])
        )

    def _send(self, url: str, bodies: Sequence[str]) -> None:
        for first in range(0, len(bodies), MESSAGES_A_CALL):
            waiting = dict(enumerate(bodies[first : first + MESSAGES_A_CALL]))
            for attempt in range(_ATTEMPTS):
                if attempt:
                    self.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter
                entries = [{"Id": str(number), "MessageBody": body} for number, body in waiting.items()]
                answer = self.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
                for sent in answer.get("Successful", ()):
                    del waiting[int(sent["Id"])]
                if not waiting:
                    break
            else:
                raise Transient(f"{url} does not take {len(waiting)} messages")
