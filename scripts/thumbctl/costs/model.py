"""From what one image needs to dollars and time: list prices, without free tier.

Every line is an amount times a price, and names the rule that the amount follows from. Where an amount depends on
circumstances, it is a bound, and the line says so.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thumbctl.costs.measured import Measured
from thumbctl.costs.prices import Prices
from thumbctl.defaults import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thumbctl.costs.prices import Price
    from thumbnail_pipeline.settings import Rendition

MEASURED_MEMORY_MB = 1769
"""At which `PerImage.billed_ms` is measured: one whole processor."""

BUCKET_KEY_MISSES = 0.01
"""Share of the calls to S3 for which S3 calls KMS, at best: bucket keys save "up to 99 percent"."""

_GB = 2**30
_MB_A_GB = 1024
HOURS_A_MONTH = 730
_DAYS_A_MONTH = HOURS_A_MONTH / 24

_PROTOCOL = "guarantees.md#2-it-converges"
_S3_PRICES = "https://aws.amazon.com/s3/pricing/"
_BUCKET_KEY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html"
_LAMBDA_PRICES = "https://aws.amazon.com/lambda/pricing/"
_BATCHES = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
_ROW_UNITS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"
_INDEX_UNITS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html"
_ITEM_SIZES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"
_TABLE_KEY = "https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html"
_RECOVERY = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html"
_NOTIFICATIONS = "https://aws.amazon.com/s3/faqs/"
_MESSAGE_BATCHES = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html"
)
_QUEUE_KEY = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"
_POLLING = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"
_SAMPLING = "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"
_FUNCTION_LOGS = "https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"
_CLOUDWATCH_PRICES = "https://aws.amazon.com/cloudwatch/pricing/"
_KMS_PRICES = "https://aws.amazon.com/kms/pricing/"
_SNS_PRICES = "https://aws.amazon.com/sns/pricing/"

_ROW_UNIT_BYTES = 1024
# A failed image's row has no renditions, and stays below 1 KB.
_FAILED_ROW_UNITS = 1
# What DynamoDB stores beside the attributes of an item.
_ITEM_OVERHEAD_BYTES = 100
# One element of the row's `renditions`, with a key of some forty characters; a test holds it to real rows.
_ROW_BYTES_A_RENDITION = 120

MESSAGES_A_REQUEST = 10
"""SQS takes, gives out and takes back ten messages at most in a request."""

# Of an idle queue; with maximum_concurrency set, Lambda does not go down to two.
_POLLERS = 5
_LONG_POLL_SECONDS = 20

# Billing period / reuse period * (2 * producers + consumers); S3 produces, the function consumes.
_QUEUE_KEY_CALLS = HOURS_A_MONTH * 3600 / 300 * (2 * 1 + 1)
# The table's key is kept for five minutes for each principal, and the function is the only one.
_TABLE_KEY_CALLS = HOURS_A_MONTH * 3600 / 300

# START, END and REPORT, which Lambda writes for every invocation.
_PLATFORM_LOG_BYTES = 400


@dataclass(frozen=True)
class Line:
    """So much of something that has a price."""

    service: str
    what: str
    amount: float
    price: Price
    rule: str
    """Where it is written why it is so much: a URL, or a path below docs/."""

    @property
    def dollars(self) -> float:
        """What it costs."""
        return self.price.of(self.amount)


@dataclass(frozen=True)
class Workload:
    """What is asked of the pipeline; the defaults are those of the Terraform module, for an import that fills batches.

    source_bytes  of one upload; None is what was measured
    batch         messages that an invocation gets on average
    trace_rate    share of the invocations that X-Ray records. Its rule is one a second and 5 % of the others
                  (https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html): with the default concurrency
                  about a tenth, and all of them where images come one at a time
    failed        share of the images that fail for good
    """

    renditions: tuple[Rendition, ...]
    source_bytes: float | None = None
    memory_mb: int = 1769
    architecture: Literal["arm64", "x86_64"] = "arm64"
    batch: float = 10
    maximum_concurrency: int = 20
    trace_rate: float = 0.1
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_days: int = 30
    failed: float = 0


@dataclass(frozen=True)
class PricedStack:
    """What is there whether or not images come; tests hold it to the stack that is really applied.

    queues         that Lambda polls
    alarm_metrics  metrics that alarms look at, one as often as alarms look at it
    metrics        custom metrics of a month in which images are made and none fails; each reason of failure is one more
    """

    keys: int = 1
    queues: int = 2
    alarm_metrics: int = 33
    composite_alarms: int = 2
    dashboards: int = 1
    metrics: int = 9


@dataclass(frozen=True)
class Model:
    """The arithmetic between prices and measurements.

    `renditions` are those that the measurements were made with.
    """

    prices: Prices
    measured: Measured
    renditions: tuple[Rendition, ...]

    @classmethod
    def load(cls) -> Model:
        """Of the checked-in figures, which were measured with the renditions that the module makes by default."""
        return cls(Prices.load(), Measured.load(), DEFAULT.renditions)

    def once(self, images: float, workload: Workload, *, sends: float | None = None) -> tuple[Line, ...]:
        """What it costs to make the thumbnails of so many new images.

        `sends` requests put their messages into the queue; None is one an image, as S3 does it.
        """
        prices, calls = self.prices, self.measured.per_image.calls
        invocations = images / workload.batch
        ready, failed = images * (1 - workload.failed), images * workload.failed
        gets, puts = images * calls["GetObject"], ready * len(workload.renditions)
        row_units = self.row_units(workload)
        log_gb = (images * self._log_bytes(workload) + invocations * _PLATFORM_LOG_BYTES) / _GB
        return (
            Line("S3", "PUT, one a rendition", puts, prices.s3_put, _PROTOCOL),
            Line("S3", "GET of the source", gets, prices.s3_get, _PROTOCOL),
            Line("Lambda", "compute", images * self.gb_seconds(workload), self.compute_price(workload), _LAMBDA_PRICES),
            Line("Lambda", "invocations", invocations, prices.lambda_request, _BATCHES),
            Line(
                "DynamoDB",
                f"the row, {row_units} units",
                ready * row_units * calls["PutItem"] + failed * _FAILED_ROW_UNITS,
                prices.dynamodb_write,
                _ROW_UNITS,
            ),
            # A row that enters an index is written there too, and what has failed is counted in a row of its reason.
            Line(
                "DynamoDB",
                "index and digests of failures, at most",
                2 * failed,
                prices.dynamodb_write,
                _INDEX_UNITS,
            ),
            # S3 charges nothing for a notification, SQS charges for the message.
            Line("SQS", "send", images if sends is None else sends, prices.sqs_request, _NOTIFICATIONS),
            Line(
                "SQS",
                "receive and delete, in batches",
                2 * images / min(workload.batch, MESSAGES_A_REQUEST),
                prices.sqs_request,
                _MESSAGE_BATCHES,
            ),
            Line(
                "KMS",
                "data keys of the buckets, at best",
                (gets + puts) * BUCKET_KEY_MISSES,
                prices.kms_request,
                _BUCKET_KEY,
            ),
            Line("SNS", "digests of failures, at most", failed, prices.sns_publish, _SNS_PRICES),
            Line("X-Ray", "traces", invocations * workload.trace_rate, prices.xray_trace, _SAMPLING),
            Line("CloudWatch", "logs taken in", log_gb, prices.logs_ingestion, _FUNCTION_LOGS),
            Line(
                "CloudWatch",
                f"logs kept for {workload.log_days} days, at most",
                log_gb * workload.log_days / _DAYS_A_MONTH,
                prices.logs_storage,
                _CLOUDWATCH_PRICES,
            ),
        )

    def kept(self, images: float, workload: Workload) -> tuple[Line, ...]:
        """What so many images cost each month for as long as they are kept."""
        prices = self.prices
        thumbnails_gb = images * (1 - workload.failed) * self.thumbnail_bytes(workload.renditions) / _GB
        rows_gb = images * (self.row_bytes(workload) + _ITEM_OVERHEAD_BYTES) / _GB
        return (
            Line("S3", "thumbnails", thumbnails_gb, prices.s3_storage, _S3_PRICES),
            Line("DynamoDB", "rows", rows_gb, prices.dynamodb_storage, _ITEM_SIZES),
            Line("DynamoDB", "rows, for point-in-time recovery", rows_gb, prices.dynamodb_recovery, _RECOVERY),
        )

    def idle(self, stack: PricedStack) -> tuple[Line, ...]:
        """What a month costs in which nothing comes."""
        prices = self.prices
        receives = stack.queues * _POLLERS * HOURS_A_MONTH * 3600 / _LONG_POLL_SECONDS
        return (
            Line("KMS", "key", stack.keys, prices.kms_key, _KMS_PRICES),
            Line("SQS", "empty receives of Lambda's pollers", receives, prices.sqs_request, _POLLING),
            Line("CloudWatch", "alarms", stack.alarm_metrics, prices.cloudwatch_alarm, _CLOUDWATCH_PRICES),
            Line("CloudWatch", "pages", stack.composite_alarms, prices.cloudwatch_composite, _CLOUDWATCH_PRICES),
            Line("CloudWatch", "dashboards", stack.dashboards, prices.cloudwatch_dashboard, _CLOUDWATCH_PRICES),
        )

    def in_use(self, stack: PricedStack) -> tuple[Line, ...]:
        """What comes on top in a month in which images come all the time, however many."""
        prices = self.prices
        return (
            Line("CloudWatch", "custom metrics", stack.metrics, prices.cloudwatch_metric, _CLOUDWATCH_PRICES),
            Line("KMS", "data keys of the queue, at most", _QUEUE_KEY_CALLS, prices.kms_request, _QUEUE_KEY),
            Line("KMS", "data key of the table, at most", _TABLE_KEY_CALLS, prices.kms_request, _TABLE_KEY),
        )

    def month(self, images: float, workload: Workload, stack: PricedStack) -> tuple[Line, ...]:
        """The bill of a month in which so many images come; storage counts as if all had come on its first day."""
        busy = (*self.in_use(stack), *self.once(images, workload), *self.kept(images, workload)) if images else ()
        return (*self.idle(stack), *busy)

    def seconds(self, images: float, workload: Workload) -> float:
        """How long so many images take at full concurrency."""
        return images * self.billed_ms(workload) / 1000 / workload.maximum_concurrency

    def gb_seconds(self, workload: Workload) -> float:
        """Of compute, for one image."""
        return workload.memory_mb / _MB_A_GB * self.billed_ms(workload) / 1000

    def billed_ms(self, workload: Workload) -> float:
        """Milliseconds of an invocation for one image.

        All but the encoding is taken to grow with the bytes of the source; a failed image is not encoded.
        """
        per_image = self.measured.per_image
        everything_else = per_image.billed_ms - self._encoding_ms(self.renditions)
        if workload.source_bytes is not None:
            everything_else *= workload.source_bytes / per_image.source_bytes
        encoding = (1 - workload.failed) * self._encoding_ms(workload.renditions)
        slower = self._ms_at(workload.memory_mb) / self._ms_at(MEASURED_MEMORY_MB)
        return (everything_else + encoding) * slower

    def thumbnail_bytes(self, renditions: Iterable[Rendition]) -> float:
        """Of all thumbnails of one image, such that the default ones come to what was measured."""
        scale = self.measured.per_image.thumbnail_bytes / sum(self._encoded(each)[1] for each in self.renditions)
        return scale * sum(self._encoded(each)[1] for each in renditions)

    def row_bytes(self, workload: Workload) -> float:
        """Of one image's row."""
        more_renditions = len(workload.renditions) - len(self.renditions)
        return self.measured.per_image.row_bytes + more_renditions * _ROW_BYTES_A_RENDITION

    def row_units(self, workload: Workload) -> int:
        """Write units that storing the row takes: one for each KB, begun ones included."""
        return math.ceil(self.row_bytes(workload) / _ROW_UNIT_BYTES)

    def _encoding_ms(self, renditions: Iterable[Rendition]) -> float:
        return sum(self._encoded(each)[0] for each in renditions)

    def _encoded(self, rendition: Rendition) -> tuple[float, float]:
        """Milliseconds and bytes of one thumbnail, in proportion to its pixels between the sizes that were measured.

        GIF was not measured and counts as PNG.
        """
        form = "png" if rendition.format == "gif" else rendition.format
        of_format = [each for each in self.measured.encoders.encodings if each.format == form]
        quality = min({each.quality for each in of_format}, key=lambda each: abs(each - rendition.quality))
        rows = [each for each in of_format if each.quality == quality]
        pixels = rendition.width * rendition.height
        return (
            _interpolated(pixels, [(0, 0), *((each.box**2, each.ms) for each in rows)]),
            _interpolated(pixels, [(0, 0), *((each.box**2, each.bytes) for each in rows)]),
        )

    def _ms_at(self, memory_mb: int) -> float:
        settings = self.measured.memory.settings
        # Lambda gives processor time in proportion to memory: so does this, below the smallest setting that was tried.
        if memory_mb <= settings[0].memory_mb:
            return settings[0].ms_per_image * settings[0].memory_mb / memory_mb
        # And above the largest one, more memory does not help.
        if memory_mb >= settings[-1].memory_mb:
            return settings[-1].ms_per_image
        return _interpolated(memory_mb, [(each.memory_mb, each.ms_per_image) for each in settings])

    def _log_bytes(self, workload: Workload) -> float:
        # Above INFO nothing is told of an image that is well; the metrics, which stay, are left out here.
        return self.measured.per_image.log_bytes if workload.log_level in {"DEBUG", "INFO"} else 0

    def compute_price(self, workload: Workload) -> Price:
        return self.prices.lambda_arm64 if workload.architecture == "arm64" else self.prices.lambda_x86_64


def total(lines: Iterable[Line]) -> float:
    """Dollars of all lines."""
    return sum(line.dollars for line in lines)


def by_service(lines: Iterable[Line]) -> dict[str, float]:
    """Dollars by service, the dearest first."""
    sums: dict[str, float] = {}
    for line in lines:
        sums[line.service] = sums.get(line.service, 0) + line.dollars
    return dict(sorted(sums.items(), key=lambda each: -each[1]))


def _interpolated(x: float, points: list[tuple[float, float]]) -> float:
    """The value at `x` on the line through `points`, which rise in x; beyond the last, along the last stretch."""
    stretches = list(itertools.pairwise(points))
    (x0, y0), (x1, y1) = next((stretch for stretch in stretches if x <= stretch[1][0]), stretches[-1])
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
