"""What an S3 Inventory says: its manifest, and the rows of its files.

inventory = Inventory.parse(manifest)
for number, row in csv_rows(file, inventory.columns):
    listed = inventory.current(row)

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from thumbnail_pipeline.listing import Listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

# Names of the fields that matter here, in CSV and in the other formats.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
_BUCKET, _KEY, _SIZE, _ETAG, _IS_LATEST, _IS_DELETE_MARKER = (
    "bucket", "key", "size", "e_tag", "is_latest", "is_delete_marker"
)  # fmt: skip
_IN_CSV: Final = {
    "Bucket": _BUCKET, "Key": _KEY, "Size": _SIZE, "ETag": _ETAG, "IsLatest": _IS_LATEST,
    "IsDeleteMarker": _IS_DELETE_MARKER,
}  # fmt: skip

FIELDS: Final = frozenset(_IN_CSV.values())
"""Those that `Inventory.current` looks at."""


@dataclass(frozen=True)
class InventoryFile:
    """One of the files that make up an inventory."""

    key: str
    """In the bucket that inventories are delivered to."""
    size: int
    """Bytes."""
    md5: str
    """Hex."""


@dataclass(frozen=True)
class Inventory:
    """A manifest."""

    created: str
    """When S3 began to write it, in milliseconds since 1970."""
    bucket: str
    """Whose objects it lists."""
    destination: str
    """The bucket that its files are in."""
    form: str
    """CSV, Parquet or ORC."""
    columns: tuple[str, ...]
    """Of a CSV file, which has no header."""
    files: tuple[InventoryFile, ...]

    @classmethod
    def parse(cls, text: str) -> Inventory:
        """Read a `manifest.json`. Raises AttributeError, LookupError, TypeError or ValueError for what is none."""
        document = json.loads(text)
        return cls(
            created=str(document["creationTimestamp"]),
            bucket=document["sourceBucket"],
            destination=document["destinationBucket"].removeprefix("arn:").rpartition(":")[2],
            form=document["fileFormat"],
            columns=tuple(_IN_CSV.get(name.strip(), name.strip()) for name in document["fileSchema"].split(",")),
            files=tuple(
                InventoryFile(each["key"], int(each["size"]), each["MD5checksum"]) for each in document["files"]
            ),
        )

    def current(self, row: Mapping[str, Any]) -> Listed | None:
        """Return the object of a row; None where it is not the current version of its key, or a delete marker.

        Raises ValueError where it is of another bucket.
        """
        if row.get(_BUCKET, self.bucket) != self.bucket:
            raise ValueError(f"it is of the bucket {row[_BUCKET]!r}")
        if row.get(_IS_LATEST, True) and not row.get(_IS_DELETE_MARKER):
            return Listed(row[_KEY], row[_SIZE], row[_ETAG].strip('"'), None)
        return None


def missing(columns: Collection[str]) -> list[str]:
    """Return what has to be among the columns and is not, as S3's console names it."""
    return [shown for shown, name in _IN_CSV.items() if name in {_KEY, _SIZE, _ETAG} and name not in columns]


def csv_rows(file: IO[bytes], columns: Sequence[str], after: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a file in CSV behind so many, each with its number, of which the first is 1.

    Raises ValueError, OSError or EOFError where the file is no such file, cut short or damaged: gzip has a checksum.
    """
    with gzip.open(file) as plain:
        # A line is a row, for the names in it are encoded. Those before it are not worth more than being counted.
        deque(itertools.islice(plain, after), maxlen=0)
        lines = csv.reader(io.TextIOWrapper(plain, encoding="utf-8", newline=""))
        for number, fields in enumerate(lines, after + 1):
            if not fields:
                continue
            row: dict[str, Any] = dict(zip(columns, fields, strict=True))
            # Only in this format the key is encoded, as in notifications.
            row[_KEY] = unquote_plus(row[_KEY], errors="strict")
            row |= {name: row[name].lower() == "true" for name in (_IS_LATEST, _IS_DELETE_MARKER) if name in row}
            row[_SIZE] = int(row[_SIZE] or 0)  # Delete markers have none.
            yield number, row
