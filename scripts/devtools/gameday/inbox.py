"""What people on call are told: the messages that reach the subscriber of the alerts, as mails."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.livepage.queues import QueueMetrics
from thumbnail_pipeline.sns import Notification

if TYPE_CHECKING:
    from devtools.localaws.stack import LocalStack


@dataclass(frozen=True)
class Mail:
    """A message as it reaches a person."""

    topic: str
    subject: str
    text: str
    about: str
    """The alarm, or the reason of the failures, that it tells of."""
    state: str | None = None
    """The state that the alarm went into; None where it is a digest of failures."""
    failures: int = 0
    """How many failures a digest tells of."""


class Inbox:
    """The queue that stands in for a person; nothing is taken out of it."""

    def __init__(self, stack: LocalStack) -> None:
        self._queues = QueueMetrics(stack.client("sqs"), stack.endpoint_url)
        self._url = stack.alerts_queue_url
        self._seen = {message["MessageId"] for message in self._queues.messages(self._url)}
        self.counts: Counter[str] = Counter()
        """How many mails have arrived, by state or as digests, and how many failures these tell of."""

    def new(self) -> list[Mail]:
        """Return what has arrived since the last time, the oldest first."""
        mails = []
        for message in self._queues.messages(self._url):
            if message["MessageId"] not in self._seen:
                self._seen.add(message["MessageId"])
                told = Notification.of(json.loads(message["Body"]))
                if told and told.attributes.get("kind") != "test":  # somebody tries the channels
                    mails.append(_mail(told))
        for mail in mails:
            self.counts[mail.state or "digests"] += 1
            self.counts["failures"] += mail.failures
        return mails


def _mail(told: Notification) -> Mail:
    if reason := told.attributes.get("reason"):
        return Mail(told.topic, told.subject, told.message, about=reason, failures=int(told.attributes["count"]))
    change = json.loads(told.message)
    # The words of the mail that CloudWatch makes of it.
    text = "\n".join(
        [
            "Alarm Details:",
            f"- Name:                    {change['AlarmName']}",
            f"- Description:             {change['AlarmDescription']}",
            f"- State Change:            {change['OldStateValue']} -> {change['NewStateValue']}",
            f"- Reason for State Change: {change['NewStateReason']}",
            f"- Timestamp:               {change['StateChangeTime']}",
        ]
    )
    return Mail(told.topic, told.subject, text, about=change["AlarmName"], state=change["NewStateValue"])
