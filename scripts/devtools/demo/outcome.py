"""What became of the samples, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.demo.catalog import Answer
    from devtools.demo.evidence import Alert, Announcement, ReadBack
    from devtools.demo.upload import Uploaded
    from thumbctl.looking.xray import Trace

DEAD_LETTER = "DEAD LETTER"
UNACCOUNTED = "UNACCOUNTED"


@dataclass(frozen=True)
class UploadResult:
    """One upload and what the pipeline says about it.

    `row` is the catalog's final word, or None; `thumbnails` were read back from their bucket.
    """

    uploaded: Uploaded
    row: Answer | None
    dead: bool = False
    thumbnails: tuple[ReadBack, ...] = ()

    @property
    def status(self) -> str:
        """READY, FAILED, DELETED, or why there is no such answer."""
        if self.row is not None:
            return self.row.status
        return DEAD_LETTER if self.dead else UNACCOUNTED

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it was promised, one sentence each."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        expected = self.uploaded.sample.expected
        if self.status == UNACCOUNTED:
            yield "is not accounted for: no final catalog row, no dead letter"
        elif expected is not None and self.status != expected:
            reason = f" ({self.row.reason}: {self.row.detail})" if self.row and self.row.reason else ""
            yield f"is {self.status}{reason}, expected {expected}"
        if self.row is not None and self.row.status == "READY" and not self.row.renditions:
            yield "is READY without a single rendition"
        for thumbnail in self.thumbnails:
            if thumbnail.problem:
                yield f"thumbnail {thumbnail.rendition.key} {thumbnail.problem}"


@dataclass(frozen=True)
class Result:
    """A whole run.

    `missing` are the keys of thumbnails that the catalog lists and the bucket lacks, `strays` of those that
    belong to no image. `events` are those that reached the consumer of the bus. `seconds` is the time from the first
    upload to the last answer. `last_words` are lines of the logs that may explain why an upload has no answer.
    """

    outcomes: tuple[UploadResult, ...]
    alerts: tuple[Alert, ...]
    traces: tuple[Trace, ...]
    missing: tuple[str, ...]
    strays: tuple[str, ...]
    seconds: float
    events: tuple[Announcement, ...] = ()
    last_words: tuple[str, ...] = ()

    def count(self, status: str) -> int:
        """How many uploads ended like this."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def thumbnail_count(self) -> int:
        """How many thumbnails the catalog lists."""
        return sum(len(outcome.row.renditions) for outcome in self.outcomes if outcome.row)

    @property
    def bytes_in(self) -> int:
        """The size of all images that have thumbnails."""
        return sum(outcome.row.size_bytes or 0 for outcome in self.outcomes if outcome.row and outcome.row.renditions)

    @property
    def bytes_out(self) -> int:
        """The size of all thumbnails."""
        return sum(rendition.bytes for outcome in self.outcomes if outcome.row for rendition in outcome.row.renditions)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is not as it was promised, one sentence each."""
        return tuple(self._problems())

    @property
    def newest_events(self) -> dict[str, Announcement]:
        """Of each key, the newest that the consumer got, as a consumer keeps it."""
        return {event.key: event for event in sorted(self.events, key=lambda event: event.sequence)}

    def _problems(self) -> Iterator[str]:
        newest = self.newest_events
        for outcome in self.outcomes:
            for problem in outcome.problems:
                yield f"{outcome.uploaded.key} {problem}"
            told = newest.get(outcome.uploaded.key)
            if outcome.row and (told.status if told else None) != outcome.row.status:
                said = f"was announced as {told.status}" if told else "was not announced"
                yield f"{outcome.uploaded.key} is {outcome.row.status}, and {said}"
        for key in self.missing:
            yield f"thumbnail {key} is listed in the catalog and does not exist"
        for key in self.strays:
            yield f"thumbnail {key} belongs to no image"
        if self.count("FAILED") and not self.alerts:
            yield "images failed, and no alert reached the subscriber"
        if not self.traces:
            yield "the X-Ray collector received nothing"
