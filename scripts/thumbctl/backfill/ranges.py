"""Lists the objects of a bucket, in ranges of their keys that are gone through side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline import listing
from thumbnail_pipeline.jobs.ranges import Range, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.listing import Listed

# Four ranges are worked on at a time, and those that turn out long must not be left alone at the end.
_RANGES_WANTED: Final = 32


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
        keys = Range(*json.loads(part))
        for listed in listing.objects(
            self._s3, self._bucket, prefix=self._prefix, after=position or keys.after, until=keys.before
        ):
            yield listed.key, listed
