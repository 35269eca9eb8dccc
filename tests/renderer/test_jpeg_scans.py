"""Leaving out the scans that a strong reduction cannot see must not change one pixel."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from renderer.pictures import PHOTOGRAPHS, loaded, photograph, saved
from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout, without_detail


def eighth(source: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(source))
    image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    return image


def identical(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and ImageChops.difference(one, other).getbbox() is None


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(
    "options", [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_pixels_at_one_eighth_are_identical(name: str, options: dict[str, Any], mode: str) -> None:
    picture = photograph(name).convert(mode).resize((531, 387))
    source = saved(picture, "JPEG", progressive=True, quality=88, **options)
    less = without_detail(source, JpegLayout.of(source, 100))
    assert less is not None
    assert len(less) < len(source) * 0.75
    assert identical(eighth(less), eighth(source))


@given(
    width=st.integers(8, 300), height=st.integers(8, 300), quality=st.integers(1, 100), subsampling=st.integers(0, 2)
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_so_they_are_at_any_size_and_quality(width: int, height: int, quality: int, subsampling: int) -> None:
    picture = photograph("chelsea.png", (width, height))
    source = saved(picture, "JPEG", progressive=True, quality=quality, subsampling=subsampling)
    less = without_detail(source, JpegLayout.of(source, 100))
    assert less is not None
    assert identical(eighth(less), eighth(source))


def test_a_baseline_file_is_left_alone() -> None:
    source = saved(photograph(), "JPEG")
    layout = JpegLayout.of(source, 100)
    assert (layout.progressive, layout.whole, layout.complete, layout.samples) == (False, False, True, 1.5)
    assert without_detail(source, layout) is None


def test_a_file_that_is_cut_short_is_left_alone() -> None:
    source = saved(photograph(), "JPEG", progressive=True)
    layout = JpegLayout.of(source[:-2], 100)
    assert not layout.complete
    assert without_detail(source[:-2], layout) is None


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 3.0), (1, 2.0), (2, 1.5)])
def test_the_layout_says_what_a_decoder_has_to_hold(subsampling: int, samples: float) -> None:
    layout = JpegLayout.of(saved(photograph(), "JPEG", progressive=True, subsampling=subsampling), 100)
    assert (layout.progressive, layout.whole, layout.samples, layout.complete) == (True, True, samples, True)
    assert layout.scans == 10
    assert JpegLayout.of(saved(photograph().convert("L"), "JPEG"), 100).samples == 1


@example(noise=b"\x00\x00\xff\xda", at=0)  # a scan's marker behind noise, and the end of the file
@example(noise=b"\xff\xc2\xff\xda\x00\x02", at=2)  # a frame without components, or a scan without any
@example(noise=b"\xff\xda\x00\x02\xff", at=5000)
@given(noise=st.binary(max_size=400), at=st.integers(0, 5000))
@hypothesis_settings(max_examples=150, deadline=None)
def test_no_bytes_upset_the_walk(noise: bytes, at: int) -> None:
    whole = saved(photograph("chelsea.png", (64, 48)), "JPEG", progressive=True)
    for source in (b"\xff\xd8" + noise, whole[:at] + noise + whole[at:]):
        layout = JpegLayout.of(source, 5)
        assert layout.scans <= 6
        without_detail(source, layout)


def test_the_picture_survives_the_walk() -> None:
    source = saved(photograph(), "JPEG", progressive=True, comment=b"\xff\xda\xff\xd9 in a comment is no marker")
    less = without_detail(source, JpegLayout.of(source, 100))
    assert less is not None
    assert loaded(less).size == photograph().size
