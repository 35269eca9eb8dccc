"""What a bucket held when S3 Inventory last wrote it down: faster and cheaper than listing many millions of objects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.listing import Listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES: Final = 2**20
_ROWS_A_BATCH: Final = 10_000

# Names of the fields that matter here, in both formats.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
_KEY, _SIZE, _ETAG, _IS_LATEST, _IS_DELETE_MARKER = "key", "size", "e_tag", "is_latest", "is_delete_marker"
_IN_CSV: Final = {
    "Key": _KEY, "Size": _SIZE, "ETag": _ETAG, "IsLatest": _IS_LATEST, "IsDeleteMarker": _IS_DELETE_MARKER
}  # fmt: skip


@dataclass(frozen=True)
class File:
    """One of the files that make up an inventory."""

    key: str
    """In the bucket that inventories are delivered to."""
    md5: str
    """Hex."""


@dataclass(frozen=True)
class Manifest:
    """One inventory: one part a file, and a position is a number of rows."""

    location: str
    """Where it was read: `s3://…` or a path."""
    created: str
    """When S3 began to write it, in milliseconds since 1970."""
    bucket: str
    """Whose objects it lists."""
    destination: str
    """The bucket that its files are in."""
    form: str
    columns: Sequence[str]
    """Of a CSV file, which has no header."""
    files: Mapping[str, File]
    s3: S3Client
    prefix: str = ""

    def parts(self) -> list[str]:
        """Name the files."""
        return list(self.files)

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:
        """Yield the current objects in a file behind so many rows, each with the number of rows up to it.

        What is no longer current, a delete marker, or begins with another prefix is left out. Raises
        ThumbctlError where the file is not what the manifest says.
        """
        done = int(position or 0)
        with self._opened(self.files[part]) as file:
            rows = self._csv_rows(file) if self.form == "CSV" else self._parquet_rows(file)
            for number, row in enumerate(itertools.islice(rows, done, None), done + 1):
                if row.get(_IS_LATEST, True) and not row.get(_IS_DELETE_MARKER) and row[_KEY].startswith(self.prefix):
                    yield str(number), Listed(row[_KEY], row[_SIZE], row[_ETAG].strip('"'), None)

    @contextlib.contextmanager
    def _opened(self, file: File) -> Iterator[IO[bytes]]:
        """The file, once all of it is there and what S3 wrote."""
        with contextlib.ExitStack() as closing:
            if self.location.startswith("s3://"):
                body: IO[bytes] = _get(self.s3, self.destination, file.key)
                opened: IO[bytes] = closing.enter_context(tempfile.TemporaryFile())
                digest = _digest(body, opened)
            else:
                opened = closing.enter_context(_beside(Path(self.location), file.key).open("rb"))
                digest = _digest(opened)
            if digest != file.md5:
                raise ThumbctlError(
                    f"{file.key} of the inventory is not what its manifest says (MD5 {digest} and not {file.md5}):"
                    " copy it again, or take a newer inventory."
                )
            opened.seek(0)
            yield opened

    def _csv_rows(self, file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
        with gzip.open(file) as plain:
            for fields in csv.reader(io.TextIOWrapper(plain, encoding="utf-8", newline="")):
                row: dict[str, Any] = dict(zip(self.columns, fields, strict=True))
                # Only in this format the key is encoded, as in notifications.
                row[_KEY] = unquote_plus(row[_KEY], errors="strict")
                row |= {name: row[name] == "true" for name in (_IS_LATEST, _IS_DELETE_MARKER) if name in row}
                row[_SIZE] = int(row[_SIZE] or 0)  # Delete markers have none.
                yield row

    @staticmethod
    def _parquet_rows(file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
        # It takes as long to load and as much memory as all else together, and few need it.
        try:
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            raise ThumbctlError(
                "An inventory in Parquet needs pyarrow: install thumbnail-pipeline[inventory], or have S3 write CSV."
            ) from None

        opened = parquet.ParquetFile(file)
        columns = [name for name in opened.schema_arrow.names if name in _IN_CSV.values()]
        _require_columns(columns)
        for batch in opened.iter_batches(_ROWS_A_BATCH, columns=columns):
            yield from batch.to_pylist()


def read(s3: S3Client, location: str, *, bucket: str, prefix: str) -> Manifest:
    """Read the `manifest.json` at `location`, `s3://bucket/key` or a path, and expect it to be of `bucket`.

    Where it is a path, its files lie beside it or in `../data`, as S3 lays them out. Raises ThumbctlError where it is
    not a manifest, of another bucket, or lacks what it takes to compare objects with their rows.
    """
    try:
        document = json.loads(_text(s3, location))
        form, source = document["fileFormat"], document["sourceBucket"]
        files = {each["key"]: File(each["key"], each["MD5checksum"]) for each in document["files"]}
        schema = [_IN_CSV.get(name.strip(), name.strip()) for name in document["fileSchema"].split(",")]
        destination = document["destinationBucket"].removeprefix("arn:").rpartition(":")[2]
        created = str(document["creationTimestamp"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ThumbctlError(
            f"{location} is no manifest of S3 Inventory ({error!r}): name the manifest.json of one."
        ) from None
    if source != bucket:
        raise ThumbctlError(
            f"{location} is an inventory of {source}, and this stack's images are in {bucket}: name another."
        )
    if form not in {"CSV", "Parquet"}:
        raise ThumbctlError(f"{location} is an inventory in {form}: have S3 write it as CSV or Parquet.")
    if form == "CSV":
        _require_columns(schema)
    return Manifest(location, created, source, destination, form, schema, files, s3, prefix)


def _require_columns(columns: Sequence[str]) -> None:
    missing = [shown for shown, name in _IN_CSV.items() if name in {_KEY, _SIZE, _ETAG} and name not in columns]
    if missing:
        raise ThumbctlError(
            f"The inventory has no {' and no '.join(missing)}: have S3 include it, as an additional metadata field."
        )


def _text(s3: S3Client, location: str) -> str:
    if location.startswith("s3://"):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        return str(_get(s3, bucket, key).read(), "utf-8")
    try:
        return Path(location).read_text(encoding="utf-8")
    except OSError as error:
        raise ThumbctlError(
            f"{location} cannot be read ({error.strerror}): name the manifest.json of an inventory."
        ) from None


def _get(s3: S3Client, bucket: str, key: str) -> Any:  # noqa: ANN401 - a stream of botocore's
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchKey", "NoSuchBucket"}:
            raise
        raise ThumbctlError(
            f"There is no s3://{bucket}/{key}: name the manifest.json of an inventory that is there."
        ) from None


def _beside(manifest: Path, key: str) -> Path:
    name = key.rpartition("/")[2]
    places = (manifest.parent / name, manifest.parent.parent / "data" / name)
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise ThumbctlError(f"{name} is neither {' nor '.join(map(str, places))}: copy the inventory's files there.")
    return found


def _digest(source: IO[bytes], copy: IO[bytes] | None = None) -> str:
    """The MD5 of a stream in hex, which is copied on the way."""
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)
    return digest.hexdigest()
