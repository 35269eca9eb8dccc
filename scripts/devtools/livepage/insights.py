"""CloudWatch Logs Insights over lines of JSON: the part of its language that the widgets of a dashboard use.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
The emulator runs queries, too, but looks into no JSON and counts nothing.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from devtools.livepage.syntax import rest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devtools.livepage.logs import Event

_Record: TypeAlias = dict[str, Any]
_Term: TypeAlias = Callable[[_Record], Any]
_Aggregate: TypeAlias = Callable[[list[_Record]], Any]
# What it is called, and what it is of a record.
_Column: TypeAlias = tuple[str, _Term]

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html
_MOST_ROWS: Final = 1000
TIME: Final = "@timestamp"


class InsightsError(ValueError):
    """A query that cannot be run; the message says why."""


@dataclass(frozen=True)
class Table:
    """What a query yields. Times are in milliseconds since the epoch."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run(query: str, events: Iterable[Event]) -> Table:
    """Run `query` over `events`. Raises InsightsError where it is wrong, or more than is known here."""
    result = _Result([_record(event) for event in events], ())
    for command in _commands(query):
        result = command(result)
    columns = result.columns or (TIME, "@message")
    return Table(columns, tuple(tuple(map(record.get, columns)) for record in result.records[:_MOST_ROWS]))


@dataclass(frozen=True)
class _Result:
    """What the commands so far have left, and which fields of it to show; none where they have not said."""

    records: list[_Record]
    columns: tuple[str, ...]


_Command: TypeAlias = Callable[[_Result], _Result]


def _record(event: Event) -> _Record:
    """The fields of an event: its own, and those of the JSON that it is."""
    try:
        parsed = json.loads(event.message)
    except ValueError:
        parsed = None
    fields = _flattened(parsed) if isinstance(parsed, dict) else ()
    return {**dict(fields), TIME: event.time, "@message": event.message, "@logStream": event.stream}


