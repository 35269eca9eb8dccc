"""Histories that once ended badly, and the two that still may leave something over: docs/guarantees.md."""

from __future__ import annotations

import pytest

from model.announcing import announce
from model.promises import require_announced, require_kept
from model.world import BAD, GOOD, OTHER, Fate, World
from support.memory_aws import Lock
from support.pipeline import THUMBNAILS


def test_a_first_row_whose_answer_was_lost_keeps_its_thumbnails() -> None:
    world = World()
    worker = world.deliver(world.upload(GOOD)).run(until="put_item")
    worker.step(Fate.REPEATED)
    assert_ends_well(world)
    assert len(dict(world.thumbnails())) == 2


def test_a_failure_whose_answer_was_lost_is_told() -> None:
    world = World()
    worker = world.deliver(world.upload(BAD)).run(until="put_item")
    worker.step(Fate.REPEATED)
    assert_ends_well(world)
    assert worker.outcome is not None
    assert worker.outcome.report


def test_a_commit_whose_answer_was_lost_is_not_undone_after_the_next_claim() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    second = world.deliver(world.upload(OTHER)).run(until="put_item")
    second.step(Fate.REPEATED)
    world.deploy(3)
    renewal = world.deliver(world.backfill()).run(until="put_object")
    second.run()
    renewal.step(Fate.KILLED_BEFORE)
    world.deploy(0)
    assert_ends_well(world)


def test_a_thumbnail_whose_answer_was_lost_is_removed_when_a_deletion_came_first() -> None:
    world = World(versioned=True)
    creation = world.deliver(world.upload(GOOD)).run(until="put_object")
    creation.step(Fate.REPEATED)
    world.deliver(world.delete()).run()
    assert_ends_well(world)


def test_a_claimed_thumbnail_whose_answer_was_lost_is_removed_too() -> None:
    world = World(versioned=True)
    world.deliver(world.upload(BAD)).run()
    creation = world.deliver(world.upload(GOOD)).run(until="update_item").run(until="put_object")
    creation.step(Fate.REPEATED)
    world.deliver(world.delete()).run()
    assert_ends_well(world)


def test_a_sweep_takes_nothing_from_a_newer_worker() -> None:
    """It used to delete what that worker had written and not yet committed; the commit then held."""
    world = World(versioned=True)
    older = world.upload(GOOD)
    world.deliver(older).step(Fate.KILLED_BEFORE)
    newer = world.deliver(world.upload(BAD))
    newer.run()
    newest = world.deliver(world.upload(OTHER)).run(until="put_item", times=2)
    world.deliver(older).run()
    newest.run()
    assert_ends_well(world)


def test_what_was_written_before_the_last_version_went_is_swept() -> None:
    world = World(versioned=True)
    world.upload(GOOD)
    world.upload(OTHER)
    removal = world.delete_version(world.versions[1])
    world.deliver(removal).run(until="put_item").step(Fate.KILLED_BEFORE)
    world.delete_version(world.versions[0])
    assert_ends_well(world, removal)


def test_what_was_written_before_a_lower_limit_was_deployed_is_swept() -> None:
    world = World()
    creation = world.upload(OTHER)
    world.deliver(creation).run(until="put_item").step(Fate.KILLED_BEFORE)
    world.deploy(4)
    assert_ends_well(world)
    assert (world.row() or {})["status"] == "FAILED"


def test_what_was_written_before_an_image_failed_at_its_second_delivery_is_swept() -> None:
    world = World()
    world.fragile = True
    world.deliver(world.upload(GOOD)).run(until="put_item").step(Fate.KILLED_BEFORE)
    assert_ends_well(world)
    assert (world.row() or {})["reason"] == "crashed"


def test_what_a_backfill_left_is_swept_although_a_deletion_is_at_it() -> None:
    world = World()
    world.found(GOOD)
    backfill = world.backfill()
    world.deliver(backfill).run(until="put_item").step(Fate.KILLED_BEFORE)
    deletion = world.deliver(world.delete()).run(until="put_item")
    world.deliver(backfill).run()
    deletion.run()
    assert_ends_well(world)


def test_a_renewal_that_died_is_finished_although_the_old_settings_are_back() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    world.deploy(3)
    world.deliver(world.backfill()).run(until="put_item").step(Fate.KILLED_BEFORE)
    world.deploy(0)
    assert_ends_well(world)


def test_a_renewal_that_fails_again_does_not_take_the_failure_before_it_for_its_own() -> None:
    world = World(versioned=True)
    older = world.deliver(world.upload(GOOD)).run(until="put_item")
    world.deliver(world.upload(BAD)).run()
    renewal = world.deliver(world.backfill()).run(until="put_item")
    older.run()
    renewal.run()
    assert_ends_well(world)


