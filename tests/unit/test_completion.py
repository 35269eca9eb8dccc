"""What is announced of an image, when, and in which form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from support.announcements import SCHEMA_FILE, require_valid
from thumbnail_pipeline.completion import CompletionEvent, announced, completion_event, event_of_record, is_news
from thumbnail_pipeline.rows import decoded

RENDITION = {"name": "small", "key": "small/a.jpg.webp", "width": 8, "height": 6, "bytes": 99, "etag": "t1"}
READY: dict[str, Any] = {
    "source_bucket": "uploads",
    "source_key": "a.jpg",
    "status": "READY",
    "sequencer": "1" * 64,
    "claim": "1" * 64,
    "fence": 0,
    "version_id": "v1",
    "etag": "e1",
    "size_bytes": 1234,
    "format": "jpeg",
    "width": 640,
    "height": 480,
    "renditions": [RENDITION],
    "placeholder": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "dominant_colour": "#aabbcc",
    "captured_at": "2025-12-24T18:00:00",
    "warnings": ["the file ends early"],
    "created_at": "2026-01-02T03:04:01.000Z",
    "processed_at": "2026-01-02T03:04:05.678Z",
    "attempts": 1,
    "revision": 1767323045678,
}
FAILED = {
    **{name: value for name, value in READY.items() if name not in ("renditions", "format", "width", "height")},
    "status": "FAILED",
    "reason": "corrupt",
    "detail": "libjpeg: premature end",
}
DELETED = {**FAILED, "status": "DELETED", "version_id": "marker", "revision": 1767323045999}
STATES = {"READY": READY, "FAILED": FAILED, "DELETED": DELETED}


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as DynamoDB has it."""
    return {name: TypeSerializer().serialize(value) for name, value in row.items()}


def event(row: dict[str, Any]) -> CompletionEvent:
    """The event that says what a row shows."""
    made = completion_event(decoded(stored(row)), "thumbs")
    assert made
    return made


def record(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    """What the catalog's stream says of a change."""
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventName": "REMOVE" if after is None else "MODIFY" if before else "INSERT",
        "dynamodb": {name: stored(image) for name, image in images.items() if image},
    }


def test_a_ready_image_is_announced_with_its_thumbnails_and_without_what_is_private() -> None:
    assert event(READY).detail == {
        "specversion": "1.0",
        "id": "22bc8deb9b09734290b7763b22b33b1f",
        "source": "/thumbnail-pipeline/thumbs",
        "type": "thumbnail-pipeline.image.ready",
        "subject": "a.jpg",
        "time": "2026-01-02T03:04:05.678Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:thumbnail-pipeline:image-event:1",
        "sequence": "0000001767323045678",
        "deployment": "thumbs",
        "data": {
            "schema_version": 1,
            "bucket": "uploads",
            "key": "a.jpg",
            "status": "READY",
            "version": "v1",
            "etag": "e1",
            "reason": None,
            "size": 1234,
            "format": "jpeg",
            "width": 640,
            "height": 480,
            "created_at": "2026-01-02T03:04:01.000Z",
            "renditions": [RENDITION],
            "backfill": False,
        },
    }


@pytest.mark.parametrize(("status", "detail_type"), [(each, f"Image {each.title()}") for each in STATES])
def test_every_event_is_what_its_schema_says(status: str, detail_type: str) -> None:
    made = event(STATES[status])
    assert made.detail_type == detail_type
    assert json.loads(made.text) == made.detail
    require_valid(json.loads(made.text))


def test_what_is_private_or_no_news_stands_in_no_event() -> None:
    texts = [event(row).text for row in STATES.values()]
    private = ("placeholder", "dominant_colour", "captured_at", "warnings", "detail", "attempts", "premature")
    assert not [word for word in private for text in texts if word in text]


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (READY, {"version_id": "v2"}),
        (READY, {"etag": "e2"}),
        (READY, {"width": 641}),
        (READY, {"format": "png"}),
        (READY, {"size_bytes": 1}),
        (READY, {"created_at": "2026-01-02T03:05:00.000Z"}),
        (READY, {"renditions": [{**RENDITION, "etag": "t2"}]}),
        (READY, {"renditions": []}),
        (FAILED, {"reason": "truncated"}),
        (FAILED, {"version_id": "v2"}),
        (FAILED, {"etag": None}),
        (READY, {"status": "FAILED"}),
        (FAILED, {"status": "DELETED"}),
        (DELETED, {"status": "READY"}),
    ],
    ids=str,
)
def test_a_change_is_news(row: dict[str, Any], change: dict[str, Any]) -> None:
    assert is_news(row, {**row, **change})


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (READY, {"attempts": 2, "processed_at": "2027-01-02T03:04:05.678Z", "fence": 9, "claim": "2" * 64}),
        (READY, {"placeholder": "other", "settings_fingerprint": "other", "obsolete": []}),
        (FAILED, {"attempts": 5, "detail": "other words", "size_bytes": 99, "created_at": "2027-01-02T03:05:00.000Z"}),
        (DELETED, {"version_id": "another marker", "expires_at": 1}),
        (DELETED, {"etag": "e2"}),
    ],
    ids=str,
)
def test_what_people_cannot_see_is_no_news(row: dict[str, Any], change: dict[str, Any]) -> None:
    after = {**row, **change}
    assert not is_news(row, after)
    assert event(after).text == event(row).text, "one revision has one event"


