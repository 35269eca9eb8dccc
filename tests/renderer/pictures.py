"""Pictures and settings for the renderer's tests: real photographs, generated ones, and how alike two are."""

from __future__ import annotations

import io
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.rendering import Rendered, render
from thumbnail_pipeline.settings import Settings

DATA = Path(__file__).parent / "data"
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "retina.jpg", "hubble_deep_field.jpg")


@cache
def photograph(name: str = "coffee.png", size: tuple[int, int] | None = None) -> Image.Image:
    """A real photograph in RGB, at its own size or resized."""
    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        picture = image.convert("RGB")
    picture.info = {}  # one of them has a profile
    return picture.resize(size, Image.Resampling.LANCZOS) if size else picture


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def loaded(data: bytes) -> Image.Image:
    """A file as a picture."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def settings(*renditions: dict[str, Any], **policies: Any) -> Settings:
    """Settings by way of their JSON; a rendition without a name is named after its place."""
    named = [{"name": f"r{index}", **each} for index, each in enumerate(renditions)]
    return Settings.from_json(json.dumps({"renditions": named, **policies}))


def thumbnail(source: bytes, width: int, height: int, **fields: Any) -> Image.Image:
    """The one thumbnail of a source, decoded; PNG unless told otherwise, so that nothing is lost."""
    return loaded(rendered(source, width, height, **fields).thumbnails[0].data)


def rendered(source: bytes, width: int, height: int, **fields: Any) -> Rendered:
    """The result for one rendition; PNG unless told otherwise."""
    return render(source, settings({"width": width, "height": height, "format": "png"} | fields))


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio in decibels over RGB; both pictures must have the same size."""
    assert one.size == other.size
    first, second = (np.asarray(each.convert("RGB"), dtype=np.float64) for each in (one, other))
    error = float(np.mean((first - second) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def mean(picture: Image.Image) -> tuple[float, float, float]:
    """The mean colour, 0 to 255 each."""
    red, green, blue = np.asarray(picture.convert("RGB"), dtype=np.float64).mean(axis=(0, 1))
    return float(red), float(green), float(blue)


def quadrants(width: int = 60, height: int = 40) -> Image.Image:
    """Red, green, blue and white quarters, so that every turn and flip can be told from the others."""
    picture = Image.new("RGB", (width, height), "white")
    picture.paste("red", (0, 0, width // 2, height // 2))
    picture.paste("lime", (width // 2, 0, width, height // 2))
    picture.paste("blue", (0, height // 2, width // 2, height))
    return picture


def reason(source: bytes, **policies: Any) -> str:
    """Why a source cannot be rendered; fails if it can."""
    try:
        render(source, settings({"width": 32, "height": 32}, **policies))
    except Permanent as error:
        return error.reason
    raise AssertionError("it was rendered")
