"""Messages as S3, SNS, EventBridge and SQS write them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus


def record(
    key: str,
    *,
    bucket: str = "uploads",
    name: str = "ObjectCreated:Put",
    sequencer: str | None = "0055AED6DCD90281E5",
    etag: str | None = "d41d8cd98f00b204e9800998ecf8427e",
    size: int | None = 1024,
    version_id: str | None = None,
) -> dict[str, Any]:
    """One record of an S3 notification, with the fields that S3 sends in it."""
    described: dict[str, Any] = {"key": quote_plus(key, safe="/")}
    optional = {"size": size, "eTag": etag, "versionId": version_id, "sequencer": sequencer}
    described |= {field: value for field, value in optional.items() if value is not None}
    return {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-02T03:04:05.678Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDACKCEVSQ6C2EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "thumbnails",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": described,
        },
    }


def notification(*records: dict[str, Any]) -> str:
    """The body of a message from S3."""
    return json.dumps({"Records": list(records)})


def s3_test_event(bucket: str = "uploads") -> str:
    """The body that S3 sends whenever a notification is configured."""
    return json.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2026-01-02T03:04:05.678Z",
            "Bucket": bucket,
            "RequestId": "5582815E1AEA5ADF",
            "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
        }
    )


def through_sns(body: str) -> str:
    """`body` as a subscription without raw delivery wraps it."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:uploads",
            "Subject": "Amazon S3 Notification",
            "Message": body,
            "Timestamp": "2026-01-02T03:04:05.678Z",
        }
    )


def through_event_bridge(
    key: str,
    *,
    bucket: str = "uploads",
    detail_type: str = "Object Created",
    sequencer: str = "0055aed6dcd90281e5",
    deletion_type: str | None = None,
    version_id: str | None = None,
) -> str:
    """The event that EventBridge hands on; its key is not encoded and its sequencer in lower case."""
    described: dict[str, Any] = {"key": key, "size": 1024, "etag": "d41d8cd98f00b204e9800998ecf8427e"}
    described |= {"sequencer": sequencer} | ({"version-id": version_id} if version_id else {})
    detail: dict[str, Any] = {"version": "0", "bucket": {"name": bucket}, "object": described}
    if deletion_type:
        detail["deletion-type"] = deletion_type
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": detail_type,
            "source": "aws.s3",
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "eu-central-1",
            "detail": detail,
        }
    )


def sqs_record(body: str, *, message_id: str = "message-1", attempt: int = 1) -> dict[str, Any]:
    """One record of the event that Lambda's pollers hand to the function."""
    return {
        "messageId": message_id,
        "receiptHandle": f"handle-of-{message_id}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(attempt), "SentTimestamp": "1767323045678"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:thumbs-work",
        "awsRegion": "eu-central-1",
    }