def test_what_a_backfill_found_is_news_once_s3_tells_it_too() -> None:
    found = {**READY, "backfilled": True}
    assert is_news(found, READY)
    assert not is_news(READY, found)
    assert event(found).detail["data"]["backfill"] is True


def test_a_claim_on_an_unknown_image_says_nothing() -> None:
    claimed = {name: READY[name] for name in ("source_bucket", "source_key", "sequencer", "claim", "fence")}
    assert announced(claimed) is None
    assert completion_event(decoded(stored(claimed)), "thumbs") is None
    assert event_of_record(record(None, claimed), "thumbs") is None
    made = event_of_record(record(claimed, READY), "thumbs")
    assert made == event(READY)


def test_a_record_calls_for_an_event_where_the_revision_has_grown() -> None:
    assert event_of_record(record(None, READY), "thumbs") == event(READY)
    assert event_of_record(record(READY, DELETED), "thumbs") == event(DELETED)
    assert event_of_record(record(READY, {**READY, "fence": 1, "claim": "2" * 64}), "thumbs") is None
    assert event_of_record(record(DELETED, None), "thumbs") is None


def test_a_row_of_a_release_without_revisions_has_the_moment_of_its_writing() -> None:
    """So has one that such a release has written after a rollback."""
    old = {name: value for name, value in READY.items() if name != "revision"}
    assert decoded(stored(old)).revision == 1767323045678
    assert event(old).text == event(READY).text
    later = {**old, "processed_at": "2026-01-02T03:04:05.679Z"}
    assert event(later).detail["sequence"] > event(old).detail["sequence"]
    assert event_of_record(record(READY, old), "thumbs") is None
    assert event_of_record(record(READY, later), "thumbs") == event(later)
    assert event_of_record(record(old, {**old, "claim": "2" * 64}), "thumbs") is None


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"eventName": "MODIFY"},
        {"eventName": "MODIFY", "dynamodb": {}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"source_key": {"S": "a"}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {**stored(READY), "status": {"S": "MELTED"}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {**stored(READY), "revision": {"N": "9" * 30}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {**stored(READY), "renditions": {"S": "x"}}}},
        {"eventName": "INSERT", "dynamodb": None},
    ],
    ids=range(8),
)
def test_a_record_that_cannot_be_read_says_so(damaged: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no record of the catalog"):
        event_of_record(damaged, "thumbs")


def test_sequences_order_as_text() -> None:
    revisions = [1, 9, 10, 999_999_999_999, 1_000_000_000_000, 1_767_323_045_678]
    texts = [event({**READY, "revision": each}).detail["sequence"] for each in revisions]
    assert texts == sorted(texts)


def test_an_id_names_image_and_state() -> None:
    others = [
        {**READY, "source_bucket": "others"},
        {**READY, "source_key": "b.jpg"},
        {**READY, "version_id": "v2"},
        {**READY, "etag": "e2"},
        {**READY, "revision": READY["revision"] + 1},
        {**READY, "source_bucket": "uploadsa", "source_key": ".jpg"},
    ]
    assert len({event(row).detail["id"] for row in [READY, *others]}) == 7


# Version 1 of the schema as consumers know it: what is required, and of which type. Nothing here may change or go.
VERSION_1 = {
    "specversion": "1.0",
    "id": "string",
    "source": "string",
    "type": ["thumbnail-pipeline.image.ready", "thumbnail-pipeline.image.failed", "thumbnail-pipeline.image.deleted"],
    "subject": "string",
    "time": "string",
    "datacontenttype": "application/json",
    "dataschema": "urn:thumbnail-pipeline:image-event:1",
    "sequence": "string",
    "deployment": "string",
    "data": "object",
    "data.schema_version": 1,
    "data.bucket": "string",
    "data.key": "string",
    "data.status": ["READY", "FAILED", "DELETED"],
    "data.version": ["string", "null"],
    "data.etag": ["string", "null"],
    "data.reason": ["string", "null"],
    "data.size": ["integer", "null"],
    "data.format": ["string", "null"],
    "data.width": ["integer", "null"],
    "data.height": ["integer", "null"],
    "data.created_at": ["string", "null"],
    "data.renditions": "array",
    "data.renditions.name": "string",
    "data.renditions.key": "string",
    "data.renditions.width": "integer",
    "data.renditions.height": "integer",
    "data.renditions.bytes": "integer",
    "data.renditions.etag": "string",
    "data.backfill": "boolean",
}


def required_types(schema: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every field that is required, by its path, and what it may be."""
    found: dict[str, Any] = {}
    for name in schema["required"]:
        field = schema["properties"][name]
        found[prefix + name] = next(field[each] for each in ("const", "enum", "type") if each in field)
        inner = field.get("items", field)
        if "properties" in inner:
            found |= required_types(inner, f"{prefix}{name}.")
    return found


def test_the_schema_breaks_no_consumer_of_version_1() -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    types = required_types(schema)
    assert {name: types.get(name) for name in VERSION_1} == VERSION_1
    assert "additionalProperties" not in SCHEMA_FILE.read_text(encoding="utf-8"), "an old consumer ignores what is new"


@pytest.mark.parametrize("path", VERSION_1)
def test_an_event_without_a_field_of_version_1_is_invalid(path: str) -> None:
    detail = json.loads(event(READY).text)
    *way, name = path.split(".")
    inner = detail
    for each in way:
        inner = inner[each]
        inner = inner[0] if isinstance(inner, list) else inner
    del inner[name]
    from jsonschema import ValidationError  # noqa: PLC0415 - see support.announcements

    with pytest.raises(ValidationError):
        require_valid(detail)
