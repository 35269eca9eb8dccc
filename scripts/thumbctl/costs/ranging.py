"""What bulk jobs in the account cost on top of what they would from a machine."""

from __future__ import annotations

from typing import Final

from thumbctl.costs.model import Line, Model, PricedStack
from thumbctl.costs.prices import Prices

JOB_ALARM_METRICS: Final = 6
"""Metrics that the alarms of jobs look at; Terraform's test counts them."""

_PAGE: Final = 1_000
# A page is listed while the rows of the one before are read, four calls at a time.
_WORKER_MS_AN_OBJECT: Final = 0.2
_WORKER_GB: Final = 1769 / 1024
# How far the range is, and once in a while how the job is: rows of up to two units.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_WRITES_A_PAGE: Final = 3
# ObjectsExamined, MessagesSent, TurnsFailed; JobsStopped, JobsDone.
_METRICS: Final = 5

_S3_PRICES: Final = "https://aws.amazon.com/s3/pricing/"
_LAMBDA_PRICES: Final = "https://aws.amazon.com/lambda/pricing/"
_DYNAMODB_PRICES: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH_PRICES: Final = "https://aws.amazon.com/cloudwatch/pricing/"


def idle_jobs() -> tuple[Line, ...]:
    """What it costs to be able to have jobs in the account, in a month without one: alarms, and Lambda's polling."""
    stack = PricedStack(keys=0, queues=1, alarm_metrics=JOB_ALARM_METRICS, composite_alarms=0, dashboards=0)
    return tuple(line for line in Model.load().idle(stack) if line.amount)


def of_thumbnails(objects: float, renditions: int) -> tuple[Line, ...]:
    """What it costs to list the thumbnails of so many objects, as a reconciliation does."""
    pages = renditions * objects / _PAGE
    return (Line("S3", "LIST of thumbnails", pages, Prices.load().s3_put, _S3_PRICES),)


def in_account(objects: float) -> tuple[Line, ...]:
    """What the worker costs that looks at so many objects, beside the listing and the rows that it reads."""
    prices, pages = Prices.load(), objects / _PAGE
    seconds = objects * _WORKER_MS_AN_OBJECT / 1000
    return (
        Line("Lambda", "the range worker's duration", seconds * _WORKER_GB, prices.lambda_arm64, _LAMBDA_PRICES),
        Line("DynamoDB", "how far it is", pages * _WRITES_A_PAGE, prices.dynamodb_write, _DYNAMODB_PRICES),
    )


def jobs_metrics() -> Line:
    """What its metrics cost in a month in which jobs are at work all the time."""
    return Line("CloudWatch", "metrics", _METRICS, Prices.load().cloudwatch_metric, _CLOUDWATCH_PRICES)
