"""One event's way over moto: the ordering rule, what each case costs, and that nothing is left over."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.notifications import record
from support.pictures import colour_of, picture
from support.pipeline import RENDITIONS, THUMBNAILS, UPLOADS
from support.pipeline import event as event_of
from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import ObjectEvent, backfill_body, parse

if TYPE_CHECKING:
    from support.pipeline import Bench

TEAL, RED = (0, 128, 128), (255, 0, 0)
KEY = "holiday/cat 1+2.png"
LARGE, SMALL = f"large/{KEY}.webp", f"small/{KEY}.png"


def near(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> bool:
    return all(abs(one - other) <= 8 for one, other in zip(colour, expected, strict=True))


def assert_ready(bench: Bench, colour: tuple[int, int, int], sequencer: str) -> None:
    """The row is READY for this event, and it and the bucket agree to the byte."""
    row = bench.row(KEY)
    assert row["status"] == "READY"
    assert row["sequencer"] == ordering.normalise(sequencer)
    stored = bench.thumbnails()
    assert {rendition["key"] for rendition in row["renditions"]} == set(stored) == {LARGE, SMALL}
    for rendition in row["renditions"]:
        data = stored[rendition["key"]]
        assert near(colour_of(data), colour)
        assert rendition["bytes"] == len(data)
        etag = bench.s3.head_object(Bucket=THUMBNAILS, Key=rendition["key"])["ETag"].strip('"')
        assert rendition["etag"] == etag
    assert "obsolete" not in row


def test_a_first_image_costs_one_get_one_put_a_rendition_and_one_write(bench: Bench) -> None:
    event = bench.upload(KEY, picture("teal"), sequencer="A1")
    outcome = bench.pipeline.apply(event, attempt=1)
    assert outcome.result == "READY"
    assert bench.calls == {"GetObject": 1, "PutObject": len(RENDITIONS), "PutItem": 1}
    assert_ready(bench, TEAL, "A1")


def test_the_row_tells_about_the_image(bench: Bench) -> None:
    body = picture("teal", size=(64, 48))
    bench.pipeline.apply(bench.upload(KEY, body, sequencer="A1"), attempt=1)
    row = bench.row(KEY)
    assert (row["source_bucket"], row["source_key"]) == (UPLOADS, KEY)
    assert (row["format"], row["width"], row["height"], row["size_bytes"]) == ("png", 64, 48, len(body))
    assert row["content_type"] == "image/png"
    assert row["created_at"].endswith("Z")
    assert row["attempts"] == 1
    assert {(each["name"], each["width"], each["height"]) for each in row["renditions"]} == {
        ("large", 32, 24),
        ("small", 8, 6),
    }
    assert "failure_shard" not in row


def test_a_duplicate_changes_nothing(bench: Bench) -> None:
    event = bench.upload(KEY, picture("teal"), sequencer="A1")
    bench.pipeline.apply(event, attempt=1)
    before = bench.row(KEY)
    assert bench.pipeline.apply(event, attempt=1).result == "DUPLICATE"
    assert bench.row(KEY) == before
    assert_ready(bench, TEAL, "A1")


def test_a_duplicate_costs_one_read_of_the_catalog(bench: Bench) -> None:
    event = bench.upload(KEY, picture("teal"), sequencer="A1")
    bench.pipeline.apply(event, attempt=1)
    bench.calls.clear()
    assert bench.pipeline.apply(event, attempt=1).result == "DUPLICATE"
    assert bench.calls == {"GetObject": 1, "PutObject": len(RENDITIONS), "GetItem": 1}


def test_a_redelivered_duplicate_costs_one_read(bench: Bench) -> None:
    event = bench.upload(KEY, picture("teal"), sequencer="A1")
    bench.pipeline.apply(event, attempt=1)
    bench.calls.clear()
    assert bench.pipeline.apply(event, attempt=2).result == "DUPLICATE"
    assert not bench.calls.keys() & {"GetObject", "PutObject", "PutItem", "UpdateItem"}
    assert bench.calls["GetItem"] == 1


def test_an_overwrite_replaces_every_thumbnail(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A2"), attempt=1)
    assert_ready(bench, RED, "A2")


@pytest.mark.parametrize("attempt", [1, 2])
def test_events_in_the_wrong_order_end_with_the_newest(versioned_bench: Bench, attempt: int) -> None:
    older = versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    newer = versioned_bench.upload(KEY, picture("red"), sequencer="A2")
    assert versioned_bench.pipeline.apply(newer, attempt=1).result == "READY"
    assert versioned_bench.pipeline.apply(older, attempt=attempt).result == "STALE"
    assert_ready(versioned_bench, RED, "A2")


def test_a_source_that_was_overwritten_is_left_to_the_newer_event(bench: Bench) -> None:
    older = bench.upload(KEY, picture("teal"), sequencer="A1")
    bench.upload(KEY, picture("red"), sequencer="A2")
    assert bench.pipeline.apply(older, attempt=1).result == "STALE"
    assert bench.thumbnails() == {}


def test_identical_bytes_restored_get_other_etags(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    first = {each["key"]: each["etag"] for each in bench.row(KEY)["renditions"]}
    bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A2"), attempt=1)
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A3"), attempt=1)
    assert_ready(bench, TEAL, "A3")
    assert all(first[each["key"]] != each["etag"] for each in bench.row(KEY)["renditions"])


def test_a_deletion_removes_the_thumbnails_and_leaves_a_tombstone(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    bench.pipeline.apply(bench.remove(KEY, sequencer="A2"), attempt=1)
    row = bench.row(KEY)
    assert row["status"] == "DELETED"
    assert row["expires_at"] > 0
    assert "renditions" not in row
    assert "obsolete" not in row
    assert bench.thumbnails() == {}


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("for_good", [False, True])
def test_thumbnails_outlive_deletions_that_are_not_propagated(
    versioned_bench: Bench, attempt: int, *, for_good: bool
) -> None:
    versioned_bench.configure(variables={"PROPAGATE_DELETIONS": "false"})
    only = versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    versioned_bench.pipeline.apply(only, attempt=1)
    deletion = versioned_bench.remove(KEY, sequencer="A2", version_id=only.version_id if for_good else None)
    assert versioned_bench.pipeline.apply(deletion, attempt=attempt).result == "IGNORED"
    assert_ready(versioned_bench, TEAL, "A1")
    # Another image under the same key takes their place.
    versioned_bench.pipeline.apply(versioned_bench.upload(KEY, picture("red"), sequencer="A3"), attempt=1)
    assert_ready(versioned_bench, RED, "A3")


@pytest.mark.parametrize("propagated", ["true", "false"])
def test_a_backfill_of_what_is_gone_removes_thumbnails_only_where_deletions_are_propagated(
    bench: Bench, propagated: str
) -> None:
    bench.configure(variables={"PROPAGATE_DELETIONS": propagated})
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    wish = replace(bench.upload(KEY, picture("teal"), sequencer=None), forced=True)
    bench.remove(KEY, sequencer="A2")
    bench.pipeline.apply(wish, attempt=1)
    assert bench.row(KEY)["status"] == ("DELETED" if propagated == "true" else "READY")
    assert bool(bench.thumbnails()) == (propagated == "false")


@pytest.mark.parametrize("cache_control", ["", "public, max-age=60"])
def test_thumbnails_are_stored_with_what_caches_are_told(bench: Bench, cache_control: str) -> None:
    bench.configure(variables={"CACHE_CONTROL": cache_control})
    for colour, sequencer in (("teal", "A1"), ("red", "A2")):  # the first ones, and those that replace them
        bench.pipeline.apply(bench.upload(KEY, picture(colour), sequencer=sequencer), attempt=1)
        told = [bench.s3.head_object(Bucket=THUMBNAILS, Key=key).get("CacheControl", "") for key in (LARGE, SMALL)]
        assert told == [cache_control, cache_control]


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_late_creation_cannot_undo_a_deletion(versioned_bench: Bench, attempt: int) -> None:
    creation = versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    deletion = versioned_bench.remove(KEY, sequencer="A2")
    versioned_bench.pipeline.apply(deletion, attempt=1)
    # The pinned version can still be read behind the delete marker.
    assert versioned_bench.pipeline.apply(creation, attempt=attempt).result == "STALE"
    assert versioned_bench.row(KEY)["status"] == "DELETED"
    assert versioned_bench.thumbnails() == {}


def test_an_image_can_come_back_after_its_deletion(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    bench.pipeline.apply(bench.remove(KEY, sequencer="A2"), attempt=1)
    bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A3"), attempt=1)
    assert_ready(bench, RED, "A3")


def test_deleting_an_old_version_leaves_the_thumbnails(versioned_bench: Bench) -> None:
    old = versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    new = versioned_bench.upload(KEY, picture("red"), sequencer="A2")
    versioned_bench.pipeline.apply(new, attempt=1)
    gone = versioned_bench.remove(KEY, sequencer="A3", version_id=old.version_id)
    versioned_bench.pipeline.apply(gone, attempt=1)
    assert_ready(versioned_bench, RED, "A3")


def test_deleting_the_current_version_brings_back_the_one_before(versioned_bench: Bench) -> None:
    versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    new = versioned_bench.upload(KEY, picture("red"), sequencer="A2")
    versioned_bench.pipeline.apply(new, attempt=1)
    gone = versioned_bench.remove(KEY, sequencer="A3", version_id=new.version_id)
    versioned_bench.pipeline.apply(gone, attempt=1)
    assert_ready(versioned_bench, TEAL, "A3")


def test_deleting_the_only_version_removes_the_thumbnails(versioned_bench: Bench) -> None:
    only = versioned_bench.upload(KEY, picture("teal"), sequencer="A1")
    versioned_bench.pipeline.apply(only, attempt=1)
    gone = versioned_bench.remove(KEY, sequencer="A2", version_id=only.version_id)
    versioned_bench.pipeline.apply(gone, attempt=1)
    assert versioned_bench.row(KEY)["status"] == "DELETED"
    assert versioned_bench.thumbnails() == {}


def test_a_bad_image_is_recorded_with_its_reason(bench: Bench) -> None:
    outcome = bench.pipeline.apply(bench.upload(KEY, b"no image at all", sequencer="A1"), attempt=1)
    assert (outcome.result, outcome.reason) == ("FAILED", "unidentified")
    row = bench.row(KEY)
    assert (row["status"], row["reason"]) == ("FAILED", "unidentified")
    assert row["failed_at"] == row["processed_at"]
    assert 0 <= int(row["failure_shard"]) < 16


def test_a_bad_image_takes_the_thumbnails_of_the_good_one_along(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    bench.pipeline.apply(bench.upload(KEY, b"no image at all", sequencer="A2"), attempt=1)
    assert bench.row(KEY)["status"] == "FAILED"
    assert bench.thumbnails() == {}


def test_a_good_image_mends_a_failure(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, b"no image at all", sequencer="A1"), attempt=1)
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A2"), attempt=1)
    assert_ready(bench, TEAL, "A2")
    assert "failure_shard" not in bench.row(KEY)


def test_a_source_over_the_limit_is_never_read(bench: Bench) -> None:
    bench.configure(limits={"bytes": 10})
    outcome = bench.pipeline.apply(bench.upload(KEY, picture(), sequencer="A1"), attempt=1)
    assert (outcome.result, outcome.reason) == ("FAILED", "too-large")


@pytest.mark.parametrize(("limit", "expected"), [(100_000, ("READY", None)), (100, ("FAILED", "too-large"))])
def test_a_source_is_bounded_even_where_its_size_is_not_announced(
    bench: Bench, limit: int, expected: tuple[str, str | None]
) -> None:
    """A proxy on the way may send a body in chunks."""
    bench.configure(limits={"bytes": limit})
    event = bench.upload(KEY, picture("teal"), sequencer="A1")

    def forget_the_size(parsed: dict[str, Any], **_: Any) -> None:
        del parsed["ContentLength"]

    events = bench.clients.s3.meta.events
    events.register("after-call.s3.GetObject", forget_the_size, unique_id="chunked")
    outcome = bench.pipeline.apply(event, attempt=1)
    events.unregister("after-call.s3.GetObject", unique_id="chunked")
    assert (outcome.result, outcome.reason) == expected


def test_a_key_with_no_room_for_its_thumbnail_is_recorded(bench: Bench) -> None:
    event = bench.upload("k" * 1020, picture(), sequencer="A1")
    outcome = bench.pipeline.apply(event, attempt=1)
    assert (outcome.result, outcome.reason) == ("FAILED", "key-too-long")
    assert bench.pipeline.apply(event, attempt=2).result == "DUPLICATE"


def test_a_rendition_that_is_no_longer_made_is_deleted_with_the_next_change(bench: Bench) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    bench.configure([{"name": "tiny", "width": 4, "height": 4}])
    bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A2"), attempt=1)
    assert set(bench.thumbnails()) == {f"tiny/{KEY}.webp"}


def test_a_key_outside_the_prefix_is_ignored(bench: Bench) -> None:
    bench.configure(variables={"SOURCE_PREFIX": "incoming/"})
    assert bench.pipeline.apply(bench.upload(KEY, picture(), sequencer="A1"), attempt=1).result == "IGNORED"
    assert bench.calls == {}


class TestBackfill:
    """Objects that nobody changed: looked at because somebody asked."""

    def test_an_unknown_image_is_rendered_and_yields_to_any_event(self, bench: Bench) -> None:
        bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer=None), attempt=1)
        assert bench.row(KEY)["sequencer"] == ordering.LOWEST
        bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A1"), attempt=1)
        assert_ready(bench, RED, "A1")

    def test_an_image_that_is_up_to_date_is_left_alone(self, bench: Bench) -> None:
        bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
        wish = bench.upload(KEY, picture("teal"), sequencer=None)
        before = bench.row(KEY)
        assert bench.pipeline.apply(wish, attempt=1).result == "DUPLICATE"
        assert bench.row(KEY) == before

    def test_changed_settings_make_an_image_out_of_date(self, bench: Bench) -> None:
        bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
        bench.configure([{**RENDITIONS[0], "quality": 50}, RENDITIONS[1]])
        wish = bench.upload(KEY, picture("teal"), sequencer=None)
        assert bench.pipeline.apply(wish, attempt=1).result == "READY"
        # It keeps the rank of the event it was made from, so that a late older event stays late.
        assert_ready(bench, TEAL, "A1")

    def test_a_deleted_image_stays_deleted(self, bench: Bench) -> None:
        wish = bench.upload(KEY, picture("teal"), sequencer=None)
        bench.pipeline.apply(bench.remove(KEY, sequencer="A1"), attempt=1)
        assert bench.pipeline.apply(wish, attempt=1).result == "STALE"
        assert bench.row(KEY)["status"] == "DELETED"


class TestCrash:
    """A worker that dies at any call to AWS; then its message comes back."""

    @pytest.mark.parametrize("survived", range(12))
    @pytest.mark.parametrize("before", ["nothing", "an image", "a failure", "a tombstone"])
    def test_redelivery_repairs_every_crash_point(self, bench: Bench, before: str, survived: int) -> None:
        if before == "an image":
            bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A1"), attempt=1)
        elif before == "a failure":
            bench.pipeline.apply(bench.upload(KEY, b"no image", sequencer="A1"), attempt=1)
        elif before == "a tombstone":
            bench.upload(KEY, picture("red"), sequencer="A0")
            bench.pipeline.apply(bench.remove(KEY, sequencer="A1"), attempt=1)
        event = bench.upload(KEY, picture("teal"), sequencer="A2")
        with bench.dying_after(survived):
            bench.pipeline.apply(event, attempt=1)
        bench.pipeline.apply(event, attempt=2)
        assert_ready(bench, TEAL, "A2")

    @pytest.mark.parametrize("survived", range(8))
    def test_a_crash_in_a_deletion_is_repaired(self, bench: Bench, survived: int) -> None:
        bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
        deletion = bench.remove(KEY, sequencer="A2")
        with bench.dying_after(survived):
            bench.pipeline.apply(deletion, attempt=1)
        bench.pipeline.apply(deletion, attempt=2)
        assert bench.row(KEY)["status"] == "DELETED"
        assert bench.thumbnails() == {}

    @pytest.mark.parametrize("survived", range(6))
    @pytest.mark.parametrize("first_back", ["creation", "deletion"])
    def test_what_a_crash_left_of_a_deleted_image_is_swept(self, bench: Bench, survived: int, first_back: str) -> None:
        creation = bench.upload(KEY, picture("teal"), sequencer="A1")
        with bench.dying_after(survived):
            bench.pipeline.apply(creation, attempt=1)
        deletion = bench.remove(KEY, sequencer="A2")
        back = [(creation, 2), (deletion, 1)]
        for event, attempt in back if first_back == "creation" else reversed(back):
            bench.pipeline.apply(event, attempt=attempt)
        assert bench.row(KEY)["status"] == "DELETED"
        assert bench.thumbnails() == {}


def test_a_missing_table_is_systemic(bench: Bench) -> None:
    event = bench.upload(KEY, picture(), sequencer="A1")
    bench.dynamodb.delete_table(TableName="catalog")
    with pytest.raises(Systemic, match="ResourceNotFoundException"):
        bench.pipeline.apply(event, attempt=1)


def test_a_backfill_leaves_the_thumbnails_of_an_archived_original_alone(bench: Bench) -> None:
    event = bench.upload(KEY, picture("teal"), sequencer="A1")
    bench.pipeline.apply(event, attempt=1)
    before = bench.row(KEY)
    bench.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=picture("teal"), StorageClass="GLACIER")
    backfill = replace(event, sequencer=ordering.LOWEST, version_id=None, forced=True)
    for attempt in (1, 2):
        outcome = bench.pipeline.apply(backfill, attempt=attempt)
        assert (outcome.result, outcome.reason, outcome.report) == ("KEPT", "archived", False)
    assert bench.row(KEY) == before
    assert_ready(bench, TEAL, "A1")
    # A new image that is put into an archive has no thumbnails that could be kept.
    archived = bench.upload(KEY, picture("red"), sequencer="A2")
    bench.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=picture("red"), StorageClass="GLACIER")
    assert bench.pipeline.apply(replace(archived, version_id=None), attempt=1).result == "FAILED"
    assert bench.row(KEY)["status"] == "FAILED"
    assert not bench.thumbnails()


def test_an_old_version_that_expires_costs_a_look_and_no_rendering(versioned_bench: Bench) -> None:
    bench = versioned_bench
    first = bench.upload(KEY, picture("red"), sequencer="A1")
    bench.pipeline.apply(first, attempt=1)
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A2"), attempt=1)
    before = bench.thumbnails()
    expiry = bench.remove(KEY, sequencer="A3", version_id=first.version_id)
    bench.calls.clear()
    assert bench.pipeline.apply(expiry, attempt=1).result == "DUPLICATE"
    assert bench.calls == {"HeadObject": 1, "GetItem": 1, "UpdateItem": 1}
    assert bench.thumbnails() == before
    # Whoever still renders what was there before it comes too late.
    late = bench.upload(KEY, picture("red"), sequencer="A25")
    assert bench.pipeline.apply(late, attempt=1).result == "STALE"
    assert_ready(bench, TEAL, "A3")


@pytest.mark.parametrize("with_version", [True, False])
@pytest.mark.parametrize("through", ["S3", "EventBridge"])
def test_an_expiry_buries_nothing_that_is_there(bench: Bench, through: str, *, with_version: bool) -> None:
    bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
    expiry = expired(KEY, "A2", through, version_id="v1" if with_version else None)
    assert bench.pipeline.apply(expiry, attempt=1).result == "DUPLICATE"
    assert_ready(bench, TEAL, "A2")
    bench.s3.delete_object(Bucket=UPLOADS, Key=KEY)
    expiry = expired(KEY, "A3", through, version_id="v1" if with_version else None)
    assert bench.pipeline.apply(expiry, attempt=1).result == "DELETED"
    assert bench.thumbnails() == {}


def expired(key: str, sequencer: str, through: str, *, version_id: str | None) -> ObjectEvent:
    """The event that S3 sends where a lifecycle rule has deleted something; AWS's own sample names no version."""
    if through == "S3":
        name = "LifecycleExpiration:Delete"
        return event_of(record(key, name=name, sequencer=sequencer, version_id=version_id, etag=None, size=None))
    s3_object = {"key": key, "sequencer": sequencer, **({"version-id": version_id} if version_id else {})}
    detail = {
        "bucket": {"name": UPLOADS},
        "object": s3_object,
        "reason": "Lifecycle Expiration",
        "deletion-type": "Permanently Deleted",
    }
    (event,) = parse(json.dumps({"source": "aws.s3", "detail-type": "Object Deleted", "detail": detail}))
    assert isinstance(event, ObjectEvent)
    return event


