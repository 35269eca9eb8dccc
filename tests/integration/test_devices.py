"""What devices hear: over moto, with the rows that the real pipeline writes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from support.devices import GATE, THING_TYPE, Cameras, entry, environment, published, rule_event
from support.front_door import ASKS, LIMITS, MotoAws, create_asks
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import TABLE, UPLOADS, Bench, FakeContext, client
from thumbnail_pipeline.asking.aws import ServiceError
from thumbnail_pipeline.asking.config import Access
from thumbnail_pipeline.asking.intake import Known
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.environment import Variables
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

JPEG = picture(size=(20, 10), image_format="JPEG")
SHA256 = hashlib.sha256(JPEG).hexdigest()
URL_SECONDS = 600
FIRST = ["BatchGetItem", "TransactWriteItems", "IoT data POST"]
AGAIN = ["BatchGetItem", "S3 GET", "TransactWriteItems", "IoT data POST"]


@pytest.fixture
def bench() -> Bench:
    """The pipeline behind it."""
    made = Bench(variables={"SOURCE_PREFIX": "in/"})
    create_asks(made.dynamodb)
    return made


@pytest.fixture
def cameras(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Cameras:
    """Devices and the function that answers them."""
    assert bench is not None
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    return Cameras(LIMITS=json.dumps({**LIMITS, "bytes": 10_000, "bytes_a_day": 40_000}))


def key(own_id: str = "a", thing: str = GATE) -> str:
    return f"in/things/{thing}/{own_id}"


def encoded(body: bytes = JPEG) -> dict[str, Any]:
    """The fields of a request that has the picture in it."""
    return {"size": len(body), "body": base64.b64encode(body).decode()}


def put(upload: dict[str, Any], body: bytes = JPEG) -> int:
    return requests.put(upload["url"], data=body, headers=upload["headers"], timeout=5).status_code


def processed(bench: Bench, own_id: str = "a", body: bytes = JPEG) -> None:
    """Let the pipeline decide upon an object."""
    stored = bench.s3.put_object(Bucket=UPLOADS, Key=key(own_id), Body=body, ContentType="image/jpeg")
    told = record(key(own_id), sequencer="1", etag=stored["ETag"].strip('"'), size=len(body))
    assert bench.worker.run([sqs_record(notification(told))], FakeContext()) == []


def bytes_counted(bench: Bench) -> int:
    days = [each for each in bench.dynamodb.scan(TableName=ASKS)["Items"] if each["what"]["S"].startswith("day#")]
    return sum(int(day["bytes_asked"]["N"]) for day in days)


def objects(bench: Bench) -> list[str]:
    return [each["Key"] for each in bench.s3.list_objects_v2(Bucket=UPLOADS).get("Contents", ())]


def problem(message: dict[str, Any]) -> str:
    return str(message["type"]).rpartition(":")[2]


# ── asking for an upload ─────────────────────────────────────────────────────────────────────────────


def test_an_ask_is_granted_a_put_of_what_was_announced_under_the_devices_own_name(cameras: Cameras) -> None:
    accepted = cameras.accepted("2026-11-30T07.15.00", size=len(JPEG), sha256=SHA256)
    upload = accepted["upload"]
    url = urlsplit(upload["url"])
    assert url.path == f"/{key('2026-11-30T07.15.00')}"
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    signed = "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    assert (query["X-Amz-SignedHeaders"], query["X-Amz-Expires"]) == (signed, str(URL_SECONDS))
    assert (accepted["status"], upload["headers"]["if-none-match"]) == ("PENDING", "*")
    assert put(upload) == 200


def test_a_first_ask_is_three_calls(cameras: Cameras) -> None:
    cameras.accepted()
    assert cameras.aws.calls == FIRST


def test_asking_twice_is_asking_once(cameras: Cameras, bench: Bench) -> None:
    first = cameras.accepted(size=100)
    cameras.aws.now += URL_SECONDS - 1
    cameras.aws.calls.clear()
    assert cameras.accepted(size=100) == first
    assert cameras.aws.calls == AGAIN
    assert bytes_counted(bench) == 100


def test_once_the_url_has_run_out_there_is_another_that_counts(cameras: Cameras, bench: Bench) -> None:
    first = cameras.accepted(size=100)
    cameras.aws.now += URL_SECONDS + 1
    again = cameras.accepted(size=100)
    assert again["upload"]["expires_at"] > first["upload"]["expires_at"]
    assert again["upload"]["url"] != first["upload"]["url"]
    assert bytes_counted(bench) == 200


@pytest.mark.parametrize("changed", [{"size": 101}, {"type": "image/png"}, {"sha256": SHA256}])
def test_an_id_is_for_one_request_while_its_url_is_good(cameras: Cameras, changed: dict[str, Any]) -> None:
    cameras.accepted()
    refused = cameras.rejected(**changed)
    assert (refused["id"], problem(refused), refused["status"]) == ("a", "key-reused", 409)
    cameras.aws.now += URL_SECONDS + 1
    assert "upload" in cameras.accepted(**changed)


def test_two_requests_at_the_same_moment_are_granted_the_same(
    cameras: Cameras, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both have looked before either has asked.
    monkeypatch.setattr(cameras.gate.intake, "one", lambda *_: Known(None, asked=False))
    first, second = cameras.accepted(size=100), cameras.accepted(size=100)
    assert first == second
    assert bytes_counted(bench) == 100


def test_the_ids_of_two_devices_are_two(cameras: Cameras) -> None:
    paths = {urlsplit(cameras.accepted(thing=thing)["upload"]["url"]).path for thing in (GATE, "yard:1")}
    assert paths == {f"/{key()}", "/in/things/yard%3A1/a"}


def test_a_device_has_its_share_and_no_more(cameras: Cameras) -> None:
    for number in range(LIMITS["asks_a_minute"]):  # type: ignore[call-overload] # a number
        cameras.accepted(f"a{number}")
    refused = cameras.rejected("b")
    assert (problem(refused), refused["status"]) == ("too-many-asks", 429)
    cameras.accepted("a0")
    cameras.accepted("b", thing="yard")
    cameras.aws.now += refused["retry_after"]
    cameras.accepted("b")


def test_a_day_has_so_many_bytes(cameras: Cameras) -> None:
    for number in range(4):
        cameras.accepted(f"a{number}", size=10_000)
    refused = cameras.rejected("b", size=1)
    assert (problem(refused), refused["retry_after"] > 60) == ("too-many-bytes", True)


def test_an_id_that_the_pipeline_would_pass_over_is_refused(cameras: Cameras, bench: Bench) -> None:
    for own_id in ("x.xmp", "Thumbs.db"):
        refused = cameras.rejected(own_id)
        assert (problem(refused), refused["id"]) == ("invalid-request", own_id)
    assert bytes_counted(bench) == 0
    assert cameras.accepted("xmp")


# ── what became of it ────────────────────────────────────────────────────────────────────────────────


def test_what_has_arrived_is_not_asked_for_again(cameras: Cameras, bench: Bench) -> None:
    upload = cameras.accepted(size=len(JPEG))["upload"]
    assert put(upload) == 200
    assert put(upload) == 412
    cameras.aws.calls.clear()
    assert cameras.accepted(size=len(JPEG)) == {"id": "a", "status": "PENDING"}
    # However long the pipeline takes, and whatever the device has forgotten of its request.
    cameras.aws.now += 86_400
    assert cameras.accepted(size=1) == {"id": "a", "status": "PENDING"}
    assert Counter(cameras.aws.calls) == Counter(["BatchGetItem", "S3 GET", "IoT data POST"] * 2)
    assert bytes_counted(bench) == len(JPEG)


def test_what_only_begins_with_the_same_name_is_not_there(cameras: Cameras, bench: Bench) -> None:
    cameras.accepted("a")
    bench.s3.put_object(Bucket=UPLOADS, Key=key("a.2"), Body=b"x")
    assert "upload" in cameras.accepted("a")


def test_an_image_that_somebody_has_begun_with_is_pending(cameras: Cameras, bench: Bench) -> None:
    claim = {"sequencer": {"S": ""}, "claim": {"S": "1"}, "fence": {"N": "1"}}
    bench.dynamodb.put_item(TableName=TABLE, Item={**key_of(Image(UPLOADS, key())), **claim})
    bench.s3.put_object(Bucket=UPLOADS, Key=key(), Body=JPEG)
    assert cameras.accepted() == {"id": "a", "status": "PENDING"}
    bench.s3.delete_object(Bucket=UPLOADS, Key=key())
    assert "upload" in cameras.accepted()


def test_a_request_that_is_repeated_a_year_later_hears_what_became_of_it(cameras: Cameras, bench: Bench) -> None:
    processed(bench, "good")
    processed(bench, "bad", b"no picture")
    processed(bench, "gone")
    bench.s3.delete_object(Bucket=UPLOADS, Key=key("gone"))
    removed = record(key("gone"), name="ObjectRemoved:Delete", sequencer="2", etag=None, size=None)
    assert bench.worker.run([sqs_record(notification(removed))], FakeContext()) == []
    cameras.aws.now += 365 * 86_400
    cameras.aws.calls.clear()
    assert cameras.accepted("good") == {"id": "good", "status": "READY"}
    assert cameras.aws.calls == ["BatchGetItem", "IoT data POST"]
    assert cameras.accepted("bad") == {"id": "bad", "status": "FAILED", "reason": "unidentified"}
    assert cameras.accepted("gone", **encoded()) == {"id": "gone", "status": "DELETED"}
    assert (bytes_counted(bench), objects(bench)) == (0, [key("bad"), key("good")])


# ── a picture in the message ─────────────────────────────────────────────────────────────────────────


def test_a_picture_in_the_message_has_arrived_when_the_answer_comes(cameras: Cameras, bench: Bench) -> None:
    with mock.patch.object(cameras.aws, "_send", wraps=cameras.aws._send) as sent:
        assert cameras.accepted(**encoded(), sha256=SHA256) == {"id": "a", "status": "PENDING"}
    assert cameras.aws.calls == ["BatchGetItem", "TransactWriteItems", "S3 PUT", "IoT data POST"]
    stored = bench.s3.get_object(Bucket=UPLOADS, Key=key())
    assert (stored["Body"].read(), stored["ContentType"]) == (JPEG, "image/jpeg")
    headers = sent.call_args_list[2].args[1]
    assert base64.b64decode(headers["x-amz-checksum-sha256"]).hex() == SHA256
    assert all(name in headers["authorization"] for name in ("if-none-match", "x-amz-checksum-sha256"))
    cameras.aws.calls.clear()
    assert cameras.accepted(**encoded(), sha256=SHA256) == {"id": "a", "status": "PENDING"}
    assert "S3 PUT" not in cameras.aws.calls
    assert bytes_counted(bench) == len(JPEG)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"size": len(JPEG) + 1}, "body must have as many bytes as the message says."),
        ({"size": len(JPEG) - 1}, "body must have as many bytes as the message says."),
        ({"sha256": "ab" * 32}, "body must have the sha256 that the message says."),
        ({"body": "§§§§"}, "body must be base64."),
        ({"body": "AAA"}, "body must be base64."),
        ({"body": "AA\nAA"}, "body must be base64."),
        ({"body": 5}, "body must be base64."),
        ({"body": ""}, "body must have as many bytes as the message says."),
    ],
)
def test_a_picture_that_is_not_what_the_message_says_is_not_stored(
    cameras: Cameras, bench: Bench, changed: dict[str, Any], why: str
) -> None:
    refused = cameras.rejected(**{**encoded(), **changed})
    assert (refused["id"], problem(refused), refused["detail"]) == ("a", "invalid-request", why)
    assert (bytes_counted(bench), objects(bench)) == (0, [])


def test_a_picture_that_could_not_be_stored_is_counted_once_when_it_comes_again(cameras: Cameras, bench: Bench) -> None:
    cameras.aws.failing = {"S3 PUT": (503, b"<Error/>")}
    refused = cameras.rejected(**encoded())
    assert (problem(refused), refused["retry_after"]) == ("busy", 5)
    cameras.aws.failing = {}
    cameras.accepted(**encoded())
    assert (bytes_counted(bench), objects(bench)) == (len(JPEG), [key()])


def test_a_picture_that_meets_another_has_arrived_or_comes_again(cameras: Cameras) -> None:
    cameras.aws.failing = {"S3 PUT": (412, b"<Error/>")}
    assert cameras.accepted(**encoded()) == {"id": "a", "status": "PENDING"}
    cameras.aws.failing = {"S3 PUT": (409, b"<Error/>")}
    assert problem(cameras.rejected("b", **encoded())) == "busy"
    assert cameras.aws.calls.count("S3 PUT") == 2


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe\xfd",
        b"\x00" * 9,
        b"{",
        b"[]",
        b"3",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 10_000,
        '{"id": "ä"}'.encode("latin-1"),
        b"{}",
        b'{"id": "a", "bytes": 5}',
        b'{"id": "a", "bytes": 5, "type": "image/jpeg", "name": "SECRET"}',
    ],
)
def test_what_is_no_request_is_refused_in_words(cameras: Cameras, payload: bytes) -> None:
    last, message = cameras.send(payload)
    assert (last, problem(message), message["status"]) == ("rejected", "invalid-request", 422)
    assert message["detail"].startswith("The message must be a JSON object with id, bytes, type")
    assert "SECRET" not in json.dumps(message)
    assert cameras.aws.calls == ["IoT data POST"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", ".a"),
        ("id", ".."),
        ("id", "a/b"),
        ("id", "a\n"),
        ("id", "ä"),
        ("id", "a" * 65),
        ("id", 5),
        ("id", None),
        ("bytes", 0),
        ("bytes", -1),
        ("bytes", 1.5),
        ("bytes", True),
        ("bytes", "5"),
        ("bytes", float("nan")),
        ("bytes", float("inf")),
        ("bytes", None),
        ("type", 5),
        ("type", ["image/jpeg"]),
        ("sha256", "AB" * 32),
        ("sha256", "ab"),
        ("sha256", True),
    ],
)
def test_a_field_that_is_not_of_its_form_is_named(cameras: Cameras, field: str, value: Any) -> None:
    asked = {"id": "a", "bytes": 100, "type": "image/jpeg", field: value}
    last, message = cameras.send(json.dumps(asked).encode())
    assert (last, problem(message)) == ("rejected", "invalid-request")
    assert message["detail"].startswith(f"{field} must ")
    assert message.get("id") == (None if field == "id" else "a")


def test_a_whole_number_may_be_written_as_any(cameras: Cameras) -> None:
    first = cameras.accepted(size=3)
    assert cameras.send(b'{"type":"image/jpeg","bytes":3.0,"id":"a","sha256":null,"body":null}')[1] == first


def test_what_is_too_large_or_of_another_type_is_refused(cameras: Cameras) -> None:
    assert problem(cameras.rejected(size=10_001)) == "too-large"
    refused = cameras.rejected(type="image/SECRET")
    assert (problem(refused), "SECRET" in json.dumps(refused)) == ("unsupported-type", False)


@pytest.mark.parametrize("call", ["BatchGetItem", "TransactWriteItems", "S3 GET"])
@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        ((503, b"SECRET"), "busy"),
        ((400, b'{"__type": "x#ThrottlingException", "message": "SECRET"}'), "busy"),
        ((403, b'{"__type": "x#AccessDeniedException", "message": "SECRET"}'), "internal"),
    ],
)
def test_what_goes_wrong_inside_stays_inside(
    cameras: Cameras, capsys: pytest.CaptureFixture[str], call: str, answer: tuple[int, bytes], heard: str
) -> None:
    cameras.accepted()
    capsys.readouterr()
    cameras.aws.failing = {call: answer}
    refused = cameras.rejected()
    assert (problem(refused), refused["retry_after"], "detail" in refused) == (heard, 5, False)
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["outcome"]) == ("ERROR", refused["type"])
    assert (metrics["Refused"], metrics["Faults"]) == (0, 1)
    assert "SECRET" not in json.dumps([line, refused])


@pytest.mark.parametrize(
    ("answer", "raised"), [((500, b""), Transient), ((429, b"{}"), Transient), ((403, b""), ServiceError)]
)
@pytest.mark.parametrize("fields", [{}, encoded(), {"id": 5}])
def test_an_answer_that_cannot_be_told_comes_again(
    cameras: Cameras,
    bench: Bench,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, bytes],
    raised: type[Exception],
    fields: dict[str, Any],
) -> None:
    sizes = {"bytes": fields["size"], "body": fields["body"]} if "body" in fields else fields
    event = rule_event(json.dumps({"id": "a", "bytes": 100, "type": "image/jpeg", **sizes}).encode())
    cameras.aws.failing = {"IoT data POST": answer}
    with pytest.raises(raised):
        cameras.handle(event)
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["outcome"], metrics["Faults"]) == ("ERROR", "untold", 1)
    cameras.aws.failing = {}
    cameras.handle(event)
    ((topic, message),) = published()
    assert topic.endswith("/rejected") == ("id" in fields)
    assert bytes_counted(bench) == (0 if "id" in fields else sizes.get("bytes", 100))
    assert ("upload" in message) == (fields == {})


@pytest.mark.parametrize("thing", ["", "a/b", "a b", "#", "+", "ä", "a" * 129])
def test_what_no_device_can_have_published_is_answered_on_no_topic(cameras: Cameras, thing: str) -> None:
    with pytest.raises(ValueError, match="no device"):
        cameras.handle(rule_event(b"{}", thing))
    assert published() == []


def test_a_request_is_one_line_with_neither_url_nor_body(cameras: Cameras, capsys: pytest.CaptureFixture[str]) -> None:
    sent = {"id": "a", "bytes": 100, "type": "image/jpeg"}
    cameras.aws.now += 1.5
    cameras.handle(rule_event(json.dumps(sent).encode()))
    cameras.handle(rule_event(json.dumps({**sent, "id": "b", "bytes": 3, "body": "U0VD"}).encode()))
    cameras.handle(rule_event(json.dumps({**sent, "id": "c", "type": "typed"}).encode()))
    published()
    written = capsys.readouterr().out
    lines = [json.loads(each) for each in written.splitlines()]
    told = lines[::2]
    assert told[0].keys() == {"level", "message", "request_id", "thing", "id", "outcome", "waited_ms", "milliseconds"}
    assert [(each["thing"], each["id"], each["waited_ms"]) for each in told] == [(GATE, own, 1500) for own in "abc"]
    outcomes = ["granted", "stored", "urn:thumbnail-pipeline:problem:unsupported-type"]
    assert [each["outcome"] for each in told] == outcomes
    for hidden in ("X-Amz", "U0VD", "SEC", "typed"):
        assert hidden not in written
    metrics = lines[1::2]
    assert [(each["Requests"], each["Refused"], each["Faults"]) for each in metrics] == [
        (1, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
    ]
    assert metrics[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Function"]]


# ── the way back ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def status_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoAws]:
    """The services as the function of statuses sees them."""
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    aws = MotoAws(Access.of(Variables(environment())))
    with mock.patch.object(entry("device_status"), "_aws", aws):
        yield aws


def told_of(bench: Bench, own_id: str = "a") -> dict[str, Any]:
    """The event on the bus that the row of an image calls for."""
    named = key_of(Image(UPLOADS, key(own_id)))
    row = decoded(bench.dynamodb.get_item(TableName=TABLE, Key=named)["Item"])
    event = completion_event(row, "thumbs")
    assert event
    return {"source": "thumbnail-pipeline", "detail-type": event.detail_type, "detail": dict(event.detail)}


def test_what_became_of_an_image_is_told_to_its_device(bench: Bench, status_aws: MotoAws) -> None:
    processed(bench, "good")
    processed(bench, "bad", b"no picture")
    events = [told_of(bench, "good"), told_of(bench, "bad"), told_of(bench, "bad")]
    for each in events:
        entry("device_status").handler(each, FakeContext())
    assert status_aws.calls == ["IoT data POST"] * 3
    sequences = [each["detail"]["sequence"] for each in events]
    bad = {"id": "bad", "status": "FAILED", "reason": "unidentified"}
    topic = f"cameras/{GATE}/uploads/status"
    assert published() == [
        (topic, {"id": "good", "status": "READY", "sequence": sequences[0]}),
        (topic, {**bad, "sequence": sequences[1]}),
        (topic, {**bad, "sequence": sequences[1]}),
    ]


@pytest.mark.parametrize(
    "named", ["in/a.jpg", "in/things/gate/x/y", "in/things/gate/", "things/gate/a", "in/users/u/a"]
)
def test_an_image_of_no_device_is_told_to_none(
    bench: Bench, status_aws: MotoAws, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    processed(bench)
    event = told_of(bench)
    event["detail"]["data"]["key"] = named
    capsys.readouterr()
    entry("device_status").handler(event, FakeContext())
    assert (published(), status_aws.calls) == ([], [])
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["outcome"], line["key"]) == ("INFO", "of no device", named)
    assert (metrics["StatusesPublished"], metrics["StatusesFailed"]) == (0, 0)


@pytest.mark.parametrize(("answer", "raised"), [((500, b""), Transient), ((403, b""), ServiceError)])
def test_a_status_that_cannot_be_told_comes_again(
    bench: Bench,
    status_aws: MotoAws,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, bytes],
    raised: type[Exception],
) -> None:
    processed(bench)
    event = told_of(bench)
    capsys.readouterr()
    status_aws.failing = {"IoT data POST": answer}
    with pytest.raises(raised):
        entry("device_status").handler(event, FakeContext())
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["message"], line["outcome"]) == ("ERROR", "status", "untold")
    assert (metrics["StatusesPublished"], metrics["StatusesFailed"]) == (0, 1)
    status_aws.failing = {}
    entry("device_status").handler(event, FakeContext())
    assert len(published()) == 1


def test_what_is_no_event_of_ours_is_raised(status_aws: MotoAws) -> None:
    with pytest.raises(KeyError):
        entry("device_status").handler({"detail": {}}, FakeContext())
    assert status_aws.calls == []


# ── who may be provisioned ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The registry of devices, in which `gate-3` is announced."""
    iot = client("iot")
    for kind in (THING_TYPE, "washing-machine"):
        iot.create_thing_type(thingTypeName=kind)
    iot.create_thing(thingName=GATE, thingTypeName=THING_TYPE)
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    with mock.patch.object(entry("device_admission"), "_aws", MotoAws(Access.of(Variables(environment())))):
        yield iot


