"""Reads back what a run has made: thumbnails from their bucket, and alerts as a subscriber gets them."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from PIL import Image, UnidentifiedImageError

from thumbnail_pipeline.sns import Notification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from devtools.demo.catalog import ListedThumbnail

_AT_ONCE: Final = 10
_LAST_LINES: Final = 8
# What Lambda itself writes around every invocation.
_ROUTINE: Final = ("START RequestId", "END RequestId", "REPORT RequestId")


@dataclass(frozen=True)
class ReadBack:
    """A thumbnail as it was read back; `problem` is empty where it is what the catalog says."""

    rendition: ListedThumbnail
    data: bytes
    content_type: str
    problem: str


@dataclass(frozen=True)
class Alert:
    """A message as it reached a subscriber of the alerts topic."""

    subject: str
    message: str
    sent_at: str

    @property
    def line(self) -> str:
        """What it says, in a line: of an alarm its state, its name and the first sentence of its description."""
        change = _change(self.message)
        if change is None:
            return self.subject
        sentence = change.get("AlarmDescription", "").partition(". ")[0]
        return f"{change['NewStateValue']} {change['AlarmName']}: {sentence}"

    @property
    def is_news(self) -> bool:
        """Whether it tells of something: an alarm that was just created turns OK without having been anything else."""
        change = _change(self.message)
        states = change and (change.get("OldStateValue"), change["NewStateValue"])
        return states != ("INSUFFICIENT_DATA", "OK")


def _change(message: str) -> dict[str, str] | None:
    """What CloudWatch says of an alarm, or None where the message is another."""
    try:
        change = json.loads(message)
    except ValueError:
        return None
    return change if isinstance(change, dict) and {"AlarmName", "NewStateValue"} <= change.keys() else None


@dataclass(frozen=True)
class ThumbnailBucket:
    """The thumbnails bucket."""

    s3: S3Client
    bucket: str

    def keys(self) -> set[str]:
        """The key of every thumbnail there is."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", ())}

    def read(self, renditions: Iterable[ListedThumbnail]) -> list[ReadBack]:
        """Read thumbnails back and open each."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._read, renditions))

    def _read(self, rendition: ListedThumbnail) -> ReadBack:
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=rendition.key)
            data = response["Body"].read()
        except ClientError as error:
            return ReadBack(rendition, b"", "", f"cannot be read back: {error}")
        return ReadBack(rendition, data, response["ContentType"], _problem(rendition, data))


def _problem(rendition: ListedThumbnail, data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            size = image.size
    except (OSError, UnidentifiedImageError) as error:
        return f"cannot be opened: {error}"
    if size != (rendition.width, rendition.height):
        return f"is {size[0]}x{size[1]}, and the catalog says {rendition.width}x{rendition.height}"
    return ""


@dataclass(frozen=True)
class AlertQueue:
    """The queue that subscribes to the alerts topic, in the place of a person."""

    sqs: SQSClient
    queue_url: str

    def take(self) -> Iterator[Alert]:
        """Take out every alert that has arrived, and return those that are news."""
        for document in _taken(self.sqs, self.queue_url):
            if notification := Notification.of(document):
                alert = Alert(notification.subject, notification.message, notification.sent_at)
                if alert.is_news:
                    yield alert


@dataclass(frozen=True)
class Announcement:
    """An event as a consumer of the bus got it."""

    what: str
    """Image Ready, Image Failed or Image Deleted."""
    key: str
    status: str
    etag: str | None
    reason: str
    sequence: str
    time: str


@dataclass(frozen=True)
class EventQueue:
    """The queue that a rule on the bus feeds, in the place of a consumer."""

    sqs: SQSClient
    queue_url: str

    def take(self) -> Iterator[Announcement]:
        """Take out every event that has arrived."""
        for event in _taken(self.sqs, self.queue_url):
            detail, data = event["detail"], event["detail"]["data"]
            yield Announcement(
                event["detail-type"],
                detail["subject"],
                data["status"],
                data["etag"],
                data["reason"] or "",
                detail["sequence"],
                detail["time"],
            )


def _taken(sqs: SQSClient, queue_url: str) -> Iterator[Any]:
    """Yield what every message says that has arrived, and take it out of the queue."""
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


@dataclass(frozen=True)
class Logs:
    """The function's log group and the emulator's own log, if there is one: where to look when there is no answer."""

    logs: CloudWatchLogsClient
    group: str
    emulator: Path | None = None

    def last_words(self) -> tuple[str, ...]:
        """The last lines of both that are not routine."""
        events = self.logs.filter_log_events(logGroupName=self.group).get("events", ())
        function = [each["message"].strip() for each in events if not each["message"].startswith(_ROUTINE)]
        emulator = self.emulator.read_text(encoding="utf-8", errors="replace").splitlines() if self.emulator else []
        return (*emulator[-_LAST_LINES:], *function[-_LAST_LINES:])
