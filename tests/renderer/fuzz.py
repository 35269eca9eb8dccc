"""Fuzz the renderer: real files of every format, broken in every way that chance finds.

    PYTHONPATH=tests python -m renderer.fuzz --seconds 600 [--seed N] [--corpus DIR …]

A child process renders, so that a crash is seen, and writes each case to the disk first, so that its cause is kept.
For every case: nothing but Permanent is raised, no case takes over 5 s of CPU time, and none takes more memory than
`estimate_memory` said. Exit 1, with the path of the case, if one does.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from renderer import browser
from renderer.containers import bitmap
from renderer.pictures import DATA, photograph, saved, settings
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path("build/fuzz")
MOST_SECONDS = 5.0
SLACK = 64_000_000  # bytes: what the allocator keeps from the cases before, and what the strips of a lying TIFF take
SETTINGS = (
    settings({"width": 64, "height": 64}, {"width": 40, "height": 20, "fit": "cover", "crop": "attention"}),
    settings(
        {"width": 48, "height": 48, "format": "jpeg"},
        {"width": 32, "height": 32, "format": "gif"},
        animation="animate",
        truncated="render",
    ),
)


def corpus(folders: list[Path]) -> list[bytes]:
    """Small files of every format and kind, and whatever lies in the folders."""
    picture = photograph("chelsea.png", (120, 80))
    soft = picture.copy()
    soft.putalpha(Image.linear_gradient("L").resize(picture.size))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 18:04:05"
    film: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(9), picture.rotate(50)], "duration": 40}
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (picture, "JPEG", {"exif": exif}),
        (picture, "JPEG", {"progressive": True, "restart_marker_rows": 2}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "MPO", {"save_all": True, "append_images": [picture]}),
        (picture, "PNG", {"exif": exif}),
        (soft, "PNG", film),
        (picture.quantize(40), "PNG", {"transparency": 3}),
        (picture.convert("I;16"), "PNG", {}),
        (picture.quantize(64), "GIF", {}),
        (picture, "GIF", film),
        (picture, "WEBP", {"exif": exif}),
        (soft, "WEBP", {"lossless": True}),
        (picture, "WEBP", film),
        (picture, "AVIF", {}),
        (soft, "AVIF", {}),
        (picture, "TIFF", {"compression": "tiff_lzw"}),
        (picture, "TIFF", {"compression": "jpeg"}),
        (picture.convert("1"), "TIFF", {"compression": "group4"}),
        (soft, "TIFF", {}),
        (picture, "BMP", {}),
        (picture.quantize(16), "BMP", {}),
    ]
    made = [saved(each, form, **options) for each, form, options in kinds]
    made += [path.read_bytes() for path in sorted(DATA.glob("*.heic"))]
    made += browser.cases().values()
    made.append(bitmap((16, 8), 16, bytes(range(256)), (0xF00, 0xF0, 0xF, 0xF000), compression=3))
    made.append(bitmap((16, 8), 8, b"\x10\x33\0\0\3\5\0\2\2\1\0\1", compression=1, colours=256))
    found = (path for folder in folders for path in sorted(folder.rglob("*")))
    return made + [path.read_bytes() for path in found if path.is_file() and path.stat().st_size < 2_000_000]


def mutated(chance: random.Random, files: list[bytes]) -> bytes:
    """A file, broken between one and eight times; the header is hit as often as all the rest."""
    data = bytearray(chance.choice(files))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 4, 8))):
        at = chance.randrange(min(len(data), 400) if chance.random() < 0.5 else len(data)) if data else 0
        match chance.randrange(7):
            case 0:
                data[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                data[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\0\0\xff\xff"))
            case 2:
                del data[at : at + chance.randrange(1, 200)]
            case 3:
                data[at:at] = chance.randbytes(chance.randrange(1, 64))
            case 4:
                del data[at:]
            case 5:
                data[at : at + 100] = data[at : at + 100] * chance.randrange(2, 30)
            case _:
                other = chance.choice(files)
                data[at:] = other[min(at, len(other)) :]
    return bytes(data)


def memory(line: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in status if each.startswith(line)) * 1024


def outcome(source: bytes, number: int) -> str:
    """READY or the reason; raises AssertionError for whatever must not happen."""
    chosen = SETTINGS[number % len(SETTINGS)]
    try:
        estimate = estimate_memory(source, chosen)
    except Exception:  # noqa: BLE001 - a header that cannot be read: rendering it must cost next to nothing
        estimate = 4_000_000
    Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.process_time()
    try:
        render(source, chosen)
    except Permanent as error:
        result: str = error.reason
    else:
        result = "READY"
    taken, peak = time.process_time() - started, memory("VmHWM") - before
    assert taken < MOST_SECONDS, f"it took {taken:.1f} s"
    assert peak < estimate + SLACK, f"it took {peak:,} bytes, estimated {estimate:,}"
    return result


def run(seed: int, cases: int, folders: list[Path]) -> Counter[str]:
    """Render that many cases in this process, each written to the disk before."""
    files, chance, counts = corpus(folders), random.Random(seed), Counter[str]()
    KEPT.mkdir(parents=True, exist_ok=True)
    case = KEPT / f"case-{seed}"
    for number in range(cases):
        source = mutated(chance, files)
        case.write_bytes(source)
        counts[outcome(source, number)] += 1
    case.unlink()
    return counts


def rounds(seconds: float, seed: int) -> Iterator[int]:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        yield seed
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the renderer.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=2000, help="in one child process")
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], metavar="DIR", help="more files to break")
    parser.add_argument("--child", action="store_true", help="run one round here")
    given = parser.parse_args()
    if given.child:
        for reason, count in sorted(run(given.seed, given.cases, given.corpus).items()):
            print(f"{count:7} {reason}")
        return 0
    for seed in rounds(given.seconds, given.seed):
        arguments = ["--child", "--seed", str(seed), "--cases", str(given.cases)]
        arguments += ["--corpus", *map(str, given.corpus)]
        done = subprocess.run([sys.executable, "-W", "ignore", "-m", "renderer.fuzz", *arguments], check=False)
        print(f"round {seed}: {'passed' if done.returncode == 0 else f'ended with {done.returncode}'}", flush=True)
        if done.returncode:
            print(f"the case is {KEPT / f'case-{seed}'}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
