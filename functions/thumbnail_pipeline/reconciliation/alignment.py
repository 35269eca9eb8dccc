"""Finds the thumbnails of each source by walking the listings of both buckets side by side. Pure.

A thumbnail lies at `<rendition>/<source key>.<extension>`. Its *position*, the key without the rendition, comes after
the key of its source, but not always right after it: between "a" and "a.webp" may lie "a-1", "a-1.webp" and "a.gif". A
source is therefore held until no thumbnail of it can follow. The position that is reached begins with the key of every
source that is held, so that no more are held than a key has characters, however many objects there are.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.settings import EXTENSIONS, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.rows import Row

_LONGEST_PLACE_BYTES: Final = 900

_ENDS = frozenset(EXTENSIONS.values())
_DOT = "."
_LAST_END = f"{_DOT}{max(_ENDS)}"


@dataclass(frozen=True, slots=True)
class Sight:
    """One source key: its object, its row and its thumbnails. Where there is no object, thumbnails have outlived it."""

    key: str
    object: Listed | None
    row: Row | None
    """None where there is none, and in the first look also where there is no object."""
    thumbnails: Mapping[str, Listed]
    """By key, in every rendition that there is or was."""
    gone_since: datetime | None = None
    """When the object was deleted, where its bucket remembers that."""
    is_changing: bool = False
    """Whether its row was written while the buckets were looked at."""
    place: str | None = None
    """Where another walk can go on: everything before this place is done. None where a walk cannot be interrupted."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What lies in the thumbnails bucket and cannot be a thumbnail of ours: a key, or the prefix of several."""

    key: str


def can_go_on_at(place: str) -> bool:
    """Return whether a walk can begin at a text, for listings go on after `<rendition>/<text>`, which must be a key's.

    There are many places at which a walk can be interrupted, so that it does without the long ones.
    """
    return len(place.encode()) <= _LONGEST_PLACE_BYTES


def source_key_of(thumbnail_key: str) -> str | None:
    """Return the key of the source whose thumbnail lies at this key, or None where it can be no thumbnail."""
    rendition, _, position = thumbnail_key.partition("/")
    source_key, _, extension = position.rpartition(".")
    return source_key if source_key and extension in _ENDS and NAME.fullmatch(rendition) else None


def straddling(border: str) -> Iterator[str]:
    """Yield the source keys that are not greater than `border` and whose thumbnails may come after it.

    What lies between a key and its thumbnail begins with the key, so there are no more than `border` has characters;
    and where a character follows that is greater than a dot, the thumbnails come before it.
    """
    for length in range(1, len(border) + 1):
        if border[length : length + 1] <= _DOT:
            yield border[:length]


def thumbnail_keys(names: Iterable[str], source_key: str) -> Iterator[str]:
    """Yield every key at which a thumbnail of this source can lie in renditions of these names."""
    return (f"{name}/{source_key}.{end}" for name in names for end in sorted(_ENDS))


def align(
    sources: Iterable[tuple[Listed, Row | None]], listings: Sequence[Iterable[Listed]], *, prefix: str = ""
) -> Iterator[Sight | Foreign]:
    """Walk the `sources` and the `listings` of the thumbnails bucket, one for each rendition, all in the order of keys.

    Yield a sight for every source, and for every key whose thumbnails have no source; leave out keys that do not begin
    with `prefix`.
    """
    held: list[_Held] = []
    last = ""
    for position, source, thumbnail in _merged(sources, listings):
        over = [each for each in held if each.end < position]
        if over:
            held = [each for each in held if each.end >= position]
            yield from _sights(over, None if held else last)
        last = position
        if source is not None:
            held.append(_Held(source[0].key, *source))
        elif thumbnail is not None:
            key = source_key_of(thumbnail.key)
            if key is None:
                yield Foreign(thumbnail.key)
            elif key.startswith(prefix):
                owner = next((each for each in held if each.key == key), None)
                if owner is None:
                    owner = _Held(key, None, None)
                    held.append(owner)
                owner.thumbnails[thumbnail.key] = thumbnail
    yield from _sights(held, last)


@dataclass(slots=True)
class _Held:
    """A source key that the walk may still find thumbnails of."""

    key: str
    object: Listed | None
    row: Row | None
    thumbnails: dict[str, Listed] = field(default_factory=dict)
    end: str = field(init=False)
    """The last position that a thumbnail of it can have."""

    def __post_init__(self) -> None:
        self.end = self.key + _LAST_END


_Step = tuple[str, "tuple[Listed, Row | None] | None", "Listed | None"]


def _merged(sources: Iterable[tuple[Listed, Row | None]], listings: Sequence[Iterable[Listed]]) -> Iterator[_Step]:
    """The sources and the thumbnails as one sequence, in the order of positions."""

    def of_sources() -> Iterator[_Step]:
        return ((source[0].key, source, None) for source in sources)

    def of_thumbnails(listing: Iterable[Listed]) -> Iterator[_Step]:
        return ((each.key.partition("/")[2], None, each) for each in listing)

    return heapq.merge(of_sources(), *map(of_thumbnails, listings), key=itemgetter(0))


def _sights(over: Sequence[_Held], place: str | None) -> Iterator[Sight]:
    for each in over:
        reached = place if each is over[-1] else None
        yield Sight(each.key, each.object, each.row, each.thumbnails, place=reached)
