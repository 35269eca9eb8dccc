"""Run the renderer on arm64, out of the archives that are deployed: `make arm64`.

    PYTHONPATH=tests python -m renderer.arm64 build/lambda

Python for arm64 comes from Debian, and qemu runs it, both out of folders below build/arm64. It renders files of every
format with every native library, and this machine does the same: facts and reasons of failure must be equal, and pixels
alike. How fast it is there, this does not say.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

from PIL import Image

from devtools.debian import Apt
from devtools.errors import DevtoolsError
from renderer import fuzz
from renderer.pictures import loaded, photograph, psnr, saved

ROOT: Final = Path("build/arm64")
SAME: Final = 50.0  # decibels
ALIKE: Final = {"avif": 40.0}  # whose encoder decides otherwise on another machine; decoded, AVIF is held to 50 as well
DRAWN: Final = Path(__file__).with_name("drawn.py")
BOXES: Final = [
    {"name": name, "width": 64, "height": 64, "format": name} for name in ("webp", "jpeg", "png", "avif", "gif")
]
CHOSEN: Final = [
    {"renditions": BOXES},
    {
        "renditions": [each | {"height": 40, "fit": "cover", "crop": "attention"} for each in BOXES],
        "animation": "animate",
        "truncated": "render",
    },
]


def interpreter() -> list[str]:
    """The command that runs Python for arm64."""
    system = ROOT / "system"
    qemu = ROOT / "qemu" / "usr" / "bin" / "qemu-aarch64"
    if not qemu.exists():
        unpacked(Apt(ROOT / "apt" / "here").package("qemu-user"), ROOT / "qemu")
    python = system / "usr" / "bin" / "python3.13"
    if not python.exists():
        for package in Apt(ROOT / "apt" / "arm64", "arm64").packages("python3.13", "libstdc++6"):
            unpacked(package, system)
        (system / "lib").symlink_to("usr/lib")
    return [str(qemu), "-L", str(system), str(python)]


def unpacked(package: Path, folder: Path) -> None:
    """Lay the files of a package into a folder; nothing of it is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)


def sources(folder: Path) -> None:
    """The files to render, and the settings."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps([json.dumps(each) for each in CHOSEN]))
    # Large enough to be reduced, in strips and by decoders, where fuzzed files are small.
    large = photograph("coffee.png", (1500, 1000))
    soft = large.copy()
    soft.putalpha(Image.linear_gradient("L").resize(large.size))
    made = [saved(large, form) for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")]
    made += [saved(soft, "PNG"), saved(soft, "WEBP"), saved(large, "JPEG", progressive=True)]
    made += [each[: len(each) * 2 // 3] for each in made]
    for number, source in enumerate([*fuzz.corpus([]), *made]):
        (folder / f"{number:03}.source").write_bytes(source)


def drawn(command: list[str], paths: list[Path], name: str) -> dict[str, Any]:
    """What an interpreter makes of the sources, with these folders to import from."""
    target = ROOT / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(
        [*command, "-W", "ignore", DRAWN, ROOT / "sources", target], env=environment, check=True, timeout=3600
    )
    found: dict[str, Any] = json.loads((target / "results.json").read_text())
    return found


def told(result: object) -> object:
    """Facts or a reason, without the detail of the placeholder: of what is flat, that is noise."""
    return result | {"placeholder": result["placeholder"][:4]} if isinstance(result, dict) else result


def differences(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """A line for each file that is told or drawn otherwise."""
    differ = [name for name in here if told(here[name]) != told(there[name])]
    lines = [f"{name}: {here[name]} here, {there[name]} there" for name in differ]
    worst: dict[str, float] = {}
    for path in sorted((ROOT / "here").glob("*-*-*")):
        form, other = path.name.rpartition("-")[2], ROOT / "there" / path.name
        if other.exists():  # otherwise the results have told
            alike = likeness(path.read_bytes(), other.read_bytes())
            worst[form] = min(worst.get(form, math.inf), alike)
            if alike < ALIKE.get(form, SAME):
                lines.append(f"{path.name}: {alike:.1f} dB")
    print("least likeness in dB:", ", ".join(f"{form} {value:.1f}" for form, value in worst.items()))
    return lines


def likeness(one: bytes, other: bytes) -> float:
    """Decibels between the frames of two thumbnails that are least alike; none where they differ in shape."""
    first, second = loaded(one), loaded(other)
    frames = getattr(first, "n_frames", 1)
    if first.size != second.size or first.mode != second.mode or frames != getattr(second, "n_frames", 1):
        return 0.0
    found = math.inf
    for number in range(frames):
        first.seek(number)
        second.seek(number)
        found = min(found, psnr(first, second))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the renderer on arm64.")
    parser.add_argument("archives", type=Path, help="the folder with thumbnailer.zip and layer.zip")
    given = parser.parse_args()
    for name in ("thumbnailer", "layer"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
        with zipfile.ZipFile(given.archives / f"{name}.zip") as archive:
            archive.extractall(ROOT / name)
    try:
        command = interpreter()
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sources(ROOT / "sources")
    here = drawn([sys.executable], [Path("functions")], "here")
    there = drawn(command, [ROOT / "thumbnailer", ROOT / "layer" / "python"], "there")
    machines = [f"Python {each.pop('python')} on {each.pop('machine')}" for each in (here, there)]
    lines = [f"{name} is not used" for name in ("libwebp", "libspng") if not there[name]] + differences(here, there)
    print("\n".join([f"{len(here)} results of {' and '.join(machines)}: {len(lines)} differ", *lines]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
