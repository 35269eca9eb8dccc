"""Announcing what became of images as a stack's publishers do: the same events, with the same ids."""

from __future__ import annotations

import math
import threading
from collections import Counter
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from thumbctl.backfill.enqueue import patient
from thumbctl.bulk.pace import Pace
from thumbctl.errors import ThumbctlError
from thumbctl.looking.publishers import EVENTS, deployment, publishers
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.sending import ChangeStream, EventBus, send

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from thumbctl.looking.publishers import DeployedPublisher
    from thumbctl.stack import Stack
    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.sending import Destination


class Announcer:
    """Sends events to one destination; any number of threads may use it, and share its pace."""

    def __init__(self, stack: Stack, publisher: DeployedPublisher, pace: Pace) -> None:
        self.publisher = publisher
        self._pace = pace
        self.deployment = deployment(stack, publisher)
        self._destination: Destination = (
            EventBus(patient(stack, "events"), publisher.where)
            if publisher.destination == EVENTS
            else ChangeStream(patient(stack, "kinesis"), publisher.where)
        )

    def announce(self, events: Sequence[CompletionEvent]) -> dict[str, str]:
        """Send `events`, and return those that were not taken: why, by their keys.

        Raises ClientError or ThumbctlError where none can be sent until somebody acts.
        """
        refused: dict[str, str] = {}
        for begin in range(0, len(events), self._destination.most_entries):
            some = events[begin : begin + self._destination.most_entries]
            self._pace.take(len(some))
            try:
                unsent = send(self._destination, some, left=lambda: math.inf, sent=lambda _: None)
            except Systemic as error:
                if isinstance(error.__cause__, ClientError):
                    raise error.__cause__ from None
                raise ThumbctlError(f"{error}: mend that, and start again; what was sent stays sent.") from None
            refused |= {some[position].image.key: why for position, why in unsent.items()}
        return refused


def announcers(stack: Stack, destinations: Collection[str], rate: float) -> list[Announcer]:
    """Those of the destinations, empty for all; each sends at most `rate` events a second."""
    found = publishers(stack)
    if missing := set(destinations) - {each.destination for each in found}:
        has = " and ".join(each.destination for each in found)
        raise ThumbctlError(
            f"The stack does not announce to {', '.join(sorted(missing))}, only to {has}: leave --to out."
        )
    return [
        Announcer(stack, each, Pace(rate)) for each in found if not destinations or each.destination in destinations
    ]


class AnnouncedTally:
    """How many events were taken by which destination, and what was refused; several threads may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        """Why, by key."""

    def announce(self, announcer: Announcer, events: Sequence[CompletionEvent]) -> bool:
        """Have events announced, count what becomes of them, and say whether all were taken."""
        refused = announcer.announce(events)
        with self._lock:
            self.sent[announcer.publisher.destination] += len(events) - len(refused)
            self.refused |= refused
        return not refused
