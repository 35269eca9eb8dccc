"""The archive of the change stream: after a storm, the newest event of each image is its row in the catalog."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from boto3.dynamodb.types import TypeSerializer

from support import announcements, archive
from support.announcements import SCHEMA_FILE, require_valid
from support.memory_aws import MemoryDynamoDB
from thumbctl.costs import announcing
from thumbnail_pipeline.completion import completion_event, event_of_record
from thumbnail_pipeline.images import Image, StoredThumbnail
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import decoded
from thumbnailer.catalog import Catalog, State, Superseded
from thumbnailer.storage import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TABLE, DEPLOYMENT = "thumbs-catalog", "thumbs"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
DAY = 24 * 60 * 60.0


class _Weather:
    """A storm over a few images: uploads, failures, deletions, backfills, clocks that differ, tombstones that go."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.dynamodb = MemoryDynamoDB()
        self.dynamodb.create_table(TableName=TABLE)
        self.now = 1_795_000_000.0
        self.images = [Image("uploads", f"album/{number}.jpg") for number in range(8)]

    def rage(self, acts: int) -> None:
        for _ in range(acts):
            self.now += self.chance.choice([0.0, 0.001, 1.0, DAY / 3])
            self._change(self.chance.choice(self.images))

    def _change(self, image: Image) -> None:
        # Every worker has a clock of its own.
        skew = self.chance.choice([-5.0, 0.0, 3.0])
        catalog = Catalog(self.dynamodb, TABLE, clock=lambda: self.now + skew)  # type: ignore[arg-type]
        row = catalog.read(image)
        if row is not None and row.status is Status.DELETED and self.chance.random() < 0.2:
            self.now += 31 * DAY
            self.dynamodb.expire(TABLE, self.now)
            return
        state = self._state(row.sequencer if row else "")
        try:
            if row is None:
                catalog.commit_first(image, state)
            elif self.chance.random() < 0.15:
                catalog.keep(catalog.claim(image, state.sequencer), state.sequencer, _seen(self.chance))
            elif self.chance.random() < 0.2:
                catalog.commit(catalog.claim_as_seen(row), State(**{**vars(state), "sequencer": row.sequencer}))
            else:
                claimed = catalog.claim(image, state.sequencer)
                if self.chance.random() < 0.8:  # of the others, the worker dies
                    catalog.settle(catalog.commit(claimed, state))
        except Superseded:
            pass

    def _state(self, sequencer: str) -> State:
        number = int(sequencer or "0", 16) + 1 if sequencer.strip("0") else 1
        status = self.chance.choice([Status.READY, Status.READY, Status.FAILED, Status.DELETED])
        etag = f"{self.chance.randrange(4):032x}"
        at = datetime.fromtimestamp(self.now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        attributes: dict[str, Any] = {"processed_at": at, "attempts": 1, "created_at": at}
        thumbnails: tuple[StoredThumbnail, ...] = ()
        if status is Status.READY:
            names = ("large", "small")[: self.chance.randrange(1, 3)]
            listed = [
                {"name": name, "key": f"{name}/{etag}.webp", "width": 64, "height": 48, "bytes": 4000, "etag": etag}
                for name in names
            ]
            attributes |= {"size_bytes": 1_000_000, "format": "jpeg", "width": 640, "height": 480, "renditions": listed}
            thumbnails = tuple(StoredThumbnail(str(each["key"]), etag) for each in listed)
        if status is Status.FAILED:
            attributes |= {"reason": self.chance.choice(["corrupt", "empty"]), "detail": "in words", "size_bytes": 7}
        if status is Status.DELETED:
            attributes = {"processed_at": at, "attempts": 1, "expires_at": int(self.now + 30 * DAY)}
        return State(
            status=status,
            sequencer=f"{number:064x}",
            version_id=self.chance.choice([None, "v1", "v2"]) if status is not Status.DELETED else None,
            etag=None if status is Status.DELETED else etag,
            settings_fingerprint="settings",
            attributes=attributes,
            thumbnails=thumbnails,
        )


def _seen(chance: random.Random) -> Seen:
    return Seen(etag=f"{chance.randrange(4):032x}", version_id=chance.choice([None, "v3"]), size=1, checksum=None)


def published(records: list[dict[str, Any]], chance: random.Random) -> Iterator[str]:
    """The lines that a publisher puts which dies now and then: it goes on with a batch from its beginning."""
    position = 0
    while position < len(records):
        batch = records[position : position + chance.randrange(1, 6)]
        put = len(batch) if chance.random() < 0.7 else chance.randrange(len(batch) + 1)
        for record in batch[:put]:
            event = event_of_record(record, DEPLOYMENT)
            if event:
                yield event.text
        position += len(batch) if put == len(batch) else 0


def once(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events without repetitions."""
    return list({event["id"]: event for event in reversed(events)}.values())[::-1]


def by_image(events: list[dict[str, Any]]) -> Mapping[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        found[event["data"]["bucket"], event["data"]["key"]].append(event)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_after_a_storm_the_archive_is_the_catalog(tmp_path: Path, seed: int) -> None:
    weather = _Weather(seed)
    weather.rage(300)
    lines = list(published(weather.dynamodb.streams[TABLE], random.Random(seed)))
    for line in lines:
        require_valid(json.loads(line))
    assert len(lines) > len({json.loads(line)["id"] for line in lines}) > 100

    archive.write(tmp_path, lines, archive.schema())
    events = once(archive.read(tmp_path, archive.schema()))
    newest = announcements.newest(events)
    # What the archive has of an image whose tombstone has expired is that it is gone.
    there = {
        (row.image.bucket, row.image.key): event.detail
        for item in weather.dynamodb.tables[TABLE].values()
        if (event := completion_event(row := decoded(item), DEPLOYMENT))
    }
    assert there
    assert {image: newest[image] for image in there} == there
    assert {event["data"]["status"] for image, event in newest.items() if image not in there} <= {"DELETED"}


@pytest.mark.parametrize("seed", range(3))
def test_in_the_stream_a_sequence_never_falls(seed: int) -> None:
    weather = _Weather(seed)
    weather.rage(300)
    events = once([json.loads(line) for line in published(weather.dynamodb.streams[TABLE], random.Random(seed))])
    for of_it in by_image(events).values():
        sequences = [event["sequence"] for event in of_it]
        assert sequences == sorted(set(sequences))
    expired = [record for record in weather.dynamodb.streams[TABLE] if record["eventName"] == "REMOVE"]
    assert expired, "no tombstone expired, so nothing is shown of what comes after"


def test_a_reader_of_before_reads_files_with_a_new_column_and_one_of_today_the_old_ones(tmp_path: Path) -> None:
    weather = _Weather(0)
    weather.rage(40)
    lines = list(published(weather.dynamodb.streams[TABLE], random.Random(0)))
    events = [json.loads(line) for line in lines]
    more = [{**event, "data": {**event["data"], "frames": 3}, "region": "eu-central-1"} for event in events]
    today = archive.schema()
    data = pa.struct([*today.field("data").type, ("frames", pa.int32())])
    tomorrow = (
        today.remove(today.get_field_index("data"))
        .append(pa.field("data", data))
        .append(pa.field("region", pa.string()))
    )
    archive.write(tmp_path, lines, today, name="1")
    archive.write(tmp_path, map(json.dumps, more), tomorrow, name="2")

    old = archive.read(tmp_path, today)
    assert len(old) == 2 * len(lines)
    assert len(once(old)) == len(once([json.loads(line) for line in lines]))
    assert "frames" not in old[-1]["data"]
    new = archive.read(tmp_path, tomorrow)
    assert {(each["data"]["frames"], each["region"]) for each in new} == {(None, None), (3, "eu-central-1")}


def test_the_table_has_a_column_for_every_field_of_an_event() -> None:
    """Of the published schema, which any event is held to: what has no column would be dropped without a word."""
    kinds = {"string": "string", "integer": "int", "boolean": "bool"}

    def fits(described: dict[str, Any], column: Any) -> None:
        kind = described.get("type", "string")
        kind = next(each for each in kind if each != "null") if isinstance(kind, list) else kind
        kind = "integer" if isinstance(described.get("const"), int) else kind
        if kind == "object":
            members = {each.name: each.type for each in column}
            assert members.keys() == described["properties"].keys()
            for name, each in described["properties"].items():
                fits(each, members[name])
        elif kind == "array":
            fits(described["items"], column.value_type)
        else:
            assert str(column).startswith(kinds[kind]), described

    assert set(archive.schema().names) == SCHEMA["properties"].keys()
    for name, described in SCHEMA["properties"].items():
        fits(described, archive.schema().field(name).type)


def test_an_event_is_as_large_as_it_is_counted_with() -> None:
    key = "holiday/2026/somewhere/beach-0001.jpg"
    rendition = {"width": 1280, "height": 960, "bytes": 80_000, "etag": "0" * 32}
    listed = [{"name": name, "key": f"{name}/{key}.webp", **rendition} for name in ("large", "medium", "small")]
    values = {"status": "READY", "sequencer": "", "claim": "", "fence": 1, "revision": 1_795_000_000_000}
    attributes = {**values, "version_id": "v" * 32, "etag": "0" * 32, "size_bytes": 1_750_538, "format": "jpeg"}
    attributes |= {"width": 4032, "height": 3024, "renditions": listed, "created_at": "2026-11-29T10:15:00.000Z"}
    item = TypeSerializer().serialize({**attributes, "source_key": key, "source_bucket": "b" * 44})["M"]
    event = completion_event(decoded(item), "photos")
    assert event is not None
    assert len(event.text.encode()) == pytest.approx(announcing.EVENT_BYTES, rel=0.15)
