"""Facts about a source: sane, complete, and nothing personal."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from renderer.pictures import PHOTOGRAPHS, mean, photograph, psnr, rendered, saved, settings
from thumbnail_pipeline.renderer.placeholder import dominant_colour, thumbhash
from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_the_facts_of_a_photograph() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x9003: "2024:05:31 18:04:05", 0x9011: "+02:00"})
    source = saved(photograph("coffee.png"), "JPEG", exif=exif, quality=90)
    facts = rendered(source, 64, 64).facts
    assert (facts.format, facts.width, facts.height, facts.bytes) == ("jpeg", 400, 600, len(source))
    assert (facts.mode, facts.frames, facts.has_alpha, facts.warnings) == ("RGB", 1, False, ())
    assert facts.captured_at == "2024-05-31T18:04:05+02:00"


@pytest.mark.parametrize(
    ("taken", "zone", "expected"),
    [
        ("2024:05:31 18:04:05", None, "2024-05-31T18:04:05"),
        ("2024:05:31 18:04:05\0", "+14:30", "2024-05-31T18:04:05+14:30"),
        ("2024:05:31 18:04:05", "somewhere", "2024-05-31T18:04:05"),
        ("2024:02:31 18:04:05", None, None),
        ("0000:00:00 00:00:00", None, None),
        ("1700:01:01 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_only_a_moment_that_can_be_meant_is_kept(taken: str, zone: str | None, expected: str | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    if zone:
        exif.get_ifd(0x8769)[0x9011] = zone
    assert rendered(saved(photograph(), "JPEG", exif=exif), 8, 8).facts.captured_at == expected


@pytest.mark.parametrize("block", [b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xee" * 99])
def test_a_broken_exif_block_costs_itself_alone(block: bytes) -> None:
    facts = rendered(saved(photograph(), "JPEG", exif=block), 64, 64).facts
    assert (facts.width, facts.height, facts.captured_at) == (600, 400, None)


def test_a_broken_exif_block_is_told_once_whoever_decodes_the_pixels() -> None:
    """Of a file that stops half-way, as of any that libspng refuses, Pillow decodes the pixels in the end."""
    source = saved(photograph(), "PNG", exif=b"II*\0\xff\xff\xff\x7f")
    policies = settings({"name": "small", "width": 64, "height": 64}, truncated="render")
    warnings = render(source[: len(source) // 2], policies).facts.warnings
    assert len([each for each in warnings if "EXIF" in each]) == 1


def test_alpha_is_a_fact_only_where_something_shows_through() -> None:
    picture = photograph().convert("RGBA")
    assert not rendered(saved(picture, "PNG"), 64, 64).facts.has_alpha
    picture.putpixel((0, 0), (0, 0, 0, 0))
    assert rendered(saved(picture, "PNG"), 64, 64).facts.has_alpha


@pytest.mark.parametrize("crop", [{}, {"fit": "cover"}, {"fit": "cover", "crop": "attention"}])
def test_colour_and_placeholder_are_those_of_the_whole_picture(crop: dict[str, str]) -> None:
    picture = Image.new("RGB", (400, 100), "#204080")
    picture.paste("#f0f0f0", (150, 0, 250, 100))
    facts = rendered(saved(picture, "PNG"), 50, 50, **crop).facts
    red, green, blue = (int(facts.dominant_colour[at : at + 2], 16) for at in (1, 3, 5))
    assert (red, green, blue) == pytest.approx((0x20, 0x40, 0x80), abs=8)
    assert drawn(facts.placeholder).size[0] == 32


def test_invisible_pixels_have_no_colour() -> None:
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert dominant_colour(picture) == "#000000"
    picture.paste((0, 0, 255, 255), (0, 0, 8, 8))
    assert dominant_colour(picture) == "#0000ff"


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_placeholder_looks_like_the_photograph(name: str) -> None:
    picture = photograph(name, (300, 200))
    hashed = thumbhash(picture, *picture.size)
    assert len(base64.b64decode(hashed)) <= 28
    shown = drawn(hashed)
    assert mean(shown) == pytest.approx(mean(picture), abs=6)
    reference = picture.resize(shown.size, Image.Resampling.BOX)
    flat = Image.new("RGB", shown.size, tuple(map(round, mean(reference))))
    # noise as fine as a field of galaxies has no waves that long; everything else comes out nearer than one colour
    assert psnr(shown, reference) > psnr(flat, reference) - 0.5


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (100, 100), (1000, 10), (10, 1000)])
def test_the_placeholder_knows_shape_and_transparency(size: tuple[int, int]) -> None:
    picture = Image.new("RGBA", size, (200, 40, 40, 255))
    opaque = drawn(thumbhash(picture, *size))
    assert (opaque.width > opaque.height) == (size[0] > size[1])
    assert mean(opaque) == pytest.approx((200, 40, 40), abs=6)
    picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    alpha = drawn(thumbhash(picture, *size)).getchannel("A")
    assert alpha.getpixel((0, alpha.height // 2)) < 80  # type: ignore[operator]
    assert alpha.getpixel((alpha.width - 1, alpha.height // 2)) > 175  # type: ignore[operator]


def drawn(placeholder: str) -> Image.Image:
    """The picture that a ThumbHash stands for, by the format's description: https://evanw.github.io/thumbhash/"""
    packed = base64.b64decode(placeholder)
    first, second = int.from_bytes(packed[:3], "little"), int.from_bytes(packed[3:5], "little")
    transparent, landscape = bool(first >> 23), bool(second >> 15)
    most = 5 if transparent else 7
    across = max(3, most if landscape else second & 7)
    down = max(3, second & 7 if landscape else most)
    at = 6 if transparent else 5
    nibbles = [half for byte in packed[at:] for half in (byte & 15, byte >> 4)]

    def channel(mean: float, scale: float, nx: int, ny: int) -> tuple[float, float, int, int, Sequence[int]]:
        count = sum(1 for y in range(ny) for x in range(nx) if (x or y) and x * ny < nx * (ny - y))
        taken = [nibbles.pop(0) for _ in range(count)]
        return mean, scale, nx, ny, taken

    channels = [
        channel((first & 63) / 63, (first >> 18 & 31) / 31, across, down),
        channel((first >> 6 & 63) / 31.5 - 1, (second >> 3 & 63) / 63 * 1.25, 3, 3),
        channel((first >> 12 & 63) / 31.5 - 1, (second >> 9 & 63) / 63 * 1.25, 3, 3),
    ]
    if transparent:
        channels.append(channel((packed[5] & 15) / 15, (packed[5] >> 4) / 15, 5, 5))
    ratio = (most if landscape else second & 7) / (second & 7 if landscape else most)
    width, height = (32, max(1, round(32 / ratio))) if ratio > 1 else (max(1, round(32 * ratio)), 32)
    planes = []
    for mean_, scale, nx, ny, taken in channels:
        plane = np.full((height, width), mean_)
        waves = iter(taken)
        for y in range(ny):
            for x in range(nx):
                if (x or y) and x * ny < nx * (ny - y):
                    wave_x = np.cos(math.pi * x * (np.arange(width) + 0.5) / width)
                    wave_y = np.cos(math.pi * y * (np.arange(height) + 0.5) / height)
                    plane += 2 * (next(waves) / 7.5 - 1) * scale * np.outer(wave_y, wave_x)
        planes.append(plane)
    light, yellow, pink = planes[:3]
    blue = light - 2 / 3 * yellow
    red = (3 * light - blue + pink) / 2
    green = red - pink
    alpha = planes[3] if transparent else np.ones_like(light)
    stacked = np.clip(np.stack([red, green, blue, alpha], axis=-1), 0, 1) * 255
    return Image.fromarray(stacked.round().astype(np.uint8))
