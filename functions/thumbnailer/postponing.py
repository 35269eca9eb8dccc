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

MOST_DENIED_TRIES = 5
"""How often an image that S3 denies is tried at most."""
_DENIED_GROWTH = 4
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


def delay_of_denied(attempt: int, tries: int, seconds: float) -> int:
    """Whole seconds until the next of `tries` deliveries of a message whose object S3 denied for the `attempt`-th time.

    Each wait is four times the one before, and all of them together are `seconds`: whoever scans objects is done with
    most of them soon, and with some late.
    """
    waits = [float(_DENIED_GROWTH) ** number for number in range(tries - 1)]
    return round(seconds * waits[attempt - 1] / sum(waits))


class WorkQueue:
    """The queue that a message came from: the work queue, or the backfill's."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def postpone(self, record: dict[str, Any], seconds: int) -> None:
        """Let the message of an SQS `record` come back after so many seconds, at most twelve hours.

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
                    VisibilityTimeout=seconds,
                )
        except PipelineError as error:
            telemetry.log("WARNING", "message not postponed", message_id=record["messageId"], error=str(error))
