"""Metric math says what CloudWatch's own documentation says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.livepage.metricmath import Metric, MetricMathError, Series, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.livepage.metricmath import Array

MINUTE = 60
TIMES = range(0, 5 * MINUTE, MINUTE)


def series(*values: float | None) -> Series:
    """A series with a value for each minute; None where it has none."""
    return Series({time: value for time, value in zip(TIMES, values, strict=False) if value is not None}, MINUTE)


@dataclass(frozen=True)
class Request:
    """Metrics by their ids, over five minutes."""

    metrics: Mapping[str, Series]
    found: Mapping[str, Array] = field(default_factory=dict)

    def result(self, identifier: str) -> Series | Array:
        if identifier not in self.metrics:
            raise MetricMathError(f"nothing has the id {identifier}")
        return self.metrics[identifier]

    def search(self, query: str, stat: str, period: int) -> Array:
        assert (stat, period) == ("Sum", 300)
        return self.found[query]

    def times(self, period: int) -> Sequence[int]:
        return TIMES if period else ()


def values(expression: str, **metrics: Series) -> list[float | None]:
    """What an expression yields for each minute."""
    result = evaluate(expression, Request(metrics))
    assert isinstance(result, Series)
    return [result.points.get(time) for time in TIMES]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 < metric2", [0, 0, 1, 0, None]),
        ("metric1 >= 30", [1, 0, 0, 0, None]),
        ("metric1 > 15 AND metric2 > 15", [1, 0, 0, 0, None]),
        ("metric1 > 15 && metric2 > 15", [1, 0, 0, 0, None]),
        ("metric1 > 15 OR metric2 > 15", [1, 1, 1, 0, None]),
    ],
)
def test_the_documented_comparisons(expression: str, expected: list[float | None]) -> None:
    assert values(expression, metric1=series(30, 20, 0, 0), metric2=series(20, None, 20, None)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, None, None]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, None, None]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, None]),
        ("IF(metric1, metric2)", [30, 0, None, None, None]),
        ("IF(1, metric2, metric3)", [30, None, 0, 0, 30]),
        ("IF(0, metric2)", [None] * 5),
    ],
)
def test_the_documented_choices(expression: str, expected: list[float | None]) -> None:
    given_metrics = {
        "metric1": series(1, 1, 0, 0, None),
        "metric2": series(30, None, 0, 0, 30),
        "metric3": series(0, 0, 20, None, 20),
    }
    assert values(expression, **given_metrics) == expected


def test_what_is_missing_in_one_of_two_counts_as_zero() -> None:
    assert values("a + b", a=series(1, None, 3), b=series(10, 20)) == [11, 20, 3, None, None]


def test_a_division_by_zero_drops_the_point() -> None:
    assert values("100 * failed / (ready + failed)", failed=series(0, 1, 1), ready=series(0, 3)) == [
        None,
        25,
        100,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(m, 0)", [0, 1, 0, 3, 0]),
        ("FILL(m, REPEAT)", [None, 1, 1, 3, 3]),
        ("FILL(m, LINEAR)", [None, 1, 2, 3, None]),
        ("FILL(m, n)", [7, 1, 7, 3, 7]),
        ("FILL(nothing, 0) + 1", [1, 1, 1, 1, 1]),
    ],
)
def test_filling(expression: str, expected: list[float | None]) -> None:
    assert (
        values(expression, m=series(None, 1, None, 3), n=series(7, 7, 7, 7, 7), nothing=Series({}, MINUTE)) == expected
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m / PERIOD(m)", [1, 2, None, 4, None]),
        ("RATE(m)", [None, 1, None, 1, None]),
        ("DIFF(m)", [None, 60, None, 120, None]),
        ("DIFF_TIME(m)", [None, 60, None, 120, None]),
        ("RUNNING_SUM(m)", [60, 180, None, 420, None]),
        ("ABS(-m)", [60, 120, None, 240, None]),
        ("CEIL(m / 100)", [1, 2, None, 3, None]),
        ("LOG10(m * 0)", [None] * 5),
        ("m + (1 / 0 < 2)", [None] * 5),  # what has no result makes none
        ("m - MIN(m)", [0, 60, None, 180, None]),
        ("m / DATAPOINT_COUNT(m)", [20, 40, None, 80, None]),
        ("TIME_SERIES(MAX(m))", [240] * 5),
        ("m ^ 2 / 3600", [1, 4, None, 16, None]),
    ],
)
def test_functions_of_one_series(expression: str, expected: list[float | None]) -> None:
    assert values(expression, m=series(60, 120, None, 240)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("SUM(METRICS())", [3, 2, 5, None, None]),
        ("AVG(METRICS())", [1.5, 1, 2.5, None, None]),  # what is missing counts as a zero
        ("MIN([bad, good])", [1, 2, 5, None, None]),
        ('SUM(METRICS("oo"))', [2, 2, None, None, None]),
        ("SUM(METRICS() * 10)", [30, 20, 50, None, None]),
        ("bad / METRIC_COUNT(METRICS())", [0.5, None, 2.5, None, None]),
        ("FIRST(SORT(METRICS(), SUM, DESC))", [1, None, 5, None, None]),
        ("LAST(SORT(METRICS(), SUM, DESC))", [2, 2, None, None, None]),
        ("SUM(SLICE(SORT(METRICS(), MAX, ASC), 0, 1))", [2, 2, None, None, None]),
        ("SUM(SORT(METRICS(), MAX, ASC, 1))", [2, 2, None, None, None]),
        ("FIRST(REMOVE_EMPTY([METRICS()]))", [1, None, 5, None, None]),
    ],
)
def test_functions_of_many_series(expression: str, expected: list[float | None]) -> None:
    assert values(expression, bad=series(1, None, 5), good=series(2, 2)) == expected


def test_a_search_yields_what_it_finds() -> None:
    one = Series({0: 1.0}, 300, Metric("N", "Failed"))
    other = Series({0: 2.0}, 300, Metric("N", "Failed"))
    query = '{N,Function,Reason} MetricName="Failed"'
    request = Request({}, {query: (one, other)})
    assert evaluate(f"SEARCH('{query}', 'Sum', 300)", request) == (one, other)
    total = evaluate(f"SUM(SEARCH('{query}', 'Sum', 300))", request)
    assert total == Series({0: 3.0}, 300)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("m +", "goes wrong at its end"),
        ("m ? 1", r"goes wrong at \? 1"),
        ("(m", "goes wrong at its end"),
        ("m m", "goes wrong at m"),
        ("1 + 1", "yields no time series"),
        ("AVG(m)", "yields no time series"),
        ("n + 1", "nothing has the id n"),
        ("ANOMALY_DETECTION_BAND(m)", "ANOMALY_DETECTION_BAND is not known here"),
        ("METRICS() + METRICS()", "does not take such operands"),
        ("FILL(m, LAST)", "FILL takes"),
        ("IF(m, METRICS(), 0)", "IF takes"),
    ],
)
def test_what_is_wrong_is_said(expression: str, complaint: str) -> None:
    with pytest.raises(MetricMathError, match=complaint):
        values(expression, m=series(1))


def _chain(operand: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Operands in a row, with signs between them, as a whole in parentheses."""
    more = st.lists(st.tuples(st.sampled_from([" + ", " - ", " * ", " / ", " - -"]), operand), min_size=1, max_size=4)
    return st.tuples(operand, more).map(lambda parts: f"({parts[0]}{''.join(sign + each for sign, each in parts[1])})")


