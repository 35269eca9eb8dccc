"""What asks the function to look at an object: S3's own notification, without a sequencer.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus


def body(bucket: str, key: str, *, size: int | None = None, etag: str | None = None, forced: bool = False) -> str:
    """Return the message that has an object looked at.

    With `etag` it is about these very bytes and no others; whatever replaced them has an event of its own. `size`, in
    bytes, lets the function hold no more memory than it needs. What is up to date is left alone unless `forced`.
    """
    described: dict[str, Any] = {"key": quote_plus(key)}
    if size is not None:
        described["size"] = size
    if etag is not None:
        described["eTag"] = etag
    record: dict[str, Any] = {
        "eventSource": "thumbnail-pipeline:backfill",
        "eventName": "ObjectCreated:Backfill",
        "s3": {"bucket": {"name": bucket}, "object": described},
    }
    if forced:
        record["forced"] = True
    return json.dumps({"Records": [record]}, separators=(",", ":"))
