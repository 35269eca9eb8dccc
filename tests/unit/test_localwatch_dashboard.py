"""A dashboard's definition becomes what the page draws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devtools.livepage import dashboard, labels
from devtools.livepage.dashboard import WidgetData
from devtools.livepage.logs import Event
from devtools.livepage.metricmath import Metric, Series
from devtools.livepage.metrics import MetricStore, Window
from support.cloudwatch import CloudWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = 1_800_000_000 // 3600 * 3600
WINDOW = Window(HOUR, HOUR + 600)
ALARM = {
    "AlarmArn": "arn:alarm",
    "AlarmName": "dead-letters",
    "Namespace": "ThumbnailPipeline",
    "MetricName": "Failed",
    "Dimensions": [{"Name": "Function", "Value": "thumbs"}],
    "Statistic": "Sum",
    "Period": 60,
    "Threshold": 3.0,
}


def sources(cloudwatch: CloudWatch | None = None) -> WidgetData:
    if cloudwatch is None:
        cloudwatch = CloudWatch()
        cloudwatch.put("ThumbnailPipeline", "Ready", HOUR + 61, 1, 2, Function="thumbs")
        cloudwatch.put("ThumbnailPipeline", "Ready", HOUR + 301, 3, Function="thumbs")
        cloudwatch.put("ThumbnailPipeline", "Failed", HOUR + 61, 1, Function="thumbs")
        for reason in ("empty", "corrupt"):
            cloudwatch.put("ThumbnailPipeline", "Failed", HOUR + 61, 1, Function="thumbs", Reason=reason)
    events = [
        Event("stream", (HOUR - 1) * 1000, '{"message":"image","key":"earlier.png"}'),
        Event("stream", (HOUR + 1) * 1000, '{"message":"image","key":"a.png"}'),
    ]
    return WidgetData(MetricStore(cloudwatch), {"arn:alarm": ALARM}, "/aws/lambda/thumbs", events)  # type: ignore[arg-type, dict-item]


def drawn(*widgets: dict[str, Any]) -> list[dict[str, Any]]:
    return dashboard.draw(json.dumps({"widgets": widgets}), sources(), WINDOW)


def metrics(*rows: Sequence[Any], **properties: Any) -> dict[str, Any]:
    """The only widget of a dashboard."""
    (view,) = drawn({"type": "metric", "properties": {"metrics": rows, "stat": "Sum", "period": 60, **properties}})
    return view


def lines(*rows: Sequence[Any], **properties: Any) -> dict[str, list[float]]:
    view = metrics(*rows, **properties)
    assert view["problems"] == []
    return {series["label"]: series["values"] for series in view["series"]}


READY = ["ThumbnailPipeline", "Ready", "Function", "thumbs"]
FAILED = ["ThumbnailPipeline", "Failed", "Function", "thumbs"]


def test_a_widget_is_where_it_says_or_at_the_next_free_place() -> None:
    text = {"type": "text", "properties": {"markdown": ""}}
    views = drawn(
        {**text, "x": 3, "y": 2, "width": 20, "height": 4}, text, {**text, "width": 18}, {**text, "height": 1}, text
    )
    places = [(view["x"], view["y"], view["width"], view["height"]) for view in views]
    assert places == [(3, 2, 20, 4), (0, 6, 6, 6), (6, 6, 18, 6), (0, 12, 6, 1), (6, 12, 6, 6)]


def test_rows_written_out_and_with_dots_are_the_same() -> None:
    out = metrics(READY, FAILED, ["ThumbnailPipeline", "Failed", "Function", "other"])
    dots = metrics(READY, [".", "Failed", ".", "."], ["...", "other"])
    assert out["series"] == dots["series"]
    assert [(each["label"], each["values"]) for each in out["series"]] == [
        ("Ready thumbs", [3, 3]),
        ("Failed thumbs", [1]),
        ("Failed other", []),
    ]
    assert out["series"][0]["times"] == [(HOUR + 60) * 1000, (HOUR + 300) * 1000]


def test_stat_and_period_of_a_row_come_before_those_of_the_widget() -> None:
    row: list[Any] = [*READY, {"label": "most", "stat": "Maximum", "period": 300}]
    assert lines(row) == {"most": [2, 3]}


def test_expressions_see_what_is_hidden() -> None:
    rows: list[list[Any]] = [
        [*READY, {"id": "ready", "visible": False}],
        [{"expression": "ready / PERIOD(ready)", "label": "rate"}],
    ]
    assert lines(*rows) == {"rate": [0.05, 0.05]}


def test_a_search_is_called_after_what_it_finds() -> None:
    search = """SEARCH('{ThumbnailPipeline,Function,Reason} MetricName="Failed"', 'Sum', 60)"""
    assert lines([{"expression": search}]) == {"corrupt": [1], "empty": [1]}
    assert lines([{"expression": search, "label": "failed:"}]) == {"failed: corrupt": [1], "failed: empty": [1]}
    assert lines([{"expression": search, "label": "${PROP('Dim.Reason')} (${SUM})"}]) == {
        "corrupt (1)": [1],
        "empty (1)": [1],
    }


def test_what_is_wrong_stands_beside_what_is_right() -> None:
    view = metrics(READY, [{"expression": "NOVEL(x)", "id": "e"}], [{"expression": "e + 1"}])
    assert [series["label"] for series in view["series"]] == ["Ready"]
    assert view["problems"] == ["nothing has the id x"]


def test_what_refers_to_itself_is_no_riddle() -> None:
    view = metrics([{"id": "hen", "expression": "egg + 1"}], [{"id": "egg", "expression": "hen + 1"}])
    assert view["problems"] == ["hen refers to itself", "egg refers to itself"]


def test_the_first_period_is_whole() -> None:
    body = {"widgets": [{"type": "metric", "properties": {"metrics": [READY], "stat": "Sum", "period": 300}}]}
    (view,) = dashboard.draw(json.dumps(body), sources(), Window(HOUR + 100, HOUR + 600))
    assert view["series"][0]["values"] == [3, 3]


def test_one_value_for_the_whole_time() -> None:
    assert lines(READY, view="singleValue", setPeriodToTimeRange=True) == {"Ready": [6]}
    assert lines(READY, view="singleValue") == {"Ready": [3, 3]}


def test_annotations_and_axes_are_handed_on() -> None:
    view = metrics(
        [*READY, {"yAxis": "right", "color": "#123456"}],
        title="Ready",
        stacked=True,
        yAxis={"left": {"min": 0}},
        annotations={
            "horizontal": [{"value": 1, "label": "one"}, [{"value": 2}, {"value": 3}]],
            "vertical": [{"value": "2026-11-24T00:00:00Z"}],
        },
    )
    assert (view["title"], view["kind"], view["stacked"], view["axes"]) == (
        "Ready",
        "timeSeries",
        True,
        {"left": {"min": 0}},
    )
    assert [line["value"] for line in view["horizontal"]] == [1, 2, 3]
    assert [line["value"] for line in view["vertical"]] == ["2026-11-24T00:00:00Z"]
    assert (view["series"][0]["axis"], view["series"][0]["color"]) == ("right", "#123456")


def test_a_widget_of_an_alarm_shows_what_it_watches() -> None:
    view = metrics(annotations={"alarms": ["arn:alarm"]})
    assert [(series["label"], series["values"]) for series in view["series"]] == [("dead-letters", [1])]
    assert [line["value"] for line in view["horizontal"]] == [3]


def test_text_is_rendered_and_cannot_run() -> None:
    (view,) = drawn({"type": "text", "properties": {"markdown": "**Runbook** [here](https://example.com) <script>"}})
    assert view["html"] == (
        '<p><strong>Runbook</strong> <a href="https://example.com" target="_blank" rel="noreferrer">here</a> '
        "&lt;script&gt;</p>\n"
    )


def test_a_query_runs_over_the_time_that_is_looked_at() -> None:
    query = "SOURCE '/aws/lambda/thumbs' | fields key | filter message = 'image'"
    (view,) = drawn({"type": "log", "properties": {"query": query}})
    assert (view["kind"], view["columns"], view["rows"]) == ("table", ("key",), (("a.png",),))


@pytest.mark.parametrize(
    ("widget", "complaint"),
    [
        ({"type": "log", "properties": {"query": "SOURCE 'other' | fields key"}}, "only the log group"),
        (
            {"type": "log", "properties": {"query": "SOURCE '/aws/lambda/thumbs' | pattern @message"}},
            "the command pattern",
        ),
        ({"type": "explorer", "properties": {}}, "a widget of the type explorer"),
    ],
)
def test_what_cannot_be_drawn_says_so(widget: dict[str, Any], complaint: str) -> None:
    (view,) = drawn(widget)
    assert view["kind"] == "nothing"
    assert complaint in view["problems"][0]


def test_alarms_are_named() -> None:
    (view,) = drawn({"type": "alarm", "properties": {"alarms": ["arn:alarm"], "title": "Alarms"}})
    assert (view["kind"], view["title"], view["alarms"]) == ("alarms", "Alarms", ["arn:alarm"])


def test_names_that_tell_apart() -> None:
    one = Metric("N", "Failed", (("Function", "thumbs"), ("Reason", "empty")))
    other = Metric("N", "Failed", (("Function", "thumbs"),))
    third = Metric("N", "Ready", (("Function", "thumbs"),))
    assert labels.distinguishing([one, other]) == ["empty", "Failed"]
    assert labels.distinguishing([one, third]) == ["Failed empty", "Ready"]
    assert labels.distinguishing([one]) == ["Failed"]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("${LABEL}: last ${LAST}, avg ${AVG}", "failed: last 4, avg 2"),
        ("${MIN}-${MAX} of ${DATAPOINT_COUNT}", "0-4 of 2"),
        ("${PROP('MetricName')} in ${PROP('Namespace')} every ${PROP('Period')} s", "Failed in N every 60 s"),
        ("${NOVEL} ${PROP('Dim.None')}", "${NOVEL} ${PROP('Dim.None')}"),
    ],
)
def test_labels_with_values(label: str, expected: str) -> None:
    series = Series({0: 0.0, 60: 4.0}, 60, Metric("N", "Failed"))
    assert labels.filled(label, "failed", series) == expected


def test_labels_without_values() -> None:
    assert labels.filled("${LAST}", "failed", Series({}, 60)) == "--"
