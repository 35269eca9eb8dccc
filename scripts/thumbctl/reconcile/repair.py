"""Mends what a reconciliation finds, a hundred images at a time and no more than a run may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbctl.bulk.sender import MESSAGES_A_CALL, Message
from thumbnail_pipeline.reconciliation.mending import delete, message_about, orphans

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from thumbctl.bulk.sender import Sender
    from thumbnail_pipeline.reconciliation.findings import Examined

_IMAGES_AT_A_TIME: Final = 100
_DELETIONS_AT_A_TIME: Final = 8


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
        found = [thumbnail for one in waiting for thumbnail in orphans(one)]
        doomed = found[: self._most - self.done.deleted]
        with ThreadPoolExecutor(_DELETIONS_AT_A_TIME) as threads:
            deleted = sum(threads.map(lambda each: delete(self._s3, self._thumbnails_bucket, each), doomed))
        bodies = [body for one in waiting if (body := message_about(one, self._source_bucket))]
        sent = bodies[: self._most - self.done.sent]
        for begin in range(0, len(sent), MESSAGES_A_CALL):
            batch = [Message(body) for body in sent[begin : begin + MESSAGES_A_CALL]]
            self._sender.send(batch)
            self.done.sent += len(batch)
        self.done.deleted += deleted
        self.done.kept += len(doomed) - deleted
        self.done.left += len(found) - len(doomed) + len(bodies) - len(sent)
