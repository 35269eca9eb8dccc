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
    """The row shows it already."""
    IGNORED = "IGNORED"
    """It lies outside the watched prefix and patterns, is a folder, or a deletion that thumbnails outlive."""
    KEPT = "KEPT"
    """The object cannot be read, and is still what its thumbnails show: they stay."""


class Undecided(StrEnum):
    """Why a delivery comes back to the queue."""

    HANDED_BACK = "HANDED_BACK"
    """The invocation had no time left to begin it."""
    RETURNED = "RETURNED"
    """It failed in a way that may pass."""
    DENIED = "DENIED"
    """S3 denies this one object, perhaps until somebody has looked at it."""
    SYSTEMIC = "SYSTEMIC"
    """Nothing can succeed until a person acts; the whole batch comes back."""


class Reason(StrEnum):
    """Why an image or a message can never be processed. docs/runbook.md#failed-images says of each what to do."""

    ACCESS_DENIED = "access-denied"
    """A policy denies this one object, and did so for as long as it was tried."""
    ARCHIVED = "archived"
    """The object is in an archive tier of S3, and cannot be read until somebody restores it."""
    CORRUPT = "corrupt"
    """It has the form of an image, and cannot be decoded."""
    CRASHED = "crashed"
    """The process that rendered it, and nothing else, died."""
    EMPTY = "empty"
    """It has no bytes."""
    FOREIGN_BUCKET = "foreign-bucket"
    """The message is about another bucket than the one that is watched."""
    KEY_TOO_LONG = "key-too-long"
    """The key of one of its thumbnails would be longer than S3 allows."""
    MALFORMED_MESSAGE = "malformed-message"
    """The message is no JSON object, or lacks a field, or has one that cannot be used."""
    OUT_OF_MEMORY = "out-of-memory"
    """Rendering it needs more memory than there is."""
    TOO_LARGE = "too-large"
    """It has more than `Limits.bytes`."""
    TOO_MANY_FRAMES = "too-many-frames"
    """It is an animation of more than `Limits.frames`."""
    TOO_MANY_PIXELS = "too-many-pixels"
    """It has more than `Limits.pixels`, `Limits.side` or `Limits.animated_pixels`."""
    TOO_MANY_SCANS = "too-many-scans"
    """It is a JPEG of so many scans that somebody made it to take long."""
    TOO_SLOW = "too-slow"
    """It was not rendered in time, although it had a process to itself."""
    TRUNCATED = "truncated"
    """Its file stops half-way."""
    UNIDENTIFIED = "unidentified"
    """Its bytes are not of any known format."""
    UNKNOWN_EVENT = "unknown-event"
    """The message tells of something else than the creation or removal of an object."""
    UNKNOWN_MESSAGE = "unknown-message"
    """The message is JSON, and no notification of S3."""
    UNREADABLE_ENCRYPTION = "unreadable-encryption"
    """It needs a key of its uploader's (SSE-C), or one that the function cannot use."""
    UNSUPPORTED_FORMAT = "unsupported-format"
    """Its format is known, and this installation does not render it."""