class TestKeys:
    """Objects whose names say that they are no images."""

    @pytest.mark.parametrize(("key", "body"), [("album/", b""), ("album/.DS_Store", b"x")])
    def test_they_cost_no_read(self, bench: Bench, key: str, body: bytes) -> None:
        bench.configure(exclude=[".DS_Store"])
        created = bench.upload(key, body, sequencer="A1")
        bench.calls.clear()
        assert bench.pipeline.apply(created, attempt=1).result == "IGNORED"
        assert bench.pipeline.apply(replace(created, sequencer=ordering.LOWEST), attempt=1).result == "IGNORED"
        assert not bench.calls
        removed = bench.remove(key, sequencer="A2")
        bench.calls.clear()
        assert bench.pipeline.apply(removed, attempt=1).result == "IGNORED"
        assert bench.calls == {"GetItem": 1}
        assert bench.row(key) == {}

    @pytest.mark.parametrize("attempt", [1, 2])
    def test_a_deletion_takes_the_thumbnails_of_what_is_excluded_by_now(self, bench: Bench, attempt: int) -> None:
        bench.pipeline.apply(bench.upload(KEY, picture("teal"), sequencer="A1"), attempt=1)
        bench.configure(exclude=["*.png"])
        assert bench.pipeline.apply(bench.upload(KEY, picture("red"), sequencer="A2"), attempt=1).result == "IGNORED"
        assert_ready(bench, TEAL, "A1")
        assert bench.pipeline.apply(expired(KEY, "A3", "S3", version_id="v1"), attempt=attempt).result == "IGNORED"
        assert_ready(bench, TEAL, "A1")
        assert bench.pipeline.apply(bench.remove(KEY, sequencer="A4"), attempt=attempt).result == "DELETED"
        assert bench.thumbnails() == {}


