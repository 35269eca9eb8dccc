"""What becomes of a batch of a DynamoDB stream after a function was invoked with it, as Lambda has it.

Which records are tried again, and which are given up:
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Record = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Records that a function is invoked with."""

    records: tuple[Record, ...]
    retries: int = 0
    """How often the function was invoked with them before, and did none of them."""

    def age(self, now: float) -> float:
        """How many seconds ago the oldest record was written."""
        return max(0.0, now - min(_written(record) for record in self.records))


@dataclass(frozen=True)
class Next:
    """What follows."""

    again: tuple[Batch, ...] = ()
    """Batches to be tried, in this order, before anything else of the shard."""
    given_up: Batch | None = None
    condition: str = ""
    """Why they were given up, in Lambda's words."""


def after(batch: Batch, result: Mapping[str, Any], mapping: Mapping[str, Any], now: float) -> Next:
    """Say what follows when `batch` has ended with `result`, by the settings of its mapping.

    `result` says whether the function failed (`error`), and what it answered (`body`).
    """
    failed = bool(result.get("error"))
    first = 0 if failed else _first_failure(batch, result.get("body"), mapping)
    if first is None:
        return Next()
    left = replace(batch, records=batch.records[first:])
    most_age = int(mapping.get("MaximumRecordAgeInSeconds") or -1)
    if 0 <= most_age < left.age(now):
        return Next(given_up=left, condition="RecordAgeExceeded")
    if mapping.get("BisectBatchOnFunctionError"):
        # To split a batch uses up no retry. What the function reports is where it is split.
        if first > 0:
            return Next(again=(left,))
        if failed and len(left.records) > 1:
            middle = len(left.records) // 2
            halves = left.records[:middle], left.records[middle:]
            return Next(again=tuple(replace(left, records=half) for half in halves))
    most = mapping.get("MaximumRetryAttempts")
    if most is not None and 0 <= int(most) <= left.retries:
        return Next(given_up=left, condition="RetryAttemptsExhausted")
    return Next(again=(replace(left, retries=left.retries + 1),))


def _first_failure(batch: Batch, body: Any, mapping: Mapping[str, Any]) -> int | None:  # noqa: ANN401 - whatever a function answers
    """Where in the batch the first record is that was not done, or None where all were."""
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or ()):
        return None
    if isinstance(body, str):
        body = json.loads(body or "null")
    failures: Sequence[Any] = (body or {}).get("batchItemFailures") or ()
    places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(batch.records)}
    # One that is not of the batch makes all of it a failure.
    return min((places.get(each.get("itemIdentifier"), 0) for each in failures), default=None)


def invocation_record(follows: Next, function_arn: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Write what S3 is given of a batch that was given up: where it was, and all of it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destinations
    """
    batch = follows.given_up
    assert batch is not None  # noqa: S101 - only what was given up is written
    first, last = batch.records[0], batch.records[-1]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": follows.condition,
            "approximateInvokeCount": batch.retries + 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.get("function_error") or "Unhandled",
        },
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": last["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(_written(first)),
            "approximateArrivalOfLastRecord": _iso(_written(last)),
            "batchSize": len(batch.records),
            "streamArn": first["eventSourceARN"],
        },
        "payload": json.dumps({"Records": batch.records}),
    }


def object_key(mapping_id: str, now: float) -> str:
    """Name the object that such a record becomes."""
    moment = time.gmtime(now)
    return time.strftime(f"aws/lambda/{mapping_id}/%Y/%m/%d/%Y-%m-%dT%H.%M.%S-{uuid.uuid4()}", moment)


def _written(record: Record) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def _iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