def _flattened(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# ── syntax ───────────────────────────────────────────────────────────────────────────────────────────

_PARSER: Final = Lark(
    r"""
    start: _command ("|" _command)*
    _command: fields | display | filter | stats | sort | limit | dedup
    fields: "fields"i columns
    display: "display"i columns
    filter: _FILTER either
    stats: "stats"i aggregates ["by"i columns]
    sort: "sort"i order ("," order)*
    limit: "limit"i NUMBER
    dedup: "dedup"i columns

    columns: column ("," column)*
    column: operand ["as"i NAME]
    aggregates: aggregate ("," aggregate)*
    aggregate: NAME "(" ("*" | operand) ["," NUMBER] ")" ["as"i NAME]
    order: NAME [DESCENDING | "asc"i]

    ?either: both ("or"i both)*
    ?both: condition ("and"i condition)*
    ?condition: NOT condition -> negated
              | "(" either ")"
              | operand -> truth
              | operand COMPARED operand -> comparison
              | operand [NOT] LIKE (TEXT | PATTERN) -> like
              | operand [NOT] "in"i "[" operand ("," operand)* "]" -> among
    ?operand: NUMBER -> number
            | TEXT -> text
            | NAME -> name
            | NAME "(" (operand | SPAN) ")" -> call

    _FILTER: "filter"i
    DESCENDING: "desc"i
    NOT.1: /not\b/i
    LIKE.1: /like\b|=~/i
    COMPARED: /[<>!]=|[<>=]/
    SPAN.1: /\d+(ms|[smhdw])\b/
    NUMBER: /-?\d+(\.\d+)?/
    TEXT: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/
    PATTERN: /\/(\\.|[^\/\\])+\//
    NAME: /`[^`]+`|@?[A-Za-z_][\w.]*/
    %ignore /\s+|#[^\n]*/
    """,
    parser="lalr",
)
_SPAN: Final = re.compile(r"(\d+)(\D+)")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _commands(query: str) -> Sequence[_Command]:
    try:
        commands: Sequence[_Command] = _CommandReader().transform(_PARSER.parse(query))
    except UnexpectedInput as error:
        where = rest(query, error)
        expected = error.expected if isinstance(error, UnexpectedToken) else ()
        if "_FILTER" in expected and where:
            raise InsightsError(f"the command {where.split()[0]} is not known here") from error
        if "PATTERN" in expected:
            raise InsightsError("like takes a text or a /pattern/") from error
        raise InsightsError(f"the query goes wrong at {where[:30] or 'the end of a command'}") from error
    except VisitError as error:
        raise error.orig_exc from error
    return commands


@v_args(inline=True)
class _CommandReader(Transformer[Token, Any]):
    """Makes functions of commands and conditions. Columns and operands come with what they are called."""

    def start(self, *commands: _Command) -> tuple[_Command, ...]:
        return commands

    def fields(self, columns: Sequence[_Column]) -> _Command:
        return _show(columns, besides=True)

    def display(self, columns: Sequence[_Column]) -> _Command:
        return _show(columns, besides=False)

    def filter(self, condition: _Term) -> _Command:
        return _filter(condition)

    def stats(self, aggregates: Sequence[tuple[str, _Aggregate]], by: Sequence[_Column] | None) -> _Command:
        return _stats(aggregates, by or ())

    def sort(self, *order: tuple[str, bool]) -> _Command:
        return _sort(order)

    def limit(self, most: Token) -> _Command:
        return _limit(int(most))

    def dedup(self, columns: Sequence[_Column]) -> _Command:
        return _dedup([term for _, term in columns])

    def columns(self, *columns: _Column) -> tuple[_Column, ...]:
        return columns

    def column(self, operand: _Column, alias: Token | None) -> _Column:
        text, term = operand
        return _named(alias) if alias else text, term

    def aggregates(self, *aggregates: tuple[str, _Aggregate]) -> tuple[tuple[str, _Aggregate], ...]:
        return aggregates

    def aggregate(self, function: Token, *others: Any) -> tuple[str, _Aggregate]:  # noqa: ANN401 - see the grammar
        *operand, number, alias = others
        if function not in _AGGREGATES:
            raise InsightsError(f"the function {function} is not known here")
        text, term = operand[0] if operand else ("*", _present)
        calculate, argument = _AGGREGATES[function], float(number or math.nan)

        def aggregate(records: list[_Record]) -> Any:  # noqa: ANN401 - what the fields hold
            values = [value for value in map(term, records) if value is not None]
            return calculate(values, argument) if values or function == "count" else None

        return _named(alias) if alias else f"{function}({text})", aggregate

    def order(self, name: Token, descending: Token | None = None) -> tuple[str, bool]:
        return _named(name), descending is not None

    def either(self, *terms: _Term) -> _Term:
        return lambda record: any(term(record) for term in terms)

    def both(self, *terms: _Term) -> _Term:
        return lambda record: all(term(record) for term in terms)

    def negated(self, _not: Token, term: _Term) -> _Term:
        return lambda record: not term(record)

    def truth(self, operand: _Column) -> _Term:
        return operand[1]

    def comparison(self, left: _Column, sign: Token, right: _Column) -> _Term:
        return lambda record: _compare(sign, left[1](record), right[1](record))

    def like(self, left: _Column, negated: Token | None, _like: Token, token: Token) -> _Term:
        pattern = _compiled(token[1:-1]) if token.type == "PATTERN" else re.compile(re.escape(_unquoted(token)))
        return lambda record: bool(pattern.search(str(left[1](record)))) != bool(negated)

    def among(self, left: _Column, negated: Token | None, *choices: _Column) -> _Term:
        return lambda record: (
            any(_compare("=", left[1](record), choice(record)) for _, choice in choices) != bool(negated)
        )

    def number(self, token: Token) -> _Column:
        return token, lambda _record: float(token)

    def text(self, token: Token) -> _Column:
        return token, lambda _record: _unquoted(token)

    def name(self, token: Token) -> _Column:
        return token, lambda record: record.get(_named(token))

    def call(self, function: Token, argument: Token | _Column) -> _Column:
        match str(function), argument:
            case "bin", Token() as span:
                number, unit = _SPAN.findall(span)[0]
                length = int(number) * _MILLISECONDS[unit]
                return f"bin({span})", lambda record: record[TIME] // length * length
            case "ispresent", (text, term):
                return f"ispresent({text})", lambda record: term(record) is not None
            case _:
                raise InsightsError(f"{function} is not known here")


def _named(token: str) -> str:
    return token.strip("`")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InsightsError(f"/{pattern}/ is no pattern: {error}") from error


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


# ── meaning ──────────────────────────────────────────────────────────────────────────────────────────

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _percentile(values: Sequence[Any], percent: float) -> Any:  # noqa: ANN401 - as what the field holds
    ordered = sorted(values, key=_rank)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


# Of the values that there are, in order of time; the number is the second argument of pct.
_AGGREGATES: Final[Mapping[str, Callable[[Sequence[Any], float], Any]]] = {
    "avg": lambda values, _: _of_numbers(fmean, values),
    "count": lambda values, _: len(values),
    "count_distinct": lambda values, _: len(set(values)),
    "earliest": lambda values, _: values[0],
    "latest": lambda values, _: values[-1],
    "max": lambda values, _: max(values, key=_rank),
    "min": lambda values, _: min(values, key=_rank),
    "pct": _percentile,
    "sum": lambda values, _: _of_numbers(math.fsum, values),
}


def _of_numbers(calculate: Callable[[list[float]], float], values: Sequence[Any]) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float)]
    return calculate(numbers) if numbers else None


