"""Compares both buckets with the catalog; what seems wrong is looked at a second time before it is reported.

It only reads, and never the bytes of an image: listings of both buckets, and rows.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from thumbnail_pipeline import listing
from thumbnail_pipeline.reconciliation.alignment import Foreign, Sight, align, straddling, thumbnail_keys
from thumbnail_pipeline.reconciliation.findings import Examined, Finding, Kind, examine
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge
from thumbnail_pipeline.rows import KEYS_A_CALL, Rows, survey
from thumbnail_pipeline.settings import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Row
    from thumbnail_pipeline.settings import Settings

_Item = TypeVar("_Item")

GRACE: Final = timedelta(minutes=15)
"""How long something may take before it counts as wrong. No invocation lasts longer.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

CONNECTIONS: Final = 32
"""How many connections to a service a pass can make use of: for second looks, and for each listing."""

_LOOKS_AT_ONCE = 16
_ROWS_AT_ONCE = 4
_SIGHTS_AT_ONCE = 1000


@dataclass(frozen=True)
class Estate:
    """A deployment as a pass compares it: the two buckets, the catalog and the settings.

    estate = Estate(s3, dynamodb, "thumbs-uploads", "thumbs-thumbnails", "thumbs-catalog", settings, prefix="")
    for examined in reconcile(estate):
        ...
    """

    s3: S3Client
    dynamodb: DynamoDBClient
    source_bucket: str
    thumbnails_bucket: str
    catalog_table: str
    settings: Settings
    prefix: str
    """Only source keys below it are looked at."""
    propagates_deletions: bool = True
    """Whether thumbnails are to go when their source does."""

    @cached_property
    def rows(self) -> Rows:
        return Rows(self.dynamodb, self.catalog_table, self.source_bucket)

    def retired(self) -> list[str]:
        """Return the prefixes of the thumbnails bucket that could be a rendition's name, and are that of none."""
        deployed = {each.name for each in self.settings.renditions}
        return [name for name in _top_level(self) if isinstance(name, str) and name not in deployed]


def reconcile(
    estate: Estate,
    *,
    after: str = "",
    begin: str = "",
    until: str | None = None,
    grace: timedelta = GRACE,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Examined]:
    """Examine everything under the estate's prefix, from the place `after` on.

    With `begin` and `until`, only source keys behind the one and not behind the other: passes that begin where others
    end find together what one pass finds, each thing once, whatever texts those are.
    What seems wrong has been looked at again when it is yielded. Memory is that of a few pages of each listing.
    """
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        sights = _sights(estate, threads, max(after, begin), begin, until)
        while page := list(itertools.islice(sights, _SIGHTS_AT_ONCE)):
            young_since = clock() - grace
            first = [_examined(estate, sight, young_since) for sight in page]
            doubtful = [
                sight
                for sight, examined in zip(page, first, strict=True)
                if isinstance(sight, Sight) and (examined.is_wrong or sight.object is None)
            ]
            again = {sight.key: sight for sight in _look_again(estate, threads, doubtful)}
            for sight, examined in zip(page, first, strict=True):
                second = again.get(sight.key) if isinstance(sight, Sight) else None
                if second and second.object and not estate.settings.watches(second.key, second.object.size):
                    continue  # thumbnails from before its key was excluded: they stay for as long as it does
                yield _examined(estate, second, young_since) if second else examined


def can_end(estate: Estate, border: str, *, begin: str, place: str, until: str | None) -> bool:
    """Return whether a pass that has come to `place`, and was to end at `until`, can end at `border` instead.

    What straddles its end is looked at there, and must not be among what it has dealt with.
    """
    more = set(straddling(border)).difference(straddling(until or ""))
    keys = sorted(key for key in more if begin < key <= place and key.startswith(estate.prefix))
    if not keys:
        return True
    names = {*(each.name for each in estate.settings.renditions), *estate.retired()}
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        return next(_one_by_one(estate, threads, keys, sorted(names)), None) is None


def _examined(estate: Estate, sight: Sight | Foreign, young_since: datetime) -> Examined:
    if isinstance(sight, Sight):
        fingerprint = estate.settings.fingerprint
        return examine(sight, fingerprint, young_since, propagates_deletions=estate.propagates_deletions)
    return Examined(None, (Finding(Kind.FOREIGN, sight.key, "it can be no thumbnail of this pipeline"),))


# ── the first look ───────────────────────────────────────────────────────────────────────────────────


