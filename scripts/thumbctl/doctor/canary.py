"""A small image that goes the whole way of an upload and of a deletion, and leaves nothing but a tombstone."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import Image

from thumbctl.looking import image
from thumbnail_pipeline.outcomes import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

    from thumbctl.stack import Stack
    from thumbnail_pipeline.rows import Row

# The operator policy lets people write and delete below this, and nowhere else in the uploads bucket.
FOLDER: Final = ".thumbctl-canary/"

_PAUSE_SECONDS: Final = 0.5
_SIZE: Final = (640, 480)


class CanaryDied(Exception):
    """It did not get through; the message says how far it came."""


@dataclass(frozen=True)
class Flight:
    """How a canary got through."""

    thumbnails: int
    ready_seconds: float
    """From the upload until its row was READY."""
    gone_seconds: float
    """From the deletion until its row was DELETED and its thumbnails gone."""


def fly(
    stack: Stack,
    within: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Flight:
    """Upload a canary, wait up to `within` seconds for its thumbnails, delete it, and wait as long for them to go.

    Raises CanaryDied. Whatever happens, the canary is deleted; the event of that clears away what is made of it later.
    """
    s3: S3Client = stack.client("s3")
    bucket = stack.outputs["source_bucket"]
    key = f"{stack.outputs['source_prefix']}{FOLDER}{uuid.uuid4()}.jpg"
    if not stack.deployed().settings.watches(key, None):
        raise CanaryDied(f"{key} is no image by the deployment's source_keys: let them include {FOLDER}*")

    def seconds_until(what: str, done: Callable[[Row | None], bool]) -> float:
        began = clock()
        while True:
            row = image.row(stack, key)
            if row and row.status is Status.FAILED:
                raise CanaryDied(f"{key} FAILED ({row.attributes['reason']}: {row.attributes['detail']})")
            if done(row):
                return clock() - began
            if clock() - began > within:
                state = (row.status or "claimed and not yet decided") if row else "not in the catalog"
                raise CanaryDied(f"after {within:g} seconds {key} was {state} and not {what}")
            sleep(_PAUSE_SECONDS)

    try:
        s3.put_object(Bucket=bucket, Key=key, Body=_picture(), ContentType="image/jpeg")
        ready_seconds = seconds_until("READY", lambda row: row is not None and row.status is Status.READY)
        made = _thumbnails(stack, key)
        missing = [each.listed["key"] for each in made if each.found != "there"]
        if missing or not made:
            raise CanaryDied(f"the row of {key} is READY, and there is no {' and no '.join(missing) or 'thumbnail'}")
    finally:
        s3.delete_object(Bucket=bucket, Key=key)

    def is_gone(row: Row | None) -> bool:
        if row is None or row.status is not Status.DELETED:
            return False
        return not any(each.found != "missing" for each in image.thumbnails(stack, [each.listed for each in made]))

    return Flight(len(made), ready_seconds, seconds_until("DELETED, with its thumbnails gone", is_gone))


def _thumbnails(stack: Stack, key: str) -> list[image.ThumbnailObject]:
    row = image.row(stack, key)
    renditions: list[Mapping[str, object]] = row.attributes.get("renditions", []) if row else []
    return image.thumbnails(stack, renditions)


def _picture() -> bytes:
    encoded = BytesIO()
    Image.radial_gradient("L").resize(_SIZE).convert("RGB").save(encoded, "JPEG")
    return encoded.getvalue()
