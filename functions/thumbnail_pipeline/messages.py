"""Reads the events in a message of either queue, and writes a backfill's message. Pure.

It reads what S3 sends straight to the queue, through SNS or through EventBridge; the `s3:TestEvent` that S3 sends
whenever a notification is configured; and what a backfill writes: a notification like S3's, without a sequencer.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.images import LONGEST_KEY_BYTES, Image
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.sns import Notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from thumbnail_pipeline.listing import Listed

__all__ = ["Change", "ObjectEvent", "backfill_body", "parse"]


class Change(enum.Enum):
    """What happened to the object."""

    CREATED = "created"
    REMOVED = "removed"
    """The key has no current object any more: deleted, or hidden by a delete marker."""
    VERSION_REMOVED = "version-removed"
    """One version is gone for good, or was said to be; whether the key still has a current object is open."""


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
    """Whether the object is to be rendered even if its row says that it is up to date; only a backfill can ask."""

    @property
    def is_backfill(self) -> bool:
        """Whether this was written by `backfill_body`, and not by S3."""
        return self.sequencer == ordering.LOWEST


def parse(body: str) -> tuple[ObjectEvent | Permanent, ...]:
    """Return the events in the `body` of a message, and a Permanent error in the place of each unreadable one.

    An `s3:TestEvent` has no events. Raises Permanent (`malformed-message`, `unknown-message`) where the message as a
    whole is not one of S3's.
    """
    message = _json_object(body)
    if notification := Notification.of(message):
        message = _json_object(notification.message)
    if message.get("Event") == "s3:TestEvent":
        return ()
    if message.get("source") == "aws.s3":
        return (_readable(_from_event_bridge, message),)
    records = message.get("Records")
    if not isinstance(records, list) or not records:
        raise Permanent(Reason.UNKNOWN_MESSAGE, "the message is JSON, but no notification of S3 with Records")
    return tuple(_readable(_from_notification, record) for record in records)


def backfill_body(image: Image, *, size: int | None = None, etag: str | None = None, forced: bool = False) -> str:
    """Return the body of a message that has the function look at an object.

    With `etag` it is about these bytes only; others that replaced them have an event of their own. With `size`, in
    bytes, the function reserves no more memory than it needs. What is up to date is left alone, unless `forced`.
    """
    described: dict[str, Any] = {"key": quote_plus(image.key)}
    if size is not None:
        described["size"] = size
    if etag is not None:
        described["eTag"] = etag
    record: dict[str, Any] = {
        "eventSource": "thumbnail-pipeline:backfill",
        "eventName": "ObjectCreated:Backfill",
        "s3": {"bucket": {"name": image.bucket}, "object": described},
    }
    if forced:
        record["forced"] = True
    return json.dumps({"Records": [record]}, separators=(",", ":"))


def listed_body(bucket: str, listed: Listed, *, in_inventory: bool, forced: bool) -> str:
    """Return the body of a message about an object as a listing shows it, or an inventory.

    An inventory is days old. What was replaced since may have been so before anybody was told of it: whatever is there
    is meant, and not these bytes only.
    """
    etag = None if in_inventory else listed.etag
    return backfill_body(Image(bucket, listed.key), size=listed.size, etag=etag, forced=forced)


def _json_object(text: object) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Permanent(Reason.MALFORMED_MESSAGE, "the message is no JSON object")
    return document


def _readable(read: Callable[[Any], ObjectEvent], record: object) -> ObjectEvent | Permanent:
    try:
        return read(record)
    except Permanent as error:
        return error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Permanent(Reason.MALFORMED_MESSAGE, f"a record lacks or garbles a field: {error!r}")


# Lifecycle expiry has an event family of its own, with the same two endings.
_CHANGES = {
    "ObjectCreated": Change.CREATED,
    "ObjectRemoved:Delete": Change.REMOVED,
    "ObjectRemoved:DeleteMarkerCreated": Change.REMOVED,
    # It tells of versions that expired, too, and AWS's own sample of such an event names none.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configure-notification.html
    "LifecycleExpiration:Delete": Change.VERSION_REMOVED,
    "LifecycleExpiration:DeleteMarkerCreated": Change.REMOVED,
}


def _from_notification(record: dict[str, Any]) -> ObjectEvent:
    # "ObjectCreated:Put", in some relays "s3:ObjectCreated:Put".
    name = str(record["eventName"]).removeprefix("s3:")
    change = _CHANGES.get("ObjectCreated" if name.startswith("ObjectCreated:") else name)
    if change is None:
        raise Permanent(Reason.UNKNOWN_EVENT, f"{name!r} is no creation or removal of an object")
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
        expired = detail.get("reason") == "Lifecycle Expiration"
        open_what_is_left = permanently and (expired or bool(detail["object"].get("version-id")))
        change = Change.VERSION_REMOVED if open_what_is_left else Change.REMOVED
    else:
        raise Permanent(Reason.UNKNOWN_EVENT, f"{detail_type!r} is no creation or removal of an object")
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
    # JSON can hold half of a surrogate pair, which cannot be encoded; this raises for it.
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
