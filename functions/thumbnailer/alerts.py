"""Publishes failures to the alerts topic: a few digests, however many images fail; `digests` decides when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.clients import errors_told_apart
from thumbnail_pipeline.errors import PipelineError, Transient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thumbnail_pipeline.clients import Clients
    from thumbnailer.digests import Digest, Digests


@dataclass(frozen=True)
class Failure:
    """One image, or one message, that can never be processed."""

    subject: str
    """`s3://bucket/key`, or what names the message."""
    reason: str
    detail: str


class Alerts:
    """The alerts topic, for failures.

    alerts = Alerts(clients, topic_arn, Digests(dynamodb, table, window_seconds=900), runbook_url)
    alerts.tell("corrupt", [Failure("s3://uploads/cat.jpg", "corrupt", "The image cannot be decoded.")])
    """

    def __init__(self, clients: Clients, topic_arn: str, digests: Digests, runbook_url: str) -> None:
        self._clients = clients
        self._topic_arn = topic_arn
        self._digests = digests
        self._runbook_url = runbook_url

    def tell(self, reason: str, failures: Sequence[Failure]) -> None:
        """Tell the topic's subscribers of `failures`, all for one reason: at once, or in a later digest.

        Raises Transient where neither could be done; then nothing is on record, and the same may be told again.
        """
        digest = self._digests.add(reason, [f"{failure.subject}: {failure.detail}" for failure in failures])
        if digest is None:
            return
        try:
            self._publish(digest)
        except Transient:
            self._digests.not_told(digest)
            raise
        try:
            self._digests.told(digest)
        except PipelineError as error:
            # The speaker's turn ends by itself, and these failures are then told once more.
            telemetry.log("WARNING", "digest not noted as told", reason=reason, error=str(error))

    def _publish(self, digest: Digest) -> None:
        with errors_told_apart("publishing an alert"):
            self._clients.sns.publish(
                TopicArn=self._topic_arn,
                Subject=f"{_counted(digest.number)} failed: {digest.reason}",
                Message=self._text(digest),
                # For the filter policies of subscribers.
                # https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html
                MessageAttributes={
                    "kind": {"DataType": "String", "StringValue": "image-failures"},
                    "reason": {"DataType": "String", "StringValue": digest.reason},
                    "count": {"DataType": "Number", "StringValue": str(digest.number)},
                },
            )

    def _text(self, digest: Digest) -> str:
        return "\n".join(
            [
                f"The thumbnailer could not process {_counted(digest.number)}, and will not try again.",
                f"Reason: {digest.reason}",
                "",
                "For example:",
                *(f"  {example}" for example in digest.examples),
                "",
                "Each has a row with status FAILED and this reason in the catalog, and a line in the function's log.",
                "To mend one, upload a good file under the same key.",
                f"How to list them all, and to retry them once the cause is mended: {self._runbook_url}#failed-images",
                "",
                f"More failures for this reason are counted, and told in the first digest after "
                f"{self._digests.silent_until(digest)}.",
            ]
        )


def _counted(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"
