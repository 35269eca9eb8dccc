"""Names the lines of a graph.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
"""

from __future__ import annotations

import re
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devtools.livepage.metricmath import Metric, Series

_VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)(?:\('([^']*)'\))?\}")

_OF_VALUES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "AVG": fmean,
    "DATAPOINT_COUNT": len,
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "MAX": max,
    "MIN": min,
    "SUM": sum,
}


def distinguishing(metrics: Sequence[Metric]) -> list[str]:
    """Return for each metric the name and dimensions that tell it from the others; its name where nothing does."""
    names = {metric.name for metric in metrics}
    dimensions = [dict(metric.dimensions) for metric in metrics]
    varying = [
        name
        for name in dict.fromkeys(name for each in dimensions for name in each)
        if len({each.get(name) for each in dimensions}) > 1
    ]
    return [
        " ".join([*([metric.name] if len(names) > 1 else []), *(each[name] for name in varying if name in each)])
        or metric.name
        for metric, each in zip(metrics, dimensions, strict=True)
    ]


def filled(label: str, default: str, series: Series) -> str:
    """Return `label` with its variables, such as `${MAX}`, `${PROP('Period')}` and `${LABEL}`, filled in."""

    def value(match: re.Match[str]) -> str:
        variable, argument = match.groups()
        if variable == "LABEL":
            return default
        if variable in _OF_VALUES:
            return f"{_OF_VALUES[variable](series.values):.6g}" if series.points else "--"
        if variable == "PROP" and series.metric is not None:
            properties = {
                "MetricName": series.metric.name,
                "Namespace": series.metric.namespace,
                "Period": str(series.period),
                **{f"Dim.{name}": of_it for name, of_it in series.metric.dimensions},
            }
            return properties.get(argument, match[0])
        return match[0]

    return _VARIABLE.sub(value, label)
