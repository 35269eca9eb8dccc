"""CloudWatch's metrics and alarms in memory, as far as the emulator has them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Average": fmean,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
}


class CloudWatch:
    """The client."""

    def __init__(self, alarms: Sequence[dict[str, Any]] = ()) -> None:
        self.alarms = {alarm["AlarmName"]: alarm for alarm in alarms}
        self.told: list[tuple[str, str]] = []
        self._points: defaultdict[tuple[Any, ...], list[tuple[float, float]]] = defaultdict(list)

    def put(self, namespace: str, name: str, moment: float, *values: float, **dimensions: str) -> None:
        """Publish values of one metric."""
        self.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    "Timestamp": datetime.fromtimestamp(moment, UTC),
                    "Values": values,
                }
            ],
        )

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803
        for datum in MetricData:
            moment = datum.get("Timestamp", datetime.now(UTC)).timestamp()
            values = datum.get("Values") or [datum["Value"]]
            self._points[_key({**datum, "Namespace": Namespace})] += [(moment, value) for value in values]

    def get_metric_data(self, *, MetricDataQueries: Any, StartTime: datetime, EndTime: datetime) -> Any:  # noqa: N803
        def result(query: Any) -> dict[str, Any]:
            stat = query["MetricStat"]
            periods: defaultdict[int, list[float]] = defaultdict(list)
            for moment, value in self._points[_key(stat["Metric"])]:
                if StartTime.timestamp() <= moment < EndTime.timestamp():
                    periods[int(moment // stat["Period"] * stat["Period"])].append(value)
            return {
                "Id": query["Id"],
                "Timestamps": [datetime.fromtimestamp(period, UTC) for period in sorted(periods)],
                "Values": [_STATISTICS[stat["Stat"]](periods[period]) for period in sorted(periods)],
            }

        return {"MetricDataResults": [result(query) for query in MetricDataQueries]}

    def set_alarm_state(self, *, AlarmName: str, StateValue: str, StateReason: str) -> None:  # noqa: N803
        self.alarms[AlarmName]["StateValue"] = StateValue
        self.told.append((StateValue, StateReason))

    def get_paginator(self, operation: str) -> Any:
        client = self

        class Pages:
            def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
                if operation == "list_metrics":
                    yield {
                        "Metrics": [
                            {
                                "Namespace": namespace,
                                "MetricName": name,
                                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                            }
                            for namespace, name, dimensions in client._points
                        ]
                    }
                else:
                    yield {"MetricAlarms": list(client.alarms.values()), "CompositeAlarms": []}

        return Pages()


def _key(metric: Mapping[str, Any]) -> tuple[Any, ...]:
    dimensions = sorted((each["Name"], each["Value"]) for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], tuple(dimensions)
