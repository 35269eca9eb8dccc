"""The queries of metric math's SEARCH, and which metrics they find.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from devtools.livepage.metricmath import Metric, MetricMathError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Whether a metric is found, by its name, namespace or dimension where a designator says which, and else by any of them.
_Test: TypeAlias = Callable[[Metric, str | None], bool]

# {Namespace, DimensionName, …} comes before the terms.
_PARSER: Final = Lark(
    r"""
    start: [SCHEMA] [either]
    ?either: both | either "OR" both
    ?both: term | both "AND"? term
    ?term: "NOT" term -> negated
         | (WORD | EXACT) "=" term -> designated
         | "(" either ")"
         | EXACT -> exact
         | WORD -> word

    SCHEMA.1: /\{[^}]*\}\s*,?/
    EXACT: /"(\\.|[^"\\])*"/
    WORD: /[^\s()="]+/
    %ignore /\s+/
    """,
    parser="lalr",
)
# A partial match is one of the words that a name is made of: CustomCount1 is custom, count and 1.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def find(query: str, metrics: Iterable[Metric]) -> list[Metric]:
    """Return those of `metrics` that `query` finds. Raises MetricMathError where it is no search."""
    try:
        accepts = _SearchReader().transform(_PARSER.parse(query))
    except UnexpectedInput as error:
        raise MetricMathError(f"SEARCH cannot read {query!r}") from error
    return sorted((each for each in metrics if accepts(each, None)), key=lambda each: (each.name, each.dimensions))


@v_args(inline=True)
class _SearchReader(Transformer[Token, _Test]):
    """Makes a test of a query."""

    def start(self, schema: Token | None, terms: _Test | None) -> _Test:
        fits = _fits(schema.strip("{}, \t\n")) if schema else _anything
        return self.both(fits, terms or _anything)

    def either(self, one: _Test, other: _Test) -> _Test:
        return lambda metric, designator: one(metric, designator) or other(metric, designator)

    def both(self, one: _Test, other: _Test) -> _Test:
        return lambda metric, designator: one(metric, designator) and other(metric, designator)

    def negated(self, test: _Test) -> _Test:
        return lambda metric, designator: not test(metric, designator)

    def designated(self, name: Token, test: _Test) -> _Test:
        return lambda metric, _: test(metric, _unquoted(name))

    def exact(self, token: Token) -> _Test:
        return lambda metric, designator: _unquoted(token) in _texts(metric, designator)

    def word(self, token: Token) -> _Test:
        wanted = _words(token)
        return lambda metric, designator: any(
            found[start : start + len(wanted)] == wanted
            for found in map(_words, _texts(metric, designator))
            for start in range(len(found))
        )


def _fits(schema: str) -> _Test:
    """Whether a metric has this namespace and, where they are named, exactly these dimensions."""
    namespace, *dimensions = (name.strip().strip('"') for name in schema.split(","))
    return lambda metric, _: (
        metric.namespace == namespace and (not dimensions or set(dimensions) == {name for name, _ in metric.dimensions})
    )


def _anything(_metric: Metric, _designator: str | None) -> bool:
    return True


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


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


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
