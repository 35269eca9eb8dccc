"""Bounds: one bad file costs its own row, never the process; every failure has a stable reason."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from PIL import Image, ImageFile

from renderer.pictures import loaded, photograph, psnr, reason, saved, settings
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer import rendering
from thumbnail_pipeline.renderer.rendering import render

PICTURE = photograph("coffee.png", (300, 200))


def png(width: int, height: int, *, interlaced: bool = False, data: bytes = b"") -> bytes:
    """A PNG whose header claims any size at all."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def resized_header(source: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    at = next(at for marker in (b"\xff\xc0", b"\xff\xc2") if (at := source.find(marker)) > 0)
    return source[: at + 5] + struct.pack(">HH", height, width) + source[at + 9 :]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"", "empty"),
        (b"\0" * 100, "unidentified"),
        (b"hello", "unidentified"),
        (b"GIF", "unidentified"),
        (b"BM, which begins many sentences.", "unidentified"),
        (b"%PDF-1.7\n", "unsupported-format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported-format"),
        (b"8BPS\0\1", "unsupported-format"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported-format"),
        (b"\xff\x0a\x00\x00", "unsupported-format"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported-format"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "unsupported-format"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"RIFF\x50\0\0\0WEBPVP8 ", "truncated"),
        (saved(PICTURE, "JPEG")[:3000], "truncated"),
        (saved(PICTURE, "JPEG", progressive=True)[:3000], "truncated"),
        (saved(PICTURE, "PNG")[:3000], "truncated"),
        (saved(PICTURE, "WEBP")[:3000], "truncated"),
        (saved(PICTURE, "GIF")[:3000], "truncated"),
        (saved(PICTURE, "BMP")[:3000], "truncated"),
        (saved(PICTURE, "AVIF")[:3000], "truncated"),
        (png(10, 10, data=b"this is not deflate"), "corrupt"),
        (saved(PICTURE, "PNG").replace(b"IDAT", b"IDAT", 1)[:60] + b"\0" * 500 + b"IEND\xaeB`\x82", "corrupt"),
        (png(0, 10), "corrupt"),
    ],
)
def test_every_failure_has_its_reason(source: bytes, expected: str) -> None:
    assert reason(source) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"bytes": 1000}, "too-large"),
        ({"pixels": 300 * 200 - 1}, "too-many-pixels"),
        ({"side": 299}, "too-many-pixels"),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_each_limit_holds_for_each_format(form: str, limits: dict[str, int], expected: str) -> None:
    source = saved(PICTURE, form)
    assert reason(source, limits=limits) == expected
    exactly = {"bytes": len(source), "pixels": 300 * 200, "side": 300}
    assert render(source, settings({"width": 32, "height": 32}, limits=exactly)).thumbnails


HUGE = 25_000
BOMBS = {
    "PNG": png(HUGE, HUGE),
    "interlaced PNG": png(HUGE, HUGE, interlaced=True),
    "JPEG": resized_header(saved(PICTURE, "JPEG"), HUGE, HUGE),
    "progressive JPEG": resized_header(saved(PICTURE, "JPEG", progressive=True), HUGE, HUGE),
    "GIF": saved(PICTURE, "GIF")[:6] + struct.pack("<HH", HUGE, HUGE) + saved(PICTURE, "GIF")[10:],
    "WebP": b"RIFF\x50\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (HUGE - 1).to_bytes(3, "little") * 2 + b"\0" * 64,
    "lossless WebP": b"RIFF\x50\0\0\0WEBPVP8L\x40\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 64,
    "BMP": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, HUGE, HUGE, 1, 24, 0, 0, 1, 1, 0, 0),
    "TIFF": b"II*\0\x08\0\0\0" + struct.pack("<H", 5) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in ((256, HUGE), (257, HUGE), (259, 1), (262, 1), (273, 8))
    ) + b"\0" * 4,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_anything_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise AssertionError("it was about to be decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", explode)
    monkeypatch.setattr("PIL.WebPImagePlugin._webp.WebPAnimDecoder", explode)
    assert reason(BOMBS[name]) == "too-many-pixels"


