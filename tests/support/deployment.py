"""The applied local stack as a test sees it: from outside, through S3, SQS, DynamoDB and SNS alone."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from support.announcements import newest, require_valid
from support.roles import Role
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtools.localaws.stack import LocalStack

_T = TypeVar("_T")

# Nobody waits for it but who has found a fault: on a busy machine, seconds become a minute.
PATIENCE_SECONDS = 120


def eventually(what: str, probe: Callable[[], _T | None], *, within: float = PATIENCE_SECONDS) -> _T:
    """Return the first result of `probe` that is something and not nothing; fail, saying `what`, if none comes."""
    deadline = time.monotonic() + within
    while True:
        result = probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.2)


def _runs(process: psutil.Process, function: str) -> bool:
    try:
        return any(f"-lambda-{function}-" in each and each.endswith("_worker.py") for each in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


class Deployment:
    """Handles on one stack."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.outputs = stack.outputs
        self.s3 = stack.client("s3")
        self.sqs = stack.client("sqs")
        self.dynamodb = stack.client("dynamodb")
        self.lambda_ = stack.client("lambda")
        self.iam = stack.client("iam")
        self.role = Role(stack, stack.outputs["function_role_name"])
        self._alerts: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def upload(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> str:
        """Put an object and return its ETag."""
        response = self.s3.put_object(
            Bucket=self.outputs["source_bucket"], Key=key, Body=body, ContentType=content_type
        )
        return str(response["ETag"].strip('"'))

    def delete(self, key: str) -> None:
        """Delete an object; in this versioned bucket, hide it behind a marker."""
        self.s3.delete_object(Bucket=self.outputs["source_bucket"], Key=key)

    def row(self, key: str) -> dict[str, Any] | None:
        """The catalog row as it is now."""
        item = self._item(key)
        return item and plain(item)

    def revision(self, key: str) -> int:
        """The revision of the row, which is what consumers know its state by."""
        return decoded(self._item(key) or {}).revision

    def _item(self, key: str) -> Any:
        named = key_of(Image(self.outputs["source_bucket"], key))
        return self.dynamodb.get_item(TableName=self.outputs["table_name"], Key=named, ConsistentRead=True).get("Item")

    def row_when(self, key: str, status: str, *, etag: str | None = None) -> dict[str, Any]:
        """The row once it has `status`, and with `etag`, once it is made from that upload."""

        def decided() -> dict[str, Any] | None:
            row = self.row(key)
            return row if row and row.get("status") == status and etag in (None, row.get("etag")) else None

        return eventually(f"{key} is {status}", decided)

    def thumbnail_and_etag(self, key: str) -> tuple[bytes | None, str | None]:
        """What lies at `key` of the thumbnails bucket, with its ETag."""
        return self._object("thumbnails_bucket", key)

    def source(self, key: str) -> tuple[bytes | None, str | None]:
        """What lies at `key` of the uploads bucket now, with its ETag."""
        return self._object("source_bucket", key)

    def _object(self, bucket: str, key: str) -> tuple[bytes | None, str | None]:
        try:
            response = self.s3.get_object(Bucket=self.outputs[bucket], Key=key)
        except self.s3.exceptions.NoSuchKey:
            return None, None
        return bytes(response["Body"].read()), str(response["ETag"].strip('"'))

    def was_uploaded(self, key: str) -> bool:
        """Whether the uploads bucket has, or ever had, an object at `key`."""
        versions = self.s3.list_object_versions(Bucket=self.outputs["source_bucket"], Prefix=key)
        return any(each["Key"] == key for each in versions.get("Versions", []))

    def all_thumbnails(self) -> set[str]:
        """Every key of the thumbnails bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["thumbnails_bucket"])
        return {each["Key"] for page in pages for each in page.get("Contents", [])}

    def thumbnail_keys(self, source_key: str) -> set[str]:
        """Every key of the thumbnails bucket that belongs to a source."""
        return {key for key in self.all_thumbnails() if key.split("/", 1)[1].rsplit(".", 1)[0] == source_key}

    def told_or_counted(self, reason: str) -> int:
        """How many failures for `reason` subscribers have been told of, or will be in the next digest."""
        item = self.dynamodb.get_item(
            TableName=self.outputs["digests_table_name"], Key={"reason": {"S": reason}}, ConsistentRead=True
        ).get("Item", {})
        told = [alert["MessageAttributes"] for alert in self.alerts() if "count" in alert.get("MessageAttributes", {})]
        return int(item.get("untold", {}).get("N", 0)) + sum(
            int(each["count"]["Value"]) for each in told if each["reason"]["Value"] == reason
        )

    def renditions(self) -> list[dict[str, Any]]:
        """What the function is set to make of every image."""
        name = self.outputs["function_name"]
        variables = self.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        return list(json.loads(variables["SETTINGS"])["renditions"])

    def workers(self, function: str | None = None) -> list[psutil.Process]:
        """The processes that run a function: the one that renders, unless another is named."""
        name = function or self.outputs["function_name"]
        return [each for each in self.stack.emulator.descendants() if _runs(each, name)]

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert that the topic's subscriber has received so far."""
        inbox = self.stack.alerts_queue_url
        while messages := self._look_into(inbox, visibility=30):
            for message in messages:
                self._alerts.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=inbox, ReceiptHandle=message["ReceiptHandle"])
        return self._alerts

    @property
    def publisher(self) -> str:
        """The name of the function that announces what becomes of images."""
        return str(self.outputs["publishers"]["events"]["function_name"])

    def announced(self, key: str) -> list[dict[str, Any]]:
        """Every event about an image that the bus has handed to its consumer so far, in the order of arrival.

        Whatever has arrived, about any image, is what the events' JSON Schema says.
        """
        inbox = self.stack.events_queue_url
        assert inbox, "the stack announces nothing"
        while messages := self._look_into(inbox, visibility=30):
            for message in messages:
                event = json.loads(message["Body"])
                require_valid(event["detail"])
                self._events.append(event)
                self.sqs.delete_message(QueueUrl=inbox, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self._events if event["detail"]["subject"] == key]

    def newest_announced(self, key: str) -> dict[str, Any] | None:
        """What a consumer knows of an image that keeps the newest event by its sequence."""
        details = (event["detail"] for event in self.announced(key))
        return newest(details).get((self.outputs["source_bucket"], key))

    def _look_into(self, url: str, *, visibility: int) -> list[dict[str, Any]]:
        # Without waiting: the queues are set to long polling, and a test looks again soon enough.
        received = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=visibility
        )
        return list(received.get("Messages", []))

    def logged(self, *words: str, group: str | None = None) -> list[str]:
        """The lines of the function's log, or of another log group, that have all these words in them."""
        pages = self.stack.client("logs").get_paginator("filter_log_events")
        messages = [
            event["message"]
            for page in pages.paginate(logGroupName=group or self.outputs["log_group_name"])
            for event in page["events"]
        ]
        return [line for message in messages for line in message.splitlines() if all(word in line for word in words)]

    def send(self, body: str) -> None:
        """Put a message into the work queue ourselves."""
        self.sqs.send_message(QueueUrl=self.outputs["queue_url"], MessageBody=body)

    def backlog(self, url: str) -> int:
        """How many messages a queue holds, seen and unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def empty_queues(self) -> None:
        """Remove every message, seen and unseen, and every dead letter."""
        for name in ("queue_url", "backfill_queue_url", "dlq_url"):
            self.sqs.purge_queue(QueueUrl=self.outputs[name])
        if self.stack.events_queue_url:
            self.sqs.purge_queue(QueueUrl=self.stack.events_queue_url)

    def dead_letters(self) -> list[str]:
        """The bodies of the dead letters, which stay where they are."""
        return [message["Body"] for message in self._look_into(self.outputs["dlq_url"], visibility=0)]

    def take(self, *, visibility: int) -> list[dict[str, Any]]:
        """Take some messages out of the work queue, for so many seconds."""
        return self._look_into(self.outputs["queue_url"], visibility=visibility)

    def redrive(self) -> int:
        """Move the dead letters back to the work queue, and return how many there were."""
        letters = self._look_into(self.outputs["dlq_url"], visibility=30)
        for letter in letters:
            self.send(letter["Body"])
            self.sqs.delete_message(QueueUrl=self.outputs["dlq_url"], ReceiptHandle=letter["ReceiptHandle"])
        return len(letters)

    @contextlib.contextmanager
    def visibility(self, seconds: int) -> Iterator[None]:
        """Let failed messages come back sooner than the real visibility timeout, which is minutes."""
        names = ["VisibilityTimeout"]
        url = self.outputs["queue_url"]
        before = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    def tag(self, key: str) -> None:
        """Tag an object as a scanner does that has found nothing."""
        tags: Any = {"TagSet": [{"Key": "scan", "Value": "clean"}]}
        self.s3.put_object_tagging(Bucket=self.outputs["source_bucket"], Key=key, Tagging=tags)

    @contextlib.contextmanager
    def denying_what_has_no_tag(self, prefix: str) -> Iterator[None]:
        """Let nobody read an object below `prefix` before it is tagged.

        As https://docs.aws.amazon.com/guardduty/latest/ug/tag-based-access-s3-malware-protection.html has it.
        """
        bucket = self.outputs["source_bucket"]
        before = self.s3.get_bucket_policy(Bucket=bucket)["Policy"]
        policy = json.loads(before)
        policy["Statement"].append(
            {
                "Sid": "ScannedFirst",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": f"arn:aws:s3:::{bucket}/{prefix}*",
                "Condition": {"StringNotEquals": {"s3:ExistingObjectTag/scan": "clean"}},
            }
        )
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        try:
            yield
        finally:
            self.s3.put_bucket_policy(Bucket=bucket, Policy=before)

    @contextlib.contextmanager
    def environment(self, function: str | None = None, /, **variables: str) -> Iterator[None]:
        """Run a function, the one that renders unless another is named, with these variables on top of its own."""
        name = function or self.outputs["function_name"]
        before = self.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        self.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": before | variables})
        try:
            yield
        finally:
            self.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    @contextlib.contextmanager
    def without_permission(self, action: str) -> Iterator[None]:
        """Take one action out of every policy of the function's role."""
        lost = {each for each in self.role.permissions() if each.action == action}
        assert lost, f"no policy of the function's role allows {action}"
        with self.role.without(lost):
            yield
