"""Many images in one batch, and a publisher that dies at any of its calls: consumers end with what the catalog says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.announcing import MISHAPS, FaultyBus
from model.world import DEPLOYMENT
from publisher.publishing import Publisher
from support.announcements import newest
from support.memory_aws import MemoryDynamoDB, MemoryEvents
from support.pipeline import TABLE, UPLOADS, FakeContext, Killed
from thumbnail_pipeline import ordering
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.sending import EventBus
from thumbnailer.catalog import Catalog, State

if TYPE_CHECKING:
    from thumbnail_pipeline.rows import Row

_IMAGES = [Image(UPLOADS, f"{number}.jpg") for number in range(12)]
_CHANGES = 3
# Of each image one event a call, ten a call: a round of all images is two.
_MOST_CALLS = 2 * _CHANGES + 2


def a_storm() -> tuple[MemoryDynamoDB, dict[tuple[str, str], Row]]:
    """A catalog in which every image has failed several times, each time for another reason, and its last rows."""
    dynamodb = MemoryDynamoDB()
    dynamodb.create_table(TableName=TABLE)
    catalog = Catalog(dynamodb, TABLE, clock=lambda: 1_767_323_045)  # type: ignore[arg-type]
    rows = {}
    for change in range(_CHANGES):
        for image in _IMAGES:
            sequencer = ordering.normalise(f"{change + 1:X}")
            state = State(Status.FAILED, sequencer, None, f"etag {change}", "fingerprint", {"reason": f"{change}"})
            rows[image.bucket, image.key] = catalog.commit(catalog.claim(image, sequencer), state)
    return dynamodb, rows


@pytest.mark.parametrize("mishap", MISHAPS)
def test_wherever_it_happens_every_image_is_announced_in_its_order(mishap: str) -> None:
    dynamodb, rows = a_storm()
    records = dynamodb.streams[TABLE]
    for at in range(_MOST_CALLS):
        bus = MemoryEvents()
        remaining = [60_000] * (at + 2) + [1_000] if mishap == "no time" else [60_000]
        returned = None
        try:
            returned = a_publisher(FaultyBus(bus, mishap, at)).run(records, FakeContext(remaining=remaining))
        except (Killed, Systemic):
            returned = records[0]["dynamodb"]["SequenceNumber"]
        if returned or mishap == "sent again":
            again = [each for each in records if each["dynamodb"]["SequenceNumber"] >= (returned or "")]
            assert a_publisher(bus).run(again, FakeContext()) is None
        told = newest(bus.arrived)
        assert told.keys() == rows.keys()
        for image, row in rows.items():
            event = completion_event(row, DEPLOYMENT)
            assert event
            assert told[image] == event.detail
        by_id = {each["id"]: each for each in bus.arrived}
        assert len(by_id) == _CHANGES * len(_IMAGES)
        for each in _IMAGES:
            sequences = [detail["sequence"] for detail in by_id.values() if detail["subject"] == each.key]
            assert sequences == sorted(set(sequences))


def a_publisher(client: FaultyBus | MemoryEvents) -> Publisher:
    return Publisher(DEPLOYMENT, EventBus(client, "bus"), sleep=lambda _: None)  # type: ignore[arg-type]
