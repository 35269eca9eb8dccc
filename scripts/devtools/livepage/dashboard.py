"""A dashboard as it is deployed, with the data of its widgets.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from markdown_it import MarkdownIt

from devtools.livepage import insights, labels
from devtools.livepage.alarms import watched
from devtools.livepage.insights import InsightsError
from devtools.livepage.metricmath import Metric, MetricMathError, Series
from devtools.livepage.metrics import Stat, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

    from devtools.livepage.logs import Event
    from devtools.livepage.metricmath import Array
    from devtools.livepage.metrics import MetricStore

# What goes to the page as JSON.
View: TypeAlias = dict[str, Any]

_COLUMNS: Final = 24
# What a definition leaves out.
_SIZE: Final = 6
_PERIOD: Final = 300
_STAT: Final = "Average"

_FINDS_MANY: Final = "SEARCH("

# Views that show one value of each series; the others draw it.
_OF_ONE_VALUE: Final = {"singleValue", "gauge", "bar", "pie", "table"}
_SOURCES: Final = re.compile(r"\s*(?:SOURCE\s+(?P<group>'[^']*'|\"[^\"]*\")\s*\|?\s*)+", re.IGNORECASE)


@dataclass(frozen=True)
class WidgetData:
    """Where widgets have their data from."""

    metrics: MetricStore
    alarms: Mapping[str, MetricAlarmTypeDef]
    """The metric alarms by ARN."""
    log_group: str
    """The one log group that is followed."""
    events: Sequence[Event]
    """Its latest lines."""


def draw(body: str, sources: WidgetData, window: Window) -> list[View]:
    """Return what to draw for each widget of a dashboard's body, with its place on a grid of 24 columns."""
    return [{**place, **_draw_one(widget, sources, window)} for place, widget in _placed(json.loads(body)["widgets"])]


def _placed(widgets: Sequence[Mapping[str, Any]]) -> Iterator[tuple[View, Mapping[str, Any]]]:
    """Each widget with its place: where it says, or at the next free one."""
    x = y = lowest = 0
    for widget in widgets:
        width, height = widget.get("width", _SIZE), widget.get("height", _SIZE)
        if x + width > _COLUMNS:
            x, y = 0, lowest
        place = {"x": widget.get("x", x), "y": widget.get("y", y), "width": width, "height": height}
        x, y = place["x"] + width, place["y"]
        lowest = max(lowest, y + height)
        yield place, widget


def _draw_one(widget: Mapping[str, Any], sources: WidgetData, window: Window) -> View:
    properties = widget.get("properties", {})
    view: View = {"title": properties.get("title", ""), "problems": []}
    match widget.get("type"):
        case "text":
            return {**view, "kind": "text", "html": _MARKDOWN.render(properties.get("markdown", ""))}
        case "alarm":
            return {**view, "kind": "alarms", "alarms": properties.get("alarms", [])}
        case "log":
            return {**view, **_draw_log(properties, sources, window)}
        case "metric":
            return {**view, **_draw_metrics(properties, sources, window)}
        case kind:
            return {**view, "kind": "nothing", "problems": [f"a widget of the type {kind} is not drawn here"]}


def _links_open_elsewhere() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    def link_open(self: Any, tokens: Any, index: int, options: Any, _environment: Any) -> str:  # noqa: ANN401 - the library's
        tokens[index].attrSet("target", "_blank")
        tokens[index].attrSet("rel", "noreferrer")
        return str(self.renderToken(tokens, index, options, _environment))

    markdown.add_render_rule("link_open", link_open)
    return markdown


_MARKDOWN: Final = _links_open_elsewhere()


def _draw_log(properties: Mapping[str, Any], sources: WidgetData, window: Window) -> View:
    query = properties.get("query", "")
    begin = _SOURCES.match(query)
    groups = re.findall(r"['\"]([^'\"]*)['\"]", begin[0]) if begin else []
    if groups != [sources.log_group]:
        return {"kind": "nothing", "problems": [f"only the log group {sources.log_group} is followed here"]}
    events = [event for event in sources.events if window.start <= event.time / 1000 < window.end]
    try:
        table = insights.run(query[begin.end() :] if begin else query, events)
    except InsightsError as error:
        return {"kind": "nothing", "problems": [str(error)]}
    return {"kind": "table", "columns": table.columns, "rows": table.rows}


# ── widgets of metrics ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Row:
    """An element of the array `metrics`: what to ask for, and how to show it."""

    query: Stat | str
    options: Mapping[str, Any]


