"""What it costs to announce what becomes of images: the change stream and its archive, and announcing it all again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from thumbctl.costs.model import HOURS_A_MONTH, Line
from thumbctl.costs.prices import Prices

if TYPE_CHECKING:
    from typing import Literal

EVENT_BYTES: Final = 1_400
"""Of the event of an image that is ready, with three renditions and keys of some forty characters; a test holds it."""

CHANGE_ALARM_METRICS: Final = 6
"""Metrics that the alarms of the change stream and its archive look at; Terraform's test counts them."""

PUBLISHER_ALARM_METRICS: Final = 10
"""Metrics that the alarms of a publisher look at; a test of the applied stack counts them."""

# What each image costs at worst, announced alone: an invocation of so many milliseconds, in which it mostly waits, and
# the lines of the event, of the metrics, and Lambda's own three.
_PUBLISHER_MS: Final = 50
_PUBLISHER_GB: Final = 0.5
_PUBLISHER_LOG_BYTES: Final = 1_200
# EventsPublished, EventsFailed, EventDelay, and what the mapping counts while nothing fails: polled, filtered, invoked.
_PUBLISHER_METRICS: Final = 6

_KB, _GB = 1024, 2**30
_ROW_UNIT_BYTES: Final = 4096

_EVENTBRIDGE_PRICES: Final = "https://aws.amazon.com/eventbridge/pricing/"
_LAMBDA_PRICES: Final = "https://aws.amazon.com/lambda/pricing/"
_KINESIS_PRICES: Final = "https://aws.amazon.com/kinesis/data-streams/pricing/"
_FIREHOSE_PRICES: Final = "https://aws.amazon.com/firehose/pricing/"
_CLOUDWATCH_PRICES: Final = "https://aws.amazon.com/cloudwatch/pricing/"


def idle_events() -> tuple[Line, ...]:
    """What it costs to be ready to announce, in a month of nothing. Lambda polls the stream for nothing."""
    alarms = Line("CloudWatch", "alarms", PUBLISHER_ALARM_METRICS, Prices.load().cloudwatch_alarm, _CLOUDWATCH_PRICES)
    return (alarms,)


def events(images: float) -> tuple[Line, ...]:
    """What it costs to announce so many images in a month on a bus, each alone; in batches, the function costs less."""
    prices = Prices.load()
    seconds = images * _PUBLISHER_MS / 1000
    return (
        Line("EventBridge", "events put", images, prices.eventbridge_event, _EVENTBRIDGE_PRICES),
        Line("Lambda", "invocations of the publisher", images, prices.lambda_request, _LAMBDA_PRICES),
        Line("Lambda", "their duration", seconds * _PUBLISHER_GB, prices.lambda_arm64, _LAMBDA_PRICES),
        Line("Logs", "lines", images * _PUBLISHER_LOG_BYTES / _GB, prices.logs_ingestion, _CLOUDWATCH_PRICES),
        Line("CloudWatch", "metrics", _PUBLISHER_METRICS, prices.cloudwatch_metric, _CLOUDWATCH_PRICES),
    )


def idle_changes(capacity: Literal["on-demand", "provisioned"], *, shards: int = 1) -> tuple[Line, ...]:
    """What a change stream costs in a month in which nothing happens. Firehose, Glue and Athena cost nothing then."""
    prices = Prices.load()
    hours = HOURS_A_MONTH
    return (
        Line("Kinesis", "stream, on demand", hours, prices.kinesis_stream_hour, _KINESIS_PRICES)
        if capacity == "on-demand"
        else Line("Kinesis", f"{shards} shard", hours * shards, prices.kinesis_shard_hour, _KINESIS_PRICES),
        Line("CloudWatch", "alarms", CHANGE_ALARM_METRICS, prices.cloudwatch_alarm, _CLOUDWATCH_PRICES),
    )


def changes(images: float, capacity: Literal["on-demand", "provisioned"]) -> tuple[Line, ...]:
    """What it costs to bring the events of so many images into the archive, but for the function that puts them."""
    prices = Prices.load()
    # A record counts in whole KB where it is put, as it is where it is read, and in steps of 5 KB with Firehose.
    put_gb = images * math.ceil(EVENT_BYTES / _KB) * _KB / _GB
    firehose_gb = images * math.ceil(EVENT_BYTES / (5 * _KB)) * 5 * _KB / _GB
    stream = (
        (
            Line("Kinesis", "put, in whole KB", put_gb, prices.kinesis_put_gb, _KINESIS_PRICES),
            Line("Kinesis", "read by Firehose", images * EVENT_BYTES / _GB, prices.kinesis_read_gb, _KINESIS_PRICES),
        )
        if capacity == "on-demand"
        else (Line("Kinesis", "put, in units of 25 KB", images, prices.kinesis_put_unit, _KINESIS_PRICES),)
    )
    return (
        *stream,
        Line("Firehose", "delivered, in steps of 5 KB", firehose_gb, prices.firehose_gb, _FIREHOSE_PRICES),
        Line("Firehose", "made Parquet of", firehose_gb, prices.firehose_conversion_gb, _FIREHOSE_PRICES),
    )


def cost_of_announcing(destination: str, images: float) -> float:
    """Dollars for the events of so many images, put on a bus (`events`) or into a stream that is on demand."""
    prices = Prices.load()
    if destination == "events":
        return prices.eventbridge_event.of(images)
    return sum(line.dollars for line in changes(images, "on-demand"))


def cost_of_reading(table_bytes: float) -> float:
    """Dollars for reading a table of so many bytes once, where the last second's writes need not be seen.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    return Prices.load().dynamodb_read.of(table_bytes / _ROW_UNIT_BYTES / 2)
