"""The queries of metric math's SEARCH, and which metrics they find.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from devtools.livepage.metricmath import Metric, MetricMathError

if TYPE_CHECKING:
    from collections.abc import Iterable

_Test: TypeAlias = Callable[[Metric], bool]

# {Namespace, DimensionName, …}, before the terms.
_SCHEMA: Final = re.compile(r"\s*\{(?P<names>[^}]*)\}\s*,?")
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<sign>[()=])
      | "(?P<exact>(?:\\.|[^"\\])*)"
      | (?P<word>[^\s()="]+)
    )\s*""",
    re.VERBOSE,
)
# A partial match is one of the words that a name is made of: CustomCount1 is custom, count and 1.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def find(query: str, metrics: Iterable[Metric]) -> list[Metric]:
    """Return those of `metrics` that `query` finds. Raises MetricMathError where it is no search."""
    accepts = _Query(query).test()
    return sorted((each for each in metrics if accepts(each)), key=lambda each: (each.name, each.dimensions))


class _Query:
    """Recursive descent over the tokens of one query."""

    def __init__(self, query: str) -> None:
        self._query = query
        schema = _SCHEMA.match(query)
        self._names = [name.strip().strip('"') for name in schema["names"].split(",")] if schema else []
        self._tokens = [
            (str(match.lastgroup), match[str(match.lastgroup)])
            for match in _TOKEN.finditer(query, schema.end() if schema else 0)
        ]

    def test(self) -> _Test:
        terms = self._alternatives(None) if self._tokens else _anything
        if self._tokens:
            raise self._wrong()
        return _both(self._fits_schema, terms)

    def _fits_schema(self, metric: Metric) -> bool:
        if not self._names:
            return True
        namespace, *dimensions = self._names
        return metric.namespace == namespace and (
            not dimensions or set(dimensions) == {name for name, _ in metric.dimensions}
        )

    def _alternatives(self, designator: str | None) -> _Test:
        test = self._conjunction(designator)
        while self._ahead == ("word", "OR"):
            self._tokens.pop(0)
            test = _either(test, self._conjunction(designator))
        return test

    def _conjunction(self, designator: str | None) -> _Test:
        test = self._term(designator)
        while self._ahead not in {None, ("word", "OR"), ("sign", ")")}:
            if self._ahead == ("word", "AND"):
                self._tokens.pop(0)
            test = _both(test, self._term(designator))
        return test

    def _term(self, designator: str | None) -> _Test:
        match self._tokens.pop(0) if self._tokens else None:
            case "word", "NOT":
                return _not(self._term(designator))
            case "sign", "(":
                test = self._alternatives(designator)
                if self._ahead != ("sign", ")"):
                    raise self._wrong()
                self._tokens.pop(0)
                return test
            case "word" | "exact", name if self._ahead == ("sign", "="):
                self._tokens.pop(0)
                return self._term(name)
            case "exact", text:
                return _is(re.sub(r"\\(.)", r"\1", text), designator)
            case "word", text:
                return _contains(text, designator)
        raise self._wrong()

    @property
    def _ahead(self) -> tuple[str, str] | None:
        return self._tokens[0] if self._tokens else None

    def _wrong(self) -> MetricMathError:
        return MetricMathError(f"SEARCH cannot read {self._query!r}")


def _texts(metric: Metric, designator: str | None) -> list[str]:
    """Where a term is looked for: everywhere, or only in what its designator names."""
    match designator:
        case None:
            return [metric.name, metric.namespace, *(part for dimension in metric.dimensions for part in dimension)]
        case "MetricName":
            return [metric.name]
        case "Namespace":
            return [metric.namespace]
        case _:
            return [value for name, value in metric.dimensions if name == designator]


def _is(text: str, designator: str | None) -> _Test:
    return lambda metric: text in _texts(metric, designator)


def _contains(text: str, designator: str | None) -> _Test:
    wanted = _words(text)

    def test(metric: Metric) -> bool:
        return any(
            found[start : start + len(wanted)] == wanted
            for found in map(_words, _texts(metric, designator))
            for start in range(len(found))
        )

    return test


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _anything(_metric: Metric) -> bool:
    return True


def _both(one: _Test, other: _Test) -> _Test:
    return lambda metric: one(metric) and other(metric)


def _either(one: _Test, other: _Test) -> _Test:
    return lambda metric: one(metric) or other(metric)


def _not(test: _Test) -> _Test:
    return lambda metric: not test(metric)
