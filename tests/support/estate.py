"""Worlds to reconcile: two buckets and a catalog in memory, with images in every consistent and inconsistent state."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import strategies as st
from PIL import Image as Pictures

from support.memory_aws import MemoryDynamoDB, MemoryS3
from thumbnail_pipeline.reconciliation.comparison import Estate, reconcile
from thumbnail_pipeline.settings import Settings, made_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.reconciliation.findings import Examined

LARGE = {"name": "large", "width": 9, "height": 9}
SMALL = {"name": "small", "width": 1, "height": 1, "format": "png"}
SETTINGS = Settings.from_json(json.dumps({"renditions": [LARGE, SMALL]}))
GRACE = timedelta(minutes=15)
HOUR = 3600
LOWEST, OLD, NEW = "0", "5", "7"


def _picture() -> bytes:
    file = io.BytesIO()
    Pictures.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


PICTURE = _picture()

_KEYS = st.one_of(st.text("a-./", min_size=1, max_size=3), st.sampled_from(["a.webp", "a.png", "\U0001f600", "\uffee"]))


@dataclass
class World:
    """Two buckets and a catalog, made to measure."""

    versioned: bool = True
    s3: Any = field(default_factory=MemoryS3)
    dynamodb: Any = field(default_factory=MemoryDynamoDB)

    def __post_init__(self) -> None:
        self.s3.create_bucket(Bucket="uploads", versioned=self.versioned)
        self.s3.create_bucket(Bucket="thumbnails")
        self.s3.keys_a_page = 3
        self.dynamodb.create_table(TableName="catalog")

    def upload(self, key: str, body: bytes = PICTURE) -> str:
        """Put an object and return its ETag."""
        return str(self.s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"'))

    def thumbnail(self, key: str, body: bytes = b"thumbnail") -> str:
        """Put a thumbnail and return its ETag."""
        return str(self.s3.put_object(Bucket="thumbnails", Key=key, Body=body)["ETag"].strip('"'))

    def row(self, key: str, status: str | None, etag: str | None, thumbnails: dict[str, str], **more: Any) -> None:
        made_with = made_by(SETTINGS.fingerprint, more.get("reason", more.get("format")))
        usual = {"sequencer": OLD, "claim": OLD, "fence": 1, "settings_fingerprint": made_with}
        item = {
            "source_key": key,
            "source_bucket": "uploads",
            "status": status,
            "etag": etag,
            "renditions": [{"key": each, "etag": etag} for each, etag in thumbnails.items()] or None,
            **usual,
            **more,
        }
        serialised = {name: TypeSerializer().serialize(value) for name, value in item.items() if value is not None}
        self.dynamodb.put_item(TableName="catalog", Item=serialised)

    def whole(self, key: str, **more: Any) -> None:
        """An image on which all agree."""
        self.row(key, "READY", self.upload(key), {each: self.thumbnail(each) for each in deployed(key)}, **more)

    def estate(self, prefix: str = "", **more: bool) -> Estate:
        return Estate(self.s3, self.dynamodb, "uploads", "thumbnails", "catalog", SETTINGS, prefix, **more)

    def pass_from(self, after: str = "", prefix: str = "") -> list[Examined]:
        return list(reconcile(self.estate(prefix), after=after, grace=GRACE, clock=lambda: self.s3.now))


def etag_of(body: bytes) -> str:
    """What S3 calls these bytes."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def deployed(key: str) -> list[str]:
    return [f"large/{key}.webp", f"small/{key}.png"]


# ── any world ────────────────────────────────────────────────────────────────────────────────────────

ROWS: Mapping[str, Mapping[str, Any]] = {
    "current": {"status": "READY"},
    "of other bytes": {"status": "READY", "etag": "other"},
    "of other settings": {"status": "READY", "settings_fingerprint": "other"},
    "half renewed": {"status": "READY", "settings_fingerprint": None},
    "failed": {"status": "FAILED", "reason": "corrupt"},
    "failed unread": {"status": "FAILED", "reason": "too-large", "etag": None},
    "failed of other bytes": {"status": "FAILED", "reason": "corrupt", "etag": "other"},
    "deleted": {"status": "DELETED", "etag": None},
    "claimed at first": {"status": None, "sequencer": LOWEST, "claim": NEW},
    "claimed again": {"status": "READY", "claim": NEW},
    "backfill died": {"status": None, "sequencer": LOWEST, "claim": LOWEST},
}


@dataclass(frozen=True)
class Image:
    """What there is of one source key."""

    object: str
    """never, deleted, deleted lately, old or young."""
    row: str | None
    listed: tuple[str, str]
    """Of the thumbnails that a READY row lists: right, missing or altered."""
    unlisted: frozenset[tuple[str, bool]]
    """Rendition and extension of thumbnails beside those, and whether they are young."""


IMAGES = st.builds(
    Image,
    object=st.sampled_from(["never", "deleted", "deleted lately", "old", "old", "young"]),
    row=st.sampled_from([None, "current", "current", *ROWS]),
    listed=st.tuples(*[st.sampled_from(["right", "right", "missing", "altered"])] * 2),
    unlisted=st.frozensets(
        st.tuples(st.sampled_from(["large webp", "large gif", "small png", "old webp", "old jpg"]), st.booleans()),
        max_size=2,
    ),
)
WORLDS = st.dictionaries(_KEYS, IMAGES, max_size=8)


def build(world: World, images: dict[str, Image]) -> None:
    for key, image in images.items():
        if image.object not in {"never", "young"}:
            world.upload(key)
        if image.object == "deleted":
            world.s3.delete_object(Bucket="uploads", Key=key)
        for each, young in image.unlisted:
            if not young:
                world.thumbnail(named(each, key))
        if image.row:
            _write_row(world, key, image)
    world.s3.pass_time(HOUR)
    for key, image in images.items():
        if image.object == "young":
            world.upload(key)
        if image.object == "deleted lately":
            world.s3.delete_object(Bucket="uploads", Key=key)
        for each, young in image.unlisted:
            if young:
                world.thumbnail(named(each, key))


def named(rendition: str, key: str) -> str:
    """The key of a thumbnail in such a rendition as "small png"."""
    name, extension = rendition.split()
    return f"{name}/{key}.{extension}"


def thumbnail_of(key: str) -> bytes:
    """The bytes of the thumbnails that a row lists."""
    return f"picture of {key}".encode()


def _write_row(world: World, key: str, image: Image) -> None:
    assert image.row
    made = dict(ROWS[image.row])
    status = made.pop("status")
    thumbnails = {}
    if status == "READY":
        for each, state in zip(deployed(key), image.listed, strict=True):
            thumbnails[each] = world.thumbnail(each, thumbnail_of(key))
            if state == "altered":
                world.thumbnail(each, b"something else")
            if state == "missing":
                world.s3.delete_object(Bucket="thumbnails", Key=each)
    etag = made.pop("etag", etag_of(PICTURE))
    world.row(key, status, etag, thumbnails, **made)
