"""Where a job's objects come from: a listing of their bucket, or an S3 Inventory.

Either is a sequence of *places*, texts that sort as the sequence goes, and a walk can go on behind any of them. So a
range is a stretch of places, whatever those are.
"""

from __future__ import annotations

import itertools
import zlib
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import ClientError, HTTPClientError

from thumbnail_pipeline import addresses, listing
from thumbnail_pipeline.clients import code_of
from thumbnail_pipeline.inventories import Inventory, csv_rows
from thumbnail_pipeline.jobs.ranges import Range, halve, split

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.jobs.records import JobInventory
    from thumbnail_pipeline.listing import Listed

# Rows that are none of the job's are skipped: old versions, and other prefixes. So many take a fraction of a second;
# after them it is seen to that a turn is over in time.
_ROWS_A_PAGE: Final = 20_000


MOST_FILE_BYTES: Final = 256 * 2**20
"""Of a file of an inventory: some ten million rows, which a turn can skip in half its time, and be somewhere new."""

# What is amiss with a file, and not with who reads it.
_UNREADABLE: Final = (ValueError, LookupError, OSError, EOFError, zlib.error)


class SourceChanged(Exception):
    """What a job goes through is not what it was planned by; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SourcePage:
    """Some objects that come one after the other."""

    placed: Sequence[tuple[str, Listed]]
    """Each with its place. There may be none."""
    reached: str
    """The place behind which the next page begins."""


class JobSource(Protocol):
    """What a job goes through."""

    def split(self, wanted: int) -> Sequence[Range]:
        """Return ranges that together hold everything once, in their order: about so many, or fewer."""

    def halve(self, within: Range) -> str | None:
        """Return a place that divides a range into two that both may hold much, or None where it holds little."""

    def pages(self, within: Range, most: int) -> Generator[SourcePage]:
        """Yield what a range holds, in pages of at most so many objects."""


@dataclass(frozen=True)
class ListedSource:
    """The objects whose keys begin with a prefix, by listing them: a place is a key."""

    s3: S3Client
    bucket: str
    prefix: str
    small: int = listing.KEYS_A_CALL
    """So few keys are not divided."""

    def split(self, wanted: int) -> Sequence[Range]:
        return split(self.s3, self.bucket, self.prefix, wanted=wanted, small=self.small)

    def halve(self, within: Range) -> str | None:
        return halve(self.s3, self.bucket, self.prefix, within, small=self.small)

    def pages(self, within: Range, most: int) -> Generator[SourcePage]:
        objects = listing.objects(self.s3, self.bucket, prefix=self.prefix, after=within.after, until=within.before)
        while page := list(itertools.islice(objects, most)):
            yield SourcePage([(each.key, each) for each in page], page[-1].key)


@dataclass(frozen=True)
class InventorySource:
    """The objects that an S3 Inventory in CSV lists, and whose keys begin with a prefix.

    A place is the number of a file and, behind a point, of a row in it: keys are in no order from file to file.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
    """

    s3: S3Client
    asked: JobInventory
    """What places mean follows from it."""
    prefix: str

    @cached_property
    def inventory(self) -> Inventory:
        """Raises SourceChanged where there is another one by now."""
        try:
            body = self._get(*addresses.parsed(self.asked.location), IfMatch=self.asked.etag)
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            raise SourceChanged(
                f"{self.asked.location} was written anew since it began: cancel it, and begin another by the new one."
            ) from None
        return Inventory.parse(str(body.read(), "utf-8"))

    def split(self, wanted: int) -> Sequence[Range]:
        files = len(self.inventory.files)
        borders = [_file_place(number) for number in range(0, files, -(-files // wanted) or 1)][1:]
        return [Range(*each) for each in zip(["", *borders], [*borders, None], strict=True)]

    def halve(self, within: Range) -> str | None:
        """As a whole file at least goes to either side, for it is read from its beginning."""
        first, _ = _parsed_place(within.after)
        end = len(self.inventory.files) if within.until is None else _parsed_place(within.until)[0]
        middle = (first + 1 + end) // 2
        return _file_place(middle) if first < middle < end else None

    def pages(self, within: Range, most: int) -> Generator[SourcePage]:
        first, done = _parsed_place(within.after)
        for number in range(first, len(self.inventory.files)):
            if within.until is not None and _file_place(number) >= within.until:
                return
            yield from self._pages_of(number, done, most)
            done = 0

    def _pages_of(self, number: int, done: int, most: int) -> Generator[SourcePage]:
        """What a file holds behind so many rows."""
        reached = _row_place(number, done)
        try:
            for page in self._read(number, done, most):
                reached = page.reached
                yield page
        except HTTPClientError:
            # The SDK repeats no answer that breaks off once it has begun.
            yield from self._read(number, _parsed_place(reached)[1], most)

    def _read(self, number: int, done: int, most: int) -> Generator[SourcePage]:
        file = self.inventory.files[number]
        placed: list[tuple[str, Listed]] = []
        begun = row_number = done
        with closing(self._get(self.inventory.destination, file.key)) as body:
            try:
                for row_number, row in csv_rows(body, self.inventory.columns, done):
                    listed = self.inventory.current(row)
                    if listed and listed.key.startswith(self.prefix):
                        placed.append((_row_place(number, row_number), listed))
                    if len(placed) == most or row_number - begun >= _ROWS_A_PAGE:
                        yield SourcePage(placed, _row_place(number, row_number))
                        placed, begun = [], row_number
            except HTTPClientError:
                raise
            except _UNREADABLE as error:
                raise ValueError(
                    f"{file.key} of the inventory cannot be read behind row {row_number}: {error}"
                ) from error
        yield SourcePage(placed, _file_place(number + 1))

    def _get(self, bucket: str, key: str, **condition: Any) -> Any:  # noqa: ANN401 - a stream of botocore's
        return self.s3.get_object(Bucket=bucket, Key=key, **condition)["Body"]


def _file_place(number: int) -> str:
    """Comes before every row of that file, and after all of the one before."""
    return f"{number:06d}"


def _row_place(file: int, row: int) -> str:
    return f"{_file_place(file)}.{row:012d}"


def _parsed_place(place: str) -> tuple[int, int]:
    file, _, row = place.partition(".")
    return int(file or 0), int(row or 0)
