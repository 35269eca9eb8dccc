"""A batch's way over moto: what is acknowledged, what comes back, and who is told."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support import notifications
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import RENDITIONS, THUMBNAILS, UPLOADS, FakeContext, client
from thumbnail_pipeline.errors import Systemic, Transient
from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.pipeline import Bench
    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings
    from thumbnailer.alerts import Failure


def message(bench: Bench, key: str, body: bytes, *, message_id: str, attempt: int = 1) -> dict[str, Any]:
    """Upload an object and return the SQS record that tells of it."""
    etag = bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["ETag"].strip('"')
    told = notification(record(key, etag=etag, size=len(body)))
    return sqs_record(told, message_id=message_id, attempt=attempt)


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


def test_failures_of_a_batch_are_one_alert_a_reason(bench: Bench) -> None:
    records = [message(bench, f"{n}.png", b"poison", message_id=f"m{n}") for n in range(3)]
    records.append(sqs_record("not JSON", message_id="garbled"))
    assert bench.worker.run(records, FakeContext()) == []
    alerts = {alert["MessageAttributes"]["reason"]["Value"]: alert for alert in bench.alerts()}
    assert alerts.keys() == {"malformed-message", "unidentified"}
    assert alerts["unidentified"]["Subject"] == "3 images failed: unidentified"
    assert alerts["unidentified"]["MessageAttributes"]["count"] == {"Type": "Number", "Value": "3"}
    assert "s3://uploads/0.png" in alerts["unidentified"]["Message"]
    assert "https://example.com/runbook#failed-images" in alerts["unidentified"]["Message"]
    assert "message garbled" in alerts["malformed-message"]["Message"]


def test_only_messages_of_the_reason_that_could_not_be_told_come_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = bench.worker.alerts.tell

    def deaf(reason: str, failures: Sequence[Failure]) -> None:
        if reason == "unidentified":
            raise Transient("nobody is there")
        tell(reason, failures)

    monkeypatch.setattr(type(bench.worker.alerts), "tell", lambda _, reason, failures: deaf(reason, failures))
    monkeypatch.setattr(type(bench.worker.queue), "postpone", lambda *_: None)
    records = [message(bench, "a.png", b"poison", message_id="poison"), sqs_record("not JSON", message_id="garbled")]
    assert bench.worker.run(records, FakeContext()) == ["poison"]


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
    assert bench.calls == {"UpdateItem": 3, "Publish": 1}  # of the digests, not of the catalog


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
    bench.configure(variables={"IMAGES_AT_ONCE": "1"})
    records = [message(bench, f"{name}.png", picture(), message_id=name) for name in ("a", "b", "c")]
    # Asked at the start of the batch, then for each image at its start, before it is read and before it is rendered.
    returned = bench.worker.run(records, FakeContext(remaining=[10_000, 9_000, 9_000, 9_000, 2_000]))
    assert returned == ["b", "c"]
    assert bench.row("a.png")["status"] == "READY"
    assert [bench.row(f"{name}.png") for name in returned] == [{}, {}]


@pytest.mark.parametrize("asked", [2, 3])
def test_an_image_that_waited_until_the_end_is_handed_back(bench: Bench, asked: int) -> None:
    remaining = [10_000, *[9_000] * (asked - 1), 2_000]
    record = message(bench, "a.png", picture(), message_id="a")
    assert bench.worker.run([record], FakeContext(remaining=remaining)) == ["a"]
    assert bench.row("a.png") == {}
    assert bench.thumbnails() == {}


def test_a_returned_message_comes_back_after_a_short_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="thumbs-work", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    body = message(bench, "a.png", picture(), message_id="a")["body"]
    sqs.send_message(QueueUrl=url, MessageBody=body)
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    record = {**sqs_record(body), "receiptHandle": received["ReceiptHandle"]}
    break_writes_of(bench, "a.png", failing("SlowDown", 503), monkeypatch)
    monkeypatch.setattr("thumbnailer.worker.delay", lambda *_: 0)
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
    assert images["cat.png"].keys() >= {"milliseconds", "age_ms", "source_bytes", "thumbnail_bytes"}
    parts = {name: images["cat.png"][f"{name}_ms"] for name in ("wait", "fetch", "render", "store", "commit")}
    assert sum(parts.values()) <= images["cat.png"]["milliseconds"] + len(parts) / 2  # each is rounded
    (document,) = [line for line in lines if "_aws" in line and "Reason" not in line]
    assert (document["Ready"], document["Failed"], document["ColdStarts"], document["Function"]) == (1, 1, 1, "local")
    assert document["Age"] == [images["cat.png"]["age_ms"]]
    assert document["SourceBytes"] == len(picture())
    assert document["ThumbnailBytes"] == sum(map(len, bench.thumbnails().values()))
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Function"]]
    assert {metric["Name"] for metric in directive["Metrics"]} <= document.keys()
    (failures,) = [line for line in lines if "Reason" in line]
    assert (failures["Reason"], failures["Failed"]) == ("unidentified", 1)


def test_only_the_first_invocation_is_a_cold_start(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        bench.worker.run([message(bench, f"{number}.png", picture(), message_id=f"m{number}")], FakeContext())
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [document.get("ColdStarts") for document in documents] == [1, None]


def test_thumbnails_of_an_image_are_stored_at_the_same_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_is_there = threading.Barrier(len(RENDITIONS))
    put_object = bench.clients.s3.put_object

    def put(**request: Any) -> Any:
        everybody_is_there.wait(10)
        return put_object(**request)

    monkeypatch.setattr(bench.clients.s3, "put_object", put)
    assert bench.worker.run([message(bench, "cat.png", picture(), message_id="m1")], FakeContext()) == []
    assert bench.row("cat.png")["status"] == "READY"


def test_an_image_is_given_up_only_when_nothing_of_it_is_on_its_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that lands after its image was given up would be nobody's."""
    put_object, refused, landed = bench.clients.s3.put_object, threading.Event(), threading.Event()
    logged: list[bool] = []

    def put(**request: Any) -> Any:
        if request["Key"].startswith("large/"):
            refused.set()
            raise failing("SlowDown", 503)
        assert refused.wait(10)
        time.sleep(0.1)
        response = put_object(**request)
        landed.set()
        return response

    monkeypatch.setattr(bench.clients.s3, "put_object", put)
    monkeypatch.setattr(bench.worker.queue, "postpone", lambda *_: logged.append(landed.is_set()))
    assert bench.worker.run([message(bench, "cat.png", picture(), message_id="m1")], FakeContext()) == ["m1"]
    assert logged == [True]


