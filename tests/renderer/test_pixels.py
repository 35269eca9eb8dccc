"""Pixels: every kind that a file can hold comes out in the right colours, held against libvips and a full decode."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from renderer.pictures import (
    DATA,
    PHOTOGRAPHS,
    loaded,
    mean,
    photograph,
    psnr,
    rendered,
    saved,
    settings,
    thumbnail,
)
from thumbnail_pipeline.renderer.rendering import render

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def full_decode(source: bytes, size: tuple[int, int]) -> Image.Image:
    """What nobody can argue with: every pixel decoded, Lanczos straight to the size."""
    return loaded(source).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def vips(source: bytes, width: int, height: int) -> Image.Image:
    """What libvips makes of it."""
    image = pyvips.Image.thumbnail_buffer(source, width, height=height, size="down", output_profile="srgb")
    if image.bands > 3:
        image = image.flatten(background=[255, 255, 255])
    return loaded(image.pngsave_buffer())


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("side", [64, 200])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "progressive", "WEBP", "TIFF"])
def test_photographs_are_what_a_full_decode_gives(name: str, side: int, kind: str) -> None:
    lossless: dict[str, dict[str, Any]] = {
        "PNG": {},
        "WEBP": {"lossless": True, "method": 0},
        "TIFF": {"compression": "tiff_lzw"},
    }
    options = lossless.get(kind, {"quality": 92, "progressive": kind == "progressive"})
    source = saved(photograph(name, (1200, 900)), kind if kind in lossless else "JPEG", **options)
    made = thumbnail(source, side, side)
    reference = full_decode(source, made.size)
    assert psnr(made, reference) > 38
    assert mean(made) == pytest.approx(mean(reference), abs=0.7)
    assert psnr(made, vips(source, side, side)) > 33


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_small_thumbnail_drawn_from_a_larger_one_is_as_good(name: str) -> None:
    source = saved(photograph(name, (1200, 900)), "JPEG", quality=92)
    sides = (600, 300, 128, 64)
    result = render(source, settings(*({"width": side, "height": side, "format": "png"} for side in sides)))
    for made in result.thumbnails:
        reference = full_decode(source, (made.width, made.height))
        assert psnr(loaded(made.data), reference) > 38
        assert mean(loaded(made.data)) == pytest.approx(mean(reference), abs=0.7)


def modes() -> dict[str, tuple[Image.Image, str, dict[str, Any]]]:
    """One small photograph in each kind of pixel: picture, format, options."""
    colour = photograph("coffee.png", (240, 160))
    grey = colour.convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    big_endian = Image.frombytes("I;16B", grey.size, (np.asarray(grey).astype(">u2") * 257).astype(">u2").tobytes())
    soft = Image.merge("RGBA", (*colour.split(), Image.linear_gradient("L").resize(colour.size)))
    return {
        "1-bit PNG": (colour.convert("1"), "PNG", {}),
        "8-bit grey PNG": (grey, "PNG", {}),
        "16-bit grey PNG": (wide, "PNG", {}),
        "16-bit grey TIFF": (wide, "TIFF", {}),
        "16-bit big-endian grey TIFF": (big_endian, "TIFF", {}),
        "grey and alpha PNG": (soft.convert("LA"), "PNG", {}),
        "RGBA PNG": (soft, "PNG", {}),
        "RGBA WebP": (soft, "WEBP", {"lossless": True}),
        "RGBA TIFF": (soft, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "palette PNG": (colour.quantize(200), "PNG", {}),
        "2-bit palette PNG": (colour.quantize(4), "PNG", {"bits": 2}),
        "palette and alpha PNG": (soft.quantize(200), "PNG", {}),
        "palette TIFF": (colour.quantize(200), "TIFF", {}),
        "palette BMP": (colour.quantize(200), "BMP", {}),
        "BMP": (colour, "BMP", {}),
        "GIF": (colour.quantize(200), "GIF", {}),
        "grey JPEG": (grey, "JPEG", {"quality": 95}),
        "4:4:4 JPEG": (colour, "JPEG", {"quality": 95, "subsampling": 0}),
        "4:2:2 progressive JPEG": (colour, "JPEG", {"quality": 95, "subsampling": 1, "progressive": True}),
        "LZW TIFF": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "JPEG TIFF": (colour, "TIFF", {"compression": "jpeg"}),
        "PackBits TIFF": (colour, "TIFF", {"compression": "packbits"}),
        "fax TIFF": (colour.convert("1"), "TIFF", {"compression": "group4"}),
        "AVIF": (colour, "AVIF", {"quality": 90, "subsampling": "4:4:4"}),
    }


@pytest.mark.parametrize("kind", modes())
@pytest.mark.parametrize("side", [24, 100])
def test_every_kind_of_pixel_looks_as_in_libvips(kind: str, side: int) -> None:
    picture, form, options = modes()[kind]
    source = saved(picture, form, **options)
    made = thumbnail(source, side, side, format="jpeg", quality=100, background="#ffffff")
    reference = vips(source if form != "BMP" else saved(picture, "PNG"), side, side)  # libvips reads no BMP
    assert psnr(made, reference) > (18 if "1-bit" in kind or "fax" in kind else 27)
    assert mean(made) == pytest.approx(mean(reference), abs=2.5)


def test_sixteen_bits_a_channel_are_scaled_not_clipped() -> None:
    pixels = (np.asarray(photograph("coffee.png", (240, 160))).astype(np.uint16) * 257).copy()
    source = pyvips.Image.new_from_array(pixels, interpretation="rgb16").pngsave_buffer(bitdepth=16)
    assert (
        psnr(thumbnail(source, 80, 80), photograph("coffee.png", (240, 160)).resize((80, 53), Image.Resampling.LANCZOS))
        > 35
    )


def test_floating_point_is_stretched_between_its_extremes() -> None:
    ramp = np.tile(np.linspace(-2, 3, 200, dtype=np.float32), (100, 1))
    made = thumbnail(saved(Image.fromarray(ramp), "TIFF"), 100, 100).convert("L")
    assert made.getpixel((0, 25)) == pytest.approx(0, abs=3)
    assert made.getpixel((99, 25)) == pytest.approx(255, abs=3)
    assert mean(made)[0] == pytest.approx(127.5, abs=2)


def test_the_colour_under_transparency_does_not_bleed() -> None:
    picture = Image.new("RGBA", (200, 200), (0, 255, 0, 0))  # transparent green
    picture.paste((255, 0, 0, 255), (50, 50, 150, 150))
    for form in ("PNG", "WEBP"):
        source = saved(picture, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
        for side in (100, 30, 10):
            made = thumbnail(source, side, side, fit="pad", background="#ffffff")
            red, green, blue = (np.asarray(band, dtype=int) for band in made.split())
            assert (green - blue).max() < 16  # between red and white, green and blue rise together
            assert red.min() > 235
    assert thumbnail(saved(picture, "PNG"), 100, 100).mode == "RGBA"


@pytest.mark.parametrize(("mode", "clear"), [("RGB", (255, 0, 255)), ("L", 7), ("P", 0), ("I;16", 513)])
def test_a_transparent_colour_is_transparent(mode: str, clear: Any) -> None:
    picture = Image.new("RGB", (64, 64), (255, 0, 255)) if mode != "I;16" else Image.new("I;16", (64, 64), 513)
    if mode == "L":
        picture = Image.new("L", (64, 64), 7)
    if mode == "P":
        picture = Image.new("P", (64, 64), 0)
        picture.putpalette([255, 0, 255, 0, 0, 0])
    middle: Any = {"RGB": (0, 0, 0), "L": 0, "P": 1, "I;16": 257}[mode]
    picture.paste(middle, (16, 16, 48, 48))
    made = thumbnail(saved(picture, "PNG", transparency=clear), 32, 32)
    assert made.mode == "RGBA"
    alpha = made.getchannel("A")
    assert (alpha.getpixel((2, 2)), alpha.getpixel((16, 16))) == (0, 255)
    flat = thumbnail(saved(picture, "PNG", transparency=clear), 32, 32, format="jpeg", background="#00ff00")
    assert flat.getpixel((2, 2)) == pytest.approx((0, 255, 0), abs=6)


def test_alpha_that_hides_nothing_is_dropped() -> None:
    source = saved(photograph("coffee.png").convert("RGBA"), "PNG")
    result = rendered(source, 100, 100)
    assert not result.facts.has_alpha
    assert loaded(result.thumbnails[0].data).mode == "RGB"


def matrix_profile(primaries: str) -> bytes:
    """A real RGB profile out of libvips: Display P3."""
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_export(output_profile=primaries)
    return bytes(image.get("icc-profile-data"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_wide_gamut_is_brought_into_srgb(form: str) -> None:
    profile = matrix_profile("p3")
    stored = Image.new("RGB", (64, 64), (200, 80, 60))
    wanted = ImageCms.profileToProfile(stored, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    assert wanted is not None
    source = saved(stored, form, icc_profile=profile, **({"quality": 100} if form in {"JPEG", "AVIF"} else {}))
    result = rendered(source, 32, 32)
    made = loaded(result.thumbnails[0].data)
    assert mean(made) == pytest.approx(mean(wanted), abs=3)
    assert abs(mean(wanted)[0] - 200) > 8
    assert "icc_profile" not in made.info
    assert result.facts.warnings == ()


def test_alpha_survives_a_profile() -> None:
    picture = Image.new("RGBA", (64, 64), (200, 80, 60, 128))
    made = thumbnail(saved(picture, "PNG", icc_profile=matrix_profile("p3")), 32, 32)
    assert made.getchannel("A").getextrema() == (128, 128)
    assert mean(made)[0] > 210


def test_a_profile_named_srgb_changes_nothing() -> None:
    source = photograph("coffee.png")
    plain, tagged = saved(source, "PNG"), saved(source, "PNG", icc_profile=SRGB.tobytes())
    assert rendered(plain, 64, 64).thumbnails[0].data == rendered(tagged, 64, 64).thumbnails[0].data


@pytest.mark.parametrize(
    "profile", [b"not a profile", SRGB.tobytes()[:200], b"\0" * 3000], ids=["no profile", "cut off", "zeros"]
)
def test_a_broken_profile_costs_itself_alone(profile: bytes) -> None:
    result = rendered(saved(photograph("coffee.png"), "JPEG", icc_profile=profile), 64, 64)
    assert len(result.facts.warnings) == 1
    assert "colour profile was ignored" in result.facts.warnings[0]
    assert mean(loaded(result.thumbnails[0].data)) == pytest.approx(mean(photograph("coffee.png")), abs=2)


def test_a_profile_for_other_pixels_is_ignored() -> None:
    source = saved(photograph("coffee.png").convert("L"), "JPEG", icc_profile=SRGB.tobytes())
    assert "colour profile was ignored" in rendered(source, 64, 64).facts.warnings[0]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_ink_without_a_profile_looks_like_print(form: str) -> None:
    inks = {
        "paper": ((0, 0, 0, 0), (255, 255, 255)),
        "cyan": ((255, 0, 0, 0), (0, 174, 239)),
        "magenta": ((0, 255, 0, 0), (236, 0, 140)),
        "yellow": ((0, 0, 255, 0), (255, 242, 0)),
        "black": ((0, 0, 0, 255), (35, 31, 32)),
    }
    for ink, shown in inks.values():
        picture = Image.new("CMYK", (64, 64), ink)
        made = thumbnail(saved(picture, form, **({"quality": 100} if form == "JPEG" else {})), 16, 16)
        assert mean(made) == pytest.approx(shown, abs=8)


def test_ink_without_a_profile_is_nearer_to_libvips_than_arithmetic_is() -> None:
    picture = photograph("coffee.png", (300, 200)).convert("CMYK")
    source = saved(picture, "TIFF")
    reference = vips(source, 100, 100)
    plain = picture.convert("RGB").resize(reference.size, Image.Resampling.LANCZOS)
    assert psnr(thumbnail(source, 100, 100), reference) > psnr(plain, reference) + 3


def test_ink_with_a_profile_follows_it() -> None:
    original = photograph("coffee.png", (300, 200))
    image = pyvips.Image.new_from_memory(original.tobytes(), 300, 200, 3, "uchar").copy(interpretation="srgb")
    for save in ("jpegsave_buffer", "tiffsave_buffer"):
        source = bytes(getattr(image.icc_export(output_profile="cmyk"), save)())
        made = thumbnail(source, 100, 100)
        reference = original.resize(made.size, Image.Resampling.LANCZOS)
        # libvips does without black point compensation, and its shadows are lighter than the original's.
        assert psnr(made, reference) > max(28, psnr(vips(source, 100, 100), reference) + 3)


def test_heic_is_decoded_upright() -> None:
    pytest.importorskip("pi_heif")
    result = rendered((DATA / "gradient.heic").read_bytes(), 48, 48)
    made = loaded(result.thumbnails[0].data).convert("RGB")
    assert (result.facts.format, result.facts.width, result.facts.height, made.size) == ("heif", 96, 64, (48, 32))
    assert made.getpixel((2, 2)) == pytest.approx((8, 8, 96), abs=24)


def test_the_same_source_always_gives_the_same_bytes() -> None:
    forms = [{"width": 100, "height": 100, "format": form} for form in ("webp", "jpeg", "png", "avif", "gif")]
    source = saved(photograph("coffee.png"), "JPEG", icc_profile=matrix_profile("p3"))
    assert render(source, settings(*forms)) == render(source, settings(*forms))


def test_the_bytes_do_not_depend_on_the_processors() -> None:
    picture = photograph("coffee.png", (1280, 853))
    made = rendered(saved(picture, "PNG"), 1280, 1280, format="avif").thumbnails[0].data
    # libavif tiles a picture by how many threads it has
    assert made == saved(picture, "AVIF", quality=80, speed=7, max_threads=1)
    assert made != saved(picture, "AVIF", quality=80, speed=7, max_threads=2)
