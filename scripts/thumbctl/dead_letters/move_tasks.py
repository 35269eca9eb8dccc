"""SQS's own way of moving all dead letters back to the queues that they came from.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MOST_A_SECOND: Final = 500
"""Messages."""

OF_NO_QUEUE: Final = "CouldNotDetermineMessageSource"
"""Why a task fails at a letter that did not come from a queue; those before it were moved."""

# What an emulator says that lacks the call.
_UNKNOWN_ACTION: Final = frozenset({"InvalidAction", "UnknownOperationException"})


@dataclass(frozen=True)
class Task:
    """The latest one of a queue."""

    status: str
    """RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED."""
    moved: int
    """About so many by now."""
    to_move: int | None
    """About so many when it began; None before SQS has counted them."""
    failure: str | None
    started_at: int
    """Milliseconds since the epoch: what tells two tasks apart."""

    @property
    def over(self) -> bool:
        return self.status not in {"RUNNING", "CANCELLING"}


def latest(sqs: SQSClient, dlq_arn: str) -> Task | None:
    """Return the latest task, or None where there was none or SQS has no such tasks."""
    try:
        results = sqs.list_message_move_tasks(SourceArn=dlq_arn, MaxResults=1).get("Results", [])
    except ClientError as error:
        if _is_unknown(error):
            return None
        raise
    if not results:
        return None
    task = results[0]
    return Task(
        status=task["Status"],
        moved=task.get("ApproximateNumberOfMessagesMoved", 0),
        to_move=task.get("ApproximateNumberOfMessagesToMove"),
        failure=task.get("FailureReason"),
        started_at=task["StartedTimestamp"],
    )


def start(sqs: SQSClient, dlq_arn: str, per_second: int) -> bool:
    """Start to move all letters, each to the queue that it came from; False where SQS has no such tasks."""
    try:
        sqs.start_message_move_task(SourceArn=dlq_arn, MaxNumberOfMessagesPerSecond=per_second)
    except ClientError as error:
        if _is_unknown(error):
            return False
        raise
    return True


def _is_unknown(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _UNKNOWN_ACTION
