"""Splits the keys of a bucket into ranges, so that several can be listed at a time."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.listing import Listed

# Four ranges are worked on at a time, and those that turn out long must not be left alone at the end.
_RANGES_WANTED: Final = 32
_CALLS_AT_A_TIME: Final = 8

# No character comes after it, so every key that begins with a text comes before the text and this: but for those in
# which this very character follows, which can make ranges unequal, and never wrong.
_LAST_CHARACTER: Final = "\U0010ffff"


@dataclass(frozen=True)
class Range:
    """A stretch of keys, in the order in which S3 lists them."""

    after: str
    """Every key comes after it; empty is the beginning."""
    until: str | None
    """No key comes after it; None is the end."""


class Listing:
    """The objects of a bucket whose keys begin with a prefix, by listing: one part a range."""

    def __init__(self, s3: S3Client, bucket: str, prefix: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix

    def parts(self) -> list[str]:
        """Name the ranges that the bucket can be listed in."""
        found = split(self._s3, self._bucket, self._prefix, wanted=_RANGES_WANTED)
        return [json.dumps([each.after, each.until]) for each in found]

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:
        """Yield the objects of a range after `position`, each with the position that it is at: its key."""
        after, until = json.loads(part)
        # What comes right after a key is the key and the first of all characters.
        before = None if until is None else f"{until}\0"
        for listed in listing.objects(
            self._s3, self._bucket, prefix=self._prefix, after=position or after, until=before
        ):
            yield listed.key, listed


def split(s3: S3Client, bucket: str, prefix: str, *, wanted: int, small: int = listing.KEYS_A_CALL) -> Sequence[Range]:
    """Return ranges that together hold every key that begins with `prefix` once, in their order.

    There are `wanted` of them or up to twice as many, fewer where they would hold few keys: `small` are never divided.
    Their borders are where many keys begin alike, with slashes or without; a border is a text, and need not be a key.
    """
    undivided: list[str] = []
    beginnings = [prefix]
    with ThreadPoolExecutor(_CALLS_AT_A_TIME) as threads:
        while beginnings and len(undivided) + len(beginnings) < wanted:
            # All of them or none, for where one is divided, the others are likely to be as large.
            longer = list(threads.map(lambda each: list(_many_begin_with(s3, bucket, each, small)), beginnings))
            undivided += [each for each, those in zip(beginnings, longer, strict=True) if not those]
            beginnings = list(itertools.chain.from_iterable(longer))
    divided = sorted([*undivided, *beginnings])
    borders = divided[:: max(1, len(divided) // wanted)][1:]
    return [Range(after, until) for after, until in zip(["", *borders], [*borders, None], strict=True)]


def _many_begin_with(s3: S3Client, bucket: str, beginning: str, small: int) -> Iterator[str]:
    """Yield texts, of one length, longer than `beginning`, with which more than `small` keys begin."""
    keys, more = _keys(s3, bucket, beginning, "", small)
    if not more:
        return
    # What all have in common is no place to divide them.
    beginning = _common(s3, bucket, beginning, keys[0])
    length = len(beginning) + 1
    after = beginning
    while True:
        keys, more = _keys(s3, bucket, beginning, after, small)
        if not more:
            return
        first, last = keys[0][:length], keys[-1][:length]
        if first != last:
            after = last  # Those before it are few.
        elif first + _LAST_CHARACTER > after:
            yield first
            after = first + _LAST_CHARACTER
        else:
            return


def _common(s3: S3Client, bucket: str, beginning: str, first: str) -> str:
    """Return the longest text that all keys begin with that begin with `beginning`, of which `first` is the first."""
    shortest, longest = len(beginning), len(first)
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        others, _ = _keys(s3, bucket, beginning, first[:middle] + _LAST_CHARACTER, 1)
        if others:
            longest = middle - 1
        else:
            shortest = middle
    return first[:shortest]


def _keys(s3: S3Client, bucket: str, beginning: str, after: str, most: int) -> tuple[list[str], bool]:
    """Return the first keys after `after`, and whether there are more."""
    page = s3.list_objects_v2(Bucket=bucket, Prefix=beginning, StartAfter=after, MaxKeys=most)
    return [each["Key"] for each in page.get("Contents", ())], page["IsTruncated"]
