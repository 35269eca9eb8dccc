"""From the pipeline's commits over a real stream of the catalog to consumers, over moto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from publisher.publishing import Publisher
from support.announcements import newest, require_valid
from support.pictures import picture
from support.pipeline import TABLE, UPLOADS, FakeContext, client
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.sending import ChangeStream, EventBus
from thumbnailer.catalog import Catalog

if TYPE_CHECKING:
    from support.pipeline import Bench


@pytest.fixture
def stream(bench: Bench) -> str:
    """The catalog's stream."""
    specification: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    bench.dynamodb.update_table(TableName=TABLE, StreamSpecification=specification)
    return bench.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]


@pytest.fixture
def records(bench: Bench, stream: str) -> list[dict[str, Any]]:
    """What the stream says of three images that came, failed, were overwritten and went."""
    events = [
        bench.upload("a ä.png", picture(), sequencer="1"),
        bench.upload("bad.png", b"no image", sequencer="1"),
        bench.upload("gone.png", picture(), sequencer="1"),
    ]
    for event in events:
        bench.pipeline.apply(event, attempt=1)
    bench.pipeline.apply(bench.upload("a ä.png", picture(size=(7, 5)), sequencer="2"), attempt=1)
    bench.pipeline.apply(bench.remove("gone.png", sequencer="2"), attempt=1)
    streams = client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    asked = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    found: list[dict[str, Any]] = streams.get_records(
        ShardIterator=streams.get_shard_iterator(**asked)["ShardIterator"]
    )["Records"]
    return found


def test_consumers_of_a_stream_end_with_what_the_catalog_says(bench: Bench, records: list[dict[str, Any]]) -> None:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="changes", ShardCount=1)
    described = kinesis.describe_stream(StreamName="changes")["StreamDescription"]
    publisher = Publisher("thumbs", ChangeStream(kinesis, described["StreamARN"]))
    for _ in range(2):  # as Lambda may
        assert publisher.run(records, FakeContext()) is None
    asked = {"StreamName": "changes", "ShardId": described["Shards"][0]["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    shards = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**asked)["ShardIterator"])["Records"]
    details = [json.loads(each["Data"]) for each in shards]
    assert len({each["id"] for each in details}) == 5
    assert len(details) == 10
    for each in details:
        require_valid(each)
    catalog = Catalog(bench.clients.dynamodb, TABLE)
    for (bucket, key), detail in newest(details).items():
        row = catalog.read(Image(bucket, key))
        assert row
        made = completion_event(row, "thumbs")
        assert made
        assert detail == made.detail
    assert {key: each["data"]["status"] for (_, key), each in newest(details).items()} == {
        "a ä.png": "READY",
        "bad.png": "FAILED",
        "gone.png": "DELETED",
    }


def test_a_bus_takes_what_the_publisher_sends(records: list[dict[str, Any]]) -> None:
    events = client("events")
    events.create_event_bus(Name="bus")
    queue = client("sqs").create_queue(QueueName="consumer")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps({"source": ["thumbnail-pipeline"]}))
    events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "queue", "Arn": arn}])
    assert Publisher("thumbs", EventBus(events, "bus")).run(records, FakeContext()) is None
    received = [
        json.loads(each["Body"])
        for each in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    ]
    assert sorted(each["detail-type"] for each in received) == [
        "Image Deleted",
        "Image Failed",
        "Image Ready",
        "Image Ready",
        "Image Ready",
    ]
    assert {each["resources"][0] for each in received if each["detail"]["subject"] == "a ä.png"} == {
        f"arn:aws:s3:::{UPLOADS}/a ä.png"
    }
    for each in received:
        require_valid(each["detail"])


def test_a_stream_that_is_not_there_is_systemic(records: list[dict[str, Any]]) -> None:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/missing"
    with pytest.raises(Systemic, match="ResourceNotFoundException while putting records into the stream"):
        Publisher("thumbs", ChangeStream(client("kinesis"), arn)).run(records, FakeContext())
