"""What it takes to go through the objects of a bucket in the account, so many ranges of keys at a time.

A worker deals with a page of keys after the other. While it reads their rows and compares, the next page is on its way:
a page takes as long as the slower of the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from thumbctl.costs.capacity import Demand, RangesCapacity
from thumbctl.costs.limits import AwsLimits
from thumbctl.costs.model import MEASURED_MEMORY_MB, Line
from thumbnail_pipeline.jobs.guard import LOOK_SECONDS

if TYPE_CHECKING:
    from thumbctl.costs.model import Model, Workload

UNITS_A_LOOK: Final = 0.5
"""An eventually consistent read of a row of up to 4 KB; one that is not there costs as much."""

DEFAULT_RANGES: Final = 10
"""How many ranges the module's defaults work on at a time."""

_KEYS_A_PAGE: Final = 1000
# S3 answers in "roughly 100-200 milliseconds", DynamoDB in less than ten, four calls of a hundred rows at a time.
_LIST_SECONDS: Final = 0.2
_ROWS_SECONDS: Final = 0.03
# What a turn lasts, and how long a range waits where there is no room in the backfill queue. Every few seconds somebody
# looks whether there is any; once there is for a tenth of what it may hold, turns go on, and list two pages for it.
_TURN_SECONDS: Final = 36
_WAIT_SECONDS: Final = 10
_IDLE_SECONDS: Final = 0.02
_LEAVE: Final = 1000
# Ranges are planned for each worker, up to so many in all.
_RANGES_A_WORKER: Final = 4
_MOST_RANGES: Final = 256
# Rows of jobs and of ranges are of up to 2 KB.
_ROW_UNITS: Final = 2

_LISTING = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"
_UNITS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"
_TRANSACTIONS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"
_LAMBDA_PRICES = "https://aws.amazon.com/lambda/pricing/"
_BATCHES = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"


class RangeCalls(NamedTuple):
    """What workers call to go through all ranges in so many turns, beside messages and looks at the queues."""

    lists: float
    """Of up to a thousand objects. The page after the last one of a turn is on its way when it ends."""
    rows: float
    """That are looked up, a hundred a call."""
    writes: float
    """To a range: when a turn takes it, and for each page."""
    grants: float
    """Writes to the job: leave to send messages about a page, where there is anything to send."""
    transactions: float
    """Over range and job: when a turn leaves it."""


@dataclass(frozen=True)
class Ranges:
    """A job that looks at `objects`, and sends a message for `sent` of them.

    at_a_time  how many ranges are worked on at a time at most
    listings   one of the sources, but for an inventory, and for a reconciliation one of each rendition's thumbnails
    """

    kind: Literal["backfill", "reconcile"]
    objects: int
    sent: int
    at_a_time: int
    listings: int

    def calls(self, turns: float) -> RangeCalls:
        """Of so many turns, some of which may find no room to send anything."""
        pages = math.ceil(self.objects / _KEYS_A_PAGE)
        return RangeCalls(self.listings * (pages + turns), self.objects, pages + turns, min(pages, self.sent), turns)

    def capacity(self, model: Model) -> RangesCapacity:
        """How long that takes, where nothing is waited for but AWS, and what it meets first."""
        seconds = self._object_seconds(model)
        turn = _TURN_SECONDS / seconds
        demand = Demand(
            images=self.objects,
            seconds=seconds,
            batch=turn,
            puts=0,
            gets=1 / _KEYS_A_PAGE,
            reads=UNITS_A_LOOK,
            writes=2 * _ROW_UNITS / turn + (_ROW_UNITS / _KEYS_A_PAGE if self.sent else 0),
            failures=0,
            kms=0,
        )
        return RangesCapacity(
            demand, AwsLimits.load(), "jobs.ranges_at_a_time", self.at_a_time, queued=0, retention_days=14
        )

    def lines(self, model: Model, workload: Workload, waiting_seconds: float) -> tuple[Line, ...]:
        """What it costs, where ranges wait for room in the backfill queue for so long."""
        prices, each = model.prices, self._object_seconds(model)
        ranges = min(_MOST_RANGES, _RANGES_A_WORKER * self.at_a_time) if self.objects else 0
        looks, waits = waiting_seconds / LOOK_SECONDS, waiting_seconds / _WAIT_SECONDS * ranges
        tries = min(looks, self.sent / _LEAVE)
        turns = self.objects * each / _TURN_SECONDS + ranges + tries
        calls = self.calls(turns)
        # What a transaction writes costs twice. A look is a turn too, which takes a range, looks and leaves it.
        writes = calls.writes + calls.grants + 2 * 2 * calls.transactions + looks * (1 + 2 + 2 * 2)
        seconds = self.objects * each + tries * 2 * _LIST_SECONDS + (looks + waits) * _IDLE_SECONDS
        gb_seconds = seconds * MEASURED_MEMORY_MB / 1024
        return (
            Line("S3", "LIST of what is there", calls.lists + tries, prices.s3_put, _LISTING),
            Line(
                "DynamoDB",
                "rows looked up",
                UNITS_A_LOOK * (calls.rows + _KEYS_A_PAGE * tries),
                prices.dynamodb_read,
                _UNITS,
            ),
            Line(
                "DynamoDB",
                "progress of ranges and of the job",
                _ROW_UNITS * writes,
                prices.dynamodb_write,
                _TRANSACTIONS,
            ),
            Line("Lambda", "compute of range workers", gb_seconds, model.compute_price(workload), _LAMBDA_PRICES),
            Line("Lambda", "turns of range workers", turns + looks + waits, prices.lambda_request, _LAMBDA_PRICES),
            Line(
                "SQS",
                "messages of ranges, received and postponed",
                2 * (turns + looks + waits),
                prices.sqs_request,
                _BATCHES,
            ),
        )

    def _object_seconds(self, model: Model) -> float:
        compared = model.measured.per_object.seconds(self.kind) * _KEYS_A_PAGE + _ROWS_SECONDS
        return max(_LIST_SECONDS if self.listings else 0, compared) / _KEYS_A_PAGE
