"""HEIF in tiles, decoded one by one: the pixels are those of the whole, however it is turned, cut or broken."""

from __future__ import annotations

import struct
from unittest.mock import patch

import pytest
from PIL import Image, ImageChops

from renderer.containers import box, with_properties
from renderer.pictures import DATA, loaded, photograph, psnr, rendered, settings
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer import heif_tiles
from thumbnail_pipeline.renderer.formats import inspect
from thumbnail_pipeline.renderer.rendering import Rendered, render
from thumbnail_pipeline.settings import Limits

pytest.importorskip("pi_heif")
GRID = (DATA / "grid.heic").read_bytes()  # 300 x 200 pixels in tiles of 128
BOX = {"width": 48, "height": 48}
TURNS = {
    (angle, mirror): [box(b"irot", bytes((angle,)))] + ([box(b"imir", bytes((mirror,)))] if mirror is not None else [])
    for angle in range(4)
    for mirror in (None, 0, 1)
}


def as_a_whole(source: bytes, box: dict[str, object]) -> Rendered:
    """Rendered the other way: decoded at once by pi-heif."""
    with patch.object(heif_tiles, "suits", return_value=False):
        return render(source, settings(box))


def tiled(source: bytes) -> bool:
    return heif_tiles.suits(inspect(source, Limits()))


def compared(source: bytes, side: int) -> float:
    """How near the two ways come, in decibels."""
    each = {"width": side, "height": side, "format": "png"}
    made, whole = render(source, settings(each)), as_a_whole(source, each)
    assert (made.facts.width, made.facts.height) == (whole.facts.width, whole.facts.height)
    return psnr(*(loaded(way.thumbnails[0].data) for way in (made, whole)))


@pytest.mark.parametrize("side", [20, 40, 300])
def test_tiles_give_the_pixels_of_the_whole(side: int) -> None:
    each = {"width": side, "height": side, "format": "png"}
    assert tiled(GRID)
    assert render(GRID, settings(each)) == as_a_whole(GRID, each)


@pytest.mark.parametrize("side", [90, 130, 180, 199])
def test_in_between_they_are_as_good(side: int) -> None:
    assert compared(GRID, side) > 46


@pytest.mark.parametrize("turn", TURNS)
def test_they_turn_as_the_whole_does(turn: tuple[int, int | None]) -> None:
    source = with_properties(GRID, *TURNS[turn])
    assert tiled(source)
    assert compared(source, 300) > 60


def test_strips_leave_no_seam() -> None:
    """What is drawn strip by strip is what is drawn at once, also where an edge lies between two rows of tiles."""
    whole = photograph("coffee.png", (70, 200))
    for height, tile in ((131, 64), (90, 64), (75, 16), (199, 20), (200, 30)):
        size = 50, height
        shrunk = heif_tiles._Shrunk(whole.size, size, 1, tile)
        for top in range(0, whole.height, tile):
            shrunk.put(whole.crop((0, top, 70, top + tile)), 0)
            shrunk.draw(min(tile, whole.height - top))
        difference = ImageChops.difference(shrunk.whole, whole.resize(size, Image.Resampling.BICUBIC))
        assert max(difference.tobytes()) <= 2  # Pillow chooses which way goes first


@pytest.mark.parametrize(
    "boxes",
    [
        [box(b"imir", b"\1"), box(b"irot", b"\1")],
        [box(b"irot", b"\1"), box(b"irot", b"\1")],
        [box(b"clap", struct.pack(">8I", 100, 1, 80, 1, 0, 1, 0, 1))],
    ],
)
def test_what_is_turned_or_cut_otherwise_is_decoded_as_a_whole(boxes: list[bytes]) -> None:
    source = with_properties(GRID, *boxes)
    assert tiled(GRID)
    assert not tiled(source)
    assert rendered(source, 40, 40).facts.width in {80, 100, 200, 300}


def test_a_picture_that_is_no_grid_is_decoded_as_a_whole() -> None:
    assert not tiled((DATA / "gradient.heic").read_bytes())


def test_a_grid_of_ten_bits_is_told_from_one_of_eight() -> None:
    coding = inspect((DATA / "large/ten_bits_422.heic").read_bytes(), Limits()).heif
    assert coding is not None
    assert (coding.samples, coding.deep) == (2, True)


def broken(what: str) -> bytes:
    at = GRID.index(b"dimg")
    data = GRID.index(b"mdat") + 8
    ispe = [place for place in range(len(GRID)) if GRID.startswith(b"ispe", place)]
    sizes = {struct.unpack(">II", GRID[place + 8 : place + 16]): place + 8 for place in ispe}
    match what:
        case "no such tile":
            return GRID[: at + 8] + b"\0\x63" + GRID[at + 10 :]
        case "itself":
            return GRID[: at + 8] + GRID[at + 4 : at + 6] + GRID[at + 10 :]
        case "fewer tiles":
            return GRID.replace(struct.pack(">II", 300, 200), struct.pack(">II", 500, 400))
        case "smaller tiles":
            place = sizes[128, 128]
            return GRID[:place] + struct.pack(">II", 64, 64) + GRID[place + 8 :]
        case "larger tiles":
            place = sizes[128, 128]
            return GRID[:place] + struct.pack(">II", 4096, 4096) + GRID[place + 8 :]
        case "pixels":
            return GRID[: data + 200] + bytes(2000) + GRID[data + 2200 :]
        case _:
            return GRID[:-900]


@pytest.mark.parametrize(
    "what", ["no such tile", "itself", "fewer tiles", "smaller tiles", "larger tiles", "pixels", "end"]
)
@pytest.mark.parametrize("policy", ["fail", "render"])
def test_a_grid_that_is_broken_is_the_failure_of_that_image_alone(what: str, policy: str) -> None:
    source, chosen = broken(what), settings(BOX, truncated=policy)
    reason = "READY"
    try:
        render(source, chosen)
    except Permanent as error:
        reason = error.reason
    else:
        with patch.object(heif_tiles, "suits", return_value=False):
            render(source, chosen)  # which then renders as a whole, too
    assert reason in {"READY", "corrupt", "truncated", "too-many-pixels"}


@pytest.mark.parametrize(("bound", "version"), [("_OLDEST", 0x01FFFFFF), ("_NEXT", 0x01000000)])
def test_another_libheif_is_left_to_pi_heif(monkeypatch: pytest.MonkeyPatch, bound: str, version: int) -> None:
    monkeypatch.setattr(heif_tiles, bound, version)
    heif_tiles._library.cache_clear()
    try:
        assert not tiled(GRID)
        assert rendered(GRID, 48, 48).facts.width == 300
    finally:
        heif_tiles._library.cache_clear()
