"""Metrics of the last day, by the minute: all that a command asks for in one call."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from thumbctl.stack import Stack

__all__ = ["DAY", "HOUR", "Series", "query"]

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
# Shared by all metrics, so that one request has them all.
_PERIOD_SECONDS: Final = 60
# Older levels say nothing of now.
_FRESH: Final = timedelta(minutes=10)


class Series:
    """What CloudWatch has of some metrics, each by the identifier of its query."""

    def __init__(self, stack: Stack, queries: Sequence[MetricDataQueryTypeDef], now: datetime) -> None:
        self._now = now
        self._points: dict[str, list[tuple[datetime, float]]] = {}
        cloudwatch: CloudWatchClient = stack.client("cloudwatch")
        # Whole minutes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for page in cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=end - DAY, EndTime=end
        ):
            for result in page["MetricDataResults"]:
                points = zip(result["Timestamps"], result["Values"], strict=True)
                self._points.setdefault(result["Id"], []).extend(points)

    def __contains__(self, identifier: str) -> bool:
        """Whether there is any value of it."""
        return bool(self._points.get(identifier))

    def total(self, identifier: str, begin: datetime, end: datetime) -> int:
        """Add up what there is from `begin` until before `end`."""
        return round(sum(value for moment, value in self._points.get(identifier, ()) if begin <= moment < end))

    def latest(self, identifier: str) -> float | None:
        """Return the newest value, or None where that says nothing of now."""
        fresh = [point for point in self._points.get(identifier, ()) if point[0] >= self._now - _FRESH]
        return max(fresh)[1] if fresh else None


def query(
    identifier: str, namespace: str, name: str, dimensions: Mapping[str, str], stat: str
) -> MetricDataQueryTypeDef:
    """Return what asks for one metric."""
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": each, "Value": value} for each, value in dimensions.items()],
            },
            "Period": _PERIOD_SECONDS,
            "Stat": stat,
        },
    }
