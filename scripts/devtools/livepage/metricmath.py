"""Metric math: the part of CloudWatch's language of expressions that graphs and alarms use.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from devtools.livepage.syntax import rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class MetricMathError(ValueError):
    """An expression that cannot be evaluated; the message says why."""


@dataclass(frozen=True)
class Metric:
    """What identifies a metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Series:
    """Values by the time at which their period begins, in seconds since the epoch."""

    points: Mapping[int, float]
    period: int
    metric: Metric | None = None
    """What it shows; None where it is calculated from more than one metric."""

    @property
    def values(self) -> list[float]:
        """The values, the oldest first."""
        return [self.points[time] for time in sorted(self.points)]


_NOTHING: Final = Series({}, period=0)

Array: TypeAlias = tuple[Series, ...]
# Text is a word or a string that a function takes; no expression yields it.
Value: TypeAlias = float | str | Series | Array


class Request(Protocol):
    """What an expression can refer to: the request that it is part of."""

    @property
    def metrics(self) -> Mapping[str, Series]:
        """The metrics of the request by id, without the expressions."""

    def result(self, identifier: str) -> Series | Array:
        """The metric or the other expression with this id; raises MetricMathError where there is none."""

    def search(self, query: str, stat: str, period: int) -> Array:
        """The metrics that a search finds; raises MetricMathError where it is none."""

    def times(self, period: int) -> Sequence[int]:
        """When each period of the request begins; nothing where `period` is 0, that of a series without values."""


def evaluate(expression: str, request: Request) -> Series | Array:
    """Return what `expression` yields. Raises MetricMathError where it is wrong, or more than is known here."""
    try:
        value = _Evaluation(request).transform(_PARSER.parse(expression))
    except UnexpectedInput as error:
        where = rest(expression, error) or "its end"
        raise MetricMathError(f"{expression} is no expression: it goes wrong at {where}") from error
    except VisitError as error:
        raise error.orig_exc from error
    if isinstance(value, Series | tuple):
        return value
    raise MetricMathError(f"{expression} yields no time series")


# ── syntax ───────────────────────────────────────────────────────────────────────────────────────────

# From what binds its operands least to what binds them most.
_PARSER: Final = Lark(
    r"""
    ?start: either
    ?either: both | either OR both -> operation
    ?both: comparison | both AND comparison -> operation
    ?comparison: sum | comparison COMPARED sum -> operation
    ?sum: product | sum ADDED product -> operation
    ?product: signed | product MULTIPLIED signed -> operation
    ?signed: power | "-" signed -> negative
    ?power: operand | power RAISED exponent -> operation
    ?exponent: operand | "-" signed -> negative
    ?operand: NUMBER -> number
            | TEXT -> text
            | NAME -> name
            | NAME "(" _items? ")" -> call
            | "[" _items? "]" -> array
            | "(" either ")"
    _items: either ("," either)*

    OR.1: /\|\||OR\b/
    AND.1: /&&|AND\b/
    COMPARED: /[=!<>]=|[<>]/
    ADDED: /[-+]/
    MULTIPLIED: /[*\/]/
    RAISED: "^"
    NUMBER: /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
    TEXT: /"[^"]*"|'[^']*'/
    NAME: /[A-Za-z_]\w*/
    %ignore /\s+/
    """,
    parser="lalr",
)


