"""What a consumer hears of images, from the upload to its queue: catalog, stream, publisher, bus, rule."""

from __future__ import annotations

import functools
import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator
from devtools.localaws.stack import REPOSITORY
from support.deployment import eventually
from support.pictures import picture
from thumbctl.app import app

if TYPE_CHECKING:
    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


def announced_as(deployment: Deployment, key: str, status: str) -> dict[str, Any]:
    """The newest event about an image, once it says this."""

    def said() -> dict[str, Any] | None:
        newest = deployment.newest_announced(key)
        return newest if newest and newest["data"]["status"] == status else None

    return eventually(f"{key} is announced as {status}", said)


def test_an_image_is_announced_when_it_is_ready_has_failed_and_is_gone(deployment: Deployment) -> None:
    key = "events/küche 1+2%.png"
    etag = deployment.upload(key, picture())
    ready = announced_as(deployment, key, "READY")
    row = deployment.row_when(key, "READY")
    assert (ready["data"]["etag"], int(ready["sequence"])) == (etag, deployment.revision(key))
    assert ready["data"]["renditions"] == [
        {name: each[name] for name in ("name", "key", "width", "height", "bytes", "etag")} for each in row["renditions"]
    ]

    deployment.upload(key, b"this is no image")
    failed = announced_as(deployment, key, "FAILED")
    assert failed["data"]["reason"] == deployment.row_when(key, "FAILED")["reason"]

    deployment.delete(key)
    deleted = announced_as(deployment, key, "DELETED")
    deployment.row_when(key, "DELETED")
    assert int(deleted["sequence"]) == deployment.revision(key)

    events = deployment.announced(key)
    assert [each["detail-type"] for each in events] == ["Image Ready", "Image Failed", "Image Deleted"]
    assert {each["source"] for each in events} == {"thumbnail-pipeline"}
    assert {each["detail"]["deployment"] for each in events} == {"thumbs"}
    assert ready["sequence"] < failed["sequence"] < deleted["sequence"]


def test_what_cannot_be_read_is_parked_whole_and_its_neighbours_are_announced(deployment: Deployment) -> None:
    """Somebody has written to the table who should not have."""
    row = {"source_key": {"S": "events/poison.png"}, "source_bucket": {"S": deployment.outputs["source_bucket"]}}
    mapping = deployment.outputs["publishers"]["events"]["event_source_mapping_uuid"]
    before = deployment.lambda_.get_event_source_mapping(UUID=mapping)["MaximumRetryAttempts"]
    deployment.lambda_.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    try:
        poison = {**row, "status": {"S": "READY"}}
        deployment.dynamodb.put_item(TableName=deployment.outputs["table_name"], Item=poison)
        deployment.upload("events/neighbour.png", picture())
        announced_as(deployment, "events/neighbour.png", "READY")
        parked = eventually("it is parked", lambda: parked_batches(deployment))
    finally:
        deployment.lambda_.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=before)
        deployment.dynamodb.delete_item(TableName=deployment.outputs["table_name"], Key=row)
    records = [record for batch in parked for record in json.loads(batch["payload"])["Records"]]
    assert poison in [record["dynamodb"]["NewImage"] for record in records]


def test_the_consumer_of_the_docs_knows_the_newest_state_and_is_told_nothing_new_twice(deployment: Deployment) -> None:
    """docs/examples/consume_events.py, as it stands, at a queue of its own."""
    file = REPOSITORY / "docs" / "examples" / "consume_events.py"
    spec = importlib.util.spec_from_file_location("consume_events", file)
    assert spec
    assert spec.loader
    consumer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(consumer)
    bus = deployment.outputs["event_bus_arn"].rpartition("/")[2]
    url = deployment.sqs.create_queue(QueueName="thumbs-twenty-lines")["QueueUrl"]
    arn = deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["thumbnail-pipeline"], "detail": {"subject": [{"prefix": "twenty/"}]}}
    events = deployment.stack.client("events")
    events.put_rule(Name="twenty-lines", EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="twenty-lines", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    image = deployment.outputs["source_bucket"], "twenty/lines.png"
    images: dict[tuple[str, str], Any] = {}
    seen: set[str] = set()

    def heard(etag: str) -> bool:
        consumer.take(deployment.sqs, url, images, seen)
        return image in images and images[image]["data"]["etag"] == etag

    for colour in ("red", "blue"):
        etag = deployment.upload(image[1], picture(colour))
        eventually(f"the consumer knows the {colour} one", functools.partial(heard, etag))
    known, had = images[image], set(seen)
    assert int(known["sequence"]) == deployment.revision(image[1])

    place = {"AWS_DEFAULT_REGION": deployment.stack.region, "AWS_ENDPOINT_URL": deployment.stack.endpoint_url}
    operator = CliRunner(env={**emulator.ROOT_CREDENTIALS, **place, "THUMBCTL_STACK": "thumbs"})
    republished = operator.invoke(app, ["events", "republish", "--key", image[1], "--yes"])
    assert republished.exit_code == 0, republished.output
    eventually("it comes again", lambda: consumer.take(deployment.sqs, url, images, seen) > 0)
    assert (images[image], seen) == (known, had)

    shown = operator.invoke(app, ["show", image[1], "--json"])
    assert json.loads(shown.stdout)["event"]["id"] == known["id"]
    events.remove_targets(Rule="twenty-lines", EventBusName=bus, Ids=["queue"])


def parked_batches(deployment: Deployment) -> list[dict[str, Any]]:
    bucket = deployment.outputs["parked_bucket"]
    keys = [each["Key"] for each in deployment.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [json.loads(deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
