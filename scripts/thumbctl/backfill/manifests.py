"""What a bucket held when S3 Inventory last wrote it down: faster and cheaper than listing many millions of objects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from thumbctl.errors import ThumbctlError
from thumbnail_pipeline import addresses
from thumbnail_pipeline.inventories import FIELDS, Inventory, InventoryFile, csv_rows, missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

    from thumbnail_pipeline.listing import Listed

_CHUNK_BYTES: Final = 2**20
_ROWS_A_BATCH: Final = 10_000


@dataclass(frozen=True)
class Manifest:
    """One inventory: one part a file, and a position is a number of rows."""

    location: str
    """Where it was read: `s3://…` or a path."""
    etag: str
    """Of the manifest, where it was read from S3; empty otherwise."""
    inventory: Inventory
    s3: S3Client
    prefix: str = ""

    def parts(self) -> list[str]:
        """Name the files."""
        return list(self._files)

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:
        """Yield the current objects in a file behind so many rows, each with the number of rows up to it.

        What is no longer current, a delete marker, or begins with another prefix is left out. Raises
        ThumbctlError where the file is not what the manifest says.
        """
        done = int(position or 0)
        with self._opened(self._files[part]) as file:
            if self.inventory.form == "CSV":
                rows = csv_rows(file, self.inventory.columns, done)
            else:
                rows = enumerate(itertools.islice(_parquet_rows(file), done, None), done + 1)
            for number, row in rows:
                listed = self.inventory.current(row)
                if listed and listed.key.startswith(self.prefix):
                    yield str(number), listed

    @cached_property
    def _files(self) -> Mapping[str, InventoryFile]:
        return {each.key: each for each in self.inventory.files}

    @contextlib.contextmanager
    def _opened(self, file: InventoryFile) -> Iterator[IO[bytes]]:
        """The file, once all of it is there and what S3 wrote."""
        with contextlib.ExitStack() as closing:
            if addresses.is_s3(self.location):
                body: Any = _get(self.s3, self.inventory.destination, file.key)["Body"]
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


def _parquet_rows(file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    # It takes as long to load and as much memory as all else together, and few need it.
    try:
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise ThumbctlError(
            "An inventory in Parquet needs pyarrow: install thumbnail-pipeline[inventory], or have S3 write CSV."
        ) from None

    opened = parquet.ParquetFile(file)
    columns = [name for name in opened.schema_arrow.names if name in FIELDS]
    _require_columns(columns)
    for batch in opened.iter_batches(_ROWS_A_BATCH, columns=columns):
        yield from batch.to_pylist()


def read(s3: S3Client, location: str, *, bucket: str, prefix: str) -> Manifest:
    """Read the `manifest.json` at `location`, `s3://bucket/key` or a path, and expect it to be of `bucket`.

    Where it is a path, its files lie beside it or in `../data`, as S3 lays them out. Raises ThumbctlError where it is
    not a manifest, of another bucket, or lacks what it takes to compare objects with their rows.
    """
    text, etag = _read(s3, location)
    try:
        inventory = Inventory.parse(text)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ThumbctlError(
            f"{location} is no manifest of S3 Inventory ({error!r}): name the manifest.json of one."
        ) from None
    if inventory.bucket != bucket:
        raise ThumbctlError(
            f"{location} is an inventory of {inventory.bucket}, and this stack's images are in {bucket}: name another."
        )
    if inventory.form not in {"CSV", "Parquet"}:
        raise ThumbctlError(f"{location} is an inventory in {inventory.form}: have S3 write it as CSV or Parquet.")
    if inventory.form == "CSV":
        _require_columns(inventory.columns)
    return Manifest(location, etag, inventory, s3, prefix)


def _require_columns(columns: Collection[str]) -> None:
    if absent := missing(columns):
        raise ThumbctlError(
            f"The inventory has no {' and no '.join(absent)}: have S3 include it, as an additional metadata field."
        )


def _read(s3: S3Client, location: str) -> tuple[str, str]:
    """A manifest's text and its ETag."""
    if addresses.is_s3(location):
        bucket, key = addresses.parsed(location)
        answer = _get(s3, bucket, key)
        return str(answer["Body"].read(), "utf-8"), answer["ETag"].strip('"')
    try:
        return Path(location).read_text(encoding="utf-8"), ""
    except OSError as error:
        raise ThumbctlError(
            f"{location} cannot be read ({error.strerror}): name the manifest.json of an inventory."
        ) from None


def _get(s3: S3Client, bucket: str, key: str) -> GetObjectOutputTypeDef:
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Whoever may not list a bucket is not told that a key is not there.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        if error.response["Error"]["Code"] not in {"NoSuchKey", "NoSuchBucket", "AccessDenied"}:
            raise
        raise ThumbctlError(
            f"There is no s3://{bucket}/{key}, or you may not read it: name the manifest.json of an inventory that is"
            " there, or have its bucket's owner allow you s3:GetObject."
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
