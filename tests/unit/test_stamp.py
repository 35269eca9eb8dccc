"""Stamped thumbnails differ in bytes and in nothing that anybody sees."""

from __future__ import annotations

from io import BytesIO
from typing import get_args

import pytest
import pyvips
from PIL import Image, ImageChops

from support.pictures import picture
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Format, Rendition, Settings
from thumbnailer.stamp import stamp


def thumbnail(image_format: Format) -> bytes:
    settings = Settings((Rendition("one", 32, 32, format=image_format),))
    (made,) = render(picture("teal"), settings).thumbnails
    return made.data


@pytest.mark.parametrize("image_format", get_args(Format))
def test_a_stamp_changes_the_bytes_and_not_the_picture(image_format: Format) -> None:
    data = thumbnail(image_format)
    stamped = [stamp(data, image_format, number) for number in (0, 1, 12_345)]
    assert len({data, *stamped}) == 4
    for variant in stamped:
        with Image.open(BytesIO(data)) as before, Image.open(BytesIO(variant)) as after:
            assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)
            assert (
                ImageChops.difference(before.convert("RGBA"), after.convert("RGBA")).getbbox(alpha_only=False) is None
            )
        # A second decoder, as strict as it gets.
        decoded = pyvips.Image.new_from_buffer(variant, "", fail_on="warning")
        assert (decoded.width, decoded.height) == (32, 24)
        assert decoded.avg() > 0


@pytest.mark.parametrize("image_format", get_args(Format))
def test_the_same_number_gives_the_same_bytes(image_format: Format) -> None:
    data = thumbnail(image_format)
    assert stamp(data, image_format, 7) == stamp(data, image_format, 7)
