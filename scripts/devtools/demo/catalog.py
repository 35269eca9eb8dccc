"""The pipeline's answers: one catalog row for each image, or its message among the dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline import messages
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import Change, ObjectEvent
from thumbnail_pipeline.rows import KEYS_A_CALL, key_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from devtools.demo.upload import Uploaded

# Longer than a demo lasts: each dead letter is seen once and stays where it is.
_UNSEEN_SECONDS: Final = 3600


@dataclass(frozen=True)
class ListedThumbnail:
    """A thumbnail as the catalog lists it."""

    name: str
    key: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True)
class Answer:
    """A catalog row: what a demo shows of it."""

    status: str
    reason: str
    detail: str
    etag: str
    version_id: str | None
    size_bytes: int | None
    format: str
    width: int | None
    height: int | None
    renditions: tuple[ListedThumbnail, ...]
    attempts: int | None
    milliseconds: int | None
    created_at: str
    processed_at: str
    trace_id: str
    dominant_colour: str
    captured_at: str
    warnings: tuple[str, ...]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Answer:
        """Read an item in DynamoDB's own notation; only a READY row has everything."""
        value = plain(item)
        return cls(
            status=value.get("status") or "",
            reason=value.get("reason") or "",
            detail=value.get("detail") or "",
            etag=(value.get("etag") or "").strip('"'),
            version_id=value.get("version_id"),
            size_bytes=value.get("size_bytes"),
            format=value.get("format") or "",
            width=value.get("width"),
            height=value.get("height"),
            renditions=tuple(
                ListedThumbnail(each["name"], each["key"], each["width"], each["height"], each["bytes"])
                for each in value.get("renditions") or ()
            ),
            attempts=value.get("attempts"),
            milliseconds=value.get("milliseconds"),
            created_at=value.get("created_at") or "",
            processed_at=value.get("processed_at") or "",
            trace_id=value.get("trace_id") or "",
            dominant_colour=value.get("dominant_colour") or "",
            captured_at=value.get("captured_at") or "",
            warnings=tuple(value.get("warnings") or ()),
        )

    def answers(self, uploaded: Uploaded) -> bool:
        """Whether this is the final word on the newest state of the object, not on an earlier one."""
        if uploaded.sample.deleted:
            return self.status == "DELETED"
        same_version = None in (self.version_id, uploaded.version_id) or self.version_id == uploaded.version_id
        return self.status in {"READY", "FAILED"} and self.etag == uploaded.etag and same_version


@dataclass(frozen=True)
class CatalogReader:
    """The catalog's rows of one uploads bucket."""

    dynamodb: DynamoDBClient
    table: str
    bucket: str

    def rows(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The rows that there are, by key."""
        found: dict[str, Answer] = {}
        for start in range(0, len(keys), KEYS_A_CALL):
            wanted: Mapping[str, Any] = {
                self.table: {"Keys": [key_of(Image(self.bucket, key)) for key in keys[start : start + KEYS_A_CALL]]}
            }
            while wanted:
                answer = self.dynamodb.batch_get_item(RequestItems=wanted)
                for item in answer["Responses"].get(self.table, ()):
                    found[item["source_key"]["S"]] = Answer.from_item(item)
                wanted = answer.get("UnprocessedKeys") or {}
        return found


@dataclass(frozen=True)
class DeadLetterReader:
    """The dead-letter queue, read without taking anything out of it."""

    sqs: SQSClient
    queue_url: str

    def arrived(self) -> Iterator[ObjectEvent]:
        """The events in every message that has not been returned before."""
        while messages := self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_UNSEEN_SECONDS,
            WaitTimeSeconds=0,  # or an empty queue answers only after its long poll
        ).get("Messages"):
            for message in messages:
                yield from _events(message["Body"])


def _events(body: str) -> Iterator[ObjectEvent]:
    try:
        parsed = messages.parse(body)
    except Permanent:
        return
    yield from (event for event in parsed if isinstance(event, ObjectEvent))


def is_among(dead: Iterable[ObjectEvent], uploaded: Uploaded) -> bool:
    """Whether the event of the newest state of the object is among the dead ones."""
    return any(
        event.image.key == uploaded.key
        and (event.change is not Change.CREATED if uploaded.sample.deleted else event.etag == uploaded.etag)
        for event in dead
    )
