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
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devtools.livepage.logs import Event

_Record: TypeAlias = dict[str, Any]
_Term: TypeAlias = Callable[[_Record], Any]
_Aggregate: TypeAlias = Callable[[list[_Record]], Any]
_Item = TypeVar("_Item")

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

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<span>\d+(?:ms|[smhdw])\b)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<pattern>/(?:\\.|[^/\\])+/)
      | (?P<name>`[^`]+`|@?[A-Za-z_][\w.]*)
      | (?P<sign>[<>!]=|=~|[=<>(),|*\[\]])
      | (?P<comment>\#[^\n]*)
    )\s*""",
    re.VERBOSE,
)
_SPAN: Final = re.compile(r"(\d+)(\D+)")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _commands(query: str) -> Iterator[_Command]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None or match.lastgroup is None:
            raise InsightsError(f"the query goes wrong at {query[position:].strip()[:30]}")
        position = match.end()
        kind, token = match.lastgroup, match[match.lastgroup]
        if (kind, token) == ("sign", "|"):
            yield _Reader(tokens).command()
            tokens = []
        elif kind != "comment":
            tokens.append((kind, token))
    yield _Reader(tokens).command()


class _Reader:
    """Recursive descent over the tokens of one command."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    def command(self) -> _Command:
        name = self._take("name").lower()
        match name:
            case "fields":
                command = _show(self._listed(self._column), besides=True)
            case "display":
                command = _show(self._listed(self._column), besides=False)
            case "filter":
                command = _filter(self._alternatives())
            case "stats":
                aggregates = self._listed(self._aggregate)
                command = _stats(aggregates, self._listed(self._column) if self._skip("by") else [])
            case "sort":
                command = _sort(self._listed(self._order))
            case "limit":
                command = _limit(int(self._take("number")))
            case "dedup":
                command = _dedup([term for _, term in self._listed(self._column)])
            case _:
                raise InsightsError(f"the command {name} is not known here")
        if self._tokens:
            raise self._wrong()
        return command

    def _listed(self, item: Callable[[], _Item]) -> list[_Item]:
        items = [item()]
        while self._skip(","):
            items.append(item())
        return items

    def _column(self) -> tuple[str, _Term]:
        tokens = list(self._tokens)
        term = self._operand()
        text = "".join(token for _, token in tokens[: len(tokens) - len(self._tokens)])
        return self._alias(text), term

    def _aggregate(self) -> tuple[str, _Aggregate]:
        function = self._take("name")
        if function not in _AGGREGATES:
            raise InsightsError(f"the function {function} is not known here")
        self._expect("(")
        text, term = ("*", _present) if self._skip("*") else self._column()
        number = float(self._take("number")) if self._skip(",") else math.nan
        self._expect(")")
        calculate = _AGGREGATES[function]

        def aggregate(records: list[_Record]) -> Any:  # noqa: ANN401 - what the fields hold
            values = [value for value in map(term, records) if value is not None]
            return calculate(values, number) if values or function == "count" else None

        return self._alias(f"{function}({text})"), aggregate

    def _alias(self, text: str) -> str:
        return self._name() if self._skip("as") else text

    def _order(self) -> tuple[str, bool]:
        name = self._name()
        descending = self._skip("desc")
        self._skip("asc")
        return name, descending

    def _alternatives(self) -> _Term:
        terms = [self._conjunction()]
        while self._skip("or"):
            terms.append(self._conjunction())
        return lambda record: any(term(record) for term in terms)

    def _conjunction(self) -> _Term:
        terms = [self._condition()]
        while self._skip("and"):
            terms.append(self._condition())
        return lambda record: all(term(record) for term in terms)

    def _condition(self) -> _Term:
        if self._skip("not"):
            term = self._condition()
            return lambda record: not term(record)
        if self._skip("("):
            term = self._alternatives()
            self._expect(")")
            return term
        left = self._operand()
        negated = self._skip("not")
        if self._skip("like") or self._skip("=~"):
            pattern = self._pattern()
            return lambda record: bool(pattern.search(str(left(record)))) != negated
        if self._skip("in"):
            self._expect("[")
            choices = self._listed(self._operand)
            self._expect("]")
            return lambda record: any(_compare("=", left(record), choice(record)) for choice in choices) != negated
        if self._ahead in _COMPARISONS:
            sign = self._take("sign")
            right = self._operand()
            return lambda record: _compare(sign, left(record), right(record))
        return left

    def _operand(self) -> _Term:
        match self._tokens.pop(0) if self._tokens else ("", ""):
            case "number", token:
                return lambda _record: float(token)
            case "text", token:
                return lambda _record: _unquoted(token)
            case "name", "ispresent" if self._skip("("):
                name = self._name()
                self._expect(")")
                return lambda record: record.get(name) is not None
            case "name", "bin" if self._skip("("):
                length = self._span()
                self._expect(")")
                return lambda record: record[TIME] // length * length
            case "name", token if self._ahead != "(":
                return lambda record: record.get(token.strip("`"))
            case _, token:
                raise InsightsError(f"{token or 'the end of a command'} is not known here")

    def _span(self) -> int:
        match = _SPAN.fullmatch(self._take("span"))
        assert match is not None  # noqa: S101 - the token is one
        return int(match[1]) * _MILLISECONDS[match[2]]

    def _pattern(self) -> re.Pattern[str]:
        match self._tokens.pop(0) if self._tokens else ("", ""):
            case "pattern", token:
                return _compiled(token[1:-1])
            case "text", token:
                return re.compile(re.escape(_unquoted(token)))
            case _:
                raise InsightsError("like takes a text or a /pattern/")

    @property
    def _ahead(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _skip(self, word_or_sign: str) -> bool:
        if not self._tokens or self._tokens[0][0] not in {"name", "sign"} or self._ahead.lower() != word_or_sign:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            raise self._wrong()

    def _name(self) -> str:
        return self._take("name").strip("`")

    def _take(self, kind: str) -> str:
        if not self._tokens or self._tokens[0][0] != kind:
            raise self._wrong()
        return self._tokens.pop(0)[1]

    def _wrong(self) -> InsightsError:
        return InsightsError(f"the query goes wrong at {self._ahead or 'the end of a command'}")


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
