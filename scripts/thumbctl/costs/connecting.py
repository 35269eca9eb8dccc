"""What the door for devices costs: cameras that are connected, ask, upload and are told what became of it."""

from __future__ import annotations

import math
from typing import Final

from thumbctl.costs.model import HOURS_A_MONTH, Line
from thumbctl.costs.prices import Prices

DEVICE_ALARM_METRICS: Final = 12
"""Metrics that the alarms of the door look at; Terraform's test counts them."""

# A message is metered by each 5 KB of it: what the device sends, what the broker sends, what a function publishes over
# HTTP, and what the device acknowledges. The broker's own acknowledgements and pings are not.
# https://aws.amazon.com/iot-core/pricing/additional-details/
_METERED_BYTES: Final = 5 * 1024
# The answer and the status: published by a function, sent to the device, acknowledged by it.
_MESSAGES_BACK: Final = 2 * 3
# The request without a picture, and what surrounds one.
_REQUEST_BYTES: Final = 300

# As of the API: three items in one transaction, each written twice. The row and the ask of the same id are read before.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
_WRITES: Final = 6
_READS: Final = 2

# An ask is an invocation of so many milliseconds, in which it mostly waits for DynamoDB and AWS IoT, and puts the
# picture where it came along; a status is one that publishes. Each has a line of its own, its metrics, and Lambda's
# three.
_ASK_MS: Final = 40
_ASK_WITH_PICTURE_MS: Final = 80
_ASK_GB: Final = 1769 / 1024
_STATUS_MS: Final = 30
_STATUS_GB: Final = 0.5
_LOG_BYTES: Final = 2 * 950
# Requests, Refused, Faults, RequestTime; StatusesPublished, StatusesFailed.
_METRICS: Final = 6

_IOT_PRICES: Final = "https://aws.amazon.com/iot-core/pricing/"
_IOT_METERING: Final = "https://aws.amazon.com/iot-core/pricing/additional-details/"
_S3_PRICES: Final = "https://aws.amazon.com/s3/pricing/"
_LAMBDA_PRICES: Final = "https://aws.amazon.com/lambda/pricing/"
_DYNAMODB_PRICES: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH_PRICES: Final = "https://aws.amazon.com/cloudwatch/pricing/"


def idle_devices() -> tuple[Line, ...]:
    """What it costs to have a door for devices, in a month in which none comes."""
    return (Line("CloudWatch", "alarms", DEVICE_ALARM_METRICS, Prices.load().cloudwatch_alarm, _CLOUDWATCH_PRICES),)


def connected(devices: float) -> tuple[Line, ...]:
    """What it costs to have so many devices connected for a whole month."""
    minutes = devices * HOURS_A_MONTH * 60
    return (Line("IoT Core", "minutes connected", minutes, Prices.load().iot_minute, _IOT_PRICES),)


def uploads(uploads: float, *, picture_bytes: int = 0) -> tuple[Line, ...]:
    """What so many uploads of devices cost; with `picture_bytes`, of pictures that come in the message itself."""
    prices = Prices.load()
    units = math.ceil((_REQUEST_BYTES + math.ceil(picture_bytes / 3) * 4) / _METERED_BYTES)
    seconds = uploads * (_ASK_WITH_PICTURE_MS if picture_bytes else _ASK_MS) / 1000
    statuses = uploads * _STATUS_MS / 1000
    return (
        Line("IoT Core", "messages, by 5 KB", uploads * (units + _MESSAGES_BACK), prices.iot_message, _IOT_METERING),
        Line("IoT Core", "rules triggered, by 5 KB", uploads * units, prices.iot_rule, _IOT_PRICES),
        Line("IoT Core", "their actions, by 5 KB", uploads * units, prices.iot_action, _IOT_PRICES),
        Line("S3", "PUT of the picture", uploads, prices.s3_put, _S3_PRICES),
        Line("Lambda", "asks and statuses", 2 * uploads, prices.lambda_request, _LAMBDA_PRICES),
        Line(
            "Lambda",
            "their duration",
            seconds * _ASK_GB + statuses * _STATUS_GB,
            prices.lambda_arm64,
            _LAMBDA_PRICES,
        ),
        Line("DynamoDB", "asks written", uploads * _WRITES, prices.dynamodb_write, _DYNAMODB_PRICES),
        Line("DynamoDB", "rows and asks read", uploads * _READS, prices.dynamodb_read, _DYNAMODB_PRICES),
        Line("Logs", "lines", uploads * _LOG_BYTES / 2**30, prices.logs_ingestion, _CLOUDWATCH_PRICES),
        Line("CloudWatch", "metrics", _METRICS, prices.cloudwatch_metric, _CLOUDWATCH_PRICES),
    )