def _comparison(operand: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from([" < ", " <= ", " == ", " != "])
    return st.tuples(operand, signs, operand).map(lambda parts: f"({''.join(parts)})")


_numbers = st.integers(0, 9).map(str)
_arithmetic = st.recursive(_numbers, lambda inner: _chain(inner) | _comparison(_chain(inner)), max_leaves=12)


@given(_arithmetic)
def test_operators_bind_as_everywhere(text: str) -> None:
    try:
        expected: float | None = float(eval(text))  # noqa: S307 - of figures and signs
    except ZeroDivisionError:
        expected = None
    result = evaluate(f"zero + ({text})", Request({"zero": Series({0: 0.0}, MINUTE)}))
    assert isinstance(result, Series)
    assert result.points.get(0) == pytest.approx(expected)


_series = st.dictionaries(st.sampled_from(list(TIMES)), st.floats(-1e6, 1e6)).map(lambda points: Series(points, MINUTE))


@given(_series, _series)
def test_a_sum_of_two_is_the_sum_of_the_array(one: Series, other: Series) -> None:
    request = Request({"a": one, "b": other})
    assert evaluate("a + b", request) == evaluate("SUM([a, b])", request)


@given(_series)
def test_a_filled_series_has_every_time_and_keeps_its_values(one: Series) -> None:
    filled = evaluate("FILL(m, 7)", Request({"m": one}))
    assert isinstance(filled, Series)
    assert filled.points == {**dict.fromkeys(TIMES, 7.0), **one.points}