def _sights(
    estate: Estate, threads: ThreadPoolExecutor, after: str, begin: str, until: str | None
) -> Iterator[Sight | Foreign]:
    names = {each.name for each in estate.settings.renditions}
    for found in _top_level(estate):
        if isinstance(found, str):
            names.add(found)
        elif not after:
            yield found
    # What comes right after a key is the key and the first of all characters.
    before = None if until is None else f"{until}\0"
    listed = listing.objects(estate.s3, estate.source_bucket, prefix=estate.prefix, after=after, until=before)
    sources = _page_ahead(each for each in listed if estate.settings.watches(each.key, each.size))
    listings = [
        _page_ahead(
            listing.objects(
                estate.s3,
                estate.thumbnails_bucket,
                prefix=f"{name}/{estate.prefix}",
                after=f"{name}/{after}" if after else "",
                until=None if before is None else f"{name}/{before}",
            )
        )
        for name in sorted(names)
    ]
    # The thumbnails of some sources lie on the other side of a border. Those are looked at one by one by the pass that
    # ends there, and left out by the one that begins there.
    apart = {key for key in straddling(until or "") if key > begin and key.startswith(estate.prefix)}
    for sight in align(survey(sources, estate.rows, at_once=_ROWS_AT_ONCE), listings, prefix=estate.prefix):
        if isinstance(sight, Foreign) or (sight.key > begin and sight.key not in apart):
            yield sight
    yield from _one_by_one(estate, threads, sorted(apart), sorted(names))


def _one_by_one(
    estate: Estate, threads: ThreadPoolExecutor, keys: Sequence[str], names: Sequence[str]
) -> Iterator[Sight]:
    """Look at sources of these keys by themselves, and at every key that could be a thumbnail's of theirs."""
    sources = {key: listing.find(estate.s3, estate.source_bucket, key) for key in keys}
    watched = [each for each in sources.values() if each and estate.settings.watches(each.key, each.size)]
    rows = {each.key: row for each, row in survey(watched, estate.rows, at_once=_ROWS_AT_ONCE)}

    def find(key: str) -> Listed | None:
        return listing.find(estate.s3, estate.thumbnails_bucket, key)

    for key in keys:
        there = {each.key: each for each in threads.map(find, thumbnail_keys(names, key)) if each}
        if there or key in rows:
            yield Sight(key, sources[key] if key in rows else None, rows.get(key), there)


def _top_level(estate: Estate) -> Iterator[str | Foreign]:
    """Yield the name of each rendition, deployed or not, that has thumbnails, and whatever else lies beside them."""
    for part in listing.top_level(estate.s3, estate.thumbnails_bucket):
        name, slash, _ = part.partition("/")
        yield name if slash and NAME.fullmatch(name) else Foreign(part)


def _page_ahead(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the same items, and fetch the next page of them in a thread meanwhile."""
    remaining = iter(items)

    def fetch() -> list[_Item]:
        return list(itertools.islice(remaining, listing.KEYS_A_CALL))

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(fetch)
        while page := following.result():
            following = thread.submit(fetch)
            yield from page


# ── the second look ──────────────────────────────────────────────────────────────────────────────────


def _look_again(estate: Estate, threads: ThreadPoolExecutor, sights: Sequence[Sight]) -> list[Sight]:
    """Look at both buckets again, between two reads of the row; the first look saw each at a different moment.

    Where the two reads agree, the row did not change in between. Where they differ, a worker is busy with the image.
    """
    keys = [sight.key for sight in sights]
    before = _rows_now(estate, threads, keys)

    def look(sight: Sight) -> Sight:
        return _seen_now(estate, sight, before.get(sight.key))

    seen = list(threads.map(look, sights))
    after = _rows_now(estate, threads, keys)
    return [replace(each, is_changing=before.get(each.key) != after.get(each.key)) for each in seen]


def _rows_now(estate: Estate, threads: ThreadPoolExecutor, keys: Sequence[str]) -> Mapping[str, Row]:
    pages = [keys[begin : begin + KEYS_A_CALL] for begin in range(0, len(keys), KEYS_A_CALL)]
    found: dict[str, Row] = {}
    for rows in threads.map(lambda page: estate.rows.of(page, consistent=True), pages):
        found |= rows
    return found


def _seen_now(estate: Estate, sight: Sight, row: Row | None) -> Sight:
    listed = listing.find(estate.s3, estate.source_bucket, sight.key)
    # Each look is a call, so a thumbnail is looked at only where that can change the finding.
    keys: set[str] = set()
    verdict = judge(listed, row, estate.settings.fingerprint) if listed else None
    if verdict in {None, Verdict.CURRENT, Verdict.FAILED}:
        keys |= sight.thumbnails.keys()
    if verdict is Verdict.CURRENT and row is not None:
        keys |= {each.key for each in row.thumbnails}
    found = {key: listing.find(estate.s3, estate.thumbnails_bucket, key) for key in sorted(keys)}
    return replace(
        sight,
        object=listed,
        row=row,
        thumbnails={key: thumbnail for key, thumbnail in found.items() if thumbnail},
        gone_since=None if listed else _gone_since(estate, sight.key),
    )


def _gone_since(estate: Estate, key: str) -> datetime | None:
    """When the object was deleted, as a bucket with versions remembers it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """
    markers = estate.s3.list_object_versions(Bucket=estate.source_bucket, Prefix=key, MaxKeys=1).get("DeleteMarkers")
    return next((each["LastModified"] for each in markers or () if each["Key"] == key and each["IsLatest"]), None)
