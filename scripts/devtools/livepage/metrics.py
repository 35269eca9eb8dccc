"""GetMetricData as CloudWatch answers it: the emulator has the metrics, and this calculates what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from devtools.livepage import metricmath, search
from devtools.livepage.metricmath import Metric, MetricMathError, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef, MetricDataQueryTypeDef

    from devtools.livepage.metricmath import Array

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_MOST_QUERIES_A_CALL: Final = 500
# The emulator cuts time at the multiples of the period. With this one, which began in 1970, it does not cut at all.
_ALL_TIME: Final = 2**33


@dataclass(frozen=True)
class Stat:
    """A statistic of a metric, for each period of so many seconds."""

    metric: Metric
    name: str
    period: int


# By its id, what is asked for: a statistic, or an expression of metric math that may refer to other ids.
Queries: TypeAlias = "Mapping[str, Stat | str]"


@dataclass(frozen=True)
class Window:
    """From when to when, in seconds since the epoch."""

    start: int
    end: int
    as_one: bool = False
    """Whether it is a single period, whatever periods are asked for."""

    def times(self, period: int) -> Sequence[int]:
        """When each period within it begins; nothing where `period` is 0."""
        if self.as_one:
            return (self.start,)
        return range(self.start // period * period, self.end, period) if period else ()


class MetricStore:
    """The metrics of the emulator."""

    def __init__(self, cloudwatch: CloudWatchClient) -> None:
        self._cloudwatch = cloudwatch

    def evaluate(self, queries: Queries, window: Window) -> dict[str, Array | MetricMathError]:
        """Return for each query its time series, or what is wrong with it."""
        request = _Request(self, queries, window)
        return {identifier: request.outcome(identifier) for identifier in queries}

    def find(self, query: str) -> list[Metric]:
        """Return the metrics that a search finds."""
        pages = self._cloudwatch.get_paginator("list_metrics").paginate()
        return search.find(
            query,
            (
                metric_of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions", ()))
                for page in pages
                for metric in page["Metrics"]
            ),
        )

    def fetch(self, stats: Sequence[Stat], window: Window) -> list[Series]:
        """Return a time series for each of `stats`."""
        found: list[Series] = []
        for begin in range(0, len(stats), _MOST_QUERIES_A_CALL):
            found += self._fetch(stats[begin : begin + _MOST_QUERIES_A_CALL], window)
        return found

    def _fetch(self, stats: Sequence[Stat], window: Window) -> list[Series]:
        # The first period is whole, as on AWS.
        start = min(window.times(stat.period)[0] for stat in stats)
        answer = self._cloudwatch.get_metric_data(
            MetricDataQueries=[
                _query(f"q{number}", stat, _ALL_TIME if window.as_one else stat.period)
                for number, stat in enumerate(stats)
            ],
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(window.end, UTC),
        )
        return [
            Series(
                points={
                    start if window.as_one else int(time.timestamp()): value
                    for time, value in zip(result["Timestamps"], result["Values"], strict=True)
                },
                period=window.end - start if window.as_one else stat.period,
                metric=stat.metric,
            )
            for stat, result in zip(stats, answer["MetricDataResults"], strict=True)
        ]


def metric_of(namespace: str, name: str, dimensions: Iterable[DimensionTypeDef]) -> Metric:
    """The metric that the API identifies in this way."""
    return Metric(namespace, name, tuple(sorted((each["Name"], each["Value"]) for each in dimensions)))


def _query(identifier: str, stat: Stat, period: int) -> MetricDataQueryTypeDef:
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": stat.metric.namespace,
                "MetricName": stat.metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in stat.metric.dimensions],
            },
            "Stat": stat.name,
            "Period": period,
        },
    }


class _Request:
    """The queries of one request, which refer to one another."""

    def __init__(self, source: MetricStore, queries: Queries, window: Window) -> None:
        self._source = source
        self._window = window
        stats = {identifier: query for identifier, query in queries.items() if isinstance(query, Stat)}
        self._metrics = dict(zip(stats, source.fetch(list(stats.values()), window), strict=True))
        self._expressions = {identifier: query for identifier, query in queries.items() if isinstance(query, str)}
        self._underway: list[str] = []

    def outcome(self, identifier: str) -> Array | MetricMathError:
        """The time series of a query, or what is wrong with it."""
        try:
            result = self.result(identifier)
        except MetricMathError as error:
            return error
        return (result,) if isinstance(result, Series) else result

    @property
    def metrics(self) -> Mapping[str, Series]:
        return self._metrics

    def result(self, identifier: str) -> Series | Array:
        if identifier in self._metrics:
            return self._metrics[identifier]
        if identifier not in self._expressions:
            raise MetricMathError(f"nothing has the id {identifier}")
        if identifier in self._underway:
            raise MetricMathError(f"{identifier} refers to itself")
        self._underway.append(identifier)
        try:
            return metricmath.evaluate(self._expressions[identifier], self)
        finally:
            self._underway.pop()

    def search(self, query: str, stat: str, period: int) -> Array:
        stats = [Stat(metric, stat, period) for metric in self._source.find(query)]
        return tuple(self._source.fetch(stats, self._window))

    def times(self, period: int) -> Sequence[int]:
        return self._window.times(period)
