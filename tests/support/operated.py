"""A deployment in moto as `thumbctl` finds it by its name: queues, catalog, alarms; mappings as a test says."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from support import memory_aws
from thumbctl import stack as stacks
from thumbctl.stack import Stack
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.outcomes import Status
from thumbnailer.catalog import Catalog, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-central-1"
FUNCTION = "photos-thumbnailer"
TABLE, INDEX = "photos-catalog", "failures"


class Operated:
    """For use within `mock_aws`."""

    def __init__(self) -> None:
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.cloudwatch = boto3.client("cloudwatch", region_name=REGION)
        self.mapping_states = {"work-uuid": "Enabled", "backfill-uuid": "Enabled"}
        self.filters: dict[str, Any] = {}
        """The filters of mappings, by UUID."""
        self.move_tasks: list[dict[str, Any]] | None = None
        """What ListMessageMoveTasks answers with, one after the other; None where SQS has no such call."""
        self.started: list[dict[str, Any]] = []
        create_catalog(self.dynamodb, TABLE)
        alarms = {
            "warning": ["photos-dead-letters"],
            "critical": ["photos-systemic-errors", "photos-function-errors"],
            "page": ["photos-pipeline-failing"],
        }
        for name in (name for tier in alarms.values() for name in tier):
            self.cloudwatch.put_metric_alarm(
                AlarmName=name, ComparisonOperator="GreaterThanOrEqualToThreshold", EvaluationPeriods=1,
                Namespace="ThumbnailPipeline", MetricName="Failed", Statistic="Sum", Period=60, Threshold=1,
            )  # fmt: skip
            self.set_alarm(name, "OK")
        self.outputs: dict[str, Any] = {
            "function_name": FUNCTION,
            "table_name": TABLE,
            "failures_index_name": INDEX,
            "source_mode": "create",
            "event_source_mapping_uuid": "work-uuid",
            "backfill_event_source_mapping_uuid": "backfill-uuid",
            "alarm_names": alarms,
        }
        for queue, output in {"work": "queue", "backfill": "backfill_queue", "dead-letters": "dlq"}.items():
            url = self.sqs.create_queue(QueueName=f"photos-{queue}")["QueueUrl"]
            arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            self.outputs |= {f"{output}_url": url, f"{output}_arn": arn}
        # moto has no such calls.
        answers: dict[str, Any] = {
            "StartMessageMoveTask": self._start_move_task,
            "ListMessageMoveTasks": self._list_move_tasks,
        }
        for operation, answer in answers.items():
            self.sqs.meta.events.register(f"before-call.sqs.{operation}", answer)

    @property
    def stack(self) -> Stack:
        """What `stack.find` returns."""
        return Stack("photos in eu-central-1", self.outputs, self._client)

    def announce(self) -> None:
        """Have two publishers: to a bus whose events come to the queue `heard`, and into a Kinesis stream."""
        self.events = boto3.client("events", region_name=REGION)
        self.kinesis = boto3.client("kinesis", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        bus = self.events.create_event_bus(Name="photos")["EventBusArn"]
        heard = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_rule(Name="all", EventBusName="photos", EventPattern='{"source": ["thumbnail-pipeline"]}')
        self.events.put_targets(Rule="all", EventBusName="photos", Targets=[{"Id": "heard", "Arn": arn}])
        self.kinesis.create_stream(StreamName="photos-changes", ShardCount=1)
        stream = self.kinesis.describe_stream(StreamName="photos-changes")["StreamDescription"]["StreamARN"]
        self.s3.create_bucket(Bucket="parked", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        functions = {"events": "photos-publisher", "changes": "photos-change-publisher"}
        self.mapping_states |= {f"{destination}-uuid": "Enabled" for destination in functions}
        self.outputs |= {
            "source_bucket": "uploads",
            "heard_url": heard,
            "event_bus_arn": bus,
            "change_stream": {"name": "photos-changes", "arn": stream, "kms_key_arn": None},
            "parked_bucket": "parked",
            "publishers": {
                destination: {
                    "function_name": function,
                    "log_group_name": f"/aws/lambda/{function}",
                    "event_source_mapping_uuid": f"{destination}-uuid",
                }
                for destination, function in functions.items()
            },
        }

    def set_alarm(self, name: str, state: Any) -> None:
        """Put an alarm into a state."""
        self.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")

    def put_letter(self, body: str, attributes: Any = None) -> str:
        """Have a dead letter, and return its message's id."""
        url = self.outputs["dlq_url"]
        sent = self.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes or {})
        return str(sent["MessageId"])

    def messages(self, output: str) -> list[Any]:
        """Everything that is visible in a queue, which stays visible."""
        received = self.sqs.receive_message(
            QueueUrl=self.outputs[output],
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        return received.get("Messages", [])

    def fail(self, key: str, *, reason: str = "unidentified", at: str = "2026-01-31T08:00:00.000Z") -> None:
        """Have the row of an image that failed."""
        attributes = {"reason": reason, "detail": f"{key} is no image", "attempts": 2}
        state = State(Status.FAILED, "1".ljust(64, "0"), None, "e", "settings", attributes)
        written = datetime.fromisoformat(at).timestamp()
        Catalog(self.dynamodb, TABLE, clock=lambda: written).commit_first(Image("uploads", key), state)

    def measure(self, namespace: str, name: str, dimension: tuple[str, str], value: float, at: datetime) -> None:
        """Publish one value of a metric."""
        self.cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": dimension[0], "Value": dimension[1]}],
                    "Timestamp": at.astimezone(UTC),
                    "Value": value,
                }
            ],
        )

    def _client(self, service: str, config: Config | None = None) -> Any:  # noqa: ARG002 - the protocol's
        if service == "lambda":
            told = {"Environment": {"Variables": {"DEPLOYMENT": "photos"}}}
            return SimpleNamespace(get_event_source_mapping=self._mapping, get_function_configuration=lambda **_: told)
        return getattr(self, service)

    def _mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        mapping = {"State": self.mapping_states[UUID], "ScalingConfig": {"MaximumConcurrency": 20}}
        return mapping | {"FilterCriteria": self.filters.get(UUID, {}), "LastProcessingResult": "OK"}

    def _start_move_task(self, params: Any, **_: Any) -> Any:
        if self.move_tasks is None:
            return _unknown("StartMessageMoveTask")
        self.started.append(json.loads(params["body"]))
        return SimpleNamespace(status_code=200), {"TaskHandle": "handle"}

    def _list_move_tasks(self, **_: Any) -> Any:
        if self.move_tasks is None:
            return _unknown("ListMessageMoveTasks")
        task = self.move_tasks.pop(0) if len(self.move_tasks) > 1 else next(iter(self.move_tasks), None)
        return SimpleNamespace(status_code=200), {"Results": [task] if task else []}


def create_catalog(dynamodb: DynamoDBClient, table: str) -> None:
    """Make a table like the module's."""
    names = ("source_key", "source_bucket", "failure_shard", "failed_at")
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[
            {"AttributeName": "source_key", "KeyType": "HASH"},
            {"AttributeName": "source_bucket", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "failure_shard", "KeyType": "HASH"},
                    {"AttributeName": "failed_at", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["attempts", "detail", "etag", "reason"],
                },
            }
        ],
    )


@contextlib.contextmanager
def operated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Operated]:
    """A deployment which is the one that every command finds."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        deployed = Operated()
        monkeypatch.setattr(stacks, "find", lambda _: deployed.stack)
        yield deployed


def _unknown(operation: str) -> Any:
    error = memory_aws.refusal(operation, "InvalidAction", 400, f"The action {operation} is not valid.")
    return SimpleNamespace(status_code=400), error.response
