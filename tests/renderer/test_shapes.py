"""Geometry: sizes, crops and padding, down to a single pixel, and all eight ways a camera can be held."""

from __future__ import annotations

from typing import Any

import pytest
import pyvips
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from renderer.pictures import loaded, mean, photograph, quadrants, rendered, saved, thumbnail

RED, LIME, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.mark.parametrize(
    ("source", "box", "fields", "expected"),
    [
        ((600, 400), (256, 256), {}, (256, 171)),
        ((400, 600), (256, 256), {}, (171, 256)),
        ((600, 400), (600, 400), {}, (600, 400)),
        ((60, 40), (256, 256), {}, (60, 40)),
        ((60, 40), (256, 256), {"enlarge": True}, (256, 171)),
        ((600, 400), (100, 100), {"fit": "cover"}, (100, 100)),
        ((60, 40), (100, 100), {"fit": "cover"}, (60, 40)),
        ((60, 400), (100, 100), {"fit": "cover"}, (60, 100)),
        ((60, 40), (100, 100), {"fit": "cover", "enlarge": True}, (100, 100)),
        ((600, 400), (100, 100), {"fit": "pad"}, (100, 100)),
        ((60, 40), (100, 100), {"fit": "pad"}, (100, 100)),
        ((1, 1), (256, 256), {}, (1, 1)),
        ((1, 1), (256, 256), {"fit": "cover", "enlarge": True}, (256, 256)),
        ((3000, 1), (256, 256), {}, (256, 1)),
        ((1, 3000), (256, 256), {}, (1, 256)),
        ((1, 3000), (16, 16), {"fit": "cover"}, (1, 16)),
        ((3000, 2), (1, 1), {}, (1, 1)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_sizes(
    source: tuple[int, int], box: tuple[int, int], fields: dict[str, Any], expected: tuple[int, int], form: str
) -> None:
    result = rendered(saved(Image.new("RGB", source, "#336699"), form), *box, **fields)
    (made,) = result.thumbnails
    assert (made.width, made.height) == expected == loaded(made.data).size
    assert (result.facts.width, result.facts.height) == source
    if fields.get("fit") != "pad":
        assert mean(loaded(made.data)) == pytest.approx((0x33, 0x66, 0x99), abs=2)


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    box=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    fit=st.sampled_from(["contain", "cover", "pad"]),
    enlarge=st.booleans(),
    orientation=st.integers(1, 8),
)
@hypothesis_settings(max_examples=120, deadline=None)
def test_no_size_is_ever_off(
    *, width: int, height: int, box: tuple[int, int], fit: str, enlarge: bool, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = saved(Image.new("RGB", (width, height), "#c08040"), "JPEG", exif=exif)
    made = thumbnail(source, *box, fit=fit, enlarge=enlarge, background="#c08040")
    shown = (height, width) if orientation >= 5 else (width, height)
    assert made.width >= 1
    assert made.height >= 1
    if fit == "pad":
        assert made.size == box
    elif fit == "cover":
        grown = box if enlarge else (min(box[0], shown[0]), min(box[1], shown[1]))
        assert made.size == grown
    else:
        how = "both" if enlarge else "down"
        # From pixels: where libvips lets its JPEG decoder shrink first, narrow pictures come out a quarter too long.
        reference = pyvips.Image.black(*shown).thumbnail_image(box[0], height=box[1], size=how)
        assert abs(made.width - reference.width) <= 1
        assert abs(made.height - reference.height) <= 1
        assert made.width == min(shown[0], box[0]) or made.height == min(shown[1], box[1]) or enlarge
    assert mean(made) == pytest.approx((0xC0, 0x80, 0x40), abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_shown_upright(orientation: int, form: str) -> None:
    turns = {
        1: (), 2: (Image.Transpose.FLIP_LEFT_RIGHT,), 3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,), 5: (Image.Transpose.TRANSPOSE,), 6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,), 8: (Image.Transpose.ROTATE_270,),
    }  # fmt: skip
    stored = quadrants(240, 160)
    for turn in turns[orientation]:  # the inverse of what a viewer does
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"exif": exif} if form != "TIFF" else {"tiffinfo": {0x0112: orientation}}
    result = rendered(saved(stored, form, **options), 60, 60)
    made = loaded(result.thumbnails[0].data)
    assert (result.facts.width, result.facts.height) == (240, 160)
    assert made.size == (60, 40)
    corners = [made.getpixel(at) for at in ((10, 8), (50, 8), (10, 32), (50, 32))]
    for found, expected in zip(corners, (RED, LIME, BLUE, WHITE), strict=True):
        assert found == pytest.approx(expected, abs=30)
    # A crop has to find the same corner, whichever way the sensor was held.
    cover = rendered(saved(stored, form, **options), 40, 40, fit="cover").thumbnails[0]
    assert (cover.width, cover.height) == (40, 40)


def test_an_orientation_that_does_not_exist_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    assert thumbnail(saved(quadrants(), "JPEG", exif=exif), 60, 60).size == (60, 40)


def test_padding_is_even_and_in_the_background() -> None:
    made = thumbnail(saved(Image.new("RGB", (100, 50), "red"), "PNG"), 100, 100, fit="pad", background="#0000ff")
    rows = [made.getpixel((50, y)) for y in (0, 24, 25, 50, 74, 75, 99)]
    assert rows == [BLUE, BLUE, RED, RED, RED, BLUE, BLUE]


def test_cover_keeps_the_middle() -> None:
    picture = Image.new("RGB", (300, 100), "black")
    picture.paste("white", (100, 0, 200, 100))
    made = thumbnail(saved(picture, "PNG"), 50, 50, fit="cover")
    assert mean(made) == pytest.approx(WHITE, abs=3)


@pytest.mark.parametrize("crop", ["attention", "entropy"])
@pytest.mark.parametrize("across", [True, False])
def test_a_crop_can_look_for_what_there_is_to_see(crop: str, *, across: bool) -> None:
    picture = Image.new("RGB", (600, 200) if across else (200, 600), "#88aacc")
    picture.paste(photograph("chelsea.png", (180, 180)), (410, 10) if across else (10, 410))
    source = saved(picture, "PNG")
    centre = thumbnail(source, 100, 100, fit="cover")
    looked = thumbnail(source, 100, 100, fit="cover", crop=crop)
    assert mean(centre) == pytest.approx((0x88, 0xAA, 0xCC), abs=1)
    assert abs(mean(looked)[2] - 0xCC) > 60


@pytest.mark.parametrize("crop", ["attention", "entropy"])
def test_a_crop_that_finds_nothing_keeps_the_middle(crop: str) -> None:
    picture = Image.new("RGB", (300, 100), "#808080")
    plain = rendered(saved(picture, "PNG"), 50, 50, fit="cover").thumbnails[0].data
    assert rendered(saved(picture, "PNG"), 50, 50, fit="cover", crop=crop).thumbnails[0].data == plain


def test_thin_lines_keep_their_weight() -> None:
    picture = Image.new("L", (1024, 1024), 255)
    for at in range(0, 1024, 16):
        picture.paste(0, (at, 0, at + 1, 1024))
    assert mean(thumbnail(saved(picture, "PNG"), 100, 100))[0] == pytest.approx(255 * 15 / 16, abs=1.5)
