"""How much publishers announce and how far they are behind, by their metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.telemetry import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from thumbctl.stack import Stack

# Older values say nothing of now.
_FRESH: Final = timedelta(minutes=10)
_PERIOD_SECONDS: Final = 60
# By what is asked for: namespace, metric, dimension and statistic.
_ASKED: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "behind": ("AWS/Lambda", "IteratorAge", "FunctionName", "Maximum"),
    "published": (NAMESPACE, "EventsPublished", "Function", "Sum"),
    "refused": (NAMESPACE, "EventsFailed", "Function", "Sum"),
}


@dataclass(frozen=True)
class Measured:
    """What the metrics of one publisher say."""

    behind_seconds: float | None
    """How old the last record was when it was read; None where nothing was read in the last ten minutes."""
    last_hour: int
    last_day: int
    """Events that were taken."""
    refused_last_day: int
    """Tries that were not."""

    @classmethod
    def of(cls, stack: Stack, functions: Sequence[str]) -> dict[str, Measured]:
        """Ask CloudWatch, in one call."""
        now = datetime.now(UTC)
        queries = [
            _query(f"{name}{number}", function, *asked)
            for number, function in enumerate(functions)
            for name, asked in _ASKED.items()
        ]
        cloudwatch: CloudWatchClient = stack.client("cloudwatch")
        # Whole minutes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        series: dict[str, list[tuple[datetime, float]]] = {}
        for page in cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=end - timedelta(days=1), EndTime=end
        ):
            for result in page["MetricDataResults"]:
                series.setdefault(result["Id"], []).extend(zip(result["Timestamps"], result["Values"], strict=True))

        def since(name: str, span: timedelta) -> list[float]:
            return [value for moment, value in sorted(series.get(name, ())) if moment >= now - span]

        return {
            function: cls(
                # In milliseconds: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
                behind_seconds=next((value / 1000 for value in since(f"behind{number}", _FRESH)[-1:]), None),
                last_hour=round(sum(since(f"published{number}", timedelta(hours=1)))),
                last_day=round(sum(since(f"published{number}", timedelta(days=1)))),
                refused_last_day=round(sum(since(f"refused{number}", timedelta(days=1)))),
            )
            for number, function in enumerate(functions)
        }


def _query(
    identifier: str, function: str, namespace: str, name: str, dimension: str, statistic: str
) -> MetricDataQueryTypeDef:
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": dimension, "Value": function}],
            },
            "Period": _PERIOD_SECONDS,
            "Stat": statistic,
        },
    }