def test_a_sweep_that_died_settles_what_it_kept_another_from_settling() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    backfill = world.backfill()
    world.deliver(backfill).step(Fate.KILLED_BEFORE)
    deletion = world.deliver(world.delete()).run(until="delete_object")
    world.deliver(backfill).run(until="update_item", times=2).step(Fate.KILLED_BEFORE)
    deletion.run()
    assert_ends_well(world)


def test_a_deletion_that_is_sent_twice_takes_nothing_from_another_worker() -> None:
    """Two workers whose settings name the renditions in another order hold one thumbnail each."""
    world = World()
    creation = world.upload(GOOD)
    one = world.deliver(creation).run(until="put_object", times=2)
    world.deploy(2)
    other = world.deliver(world.duplicate(creation)).run(until="put_object")
    other.step()
    one.step()
    if one.waits_for == "delete_object":  # what it did once, to take back what it had written
        one.step(Fate.REPEATED)
    other.run()
    assert_ends_well(world)


def test_a_forced_backfill_puts_back_a_thumbnail_that_somebody_deleted() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    key, _ = next(iter(world.thumbnails()))
    world.s3.delete_object(Bucket=THUMBNAILS, Key=key)
    world.deliver(world.backfill(etag=(world.row() or {})["etag"])).run()
    assert key not in dict(world.thumbnails()), "what is up to date is left alone"
    world.deliver(world.backfill(etag=(world.row() or {})["etag"], forced=True)).run()
    assert_ends_well(world)
    assert key in dict(world.thumbnails())


def test_a_backfill_of_what_is_up_to_date_reads_no_source() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    worker = world.deliver(world.backfill(etag=(world.row() or {})["etag"])).run(until="get_object")
    assert worker.over


def test_a_backfill_buries_what_was_deleted_without_an_event() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    world.vanish()
    world.deliver(world.backfill()).run()
    assert_ends_well(world)
    assert not dict(world.thumbnails())


@pytest.mark.parametrize("call", ["get_object", "head_object", "update_item", "put_item"])
def test_a_burial_takes_nothing_from_an_upload_that_overtakes_it(call: str) -> None:
    world = World()
    world.deliver(world.upload(BAD)).run()
    world.vanish()
    burial = world.deliver(world.backfill()).run(until=call)
    world.deliver(world.upload(GOOD)).run()
    burial.run()
    assert_ends_well(world)
    assert len(dict(world.thumbnails())) == 2


@pytest.mark.parametrize("retired", [True, False])
def test_exception_a_rendition_retired_between_a_death_and_its_redelivery(*, retired: bool) -> None:
    world = World()
    creation = world.upload(GOOD)
    world.deliver(creation).run(until="put_item").step(Fate.KILLED_BEFORE)
    world.deploy(1 if retired else 2)
    assert_ends_well(world)
    left = dict(world.thumbnails()).keys() - {each["key"] for each in (world.row() or {})["renditions"]}
    assert left == ({"small/cat.png.gif"} if retired else set())


@pytest.mark.parametrize("copies", ["one message twice", "two messages"])
def test_exception_a_death_whose_message_another_worker_acknowledged(copies: str) -> None:
    world = World(versioned=True)
    creation = world.upload(GOOD)
    world.deliver(world.delete()).run()
    doomed = world.deliver(creation).run(until="put_item")
    world.deliver(creation if copies == "one message twice" else world.duplicate(creation), same_count=True).run()
    doomed.step(Fate.KILLED_BEFORE)
    assert_ends_well(world)
    if copies == "two messages":
        assert not dict(world.thumbnails())


@pytest.mark.parametrize("lock", [Lock.ARCHIVED, Lock.FOREIGN_KEY])
@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("versioned", [True, False])
def test_an_unchanged_original_that_cannot_be_read_keeps_its_thumbnails(
    *, versioned: bool, opaque: bool, lock: Lock
) -> None:
    """Copied onto itself into an archive, or under another key: what its ETag is by then, S3 decides."""
    world = World(versioned=versioned, opaque=opaque)
    world.deliver(world.upload(GOOD)).run()
    before = dict(world.thumbnails())
    copied = world.deliver(world.upload(GOOD, lock)).run()
    renewed = world.deliver(world.backfill(forced=True)).run()
    assert [each.outcome and each.outcome.result for each in (copied, renewed)] == ["KEPT", "KEPT"]
    assert dict(world.thumbnails()) == before
    assert_ends_well(world)
    world.lock(None)
    assert world.deliver(world.backfill(forced=True)).run().outcome
    assert_ends_well(world)


def test_an_archived_original_with_other_bytes_has_no_thumbnails() -> None:
    world = World(versioned=True)
    world.deliver(world.upload(GOOD)).run()
    archived = world.deliver(world.upload(OTHER, Lock.ARCHIVED)).run()
    assert archived.outcome
    assert (archived.outcome.result, archived.outcome.reason) == ("FAILED", "archived")
    assert not dict(world.thumbnails())
    assert_ends_well(world)


