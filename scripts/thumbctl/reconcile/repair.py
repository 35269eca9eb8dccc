"""Mends what a reconciliation finds: messages for what the function has to decide, deletions of what is nobody's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from thumbctl.bulk.sender import MESSAGES_A_CALL, Message
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import backfill_body
from thumbnail_pipeline.reconciliation.findings import BROKEN, Kind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from thumbctl.bulk.sender import Sender
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.findings import Examined

ONCE: Final = Config(retries={"total_max_attempts": 1})
"""For the client that deletes: a call that the SDK repeats could meet the same bytes, written anew in between."""

_IMAGES_AT_A_TIME: Final = 100
_DELETIONS_AT_A_TIME: Final = 8
# Something else lies there by now, or nothing.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
_CHANGED: Final = frozenset({"404", "412", "NoSuchKey", "PreconditionFailed"})


@dataclass
class Repaired:
    """What has been done about it."""

    sent: int = 0
    """Messages, one an image."""
    deleted: int = 0
    """Thumbnails."""
    kept: int = 0
    """Thumbnails that changed before they could be deleted."""
    left: int = 0
    """Messages and thumbnails beyond the most of a run."""

    def as_json(self) -> dict[str, Any]:
        return {"sent": self.sent, "deleted": self.deleted, "kept": self.kept, "left": self.left}


class Repair:
    """Takes one image after the other, and mends a hundred at a time."""

    def __init__(self, s3: S3Client, source_bucket: str, thumbnails_bucket: str, sender: Sender, *, most: int) -> None:
        """Send `most` messages at most, and delete as many thumbnails. `s3` must not repeat calls: see ONCE."""
        self._s3 = s3
        self._source_bucket = source_bucket
        self._thumbnails_bucket = thumbnails_bucket
        self._sender = sender
        self._most = most
        self._waiting: list[Examined] = []
        self.done = Repaired()

    def mend(self, examined: Examined) -> None:
        """Have it mended by the next `flush` at the latest."""
        if examined.is_wrong:
            self._waiting.append(examined)
        if len(self._waiting) >= _IMAGES_AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Mend what waits. Deletions come first, so that none can meet what the messages bring about."""
        waiting, self._waiting = self._waiting, []
        orphans = [each.thumbnail for one in waiting for each in one.findings if each.kind is Kind.ORPHAN]
        found = [thumbnail for thumbnail in orphans if thumbnail]
        doomed = found[: self._most - self.done.deleted]
        with ThreadPoolExecutor(_DELETIONS_AT_A_TIME) as threads:
            deleted = sum(threads.map(self._delete, doomed))
        bodies = [body for one in waiting if (body := self._body(one))]
        sent = bodies[: self._most - self.done.sent]
        for begin in range(0, len(sent), MESSAGES_A_CALL):
            batch = [Message(body) for body in sent[begin : begin + MESSAGES_A_CALL]]
            self._sender.send(batch)
            self.done.sent += len(batch)
        self.done.deleted += deleted
        self.done.kept += len(doomed) - deleted
        self.done.left += len(found) - len(doomed) + len(bodies) - len(sent)

    def _body(self, examined: Examined) -> str | None:
        """The message that has the function decide on an image, where it must."""
        kinds = {each.kind for each in examined.findings if each.kind.is_wrong} - {Kind.ORPHAN}
        if not kinds:
            return None
        key, listed = examined.findings[0].key, examined.object
        size, etag = (listed.size, listed.etag) if listed else (None, None)
        return backfill_body(Image(self._source_bucket, key), size=size, etag=etag, forced=bool(kinds & BROKEN))

    def _delete(self, thumbnail: Listed) -> bool:
        """Delete these very bytes; False where the key holds others by now, or none."""
        try:
            self._s3.delete_object(Bucket=self._thumbnails_bucket, Key=thumbnail.key, IfMatch=thumbnail.etag)
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise
        return True
