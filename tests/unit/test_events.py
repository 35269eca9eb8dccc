"""Every shape in which an object event reaches the queue, and everything that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import notifications
from support.notifications import notification, record, through_event_bridge, through_sns
from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import Change, ObjectEvent, parse

# What S3 accepts as a key: up to 1,024 bytes of UTF-8.
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: len(key.encode()) <= 1024)


def only(body: str) -> ObjectEvent:
    (event,) = parse(body)
    assert isinstance(event, ObjectEvent)
    return event


def test_a_notification_is_read_whole() -> None:
    assert only(notification(record("red flower.jpg", version_id="v1"))) == ObjectEvent(
        change=Change.CREATED,
        image=Image("uploads", "red flower.jpg"),
        sequencer=ordering.normalise("0055AED6DCD90281E5"),
        version_id="v1",
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size=1024,
        occurred_at="2026-01-02T03:04:05.678Z",
    )


def test_an_event_of_event_bridge_is_read_whole() -> None:
    assert only(through_event_bridge("red flower.jpg", version_id="v1")) == ObjectEvent(
        change=Change.CREATED,
        image=Image("uploads", "red flower.jpg"),
        sequencer=ordering.normalise("0055aed6dcd90281e5"),
        version_id="v1",
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size=1024,
        occurred_at="2026-01-02T03:04:05Z",
    )


def test_what_a_message_leaves_out_is_empty() -> None:
    bare = record("cat.jpg", etag='"quoted"', size=None)
    del bare["eventTime"]
    event = only(notification(bare))
    assert (event.etag, event.size, event.version_id, event.occurred_at) == ("quoted", None, None, "")
    bridged = json.loads(through_event_bridge("cat.jpg"))
    del bridged["time"]
    assert only(json.dumps(bridged)).occurred_at == ""


@given(KEYS)
def test_every_key_survives_every_way(key: str) -> None:
    direct = only(notification(record(key)))
    assert direct.image.key == key
    assert only(through_sns(notification(record(key)))) == direct
    bridged = only(through_event_bridge(key))
    assert (bridged.image, bridged.sequencer) == (direct.image, direct.sequencer)


@pytest.mark.parametrize(
    ("name", "version_id", "change"),
    [
        ("ObjectCreated:Put", None, Change.CREATED),
        ("ObjectCreated:CompleteMultipartUpload", "v1", Change.CREATED),
        ("s3:ObjectCreated:Copy", None, Change.CREATED),
        ("ObjectRemoved:Delete", None, Change.REMOVED),
        ("ObjectRemoved:Delete", "v1", Change.VERSION_REMOVED),
        ("ObjectRemoved:DeleteMarkerCreated", "m1", Change.REMOVED),
        ("LifecycleExpiration:Delete", None, Change.VERSION_REMOVED),
        ("LifecycleExpiration:Delete", "v1", Change.VERSION_REMOVED),
        ("LifecycleExpiration:DeleteMarkerCreated", "m1", Change.REMOVED),
    ],
)
def test_the_name_tells_the_change(name: str, version_id: str | None, change: Change) -> None:
    assert only(notification(record("cat.jpg", name=name, version_id=version_id))).change is change


@pytest.mark.parametrize(
    ("deletion_type", "version_id", "change"),
    [
        ("Permanently Deleted", None, Change.REMOVED),
        ("Permanently Deleted", "v1", Change.VERSION_REMOVED),
        ("Delete Marker Created", "m1", Change.REMOVED),
    ],
)
def test_event_bridge_tells_the_change(deletion_type: str, version_id: str | None, change: Change) -> None:
    body = through_event_bridge(
        "cat.jpg", detail_type="Object Deleted", deletion_type=deletion_type, version_id=version_id
    )
    assert only(body).change is change


def test_a_test_event_holds_nothing() -> None:
    assert parse(notifications.s3_test_event()) == ()
    assert parse(through_sns(notifications.s3_test_event())) == ()


def test_a_backfill_message_ranks_lowest() -> None:
    event = only(notification(record("cat.jpg", sequencer=None, etag=None, size=None)))
    assert event.is_backfill
    assert event.sequencer == ordering.LOWEST


def test_only_a_backfill_can_be_forced() -> None:
    forced = {"forced": True}
    assert only(notification(record("cat.jpg", sequencer=None) | forced)).forced
    assert not only(notification(record("cat.jpg", sequencer=None) | {"forced": "yes"})).forced
    assert not only(notification(record("cat.jpg") | forced)).forced


def test_one_bad_record_does_not_hide_the_others() -> None:
    garbled = {**record("bad.jpg"), "s3": {}}
    first, second, third = parse(notification(record("a.jpg"), garbled, record("b.jpg")))
    assert isinstance(first, ObjectEvent)
    assert isinstance(second, Permanent)
    assert second.reason == "malformed-message"
    assert isinstance(third, ObjectEvent)
    assert third.image.key == "b.jpg"


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "malformed-message"),
        ('{"Type": "Notification"}', "unknown-message"),
        ('{"TopicArn": "arn:aws:sns:eu-central-1:123456789012:uploads"}', "unknown-message"),
        ("not JSON", "malformed-message"),
        ("[]", "malformed-message"),
        ("[" * 100_000, "malformed-message"),
        ("{}", "unknown-message"),
        ('{"Records": []}', "unknown-message"),
        ('{"Records": {"a": 1}}', "unknown-message"),
        (through_sns("not JSON"), "malformed-message"),
    ],
)
def test_what_is_no_notification_is_refused_whole(body: str, reason: str) -> None:
    with pytest.raises(Permanent) as refused:
        parse(body)
    assert refused.value.reason == reason
    assert refused.value.detail.startswith("the message is ")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (record("cat.jpg", name="ObjectRestore:Completed"), "unknown-event"),
        (record("cat.jpg", name="ObjectRemoved:Delete", sequencer=None), "malformed-message"),
        (record("cat.jpg", sequencer="not hex"), "malformed-message"),
        (record(""), "malformed-message"),
        (record("cat.jpg", bucket=""), "malformed-message"),
        ({**record("cat.jpg"), "s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}, "malformed-message"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_in_its_place(changed: dict[str, Any], reason: str) -> None:
    (error,) = parse(notification(changed))
    assert isinstance(error, Permanent)
    assert error.reason == reason
    assert error.detail


@pytest.mark.parametrize("name", ["ObjectRestore:Completed", "ReducedRedundancyLostObject"])
def test_an_event_that_is_no_change_is_named(name: str) -> None:
    (error,) = parse(notification(record("cat.jpg", name=name)))
    assert isinstance(error, Permanent)
    assert name in error.detail


def test_a_removal_without_a_sequencer_says_why_it_is_refused() -> None:
    (error,) = parse(notification(record("cat.jpg", name="ObjectRemoved:Delete", sequencer=None)))
    assert isinstance(error, Permanent)
    assert "sequencer" in error.detail


def test_a_key_may_have_as_many_bytes_as_s3_allows() -> None:
    assert only(notification(record("ü" * 512))).image.key == "ü" * 512
    (error,) = parse(notification(record("ü" * 512 + "u")))
    assert isinstance(error, Permanent)


def test_an_event_of_event_bridge_that_is_no_change_is_refused() -> None:
    (error,) = parse(through_event_bridge("cat.jpg", detail_type="Object Restore Completed"))
    assert isinstance(error, Permanent)
    assert error.reason == "unknown-event"
    assert "'Object Restore Completed'" in error.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
S3_FIELDS = ["Records", "s3", "object", "bucket", "key", "name", "eventName", "sequencer", "size", "Type", "source"]
S3_LIKE = st.recursive(
    JSON | st.sampled_from(["aws.s3", "ObjectCreated:Put", "Notification", "s3:TestEvent"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(S3_FIELDS), inner),
    max_leaves=30,
)


@given(st.text() | JSON.map(json.dumps) | S3_LIKE.map(json.dumps))
def test_nothing_but_permanent_ever_comes_out(body: str) -> None:
    try:
        events = parse(body)
    except Permanent:
        return
    assert all(isinstance(event, ObjectEvent | Permanent) for event in events)


@given(st.data())
def test_a_mutilated_notification_is_read_or_refused(data: st.DataObject) -> None:
    whole = record("cat.jpg", version_id="v1")
    described = whole["s3"]["object"]
    for field in data.draw(st.sets(st.sampled_from(sorted(described)))):
        described[field] = data.draw(JSON)
    (event,) = parse(notification(whole))
    assert isinstance(event, ObjectEvent | Permanent)
