"""X-Ray, metrics and logs: the only module that knows the X-Ray SDK.

Metrics are lines of JSON in the log that CloudWatch turns into metrics by itself, so that emitting one
costs no call: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
import threading
import time
import traceback
import zlib
from collections import Counter, defaultdict
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_xray_sdk.core import AWSXRayRecorder

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

NAMESPACE = "ThumbnailPipeline"

# The most values that one metric of one document can have.
_MOST_VALUES = 100
_UNITS = {
    "SourceBytes": "Bytes",
    "ThumbnailBytes": "Bytes",
    "RenderTime": "Milliseconds",
    "RequestTime": "Milliseconds",
    "Age": "Milliseconds",
    "EventDelay": "Milliseconds",
    "MemoryUsed": "Megabytes",
    "Completeness": "Percent",
}

_writing = threading.Lock()


# ── traces ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Record:
    """What trace, log and metrics say of one image."""

    annotations: dict[str, str] = field(default_factory=dict)
    """Indexed by X-Ray, so they stay low in cardinality; what names one image is metadata."""
    milliseconds: Counter[str] = field(default_factory=Counter)
    """How long each step took; the sum, if it was taken more than once."""
    _began: float = field(default_factory=time.monotonic)

    @property
    def total_milliseconds(self) -> int:
        """How long it has taken by now."""
        return _milliseconds_since(self._began)


_current: ContextVar[Record | None] = ContextVar("_current", default=None)


@contextlib.contextmanager
def image(record: Record, **metadata: str) -> Iterator[None]:
    """Trace the block as one image's way, the steps of which are noted in `record`."""
    token = _current.set(record)
    try:
        with _subsegment("image", metadata, record.annotations):
            yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Trace the block as one step of the image's way, and note its duration in the record of the image."""
    record = _current.get()
    started = time.monotonic()
    try:
        with _subsegment(name, {}, {}):
            yield
    finally:
        if record is not None:
            record.milliseconds[name] += _milliseconds_since(started)


def in_this_trace(work: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return `work` for another thread, where what it traces becomes part of the caller's trace."""
    if not _is_traced():
        return work
    parent = _recorder().get_trace_entity()

    def traced(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        _recorder().set_trace_entity(parent)
        return work(*arguments, **named)

    return traced


def trace_id() -> str | None:
    """The X-Ray trace id of this invocation, or None where it has none."""
    return _trace_header().get("Root")


@contextlib.contextmanager
def _subsegment(name: str, metadata: dict[str, str], annotations: dict[str, str]) -> Iterator[None]:
    if not _is_traced():
        yield
        return
    recorder = _recorder()
    entity = recorder.begin_subsegment(name)
    try:
        yield
    except Exception as error:
        if entity is not None:
            entity.add_exception(error, traceback.extract_tb(error.__traceback__))
        raise
    finally:
        if entity is not None:
            for key, value in metadata.items():
                entity.put_metadata(key, value)
            for key, value in annotations.items():
                entity.put_annotation(key, value)
            recorder.end_subsegment()


@functools.cache
def _recorder() -> AWSXRayRecorder:
    """Imported only for an invocation that is traced: most are not, and it would slow down every cold start."""
    from aws_xray_sdk.core import xray_recorder  # noqa: PLC0415

    # Outside an invocation there is nothing to attach a subsegment to: go on without.
    xray_recorder.configure(context_missing="IGNORE_ERROR")
    logging.getLogger("aws_xray_sdk").setLevel(logging.ERROR)
    return xray_recorder


def _is_traced() -> bool:
    return _trace_header().get("Sampled") == "1"


def _milliseconds_since(moment: float) -> int:
    return round((time.monotonic() - moment) * 1000)


def age_ms(moment: datetime) -> int:
    """Return how many milliseconds ago a moment was that another clock told; 0 where that is ahead.

    Clocks differ, and with one negative value CloudWatch shows no percentile.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    """
    return max(0, round((datetime.now(UTC) - moment).total_seconds() * 1000))


def _trace_header() -> dict[str, str]:
    """What Lambda says of this invocation's trace, such as Root=1-67…;Parent=…;Sampled=0.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    fields = (each.partition("=") for each in os.environ.get("_X_AMZN_TRACE_ID", "").split(";"))
    return {name: value for name, _, value in fields}


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────


def log(level: str, message: str, **fields: object) -> None:
    """Write one line of JSON; None is left out."""
    levels = logging.getLevelNamesMapping()
    if levels[level] < levels[_threshold()]:
        return
    line = {"level": level, "message": message, "trace_id": trace_id(), **fields}
    _write({name: value for name, value in line.items() if value is not None})


def _threshold() -> str:
    """LOG_LEVEL, or DEBUG in that share of the invocations which DEBUG_SAMPLE_RATE names.

    The trace id decides which, so that all lines of an invocation have one threshold.
    """
    share = zlib.crc32((trace_id() or "").encode()) / 2**32
    return "DEBUG" if share < float(os.environ.get("DEBUG_SAMPLE_RATE", "0")) else os.environ.get("LOG_LEVEL", "INFO")


# ── metrics ──────────────────────────────────────────────────────────────────────────────────────────


class Metrics:
    """The metrics of one invocation: one document, and one more for each reason of failure.

    metrics = Metrics("Ready", "Failed")
    metrics.add("SourceBytes", 1234)
    metrics.flush()
    """

    def __init__(self, *always: str) -> None:
        """Sums with the names `always` are written even if they are 0, so that a ratio of them has data."""
        self._lock = threading.Lock()
        self._sums: Counter[str] = Counter(dict.fromkeys(always, 0))
        self._highest: dict[str, float] = {}
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._reasons: Counter[str] = Counter()

    def add(self, name: str, number: float = 1) -> None:
        """Add to a sum, such as a count or bytes."""
        with self._lock:
            self._sums[name] += number  # type: ignore[assignment]  # a Counter counts in floats as well

    def fail(self, reason: str) -> None:
        """Count one failure by its reason."""
        with self._lock:
            self._sums["Failed"] += 1
            self._reasons[reason] += 1

    def observe(self, name: str, value: float) -> None:
        """Note one of many values; CloudWatch makes percentiles of them."""
        with self._lock:
            self._values[name].append(value)

    def reach(self, name: str, level: float) -> None:
        """Note a level; the highest one of the invocation is written."""
        with self._lock:
            self._highest[name] = max(level, self._highest.get(name, level))

    def flush(self) -> None:
        """Write what was noted."""
        function = {"Function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")}
        pages = max((-(-len(values) // _MOST_VALUES) for values in self._values.values()), default=1)
        for page in range(pages):
            part = slice(page * _MOST_VALUES, (page + 1) * _MOST_VALUES)
            values = {name: each[part] for name, each in self._values.items() if each[part]}
            _write(_embedded(function, values if page else {**self._sums, **self._highest, **values}))
        for reason, number in self._reasons.items():
            _write(_embedded({**function, "Reason": reason}, {"Failed": number}))


def publish(function: str, values: Mapping[str, float], **dimensions: str) -> None:
    """Write metrics of the function with this name, each a single value."""
    _write(_embedded({"Function": function, **dimensions}, dict(values)))


def _embedded(dimensions: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    timestamp = int(time.time() * 1000)
    return {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, **dimensions, **values}


def _write(line: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
