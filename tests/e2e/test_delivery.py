"""What SQS and Lambda do to messages: poison, foreign messages, lost permissions, time-outs, dead letters."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from devtools.localaws import faults
from support import notifications
from support.deployment import eventually
from support.notifications import notification, record
from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _nothing_left_over(deployment: Deployment) -> Iterator[None]:
    """Every test starts with empty queues."""
    deployment.empty_queues()
    yield
    deployment.empty_queues()


def logged_about(deployment: Deployment, key: str) -> str:
    """Every line of the function's log that names `key`."""
    logs = deployment.stack.client("logs")
    events = logs.filter_log_events(logGroupName=deployment.outputs["log_group_name"])["events"]
    return "\n".join(event["message"] for event in events if key in event["message"])


def told_or_counted_as_foreign(deployment: Deployment) -> int:
    """How many messages were told of, or will be, that nobody could read."""
    return sum(deployment.told_or_counted(reason) for reason in ("malformed-message", "unknown-message"))


def test_one_poison_image_among_nine_good_ones(deployment: Deployment) -> None:
    keys = [f"batch/{number}.png" for number in range(9)]
    # One message each, sent as one batch, so that they share an invocation.
    etags = {key: deployment.upload(key, picture()) for key in keys}
    deployment.upload("batch/poison.png", b"poison")
    for key, etag in etags.items():
        deployment.row_when(key, "READY", etag=etag)
    assert deployment.row_when("batch/poison.png", "FAILED")["reason"] == "unidentified"
    eventually("it is told, or counted for the next digest", lambda: deployment.told_or_counted("unidentified"))
    eventually("the queue is empty", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 0)
    assert deployment.dead_letters() == []


@pytest.mark.parametrize("body", ["this is not JSON", '{"hello": "world"}', '{"Records": "none"}'])
def test_a_foreign_message_is_told_and_gone(deployment: Deployment, body: str) -> None:
    before = told_or_counted_as_foreign(deployment)
    deployment.send(body)
    eventually("it is told, or counted for the next digest", lambda: told_or_counted_as_foreign(deployment) > before)
    eventually("the queue is empty", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 0)
    assert deployment.dead_letters() == []


def test_a_test_event_is_gone_in_silence(deployment: Deployment) -> None:
    before = told_or_counted_as_foreign(deployment)
    deployment.send(notifications.s3_test_event(deployment.outputs["source_bucket"]))
    eventually("the queue is empty", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 0)
    assert told_or_counted_as_foreign(deployment) == before
    assert deployment.dead_letters() == []


@pytest.mark.parametrize("action", ["s3:GetObjectVersion", "s3:PutObject", "dynamodb:PutItem"])
def test_a_lost_permission_leaves_the_backlog_in_the_queue(deployment: Deployment, action: str) -> None:
    key = f"forbidden/{action.replace(':', '-')}.png"
    with deployment.visibility(8):
        with deployment.without_permission(action):
            deployment.upload(key, picture())
            eventually("the function says so", lambda: '"outcome":"SYSTEMIC"' in logged_about(deployment, key))
            assert deployment.row(key) is None
            assert deployment.backlog(deployment.outputs["queue_url"]) == 1
            assert deployment.dead_letters() == []
        row = deployment.row_when(key, "READY")
    assert row["attempts"] > 1


def test_an_object_that_is_scanned_first_is_ready_once_it_is_tagged(deployment: Deployment) -> None:
    with deployment.denying_what_has_no_tag("scanned/"):
        for key in ("scanned/cat.png", "not-scanned/cat.png"):
            deployment.upload(key, picture())
        deployment.row_when("not-scanned/cat.png", "READY")
        eventually("S3 denies it", lambda: '"outcome":"DENIED"' in logged_about(deployment, "scanned/cat.png"))
        assert deployment.row("scanned/cat.png") is None
        deployment.tag("scanned/cat.png")
        assert deployment.row_when("scanned/cat.png", "READY")["attempts"] > 1
    assert deployment.dead_letters() == []


def test_a_function_that_times_out_once_then_succeeds(deployment: Deployment) -> None:
    deployment.upload("slow/warm.png", picture())
    deployment.row_when("slow/warm.png", "READY")
    with deployment.visibility(8):
        stopped = deployment.workers()
        assert stopped
        for worker in stopped:
            worker.send_signal(signal.SIGSTOP)
        deployment.upload("slow/cat.png", picture())
        # Lambda kills the one that has the message; the others may go on.
        eventually("a worker is killed", lambda: any(not worker.is_running() for worker in stopped))
        for worker in stopped:
            if worker.is_running():
                worker.send_signal(signal.SIGCONT)
        row = deployment.row_when("slow/cat.png", "READY")
    assert row["attempts"] == 2
    assert len(deployment.thumbnail_keys("slow/cat.png")) == len(row["renditions"])


def test_a_message_that_keeps_failing_becomes_a_dead_letter(deployment: Deployment) -> None:
    proxy = faults.start(deployment.stack.endpoint_url, deployment.stack.directory)
    try:
        always_slow = {
            "service": "s3",
            "operation": "PutObject",
            "resource": deployment.outputs["thumbnails_bucket"],
            "error": {"code": "SlowDown", "status": 503},
        }
        proxy.fail([always_slow])
        with deployment.environment(AWS_ENDPOINT_URL=proxy.endpoint_url), deployment.visibility(1):
            deployment.upload("dead/cat.png", picture())
            (body,) = eventually("the message is a dead letter", lambda: deployment.dead_letters() or None)
        assert notification(record("dead/cat.png")).split('"key": ')[1].split(",")[0] in body
        assert deployment.row("dead/cat.png") is None
        assert deployment.backlog(deployment.outputs["queue_url"]) == 0
    finally:
        proxy.process.stop()


def test_a_trace_tells_of_the_image(deployment: Deployment) -> None:
    deployment.upload("traced/cat.png", picture())
    row = deployment.row_when("traced/cat.png", "READY")

    def parts() -> set[str] | None:
        segments = [each for each in deployment.stack.segments() if each["trace_id"] == row["trace_id"]]
        found = next((each for each in segments if each["name"] == "image"), None)
        if found is None:
            return None
        assert found["metadata"]["default"]["key"] == "traced/cat.png"
        assert found["annotations"] == {"outcome": "READY"}
        return {each["name"] for each in segments if each.get("parent_id") == found["id"]}

    assert eventually("the collector has the trace", parts) == {"wait", "fetch", "render", "store", "commit"}


def test_a_filter_is_taken_as_it_stands_in_a_url(deployment: Deployment) -> None:
    """As S3 does: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html"""
    s3, sqs = deployment.s3, deployment.sqs
    let_in = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
    queue = sqs.create_queue(QueueName="filtered", Attributes={"Policy": policy})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket="filtered")
    rule = {"Name": "prefix", "Value": "tenant%3D%C3%A4/My+Photos/"}
    configuration = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [rule]}}}
    s3.put_bucket_notification_configuration(
        Bucket="filtered", NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    # The one that is not told of comes first, so that a message about it would be there by then.
    for key in ("tenant%3D%C3%A4/My+Photos/b.jpg", "tenant=ä/My Photos/a.jpg"):
        s3.put_object(Bucket="filtered", Key=key, Body=b"")

    def told() -> list[str]:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        records = [each for message in received for each in json.loads(message["Body"]).get("Records", ())]
        return [each["s3"]["object"]["key"] for each in records]

    assert eventually("S3 tells of an object", told) == ["tenant%3D%C3%A4/My+Photos/a.jpg"]
