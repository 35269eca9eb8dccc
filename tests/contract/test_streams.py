"""What the publisher takes for granted of Lambda where a batch of a DynamoDB stream fails.

As https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html have it. The emulator has it from
`devtools.localaws`: by itself, it takes what a function reports as failed for done, and it is lost.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from devtools.localaws import emulator
from devtools.localaws.stream_batches import Batch, after
from support.deployment import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACCOUNT: Final = "000000000000"
FUNCTION: Final = """
import json, os

def handler(event, context):
    values = [record["dynamodb"]["NewImage"]["value"]["S"] for record in event["Records"]]
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(values) + "\\n")
    if "deadly" in values:
        raise ValueError
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    return {"batchItemFailures": [{"itemIdentifier": n} for n, value in zip(numbers, values) if value == "refused"]}
"""


@dataclass(frozen=True)
class Streamed:
    """A table whose stream feeds a function that notes what it is invoked with."""

    s3: Any
    cloudwatch: Any
    bucket: str
    mapping: str
    seen: Path

    def invocations(self, number: int) -> list[list[str]]:
        """Wait for so many, and return what each was invoked with."""

        def noted() -> list[list[str]] | None:
            lines = self.seen.read_text().splitlines() if self.seen.exists() else []
            return [json.loads(line) for line in lines] if len(lines) >= number else None

        return eventually(f"{number} invocations", noted)

    def parked(self) -> dict[str, Any]:
        """Wait for the one batch that was given up."""

        def listed() -> list[Any]:
            return list(self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", []))

        (found,) = eventually("a batch is parked", listed)
        assert found["Key"].startswith(f"aws/lambda/{self.mapping}/")
        body = self.s3.get_object(Bucket=self.bucket, Key=found["Key"])["Body"].read()
        document: dict[str, Any] = json.loads(body)
        return document


def streamed(url: str, name: str, seen: Path, values: Sequence[str], **settings: Any) -> Streamed:
    """A mapping with these settings that begins with a batch of these values."""
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    clients: dict[str, Any] = {
        service: session.client(service, endpoint_url=url) for service in ("s3", "iam", "lambda", "dynamodb")
    }
    clients["s3"].create_bucket(Bucket=name)
    role = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    clients["iam"].put_role_policy(RoleName=name, PolicyName="park", PolicyDocument=policy)
    table = clients["dynamodb"].create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    for number, value in enumerate(values):
        clients["dynamodb"].put_item(TableName=name, Item={"id": {"S": str(number)}, "value": {"S": value}})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("noting.py", FUNCTION)
    clients["lambda"].create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="noting.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"SEEN": str(seen)}},
    )
    mapping = clients["lambda"].create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"],
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{name}"}},
        MetricsConfig={"Metrics": ["EventCount"]},
        **settings,
    )
    return Streamed(clients["s3"], session.client("cloudwatch", endpoint_url=url), name, mapping["UUID"], seen)


def values_of(document: dict[str, Any]) -> list[str]:
    return [record["dynamodb"]["NewImage"]["value"]["S"] for record in json.loads(document["payload"])["Records"]]


@pytest.mark.e2e
def test_what_is_reported_comes_back_until_it_is_parked(emulator_url: str, tmp_path: Path) -> None:
    stream = streamed(
        emulator_url,
        "reported",
        tmp_path / "seen",
        ["good", "refused", "after"],
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
    )
    assert stream.invocations(3) == [["good", "refused", "after"], ["refused", "after"], ["refused", "after"]]
    document = stream.parked()
    assert values_of(document) == ["refused", "after"]
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["DDBStreamBatchInfo"]["batchSize"] == 2


@pytest.mark.e2e
def test_what_kills_an_invocation_ends_up_alone(emulator_url: str, tmp_path: Path) -> None:
    stream = streamed(
        emulator_url,
        "deadly",
        tmp_path / "seen",
        ["first", "deadly", "third", "fourth"],
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
    )
    assert stream.invocations(5) == [
        ["first", "deadly", "third", "fourth"],
        ["first", "deadly"],
        ["first"],
        ["deadly"],
        ["third", "fourth"],
    ]
    assert values_of(stream.parked()) == ["deadly"]


RECORDS: Final = tuple(
    {"dynamodb": {"SequenceNumber": f"{number}", "ApproximateCreationDateTime": 1000}} for number in range(4)
)
REPORTS: Final = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def reported(*numbers: Any) -> dict[str, Any]:
    return {"body": {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}}


@pytest.mark.parametrize(
    "result",
    [{}, {"body": None}, {"body": {}}, {"body": {"batchItemFailures": None}}, {"body": '{"batchItemFailures": []}'}],
)
def test_a_batch_is_done(result: dict[str, Any]) -> None:
    assert after(Batch(RECORDS), result, REPORTS, now=1001) == after(Batch(RECORDS), reported("2"), {}, now=1001)


@pytest.mark.parametrize(
    ("numbers", "first"), [(["2"], 2), (["3", "1"], 1), (["0"], 0), ([""], 0), ([None], 0), (["9"], 0)]
)
def test_everything_from_the_first_failure_on_comes_back(numbers: list[Any], first: int) -> None:
    follows = after(Batch(RECORDS), reported(*numbers), REPORTS, now=1001)
    assert [each.records for each in follows.again] == [RECORDS[first:]]


def test_splitting_uses_up_no_retry() -> None:
    bisecting = {**REPORTS, "BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 0}
    assert after(Batch(RECORDS), reported("2"), bisecting, now=1001).again == (Batch(RECORDS[2:]),)
    follows = after(Batch(RECORDS), {"error": True}, bisecting, now=1001)
    assert follows.again == (Batch(RECORDS[:2]), Batch(RECORDS[2:]))
    assert after(Batch(RECORDS[:1]), {"error": True}, bisecting, now=1001).given_up == Batch(RECORDS[:1])


def test_it_is_tried_for_ever_unless_somebody_says_how_often() -> None:
    assert after(Batch(RECORDS, retries=9999), {"error": True}, {"MaximumRetryAttempts": -1}, now=90000).again
    follows = after(Batch(RECORDS), {"error": True}, {"MaximumRecordAgeInSeconds": 60}, now=1061)
    assert (follows.given_up, follows.condition) == (Batch(RECORDS), "RecordAgeExceeded")