def test_an_object_that_is_larger_than_was_said_is_given_room(bench: Bench) -> None:
    """As where an inventory is older than what is there."""
    bench.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=picture("teal"))
    event = parse(backfill_body(Image(UPLOADS, KEY), size=10))[0]
    assert isinstance(event, ObjectEvent)
    workshop, held = type(bench.pipeline._workshop), list[int]()
    hold = workshop.hold

    def holding(self: Any, room: int) -> Any:
        held.append(room)
        return hold(self, room)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop, "hold", holding)
        assert bench.pipeline.apply(event, attempt=1).result == "READY"
    assert held == [10, bench.pipeline._config.settings.limits.bytes]


class TestPacked:
    """Objects that were stored with `Content-Encoding: gzip`."""

    def put(self, bench: Bench, data: bytes, encoding: str = "gzip") -> ObjectEvent:
        answer = bench.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=data, ContentEncoding=encoding)
        etag = answer["ETag"].strip('"')
        return event_of(record(KEY, bucket=UPLOADS, sequencer="A1", etag=etag, size=len(data)))

    @pytest.mark.parametrize("encoding", ["gzip", "aws-chunked,gzip"])
    @pytest.mark.parametrize("members", [1, 2])
    def test_they_are_unpacked(self, bench: Bench, encoding: str, members: int) -> None:
        body = picture("teal")
        parts = [body] if members == 1 else [body[:50], body[50:]]
        event = self.put(bench, b"".join(map(gzip.compress, parts)), encoding)
        assert bench.pipeline.apply(event, attempt=1).result == "READY"
        assert_ready(bench, TEAL, "A1")

    def test_what_is_not_packed_at_all_is_rendered(self, bench: Bench) -> None:
        assert bench.pipeline.apply(self.put(bench, picture("teal")), attempt=1).result == "READY"

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (gzip.compress(bytes(100_000), mtime=0), "too-large"),
            (gzip.compress(b"abc" * 99, mtime=0)[:20], "truncated"),
            (b"\x1f\x8b\x08\x00" + b"x" * 30, "corrupt"),
            (gzip.compress(b"no image", mtime=0), "unidentified"),
        ],
    )
    def test_why_one_fails(self, bench: Bench, data: bytes, reason: str) -> None:
        bench.configure(limits={"bytes": 50_000})
        outcome = bench.pipeline.apply(self.put(bench, data), attempt=1)
        assert (outcome.result, outcome.reason) == ("FAILED", reason)
        if reason != "unidentified":
            assert "packed" in (outcome.detail or "") or "gzip" in (outcome.detail or "")