def test_a_gif_frame_cannot_reach_past_the_limit() -> None:
    gif = bytearray(saved(PICTURE, "GIF"))
    at = gif.index(b"\x2c", 13 + 768)
    gif[at + 5 : at + 9] = struct.pack("<HH", HUGE, HUGE)
    assert reason(bytes(gif)) == "too-many-pixels"
    film = bytearray(moving("GIF", 3))
    at = film.rindex(b",\0\0\0\0\x40\0\x30\0")
    film[at + 5 : at + 9] = struct.pack("<HH", HUGE, HUGE)
    assert reason(bytes(film), animation="animate") == "too-many-pixels"
    render(bytes(film), settings({"width": 8, "height": 8}))  # the frame is never looked at


@pytest.mark.parametrize("junk", [b"", b"\0", b"\x7f\xff\xff" * 9, b"!\xff\x0bNETSCAPE2.0\0\x03\x01\0\0\0"])
def test_a_gif_cannot_hide_a_frame_from_the_walk(junk: bytes) -> None:
    frame = b"!\xf9\x04\x09\0\0\0\0," + struct.pack("<HHHHB", 0, 0, HUGE, HUGE, 0) + b"\x02\x02\x44\x01\0;"
    gif = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + junk + frame
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(gif) == "too-many-pixels"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_a_gif_in_shreds_is_refused() -> None:
    gif = saved(Image.new("P", (8, 8)), "GIF")
    at = gif.index(b"\x2c", 13)
    assert reason(gif[:at] + b"\x21\xfe" + b"\x01a" * 2_000_001 + b"\0" + gif[at:]) == "corrupt"


def test_a_bitmap_in_shreds_is_refused() -> None:
    runs = b"\x01\x07" * 2_000_001
    header = struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 1078, 40, 2000, 1001, 1, 8, 1, len(runs), 1, 1, 256, 0)
    assert reason(b"BM" + header + bytes(1024) + runs) == "unsupported-format"


def test_a_jpeg_with_a_thousand_scans_is_refused() -> None:
    source = saved(PICTURE, "JPEG", progressive=True)
    last = source.rindex(b"\xff\xda")
    bomb = source[:last] + source[last:-2] * 1000 + b"\xff\xd9"
    assert reason(bomb) == "too-many-scans"
    # a baseline file can be cut into scans as well, one for each component at a time
    baseline = saved(PICTURE, "JPEG")
    scan = baseline.index(b"\xff\xda")
    single = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + baseline[scan + 14 : -2]
    assert reason(baseline[:scan] + single * 1000 + b"\xff\xd9") == "too-many-scans"


def moving(form: str, count: int, size: tuple[int, int] = (64, 48)) -> bytes:
    frames = [Image.new("RGB", size, (index * 7 % 256, 90, 200 - index)) for index in range(count)]
    options: dict[str, Any] = {"duration": 40, "loop": 0, "save_all": True, "append_images": frames[1:]}
    return saved(frames[0], form, **options)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_bounded_only_if_it_is_rendered_as_one(form: str) -> None:
    source = moving(form, 20)
    assert reason(source, animation="animate", limits={"frames": 19}) == "too-many-frames"
    assert reason(source, animation="animate", limits={"animated_pixels": 20 * 64 * 48 - 1}) == "too-many-pixels"
    exactly = {"frames": 20, "animated_pixels": 20 * 64 * 48}
    render(source, settings({"width": 32, "height": 32}, animation="animate", limits=exactly))
    render(source, settings({"width": 32, "height": 32}, limits={"frames": 1, "animated_pixels": 1}))
    still = settings({"width": 32, "height": 32, "format": "jpeg"}, animation="animate", limits={"frames": 1})
    render(source, still)


