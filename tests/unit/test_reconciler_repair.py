"""A repair, worked off by the real pipeline, leaves nothing to be found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings

from support.estate import HOUR, LARGE, PICTURE, SETTINGS, SMALL, WORLDS, World, build, deployed
from support.pipeline import environment
from support.workshop import PlainWorkshop
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.sender import Sender
from thumbctl.reconcile.repair import Repair
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.reconciliation.findings import Kind
from thumbnailer.catalog import Catalog
from thumbnailer.config import ThumbnailerConfig
from thumbnailer.pipeline import Pipeline
from thumbnailer.storage import Storage

if TYPE_CHECKING:
    from support.estate import Image

CONFIG = ThumbnailerConfig.from_environment(environment("arn", [LARGE, SMALL]))


class Mender:
    """Repairs a world, and the function that works off what was sent."""

    def __init__(self, world: World, *, most: int = 100) -> None:
        self.world = world
        self.queue: list[str] = []
        sqs: Any = SimpleNamespace(send_message_batch=self._send)
        self.repair = Repair(world.s3, "uploads", "thumbnails", Sender(sqs, "queue", Pace(None)), most=most)
        storage, catalog = Storage(world.s3, "thumbnails"), Catalog(world.dynamodb, "catalog")
        self.pipeline = Pipeline(CONFIG, storage, catalog, PlainWorkshop(SETTINGS))

    def mend(self) -> None:
        for examined in self.world.pass_from():
            self.repair.mend(examined)
        self.repair.flush()

    def work_off(self) -> list[ObjectEvent]:
        events = []
        for body in self.queue:
            (event,) = parse(body)
            assert isinstance(event, ObjectEvent)
            self.pipeline.apply(event, attempt=1)
            events.append(event)
        self.queue.clear()
        return events

    def _send(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's names
        assert QueueUrl == "queue"
        self.queue += [each["MessageBody"] for each in Entries]
        return {"Successful": Entries}


def wrong(world: World) -> list[Any]:
    return [finding for each in world.pass_from() for finding in each.findings if finding.kind.is_wrong]


@given(WORLDS)
@settings(deadline=None, max_examples=100)
def test_a_repaired_world_is_whole(images: dict[str, Image]) -> None:
    world = World()
    build(world, images)
    world.s3.pass_time(HOUR)
    mender = Mender(world)
    mender.mend()
    mender.work_off()
    world.s3.pass_time(HOUR)
    # Of an image that was not decided, it could not be told whose thumbnails those were.
    assert {finding.kind for finding in wrong(world)} <= {Kind.ORPHAN}
    mender.mend()
    assert mender.queue == []
    assert wrong(world) == []
    assert mender.repair.done.kept == 0


def test_a_lost_catalog_costs_no_thumbnail() -> None:
    world = World()
    for number in range(5):
        world.whole(f"{number}.jpg")
    world.dynamodb.tables["catalog"].clear()
    world.s3.pass_time(HOUR)
    mender = Mender(world)
    mender.mend()
    assert (mender.repair.done.sent, mender.repair.done.deleted) == (5, 0)
    mender.work_off()
    assert wrong(world) == []


def test_what_is_whole_is_left_alone() -> None:
    world = World()
    world.whole("a.jpg")
    world.s3.pass_time(HOUR)
    before = world.s3.now
    mender = Mender(world)
    mender.mend()
    assert (mender.queue, world.s3.now) == ([], before)


def test_an_image_has_one_message_however_much_is_wrong_with_it() -> None:
    world = World()
    world.whole("a.jpg")
    for key in deployed("a.jpg"):
        world.s3.delete_object(Bucket="thumbnails", Key=key)
    world.s3.pass_time(HOUR)
    mender = Mender(world)
    mender.mend()
    (event,) = mender.work_off()
    assert event.forced
    assert (event.etag, event.size) == (world.s3.buckets["uploads"].current("a.jpg").etag, len(PICTURE))
    assert wrong(world) == []


def test_a_run_does_no_more_than_it_may() -> None:
    world = World()
    for number in range(25):
        world.upload(f"{number}.jpg")
        world.thumbnail(f"small/{number}.gone.png")
    world.s3.pass_time(HOUR)
    mender = Mender(world, most=13)
    mender.mend()
    assert len(mender.queue) == mender.repair.done.sent == mender.repair.done.deleted == 13
    assert len(world.s3.buckets["thumbnails"].keys) == 12
    assert mender.repair.done.left == 24


def test_a_thumbnail_that_changed_since_it_was_seen_is_kept() -> None:
    world = World()
    for key in ("small/a.jpg.png", "small/b.jpg.png"):
        world.thumbnail(key)
    world.s3.pass_time(HOUR)
    examined = world.pass_from()
    assert [each.findings[0].kind for each in examined] == [Kind.ORPHAN] * 2
    world.thumbnail("small/a.jpg.png", b"of a new image")
    world.s3.delete_object(Bucket="thumbnails", Key="small/b.jpg.png")
    mender = Mender(world)
    for each in examined:
        mender.repair.mend(each)
    mender.repair.flush()
    assert (mender.repair.done.deleted, mender.repair.done.kept) == (0, 2)
    assert list(world.s3.buckets["thumbnails"].keys) == ["small/a.jpg.png"]
