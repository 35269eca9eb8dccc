"""The picture of a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from bench import coldstart, throughput
from thumbctl.costs.prices import Prices

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["draw"]

_BLUE, _GREEN, _ORANGE, _GREY = "#3465a4", "#73d216", "#f57900", "#babdb6"
_CONTENDERS: Final = {
    throughput.HANDLER: _GREEN,
    throughput.LARGER: _GREEN,
    throughput.SERIAL: _BLUE,
    throughput.TUTORIAL: _ORANGE,
}
_LABEL, _BAR, _VALUE, _ROW, _MARGIN = 300, 420, 180, 30, 24


class PlotBar(NamedTuple):
    """One line of a panel."""

    label: str
    value: float
    text: str
    colour: str


class Panel(NamedTuple):
    """Bars under a title; a line where they should reach, or should end."""

    title: str
    bars: list[PlotBar]
    goal: float | None = None


def draw(documents: dict[str, Any], path: Path) -> None:
    """Draw every panel, two beside each other."""
    panels = [
        *map(_throughput, documents["throughput"]["places"]),
        _coldstart(documents["coldstart"]),
        *([_time(documents["memory"]), _price(documents["memory"])] if documents["memory"] else []),
        _renderer(documents["renderer"]),
    ]
    pairs = [panels[first : first + 2] for first in range(0, len(panels), 2)]
    width = _LABEL + _BAR + _VALUE
    heights = [_ROW * (max(len(panel.bars) for panel in pair) + 2) + _MARGIN for pair in pairs]
    canvas = Image.new("RGB", (2 * width + 3 * _MARGIN, sum(heights) + _MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    for number, pair in enumerate(pairs):
        for column, panel in enumerate(pair):
            _draw(pen, panel, _MARGIN + column * (width + _MARGIN), _MARGIN + sum(heights[:number]))
    canvas.save(path)


def _throughput(place: dict[str, Any]) -> Panel:
    colours = {
        throughput.HANDLER: _GREEN,
        throughput.LARGER: _GREEN,
        throughput.TUTORIAL: _ORANGE,
        throughput.SERIAL: _BLUE,
    }
    bars = [
        PlotBar(name, each["images_per_second"], f"{each['images_per_second']:.1f}", colours.get(name, _GREY))
        for name, each in place["contenders"].items()
    ]
    reference = place["contenders"][place["reference"]]["images_per_second"]
    return Panel(f"Images a second, {place['name']}; goal: 90 % of the renderer", bars, throughput.GOAL * reference)


def _coldstart(document: dict[str, Any]) -> Panel:
    colours = {coldstart.HANDLER.name: _GREEN, coldstart.BASELINE.name: _BLUE}
    bars = [PlotBar(name, ms, f"{ms:.0f}", colours.get(name, _GREY)) for name, ms in document["cpu_ms"].items()]
    goal = document["cpu_ms"][coldstart.BASELINE.name] * coldstart.GOAL
    return Panel("Cold start, CPU ms; the handler must not pass the line", bars, goal)


def _time(lines: list[dict[str, Any]]) -> Panel:
    bars = [
        PlotBar(f"{each['memory_mb']} MB", each["ms_per_image"], f"{each['ms_per_image']:.0f}", _BLUE) for each in lines
    ]
    return Panel("Milliseconds an image, by memory", bars)


def _price(lines: list[dict[str, Any]]) -> Panel:
    price = Prices.load().lambda_arm64
    dollars = [price.of(each["gb_seconds_per_million"]) for each in lines]
    bars = [
        PlotBar(f"{each['memory_mb']} MB", value, f"{value:.2f}, peak {each['rss_mb']} MB", _BLUE)
        for each, value in zip(lines, dollars, strict=True)
    ]
    return Panel("Compute, USD a million images, by memory", bars)


def _renderer(document: dict[str, Any]) -> Panel:
    bars = [
        PlotBar(f"{line['case']}: {line['group']}"[:42], line["libvips"], f"{line['libvips']:.2f}", _BLUE)
        for line in document["groups"]
    ]
    return Panel("CPU time of the renderer over libvips", bars, 1.0)


def _draw(pen: ImageDraw.ImageDraw, panel: Panel, left: int, top: int) -> None:
    large, small = (ImageFont.load_default(size) for size in (18, 14))
    pen.text((left, top), panel.title, fill="black", font=large)
    unit = _BAR / max([bar.value for bar in panel.bars] + [panel.goal or 0])
    start = left + _LABEL
    for number, bar in enumerate(panel.bars):
        y = top + _ROW * (number + 1) + 6
        pen.text((left, y + 2), bar.label, fill="black", font=small)
        pen.rectangle((start, y, start + bar.value * unit, y + _ROW - 10), fill=bar.colour)
        pen.text((start + bar.value * unit + 8, y + 2), bar.text, fill="black", font=small)
    if panel.goal is not None:
        x = start + panel.goal * unit
        pen.line((x, top + _ROW, x, top + _ROW * (len(panel.bars) + 1)), fill="#cc0000", width=2)
