"""X-Ray, metrics and logs: the only module that knows the X-Ray SDK.

Metrics are lines of JSON in the log that CloudWatch turns into metrics by itself, so that emitting one
costs no call: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from aws_xray_sdk.core import xray_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

NAMESPACE = "ThumbnailPipeline"

_writing = threading.Lock()

# Outside an invocation there is nothing to attach a subsegment to. The work goes on without.
xray_recorder.configure(context_missing="IGNORE_ERROR")
logging.getLogger("aws_xray_sdk").setLevel(logging.ERROR)


@contextlib.contextmanager
def subsegment(name: str, *, metadata: dict[str, Any] | None = None) -> Iterator[dict[str, str]]:
    """Trace the block as `name`. What it puts into the yielded dict becomes annotations.

    Annotations are indexed, so they stay low in cardinality; what names one image is metadata.
    """
    annotations: dict[str, str] = {}
    entity = xray_recorder.begin_subsegment(name)
    try:
        yield annotations
    except Exception as error:
        if entity is not None:
            entity.add_exception(error, traceback.extract_tb(error.__traceback__))
        raise
    finally:
        if entity is not None:
            for key, value in (metadata or {}).items():
                entity.put_metadata(key, value)
            for key, value in annotations.items():
                entity.put_annotation(key, value)
            xray_recorder.end_subsegment()


def in_this_trace(work: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return `work` such that, in another thread, its subsegments hang where the caller is now."""
    parent = xray_recorder.get_trace_entity()

    def traced(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        if parent is not None:
            xray_recorder.set_trace_entity(parent)
        return work(*arguments, **named)

    return traced


def trace_id() -> str | None:
    """The X-Ray trace id of this invocation, or None where it is not traced."""
    fields = os.environ.get("_X_AMZN_TRACE_ID", "").split(";")
    return next((field.removeprefix("Root=") for field in fields if field.startswith("Root=")), None)


def log(level: str, message: str, **fields: object) -> None:
    """Write one line of JSON; None is left out."""
    if logging.getLevelNamesMapping()[level] < logging.getLevelNamesMapping()[_threshold()]:
        return
    line = {"level": level, "message": message, "trace_id": trace_id(), **fields}
    _write({name: value for name, value in line.items() if value is not None})


class Metrics:
    """Counts of one invocation, written as one line each for outcomes and for reasons of failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def count(self, outcome: str, reason: str | None = None) -> None:
        """Count one event by what became of it, and where it failed, by the reason."""
        with self._lock:
            self._outcomes[outcome] += 1
            if reason:
                self._reasons[reason] += 1

    def flush(self) -> None:
        """Write what was counted."""
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
        for outcome, number in self._outcomes.items():
            _write(_embedded({"Function": function, "Outcome": outcome}, {"Events": number}))
        for reason, number in self._reasons.items():
            _write(_embedded({"Function": function, "Reason": reason}, {"Failures": number}))


def _embedded(dimensions: dict[str, str], counts: dict[str, int]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    timestamp = int(time.time() * 1000)
    return {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, **dimensions, **counts}


def _threshold() -> str:
    return os.environ.get("LOG_LEVEL", "INFO")


def _write(line: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
