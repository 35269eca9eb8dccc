"""Alarms, evaluated from their definitions as CloudWatch does it; the emulator then runs their actions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

CloudWatch evaluates every minute, over periods that end then. This evaluates more often, so that nobody waits.
Composite alarms are the emulator's own: it evaluates them whenever one of their parts changes.
"""

from __future__ import annotations

import operator
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from devtools.livepage.metricmath import MetricMathError
from devtools.livepage.metrics import Stat, Window, metric_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

    from devtools.livepage.metrics import MetricStore, Queries

AlarmState: TypeAlias = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

_COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
}

# How many periods CloudWatch looks back beyond those that count, for values in the place of missing ones. The page
# has one example, with two: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
_PERIODS_BEYOND: Final = 2


def decide(
    breaches: Sequence[bool | None], *, evaluated: int, to_alarm: int, missing: str, state: AlarmState
) -> AlarmState:
    """Return the state that follows from the latest periods, the newest first; None is one without a value.

    `evaluated` periods count, `to_alarm` of them have to breach; `missing` is the alarm's TreatMissingData and `state`
    its state until now.
    """
    real = [breach for breach in breaches if breach is not None]
    breaching = sum(real[:evaluated])
    lacking = max(0, evaluated - len(real))
    if lacking and missing == "breaching":
        breaching += lacking
    elif lacking and missing != "notBreaching":
        if not real:
            return state if missing == "ignore" else "INSUFFICIENT_DATA"
        # However few there are: if all of them breach, and the oldest has for long enough, that is an alarm.
        oldest = max(age for age, breach in enumerate(breaches, start=1) if breach is not None)
        if all(real) and oldest >= to_alarm:
            return state if missing == "ignore" else "ALARM"
    return "ALARM" if breaching >= to_alarm else "OK"


class Evaluator:
    """Evaluates every metric alarm of the emulator."""

    def __init__(self, cloudwatch: CloudWatchClient, metrics: MetricStore) -> None:
        self._cloudwatch = cloudwatch
        self._metrics = metrics
        self.problems: dict[str, str] = {}
        """Why an alarm could not be evaluated, by its name."""

    def evaluate(self) -> None:
        """Bring every alarm into the state that follows from its metrics now."""
        now = int(time.time())
        problems: dict[str, str] = {}
        for page in self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"]):
            for alarm in page["MetricAlarms"]:
                try:
                    self._evaluate(alarm, now)
                except MetricMathError as error:
                    problems[alarm["AlarmName"]] = str(error)
        self.problems = problems

    def _evaluate(self, alarm: MetricAlarmTypeDef, now: int) -> None:
        operation = alarm["ComparisonOperator"]
        if operation not in _COMPARISONS:
            raise MetricMathError(f"the comparison {operation} is not known here")
        breaches, words = _COMPARISONS[operation]
        threshold, evaluated = alarm["Threshold"], alarm["EvaluationPeriods"]
        to_alarm = alarm.get("DatapointsToAlarm") or evaluated
        values = self._latest_values(alarm, now)
        state = decide(
            [None if value is None else breaches(value, threshold) for value in values],
            evaluated=evaluated,
            to_alarm=to_alarm,
            missing=alarm.get("TreatMissingData", "missing"),
            state=alarm["StateValue"],
        )
        if state != alarm["StateValue"]:
            shown = ", ".join("missing" if value is None else f"{value:g}" for value in values)
            self._cloudwatch.set_alarm_state(
                AlarmName=alarm["AlarmName"],
                StateValue=state,
                StateReason=f"Evaluated locally: the latest datapoints, the newest first, are [{shown}]. It takes "
                f"{to_alarm} of {evaluated} {words} the threshold {threshold:g} for an alarm.",
            )

    def _latest_values(self, alarm: MetricAlarmTypeDef, now: int) -> list[float | None]:
        """The values of the latest periods, as far back as the state can depend on them."""
        queries, identifier, period = watched(alarm)
        evaluated = alarm["EvaluationPeriods"]
        values: list[float | None] = []
        for age in range(evaluated + _PERIODS_BEYOND):
            if sum(value is not None for value in values) == evaluated:
                break
            window = Window(now - (age + 1) * period, now - age * period, as_one=True)
            result = self._metrics.evaluate(queries, window)[identifier]
            if isinstance(result, MetricMathError):
                raise result
            values.append(next((value for series in result for value in series.values), None))
        return values


def watched(alarm: MetricAlarmTypeDef) -> tuple[Queries, str, int]:
    """Return what an alarm asks for, the id of the query that it watches, and its period."""
    if not alarm.get("Metrics"):
        metric = metric_of(alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", ()))
        stat = Stat(metric, alarm.get("ExtendedStatistic") or alarm["Statistic"], alarm["Period"])
        return {"metric": stat}, "metric", stat.period
    queries: dict[str, Stat | str] = {}
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            wanted = query["MetricStat"]["Metric"]
            metric = metric_of(wanted["Namespace"], wanted["MetricName"], wanted.get("Dimensions", ()))
            queries[query["Id"]] = Stat(metric, query["MetricStat"]["Stat"], query["MetricStat"]["Period"])
        else:
            queries[query["Id"]] = query["Expression"]
    # One of the queries is watched, and all metrics have the same period.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    (identifier,) = [query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True)]
    return queries, identifier, next(stat.period for stat in queries.values() if isinstance(stat, Stat))
