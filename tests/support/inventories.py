"""S3 Inventories, as S3 delivers them: files of rows in CSV or Parquet, and a manifest.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

BUCKET: Final = "uploads"
DELIVERY: Final = "inventories"
FOLDER: Final = "daily/uploads/all"
MANIFEST: Final = f"{FOLDER}/2026-01-02T00-00Z/manifest.json"
LOCATION: Final = f"s3://{DELIVERY}/{MANIFEST}"
SCHEMA: Final = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag"


@dataclass(frozen=True)
class InventoryRow:
    """A version of an object."""

    key: str
    size: int | None = 7
    etag: str | None = "e" * 32
    is_latest: bool = True
    is_delete_marker: bool = False


def in_csv(rows: Sequence[InventoryRow], bucket: str = BUCKET) -> bytes:
    """Return a file of rows."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for each in rows:
        flags = [str(each.is_latest).lower(), str(each.is_delete_marker).lower()]
        size = "" if each.size is None else each.size
        writer.writerow([bucket, quote_plus(each.key, safe="/"), "v1", *flags, size, each.etag or ""])
    return gzip.compress(text.getvalue().encode(), mtime=0)


def in_parquet(rows: Sequence[InventoryRow]) -> bytes:
    """Return a file of rows."""
    table = pa.table(
        {
            "bucket": pa.array([BUCKET for _ in rows], pa.string()),
            "key": pa.array([each.key for each in rows], pa.string()),
            "is_latest": pa.array([each.is_latest for each in rows], pa.bool_()),
            "is_delete_marker": pa.array([each.is_delete_marker for each in rows], pa.bool_()),
            "size": pa.array([each.size for each in rows], pa.int64()),
            "e_tag": pa.array([each.etag for each in rows], pa.string()),
        }
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def deliver(
    s3: Any,
    *files: bytes,
    bucket: str = BUCKET,
    to: str = DELIVERY,
    form: str = "CSV",
    schema: str = SCHEMA,
    **other: Any,
) -> str:
    """Have an inventory of a bucket, which consists of these files, in the bucket `to`; return its manifest's ETag."""
    listed = []
    for number, content in enumerate(files):
        key = f"{FOLDER}/data/{number}"
        s3.put_object(Bucket=to, Key=key, Body=content, ContentType="")
        listed.append(
            {"key": key, "size": len(content), "MD5checksum": hashlib.md5(content, usedforsecurity=False).hexdigest()}
        )
    document = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{to}",
        "version": "2016-11-30",
        "creationTimestamp": "1767312000000",
        "fileFormat": form,
        "fileSchema": schema,
        "files": listed,
    }
    body = json.dumps(document | other).encode()
    etag: str = s3.put_object(Bucket=to, Key=MANIFEST, Body=body, ContentType="")["ETag"]
    return etag.strip('"')
