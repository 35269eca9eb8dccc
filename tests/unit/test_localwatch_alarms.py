"""Alarms take the states that CloudWatch's documentation has in its tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from devtools.livepage.alarms import Evaluator, decide
from devtools.livepage.metrics import MetricStore
from support.cloudwatch import CloudWatch

if TYPE_CHECKING:
    from devtools.livepage.alarms import AlarmState

# Not a state, so that it cannot be taken for one that was decided on.
RETAINED = cast("AlarmState", "RETAINED")
BREACHES = {"0": False, "X": True, "-": None}


# What becomes of an alarm whose missing data are missing, ignored, breaching and not breaching.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("to_alarm", "points", "states"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", RETAINED, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", RETAINED, "ALARM", "OK")),
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "X X 0 0 X", ("OK", "OK", "OK", "OK")),  # only three count
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", RETAINED, "ALARM", "OK")),
    ],
)
def test_the_documented_states(to_alarm: int, points: str, states: tuple[AlarmState, ...]) -> None:
    breaches = [BREACHES[point] for point in reversed(points.split())]
    found = tuple(
        decide(breaches, evaluated=3, to_alarm=to_alarm, missing=missing, state=RETAINED)
        for missing in ("missing", "ignore", "breaching", "notBreaching")
    )
    assert found == states


def on_failures(**more: Any) -> dict[str, Any]:
    """An alarm on a metric."""
    return {
        "AlarmName": "failures",
        "Namespace": "ThumbnailPipeline",
        "MetricName": "Failed",
        "Dimensions": [{"Name": "Function", "Value": "thumbs"}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 3.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "StateValue": "OK",
        **more,
    }


def on_the_ratio(expression: str, **more: Any) -> dict[str, Any]:
    """An alarm on an expression over what failed and what did not."""
    stats = [
        {
            "Id": name.lower(),
            "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": "ThumbnailPipeline",
                    "MetricName": name,
                    "Dimensions": [{"Name": "Function", "Value": "thumbs"}],
                },
                "Stat": "Sum",
                "Period": 300,
            },
        }
        for name in ("Failed", "Ready")
    ]
    alarm = on_failures(MetricStore=[*stats, {"Id": "ratio", "Expression": expression}], **more)
    for name in ("Namespace", "MetricName", "Dimensions", "Statistic", "Period"):
        del alarm[name]
    return alarm


def evaluated(cloudwatch: CloudWatch) -> Evaluator:
    evaluator = Evaluator(cloudwatch, MetricStore(cloudwatch))  # type: ignore[arg-type]
    evaluator.evaluate()
    return evaluator


def test_an_alarm_goes_off_and_over_and_is_told_once() -> None:
    cloudwatch = CloudWatch([on_failures()])
    now = time.time()
    # In two periods on the clock, and in one that ends now.
    cloudwatch.put("ThumbnailPipeline", "Failed", now - 200, 1, 1, Function="thumbs")
    cloudwatch.put("ThumbnailPipeline", "Failed", now - 10, 1, Function="thumbs")
    evaluated(cloudwatch)
    evaluated(cloudwatch)
    ((state, reason),) = cloudwatch.told
    assert state == "ALARM"
    assert reason == (
        "Evaluated locally: the latest datapoints, the newest first, are [3]. "
        "It takes 1 of 1 greater than or equal to the threshold 3 for an alarm."
    )


def test_other_dimensions_are_another_metric() -> None:
    cloudwatch = CloudWatch([on_failures(StateValue="INSUFFICIENT_DATA")])
    cloudwatch.put("ThumbnailPipeline", "Failed", time.time() - 10, 100, Function="other")
    evaluated(cloudwatch)
    assert [state for state, _ in cloudwatch.told] == ["OK"]


def test_some_of_several_periods() -> None:
    cloudwatch = CloudWatch([on_failures(EvaluationPeriods=3, DatapointsToAlarm=2)])
    now = time.time()
    for age, failed in enumerate([5, 0]):
        cloudwatch.put("ThumbnailPipeline", "Failed", now - age * 300 - 10, failed, Function="thumbs")
    evaluated(cloudwatch)
    assert cloudwatch.told == []
    cloudwatch.put("ThumbnailPipeline", "Failed", now - 610, 5, Function="thumbs")
    evaluated(cloudwatch)
    assert [state for state, _ in cloudwatch.told] == ["ALARM"]


def test_a_missing_period_is_made_up_for_by_an_older_one() -> None:
    cloudwatch = CloudWatch([on_failures()])
    cloudwatch.put("ThumbnailPipeline", "Failed", time.time() - 310, 5, Function="thumbs")
    evaluated(cloudwatch)
    assert [state for state, _ in cloudwatch.told] == ["ALARM"]


def test_an_expression() -> None:
    expression = "IF(ready + failed >= 4, 100 * failed / (ready + failed), 0)"
    cloudwatch = CloudWatch([on_the_ratio(expression, Threshold=50.0)])
    moment = time.time() - 10
    cloudwatch.put("ThumbnailPipeline", "Failed", moment, 2, Function="thumbs")
    cloudwatch.put("ThumbnailPipeline", "Ready", moment, 1, Function="thumbs")
    evaluated(cloudwatch)
    assert cloudwatch.told == []
    cloudwatch.put("ThumbnailPipeline", "Ready", moment, 1, Function="thumbs")
    evaluated(cloudwatch)
    assert [state for state, _ in cloudwatch.told] == ["ALARM"]


def test_what_cannot_be_evaluated_keeps_its_state_and_hinders_no_other() -> None:
    band = on_the_ratio("ANOMALY_DETECTION_BAND(failed)", AlarmName="band")
    odd = on_failures(AlarmName="odd", ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold")
    cloudwatch = CloudWatch([band, odd, on_failures(StateValue="ALARM")])
    problems = evaluated(cloudwatch).problems
    assert [state for state, _ in cloudwatch.told] == ["OK"]
    assert "ANOMALY_DETECTION_BAND is not known here" in problems["band"]
    assert "LessThanLowerOrGreaterThanUpperThreshold is not known here" in problems["odd"]
