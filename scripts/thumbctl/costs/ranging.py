"""What it costs to be able to have bulk jobs in the account; what jobs cost is in `estimate`."""

from __future__ import annotations

from typing import Final

from thumbctl.costs.model import Line, Model, PricedStack
from thumbctl.costs.prices import Prices

JOB_ALARM_METRICS: Final = 6
"""Metrics that the alarms of jobs look at; Terraform's test counts them."""

# ObjectsExamined, MessagesSent, TurnsFailed; JobsStopped, JobsDone.
_METRICS: Final = 5

_CLOUDWATCH_PRICES: Final = "https://aws.amazon.com/cloudwatch/pricing/"


def idle_jobs() -> tuple[Line, ...]:
    """What it costs to be able to have jobs in the account, in a month without one: alarms, and Lambda's polling."""
    stack = PricedStack(keys=0, queues=1, alarm_metrics=JOB_ALARM_METRICS, composite_alarms=0, dashboards=0)
    return tuple(line for line in Model.load().idle(stack) if line.amount)


def jobs_metrics() -> Line:
    """What its metrics cost in a month in which jobs are at work all the time."""
    return Line("CloudWatch", "metrics", _METRICS, Prices.load().cloudwatch_metric, _CLOUDWATCH_PRICES)
