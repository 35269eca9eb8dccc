"""What can become of an image and of a delivery, and why: every word that rows, logs, metrics and people use.

The values are part of the interface. They stand in catalog rows, metric dimensions, saved queries and scripts, so a
new one may be added, and none may change.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Reason", "Status", "Unapplied", "Undecided"]


class Status(StrEnum):
    """The state of an image, as its catalog row has it."""

    READY = "READY"
    """Its newest bytes are rendered and stored."""
    FAILED = "FAILED"
    """Its newest bytes can never be rendered; the row has the reason."""
    DELETED = "DELETED"
    """The object is gone; the row is a tombstone that expires."""


class Unapplied(StrEnum):
    """Why an event was acknowledged without a change to its row."""

    STALE = "STALE"
    """A newer event decides."""
    DUPLICATE = "DUPLICATE"
    """It was applied before."""
    IGNORED = "IGNORED"
    """It lies outside the watched prefix, or is a deletion that thumbnails outlive."""


class Undecided(StrEnum):
    """Why a delivery comes back to the queue."""

    HANDED_BACK = "HANDED_BACK"
    """The invocation had no time left to begin it."""
    RETURNED = "RETURNED"
    """It failed in a way that may pass."""
    SYSTEMIC = "SYSTEMIC"
    """Nothing can succeed until a person acts; the whole batch comes back."""


class Reason(StrEnum):
    """Why an image or a message can never be processed. docs/runbook.md says of each what to do."""

    ARCHIVED = "archived"
    CORRUPT = "corrupt"
    CRASHED = "crashed"
    EMPTY = "empty"
    FOREIGN_BUCKET = "foreign-bucket"
    KEY_TOO_LONG = "key-too-long"
    MALFORMED_MESSAGE = "malformed-message"
    OUT_OF_MEMORY = "out-of-memory"
    TOO_LARGE = "too-large"
    TOO_MANY_FRAMES = "too-many-frames"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_SCANS = "too-many-scans"
    TOO_SLOW = "too-slow"
    TRUNCATED = "truncated"
    UNIDENTIFIED = "unidentified"
    UNKNOWN_EVENT = "unknown-event"
    UNKNOWN_MESSAGE = "unknown-message"
    UNSUPPORTED_FORMAT = "unsupported-format"