def _present(_record: _Record) -> bool:
    return True


def _compare(sign: str, left: Any, right: Any) -> bool:  # noqa: ANN401 - what the fields hold
    """Compare as numbers where both are, and else as texts; what is missing is only unlike."""
    if left is None or right is None:
        return sign == "!=" and left is not right
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        left, right = str(left), str(right)
    return _COMPARISONS[sign](left, right)


def _show(columns: Sequence[tuple[str, _Term]], *, besides: bool) -> _Command:
    def command(result: _Result) -> _Result:
        records = [{**record, **{name: term(record) for name, term in columns}} for record in result.records]
        shown = tuple(name for name, _ in columns)
        return _Result(records, (*result.columns, *shown) if besides else shown)

    return command


def _filter(condition: _Term) -> _Command:
    return lambda result: _Result([record for record in result.records if condition(record)], result.columns)


def _stats(aggregates: Sequence[tuple[str, _Aggregate]], by: Sequence[tuple[str, _Term]]) -> _Command:
    def command(result: _Result) -> _Result:
        groups: dict[tuple[Any, ...], list[_Record]] = {}
        for record in result.records:
            groups.setdefault(tuple(term(record) for _, term in by), []).append(record)
        names = [name for name, _ in by]
        records = [
            {**dict(zip(names, group, strict=True)), **{name: aggregate(members) for name, aggregate in aggregates}}
            for group, members in groups.items()
        ]
        return _Result(records, (*names, *(name for name, _ in aggregates)))

    return command


def _sort(order: Sequence[tuple[str, bool]]) -> _Command:
    def command(result: _Result) -> _Result:
        records = result.records
        # The last criterion first, for sorting keeps the order of equals.
        for name, descending in reversed(order):
            there = [record for record in records if record.get(name) is not None]
            missing = [record for record in records if record.get(name) is None]
            there.sort(key=lambda record: _rank(record[name]), reverse=descending)
            records = there + missing
        return _Result(records, result.columns)

    return command


def _rank(value: Any) -> tuple[bool, float, str]:  # noqa: ANN401 - what the fields hold
    is_number = isinstance(value, int | float)
    return not is_number, value if is_number else 0.0, str(value)


def _limit(most: int) -> _Command:
    return lambda result: _Result(result.records[:most], result.columns)


def _dedup(by: Sequence[_Term]) -> _Command:
    def command(result: _Result) -> _Result:
        first: dict[tuple[Any, ...], _Record] = {}
        for record in result.records:
            first.setdefault(tuple(term(record) for term in by), record)
        return _Result(list(first.values()), result.columns)

    return command
