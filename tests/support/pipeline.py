"""The real pipeline over moto, and a count of every call that it makes."""

from __future__ import annotations

import contextlib
import functools
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from support.notifications import notification, record
from support.workshop import PlainWorkshop
from thumbnail_pipeline.clients import Clients
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.rows import key_of, plain
from thumbnailer.admission import Admission
from thumbnailer.alerts import Alerts
from thumbnailer.capacity import Capacity
from thumbnailer.catalog import Catalog
from thumbnailer.config import ThumbnailerConfig
from thumbnailer.digests import Digests
from thumbnailer.pipeline import Pipeline
from thumbnailer.postponing import WorkQueue
from thumbnailer.storage import Storage
from thumbnailer.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

UPLOADS = "uploads"
THUMBNAILS = "thumbnails"
TABLE = "catalog"
DIGESTS = "digests"
KEY_ID = "11111111-2222-3333-4444-555555555555"
RENDITIONS = [
    {"name": "large", "width": 32, "height": 32},
    {"name": "small", "width": 8, "height": 8, "format": "png"},
]


# Making a client costs more than most tests do, and clients hold no state of the service.
@functools.cache
def client(service: str) -> Any:
    """A client of the test's own."""
    return boto3.client(service, "us-east-1")  # type: ignore[call-overload]


@functools.cache
def _clients_of_the_function() -> Clients:
    capacity = Capacity.of(1769 * 2**20)
    return Clients.connect(deadline=18, s3_connections=capacity.connections, dynamodb_connections=capacity.images)


class Killed(BaseException):
    """A worker's end: nothing in the function may catch it."""


@dataclass
class FakeContext:
    """Lambda's context with a clock that a test sets."""

    aws_request_id: str = "request-1"
    remaining: list[int] = field(default_factory=lambda: [60_000])

    def get_remaining_time_in_millis(self) -> int:
        """The next of `remaining`, and its last for ever."""
        return self.remaining.pop(0) if len(self.remaining) > 1 else self.remaining[0]


