"""Kinds of file that few encoders write, and many decoders get wrong: held against libvips, and against Chromium.

What Chromium makes of `browser.cases()` is in browser.json; `python -m renderer.browser` asks it anew.
"""

from __future__ import annotations

import ctypes
import json
import random
import struct
import zlib
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import pyvips
from PIL import Image

from renderer import browser
from renderer.containers import GREY, PALETTE, RGB, bitmap, chunk, gif, gif_frame, grown, png, tiff
from renderer.pictures import DATA, loaded, mean, photograph, psnr, reason, rendered, saved, settings, thumbnail
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer import png_rows, rendering, webp_scaled
from thumbnail_pipeline.renderer.formats import inspect
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Limits

# ── PNG ──────────────────────────────────────────────────────────────────────────────────────────────


def on_white(picture: Image.Image) -> tuple[float, float, float]:
    """The mean colour of what shows on white."""
    canvas = Image.new("RGBA", picture.size, "white")
    canvas.alpha_composite(picture.convert("RGBA"))
    return mean(canvas)


def seen_by_vips(source: bytes) -> tuple[tuple[float, float, float], float]:
    """The mean colour on white, and the mean of alpha, as libvips decodes it."""
    image = pyvips.Image.new_from_buffer(source, "")
    if image.interpretation in {"rgb16", "grey16"}:
        image = image.colourspace("srgb")
    else:
        image = image.colourspace("srgb") if image.interpretation != "multiband" else image
    alpha = image[image.bands - 1].avg() if image.hasalpha() else 255.0
    flat = image.flatten(background=[255, 255, 255]) if image.hasalpha() else image
    red, green, blue = (flat[min(band, flat.bands - 1)].avg() for band in range(3))
    return (red, green, blue), alpha


def alpha_of(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("RGBA").getchannel("A"), dtype=float).mean())


@pytest.mark.parametrize(
    ("bits", "colours"),
    [
        (1, GREY),
        (2, GREY),
        (4, GREY),
        (8, GREY),
        (16, GREY),
        (8, RGB),
        (16, RGB),
        *((n, PALETTE) for n in (1, 2, 4, 8)),
    ],
)
def test_a_transparent_colour_of_any_depth_is_transparent(bits: int, colours: int) -> None:
    chance, most = random.Random(bits * 8 + colours), (1 << bits) - 1
    channels = 3 if colours == RGB else 1
    clear = [chance.randint(0, most) for _ in range(channels)]
    # Half of the pixels have the colour; those of the other half differ from it by little.
    near = [value ^ 1 for value in clear]
    rows = [(clear + near) * 16 if row % 2 else (near + clear) * 16 for row in range(32)]
    before = chunk(b"tRNS", struct.pack(f">{channels}H", *clear))
    if colours == PALETTE:
        palette = bytes(chance.randrange(256) for _ in range(3 << bits))
        before = chunk(b"PLTE", palette) + chunk(b"tRNS", bytes(255 * (n != clear[0]) for n in range(clear[0] + 1)))
    source = png(rows, bits, colours, before=before)
    shown, alpha = seen_by_vips(source)
    made = thumbnail(source, 32, 32)
    assert alpha == pytest.approx(127.5)
    assert alpha_of(made) == pytest.approx(alpha, abs=0.1)
    assert on_white(made) == pytest.approx(shown, abs=1.5)


