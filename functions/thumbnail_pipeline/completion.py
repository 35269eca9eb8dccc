"""Completion events: what is announced of an image, and when. Pure.

The row of an image is the outbox. Only what was committed to it is announced, and a row whose revision has grown calls
for an event. All of an event follows from the row, so whoever makes it again makes the same: with the same id, by which
consumers drop repetitions, and the same sequence, by which they tell the newest.

    event = completion_event(row, deployment="thumbs")
    event.detail["id"], event.detail["sequence"], event.detail["data"]["status"]

An event is a CloudEvent, in the JSON that functions/publisher/image_event.schema.json describes.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import decoded, iso, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from thumbnail_pipeline.images import Image
    from thumbnail_pipeline.rows import Row

__all__ = ["SOURCE", "CompletionEvent", "announced", "completion_event", "event_of_record", "is_news"]

SOURCE: Final = "thumbnail-pipeline"
SCHEMA_VERSION: Final = 1
"""Grows when an old consumer could no longer read an event; what is added does not make it grow."""

_DETAIL_TYPES: Final = {
    Status.READY: "Image Ready",
    Status.FAILED: "Image Failed",
    Status.DELETED: "Image Deleted",
}
# Of a number of milliseconds until the year 292,278,994, so that the order of texts is that of numbers.
_SEQUENCE_DIGITS: Final = 19
_FACTS: Final = ("format", "width", "height", "created_at")
"""What is told of an image that is READY, under the names that the row has for it."""
_RENDITION: Final = ("name", "key", "width", "height", "bytes", "etag")


@dataclass(frozen=True)
class CompletionEvent:
    """That an image is ready, has failed or is gone."""

    image: Image
    detail_type: str
    """Image Ready, Image Failed or Image Deleted: what EventBridge calls a detail-type."""
    time: datetime
    """When that was committed: its revision."""
    detail: Mapping[str, Any]
    """The CloudEvent."""

    @property
    def text(self) -> str:
        """The CloudEvent in JSON, the same for every repetition."""
        return json.dumps(self.detail, ensure_ascii=False, separators=(",", ":"))


def announced(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is announced of an image whose row has these attributes; None while nothing is committed.

    It leaves out what nobody should see (the placeholder, the decoder's words, what the camera noted), and whatever
    changes without being news, such as how often a scanner has tried.
    """
    status = row.get("status")
    if status is None:
        return None
    said: dict[str, Any] = dict.fromkeys(("version", "etag", "reason", "size", *_FACTS), None)
    if status != Status.DELETED:
        said |= {"version": row.get("version_id"), "etag": row.get("etag")}
    if status == Status.FAILED:
        said["reason"] = row.get("reason")
    if status == Status.READY:
        said |= {"size": row.get("size_bytes"), **{name: row.get(name) for name in _FACTS}}
    renditions = row.get("renditions") or () if status == Status.READY else ()
    return {
        "status": str(status),
        **said,
        "renditions": [{name: each.get(name) for name in _RENDITION} for each in renditions],
    }


def is_news(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row that becomes `after` calls for an event.

    What a backfill has found may have been left out for whoever does not want to hear of backfills: where an event
    of S3 finds the same, it is news.
    """
    return announced(before) != announced(after) or bool(before.get("backfilled") and not after.get("backfilled"))


def completion_event(row: Row, deployment: str) -> CompletionEvent | None:
    """Return the event that says what `row`, which has all its attributes, shows; None while nothing is committed."""
    said = announced(row.attributes)
    if said is None or row.status is None:
        return None
    image, revision = row.image, row.revision
    time = moment(revision)
    identity = json.dumps([image.bucket, image.key, said["version"], said["etag"], revision])
    detail = {
        "specversion": "1.0",
        "id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "source": f"/{SOURCE}/{deployment}",
        "type": f"{SOURCE}.image.{row.status.lower()}",
        "subject": image.key,
        "time": iso(time),
        "datacontenttype": "application/json",
        "dataschema": f"urn:{SOURCE}:image-event:{SCHEMA_VERSION}",
        "sequence": f"{revision:0{_SEQUENCE_DIGITS}d}",
        "deployment": deployment,
        "data": {
            "schema_version": SCHEMA_VERSION,
            "bucket": image.bucket,
            "key": image.key,
            **said,
            "backfill": row.backfilled,
        },
    }
    return CompletionEvent(image, _DETAIL_TYPES[row.status], time, detail)


def event_of_record(record: Mapping[str, Any], deployment: str) -> CompletionEvent | None:
    """Return the event that a record of the catalog's stream calls for.

    None where it tells of a claim, of tidying up, of a state that says nothing new, or of a tombstone's expiry. The
    record has both images of the row. Raises ValueError where it cannot be read.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
    """
    try:
        if record["eventName"] == "REMOVE":
            return None
        change = record["dynamodb"]
        after = decoded(change["NewImage"])
        before = decoded(change["OldImage"]) if "OldImage" in change else None
        if before is not None and before.revision == after.revision:
            return None
        return completion_event(after, deployment)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"it is no record of the catalog: {error!r}") from error