def create_catalog(dynamodb: DynamoDBClient, table: str) -> None:
    """Create a table with the keys of the catalog."""
    dynamodb.create_table(
        TableName=table,
        KeySchema=[
            {"AttributeName": "source_key", "KeyType": "HASH"},
            {"AttributeName": "source_bucket", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "source_key", "AttributeType": "S"},
            {"AttributeName": "source_bucket", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


class Bench:
    """One function over moto's S3, DynamoDB, SNS and SQS. Needs `mock_aws` around it."""

    def __init__(self, *, versioned: bool = False, **settings: Any) -> None:
        # Clients of our own, so that the calls of the function alone are counted.
        self.s3: S3Client = client("s3")
        self.dynamodb: DynamoDBClient = client("dynamodb")
        for bucket in (UPLOADS, THUMBNAILS):
            self.s3.create_bucket(Bucket=bucket)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
        create_catalog(self.dynamodb, TABLE)
        self.dynamodb.create_table(
            TableName=DIGESTS,
            KeySchema=[{"AttributeName": "reason", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "reason", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.topic_arn = client("sns").create_topic(Name="alerts")["TopicArn"]
        sqs = client("sqs")
        self._inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        client("sns").subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=arn)
        self.calls: Counter[str] = Counter()
        self._calls_left: int | None = None
        self.clients = _clients_of_the_function()
        for counted in (self.clients.s3, self.clients.dynamodb, self.clients.sns):
            counted.meta.events.unregister("before-call", unique_id="bench")
            counted.meta.events.register("before-call", self._count, unique_id="bench")
        self.now = 1_800_000_000.0
        """The time, as far as digests are concerned."""
        self.configure(**settings)

    def configure(
        self,
        renditions: list[dict[str, Any]] | None = None,
        *,
        variables: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """Deploy the function anew with these settings and further environment `variables`."""
        usual = environment(self.topic_arn, renditions or RENDITIONS, **settings)
        config = ThumbnailerConfig.from_environment({**usual, **(variables or {})})
        self.digests = Digests(
            self.clients.dynamodb, config.digests_table, config.digest_window_seconds, clock=lambda: self.now
        )
        storage = Storage(self.clients.s3, config.thumbnails_bucket, config.cache_control, config.key_ids)
        catalog = Catalog(self.clients.dynamodb, config.catalog_table)
        self.pipeline = Pipeline(config, storage, catalog, PlainWorkshop(config.settings))
        self.worker = Worker(
            config=config,
            storage=storage,
            catalog=catalog,
            admission=Admission(config.settings, config.capacity, config.memory_bytes),
            alerts=Alerts(self.clients, config.alerts_topic_arn, self.digests, config.runbook_url),
            queue=WorkQueue(self.clients),
        )

    def _count(self, model: Any, **_: Any) -> None:
        if self._calls_left is not None:
            if self._calls_left == 0:
                raise Killed
            self._calls_left -= 1
        self.calls[model.name] += 1

    @contextlib.contextmanager
    def dying_after(self, calls: int) -> Iterator[None]:
        """Kill the worker in the block when it makes one more call than `calls`."""
        self._calls_left = calls
        with contextlib.suppress(Killed):
            yield
        self._calls_left = None

    def upload(self, key: str, body: bytes, *, sequencer: str | None) -> ObjectEvent:
        """Put an object and return the event that S3 would send."""
        response = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body, ContentType="image/png")
        return event(
            record(
                key,
                bucket=UPLOADS,
                sequencer=sequencer,
                etag=response["ETag"].strip('"') if sequencer else None,
                version_id=response.get("VersionId") if sequencer else None,
                size=len(body),
            )
        )

    def remove(self, key: str, *, sequencer: str, version_id: str | None = None) -> ObjectEvent:
        """Delete an object, or for good one version of it, and return the event that S3 would send."""
        if version_id:
            self.s3.delete_object(Bucket=UPLOADS, Key=key, VersionId=version_id)
            return event(
                record(key, name="ObjectRemoved:Delete", sequencer=sequencer, version_id=version_id, etag=None)
            )
        marker = self.s3.delete_object(Bucket=UPLOADS, Key=key).get("VersionId")
        name = "ObjectRemoved:DeleteMarkerCreated" if marker else "ObjectRemoved:Delete"
        return event(record(key, name=name, sequencer=sequencer, version_id=marker, etag=None, size=None))

    def row(self, key: str) -> dict[str, Any]:
        """The catalog row as it is stored, or nothing."""
        named = key_of(Image(UPLOADS, key))
        return plain(self.dynamodb.get_item(TableName=TABLE, Key=named, ConsistentRead=True).get("Item", {}))

    def thumbnails(self) -> dict[str, bytes]:
        """Everything in the thumbnails bucket, by key."""
        listed = self.s3.list_objects_v2(Bucket=THUMBNAILS).get("Contents", [])
        return {each["Key"]: self.s3.get_object(Bucket=THUMBNAILS, Key=each["Key"])["Body"].read() for each in listed}

    def alerts(self) -> list[Mapping[str, Any]]:
        """What the topic's subscriber has received, as SNS wraps it."""
        sqs = client("sqs")
        received = sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]


def event(described: dict[str, Any]) -> ObjectEvent:
    """The event that a record of a notification speaks of."""
    (parsed,) = parse(notification(described))
    assert isinstance(parsed, ObjectEvent)
    return parsed


def environment(topic_arn: str, renditions: list[dict[str, Any]], **settings: Any) -> dict[str, str]:
    """The function's environment as Terraform sets it."""
    return {
        "SETTINGS": json.dumps({"renditions": renditions, **settings}),
        "SOURCE_PREFIX": "",
        "SOURCE_BUCKET": UPLOADS,
        "THUMBNAILS_BUCKET": THUMBNAILS,
        "CATALOG_TABLE": TABLE,
        "ALERTS_TOPIC_ARN": topic_arn,
        "DIGESTS_TABLE": DIGESTS,
        "DIGEST_WINDOW_SECONDS": "900",
        "RUNBOOK_URL": "https://example.com/runbook",
        "TOMBSTONE_DAYS": "30",
        "LOG_LEVEL": "INFO",
        "RETRY_FIRST_SECONDS": "20",
        "RETRY_DENIED_SECONDS": "3600",
        "MAX_RECEIVE_COUNT": "5",
        "KEY_IDS": KEY_ID,
        "TIMEOUT_SECONDS": "60",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }
