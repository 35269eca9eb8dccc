"""Animations: they move where both the settings and the format let them, and are stills everywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageSequence

from renderer.pictures import loaded, mean, quadrants, saved, settings
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.rendering import render

COLOURS = ("red", "lime", "blue", "white", "black")
DURATIONS = (100, 200, 50, 300, 120)


def film(form: str, *, loop: int | None = 0, transparent: bool = False) -> bytes:
    """Five frames of one colour each, every one with a black corner and its own duration."""
    frames = []
    for colour in COLOURS:
        frame = Image.new("RGBA" if transparent else "RGB", (120, 80), colour)
        frame.paste((0, 0, 0, 0) if transparent else "black", (0, 0, 60, 40))
        frames.append(frame)
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    if transparent and form == "GIF":
        options["disposal"] = 2
    if loop is not None:
        options["loop"] = loop
    durations = list(DURATIONS)
    return saved(frames[0], form, save_all=True, append_images=frames[1:], duration=durations, **options)


def frames_of(data: bytes) -> tuple[list[Image.Image], list[int], Any]:
    image = loaded(data)
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(frame.convert("RGBA"))
        durations.append(int(frame.info["duration"]))
    return frames, durations, image.info.get("loop")


@pytest.mark.parametrize("written", ["webp", "gif"])
@pytest.mark.parametrize("read", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("transparent", [False, True])
def test_what_moves_stays_moving(read: str, written: str, *, transparent: bool) -> None:
    both = settings(
        {"width": 60, "height": 60, "format": written, "quality": 90},
        {"width": 30, "height": 30, "format": written, "fit": "cover"},
        animation="animate",
    )
    result = render(film(read, transparent=transparent), both)
    assert (result.facts.frames, result.facts.width, result.facts.height) == (5, 120, 80)
    assert result.facts.has_alpha == transparent
    frames, durations, loop = frames_of(result.thumbnails[0].data)
    assert durations == list(DURATIONS)
    assert loop == 0
    assert [frame.size for frame in frames] == [(60, 40)] * 5
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert frame.getpixel((50, 30))[:3] == pytest.approx(Image.new("RGB", (1, 1), colour).getpixel((0, 0)), abs=12)  # type: ignore[index]
        corner = frame.getpixel((10, 10))
        assert corner[3] == (0 if transparent else 255)  # type: ignore[index]
    assert (result.thumbnails[1].width, result.thumbnails[1].height) == (30, 30)
    assert len(frames_of(result.thumbnails[1].data)[0]) == 5


@pytest.mark.parametrize("read", ["GIF", "WEBP", "PNG"])
def test_by_default_an_animation_is_its_first_frame(read: str) -> None:
    result = render(film(read), settings({"width": 60, "height": 60}))
    made = loaded(result.thumbnails[0].data)
    assert not getattr(made, "is_animated", False)
    assert made.convert("RGB").getpixel((50, 30)) == pytest.approx((255, 0, 0), abs=12)
    assert result.facts.frames == 5


def test_a_format_that_cannot_move_gets_the_first_frame() -> None:
    mixed = settings(
        {"width": 60, "height": 60, "format": "jpeg"},
        {"width": 60, "height": 60, "format": "webp"},
        {"width": 60, "height": 60, "format": "png"},
        {"width": 60, "height": 60, "format": "avif"},
        animation="animate",
    )
    jpeg, webp, png, avif = (loaded(each.data) for each in render(film("GIF"), mixed).thumbnails)
    assert [getattr(each, "n_frames", 1) for each in (jpeg, webp, png, avif)] == [1, 5, 1, 1]
    assert mean(jpeg.crop((40, 25, 60, 40))) == pytest.approx((255, 0, 0), abs=12)


@pytest.mark.parametrize("written", ["webp", "gif"])
def test_an_animation_that_plays_once_plays_once(written: str) -> None:
    once = film("GIF", loop=None)
    result = render(once, settings({"width": 60, "height": 60, "format": written}, animation="animate"))
    loop = frames_of(result.thumbnails[0].data)[2]
    assert loop == (1 if written == "webp" else None)


def test_an_animation_that_breaks_off_follows_the_setting() -> None:
    source = film("GIF")
    cut = source[: len(source) * 2 // 3]
    with pytest.raises(Permanent, match="truncated"):
        render(cut, settings({"width": 60, "height": 60}, animation="animate"))
    result = render(cut, settings({"width": 60, "height": 60}, animation="animate", truncated="render"))
    assert result.facts.warnings == ("The file is truncated: what is there was rendered.",)
    assert 1 < len(frames_of(result.thumbnails[0].data)[0]) < 5


def test_a_first_frame_that_breaks_off_is_all_there_is() -> None:
    source = film("GIF")
    cut = source[: source.index(b",\0\0\0\0\x78\0\x50\0") + 200]
    result = render(cut, settings({"width": 60, "height": 60}, animation="animate", truncated="render"))
    assert result.facts.warnings == ("The file is truncated: what is there was rendered.",)


def test_still_pictures_are_not_touched_by_the_setting() -> None:
    source, box = saved(quadrants(), "PNG"), {"width": 30, "height": 30}
    assert render(source, settings(box)) == render(source, settings(box, animation="animate"))


@pytest.mark.parametrize("written", ["webp", "gif"])
def test_what_has_moved_on_leaves_nothing_behind(written: str) -> None:
    frames = [Image.new("RGBA", (120, 80), (0, 0, 0, 0)) for _ in range(3)]
    for index, frame in enumerate(frames):
        frame.paste((255, 0, 0, 255), (40 * index, 20, 40 * index + 40, 60))
    source = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=50, disposal=1, blend=0)
    result = render(source, settings({"width": 60, "height": 60, "format": written}, animation="animate"))
    for index, frame in enumerate(frames_of(result.thumbnails[0].data)[0]):
        alphas = [frame.getpixel((20 * place + 10, 20))[3] for place in range(3)]  # type: ignore[index]
        assert alphas == [255 if place == index else 0 for place in range(3)]