@pytest.mark.parametrize("renders", [1, 2])
def test_images_are_in_flight_together_and_rendered_by_as_many_as_there_are_processors(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], renders: int
) -> None:
    bench.configure(variables={"IMAGES_AT_ONCE": "6", "RENDERS_AT_ONCE": str(renders)})
    lock, now, most = threading.Lock(), [0], [0]

    def slow_render(source: bytes, settings: Settings) -> Rendered:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return render(source, settings)

    monkeypatch.setattr("thumbnailer.admission.render", slow_render)
    records = [message(bench, f"{n}.png", picture(), message_id=f"m{n}") for n in range(6)]
    assert bench.worker.run(records, FakeContext()) == []
    assert most == [renders]
    (document,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert document["InFlight"] == 6


def test_sources_that_wait_for_a_processor_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large sources only as many are read as there is room for, however many images are in flight."""
    body = picture() + bytes(30 * 2**20)
    room = bench.worker.config.capacity.source_bytes // len(body)
    records = [message(bench, f"{n}.png", body, message_id=f"m{n}") for n in range(room + 3)]
    held, most, lock = [0], [0], threading.Lock()
    fetch = bench.worker.storage.fetch

    def counted(*arguments: Any, **named: Any) -> Any:
        with lock:
            held[0] += 1
            most[0] = max(most[0], held[0])
        return fetch(*arguments, **named)

    def rendered(source: bytes, settings: Settings) -> Rendered:
        time.sleep(0.05)
        try:
            return render(source[: -30 * 2**20], settings)
        finally:
            with lock:
                held[0] -= 1

    monkeypatch.setattr(
        type(bench.worker.storage), "fetch", lambda _, *arguments, **named: counted(*arguments, **named)
    )
    monkeypatch.setattr("thumbnailer.admission.render", rendered)
    assert bench.worker.run(records, FakeContext()) == []
    assert most == [room]


@pytest.mark.parametrize("occurred_at", ["2999-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"])
def test_no_age_is_below_zero(bench: Bench, capsys: pytest.CaptureFixture[str], occurred_at: str) -> None:
    told = message(bench, "cat.png", picture(), message_id="m1")
    bench.worker.run([{**told, "body": told["body"].replace("2026-01-02T03:04:05.678Z", occurred_at)}], FakeContext())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (ages,) = [line["Age"] for line in lines if "Age" in line]
    assert (ages == [0]) == occurred_at.startswith("2999")
    assert all(age >= 0 for age in ages)
