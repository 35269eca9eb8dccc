"""Promises 1, 2 and 9, to be held when queue and stream are at their end.

Nothing is lost, it has converged, and what was announced is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.world import BAD, CONFIGURATIONS, IMAGE, configuration, thumbnail_bytes
from support.announcements import newest
from support.pipeline import TABLE, UPLOADS
from thumbnail_pipeline import ordering
from thumbnail_pipeline.images import thumbnail_key
from thumbnail_pipeline.rows import plain
from thumbnail_pipeline.settings import made_by
from thumbnailer.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.world import Delivery, World
    from thumbnailer.config import ThumbnailerConfig


# A row of such a failure knows what its event knew.
_UNREAD = frozenset({"access-denied", "archived", "too-large", "unreadable-encryption"})


def require_kept(world: World) -> None:
    """Raise AssertionError, naming what is wrong, unless row and thumbnails are those of the newest state."""
    row = world.row()
    source = world.s3.buckets[UPLOADS].current(IMAGE.key)
    listed = {each["key"]: each for each in row.get("renditions", [])} if row else {}
    if row is None:
        assert source is None or not world.messages, "the object has no row"
    else:
        assert row["sequencer"] == world.newest, "the row is not that of the newest event"
        assert row["claim"] == row["sequencer"], "the row is claimed for an event that was not applied"
        if "obsolete" in row:
            assert any(map(_abandoned, world.deliveries)), "the row still has obsolete thumbnails"
        if source is None:
            assert row["status"] == "DELETED", "the object is gone"
            assert not listed, "a deleted image has thumbnails"
        else:
            _require_made_from(world, row, source.data or b"", source.etag, listed)
            expected = source.version_id if world.versioned else None
            # A backfill names no version, what is too large is never read, and of what is denied S3 tells none.
            assert row.get("version_id", expected if _unread(row) or world.locked else None) == expected, (
                "the row is of another version"
            )
    stored = {key: version.etag for key, version in world.thumbnails()}
    on_record = {each["key"] for each in (row or {}).get("obsolete", [])}
    for key in stored.keys() - listed.keys() - on_record:
        assert _nobody_could_know(key, world.written[key, stored[key]]), f"{key} belongs to nothing"
    if row is not None and "settings_fingerprint" not in row:
        _require_abandoned_backfill(world)
        return
    for key, each in listed.items():
        assert key in stored, f"{key} is missing"
        assert stored[key] == each["etag"], f"{key} holds other bytes than its row says"


# What people see of a row, by its names there and in an event.
_READY = {
    "version_id": "version",
    "etag": "etag",
    "size_bytes": "size",
    "format": "format",
    "width": "width",
    "height": "height",
    "renditions": "renditions",
}
_SEEN = {"READY": _READY, "FAILED": {"version_id": "version", "etag": "etag", "reason": "reason"}, "DELETED": {}}


def require_announced(world: World) -> None:
    """Raise AssertionError, naming what is wrong, unless consumers know what the catalog says, and nothing else."""
    committed = list(_committed(world))
    states = [state for state, _ in committed]
    arrived = world.bus.arrived
    by_id = {each["id"]: each for each in arrived}
    assert all(by_id[each["id"]] == each for each in arrived), "two states have one id"
    # A dictionary keeps the order in which its keys came.
    told = [_told(each) for each in by_id.values()]
    assert all(each in states for each in told), "something was announced that nobody has committed"
    if states and states[-1] is not None:
        known = newest(arrived).get((IMAGE.bucket, IMAGE.key))
        assert known, "nothing was announced"
        assert _told(known) == states[-1], "the newest state was not announced"
    sequences = [each["sequence"] for each in by_id.values()]
    assert sequences == sorted(set(sequences)), "the sequence falls"
    news = [
        state
        for (before, of_backfill), (state, again) in zip([(None, False), *committed], committed, strict=False)
        if state is not None and (state != before or (of_backfill and not again))
    ]
    assert told == news, f"announced were {told}, news were {news}"


def _committed(world: World) -> Iterator[tuple[dict[str, Any] | None, bool]]:
    """What people see after each commit, and whether it is a backfill's; None where a tombstone expired."""
    for record in world.dynamodb.streams[TABLE]:
        image = record["dynamodb"].get("NewImage")
        row = plain(image) if image else {}
        if "status" in row:
            seen = {"status": row["status"], **{name: row.get(name) for name in _SEEN[row["status"]]}}
            yield seen, "backfilled" in row
        elif not image:
            yield None, False


