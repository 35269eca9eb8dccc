"""How much an SQS queue holds, how much a bulk job puts into it, and how many invocations read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MESSAGES_AT_A_TIME: Final = 10_000
"""In the queue, unless somebody wants it otherwise: a minute or two of the function's work."""

INVOCATIONS_A_POLLER: Final = 10
"""What one provisioned poller of Lambda keeps busy: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""


@dataclass(frozen=True)
class Depth:
    """Messages in a queue. Every number is approximate, and up to a minute old.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """

    waiting: int
    in_flight: int
    """Received by somebody, and hidden from others meanwhile."""
    delayed: int

    @property
    def total(self) -> int:
        return self.waiting + self.in_flight + self.delayed


def depth(sqs: SQSClient, url: str) -> Depth:
    """Ask SQS how much a queue holds."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return Depth(
        waiting=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
    )
