"""The memory estimate is never below the measured peak, and near enough to it to admit images side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from renderer.pictures import DATA, photograph, saved, settings
from thumbnail_pipeline.renderer.memory import estimate_memory

# One process for each image: the high-water mark of resident memory, reset when everything is imported and warm.
MEASURE = """
import json, sys
from dataclasses import replace
from pathlib import Path
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Settings

def memory(line):
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in status if each.startswith(line)) * 1024

small, text = Path(sys.argv[2]).read_bytes(), sys.argv[3]
settings = Settings.from_json(text)
tiny = tuple(replace(each, width=8, height=8) for each in settings.renditions)
render(small, replace(settings, renditions=tiny))
source = Path(sys.argv[1]).read_bytes()
estimate = estimate_memory(source, settings)
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
render(source, settings)
print(json.dumps([memory("VmHWM") - before, estimate]))
"""
SIDES = (3000, 2000)
BOX = {"width": 256, "height": 256}
LARGE = {"width": 1600, "height": 1600}


def sources() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Kind of source: mode, format, options."""
    return {
        "JPEG": ("RGB", "JPEG", {}),
        "progressive JPEG": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        "CMYK JPEG": ("CMYK", "JPEG", {}),
        "PNG": ("RGB", "PNG", {"compress_level": 1}),
        "PNG with alpha": ("RGBA", "PNG", {"compress_level": 1}),
        "palette PNG": ("P", "PNG", {"compress_level": 1}),
        "WebP": ("RGB", "WEBP", {"method": 0}),
        "WebP with alpha": ("RGBA", "WEBP", {"method": 0}),
        "lossless WebP": ("RGB", "WEBP", {"method": 0, "lossless": True, "quality": 0}),
        "lossless WebP with alpha": ("RGBA", "WEBP", {"method": 0, "lossless": True, "quality": 0}),
        "TIFF in one strip": ("RGB", "TIFF", {"compression": "tiff_lzw", "strip_size": 1 << 30}),
        "TIFF with a palette": ("P", "TIFF", {"compression": "tiff_lzw", "strip_size": 1 << 30}),
        "AVIF": ("RGB", "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
        "AVIF with alpha": ("RGBA", "AVIF", {"speed": 10}),
        "GIF": ("P", "GIF", {}),
        "BMP": ("RGB", "BMP", {}),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the high-water mark of memory can only be reset on Linux")
    return tmp_path_factory.mktemp("memory")


def measured(
    folder: Path, source: bytes, small: bytes, *renditions: dict[str, Any], **policies: Any
) -> tuple[int, int]:
    """Peak and estimate in bytes."""
    (folder / "source").write_bytes(source)
    (folder / "small").write_bytes(small)
    named = [{"name": f"r{index}", **each} for index, each in enumerate(renditions)]
    text = json.dumps({"renditions": named, **policies})
    command = [sys.executable, "-c", MEASURE, str(folder / "source"), str(folder / "small"), text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    peak, estimate = json.loads(done.stdout)
    return peak, estimate


def made(mode: str, size: tuple[int, int]) -> Image.Image:
    picture = photograph("coffee.png", size)
    if mode == "P":
        return picture.quantize(128)
    if mode == "RGBA":
        return Image.merge("RGBA", (*picture.split(), Image.linear_gradient("L").resize(size)))
    return picture.convert(mode)


@pytest.mark.parametrize("kind", sources())
@pytest.mark.parametrize("box", [BOX, LARGE])
def test_the_estimate_holds_for_every_kind_of_source(folder: Path, kind: str, box: dict[str, int]) -> None:
    mode, form, options = sources()[kind]
    source, small = saved(made(mode, SIDES), form, **options), saved(made(mode, (32, 32)), form)
    peak, estimate = measured(folder, source, small, box)
    assert peak <= estimate <= 2 * peak + 8_000_000


@pytest.mark.parametrize(
    "name", ["eight_bits_422", "eight_bits_444", "ten_bits_420", "ten_bits_422", "ten_bits_444", "grid"]
)
@pytest.mark.parametrize("box", [BOX, LARGE])
def test_the_estimate_holds_for_every_kind_of_heif(folder: Path, name: str, box: dict[str, int]) -> None:
    pytest.importorskip("pi_heif")
    source, small = ((DATA / f"{each}.heic").read_bytes() for each in (f"large/{name}", "gradient"))
    peak, estimate = measured(folder, source, small, box)
    assert peak <= estimate <= 2 * peak + 8_000_000


def test_a_heif_in_tiles_takes_three_bytes_a_pixel_at_most(folder: Path) -> None:
    pytest.importorskip("pi_heif")
    source, small = ((DATA / f"{each}.heic").read_bytes() for each in ("large/grid", "gradient"))
    peak, _ = measured(folder, source, small, *({"width": side, "height": side} for side in (1280, 512, 128)))
    assert peak <= 3 * 4032 * 3024


@pytest.mark.parametrize("form", ["webp", "jpeg", "png", "avif", "gif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_estimate_holds_for_every_encoder(folder: Path, mode: str, form: str) -> None:
    box = {"width": 1800, "height": 1800, "format": form, "enlarge": True}
    source, small = (saved(made(mode, size), "PNG") for size in ((600, 400), (32, 32)))
    peak, estimate = measured(folder, source, small, box)
    assert peak <= estimate <= 2 * peak + 8_000_000


def test_the_estimate_holds_for_three_renditions_and_for_animations(folder: Path) -> None:
    source, small = (saved(photograph("coffee.png", size), "JPEG") for size in (SIDES, (32, 32)))
    boxes = [{"width": side, "height": side} for side in (1280, 512, 128)]
    peak, estimate = measured(folder, source, small, *boxes)
    assert peak <= estimate <= 2 * peak + 8_000_000
    for form in ("GIF", "WEBP"):
        frames = [photograph("coffee.png", (600, 400)).rotate(7 * index) for index in range(16)]
        source = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
        small = saved(frames[0].resize((32, 32)), form)
        peak, estimate = measured(folder, source, small, {"width": 400, "height": 400}, animation="animate")
        assert peak <= estimate <= 2 * peak + 8_000_000


def test_a_jpeg_takes_no_more_memory_than_in_libvips(folder: Path) -> None:
    source, small = (saved(photograph("coffee.png", size), "JPEG") for size in ((4000, 3000), (32, 32)))
    peak, _ = measured(folder, source, small, BOX)
    (folder / "source.jpg").write_bytes(source)
    program = MEASURE.replace("render(source, settings)", "shrink(source)").replace(
        "from thumbnail_pipeline.settings import Settings",
        "import pyvips\nfrom thumbnail_pipeline.settings import Settings\n"
        "def shrink(b): return pyvips.Image.thumbnail_buffer(b, 256, height=256).webpsave_buffer(Q=80)",
    )
    text = json.dumps({"renditions": [{"name": "a", **BOX}]})
    command = [sys.executable, "-c", program, str(folder / "source"), str(folder / "small"), text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert peak <= json.loads(done.stdout)[0]


def test_the_estimate_reads_the_header_only(monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved(photograph().convert("L"), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    cut = source[:200]
    assert estimate_memory(cut, settings(BOX)) == estimate_memory(source, settings(BOX))


def test_a_larger_picture_is_estimated_larger() -> None:
    sizes = [(600, 400), (1200, 800), (2400, 1600)]
    bitmaps = [estimate_memory(saved(photograph("coffee.png", size), "BMP"), settings(BOX)) for size in sizes]
    assert bitmaps == sorted(bitmaps)
    assert bitmaps[2] > bitmaps[0] + 10_000_000
