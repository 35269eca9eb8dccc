"""Splits the keys of a bucket into ranges, so that several can be listed at a time."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline import listing
from thumbnail_pipeline.reconciliation.alignment import can_go_on_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

_CALLS_AT_A_TIME: Final = 8
# A range is halved between so many pieces, of which some are much larger than others.
_PIECES: Final = 8

# No character comes after it, so every key that begins with a text comes before the text and this: but for those in
# which this very character follows, which can make ranges unequal, and never wrong.
_LAST_CHARACTER: Final = "\U0010ffff"


@dataclass(frozen=True)
class Range:
    """A stretch of keys, in the order in which S3 lists them."""

    after: str = ""
    """Every key comes after it; empty is the beginning."""
    until: str | None = None
    """No key comes after it; None is the end."""

    @property
    def before(self) -> str | None:
        """The text before which its last key comes: what comes right after a key is it and the first of characters."""
        return None if self.until is None else f"{self.until}\0"

    def holds(self, key: str) -> bool:
        """Whether a key belongs to it."""
        return key > self.after and (self.until is None or key <= self.until)


def split(
    s3: S3Client,
    bucket: str,
    prefix: str,
    *,
    wanted: int,
    small: int = listing.KEYS_A_CALL,
    within: Range = Range(),
) -> Sequence[Range]:
    """Return ranges that together hold every key of `within` that begins with `prefix` once, in their order.

    There are `wanted` of them or up to twice as many, fewer where they would hold few keys: `small` are never divided.
    Their borders are where many keys begin alike, with slashes or without; a border is a text, and need not be a key.
    """
    undivided: list[str] = []
    # Whatever lies between two texts begins as both do.
    common = os.path.commonprefix([within.after, within.until or ""])  # noqa: RUF071 - of texts, not of paths
    beginnings = [max(prefix, common)]
    with ThreadPoolExecutor(_CALLS_AT_A_TIME) as threads:
        while beginnings and len(undivided) + len(beginnings) < wanted:
            # All of them or none, for where one is divided, the others are likely to be as large.
            longer = list(threads.map(lambda each: list(_many_begin_with(s3, bucket, each, small, within)), beginnings))
            undivided += [each for each, those in zip(beginnings, longer, strict=True) if not those]
            beginnings = list(itertools.chain.from_iterable(longer))
    divided = sorted([*undivided, *beginnings])
    chosen = divided[:: max(1, len(divided) // wanted)][1:]
    borders = [each for each in chosen if within.holds(each) and can_go_on_at(each)]
    return [Range(*each) for each in zip([within.after, *borders], [*borders, within.until], strict=True)]


def halve(s3: S3Client, bucket: str, prefix: str, within: Range, *, small: int = listing.KEYS_A_CALL) -> str | None:
    """Return a text that divides a range into two that both may hold many keys, or None where it holds few."""
    pieces = split(s3, bucket, prefix, wanted=_PIECES, small=small, within=within)
    return pieces[len(pieces) // 2].after if len(pieces) > 1 else None


def _many_begin_with(s3: S3Client, bucket: str, beginning: str, small: int, within: Range) -> Iterator[str]:
    """Yield texts, of one length, longer than `beginning`, with which more than `small` keys of `within` begin."""
    keys, more = _keys(s3, bucket, beginning, within.after, small, within)
    if not more:
        return
    # What all have in common is no place to divide them.
    beginning = _common(s3, bucket, beginning, keys[0], within)
    length = len(beginning) + 1
    after = max(beginning, within.after)
    while True:
        keys, more = _keys(s3, bucket, beginning, after, small, within)
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


def _common(s3: S3Client, bucket: str, beginning: str, first: str, within: Range) -> str:
    """Return the longest text with which all keys begin that begin with `beginning`, of which `first` is the first."""
    shortest, longest = len(beginning), len(first)
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        others, _ = _keys(s3, bucket, beginning, first[:middle] + _LAST_CHARACTER, 1, within)
        if others:
            longest = middle - 1
        else:
            shortest = middle
    return first[:shortest]


def _keys(s3: S3Client, bucket: str, beginning: str, after: str, most: int, within: Range) -> tuple[list[str], bool]:
    """Return the first keys of `within` after `after`, and whether there are more."""
    page = s3.list_objects_v2(Bucket=bucket, Prefix=beginning, StartAfter=after, MaxKeys=most)
    keys = [each["Key"] for each in page.get("Contents", ())]
    found = [key for key in keys if within.until is None or key <= within.until]
    return found, page["IsTruncated"] and len(found) == len(keys)
