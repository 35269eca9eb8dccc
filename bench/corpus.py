"""Real photographs for the bench: wallpapers out of Debian packages, or else what scikit-image brings, enlarged.

Nothing of it is part of this project: it is downloaded to build/bench, under its packages' own licences.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skimage
from PIL import Image

from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout

__all__ = ["ROOT", "CorpusImage", "batch", "sources"]

ROOT = Path("build/bench")
_PACKAGES = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "ukui-wallpapers")
_FALLBACK = ("astronaut.png", "coffee.png", "retina.jpg", "hubble_deep_field.jpg")
_EACH = 7  # of the photographs of one kind
# What people upload: mostly JPEG from cameras, some of it progressive from the web, a screenshot, a picture of a page.
_MIX = {"JPEG baseline": 5, "JPEG progressive": 3, "PNG photograph": 1, "WebP": 1}


@dataclass(frozen=True)
class CorpusImage:
    """One file to render, and the group that its figures are averaged in."""

    path: Path
    group: str


def sources() -> list[CorpusImage]:
    """The photographs as they came (JPEG, progressive JPEG, PNG), and the same pixels in the other formats."""
    came = _photographs()
    jpegs = [path for path in came if path.suffix == ".jpg"]
    progressive = [path for path in jpegs if JpegLayout.of(path.read_bytes(), 100).progressive]
    baseline = [path for path in jpegs if path not in progressive]
    large = [path for path in progressive if min(Image.open(path).size) >= 2000]
    found = [CorpusImage(path, "JPEG baseline") for path in baseline[:10]]
    found += [CorpusImage(path, "JPEG progressive, 8 x the box or more") for path in large[:10]]
    found += [CorpusImage(path, "JPEG progressive, smaller") for path in progressive if path not in large]
    found += [CorpusImage(path, "PNG drawn, RGBA") for path in came if path.suffix == ".png"]
    made = ROOT / "made"
    made.mkdir(parents=True, exist_ok=True)
    for path in (baseline + large)[: _EACH * 2 : 2]:
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            ("PNG photograph", "png", {}),
            ("PNG palette", "p.png", {}),
            ("GIF", "gif", {}),
            ("TIFF", "tif", {"compression": "tiff_lzw"}),
            ("WebP", "webp", {"quality": 85}),
            ("AVIF", "avif", {"quality": 70, "speed": 9}),
        ]
        for group, suffix, options in kinds:
            target = made / f"{path.stem}.{suffix}"
            if not target.exists():
                picture = Image.open(path).convert("RGB")
                picture.thumbnail((3000, 3000))
                picture.info = {}
                (picture.quantize(256) if suffix in {"p.png", "gif"} else picture).save(target, **options)
            found.append(CorpusImage(target, group))
    return found


def batch() -> list[CorpusImage]:
    """Ten photographs, as many as SQS hands out at a time: of each kind, evenly from the smallest to the largest.

    Fewer where there are not as many of a kind.
    """
    found = sources()
    chosen: list[CorpusImage] = []
    for group, number in _MIX.items():
        members = sorted((each for each in found if each.group.startswith(group)), key=_pixels)
        steps = [place / (number - 1) for place in range(number)] if number > 1 else [0.5]
        chosen += [members[round(step * (len(members) - 1))] for step in steps]
    return list(dict.fromkeys(chosen))


def _pixels(source: CorpusImage) -> int:
    with Image.open(source.path) as image:
        return image.width * image.height


def _photographs() -> list[Path]:
    folder = ROOT / "photographs"
    if not folder.exists():
        packages = ROOT / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        if shutil.which("apt-get") and shutil.which("dpkg-deb"):
            subprocess.run(["apt-get", "download", "--quiet", *_PACKAGES], cwd=packages, check=False)
            for package in packages.glob("*.deb"):
                subprocess.run(["dpkg-deb", "--extract", package, packages / "x"], check=True)
        folder.mkdir()
        for path in sorted((packages / "x").rglob("usr/share/backgrounds/*.*")):
            if path.is_file() and not path.is_symlink() and path.suffix in {".jpg", ".png"}:
                shutil.copy(path, folder / path.name)
        if not any(folder.iterdir()):
            _enlarge(folder)
    return sorted(folder.iterdir())


def _enlarge(folder: Path) -> None:
    """Without Debian's packages: real but small photographs at 12 megapixels, with less detail for their size."""
    for name in _FALLBACK:
        picture = Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB").resize((4000, 3000))
        picture.save(folder / f"{name}.baseline.jpg", quality=90)
        picture.save(folder / f"{name}.progressive.jpg", quality=90, progressive=True)
