"""What a consumer hears of images, from the upload to its queue: catalog, stream, publisher, bus, rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.announcements import require_valid
from support.deployment import eventually
from support.pictures import picture

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
    for event in events:
        require_valid(event["detail"])


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


def parked_batches(deployment: Deployment) -> list[dict[str, Any]]:
    bucket = deployment.outputs["parked_bucket"]
    keys = [each["Key"] for each in deployment.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [json.loads(deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