@pytest.mark.parametrize("lock", [None, *Lock])
def test_an_old_version_that_expires_changes_nothing(lock: Lock | None) -> None:
    """What uploads_transition and noncurrent_days add up to: the current one cannot be read, and an old one goes."""
    world = World(versioned=True)
    world.deliver(world.upload(OTHER)).run()
    world.deliver(world.upload(GOOD)).run()
    before = dict(world.thumbnails())
    world.lock(lock)
    expired = world.deliver(world.delete_version(world.versions[0]))
    calls = []
    while not expired.over:
        calls.append(expired.waits_for)
        expired.step()
    # Where HEAD is refused, the listing tells.
    refused = ["list_objects_v2"] if lock in (Lock.DENIED, Lock.UPLOADERS_KEY) else []
    assert calls[:-1] == ["head_object", *refused, "get_item", "update_item"]
    assert dict(world.thumbnails()) == before
    assert_ends_well(world)


def test_a_renewal_that_can_not_be_finished_leaves_what_there_is() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    world.deploy(3)
    renewal = world.backfill()
    world.deliver(renewal).run(until="put_object", times=2).step(Fate.KILLED_BEFORE)
    world.lock(Lock.ARCHIVED)
    assert len(dict(world.thumbnails())) == 2
    assert_ends_well(world, renewal)
    assert len(dict(world.thumbnails())) == 2


def test_what_cannot_be_read_is_kept_only_as_it_was_seen() -> None:
    """A renewal commits other bytes under the fence that the row was read with."""
    world = World()
    world.deliver(world.upload(GOOD)).run()
    world.upload(OTHER)
    renewal = world.deliver(world.backfill()).run(until="update_item")
    archived = world.upload(GOOD, Lock.ARCHIVED)
    renewal.run(until="put_object")
    keeping = world.deliver(archived).run(until="update_item")
    renewal.run()
    keeping.run()
    assert keeping.outcome
    assert keeping.outcome.result == "FAILED"
    assert_ends_well(world, archived)


@pytest.mark.parametrize("found", ["by a backfill", "by an upload"])
@pytest.mark.parametrize("body", [GOOD, BAD])
def test_an_image_that_was_forgotten_and_comes_back_is_newer_than_before(found: str, body: bytes) -> None:
    """Its fence and its sequencer begin anew; to a consumer, its sequence goes on."""
    world = World()
    for each in (GOOD, OTHER, GOOD):
        world.deliver(world.upload(each)).run()
    world.deliver(world.delete()).run()
    world.forget()
    if found == "by an upload":
        world.upload(body)
    else:
        world.found(body)
        world.backfill()
    assert_ends_well(world)
    before, after = world.bus.arrived[-2:]
    assert before["data"]["status"] == "DELETED"
    assert after["sequence"] > before["sequence"]
    assert after["data"]["backfill"] == (found == "by a backfill")


def test_a_scanners_tries_are_no_news() -> None:
    world = World()
    world.deliver(world.upload(BAD)).run()
    for _ in range(3):
        world.deliver(world.backfill(forced=True)).run()
    assert_ends_well(world)
    assert len(world.bus.arrived) == 1


def test_what_s3_tells_of_is_announced_although_a_backfill_was_first() -> None:
    world = World()
    upload = world.upload(BAD)
    world.deliver(world.backfill()).run()
    world.deliver(upload).run()
    assert_ends_well(world)
    assert [each["data"]["backfill"] for each in world.bus.arrived] == [True, False]


def test_a_deletion_that_a_backfill_finds_is_announced_as_any_other() -> None:
    world = World()
    world.deliver(world.upload(GOOD)).run()
    world.vanish()
    world.deliver(world.backfill()).run()
    assert_ends_well(world)
    assert [(each["type"], each["data"]["backfill"]) for each in world.bus.arrived][1:] == [
        ("thumbnail-pipeline.image.deleted", False)
    ]


def test_an_original_that_is_kept_under_another_etag_is_announced_again() -> None:
    world = World(versioned=True, opaque=True)
    world.deliver(world.upload(GOOD)).run()
    world.deliver(world.upload(GOOD, Lock.ARCHIVED)).run()
    assert_ends_well(world)
    one, other = (each["data"] for each in world.bus.arrived)
    assert one["renditions"] == other["renditions"]
    assert (one["version"], one["etag"]) != (other["version"], other["etag"])


def assert_ends_well(world: World, *first: object) -> None:
    """Drain the queue, the messages `first` before the others, and hold the promises."""
    world.messages.sort(key=lambda message: message not in first)
    world.drain()
    require_kept(world)
    announce(world, lambda _: 0)
    require_announced(world)
