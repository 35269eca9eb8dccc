"""Digests of failures to the alerts topic: one message for all that failed in an invocation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from thumbnailer.aws import errors_told_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thumbnailer.aws import Clients

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_SUBJECT = 99
_MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Failure:
    """One image, or one message, that can never be processed."""

    subject: str
    """`s3://bucket/key`, or what names the message."""
    reason: str
    detail: str


class Alerts:
    """The alerts topic, as the function may use it."""

    def __init__(self, clients: Clients, topic_arn: str) -> None:
        self._clients = clients
        self._topic_arn = topic_arn

    def publish(self, failures: Sequence[Failure]) -> None:
        """Tell the topic's subscribers of `failures`; say nothing where there are none."""
        if not failures:
            return
        reasons = sorted({failure.reason for failure in failures})
        noun = "image" if len(failures) == 1 else "images"
        subject = f"{len(failures)} {noun} failed: {', '.join(reasons)}"
        with errors_told_apart("publishing an alert"):
            self._clients.sns.publish(
                TopicArn=self._topic_arn,
                Subject=subject[:_LONGEST_SUBJECT],
                Message=_digest(failures),
                MessageAttributes={
                    "kind": {"DataType": "String", "StringValue": "image-failures"},
                    "reason": {
                        "DataType": "String",
                        "StringValue": reasons[0] if len(reasons) == 1 else "mixed",
                    },
                },
            )


def _digest(failures: Iterable[Failure]) -> str:
    lines = ["The thumbnailer could not process these images and will not try again:", ""]
    by_reason = sorted(failures, key=lambda failure: failure.reason)
    for reason, group in groupby(by_reason, key=lambda failure: failure.reason):
        members = list(group)
        lines.append(f"{reason}: {len(members)}")
        lines += [f"  {member.subject}: {member.detail}" for member in members[:_MOST_EXAMPLES]]
        if len(members) > _MOST_EXAMPLES:
            lines.append(f"  … and {len(members) - _MOST_EXAMPLES} more")
        lines.append("")
    lines.append("Each has a row with status FAILED in the catalog. Upload a good image under the same key to mend it.")
    return "\n".join(lines)