@v_args(inline=True)
class _Evaluation(Transformer[Token, Value]):
    """What an expression yields in a request, from its innermost parts outwards."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    def number(self, token: Token) -> float:
        return float(token)

    def text(self, token: Token) -> str:
        return token[1:-1]

    def name(self, token: Token) -> Value:
        # Ids begin with a lower-case letter: what does not is a word for a function.
        return self._request.result(str(token)) if token[0].islower() else str(token)

    def array(self, *items: Value) -> Array:
        return tuple(series for item in items for series in _members(item))

    def call(self, function: Token, *arguments: Value) -> Value:
        return _call(str(function), list(arguments), self._request)

    def operation(self, left: Value, sign: Token, right: Value) -> Value:
        return _operate(sign, left, right)

    def negative(self, value: Value) -> Value:
        return _operate("-", 0.0, value)


# ── meaning ──────────────────────────────────────────────────────────────────────────────────────────


def _members(value: Value) -> Array:
    match value:
        case Series():
            return (value,)
        case tuple():
            return value
        case _:
            raise MetricMathError(f"{value} is no time series")


def _try(calculate: Callable[..., float], *operands: Any) -> float:  # noqa: ANN401 - whatever it takes
    """What it calculates, or not a number: CloudWatch drops a point for which there is no result."""
    try:
        return float(calculate(*operands))
    except (ArithmeticError, ValueError):
        return math.nan


def _derived(points: Iterable[tuple[int, float]], *origins: Series) -> Series:
    """A series of those points that are numbers, calculated from other series."""
    return Series(
        points={time: value for time, value in points if math.isfinite(value)},
        period=max((each.period for each in origins), default=0),
        metric=origins[0].metric if len(origins) == 1 else None,
    )


_OPERATIONS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    **dict.fromkeys(["&&", "AND"], lambda left, right: left != 0 and right != 0),
    **dict.fromkeys(["||", "OR"], lambda left, right: left != 0 or right != 0),
}


def _operate(sign: str, left: Value, right: Value) -> Value:
    def calculate(one: float, other: float) -> float:
        return math.nan if math.isnan(one) or math.isnan(other) else _try(_OPERATIONS[sign], one, other)

    match left, right:
        case Series(), Series():
            # What only one of them has meets a zero in the other.
            times = {**left.points, **right.points}
            pairs = ((time, left.points.get(time, 0.0), right.points.get(time, 0.0)) for time in times)
            return _derived(((time, calculate(one, other)) for time, one, other in pairs), left, right)
        case Series(), float():
            return _derived(((time, calculate(value, right)) for time, value in left.points.items()), left)
        case float(), Series():
            return _derived(((time, calculate(left, value)) for time, value in right.points.items()), right)
        case float(), float():
            return calculate(left, right)
        case tuple(), float() | Series():
            return tuple(member for each in left for member in _members(_operate(sign, each, right)))
        case float() | Series(), tuple():
            return tuple(member for each in right for member in _members(_operate(sign, left, each)))
        case _:
            raise MetricMathError(f"{sign} does not take such operands")


def _of_each_value(calculate: Callable[[float], float]) -> Callable[[Series], Series]:
    return lambda series: _derived(((time, _try(calculate, value)) for time, value in series.points.items()), series)


def _of_each_step(calculate: Callable[[float, float], float]) -> Callable[[Series], Series]:
    """From the seconds and the difference between a point and the one before."""

    def apply(series: Series) -> Series:
        steps = pairwise(sorted(series.points.items()))
        return _derived(
            ((time, calculate(time - before, value - was)) for (before, was), (time, value) in steps), series
        )

    return apply


def _running_sum(series: Series) -> Series:
    return _derived(zip(sorted(series.points), accumulate(series.values), strict=True), series)


# These take an array, too, and then do the same to each of its members.
_OF_A_SERIES: Final[Mapping[str, Callable[[Series], Series]]] = {
    "ABS": _of_each_value(abs),
    "CEIL": _of_each_value(math.ceil),
    "DIFF": _of_each_step(lambda _seconds, difference: difference),
    "DIFF_TIME": _of_each_step(lambda seconds, _difference: seconds),
    "FLOOR": _of_each_value(math.floor),
    "LOG": _of_each_value(math.log),
    "LOG10": _of_each_value(math.log10),
    "RATE": _of_each_step(lambda seconds, difference: difference / seconds),
    "RUNNING_SUM": _running_sum,
}

# These make a number of a time series, and a time series of an array.
_OF_VALUES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "AVG": fmean,
    "DATAPOINT_COUNT": len,
    "MAX": max,
    "MIN": min,
    "STDDEV": pstdev,
    "SUM": math.fsum,
}


def _across(function: str, array: Array) -> Series:
    found: dict[int, list[float]] = {}
    for series in array:
        for time, value in series.points.items():
            found.setdefault(time, []).append(value)
    if function == "AVG":
        # The one for which what is missing counts as a zero.
        return _derived(((time, math.fsum(values) / len(array)) for time, values in found.items()), *array)
    calculate = _OF_VALUES[function]
    return _derived(((time, _try(calculate, values)) for time, values in found.items()), *array)


def _call(function: str, arguments: list[Value], request: Request) -> Value:  # noqa: PLR0912 - a case a function
    match function, arguments:
        case _, [Series() as series] if function in _OF_A_SERIES:
            return _OF_A_SERIES[function](series)
        case _, [tuple() as array] if function in _OF_A_SERIES:
            return tuple(_OF_A_SERIES[function](each) for each in array)
        case _, [Series() as series] if function in _OF_VALUES:
            return _try(_OF_VALUES[function], series.values)
        case _, [tuple() as array] if function in _OF_VALUES:
            return _across(function, array)
        case "FILL", [Series() as series, filler]:
            return _fill(series, filler, request.times(series.period))
        case "FILL", [tuple() as array, filler]:
            return tuple(_fill(each, filler, request.times(each.period)) for each in array)
        case "IF", [condition, then]:
            return _choose(condition, then, _NOTHING)
        case "IF", [condition, then, otherwise]:
            return _choose(condition, then, otherwise)
        case "PERIOD", [Series(period=period)]:
            return float(period)
        case "METRICS", []:
            return tuple(request.metrics.values())
        case "METRICS", [str(part)]:
            return tuple(series for identifier, series in request.metrics.items() if part in identifier)
        case "SEARCH", [str(query), str(stat), float(period)]:
            return request.search(query, stat, int(period))
        case "METRIC_COUNT", [tuple() as array]:
            return float(len(array))
        case "FIRST", [tuple() as array]:
            return array[0] if array else _NOTHING
        case "LAST", [tuple() as array]:
            return array[-1] if array else _NOTHING
        case "SLICE", [tuple() as array, float(start)]:
            return array[int(start) :]
        case "SLICE", [tuple() as array, float(start), float(end)]:
            return array[int(start) : int(end)]
        case "SORT", [tuple() as array, str(by), "ASC" | "DESC" as order] if by in _OF_VALUES:
            return _sort(array, by, descending=order == "DESC")
        case "SORT", [tuple() as array, str(by), "ASC" | "DESC" as order, float(most)] if by in _OF_VALUES:
            return _sort(array, by, descending=order == "DESC")[: int(most)]
        case "REMOVE_EMPTY", [tuple() as array]:
            return tuple(series for series in array if series.points)
        case "TIME_SERIES", [float(number)]:
            period = max((series.period for series in request.metrics.values()), default=60)
            return _derived(((time, number) for time in request.times(period)), Series({}, period))
        case _:
            raise MetricMathError(f"{function} is not known here, or not with such arguments")


def _fill(series: Series, filler: Value, times: Sequence[int]) -> Series:
    missing = [time for time in times if time not in series.points]
    match filler:
        case float():
            filled = dict.fromkeys(missing, filler)
        case Series():
            filled = {time: filler.points[time] for time in missing if time in filler.points}
        case "REPEAT" | "LINEAR":
            filled = {time: _between(series, time, linear=filler == "LINEAR") for time in missing}
        case _:
            raise MetricMathError("FILL takes a number, a time series, REPEAT or LINEAR to fill with")
    return _derived(sorted({**filled, **series.points}.items()), series)


def _between(series: Series, time: int, *, linear: bool) -> float:
    """The value for a time without one: that before it, or on the line from that before it to that after it."""
    before = max((each for each in series.points if each < time), default=None)
    after = min((each for each in series.points if each > time), default=None)
    if before is None or (linear and after is None):
        return math.nan
    if not linear or after is None:
        return series.points[before]
    share = (time - before) / (after - before)
    return series.points[before] * (1 - share) + series.points[after] * share


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    match condition, then, otherwise:
        case float(), _, _:
            return then if condition else otherwise
        case Series(), float() | Series(), float() | Series():
            chosen = ((time, _at(then, time, 0.0) if met else _at(otherwise, time, math.nan))
                      for time, met in condition.points.items())  # fmt: skip
            return _derived(chosen, *(each for each in (condition, then, otherwise) if isinstance(each, Series)))
        case _:
            raise MetricMathError("IF takes numbers and time series")


def _at(value: float | Series, time: int, missing: float) -> float:
    return value.points.get(time, missing) if isinstance(value, Series) else value


def _sort(array: Array, by: str, *, descending: bool) -> Array:
    """Sort by what a function makes of each; those without values come last."""
    sign = -1 if descending else 1
    worth = {id(series): sign * _try(_OF_VALUES[by], series.values) for series in array}
    return tuple(sorted(array, key=lambda series: (not series.points, worth[id(series)])))
