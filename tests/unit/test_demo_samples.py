"""The built-in sample is what it says it is, and a person's own directory is taken as it is."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from devtools.demo import camera, samples
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.demo.samples import Sample


@pytest.fixture(scope="module")
def built_in() -> dict[str, Sample]:
    return {sample.key: sample for sample in samples.built_in()}


def opened(sample: Sample) -> Image.Image:
    return Image.open(io.BytesIO(sample.body()))


def test_every_run_uploads_the_same_bytes(built_in: dict[str, Sample]) -> None:
    assert {sample.key: sample for sample in samples.built_in()} == built_in


def test_there_are_enough_and_not_too_many(built_in: dict[str, Sample]) -> None:
    assert 25 <= sum(len(sample.bodies) for sample in built_in.values()) <= 35


def test_each_knows_what_to_expect(built_in: dict[str, Sample]) -> None:
    assert {sample.expected for sample in built_in.values()} == {"READY", "FAILED", "DELETED"}
    assert all(sample.deleted == (sample.expected == "DELETED") for sample in built_in.values())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_stored_differently_and_displayed_upright(
    built_in: dict[str, Sample], orientation: int
) -> None:
    stored = opened(built_in[f"orientation/exif-{orientation}.jpg"])
    upright = opened(built_in["orientation/exif-1.jpg"])
    assert stored.getexif()[0x0112] == orientation

    displayed = ImageOps.exif_transpose(stored)
    assert displayed.size == upright.size
    difference = ImageStat.Stat(ImageChops.difference(displayed, upright)).mean
    assert max(difference) < 4  # what JPEG itself changes


def test_the_formats_are_what_their_names_say(built_in: dict[str, Sample]) -> None:
    assert opened(built_in["formats/alpha.png"]).mode == "RGBA"
    assert opened(built_in["formats/photo.webp"]).format == "WEBP"
    assert opened(built_in["formats/print-cmyk.jpg"]).mode == "CMYK"
    assert getattr(opened(built_in["formats/animated.gif"]), "n_frames", 1) > 1
    assert opened(built_in["formats/scan.tiff"]).format == "TIFF"


def test_the_keys_need_encoding(built_in: dict[str, Sample]) -> None:
    difficult = "".join(key for key in built_in if key.startswith("keys/"))
    assert set(" +%&=<>'") <= set(difficult)
    assert not difficult.isascii()


def test_the_truncated_image_has_a_header_and_not_all_of_its_pixels(built_in: dict[str, Sample]) -> None:
    truncated = opened(built_in["failures/truncated.jpg"])
    with pytest.raises(OSError, match="truncated"):
        truncated.load()


def test_an_overwritten_upload_has_two_different_bodies(built_in: dict[str, Sample]) -> None:
    first, second = built_in["changes/overwritten.jpg"].bodies
    assert first != second


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.JPG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.heic", "image/heic"),
        ("a.tiff", "image/tiff"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_content_type_is_claimed_from_the_name(key: str, content_type: str) -> None:
    assert samples.Sample(key, (b"",), "", "").content_type == content_type


def test_a_directory_is_taken_whole_and_without_expectations(tmp_path: Path) -> None:
    (tmp_path / "trip" / "day 1").mkdir(parents=True)
    (tmp_path / "trip" / "day 1" / "ä.jpg").write_bytes(b"one")
    (tmp_path / "b.png").write_bytes(b"two")

    found = samples.from_directory(tmp_path)

    assert [(each.key, each.body(), each.expected) for each in found] == [
        ("b.png", b"two", None),
        ("trip/day 1/ä.jpg", b"one", None),
    ]


def test_a_file_name_that_is_no_text_becomes_a_key_all_the_same(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"one")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (sample,) = samples.from_directory(tmp_path)
    assert sample.key == "\\xff.jpg"
    assert sample.body() == b"one"


@pytest.mark.parametrize(("name", "message"), [("missing", "there is no directory"), ("", "holds no files")])
def test_a_directory_without_images_is_told_in_a_sentence(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DevtoolsError, match=message):
        samples.from_directory(tmp_path / name)


def test_the_camera_sends_two_small_pictures_along_and_uploads_a_large_one(built_in: dict[str, Sample]) -> None:
    chosen = camera._chosen([*built_in.values()])
    small, also_small, large = (len(each.body()) for each in chosen)
    assert small <= also_small <= 95_000 < large
    assert {each.expected for each in chosen} == {"READY"}


def test_who_has_no_picture_for_a_camera_has_an_idle_one() -> None:
    assert (
        camera._chosen([samples.Sample("a.tiff", (b"1",), "", ""), samples.Sample("empty.png", (b"",), "", "")]) == []
    )
