"""Batches of the catalog's stream that could not be announced, whole, in the bucket where Lambda parks them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.completion import event_of_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

    from thumbnail_pipeline.completion import CompletionEvent

# aws/lambda/<mapping's UUID>/<shard>/<year>/<month>/<day>/<time>-<random>
# https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destinations
_FOLDER, _PARTS = "aws/lambda/", 8


@dataclass(frozen=True)
class ParkedBatch:
    """One batch."""

    key: str
    size: int
    parked_at: datetime

    @property
    def mapping_uuid(self) -> str:
        """Of the mapping that gave it up."""
        return self.key.split("/")[2]


def batches(s3: S3Client, bucket: str) -> Iterator[ParkedBatch]:
    """Yield what is parked; of a shard, the oldest first."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_FOLDER):
        for each in page.get("Contents", ()):
            if len(each["Key"].split("/")) == _PARTS:
                yield ParkedBatch(each["Key"], each["Size"], each["LastModified"])


def records(s3: S3Client, bucket: str, parked: ParkedBatch) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Read the name of the function that was given a batch, and the batch's records.

    Raises ThumbctlError where it is none that Lambda has parked.
    """
    text = s3.get_object(Bucket=bucket, Key=parked.key)["Body"].read()
    try:
        document = json.loads(text)
        payload = document["payload"]
        # What was to be handed to the function, as text.
        payload = json.loads(payload) if isinstance(payload, str) else payload
        # arn:aws:lambda:<region>:<account>:function:<name>, and perhaps a version
        return document["requestContext"]["functionArn"].split(":")[6], payload["Records"]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ThumbctlError(
            f"s3://{bucket}/{parked.key} is no batch that Lambda has parked: see who put it there, and delete it."
        ) from None


def events(batch: Sequence[Mapping[str, Any]], deployment: str) -> tuple[list[CompletionEvent], int]:
    """Return the events that a batch calls for, in its order, and how many of its records cannot be read."""
    found: list[CompletionEvent] = []
    unreadable = 0
    for record in batch:
        try:
            event = event_of_record(record, deployment)
        except ValueError:
            unreadable += 1
        else:
            found += [event] if event else []
    return found, unreadable
