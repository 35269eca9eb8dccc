"""An SQS message's body → the object events in it. Pure: no AWS, no clock.

Understands what S3 sends straight to the queue, through SNS and through EventBridge, the `s3:TestEvent`
that comes whenever a notification is configured, and backfill messages: the same shape, no sequencer.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST_KEY_BYTES", "Change", "Image", "ObjectEvent", "parse"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
LONGEST_KEY_BYTES = 1024


@dataclass(frozen=True)
class Image:
    """A source object by name; its catalog row has the same key."""

    bucket: str
    key: str


class Change(enum.Enum):
    """What happened to the object."""

    CREATED = "created"
    REMOVED = "removed"
    """The key has no current object any more: deleted, or hidden by a delete marker."""
    VERSION_REMOVED = "version-removed"
    """One version is gone for good; whether the key still has a current object is open."""


@dataclass(frozen=True)
class ObjectEvent:
    """One change of one object."""

    change: Change
    image: Image
    sequencer: str
    """Normalised (see `ordering`); `ordering.LOWEST` where S3 gave none."""
    version_id: str | None
    etag: str | None
    size: int | None
    """Bytes."""
    occurred_at: str
    """ISO 8601, as S3 wrote it; empty where the message has none."""
    forced: bool = False
    """Whether a backfill is to render the object although its row says that it is up to date."""

    @property
    def is_backfill(self) -> bool:
        """Whether this is no event of S3 but somebody's wish to have the object looked at."""
        return self.sequencer == ordering.LOWEST


def parse(body: str) -> tuple[ObjectEvent | Permanent, ...]:
    """Return the events in a message's `body`, each that cannot be read as the error in its place.

    Empty for an `s3:TestEvent`. Raises Permanent (`malformed-message`, `unknown-message`) where the
    message as a whole is not one of S3's.
    """
    message = _json_object(body)
    if message.get("Type") == "Notification" and "TopicArn" in message:
        message = _json_object(message.get("Message"))
    if message.get("Event") == "s3:TestEvent":
        return ()
    if message.get("source") == "aws.s3":
        return (_readable(_from_event_bridge, message),)
    records = message.get("Records")
    if not isinstance(records, list) or not records:
        raise Permanent("unknown-message", "the message is JSON, but no notification of S3 with Records")
    return tuple(_readable(_from_notification, record) for record in records)


def _json_object(text: object) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Permanent("malformed-message", "the message is no JSON object")
    return document


def _readable(read: Callable[[Any], ObjectEvent], record: object) -> ObjectEvent | Permanent:
    try:
        return read(record)
    except Permanent as error:
        return error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Permanent("malformed-message", f"a record lacks or garbles a field: {error!r}")


# Lifecycle expiry has an event family of its own, with the same two endings.
_CHANGES = {
    "ObjectCreated": Change.CREATED,
    "ObjectRemoved:Delete": Change.REMOVED,
    "ObjectRemoved:DeleteMarkerCreated": Change.REMOVED,
    "LifecycleExpiration:Delete": Change.REMOVED,
    "LifecycleExpiration:DeleteMarkerCreated": Change.REMOVED,
}


def _from_notification(record: dict[str, Any]) -> ObjectEvent:
    # "ObjectCreated:Put", in some relays "s3:ObjectCreated:Put".
    name = str(record["eventName"]).removeprefix("s3:")
    change = _CHANGES.get("ObjectCreated" if name.startswith("ObjectCreated:") else name)
    if change is None:
        raise Permanent("unknown-event", f"{name!r} is no creation or removal of an object")
    s3_object = record["s3"]["object"]
    version_id = s3_object.get("versionId") or None
    if change is Change.REMOVED and name.endswith(":Delete") and version_id:
        change = Change.VERSION_REMOVED
    return _event(
        change,
        # The key, and only the key, is form-encoded in notifications.
        Image(str(record["s3"]["bucket"]["name"]), unquote_plus(s3_object["key"], errors="strict")),
        sequencer=s3_object.get("sequencer"),
        version_id=version_id,
        etag=s3_object.get("eTag"),
        size=s3_object.get("size"),
        occurred_at=str(record.get("eventTime", "")),
        forced=record.get("forced") is True,
    )


def _from_event_bridge(message: dict[str, Any]) -> ObjectEvent:
    detail_type, detail = message["detail-type"], message["detail"]
    if detail_type == "Object Created":
        change = Change.CREATED
    elif detail_type == "Object Deleted":
        permanently = detail.get("deletion-type") == "Permanently Deleted"
        versioned = permanently and bool(detail["object"].get("version-id"))
        change = Change.VERSION_REMOVED if versioned else Change.REMOVED
    else:
        raise Permanent("unknown-event", f"{detail_type!r} is no creation or removal of an object")
    s3_object = detail["object"]
    return _event(
        change,
        Image(str(detail["bucket"]["name"]), str(s3_object["key"])),
        sequencer=s3_object.get("sequencer"),
        version_id=s3_object.get("version-id") or None,
        etag=s3_object.get("etag"),
        size=s3_object.get("size"),
        occurred_at=str(message.get("time", "")),
    )


def _event(
    change: Change,
    image: Image,
    *,
    sequencer: str | None,
    version_id: str | None,
    etag: str | None,
    size: int | None,
    occurred_at: str,
    forced: bool = False,
) -> ObjectEvent:
    if not image.bucket or not 0 < len(image.key.encode()) <= LONGEST_KEY_BYTES:
        raise ValueError(f"an object has a bucket and a key of up to {LONGEST_KEY_BYTES} bytes")
    # JSON can spell half a character, which nothing from here on can write.
    "".join(filter(None, (image.bucket, version_id, etag, occurred_at))).encode()
    rank = ordering.normalise(sequencer) if sequencer else ordering.LOWEST
    if change is not Change.CREATED and rank == ordering.LOWEST:
        raise ValueError("a removal without a sequencer cannot be put in order")
    return ObjectEvent(
        change=change,
        image=image,
        sequencer=rank,
        version_id=str(version_id) if version_id else None,
        etag=str(etag).strip('"') if etag else None,
        size=int(size) if size is not None else None,
        occurred_at=occurred_at,
        forced=forced and rank == ordering.LOWEST,
    )
