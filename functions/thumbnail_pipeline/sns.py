"""What SNS wraps around a message on its way to a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Notification"]


@dataclass(frozen=True)
class Notification:
    """A message to a subscriber, in its envelope; raw delivery has none.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """

    topic: str
    """The topic's name."""
    subject: str
    message: str
    sent_at: str
    """ISO 8601."""
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Notification | None:
        """Read an envelope; None where the JSON `document` is none. What it lacks is empty."""
        if document.get("Type") != "Notification" or "TopicArn" not in document:
            return None
        message, given = document.get("Message"), document.get("MessageAttributes")
        attributes = given.items() if isinstance(given, dict) else ()
        return cls(
            topic=str(document["TopicArn"]).rpartition(":")[2],
            subject=str(document.get("Subject") or ""),
            message=message if isinstance(message, str) else "",
            sent_at=str(document.get("Timestamp") or ""),
            attributes={
                name: str(each["Value"]) for name, each in attributes if isinstance(each, dict) and "Value" in each
            },
        )
