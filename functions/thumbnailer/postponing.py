"""How long a message waits before it comes back, after a failure that may pass.

Which messages come back is decided in `worker`; how often at most, by the queue (`max_receive_count` in Terraform).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.clients import errors_told_apart
from thumbnail_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from thumbnail_pipeline.clients import Clients

_GROWTH = 3
_MOST_SECONDS = 900
# Not the generator that Python seeds at start: all functions restored from one snapshot would draw the same.
_random = random.SystemRandom()


def delay(attempt: int, first_seconds: float) -> int:
    """Whole seconds until the next delivery of a message that failed for the `attempt`-th time.

    The longest wait is `first_seconds` at first, then three times the one before, up to a quarter of an hour. A message
    waits between half of that and all of it, at random, so that what failed together does not come back together.
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    longest = min(first_seconds * _GROWTH ** (attempt - 1), _MOST_SECONDS)
    return round(_random.uniform(longest / 2, longest))


class WorkQueue:
    """The queue that a message came from: the work queue, or the backfill's."""

    def __init__(self, clients: Clients, first_seconds: float) -> None:
        self._clients = clients
        self._first_seconds = first_seconds

    def postpone(self, record: dict[str, Any], attempt: int) -> None:
        """Let the message of an SQS `record` come back after the delay of its `attempt`.

        Without this call, or where SQS does not answer, it comes back after the queue's visibility timeout, which is at
        least six times the function's own timeout.
        """
        # arn:<partition>:sqs:<region>:<account>:<name>
        account, name = record["eventSourceARN"].split(":")[4:6]
        try:
            with errors_told_apart("postponing a message"):
                sqs = self._clients.sqs
                sqs.change_message_visibility(
                    QueueUrl=f"{sqs.meta.endpoint_url}/{account}/{name}",
                    ReceiptHandle=record["receiptHandle"],
                    VisibilityTimeout=delay(attempt, self._first_seconds),
                )
        except PipelineError as error:
            telemetry.log("WARNING", "message not postponed", message_id=record["messageId"], error=str(error))
