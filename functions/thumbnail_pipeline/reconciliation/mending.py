"""Mends what is wrong with one image: a message for what the function has to decide, deletions of what is nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import backfill_body
from thumbnail_pipeline.reconciliation.findings import BROKEN, Kind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.findings import Examined

ONCE: Final = Config(retries={"total_max_attempts": 1})
"""For the client that deletes: a call that the SDK repeats could meet the same bytes, written anew in between."""

# Something else lies there by now, or nothing.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
_CHANGED: Final = frozenset({"404", "412", "NoSuchKey", "PreconditionFailed"})


def message_about(examined: Examined, source_bucket: str) -> str | None:
    """Return the message that has the function decide on an image, where it must."""
    kinds = {each.kind for each in examined.findings if each.kind.is_wrong} - {Kind.ORPHAN}
    if not kinds:
        return None
    key, listed = examined.findings[0].key, examined.object
    size, etag = (listed.size, listed.etag) if listed else (None, None)
    return backfill_body(Image(source_bucket, key), size=size, etag=etag, forced=bool(kinds & BROKEN))


def orphans(examined: Examined) -> list[Listed]:
    """Return the thumbnails to be deleted; before a message is sent, so that none can meet what that brings about."""
    return [each.thumbnail for each in examined.findings if each.kind is Kind.ORPHAN and each.thumbnail]


def delete(s3: S3Client, thumbnails_bucket: str, thumbnail: Listed) -> bool:
    """Delete these very bytes; False where the key holds others by now, or none. For the client, see ONCE."""
    try:
        s3.delete_object(Bucket=thumbnails_bucket, Key=thumbnail.key, IfMatch=thumbnail.etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in _CHANGED:
            return False
        raise
    return True
