"""A stack that `make e2e` leaves up, so that the next run applies nothing: `python -m support.kept` ends it."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from typing import TYPE_CHECKING, Any, Final

from devtools.localaws import stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.localaws.stack import LocalStack

_HOME: Final = stack.REPOSITORY / "build" / "e2e"
_STACK_FILE: Final = _HOME / "stack.json"
_MADE_OF: Final = _HOME / "made-of"


def kept(inputs: Mapping[str, Any]) -> LocalStack:
    """The stack that an earlier run left, emptied; a new one where there is none or what it is made of has changed."""
    made_of = _digest(inputs)
    if _STACK_FILE.exists() and _MADE_OF.read_text(encoding="utf-8") == made_of:
        left = stack.load(_STACK_FILE)
        if left.emulator.alive and left.collector.alive:
            _empty(left)
            return left
    end()
    created = stack.create(_HOME, inputs=inputs)
    _MADE_OF.write_text(made_of, encoding="utf-8")
    stack.save(created, _STACK_FILE)
    return created


def end() -> None:
    """End the stack, if there is one."""
    if _STACK_FILE.exists():
        stack.load(_STACK_FILE).stop()
    shutil.rmtree(_HOME, ignore_errors=True)


def _digest(inputs: Mapping[str, Any]) -> str:
    """Of all that an apply depends on."""
    digest = hashlib.sha256(repr(inputs).encode())
    terraform = stack.REPOSITORY / "terraform"
    read = (terraform.rglob("*.tf"), terraform.rglob("*.json"), terraform.rglob("site/*"), stack.ARCHIVES.glob("*.zip"))
    for file in sorted(set(itertools.chain(*read))):
        if ".terraform" not in file.parts:
            digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()


def _empty(left: LocalStack) -> None:
    """Remove every image, thumbnail, row and message; what was logged stays."""
    outputs, sqs, dynamodb = left.outputs, left.client("sqs"), left.client("dynamodb")
    asks = (outputs[door]["asks_table_name"] for door in ("api", "devices"))
    # Nobody is to take what S3 tells of the deletions.
    function, mapping = left.client("lambda"), outputs["event_source_mapping_uuid"]
    function.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        for bucket in (outputs["source_bucket"], outputs["thumbnails_bucket"], outputs["parked_bucket"]):
            s3 = left.client("s3")
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        for table in (outputs["table_name"], outputs["digests_table_name"], *asks):
            keys = [each["AttributeName"] for each in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
            for page in dynamodb.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    dynamodb.delete_item(TableName=table, Key={name: item[name] for name in keys})
        queues = (outputs[name] for name in ("queue_url", "backfill_queue_url", "dlq_url"))
        for queue in (*queues, outputs["devices"]["error_queue_url"]):
            sqs.purge_queue(QueueUrl=queue)
        for inbox in (left.alerts_queue_url, left.events_queue_url):
            if inbox:
                sqs.purge_queue(QueueUrl=inbox)
    finally:
        function.update_event_source_mapping(UUID=mapping, Enabled=True)


if __name__ == "__main__":
    end()