def admitted(name: Any, certificate_id: str = "c0ffee", **parameters: Any) -> bool:
    event = {
        "claimCertificateId": "c1a1m",
        "certificateId": certificate_id,
        "certificatePem": "-----BEGIN CERTIFICATE-----",
        "templateArn": "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/thumbs",
        "clientId": "claim.1",
        "parameters": {"SerialNumber": name, **parameters},
    }
    answer = entry("device_admission").handler(event, FakeContext())
    assert answer["parameterOverrides"] == {}
    return bool(answer["allowProvisioning"])


def test_a_device_that_was_announced_may_have_a_certificate_and_no_second(registry: Any) -> None:
    assert admitted(GATE)
    made = registry.create_keys_and_certificate(setAsActive=True)
    registry.attach_thing_principal(thingName=GATE, principal=made["certificateArn"])
    assert not admitted(GATE)
    assert admitted(GATE, made["certificateId"]), "where the answer got lost"
    other = registry.create_keys_and_certificate(setAsActive=True)
    registry.attach_thing_principal(thingName=GATE, principal=other["certificateArn"])
    assert not admitted(GATE, made["certificateId"])


def test_whoever_has_the_claim_makes_no_devices(registry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    registry.create_thing(thingName="washer", thingTypeName="washing-machine")
    registry.create_thing(thingName="nothing")
    capsys.readouterr()
    names = ["gate-4", "washer", "nothing", "", None, 5, "../gate-3", "gate-3/principals", f"{GATE}\n"]
    assert [name for name in names if admitted(name)] == []
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [each["why"] for each in lines[:4]] == [
        "nobody has announced it",
        "not one of our devices",
        "not one of our devices",
        "no name of a thing",
    ]
    assert all(each["allowed"] is False and each["message"] == "admission" for each in lines)


def test_a_registry_that_does_not_answer_admits_nobody(registry: Any) -> None:
    assert registry is not None
    aws = entry("device_admission")._aws
    for answer, raised in (((503, b""), Transient), ((403, b""), ServiceError)):
        aws.failing = {"IoT GET": answer}
        with pytest.raises(raised):
            admitted(GATE)