def _draw_metrics(properties: Mapping[str, Any], sources: WidgetData, window: Window) -> View:
    annotations = properties.get("annotations", {})
    rows = dict(_rows(properties))
    thresholds = []
    for arn in annotations.get("alarms", ()):
        if arn in sources.alarms:
            rows |= _rows_of(sources.alarms[arn])
            thresholds.append({"value": sources.alarms[arn]["Threshold"], "label": "threshold"})
    kind = properties.get("view", "timeSeries")
    as_one = bool(properties.get("setPeriodToTimeRange")) and kind in _OF_ONE_VALUE
    results = sources.metrics.evaluate(
        {identifier: row.query for identifier, row in rows.items()}, Window(window.start, window.end, as_one=as_one)
    )
    shown = {identifier: row for identifier, row in rows.items() if row.options.get("visible", True)}
    names = _names(shown)
    return {
        "kind": kind,
        "stacked": bool(properties.get("stacked")),
        "sparkline": bool(properties.get("sparkline")),
        "legend": properties.get("legend", {}).get("position", "bottom"),
        "axes": properties.get("yAxis", {}),
        "horizontal": [*_flat(annotations.get("horizontal", ())), *thresholds],
        "vertical": _flat(annotations.get("vertical", ())),
        "series": [
            line for identifier, row in shown.items() for line in _lines(row, names[identifier], results[identifier])
        ],
        # One expression that is wrong makes those wrong that refer to it.
        "problems": list(
            dict.fromkeys(str(result) for result in results.values() if isinstance(result, MetricMathError))
        ),
    }


def _rows(properties: Mapping[str, Any]) -> Iterator[tuple[str, _Row]]:
    """The rows of a widget by their ids; one without an id gets one that no expression can name."""
    previous: list[str] = []
    for number, row in enumerate(properties.get("metrics", ())):
        *parts, options = row if isinstance(row[-1], dict) else [*row, {}]
        query: Stat | str
        if "expression" in options:
            query = options["expression"]
        else:
            previous = _written_out(parts, previous)
            namespace, name, *dimensions = previous
            query = Stat(
                Metric(namespace, name, tuple(sorted(zip(dimensions[::2], dimensions[1::2], strict=True)))),
                options.get("stat", properties.get("stat", _STAT)),
                options.get("period", properties.get("period", _PERIOD)),
            )
        yield options.get("id", f"_{number}"), _Row(query, options)


def _written_out(parts: Sequence[str], previous: Sequence[str]) -> list[str]:
    """The parts of a row, with those of the row before where it has a dot for one of them, or three for several."""
    if "..." in parts:
        at = parts.index("...")
        behind = len(parts) - at - 1
        parts = [*parts[:at], *previous[at : len(previous) - behind], *parts[at + 1 :]]
    return [previous[index] if part == "." else part for index, part in enumerate(parts)]


def _rows_of(alarm: MetricAlarmTypeDef) -> dict[str, _Row]:
    """What an alarm watches, as rows of a widget of its own."""
    queries, identifier, _ = watched(alarm)
    return {
        each: _Row(query, {"visible": each == identifier, "label": alarm["AlarmName"]})
        for each, query in queries.items()
    }


def _names(rows: Mapping[str, _Row]) -> dict[str, str]:
    """What rows are called that have no label."""
    stats = {identifier: row.query.metric for identifier, row in rows.items() if isinstance(row.query, Stat)}
    return {
        **{identifier: row.query for identifier, row in rows.items() if isinstance(row.query, str)},
        **dict(zip(stats, labels.distinguishing(list(stats.values())), strict=True)),
    }


def _lines(row: _Row, name: str, result: Array | MetricMathError) -> Iterator[View]:
    if isinstance(result, MetricMathError):
        return
    metrics = [series.metric for series in result if series.metric is not None]
    # An expression may yield a series for each of many metrics: then each is called after its metric.
    if isinstance(row.query, str) and len(metrics) == len(result) and (len(result) > 1 or _FINDS_MANY in row.query):
        defaults = labels.distinguishing(metrics)
        label = row.options.get("label", "")
        for series, default in zip(result, defaults, strict=True):
            yield _line(row, label if "${" in label else f"{label} {default}".strip(), default, series)
    else:
        for series in result:
            yield _line(row, row.options.get("label", name), name, series)


def _line(row: _Row, label: str, default: str, series: Series) -> View:
    times = sorted(series.points)
    return {
        "label": labels.filled(label, default, series),
        "color": row.options.get("color"),
        "axis": row.options.get("yAxis", "left"),
        "times": [time * 1000 for time in times],
        "values": [series.points[time] for time in times],
    }


def _flat(annotations: Sequence[Any]) -> list[View]:
    """Annotations, those that are the two ends of a band among them."""
    return [
        each for annotation in annotations for each in (annotation if isinstance(annotation, list) else [annotation])
    ]
