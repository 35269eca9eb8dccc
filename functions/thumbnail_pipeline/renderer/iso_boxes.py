"""What the boxes of AVIF and HEIF say before their decoders read them: how large, of which kind, in which colours.

ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties); the MIAF and AVIF rules are at
https://aomediacodec.github.io/av1-avif/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.colour import profile_of
from thumbnail_pipeline.renderer.reading import Aside, Container, Cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HeifCoding", "container_of_boxes", "is_cut_short"]

_MOST_ITEMS = _MOST_BOXES = 100_000
_DECODED: Final = {"AVIF": b"av01", "HEIF": b"hvc1"}
_ITEM: Final = re.compile(rb"infe")
_BEYOND_ASCII: Final = bytes(range(128)) + b"?" * 128
_OWNERS: Final = 16  # bytes of an ipma box without its entries
_WITH_KIND: Final = 2  # the first version of infe that says of which kind an item is
_DERIVED: Final = frozenset({b"grid", b"iden", b"iovl"})  # made of other items
_TURNING: Final = frozenset({b"irot", b"imir", b"clap"})
# By chroma_format_idc: grey, 4:2:0, 4:2:2, 4:4:4.
_SAMPLES: Final = (1.0, 1.5, 2.0, 3.0)
# What EXIF would say of a rotation by so many times 90 degrees to the left, and of a mirror about an axis after it.
_ORIENTATIONS: Final = {
    (0, None): 1, (0, 0): 4, (0, 1): 2, (1, None): 8, (1, 0): 5, (1, 1): 7,
    (2, None): 3, (2, 0): 2, (2, 1): 4, (3, None): 6, (3, 0): 7, (3, 1): 5,
}  # fmt: skip


@dataclass(frozen=True)
class HeifCoding:
    """How a picture in HEVC is coded.

    samples      numbers for each pixel, before colours are converted: 1, 1.5, 2 or 3
    deep         whether they have more than eight bits
    tile         width and height of a tile, of a grid that is laid out in the usual way
    orientation  what the container's own turns come to, as EXIF would say it
    """

    samples: float
    deep: bool
    tile: tuple[int, int] | None
    orientation: int


@dataclass
class _Found:
    """What the meta box says of the items.

    mended  what the decoder is given instead of the bytes from one place to another
    """

    primary: int | None = None
    kinds: dict[int, bytes] = field(default_factory=dict)
    properties: list[tuple[bytes, Cursor]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    mended: list[tuple[int, int, bytes]] = field(default_factory=list)
    tiles: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def of(self, item: int) -> Iterator[tuple[bytes, Cursor]]:
        """The properties of an item, in the order in which they hold."""
        for number in self.owned.get(item, []):
            if 0 < number <= len(self.properties):
                name, cursor = self.properties[number - 1]
                yield name, Cursor(cursor.source, cursor.at, cursor.end)


def container_of_boxes(source: bytes, form: str) -> tuple[Container, HeifCoding | None]:
    """The container, without a size where it does not tell, and how a HEIF is coded.

    Raises Permanent for what is coded in another way than the format's usual one. Of what is broken here the decoder
    is the judge.
    """
    found, read = _Found(), False
    try:
        for kind, cursor in _boxes(Cursor(source)):
            if kind == b"meta":
                _mend_names(cursor, found)
                if not read:
                    read = True
                    cursor.skip(4)
                    _read_meta(cursor, found)
    except (EOFError, ValueError):
        return Container((0, 0), _mended(source, found)), None
    kind = found.kinds.get(found.primary or 0, _DECODED[form])
    if kind not in _DERIVED | {_DECODED[form]} or (kind in _DERIVED and _DECODED[form] not in found.kinds.values()):
        raise Permanent(
            Reason.UNSUPPORTED_FORMAT,
            f"The {form} holds pixels that are not decoded: {kind.decode('ascii', 'replace')}.",
        )
    size, profile = (0, 0), None
    for name, cursor in found.of(found.primary or 0):
        if name == b"ispe" and cursor.left >= 12:  # noqa: PLR2004 - version, width, height
            cursor.skip(4)
            size = cursor.number(4), cursor.number(4)
        elif name == b"colr" and cursor.left >= 8 and cursor.take(4) == b"nclx":  # noqa: PLR2004 - kind, two numbers
            profile = profile_of(cursor.number(2), cursor.number(2))
    coding = _coding(found, kind) if form == "HEIF" else None
    return Container(size, _mended(source, found), Aside(profile=profile)), coding


def _coding(found: _Found, kind: bytes) -> HeifCoding | None:
    primary = found.primary or 0
    tiles = found.tiles.get(primary, ()) if kind == b"grid" else (primary,)
    turns = [(name, cursor) for name, cursor in found.of(primary) if name in _TURNING]
    own = dict(reversed(list(found.of(tiles[0])))) if tiles else {}
    try:
        own[b"hvcC"].skip(16)  # ISO/IEC 14496-15, 8.3.3.1
        samples, deep = _SAMPLES[own[b"hvcC"].number(1) & 3], bool(own[b"hvcC"].number(1) & 7)
        own[b"ispe"].skip(4)
        size = own[b"ispe"].number(4), own[b"ispe"].number(4)
        values = {name: cursor.number(1) for name, cursor in turns}
    except (KeyError, EOFError, ValueError):
        return None
    # The order is MIAF's. What is cut out, turned in another order, or made of tiles that turn is left to libheif.
    usual = [name for name, _ in turns] in ([], [b"irot"], [b"imir"], [b"irot", b"imir"])
    turned = any(name in _TURNING for each in set(tiles) for name, _ in found.of(each))
    if kind != b"grid" or not usual or turned or not all(size):
        return HeifCoding(samples, deep, None, 1)
    mirror = values[b"imir"] & 1 if b"imir" in values else None
    return HeifCoding(samples, deep, size, _ORIENTATIONS[values.get(b"irot", 0) & 3, mirror])


def _mended(source: bytes, found: _Found) -> tuple[bytes | memoryview, ...]:
    """The file with what was mended."""
    if not found.mended:
        return (source,)
    view, parts, at = memoryview(source), list[bytes | memoryview](), 0
    for start, end, better in sorted(found.mended):
        if end > at:  # they overlap in a file that is made to hurt
            parts += [view[at:start], better[max(0, at - start) :]]
            at = end
    return *parts, view[at:]


def _mend_names(meta: Cursor, found: _Found) -> None:
    """Leave nothing but ASCII of what items are called: pi-heif, which tells of all of them, crashes of other kinds.

    They are looked for by their name, so that nothing that is broken before them hides them.
    """
    for match in _ITEM.finditer(meta.source, meta.at, meta.end):
        wide = meta.source[match.end() : match.end() + 1] == b"\3"
        start = match.end() + (10 if wide else 8)  # version, flags, the number of the item and of its protection
        end = match.start() - 4 + int.from_bytes(meta.source[match.start() - 4 : match.start()], "big")
        names = meta.source[start : min(end, meta.end)]
        if not names.isascii():
            found.mended.append((start, start + len(names), names.translate(_BEYOND_ASCII)))


def is_cut_short(source: bytes) -> bool:
    """Whether the last box reaches beyond the end of the file."""
    try:
        for _ in _boxes(Cursor(source)):
            pass
    except EOFError:
        return True
    except ValueError:
        return False
    return False


def _boxes(cursor: Cursor) -> Iterator[tuple[bytes, Cursor]]:
    """The boxes in a part of the file: the name of each, and a cursor over what it holds."""
    number = 0
    while cursor.left >= 8:  # noqa: PLR2004 - length and name
        number += 1
        if number > _MOST_BOXES:
            raise ValueError("it has more boxes than can be")
        start = cursor.at
        length, kind = cursor.number(4), cursor.take(4)
        if length == 1:
            length = cursor.number(8)
        elif length == 0:  # to the end
            length = cursor.end - start
        head = cursor.at - start
        if length < head:
            raise ValueError("a box is shorter than its header")
        cursor.skip(length - head)
        yield kind, Cursor(cursor.source, start + head, start + length)


def _read_meta(meta: Cursor, found: _Found) -> None:
    for kind, cursor in _boxes(meta):
        if kind == b"pitm":
            wide = cursor.number(4) >> 24
            found.primary = cursor.number(4 if wide else 2)
        elif kind == b"iinf":
            cursor.skip(4 if cursor.number(4) >> 24 else 2)  # how many there are
            for name, item in _boxes(cursor):
                if name == b"infe" and (version := item.number(4) >> 24) >= _WITH_KIND:
                    number = item.number(2 if version == _WITH_KIND else 4)
                    item.skip(2)
                    found.kinds[number] = item.take(4)
        elif kind == b"iref":
            wide = cursor.number(4) >> 24
            for name, inner in _boxes(cursor):
                if name == b"dimg":
                    whole = inner.number(4 if wide else 2)
                    found.tiles[whole] = tuple(inner.number(4 if wide else 2) for _ in range(inner.number(2)))
        elif kind == b"iprp":
            owners = []
            for name, inner in _boxes(Cursor(cursor.source, cursor.at, cursor.end)):
                if name == b"ipco":
                    found.properties += list(_boxes(inner))
                elif name == b"ipma":
                    owners.append((inner.at, inner.end))
                    _read_owners(inner, found)
            _mend_owners(cursor, owners, found)


def _read_owners(cursor: Cursor, found: _Found) -> None:
    """Which properties an item has, by their place in the list of all (ipma)."""
    flags = cursor.number(4)
    count = cursor.number(4)
    if count > _MOST_ITEMS:
        raise ValueError("it has more items than can be")
    for _ in range(count):
        item = cursor.number(4 if flags >> 24 else 2)
        numbers = [cursor.number(2 if flags & 1 else 1) for _ in range(cursor.number(1))]
        found.owned.setdefault(item, []).extend(number & (0x7FFF if flags & 1 else 0x7F) for number in numbers)


def _mend_owners(iprp: Cursor, owners: list[tuple[int, int]], found: _Found) -> None:
    """Make one box of several ipma, which the standard forbids, libavif refuses, and browsers read.

    All others stay where they are, for what was saved becomes a box that is free.
    """
    source, first = iprp.source, owners[0][0] - 8 if owners else iprp.end
    whole = sum(end - start + 8 for start, end in owners) == iprp.end - first  # nothing lies between them
    alike = len({source[start : start + 4] for start, _ in owners}) == 1
    short = source[iprp.at - 4 : iprp.at] == b"iprp"  # a length of 32 bits
    if len(owners) < 2 or not (whole and alike and short):  # noqa: PLR2004 - several
        return
    count = sum(int.from_bytes(source[start + 4 : start + 8], "big") for start, _ in owners)
    entries = b"".join(source[start + 8 : end] for start, end in owners)
    one = (_OWNERS + len(entries)).to_bytes(4, "big") + b"ipma" + source[owners[0][0] : owners[0][0] + 4]
    one += count.to_bytes(4, "big") + entries
    free = iprp.end - first - len(one)
    found.mended += [
        (iprp.at - 8, iprp.at - 4, (iprp.end - iprp.at + 8 - free).to_bytes(4, "big")),
        (first, iprp.end, one + free.to_bytes(4, "big") + b"free" + bytes(free - 8)),
    ]
