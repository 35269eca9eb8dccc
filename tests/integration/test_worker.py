"""A batch's way over moto: what is acknowledged, what comes back, and who is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support import notifications
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import THUMBNAILS, UPLOADS, FakeContext, client
from thumbnailer.errors import Systemic

if TYPE_CHECKING:
    from support.pipeline import Bench


def message(bench: Bench, key: str, body: bytes, *, message_id: str, attempt: int = 1) -> dict[str, Any]:
    """Upload an object and return the SQS record that tells of it."""
    etag = bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["ETag"].strip('"')
    return sqs_record(notification(record(key, etag=etag)), message_id=message_id, attempt=attempt)


def failing(code: str, status: int) -> ClientError:
    """What the SDK raises for an answer with this code."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")  # type: ignore[typeddict-item]


def break_writes_of(bench: Bench, key: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let S3 refuse the thumbnails of one image."""
    put_object = bench.clients.s3.put_object

    def put(**request: Any) -> Any:
        if key in request["Key"]:
            raise error
        return put_object(**request)

    monkeypatch.setattr(bench.clients.s3, "put_object", put)


def test_one_poison_image_does_not_touch_its_nine_neighbours(bench: Bench) -> None:
    records = [message(bench, f"{n}.png", picture(), message_id=f"m{n}") for n in range(9)]
    records.insert(4, message(bench, "poison.png", b"poison", message_id="poison"))
    assert bench.worker.run(records, FakeContext()) == []
    assert {bench.row(f"{n}.png")["status"] for n in range(9)} == {"READY"}
    assert bench.row("poison.png")["status"] == "FAILED"


def test_failures_of_a_batch_are_one_alert(bench: Bench) -> None:
    records = [message(bench, f"{n}.png", b"poison", message_id=f"m{n}") for n in range(3)]
    records.append(sqs_record("not JSON", message_id="garbled"))
    assert bench.worker.run(records, FakeContext()) == []
    (alert,) = bench.alerts()
    assert alert["Subject"] == "4 images failed: malformed-message, unidentified"
    assert "s3://uploads/0.png" in alert["Message"]
    assert "message garbled" in alert["Message"]
    assert alert["MessageAttributes"]["reason"]["Value"] == "mixed"


def test_a_batch_without_failures_alerts_nobody(bench: Bench) -> None:
    bench.worker.run([message(bench, "cat.png", picture(), message_id="m1")], FakeContext())
    assert bench.alerts() == []


@pytest.mark.parametrize("body", ["not JSON", '{"hello": "world"}', "[]"])
def test_a_foreign_message_is_told_and_acknowledged(bench: Bench, body: str) -> None:
    assert bench.worker.run([sqs_record(body)], FakeContext()) == []
    assert len(bench.alerts()) == 1


def test_an_image_of_a_foreign_bucket_is_told_and_touches_nothing(bench: Bench) -> None:
    stranger = notification(record("cat.png", bucket="somebody-elses"))
    assert bench.worker.run([sqs_record(stranger)], FakeContext()) == []
    (alert,) = bench.alerts()
    assert "foreign-bucket" in alert["Subject"]
    assert bench.calls == {"Publish": 1}


def test_a_version_that_cannot_be_is_a_failure_of_that_image_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise failing("InvalidArgument", 400)

    monkeypatch.setattr(bench.clients.s3, "get_object", refuse)
    body = notification(record("cat.png", version_id="not a version"))
    assert bench.worker.run([sqs_record(body)], FakeContext()) == []
    assert bench.row("cat.png")["reason"] == "malformed-message"


def test_a_test_event_is_acknowledged_in_silence(bench: Bench) -> None:
    assert bench.worker.run([sqs_record(notifications.s3_test_event())], FakeContext()) == []
    assert bench.alerts() == []
    assert bench.calls == {}


def test_a_transient_fault_returns_that_message_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [message(bench, f"{name}.png", picture(), message_id=name) for name in ("a", "b", "c")]
    with monkeypatch.context() as broken:
        break_writes_of(bench, "b.png", failing("SlowDown", 503), broken)
        assert bench.worker.run(records, FakeContext()) == ["b"]
    assert bench.row("b.png") == {}
    again = {**records[1], "attributes": {"ApproximateReceiveCount": "2"}}
    assert bench.worker.run([again], FakeContext()) == []
    assert bench.row("b.png")["status"] == "READY"


def test_one_of_several_records_that_fails_brings_the_message_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a.png", "b.png", "c.png"):
        bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=picture())
    body = notification(*(record(key, etag=None) for key in ("a.png", "b.png", "c.png")))
    break_writes_of(bench, "b.png", failing("SlowDown", 503), monkeypatch)
    assert bench.worker.run([sqs_record(body)], FakeContext()) == ["message-1"]
    assert bench.row("c.png")["status"] == "READY"


def test_an_unforeseen_error_returns_that_message_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [message(bench, f"{name}.png", picture(), message_id=name) for name in ("a", "b")]
    break_writes_of(bench, "a.png", RuntimeError("a bug"), monkeypatch)
    assert bench.worker.run(records, FakeContext()) == ["a"]


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("KMS.DisabledException", 400), ("NoSuchBucket", 404)]
)
def test_a_systemic_fault_raises(bench: Bench, monkeypatch: pytest.MonkeyPatch, code: str, status: int) -> None:
    records = [message(bench, "cat.png", picture(), message_id="m1")]
    break_writes_of(bench, "cat.png", failing(code, status), monkeypatch)
    with pytest.raises(Systemic, match=code):
        bench.worker.run(records, FakeContext())


def test_a_missing_thumbnails_bucket_is_systemic(bench: Bench) -> None:
    bench.s3.delete_bucket(Bucket=THUMBNAILS)
    with pytest.raises(Systemic, match="NoSuchBucket"):
        bench.worker.run([message(bench, "cat.png", picture(), message_id="m1")], FakeContext())


def test_what_there_is_no_time_for_is_handed_back_untouched(bench: Bench) -> None:
    records = [message(bench, f"{name}.png", picture(), message_id=name) for name in ("a", "b", "c")]
    # Asked at the start, then before each record, whichever comes first.
    returned = bench.worker.run(records, FakeContext(remaining=[10_000, 9_000, 2_000]))
    (begun,) = {"a", "b", "c"} - set(returned)
    assert bench.row(f"{begun}.png")["status"] == "READY"
    assert [bench.row(f"{name}.png") for name in returned] == [{}, {}]


def test_a_returned_message_comes_back_after_a_short_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="thumbs-work", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    body = message(bench, "a.png", picture(), message_id="a")["body"]
    sqs.send_message(QueueUrl=url, MessageBody=body)
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    record = {**sqs_record(body), "receiptHandle": received["ReceiptHandle"]}
    break_writes_of(bench, "a.png", failing("SlowDown", 503), monkeypatch)
    monkeypatch.setattr("thumbnailer.queue.delay", lambda *_: 0)
    assert bench.worker.run([record], FakeContext()) == ["message-1"]
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_failure_that_nobody_could_be_told_of_comes_back_and_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = message(bench, "poison.png", b"poison", message_id="m1")

    def refuse(**_: Any) -> None:
        raise failing("Throttling", 400)

    with monkeypatch.context() as broken:
        broken.setattr(bench.clients.sns, "publish", refuse)
        assert bench.worker.run([poison], FakeContext()) == ["m1"]
    assert bench.row("poison.png")["status"] == "FAILED"
    again = {**poison, "attributes": {"ApproximateReceiveCount": "2"}}
    assert bench.worker.run([again], FakeContext()) == []
    assert len(bench.alerts()) == 1


def test_an_invocation_logs_a_line_for_each_image_and_counts_them(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        message(bench, "cat.png", picture(), message_id="good"),
        message(bench, "dog.png", b"poison", message_id="bad"),
    ]
    bench.worker.run(records, FakeContext())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    images = {line["key"]: line for line in lines if line.get("message") == "image"}
    assert images["cat.png"]["outcome"] == "READY"
    assert (images["dog.png"]["outcome"], images["dog.png"]["reason"]) == ("FAILED", "unidentified")
    assert images["dog.png"]["request_id"] == "request-1"
    emitted = {
        tuple(line[name] for name in (*directive["Dimensions"][0], directive["Metrics"][0]["Name"]))
        for line in lines
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
    }
    assert emitted == {("local", "READY", 1), ("local", "FAILED", 1), ("local", "unidentified", 1)}