def test_enlarging_counts_against_the_animated_pixels() -> None:
    large = settings({"width": 2000, "height": 2000, "enlarge": True}, animation="animate")
    with pytest.raises(Permanent, match="too-many-pixels"):
        render(moving("GIF", 30), large)


@pytest.mark.parametrize("form", ["JPEG", "progressive", "PNG", "BMP", "GIF", "TIFF"])
def test_a_truncated_file_can_be_rendered_as_far_as_it_goes(form: str) -> None:
    options = {"quality": 90, "progressive": form == "progressive"} if form in {"JPEG", "progressive"} else {}
    whole = saved(PICTURE, "JPEG" if form == "progressive" else form, **options)
    cut = whole[: len(whole) * 3 // 4]
    if form == "TIFF":  # its directory comes last: move it to the front of what is cut
        whole = tiff_with_leading_directory()
        cut = whole[: len(whole) * 3 // 4]
    assert reason(cut) == "truncated"
    result = render(cut, settings({"width": 64, "height": 64, "format": "png"}, truncated="render"))
    assert result.facts.warnings == ("The file is truncated: what is there was rendered.",)
    made = loaded(result.thumbnails[0].data).convert("RGB")
    there = (0, 25, 64, 43) if form == "BMP" else (0, 0, 64, 18)  # a bitmap begins at the bottom
    reference = PICTURE.resize(made.size, Image.Resampling.LANCZOS)
    assert psnr(made.crop(there), reference.crop(there)) > 20


def tiff_with_leading_directory() -> bytes:
    """An uncompressed RGB TIFF of PICTURE with its pixels at the end."""
    entries = [
        (256, 4, 300), (257, 4, 200), (258, 3, 8), (259, 3, 1), (262, 3, 2),
        (273, 4, 200), (277, 3, 3), (278, 4, 200), (279, 4, 300 * 200 * 3),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    return (b"II*\0\x08\0\0\0" + directory + b"\0" * 4).ljust(200, b"\0") + PICTURE.tobytes()


def test_nothing_to_see_is_not_rendered() -> None:
    source = saved(PICTURE, "PNG")
    assert reason(source[: source.index(b"IDAT") + 8], truncated="render") == "truncated"


@pytest.mark.parametrize("error", [MemoryError, RecursionError, KeyError, ZeroDivisionError, struct.error, SystemError])
def test_whatever_a_decoder_raises_is_permanent(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("deep\nwithin")

    monkeypatch.setattr(rendering, "inspect", fail)
    expected = "out-of-memory" if error is MemoryError else "corrupt"
    assert reason(saved(PICTURE, "PNG")) == expected


def test_running_out_of_memory_fails_one_image_and_no_more() -> None:
    program = """
import io, resource, sys
from PIL import Image
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Settings
settings = Settings.from_json('{"renditions": [{"name": "a", "width": 64, "height": 64}]}')
def source(side):
    out = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(out, "TIFF", compression="tiff_lzw")
    return out.getvalue()
large, small = source(9000), source(64)
render(small, settings)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000,) * 2)
try:
    render(large, settings)
except Permanent as error:
    print(error.reason)
print(len(render(small, settings).thumbnails))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["out-of-memory", "1"]


def test_metadata_stays_behind() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})  # where it was taken
    marks = {"exif": exif, "comment": b"a remark", "dpi": (300, 300)}
    source = saved(PICTURE, "JPEG", **marks)
    assert b"a camera" in source
    for form in ("webp", "jpeg", "png", "avif", "gif"):
        result = render(source, settings({"width": 64, "height": 64, "format": form}))
        data = result.thumbnails[0].data
        assert b"camera" not in data
        assert b"remark" not in data
        assert not {"exif", "icc_profile", "comment", "xmp"} & loaded(data).info.keys()
        assert "52" not in str(result.facts.captured_at)