def _told(detail: dict[str, Any]) -> dict[str, Any]:
    """What an event says, in the words of a row."""
    data = detail["data"]
    return {"status": data["status"], **{name: data[told] for name, told in _SEEN[data["status"]].items()}}


def _require_made_from(
    world: World, row: dict[str, Any], source: bytes, etag: str, listed: dict[str, dict[str, Any]]
) -> None:
    assert row.get("status") in ("READY", "FAILED"), f"the status is {row.get('status')}"
    # Nor does every backfill name an ETag.
    assert row.get("etag", etag if _unread(row) else None) == etag, "the row is of other bytes"
    configs = [configuration(number) for number in range(CONFIGURATIONS)]
    used = {delivery.config for delivery in world.deliveries}
    if row["status"] == "FAILED":
        too_large = any(len(source) > config.settings.limits.bytes for config in used)
        assert source == BAD or too_large or world.fragile or world.locked, "a good image failed"
        assert not listed, "a failure has thumbnails"
        assert _somebody_was_told(world), "nobody was told of the failure"
    else:
        assert source != BAD, "a bad image is READY"
    if row["status"] == "READY" and "settings_fingerprint" in row:
        config = next(each for each in configs if _keys(each) == listed.keys() and _made_with(each, row))
        thumbnails = dict(world.thumbnails())
        for rendition in config.settings.renditions:
            key = thumbnail_key(rendition, IMAGE)
            assert key in thumbnails, f"{key} is missing"
            plain = thumbnail_bytes(source, rendition)
            fences = range(1, int(row["fence"]) + 1)
            versions = {plain, *(stamp(plain, rendition.format, fence) for fence in fences)}
            assert thumbnails[key].data in versions, f"{key} is not a rendering of the newest bytes"
    if world.backfilled_with is not None and not world.locked and "settings_fingerprint" in row:
        assert _made_with(configuration(world.backfilled_with), row), "a backfill left the image out of date"


def _unread(row: dict[str, Any]) -> bool:
    return row["status"] == "FAILED" and row["reason"] in _UNREAD


def _require_abandoned_backfill(world: World) -> None:
    """The one way to a row whose thumbnails may be of two minds; the next backfill finds and mends it."""
    backfills = (each for each in world.deliveries if each.message.event.is_backfill)
    # One that cannot be read any more is left as it is.
    assert world.locked or any(_abandoned(each) for each in backfills), "an image was left half renewed"


def _keys(config: ThumbnailerConfig) -> set[str]:
    return {thumbnail_key(rendition, IMAGE) for rendition in config.settings.renditions}


def _made_with(config: ThumbnailerConfig, row: dict[str, Any]) -> bool:
    kind = row["reason"] if row["status"] == "FAILED" else row["format"]
    return bool(row.get("settings_fingerprint") == made_by(config.settings.fingerprint, kind))


def _abandoned(delivery: Delivery) -> bool:
    """Whether a delivery died or gave up, and no later one of the same message came through."""
    return _unfinished(delivery) and not any(_came_after(later, delivery) for later in delivery.message.deliveries)


def _nobody_could_know(key: str, writer: Delivery) -> bool:
    """Whether whoever wrote `key` died or gave up, and no later delivery that came through knew that key.

    Either the rendition was taken out of the configuration in between, or another worker had the same
    message at the same time and acknowledged it.
    """
    return _unfinished(writer) and not any(
        _came_after(later, writer) and key in later.keys for later in writer.message.deliveries
    )


def _unfinished(delivery: Delivery) -> bool:
    return delivery.died or delivery.outcome is None


def _came_after(later: Delivery, delivery: Delivery) -> bool:
    return later.outcome is not None and delivery.ended is not None and later.began > delivery.ended


def _somebody_was_told(world: World) -> bool:
    events = (ordering.LOWEST, world.newest)
    deliveries = [delivery for delivery in world.deliveries if delivery.message.event.sequencer in events]
    told = any(each.outcome is not None and each.outcome.report and not each.died for each in deliveries)
    return told or any(_abandoned(each) for each in deliveries)
