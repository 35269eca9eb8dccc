"""A log group, read as it grows: every event once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# An event may arrive some seconds after the time that it bears, so each call reads this much again.
_OVERLAP_MILLISECONDS: Final = 10_000


@dataclass(frozen=True)
class Event:
    """A line of a log. `time` is in milliseconds since the epoch."""

    stream: str
    time: int
    message: str


class LogFollower:
    """Follows one log group."""

    def __init__(self, logs: CloudWatchLogsClient, group: str) -> None:
        self._logs = logs
        self._group = group
        self._read: Counter[Event] = Counter()
        self._newest = 0

    def new(self) -> list[Event]:
        """Return the events that no earlier call has returned, in order of time."""
        since = max(0, self._newest - _OVERLAP_MILLISECONDS)
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group, startTime=since)
        found = [
            Event(each["logStreamName"], each["timestamp"], each["message"])
            for page in pages
            for each in page["events"]
        ]
        unread: list[Event] = []
        again: Counter[Event] = Counter()
        for event in found:
            # The emulator gives events no ids, so equal ones are told apart by their number.
            again[event] += 1
            if again[event] > self._read[event]:
                unread.append(event)
        self._newest = max((event.time for event in found), default=self._newest)
        self._read = again
        return unread
