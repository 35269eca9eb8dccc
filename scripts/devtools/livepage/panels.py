"""What the page shows beside the dashboard: alarms, alerts, failures and the newest images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from thumbnail_pipeline.images import Image
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import FAILURE_SHARDS, key_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_cloudwatch.type_defs import CompositeAlarmTypeDef, MetricAlarmTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient

    from devtools.livepage.dashboard import View
    from devtools.livepage.logs import Event
    from thumbnail_pipeline.sns import Notification


def alarm(definition: MetricAlarmTypeDef | CompositeAlarmTypeDef, problems: Mapping[str, str]) -> View:
    """An alarm with its state; `problems` are the reasons why alarms could not be evaluated, by their names."""
    return {
        "name": definition["AlarmName"],
        "arn": definition["AlarmArn"],
        "state": definition["StateValue"],
        "reason": definition["StateReason"],
        "description": definition.get("AlarmDescription", ""),
        "since": definition["StateUpdatedTimestamp"].timestamp() * 1000,
        "composite": "AlarmRule" in definition,
        "topics": [arn.rpartition(":")[2] for arn in definition.get("AlarmActions", ())],
        "problem": problems.get(definition["AlarmName"], ""),
    }


def alert(received: Notification) -> View:
    """A message to people: what CloudWatch wraps in JSON is unwrapped."""
    text = received.message
    if text.startswith("{"):
        change: dict[str, Any] = json.loads(text)
        text = f"{change['NewStateReason']}\n\n{change['AlarmDescription']}"
    return {"subject": received.subject, "text": text, "topic": received.topic, "sent": received.sent_at}


def announcement(event: Mapping[str, Any]) -> View:
    """An event as the consumer of the bus got it."""
    detail = event["detail"]
    return {
        "what": event["detail-type"],
        "key": detail["subject"],
        "reason": detail["data"]["reason"] or "",
        "sequence": detail["sequence"],
        "time": detail["time"],
    }


def failures(dynamodb: DynamoDBClient, table: str, index: str, most: int) -> list[View]:
    """The newest images that failed for good, as the catalog's index has them."""
    rows: list[View] = []
    for shard in range(FAILURE_SHARDS):
        answer = dynamodb.query(
            TableName=table,
            IndexName=index,
            KeyConditionExpression="failure_shard = :shard",
            ExpressionAttributeValues={":shard": {"S": f"{shard:02d}"}},
            ScanIndexForward=False,
            Limit=most,
        )
        rows += [
            {
                name: str(item.get(attribute, ""))
                for name, attribute in (
                    ("key", "source_key"),
                    ("reason", "reason"),
                    ("detail", "detail"),
                    ("failed", "failed_at"),
                    ("attempts", "attempts"),
                )
            }
            for item in map(plain, answer["Items"])
        ]
    return sorted(rows, key=lambda row: str(row["failed"]), reverse=True)[:most]


def newest(events: Iterable[Event], most: int) -> list[View]:
    """The newest images that the function's log tells of, each with what became of it."""
    found: dict[str, View] = {}
    for event in reversed(list(events)):
        line = _image_line(event)
        if line is not None:
            found.setdefault(line["key"], {**line, "time": event.time})
        if len(found) == most:
            break
    return list(found.values())


def _image_line(event: Event) -> View | None:
    # Before it is parsed: of most lines this is all there is to know.
    if '"message":"image"' not in event.message:
        return None
    line: View = json.loads(event.message)
    return {name: line.get(name) for name in ("key", "outcome", "reason", "milliseconds", "age_ms", "attempt")}


def thumbnails(dynamodb: DynamoDBClient, table: str, bucket: str, keys: Iterable[str]) -> Iterator[tuple[str, View]]:
    """By the key of its source, the smallest thumbnail of each image that has some, for at most a hundred."""
    wanted = [key_of(Image(bucket, key)) for key in keys]
    if not wanted:
        return
    for item in dynamodb.batch_get_item(RequestItems={table: {"Keys": wanted}})["Responses"][table]:
        row = plain(item)
        if row.get("status") == Status.READY and row.get("renditions"):
            smallest = min(row["renditions"], key=lambda rendition: rendition["width"] * rendition["height"])
            yield row["source_key"], {name: str(smallest[name]) for name in ("key", "etag", "width", "height")}
