"""The trace of an image or an invocation: from X-Ray, or on a local stack from its collector; and how it is drawn."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from thumbctl.looking.xray import assemble, images, waterfall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_xray import XRayClient

    from thumbctl.looking.xray import Bar, Span, Trace
    from thumbctl.stack import Stack

# 1-<seconds since the epoch>-<96 bits>, in hex.
# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
_TRACE_ID: Final = re.compile(r"1-([0-9a-f]{8})-[0-9a-f]{24}")

# https://docs.aws.amazon.com/xray/latest/devguide/aws-xray.html
_KEPT: Final = timedelta(days=30)
# X-Ray has a segment a moment after it was sent.
_ON_ITS_WAY: Final = timedelta(seconds=30)

_BAR_WIDTH: Final = 24


class NoTrace(Exception):
    """There is no such trace; the message says why, and what else there is."""


def is_trace_id(text: str) -> bool:
    """Whether `text` is the id of a trace rather than a key."""
    return _TRACE_ID.fullmatch(text) is not None


def look_up(stack: Stack, trace_id: str, key: str | None = None) -> Trace:
    """Return the trace of an invocation; with `key`, the part of it that is about this image. Raises NoTrace."""
    documents = stack.segments() if stack.segments else _documents(stack.client("xray"), trace_id)
    found = assemble(each for each in documents if each["trace_id"] == trace_id)
    if not found:
        raise NoTrace(_why_not(trace_id))
    if key is None:
        return found[0]
    # Of an image that one message spoke of twice, the last time is what its row shows.
    about = [part for part in images(found[0]) if part.spans[0].subject == key]
    if not about:
        raise NoTrace(
            f"The trace {trace_id} has nothing about this image: see all of it with 'thumbctl trace {trace_id}'."
        )
    return about[-1]


def console_url(stack: Stack, trace_id: str) -> str | None:
    """Where to see the trace in a browser, or None for a local stack."""
    if stack.segments:
        return None
    region = stack.client("xray").meta.region_name
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#xray:traces/{trace_id}"


def table(trace: Trace) -> Table:
    """The waterfall, for people: a bar a span, to scale."""
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("Span", overflow="fold")
    drawn.add_column("", width=_BAR_WIDTH, no_wrap=True)
    drawn.add_column("ms", justify="right")
    drawn.add_column("", overflow="fold")
    bars = waterfall(trace)
    several = len({span.subject for span in trace.spans if span.subject}) > 1
    for bar in bars:
        drawn.add_row(
            "  " * bar.span.depth + bar.span.name,
            _drawn(bar),
            f"{bar.span.milliseconds:,.1f}",
            _about(bar.span, name_it=several),
            style="red" if bar.span.failed else "",
        )
    if hidden := len(trace.spans) - len(bars):
        drawn.add_row(f"… and {hidden} more: --json has them all", "", "", "")
    return drawn


def as_json(trace: Trace) -> list[dict[str, Any]]:
    """The spans, for scripts; times in seconds since the epoch and in milliseconds."""
    return [
        {
            "trace_id": trace.trace_id,
            "name": span.name,
            "start": span.start,
            "milliseconds": round(span.milliseconds, 3),
            "depth": span.depth,
            "failed": span.failed,
            "key": span.subject or None,
            "detail": span.detail,
        }
        for span in trace.spans
    ]


def _documents(xray: XRayClient, trace_id: str) -> Iterator[Mapping[str, Any]]:
    for page in xray.get_paginator("batch_get_traces").paginate(TraceIds=[trace_id]):
        for trace in page["Traces"]:
            for segment in trace["Segments"]:
                yield json.loads(segment["Document"])


def _why_not(trace_id: str) -> str:
    began = _began(trace_id)
    age = datetime.now(UTC) - began
    if age > _KEPT:
        return f"The trace {trace_id} has expired: it is of {began:%Y-%m-%d}, and X-Ray keeps {_KEPT.days} days."
    if age < _ON_ITS_WAY:
        return f"The trace {trace_id} is not there yet, if it was sampled: try again in half a minute."
    # https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    return (
        f"The trace {trace_id} was not sampled: of the invocations of a function, Lambda has the first of each second"
        " traced and 5 % of the others, and with tracing = PassThrough none. The log tells of every image:"
        " 'thumbctl show KEY'."
    )


def _began(trace_id: str) -> datetime:
    matched = _TRACE_ID.fullmatch(trace_id)
    return datetime.fromtimestamp(int(matched[1], 16), UTC) if matched else datetime.now(UTC) - _ON_ITS_WAY


def _about(span: Span, *, name_it: bool) -> str:
    """What a span is annotated with; what names its image comes after that, and is the same in every line but here."""
    annotations = span.detail.partition(f"key {span.subject}")[0].removesuffix(", ") if span.subject else span.detail
    return ", ".join(filter(None, (annotations, span.subject if name_it else "")))


def _drawn(bar: Bar) -> str:
    begin = min(round(bar.offset / 100 * _BAR_WIDTH), _BAR_WIDTH - 1)
    length = max(1, min(round(bar.width / 100 * _BAR_WIDTH), _BAR_WIDTH - begin))
    return " " * begin + "━" * length