PLAIN = photograph("coffee.png", (60, 40))
PIXELS = saved(PLAIN, "PNG")
BESIDE = {
    "checksum": (chunk(b"pHYs", bytes(9), crc=1), "pHYs"),
    "checksum of a text": (chunk(b"tEXt", b"Title\0A cup", crc=1), "tEXt"),
    "checksum of what nobody knows": (chunk(b"vpAg", bytes(9), crc=7), "vpAg"),
    "checksum of EXIF": (chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0", crc=7), "eXIf"),
    "short": (chunk(b"pHYs", bytes(4)), "pHYs"),
    "method of a text": (chunk(b"zTXt", b"Comment\0\x09" + zlib.compress(b"a cup")), "zTXt"),
    "method of a profile": (chunk(b"iCCP", b"icc\0\x09" + zlib.compress(b"a cup")), "iCCP"),
    "no deflate": (chunk(b"iCCP", b"icc\0\0" + b"a cup of coffee"), "iCCP"),
    "cut deflate": (chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(5000))[:-9]), "iCCP"),
    "a profile without end": (chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(9 << 20))), "iCCP"),
    "a long text": (chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 20))), "zTXt"),
    "a long international text": (
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(1 << 20))), "iTXt",
    ),
    "transparency": (chunk(b"tRNS", b"\0\1"), "tRNS"),
    "EXIF": (chunk(b"eXIf", b"II*\0\xff\xff\xff\x7f"), "EXIF"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize("place", ["before", "after"])
def test_what_is_beside_the_pixels_of_a_png_costs_itself_alone(kind: str, place: str) -> None:
    beside, name = BESIDE[kind]
    at = PIXELS.index(b"IDAT") - 4 if place == "before" else PIXELS.index(b"IEND") - 4
    result = rendered(PIXELS[:at] + beside + PIXELS[at:], 60, 40)
    assert result.thumbnails[0].data == rendered(PIXELS, 60, 40).thumbnails[0].data
    if place == "after" and name in {"iCCP", "tRNS", "EXIF"} and "checksum" not in kind:
        assert result.facts.warnings == ()  # not looked at there
    else:
        (warning,) = result.facts.warnings
        assert name in warning
        assert "ignored" in warning


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT"])
def test_what_the_pixels_need_is_not_done_without(kind: bytes) -> None:
    source = bytearray(saved(PLAIN.quantize(16), "PNG"))
    at = source.index(kind)
    if kind == b"IDAT":
        source[at + 20 : at + 40] = bytes(20)
    else:
        source[at + 6] ^= 1
    assert reason(bytes(source)) == "corrupt"


@pytest.mark.parametrize("noise", [b"\0" * 40, b"\0\0\0\4\1\2\3\4noise"])
def test_noise_behind_the_pixels_of_a_png_costs_nothing(noise: bytes) -> None:
    at = PIXELS.index(b"IEND") - 4
    for source in (PIXELS[:at] + noise, PIXELS[:at] + noise + PIXELS[at:]):
        assert rendered(source, 60, 40).thumbnails[0].data == rendered(PIXELS, 60, 40).thumbnails[0].data
    half = PIXELS[: len(PIXELS) // 2]
    length = struct.pack(">I", len(half) - PIXELS.index(b"IDAT") - 8)
    broken = half.replace(PIXELS[PIXELS.index(b"IDAT") - 4 :][:8], length + b"IDAT", 1) + noise
    assert reason(broken) in {"truncated", "corrupt"}
    assert render(broken, settings({"width": 60, "height": 40}, truncated="render")).facts.warnings != ()


def test_a_row_whose_filter_is_none_that_there_is_ends_a_png_that_is_rendered_anyway() -> None:
    rows = [bytes((0 if row < 20 else 9, *[200] * 48)) for row in range(32)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 32, 8, RGB, 0, 0, 0))
    source = PIXELS[:8] + header + chunk(b"IDAT", zlib.compress(b"".join(rows))) + PIXELS[-12:]
    assert reason(source) == "corrupt"
    made = render(source, settings({"width": 16, "height": 32, "format": "png"}, truncated="render"))
    assert made.facts.warnings != ()
    assert loaded(made.thumbnails[0].data).convert("RGB").getpixel((3, 15)) == (200, 200, 200)


def test_a_large_profile_is_used() -> None:
    profile = bytes(
        pyvips.Image.black(1, 1, bands=3)
        .copy(interpretation="srgb")
        .icc_export(output_profile="p3")
        .get("icc-profile-data")
    )
    large = struct.pack(">I", 3 << 20) + profile[4:].ljust((3 << 20) - 4, b"\0")
    named = b"icc\0\0" + zlib.compress(large)
    red = png([[200, 80, 60] * 16] * 16, 8, RGB, before=chunk(b"iCCP", named))
    result = rendered(red, 16, 16)
    assert result.facts.warnings == ()
    assert mean(loaded(result.thumbnails[0].data))[0] > 208


def test_exif_behind_the_pixels_does_not_turn() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turning = chunk(b"eXIf", exif.tobytes()[6:])
    for at, width in ((33, 40), (len(PIXELS) - 12, 60)):  # as in browsers
        assert rendered(PIXELS[:at] + turning + PIXELS[at:], 60, 60).facts.width == width


def grey_profile(gamma: float) -> bytes:
    """An ICC profile for grey."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve)) + white + curve
    head = struct.pack(">I4xI4s4s4s12x4s28x", 128 + len(tags), 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    return head + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + tags


def test_grey_with_alpha_has_its_profile_as_grey_has() -> None:
    grey = Image.linear_gradient("L").resize((16, 16))
    profile = grey_profile(1.0)
    plain, soft = (
        rendered(saved(picture, "PNG", icc_profile=profile), 16, 16)
        for picture in (grey, Image.merge("LA", (grey, Image.new("L", grey.size, 200))))
    )
    assert soft.facts.warnings == ()
    light, other = (loaded(each.thumbnails[0].data) for each in (plain, soft))
    assert mean(light)[0] > mean(grey)[0] + 30
    assert psnr(light, other) > 50
    assert alpha_of(other) == pytest.approx(200)
    # Colours with such a profile are a mistake of their own.
    colour = PLAIN.copy()
    colour.putalpha(Image.linear_gradient("L").resize(PLAIN.size))
    assert rendered(saved(colour, "PNG", icc_profile=profile), 16, 16).facts.warnings != ()


def test_a_png_in_shreds_is_refused() -> None:
    shreds = chunk(b"vpAg", b"") * 500_001
    assert reason(PIXELS[:33] + shreds + PIXELS[33:]) == "corrupt"


def test_a_png_for_ios_is_told_apart() -> None:
    assert reason(PIXELS[:8] + chunk(b"CgBI", bytes(4)) + PIXELS[8:]) == "unsupported-format"


# ── rows of PNG ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "opaque"])
@pytest.mark.parametrize("size", [(1201, 803), (1, 900), (900, 1), (7, 5)])
@pytest.mark.parametrize("turned", [False, True])
def test_row_by_row_a_png_has_the_very_pixels_that_pillow_decodes(
    mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, *, turned: bool
) -> None:
    picture = photograph("coffee.png", (1201, 803)).resize(size)
    if mode != "RGB":
        picture.putalpha(255 if mode == "opaque" else Image.linear_gradient("L").resize(size))
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    boxes = settings(*({"width": side, "height": side, "format": "png"} for side in (40, 100, 650)))
    source = saved(picture, "PNG", exif=exif)
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "opened", None)  # without Pillow
        made = render(source, boxes)
    monkeypatch.setattr(png_rows, "_library", lambda: None)
    assert made == render(source, boxes)


@pytest.mark.parametrize("policy", ["fail", "render"])
def test_what_libspng_refuses_is_for_pillow_to_judge(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved(photograph("coffee.png", (300, 200)), "PNG")
    at = whole.index(b"IDAT") + len(whole) // 2
    for source in (whole[: len(whole) // 2], whole[:at] + bytes(50) + whole[at + 50 :], whole.replace(b"IEND", b"")):
        with monkeypatch.context() as patch:
            with_rows = outcome(source, policy)
            patch.setattr(png_rows, "_library", lambda: None)
            assert with_rows == outcome(source, policy)


def outcome(source: bytes, policy: str) -> object:
    try:
        return render(source, settings({"width": 64, "height": 64, "format": "png"}, truncated=policy))
    except Permanent as error:
        return error.reason


def test_no_other_png_is_read_by_rows() -> None:
    plain = rendered(PIXELS, 8, 8).facts.mode
    assert plain == "RGB"
    grey, palette, deep = (
        saved(PLAIN.convert("L"), "PNG"), saved(PLAIN.quantize(9), "PNG"),
        png([[300, 2, 3] * 4] * 4, 16, RGB),
    )  # fmt: skip
    clear = png([[1, 2, 3] * 4] * 4, 8, RGB, before=chunk(b"tRNS", b"\0\1\0\2\0\3"))
    interlaced = pyvips.Image.new_from_buffer(PIXELS, "").pngsave_buffer(interlace=True)
    suits = [png_rows.suits(inspect(each, Limits())) for each in (PIXELS, grey, palette, deep, clear, interlaced)]
    assert suits == [True, False, False, False, False, False]


# ── what turns ───────────────────────────────────────────────────────────────────────────────────────

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("exif", [False, True])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_xmp_does_not_turn(form: str, *, exif: bool) -> None:
    block = Image.Exif()
    block[0x010F] = "a camera"
    options: dict[str, Any] = {"exif": block} if exif else {}
    if form == "PNG":
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
        plain = saved(PLAIN, "PNG", **options)
        source = plain[:33] + chunk(b"iTXt", text) + plain[33:]
    elif form == "TIFF":
        source = saved(PLAIN, form, tiffinfo={700: XMP} | ({0x010F: "a camera"} if exif else {}))
    else:
        source = saved(PLAIN, form, xmp=XMP, **options)
    assert XMP in source
    facts = rendered(source, 60, 40).facts
    assert (facts.width, facts.height, facts.warnings) == (60, 40, ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_as_in_libvips(orientation: int) -> None:
    source = saved(PLAIN, "TIFF", tiffinfo={0x0112: orientation})
    made = thumbnail(source, 30, 30)
    reference = pyvips.Image.new_from_buffer(source, "").autorot()
    assert (rendered(source, 30, 30).facts.width, rendered(source, 30, 30).facts.height) == (
        reference.width,
        reference.height,
    )
    assert psnr(made, loaded(reference.pngsave_buffer()).resize(made.size, Image.Resampling.LANCZOS)) > 30


def test_a_tiff_whose_exif_is_broken_is_rendered() -> None:
    source = saved(PLAIN, "TIFF", tiffinfo={0x8769: 0x7FFFFF00})
    assert psnr(thumbnail(source, 60, 40), PLAIN) > 60


# ── JPEG ─────────────────────────────────────────────────────────────────────────────────────────────


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    ("beside", "warns"),
    [
        (segment(0xE0, b"JFIF\0"), False),
        (segment(0xE0, b"JFIF\0\1\1"), False),
        (segment(0xEE, b"Adobe"), False),
        (segment(0xEE, b"Adobe\0\x64\0\0\0"), False),
        (segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed"), False),
        (segment(0xE2, b"MPF\0II*\0\x08\0\0\0"), False),
        (segment(0xE2, b"MPF\0"), False),
        (segment(0xE2, b"ICC_PROFILE\0"), True),
        (segment(0xE2, b"ICC_PROFILE\0\1\2half"), True),
        (segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f"), True),
        (segment(0xE1, b"Exif\0\0nothing"), True),
        (segment(0xFE, b""), False),
        (b"\xff\xff\xff", False),
        (b"noise", False),
    ],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_what_is_beside_the_pixels_of_a_jpeg_costs_itself_alone(
    beside: bytes, *, warns: bool, progressive: bool
) -> None:
    plain = saved(photograph(), "JPEG", progressive=progressive)
    for side in (60, 600):
        result = rendered(plain[:20] + beside + plain[20:], side, side)
        assert result.thumbnails[0].data == rendered(plain, side, side).thumbnails[0].data
        assert bool(result.facts.warnings) == warns


def test_colours_without_jfif_and_adobe_are_as_in_libvips() -> None:
    for options in ({}, {"subsampling": 0, "quality": 95}):
        plain = saved(PLAIN, "JPEG", **options)
        bare = plain[:2] + plain[plain.index(b"\xff\xdb") :]
        for transform in (None, 0, 1):
            adobe = b"" if transform is None else segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,)))
            source = bare[:2] + adobe + bare[2:]
            assert mean(thumbnail(source, 60, 40)) == pytest.approx(seen_by_vips(source)[0], abs=1.5)


def test_a_damaged_scan_is_rendered_if_that_is_asked_for() -> None:
    source = bytearray(saved(photograph(), "JPEG", quality=90))
    chance = random.Random(1)
    for _ in range(40):
        source[chance.randrange(len(source) // 2, len(source) - 2)] = chance.randrange(1, 255)
    result = render(bytes(source), settings({"width": 64, "height": 64, "format": "png"}, truncated="render"))
    upper = loaded(result.thumbnails[0].data).crop((0, 0, 64, 18))
    assert psnr(upper, photograph().resize((64, 43), Image.Resampling.LANCZOS).crop((0, 0, 64, 18))) > 25


def test_a_jpeg_that_nothing_decodes_is_told_from_a_broken_one() -> None:
    plain = saved(PLAIN, "JPEG")
    at = plain.index(b"\xff\xc0")
    for marker in (0xC3, 0xC5, 0xCB):
        assert reason(plain[: at + 1] + bytes((marker,)) + plain[at + 2 :]) == "unsupported-format"
    assert reason(plain[: at + 4] + b"\x0c" + plain[at + 5 :]) == "unsupported-format"
    assert reason(plain[: at + 9] + b"\x02" + plain[at + 10 :]) == "unsupported-format"


def test_a_jpeg_in_shreds_is_refused() -> None:
    assert reason(b"\xff\xd8" + segment(0xDB, b"") * 10_001 + saved(PLAIN, "JPEG")[2:]) == "corrupt"


# ── canvases: Chromium is the reference ──────────────────────────────────────────────────────────────

SEEN = json.loads(browser.SEEN.read_text())


@pytest.mark.parametrize("name", browser.cases())
def test_every_frame_is_what_a_browser_shows(name: str) -> None:
    source, seen = browser.cases()[name], SEEN[name]
    box = {"width": 200, "height": 200, "format": "webp"}
    drawing = rendering._drawing(source, settings(box, animation="animate"))
    assert (drawing.facts.width, drawing.facts.height) == tuple(seen["size"])
    assert drawing.facts.frames == len(seen["frames"])
    still = rendering._drawing(source, settings(box)).pictures[0]
    moving = drawing.pictures[0] if drawing.facts.frames > 1 else still
    shown = list(zip(moving, seen["frames"], strict=True))
    if "apart" not in name:  # below: browsers show the default image only where they do not play
        shown.append((still[0], seen["still"]))
    for made, (alpha, *colour) in shown:
        assert alpha_of(made) == pytest.approx(alpha, abs=0.5)
        assert on_white(made) == pytest.approx(colour, abs=0.5)


@pytest.mark.parametrize(("count", "plays"), [(None, 1), (0, 0), (1, 2), (2, 3), (65535, 65536)])
@pytest.mark.parametrize("written", ["webp", "gif"])
def test_a_gif_plays_once_more_than_it_repeats(count: int | None, plays: int, written: str) -> None:
    pictures = [Image.new("P", (8, 8), index) for index in (0, 1)]
    for picture in pictures:
        picture.putpalette([255, 0, 0, 0, 255, 0])
    frames = [gif_frame(picture) for picture in pictures]
    source = gif((8, 8), *frames, loop=count)
    data = (
        render(source, settings({"width": 8, "height": 8, "format": written}, animation="animate")).thumbnails[0].data
    )
    loop = loaded(data).info.get("loop")
    if written == "webp":
        assert loop == min(plays, 65535)
    else:
        assert loop == count


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_webp_and_png_store_how_often_they_play(form: str, plays: int) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    source = saved(frames[0], form, save_all=True, append_images=frames[1:], loop=plays, duration=40)
    for written, stored in (("webp", plays), ("gif", {0: 0, 1: None, 3: 2}[plays])):
        made = render(source, settings({"width": 8, "height": 8, "format": written}, animation="animate"))
        assert loaded(made.thumbnails[0].data).info.get("loop") == stored


def test_the_still_of_an_animation_that_leaves_it_out_is_the_default_image() -> None:
    source = browser.cases()["APNG whose default image is apart"]
    mixed = settings(
        {"width": 16, "height": 16, "format": "png"}, {"width": 16, "height": 16, "format": "webp"}, animation="animate"
    )
    still, moving = (loaded(each.data) for each in render(source, mixed).thumbnails)
    assert mean(still) == pytest.approx((255, 0, 0), abs=1)
    assert getattr(moving, "n_frames", 1) == 2
    assert on_white(moving) != pytest.approx((255, 0, 0), abs=60)


# ── WebP ─────────────────────────────────────────────────────────────────────────────────────────────

CODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "lossy": ("RGB", {"quality": 90}),
    "lossless": ("RGB", {"lossless": True, "method": 0}),
    "lossy with alpha": ("RGBA", {"quality": 90, "method": 0}),
    "lossless with alpha": ("RGBA", {"lossless": True, "method": 0}),
}


def coded(kind: str, size: tuple[int, int]) -> bytes:
    mode, options = CODINGS[kind]
    picture = photograph("coffee.png", size).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(size))
    return saved(picture, "WEBP", **options)


@pytest.mark.parametrize("kind", CODINGS)
@pytest.mark.parametrize("side", [40, 128, 500, 1200])
def test_webp_decoded_at_the_size_that_is_needed_is_nearer_to_a_full_decode_than_libvips(kind: str, side: int) -> None:
    source = coded(kind, (1200, 801))
    made = thumbnail(source, side, side)
    whole = loaded(source).convert(made.mode)
    reference = whole.resize(made.size, Image.Resampling.LANCZOS)
    theirs = loaded(pyvips.Image.thumbnail_buffer(source, side, height=side, size="down").pngsave_buffer())
    assert psnr(over_grey(made), over_grey(reference)) > min(46, psnr(over_grey(theirs), over_grey(reference)) - 0.5)
    assert alpha_of(made) == pytest.approx(alpha_of(reference), abs=0.5)


def over_grey(picture: Image.Image) -> Image.Image:
    canvas = Image.new("RGBA", picture.size, "grey")
    canvas.alpha_composite(picture.convert("RGBA"))
    return canvas.convert("RGB")


@pytest.mark.parametrize("kind", CODINGS)
def test_without_libwebp_pillow_decodes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = coded(kind, (600, 400))
    assert webp_scaled.available()
    made, estimate = rendered(source, 100, 100), estimate_memory(source, settings({"width": 100, "height": 100}))
    monkeypatch.setattr(webp_scaled, "_library", lambda: None)
    without = rendered(source, 100, 100)
    assert psnr(*(over_grey(loaded(each.thumbnails[0].data)) for each in (made, without))) > 43
    assert replace(made.facts, dominant_colour="", placeholder="") == replace(
        without.facts, dominant_colour="", placeholder=""
    )
    assert estimate_memory(source, settings({"width": 100, "height": 100})) > estimate


def test_a_libwebp_that_lays_out_its_structures_otherwise_is_not_used() -> None:
    def longer(room: Any, _: int) -> int:
        ctypes.memset(room, 0, ctypes.sizeof(webp_scaled._Config) + 8)
        return 1

    def shorter(room: Any, _: int) -> int:
        ctypes.memset(room, 0, ctypes.sizeof(webp_scaled._Config) - 8)
        return 1

    assert not webp_scaled._is_laid_out_alike(longer)
    assert not webp_scaled._is_laid_out_alike(shorter)
    assert not webp_scaled._is_laid_out_alike(lambda *_: 0)


@pytest.mark.parametrize("kind", CODINGS)
def test_a_webp_that_is_cut_or_broken_says_which(kind: str) -> None:
    source = coded(kind, (600, 400))
    assert reason(source[: len(source) // 2]) == "truncated"
    at = source.index(b"VP8L" if "lossless" in kind else b"VP8 ") + 8
    assert reason(source[:at] + bytes(60) + source[at + 60 :]) in {"corrupt", "unsupported-format"}


@pytest.mark.parametrize("chunk_", [b"EXIF\x03\0\0\0abc\0", b"XMP \0\0\0\0", b"junk\x04\0\0\0\xff\xff\xff\xff", b"odd"])
def test_what_is_beside_the_pixels_of_a_webp_costs_itself_alone(chunk_: bytes) -> None:
    source = coded("lossy with alpha", (60, 40))
    made = rendered(source + chunk_, 30, 30)
    assert made.thumbnails[0].data == rendered(source, 30, 30).thumbnails[0].data


# ── TIFF ─────────────────────────────────────────────────────────────────────────────────────────────

SIZE = (32, 16)
AREA = SIZE[0] * SIZE[1]
ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")


def ramp(bands: int, *, most: int = 65535) -> list[list[int]]:
    """One list of samples for each band, running through the whole range at different speeds."""
    return [[(pixel * (band + 1) * most // AREA) % (most + 1) for pixel in range(AREA)] for band in range(bands)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [None, 0, 1, 2])
def test_colour_in_planes_or_not_is_as_in_libvips(
    order: Literal["<", ">"], planar: int, bits: int, extra: int | None
) -> None:
    bands = ramp(3 if extra is None else 4, most=(1 << bits) - 1)
    if extra == 1:  # nothing is brighter than its alpha
        bands = [*([value * alpha // ((1 << bits) - 1) for value, alpha in zip(band, bands[3], strict=True)]
                   for band in bands[:3]), bands[3]]  # fmt: skip
    kind = "B" if bits == 8 else "H"
    packed = [struct.pack(f"{order}{AREA}{kind}", *band) for band in bands]
    if planar == 1:
        values = [value for pixel in zip(*bands, strict=True) for value in pixel]
        packed = [struct.pack(f"{order}{len(values)}{kind}", *values)]
    tags: dict[str, Any] = {} if extra is None else {"t338": extra}
    source = tiff(SIZE, packed, order=order, t258=[bits] * len(bands), t262=2, t277=len(bands), t284=planar, **tags)
    if extra == 0:  # libvips takes it for alpha; the standard says that nobody knows what it is
        shown = pyvips.Image.new_from_buffer(source, "").colourspace("srgb").extract_band(0, n=3)
        assert mean(thumbnail(source, *SIZE)) == pytest.approx([shown[band].avg() for band in range(3)], abs=1.5)
    else:
        same_as_libvips(source)


def same_as_libvips(source: bytes) -> None:
    """The size, the mean colour on white, and alpha."""
    made = thumbnail(source, *SIZE)
    assert made.size == SIZE
    shown, alpha = seen_by_vips(source)
    assert alpha_of(made) == pytest.approx(alpha, abs=1.5)
    assert on_white(made) == pytest.approx(shown, abs=2.5)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("photometric", [0, 1])
def test_dark_and_light_are_as_in_libvips(order: Literal["<", ">"], bits: int, photometric: int) -> None:
    # A quarter is dark, so that a negative is told from what it should be.
    values = [0 if pixel % 4 else (1 << bits) - 1 for pixel in range(AREA)]
    if bits == 16:
        data = struct.pack(f"{order}{AREA}H", *values)
    else:
        text = "".join(f"{value:0{bits}b}" for value in values)
        data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    source = tiff(SIZE, [data], order=order, t258=bits, t262=photometric, t277=1)
    same_as_libvips(source)
    assert mean(thumbnail(source, *SIZE))[0] == pytest.approx(63.75 if photometric else 191.25, abs=2)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("wide", [False, True])
def test_a_colour_map_of_eight_bits_is_as_in_libvips(bits: int, *, wide: bool) -> None:
    chance, count = random.Random(bits), 1 << bits
    colours = [chance.randrange(256) * (257 if wide else 1) for _ in range(3 * count)]
    text = "".join(f"{pixel % count:0{bits}b}" for pixel in range(AREA))
    data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    same_as_libvips(tiff(SIZE, [data], t258=bits, t262=3, t277=1, t320=colours))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("extra", [1, 2])
def test_grey_with_alpha_is_as_in_libvips(order: Literal["<", ">"], extra: int) -> None:
    data = bytes(value for pixel in range(AREA) for value in (pixel % 100, 128 + pixel % 100))
    source = tiff(SIZE, [data], order=order, t258=[8, 8], t262=1, t277=2, t338=extra)
    same_as_libvips(source)
    assert rendered(source, *SIZE).facts.has_alpha


@pytest.mark.parametrize("across", [1, 2, 4])
@pytest.mark.parametrize("down", [1, 2])
def test_subsampled_colour_is_as_in_libvips(across: int, down: int) -> None:
    unit = bytes(90 + 20 * (at % 3) for at in range(across * down)) + b"\x60\xa0"
    source = tiff(SIZE, [unit * (AREA // (across * down))], t258=[8] * 3, t262=6, t277=3, t530=[across, down])
    if across == down == 1:  # libvips takes these for red, green and blue: the formula is that of TIFF 6.0, section 21
        assert mean(thumbnail(source, *SIZE)) == pytest.approx((90 + 1.402 * 32, 77.9, 90 - 1.772 * 32), abs=1.5)
    else:
        same_as_libvips(source)


def test_planes_that_differ_in_size_are_refused() -> None:
    planes = [bytes(AREA), bytes(AREA // 4), bytes(AREA // 4)]
    source = tiff(SIZE, planes, t258=[8] * 3, t262=6, t277=3, t284=2, t530=[2, 2])
    assert reason(source) == "unsupported-format"


@pytest.mark.parametrize("compression", [50001, 34676, 34677, 33003])
def test_a_tiff_that_is_compressed_otherwise_is_refused_as_such(compression: int) -> None:
    source = tiff(SIZE, [bytes(AREA * 3)], t258=[8] * 3, t262=2, t277=3)
    at = source.index(struct.pack("<HHII", 259, 3, 1, 1))
    changed = source[:at] + struct.pack("<HHII", 259, 3, 1, compression) + source[at + 12 :]
    assert reason(changed) == "unsupported-format"


def test_a_lossless_jpeg_in_a_tiff_is_refused_as_such() -> None:
    source = saved(PLAIN, "TIFF", compression="jpeg")
    at = source.index(b"\xff\xc0")
    assert reason(source[: at + 1] + b"\xc3" + source[at + 2 :]) == "unsupported-format"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -3.4028234663852886e38])
@pytest.mark.parametrize("place", [700, 1023, 5])
def test_a_pixel_without_a_value_leaves_the_others_their_range(value: float, place: int) -> None:
    numbers = np.linspace(-2, 3, 64 * 32, dtype=np.float32).reshape(32, 64)
    source = saved(Image.fromarray(numbers), "TIFF")
    plain = thumbnail(source, 64, 32)
    numbers.flat[place] = value
    made = thumbnail(saved(Image.fromarray(numbers), "TIFF"), 64, 32)
    differs = np.asarray(plain, dtype=int) != np.asarray(made, dtype=int)
    assert differs.sum() <= 1
    assert made.convert("L").getpixel((place % 64, place // 64)) == pytest.approx(0, abs=2)


def test_no_value_at_all_is_dark() -> None:
    nothing = saved(Image.fromarray(np.full((8, 8), np.nan, dtype=np.float32)), "TIFF")
    assert mean(thumbnail(nothing, 8, 8)) == (0, 0, 0)


@pytest.mark.parametrize(("compression", "big"), [("raw", False), ("raw", True), ("tiff_lzw", False), ("jpeg", False)])
@pytest.mark.parametrize("tag", [270, 305, 700, 33723, 34377, 34675, 50000])
def test_a_tag_beside_the_pixels_costs_itself_alone(tag: int, compression: str, *, big: bool) -> None:
    # 270 stands before the tags that say where the pixels are, and 34675 is the colour profile.
    source = bytearray(saved(PLAIN, "TIFF", compression=compression, big_tiff=big, tiffinfo={tag: b"a cup of coffee"}))
    plain = rendered(saved(PLAIN, "TIFF", compression=compression), 60, 40).thumbnails[0].data
    width, order = (8, "<Q") if big else (4, "<I")
    start = struct.unpack_from(order, source, width)[0] + (8 if big else 2)
    at = next(at for at in range(start, len(source), 4 + 2 * width) if source[at : at + 2] == struct.pack("<H", tag))
    for field in (4, 4 + width):  # how much there is, and where
        broken = source.copy()
        struct.pack_into(order, broken, at + field, 0x7FFFFF00)
        result = rendered(bytes(broken), 60, 40)
        assert result.facts.warnings == (f"The tag {tag} was ignored: it reaches beyond the end of the file.",)
        assert result.thumbnails[0].data == plain


@pytest.mark.parametrize("extra", [1, 2])
def test_alpha_in_a_plane_beside_grey_is_refused(extra: int) -> None:
    source = tiff(SIZE, [bytes(AREA), bytes(AREA)], t258=[8, 8], t262=1, t277=2, t284=2, t338=extra)
    assert reason(source) == "unsupported-format"


# ── BMP ──────────────────────────────────────────────────────────────────────────────────────────────

MASKS = [
    (16, (0xF00, 0xF0, 0xF, 0)),
    (16, (0xF00, 0xF0, 0xF, 0xF000)),
    (16, (0xE000, 0x1C00, 0x3, 0x3FC)),
    (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    (32, (0x7FF00000, 0xFFC00, 0x3FF, 0)),
    (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
]


@pytest.mark.parametrize(("bits", "masks"), MASKS)
@pytest.mark.parametrize("upwards", [False, True])
def test_channels_of_a_bitmap_have_any_width(bits: int, masks: tuple[int, ...], *, upwards: bool) -> None:
    chance, (width, height) = random.Random(bits), (7, 5)
    # Opaque, for colours under next to no alpha are not kept to the last bit.
    numbers = np.array([chance.getrandbits(bits) | masks[3] for _ in range(width * height)]).reshape(height, width)
    rows = [row.astype(f"<u{bits // 8}").tobytes() for row in numbers[:: -1 if upwards else 1]]
    padded = b"".join(row.ljust(-(-width * bits // 32) * 4, b"\0") for row in rows)
    source = bitmap((width, height if upwards else -height), bits, padded, masks, compression=3)
    made = np.asarray(thumbnail(source, width, height).convert("RGB"), dtype=int)
    for band, mask in enumerate(masks[:3]):
        assert np.abs(made[:, :, band] - (numbers & mask) / mask * 255).max() <= 1


def test_alpha_of_a_bitmap_may_have_any_width() -> None:
    for bits, masks in MASKS:
        if masks[3]:
            numbers = [0, masks[3] // 2 & masks[3], masks[3]]
            pixels = b"".join(number.to_bytes(bits // 8, "little") for number in numbers).ljust(12, b"\0")
            made = thumbnail(bitmap((3, 1), bits, pixels, masks, compression=3), 3, 1).convert("RGBA")
            alphas = np.asarray(made)[0, :, 3].tolist()
            assert alphas == pytest.approx([number / masks[3] * 255 for number in numbers], abs=1)


@pytest.mark.parametrize("masks", [(0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF0, 0xFF000, 0xFF00000, 0xF)])
def test_an_alpha_that_nobody_filled_in_is_none(masks: tuple[int, ...]) -> None:
    source = bitmap((4, 4), 32, (0x1F2F3F4F & ~masks[3]).to_bytes(4, "little") * 16, masks, compression=3)
    assert not rendered(source, 4, 4).facts.has_alpha


@pytest.mark.parametrize(("bits", "colours", "level"), [(8, 256, 0x33), (4, 16, 0x30)])
def test_runs_may_stop_early(bits: int, colours: int, level: int) -> None:
    runs = b"\x08\x33\0\0\0\1"
    source = bitmap((8, 4), bits, runs, compression=1 if bits == 8 else 2, colours=colours)
    made = thumbnail(source, 8, 4).convert("L")
    assert [made.getpixel((3, row)) for row in range(4)] == [0, 0, 0, level]


# ── AVIF and HEIF ────────────────────────────────────────────────────────────────────────────────────

AVIF = saved(PLAIN, "AVIF", quality=90)


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\0\0\0\1"])
def test_the_last_box_may_reach_to_the_end(length: bytes) -> None:
    at = AVIF.index(b"mdat") - 4
    body = AVIF[at + 8 :]
    last = length + b"mdat" + (struct.pack(">Q", len(body) + 16) if length[3] else b"") + body
    broken = AVIF[:at].replace(b"hdlr", b"hdlx") + last
    assert reason(broken) == "corrupt"
    assert reason(AVIF[:at].replace(b"hdlr", b"hdlx") + AVIF[at:-200]) == "truncated"


@pytest.mark.parametrize("brand", [b"avci", b"avcs", b"j2ki", b"j2is", b"vvic", b"vvis"])
def test_pictures_by_other_coders_are_no_video(brand: bytes) -> None:
    with pytest.raises(Exception, match="HEIF with"):
        render(AVIF.replace(b"avif", brand, 1), settings({"width": 8, "height": 8}))


@pytest.mark.parametrize("brand", [b"mif1", b"mif2", b"mif3"])
def test_a_heif_by_its_structure_is_decoded(brand: bytes) -> None:
    pytest.importorskip("pi_heif")
    source = (DATA / "gradient.heic").read_bytes()
    assert rendered(source[:8] + brand + source[12:], 48, 48).facts.format == "heif"


def test_an_item_of_another_kind_is_refused_as_such() -> None:
    with pytest.raises(Exception, match="not decoded: unci"):
        render(AVIF.replace(b"av01", b"unci"), settings({"width": 8, "height": 8}))


def test_a_limit_of_a_decoder_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Memory allocation error: Security limit exceeded: 9 items")

    monkeypatch.setattr(rendering, "opened", refuse)
    with pytest.raises(Permanent, match=r"too-many-pixels: .*exceeded: 9 items") as caught:
        render(AVIF[:-200], settings({"width": 8, "height": 8}))
    assert caught.value.reason == "too-many-pixels"


def test_an_avif_beyond_every_limit_is_refused_for_its_pixels() -> None:
    at = AVIF.index(b"ispe") + 8
    assert reason(AVIF[:at] + struct.pack(">II", 17_000, 17_000) + AVIF[at + 8 :]) == "too-many-pixels"


def test_several_lists_of_owners_are_as_one() -> None:
    soft = PLAIN.copy()
    soft.putalpha(Image.linear_gradient("L").resize(PLAIN.size))
    source = saved(soft, "AVIF")
    at = source.index(b"ipma") + 8  # how many items there are
    length = int.from_bytes(source[at - 12 : at - 8], "big")
    first = 3 + source[at + 6]
    head, second = source[at - 8 : at], source[at + 4 + first : at - 12 + length]
    # The second item goes into a box of its own, and all that follows moves by the 16 bytes of it.
    apart = struct.pack(">I8sI", 16 + len(second), head, 1) + second
    moved = bytearray(source[: at - 12] + struct.pack(">I", length - len(second)) + head + struct.pack(">I", 1))
    moved += source[at + 4 : at + 4 + first] + apart + source[at - 12 + length :]
    for name in (b"meta", b"iprp"):
        place = moved.index(name) - 4
        moved[place : place + 4] = struct.pack(">I", int.from_bytes(moved[place : place + 4], "big") + 16)
    for place in (moved.index(b"iloc") + 18, moved.index(b"iloc") + 32):
        moved[place : place + 4] = struct.pack(">I", int.from_bytes(moved[place : place + 4], "big") + 16)
    assert psnr(over_grey(thumbnail(bytes(moved), 60, 40)), over_grey(thumbnail(source, 60, 40))) > 90


@pytest.mark.parametrize("kind", [b"E\xe9if", b"mime\0\xff\xfe\0", b"\xc3\xa9\xff\xff", b"mime\0text/\xe9\0\0"])
def test_what_items_are_called_costs_nothing(kind: bytes) -> None:
    pytest.importorskip("pi_heif")
    plain = (DATA / "gradient.heic").read_bytes()
    item = struct.pack(">I4sBxxBHH", 17 + len(kind), b"infe", 2, 1, 0x9C, 0) + kind + b"\0"
    source = grown(plain, [b"meta", b"iinf"], item)
    source = grown(source, [b"meta", b"iloc"], struct.pack(">HHIHII", 0x9C, 0, 0, 1, 0, 16))
    reference = struct.pack(">I4sI", 26, b"iref", 0) + struct.pack(">I4sHHH", 14, b"cdsc", 0x9C, 1, 1)
    source = grown(source, [b"meta"], reference)
    moved = bytearray(source)
    for name, place, size in ((b"iinf", 8, 2), (b"iloc", 10, 2), (b"iloc", 16, 4)):
        at = moved.index(name) + place
        number = int.from_bytes(moved[at : at + size], "big") + (1 if size == 2 else len(source) - len(plain))
        moved[at : at + size] = number.to_bytes(size, "big")
    assert rendered(bytes(moved), 48, 48).thumbnails[0].data == rendered(plain, 48, 48).thumbnails[0].data
    seen = b"".join(inspect(bytes(moved), Limits()).container.parts)
    assert seen == bytes(moved).replace(kind, bytes(byte if byte < 128 else ord("?") for byte in kind))


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_exif_does_not_turn_where_the_container_does(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(PLAIN, "AVIF", exif=exif)
    assert (rendered(source, 60, 60).facts.width, rendered(source, 60, 60).facts.height) == (40, 60)  # by irot
    at = source.index(b"irot") + 4
    assert rendered(source[:at] + b"\0" + source[at + 1 :], 60, 60).facts.width == 60
    assert form


@pytest.mark.parametrize(("primaries", "known"), [(1, "srgb"), (12, "p3")])
def test_colours_by_number_are_as_with_the_profile(primaries: int, known: str) -> None:
    flat = Image.new("RGB", (32, 32), (200, 80, 60))
    plain = saved(flat, "AVIF", quality=100, subsampling="4:4:4")
    at = plain.index(b"colrnclx") + 8
    by_number = plain[:at] + struct.pack(">HH", primaries, 13) + plain[at + 4 :]
    profile = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_export(output_profile=known)
    by_profile = saved(flat, "AVIF", quality=100, subsampling="4:4:4", icc_profile=profile.get("icc-profile-data"))
    assert mean(thumbnail(by_number, 16, 16)) == pytest.approx(mean(thumbnail(by_profile, 16, 16)), abs=1.6)
