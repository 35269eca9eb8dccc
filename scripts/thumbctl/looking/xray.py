"""X-Ray's documents → traces, mean times by name, and the bars of a waterfall.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# A waterfall with more bars than this is a wall.
_MOST_BARS = 30


@dataclass(frozen=True)
class Span:
    """A segment or subsegment. Times are seconds since the epoch; the roots of a trace have depth 0.

    `subject` is the image's key where the span is about one image.
    """

    name: str
    start: float
    end: float
    depth: int
    failed: bool
    subject: str
    detail: str

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) * 1000


@dataclass(frozen=True)
class Trace:
    """Everything sent under one trace id: each parent before its children, which are in order of time."""

    trace_id: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        """When its first span began."""
        return min(span.start for span in self.spans)

    @property
    def milliseconds(self) -> float:
        """From the first beginning to the last end."""
        return (max(span.end for span in self.spans) - self.start) * 1000


@dataclass(frozen=True)
class Mean:
    """How often a name occurs over all traces, and how long it takes on average."""

    name: str
    count: int
    milliseconds: float


@dataclass(frozen=True)
class Bar:
    """A span as a waterfall shows it: `offset` and `width` in percent of the trace."""

    span: Span
    offset: float
    width: float


def assemble(documents: Iterable[Mapping[str, Any]]) -> tuple[Trace, ...]:
    """Put the documents that the SDK sent one by one together again, the oldest trace first.

    A child may arrive inside its parent or in a datagram of its own. Documents that are still in progress
    are left out: the finished one follows.
    """
    by_trace: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for document in documents:
        by_trace[document["trace_id"]].append(document)
    traces = (Trace(trace_id, tuple(_spans(sent))) for trace_id, sent in by_trace.items())
    return tuple(sorted((trace for trace in traces if trace.spans), key=lambda trace: trace.start))


def images(trace: Trace) -> Iterator[Trace]:
    """The images of an invocation: of each, the part of the trace that is about it, which begins with depth 0."""
    for index, image in enumerate(trace.spans):
        if image.subject:
            parts = itertools.takewhile(lambda span: span.depth > image.depth, trace.spans[index + 1 :])  # noqa: B023 - used up at once
            yield Trace(
                trace.trace_id,
                tuple(replace(span, depth=span.depth - image.depth) for span in (image, *parts)),
            )


def means(traces: Iterable[Trace]) -> tuple[Mean, ...]:
    """Mean times by name, in the order in which the names first begin within a trace."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for trace in traces:
        for span in trace.spans:
            times[span.name].append(span.milliseconds)
    return tuple(Mean(name, len(each), fmean(each)) for name, each in times.items())


def most_telling(traces: Sequence[Trace]) -> Trace | None:
    """The trace to draw: of those with the most kinds of spans, the one of median length."""
    if not traces:
        return None
    kinds = {trace: len({span.name for span in trace.spans}) for trace in traces}
    richest = sorted(
        (trace for trace in traces if kinds[trace] == max(kinds.values())),
        key=lambda trace: (len(trace.spans), trace.milliseconds),
    )
    return richest[len(richest) // 2]


def waterfall(trace: Trace) -> tuple[Bar, ...]:
    """The bars of a trace, from the top; no more than a reader can take in."""
    whole = trace.milliseconds or 1
    return tuple(
        Bar(
            span=span,
            offset=(span.start - trace.start) * 1000 / whole * 100,
            width=span.milliseconds / whole * 100,
        )
        for span in trace.spans[:_MOST_BARS]
    )


def _spans(sent: Iterable[Mapping[str, Any]]) -> Iterator[Span]:
    children: defaultdict[str | None, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    known: set[str] = set()
    for document, parent in _flattened(sent):
        if "end_time" in document:
            known.add(document["id"])
            children[parent][document["id"]] = document

    def descend(document: Mapping[str, Any], depth: int) -> Iterator[Span]:
        yield Span(
            name=document["name"],
            start=document["start_time"],
            end=document["end_time"],
            depth=depth,
            failed=bool(document.get("fault") or document.get("error")),
            subject=str(_metadata(document).get("key", "")),
            detail=", ".join(f"{name} {value}" for name, value in _facts(document).items()),
        )
        for child in _in_order(children[document["id"]].values()):
            yield from descend(child, depth + 1)

    # The parent of the topmost is the service's own segment, which nobody sends to us.
    roots = [
        document
        for parent, offspring in list(children.items())
        if parent not in known
        for document in offspring.values()
    ]
    for root in _in_order(roots):
        yield from descend(root, 0)


def _flattened(
    documents: Iterable[Mapping[str, Any]], parent: str | None = None
) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    for document in documents:
        yield document, parent or document.get("parent_id")
        yield from _flattened(document.get("subsegments") or (), document["id"])


def _in_order(documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(documents, key=lambda document: float(document["start_time"]))


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**(document.get("annotations") or {}), **_metadata(document)}


def _metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of all namespaces as one."""
    namespaces = (document.get("metadata") or {}).values()
    return {name: value for each in namespaces if isinstance(each, dict) for name, value in each.items()}
