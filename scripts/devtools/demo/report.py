"""The run as a browser shows it: one page with everything in it, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from devtools.demo import preview
from devtools.demo.preview import Picture
from thumbctl.looking import xray
from thumbctl.words import bytes_in_words, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.demo.catalog import Answer, ListedThumbnail
    from devtools.demo.evidence import ReadBack
    from devtools.demo.outcome import Result, UploadResult

MOST_CARDS: Final = 60
"""More images than this are in the summary, and not shown one by one: the page has to open in a blink."""

_THUMBNAIL_BUDGET: Final = 5_000_000  # bytes; a third more in base64
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
# In CSS pixels: the longest side of the largest thumbnail on a card, of the smallest, and the room for all.
_LARGEST_SIDE: Final = 150
_SMALLEST_SIDE: Final = 44
_ROOM: Final = 310
_MOSAIC: Final = 20
_TICKS: Final = 5


@dataclass(frozen=True)
class Shown:
    """A thumbnail on the page. `side` is its longest in CSS pixels; `exact` means that the bytes are the real ones."""

    rendition: ListedThumbnail
    picture: Picture
    side: int
    exact: bool


@dataclass(frozen=True)
class Card:
    """An image on the page. `original` is None where there is nothing to show; `colour` is safe inside CSS."""

    key: str
    about: str
    status: str
    row: Answer | None
    original: Picture | None
    original_bytes: int
    thumbnails: tuple[Shown, ...]
    colour: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Cards under one heading."""

    title: str
    cards: tuple[Card, ...]


def write(page: Path, result: Result) -> None:
    """Write the page for `result`, and the directories that lead to it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(result, datetime.now(UTC)), encoding="utf-8")


def render(result: Result, at: datetime) -> str:
    """The page as HTML."""
    # Everything is escaped: a key, and every word about it, is an uploader's to choose.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"bytes": bytes_in_words, "printable": printable}
    shown = result.outcomes[:MOST_CARDS]
    cards = _cards(shown)
    sections = _sections(cards)
    failures = tuple(card for card, _ in cards if not card.thumbnails and card.status != "DELETED")
    trace = xray.most_telling(result.traces)
    times = [
        outcome.row.milliseconds for outcome in result.outcomes if outcome.row and outcome.row.milliseconds is not None
    ]
    return environment.get_template("report.html.j2").render(
        result=result,
        at=at,
        statuses=[(status, result.count(status)) for status in dict.fromkeys(each.status for each in result.outcomes)],
        median_milliseconds=round(median(times)) if times else None,
        mosaic=_mosaic(sections),
        sections=sections,
        failures=failures,
        left_out=len(result.outcomes) - len(shown),
        most_events=MOST_CARDS,
        trace=trace,
        bars=xray.waterfall(trace) if trace else (),
        ticks=[(100 * index / _TICKS, trace.milliseconds * index / _TICKS) for index in range(_TICKS + 1)]
        if trace
        else (),
        means=xray.means(result.traces),
    )


def _cards(outcomes: Sequence[UploadResult]) -> list[tuple[Card, str]]:
    """A card for each outcome, with the group it belongs to."""
    sizes = [len(thumbnail.data) for outcome in outcomes for thumbnail in outcome.thumbnails]
    most_bytes = _most_bytes(sizes, _THUMBNAIL_BUDGET)
    return [(_card(outcome, most_bytes), outcome.uploaded.sample.group) for outcome in outcomes]


def _most_bytes(sizes: Sequence[int], budget: int) -> int:
    """The size above which thumbnails are made smaller, so that the budget is spent and not exceeded."""
    left = budget
    for index, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - index)
        if size > share:
            return share
        left -= size
    return budget


def _card(outcome: UploadResult, most_bytes: int) -> Card:
    sample, row = outcome.uploaded.sample, outcome.row
    readable = sorted((thumbnail for thumbnail in outcome.thumbnails if not thumbnail.problem), key=_side, reverse=True)
    colour = row.dominant_colour if row else ""
    body = sample.body()
    return Card(
        key=outcome.uploaded.key,
        about=sample.about,
        status=outcome.status,
        row=row,
        original=preview.shrink(body),
        original_bytes=len(body),
        thumbnails=tuple(
            _show(thumbnail, side, most_bytes) for thumbnail, side in zip(readable, _shown_sides(readable), strict=True)
        ),
        colour=colour if _COLOUR.fullmatch(colour) else "",
        problems=outcome.problems,
    )


def _show(thumbnail: ReadBack, side: int, most_bytes: int) -> Shown:
    rendition = thumbnail.rendition
    real = Picture(thumbnail.content_type, thumbnail.data, rendition.width, rendition.height)
    smaller = preview.shrink(thumbnail.data) if len(thumbnail.data) > most_bytes else None
    return Shown(rendition, smaller or real, side, exact=smaller is None)


def _shown_sides(largest_first: Sequence[ReadBack]) -> list[int]:
    """The longest sides on the page, in CSS pixels: the order of sizes stays visible, and all fit on a line."""
    if not largest_first:
        return []
    # The root: in true proportion, the smallest would be a dot beside the largest.
    sides = [_LARGEST_SIDE * (_side(thumbnail) / _side(largest_first[0])) ** 0.5 for thumbnail in largest_first]
    needed = sum(
        side * thumbnail.rendition.width / _side(thumbnail)
        for thumbnail, side in zip(largest_first, sides, strict=True)
    )
    scale = min(1.0, _ROOM / needed)
    return [max(_SMALLEST_SIDE, round(side * scale)) for side in sides]


def _side(thumbnail: ReadBack) -> int:
    return max(thumbnail.rendition.width, thumbnail.rendition.height)


def _mosaic(sections: Sequence[Section]) -> list[Picture]:
    """The smallest thumbnails, one of each section in turn."""
    pictures = [[card.thumbnails[-1].picture for card in each.cards if card.thumbnails] for each in sections]
    in_turn = [picture for row in zip_longest(*pictures) for picture in row if picture is not None]
    return in_turn[:_MOSAIC]


def _sections(cards: Sequence[tuple[Card, str]]) -> list[Section]:
    """The images that have thumbnails, or had them, by group."""
    pictured = [(card, group) for card, group in cards if card.thumbnails or card.status == "DELETED"]
    titles = dict.fromkeys(group for _, group in pictured)
    return [Section(title, tuple(card for card, group in pictured if group == title)) for title in titles]
