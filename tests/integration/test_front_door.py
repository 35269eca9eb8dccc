"""What users of the API get: over moto, with the rows that the real pipeline writes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from api.requests import cursor
from support.front_door import ANNA, BERT, LIMITS, Visitors, create_asks
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import RENDITIONS, UPLOADS, Bench, FakeContext
from thumbctl.costs import asking
from thumbnail_pipeline.asking.aws import ServiceError
from thumbnail_pipeline.errors import Transient

if TYPE_CHECKING:
    from api.answers import Answer

JPEG = picture(size=(20, 10), image_format="JPEG")
NOBODYS = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


@pytest.fixture
def bench() -> Bench:
    """The pipeline behind the door."""
    made = Bench(versioned=True, variables={"SOURCE_PREFIX": "in/"})
    create_asks(made.dynamodb)
    return made


@pytest.fixture
def door(bench: Bench) -> Visitors:
    """The API with users before it."""
    assert bench is not None
    visitors = Visitors(LIMITS=json.dumps({**LIMITS, "bytes": 10_000, "bytes_a_day": 40_000}))
    visitors.aws.calls.clear()
    return visitors


def key_of(image_id: str, user: str = ANNA) -> str:
    return f"in/users/{user}/{image_id}"


def processed(bench: Bench, key: str, body: bytes = JPEG, sequencer: str = "1") -> None:
    """Upload an object and let the pipeline decide upon it."""
    stored = bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=body, ContentType="image/jpeg")
    told = record(
        key, sequencer=sequencer, etag=stored["ETag"].strip('"'), version_id=stored["VersionId"], size=len(body)
    )
    assert bench.worker.run([sqs_record(notification(told))], FakeContext()) == []


def problem(answer: Answer) -> str:
    assert answer.document
    return str(answer.document["type"]).rpartition(":")[2]


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_ask_is_granted_a_put_of_what_was_announced(door: Visitors) -> None:
    granted = door.asked(size=len(JPEG), sha256="ab" * 32)
    upload = granted["upload"]
    url = urlsplit(upload["url"])
    assert url.path == f"/{key_of(granted['id'])}"
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    signed = "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    assert (query["X-Amz-SignedHeaders"], query["X-Amz-Expires"]) == (signed, "600")
    assert upload["headers"]["if-none-match"] == "*"
    assert requests.put(upload["url"], data=JPEG, headers=upload["headers"], timeout=5).status_code == 200


def test_an_ask_is_one_call(door: Visitors) -> None:
    door.ask()
    assert door.aws.calls == ["TransactWriteItems"]


def test_an_ask_costs_what_the_page_of_costs_says(door: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    call, sent = door.aws.dynamodb, []

    def counted(operation: str, request: Any) -> Any:
        sent.append((operation, request))
        return call(operation, request)

    monkeypatch.setattr(door.aws, "dynamodb", counted)
    door.ask(sha256="ab" * 32, once="k" * 128)
    ((operation, request),) = sent
    assert (operation, door.aws.calls) == ("TransactWriteItems", ["TransactWriteItems"])
    # A unit writes up to a kilobyte, and an item of a transaction takes two: the longest of them is far from that.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    assert len(json.dumps(request)) < 3 * 1024
    (asked,) = [each for each in asking.asks(1) if each.service == "DynamoDB"]
    assert asked.amount == 2 * len(request["TransactItems"])
    assert {each.service for each in asking.asks(1)} == {"API Gateway", "Lambda", "DynamoDB", "Logs", "CloudWatch"}


def test_asking_twice_is_asking_once(door: Visitors, bench: Bench) -> None:
    first = door.ask()
    door.aws.now += 30
    assert door.ask().as_lambda() == first.as_lambda()
    (day,) = [each for each in bench.dynamodb.scan(TableName="asks")["Items"] if each["what"]["S"].startswith("day#")]
    assert day["bytes_asked"]["N"] == "100"


@pytest.mark.parametrize("changed", [{"size": 101}, {"type": "image/png"}, {"sha256": "ab" * 32}])
def test_a_key_is_for_one_request(door: Visitors, changed: dict[str, Any]) -> None:
    door.asked()
    assert problem(door.ask(**changed)) == "key-reused"


def test_the_keys_of_two_users_are_two(door: Visitors) -> None:
    assert door.asked(ANNA)["id"] != door.asked(BERT)["id"]


def test_a_key_may_be_used_anew_after_a_day(door: Visitors) -> None:
    first = door.asked()
    door.aws.now += 86_401
    assert door.asked(size=200)["id"] != first["id"]


def test_asks_at_the_same_moment_are_one(door: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    call, ids = door.aws.dynamodb, []

    def overtaken(operation: str, request: Any) -> Any:
        monkeypatch.setattr(door.aws, "dynamodb", call)
        ids.append(door.asked()["id"])
        return call(operation, request)

    monkeypatch.setattr(door.aws, "dynamodb", overtaken)
    assert [door.asked()["id"]] == ids


@pytest.mark.parametrize(
    "spelt",
    [
        '{"bytes":100.0,"type":"image/jpeg"}',
        '{"bytes":1e2,"type":"image/jpeg"}',
        '{"type": "image/jpeg", "bytes": 100}',
    ],
)
def test_the_same_request_may_be_spelt_otherwise(door: Visitors, spelt: str) -> None:
    first = door.asked()
    answer = door.send("POST /v1/images", body=spelt, headers={"idempotency-key": "once"})
    assert answer.document
    assert answer.document["id"] == first["id"]


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"bytes": 10_001, "type": "image/jpeg"}, 413),
        ({"bytes": 1, "type": "image/svg+xml"}, 415),
        ({"bytes": 1, "type": "text/html"}, 415),
        ({"bytes": 0, "type": "image/jpeg"}, 422),
        ({"bytes": True, "type": "image/jpeg"}, 422),
        ({"bytes": "1", "type": "image/jpeg"}, 422),
        ({"bytes": 1, "type": None}, 422),
        ({"bytes": 1}, 422),
        ({"bytes": 1, "type": "image/jpeg", "name": "<script>"}, 422),
        ({"bytes": 1, "type": "image/jpeg", "sha256": "AB" * 32}, 422),
        ([], 422),
        ("{", 422),
        ("[" * 100_000, 422),
        ("\ud800", 422),
        (None, 422),
    ],
)
def test_what_cannot_be_granted_is_refused_for_nothing(door: Visitors, body: Any, status: int) -> None:
    answer = door.send("POST /v1/images", body=body, headers={"idempotency-key": "once"})
    assert answer.status == status
    assert "<script>" not in answer.as_lambda()["body"]
    assert door.aws.calls == []


@pytest.mark.parametrize("once", [None, "", "x" * 129, "ü", "a b"])
def test_every_ask_has_a_key(door: Visitors, once: str | None) -> None:
    headers = {} if once is None else {"idempotency-key": once}
    answer = door.send("POST /v1/images", body={"bytes": 1, "type": "image/jpeg"}, headers=headers)
    assert problem(answer) == "invalid-request"


def test_asks_of_a_minute_are_counted(door: Visitors) -> None:
    for number in range(5):
        door.asked(once=str(number))
    refused = door.ask(once="5")
    assert problem(refused) == "too-many-asks"
    assert door.asked(BERT)
    door.aws.now += int(refused.headers["retry-after"])
    door.asked(once="5")


def test_bytes_of_a_day_are_counted(door: Visitors) -> None:
    for number in range(4):
        door.aws.now += 60
        door.asked(once=str(number), size=10_000)
    refused = door.ask(once="4", size=1)
    assert problem(refused) == "too-many-bytes"
    door.aws.now += int(refused.headers["retry-after"])
    door.asked(once="4", size=1)


def test_what_is_counted_stays_small(door: Visitors, bench: Bench) -> None:
    for number in range(40):
        door.aws.now += 60
        door.asked(once=str(number), size=1)
    (day,) = [each for each in bench.dynamodb.scan(TableName="asks")["Items"] if each["what"]["S"].startswith("day#")]
    assert sum(name.startswith("m") for name in day) == 1


def test_asks_that_meet_in_the_count_are_tried_again(door: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]
    call, conflicts = door.aws.dynamodb, 2

    def conflicting(operation: str, request: Any) -> Any:
        nonlocal conflicts
        conflicts -= 1
        if conflicts >= 0:
            raise ServiceError("TransactionCanceledException", {"CancellationReasons": reasons})
        return call(operation, request)

    monkeypatch.setattr(door.aws, "dynamodb", conflicting)
    door.asked()
    conflicts = 99
    with pytest.raises(Transient, match="same moment"):
        door.ask(once="other")


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_on_its_way(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    assert door.show(image_id).status == 202
    door.aws.now += 601
    assert door.show(image_id).status == 404, "its URL is out of date"
    bench.s3.put_object(Bucket=UPLOADS, Key=key_of(image_id), Body=JPEG)
    assert door.show(image_id).status == 202, "it was uploaded, and the pipeline is behind"
    processed(bench, key_of(image_id))
    assert door.show(image_id).status == 200
    sent = bench.remove(key_of(image_id), sequencer="3")
    told = record(sent.image.key, name="ObjectRemoved:DeleteMarkerCreated", sequencer="3", version_id=sent.version_id)
    assert bench.worker.run([sqs_record(notification(told))], FakeContext()) == []
    assert problem(door.show(image_id)) == "gone"


def test_a_ready_image_is_shown_with_its_thumbnails(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    processed(bench, key_of(image_id))
    door.aws.calls.clear()
    answer = door.show(image_id)
    assert door.aws.calls == ["BatchGetItem"]
    assert answer.document
    shown = dict(answer.document)
    assert (shown["status"], shown["format"], shown["width"], shown["height"]) == ("READY", "jpeg", 20, 10)
    assert [each["name"] for each in shown["renditions"]] == [each["name"] for each in RENDITIONS]
    assert [each["type"] for each in shown["renditions"]] == ["image/webp", "image/png"]
    for each in shown["renditions"]:
        assert requests.get(each["url"], timeout=5).content == bench.thumbnails()[f"{each['name']}/{_key(each['url'])}"]
    assert not {"etag", "detail", "version_id", "source_key"} & shown.keys()


def _key(url: str) -> str:
    return urlsplit(url).path.lstrip("/").partition("/")[2]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unsupported-format"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "unidentified"),
    ],
)
def test_a_failed_image_is_shown_with_its_reason_and_nothing_else(
    door: Visitors, bench: Bench, body: bytes, reason: str
) -> None:
    image_id = door.asked()["id"]
    processed(bench, key_of(image_id), body)
    answer = door.show(image_id)
    assert answer.document == {"id": image_id, "status": "FAILED", "reason": reason}


def test_who_has_an_answer_need_not_get_it_again_until_its_urls_change(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    processed(bench, key_of(image_id))
    first = door.show(image_id)
    assert first.document
    ends, at = door.aws.now - door.aws.now % 300 + 600, door.aws.now
    seen = set()
    for after in range(0, 600, 37):
        door.aws.now = at + after
        answer = door.show(image_id, if_none_match=f'"other", {first.headers["etag"]}')
        seen.add(answer.status)
        if answer.status == 304:
            assert door.aws.now <= ends - 300, "half of the time is left to load what is shown"
            assert answer.as_lambda()["body"] == ""
        kept_until = door.aws.now + int(answer.headers["cache-control"].rpartition("=")[2])
        assert kept_until <= (ends if answer.status == 304 else kept_until)
    assert seen == {200, 304}


def test_another_state_has_another_tag(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    processed(bench, key_of(image_id))
    first = door.show(image_id).headers["etag"]
    processed(bench, key_of(image_id), picture(size=(30, 10), image_format="JPEG"), sequencer="2")
    assert door.show(image_id, if_none_match=first).status == 200


def test_a_rendition_is_found_by_its_name(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    route = "GET /v1/images/{id}/renditions/{name}"
    assert door.send(route, path={"id": image_id, "name": "small"}).status == 404
    processed(bench, key_of(image_id))
    answer = door.send(route, path={"id": image_id, "name": "small"})
    assert requests.get(answer.headers["location"], timeout=5).headers["content-type"] == "image/png"
    assert door.send(route, path={"id": image_id, "name": "huge"}).status == 404
    assert door.send(route, BERT, path={"id": image_id, "name": "small"}).status == 404


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────


def test_who_waits_is_answered_when_it_is_decided(
    door: Visitors, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = door.asked()["id"]
    call, looks = door.aws.dynamodb, Counter[str]()

    def later(operation: str, request: Any) -> Any:
        looks[operation] += 1
        if operation == "BatchGetItem" and looks[operation] == 4:
            processed(bench, key_of(image_id))
        return call(operation, request)

    monkeypatch.setattr(door.aws, "dynamodb", later)
    answer = door.show(image_id, prefer="respond-async, wait=10")
    assert (answer.status, answer.headers["preference-applied"]) == (200, "wait=10")
    assert sum(door.slept) == 1.5
    assert looks == {"BatchGetItem": 4, "UpdateItem": 2}


@pytest.mark.parametrize(
    ("prefer", "remaining", "waited"), [("wait=4", 20_000, 4), ("wait=99", 20_000, 15), ("wait=9", 5_000, 2)]
)
def test_waiting_is_bounded(door: Visitors, prefer: str, remaining: int, waited: float) -> None:
    image_id = door.asked()["id"]
    assert door.show(image_id, prefer=prefer, remaining=remaining).status == 202
    assert sum(door.slept) == waited


def test_two_requests_of_a_user_wait_at_a_time(door: Visitors) -> None:
    image_id = door.asked()["id"]
    slots = [door.door.asks.begin_waiting(ANNA, seconds=10, now=door.aws.now) for _ in range(2)]
    assert None not in slots
    answer = door.show(image_id, prefer="wait=5")
    assert (answer.status, door.slept, "preference-applied" in answer.headers) == (202, [], False)
    assert slots[0]
    door.door.asks.end_waiting(ANNA, slots[0])
    door.show(image_id, prefer="wait=5")
    assert sum(door.slept) == 5
    door.aws.now += 11
    door.show(image_id, prefer="wait=5")
    assert sum(door.slept) == 10, "a slot of a process that died is free when its time is over"


def test_a_slot_that_is_somebody_elses_by_now_is_left_alone(door: Visitors) -> None:
    taken = door.door.asks.begin_waiting(ANNA, seconds=1, now=door.aws.now)
    assert taken
    later = door.aws.now + 2
    door.door.asks.begin_waiting(ANNA, seconds=10, now=later)
    door.door.asks.end_waiting(ANNA, taken)
    assert door.door.asks.begin_waiting(ANNA, seconds=10, now=later) == ("slot1", int((later + 10) * 1000))
    assert door.door.asks.begin_waiting(ANNA, seconds=10, now=later) is None


@pytest.mark.parametrize("prefer", ["", "wait", "wait=", "wait=x", "await=5", "wait=-1"])
def test_nobody_waits_who_does_not_say_so(door: Visitors, prefer: str) -> None:
    assert door.show(door.asked()["id"], prefer=prefer).status == 202
    assert door.slept == []


# ── listing ──────────────────────────────────────────────────────────────────────────────────────────


def uploaded(door: Visitors, bench: Bench, number: int, user: str = ANNA) -> list[str]:
    """Ids of images that have been uploaded one after the other, the newest first."""
    ids = []
    for index in range(number):
        door.aws.now += 61
        ids.append(door.asked(user, once=f"{door.aws.now}-{index}", size=1)["id"])
        bench.s3.put_object(Bucket=UPLOADS, Key=key_of(ids[-1], user), Body=JPEG)
    return ids[::-1]


def listed(door: Visitors, user: str = ANNA, **query: str) -> Any:
    answer = door.send("GET /v1/images", user, query=query)
    assert answer.status == 200
    return answer.document


def test_a_listing_is_exact_while_uploads_go_on(door: Visitors, bench: Bench) -> None:
    ids = uploaded(door, bench, 5)
    uploaded(door, bench, 2, BERT)
    found, page = [], listed(door, limit="2")
    while True:
        found += [each["id"] for each in page["images"]]
        if "cursor" not in page:
            break
        uploaded(door, bench, 1)
        page = listed(door, limit="2", cursor=page["cursor"])
    assert found == ids


def test_a_listing_shows_what_became_of_each_in_two_calls(door: Visitors, bench: Bench) -> None:
    ids = uploaded(door, bench, 3)
    processed(bench, key_of(ids[0]))
    processed(bench, key_of(ids[1]), b"no image")
    door.aws.calls.clear()
    assert [each["status"] for each in listed(door)["images"]] == ["READY", "FAILED", "PENDING"]
    assert door.aws.calls == ["S3 GET", "BatchGetItem"]


def test_who_has_no_images_has_an_empty_page(door: Visitors) -> None:
    assert listed(door, BERT) == {"images": []}
    assert door.aws.calls == ["S3 GET"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "٣"},
        {"limit": "x"},
        {"cursor": ""},
        {"cursor": "x"},
        {"cursor": cursor("../../../../../../../../..")},
        {"cursor": cursor(f"{NOBODYS}/")},
    ],
)
def test_what_no_page_can_be_is_refused(door: Visitors, query: dict[str, str]) -> None:
    assert problem(door.send("GET /v1/images", query=query)) == "invalid-request"
    assert door.aws.calls == []


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────────


def delete(door: Visitors, image_id: str, user: str = ANNA) -> Answer:
    return door.send("DELETE /v1/images/{id}", user, path={"id": image_id})


def test_deleting_deletes_the_source_once(door: Visitors, bench: Bench) -> None:
    image_id = door.asked()["id"]
    processed(bench, key_of(image_id))
    door.aws.calls.clear()
    answers = [delete(door, image_id).as_lambda() for _ in range(2)]
    assert door.aws.calls == ["S3 GET", "S3 DELETE", "DeleteItem", "S3 GET", "DeleteItem"]
    assert answers[0] == answers[1]
    assert answers[0]["statusCode"] == 202
    versions = bench.s3.list_object_versions(Bucket=UPLOADS)
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (1, 1)
    assert listed(door) == {"images": []}


def test_an_ask_can_be_taken_back(door: Visitors) -> None:
    image_id = door.asked()["id"]
    assert delete(door, image_id).status == 202
    assert door.show(image_id).status == 404


def test_deleting_what_never_was_leaves_nothing_behind(door: Visitors, bench: Bench) -> None:
    assert delete(door, NOBODYS).status == 202
    assert "DeleteMarkers" not in bench.s3.list_object_versions(Bucket=UPLOADS)


# ── nobody sees what is not theirs ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", ["asked", "uploaded", "ready", "failed"])
@pytest.mark.parametrize(
    "route", ["GET /v1/images/{id}", "GET /v1/images/{id}/renditions/{name}", "DELETE /v1/images/{id}"]
)
def test_anothers_image_is_answered_like_none(door: Visitors, bench: Bench, state: str, route: str) -> None:
    annas = door.asked(size=len(JPEG))["id"]
    if state != "asked":
        bench.s3.put_object(Bucket=UPLOADS, Key=key_of(annas), Body=JPEG)
    if state in {"ready", "failed"}:
        processed(bench, key_of(annas), JPEG if state == "ready" else b"no image")
    told = []
    for image_id in (annas, NOBODYS):
        door.aws.calls.clear()
        path, headers = {"id": image_id, "name": "small"}, {"prefer": "wait=5", "if-none-match": "*"}
        answer = door.send(route, BERT, path=path, headers=headers)
        told.append((answer.as_lambda(), list(door.aws.calls), list(door.slept)))
    assert told[0] == told[1]
    assert door.show(annas).status in {200, 202}, "and nothing happened to it"


@pytest.mark.parametrize(
    "image_id", ["", "x", "../x", f"{NOBODYS}/", NOBODYS.lower(), f"{NOBODYS}\n", "8" + NOBODYS[1:]]
)
def test_what_is_no_id_is_the_id_of_no_image(door: Visitors, image_id: str) -> None:
    assert door.show(image_id).as_lambda() == door.show(NOBODYS).as_lambda()
    assert delete(door, image_id).status == 404
