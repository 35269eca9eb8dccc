"""What the front door costs: asks for uploads, and users who sign in."""

from __future__ import annotations

from typing import Final

from thumbctl.costs.model import Line
from thumbctl.costs.prices import Prices

API_ALARM_METRICS: Final = 6
"""Metrics that the alarms of the API look at; Terraform's test counts them."""

# Three items are written in one transaction, each twice.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
# Time to live deletes them for nothing.
_WRITES: Final = 6

# An ask is an invocation of so many milliseconds, in which it mostly waits for DynamoDB, with so many bytes of logs:
# the function's lines, Lambda's own three, and the gateway's.
_MS: Final = 30
_GB: Final = 1769 / 1024
_LOG_BYTES: Final = 1_300
_ROUTES: Final = 5
_METRICS_OF_A_ROUTE: Final = 4

_API_PRICES: Final = "https://aws.amazon.com/api-gateway/pricing/"
_LAMBDA_PRICES: Final = "https://aws.amazon.com/lambda/pricing/"
_DYNAMODB_PRICES: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH_PRICES: Final = "https://aws.amazon.com/cloudwatch/pricing/"
_COGNITO_PRICES: Final = "https://aws.amazon.com/cognito/pricing/"


def idle_api() -> tuple[Line, ...]:
    """What it costs to have a front door, in a month in which nobody comes."""
    return (Line("CloudWatch", "alarms", API_ALARM_METRICS, Prices.load().cloudwatch_alarm, _CLOUDWATCH_PRICES),)


def asks(uploads: float) -> tuple[Line, ...]:
    """What it costs to grant so many uploads in a month. What S3 takes for the PUT is a cost of every image."""
    prices = Prices.load()
    seconds = uploads * _MS / 1000
    return (
        Line("API Gateway", "requests", uploads, prices.http_api_request, _API_PRICES),
        Line("Lambda", "invocations of the API", uploads, prices.lambda_request, _LAMBDA_PRICES),
        Line("Lambda", "their duration", seconds * _GB, prices.lambda_arm64, _LAMBDA_PRICES),
        Line("DynamoDB", "asks written", uploads * _WRITES, prices.dynamodb_write, _DYNAMODB_PRICES),
        Line("Logs", "lines", uploads * _LOG_BYTES / 2**30, prices.logs_ingestion, _CLOUDWATCH_PRICES),
        Line("CloudWatch", "metrics", _ROUTES * _METRICS_OF_A_ROUTE, prices.cloudwatch_metric, _CLOUDWATCH_PRICES),
    )


def users(signed_in: float) -> tuple[Line, ...]:
    """What Cognito takes for so many users who sign in in a month."""
    return (Line("Cognito", "users who sign in", signed_in, Prices.load().cognito_user, _COGNITO_PRICES),)
