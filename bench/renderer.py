"""The renderer beside libvips and sharp: CPU time, interleaved, medians; peak memory; size and likeness.

    python -m bench.renderer [--rounds 15] [--groups JPEG …]     build/bench/renderer.json and renderer.png
    python -m bench.renderer --efforts                          build/bench/efforts.json and a table

All three do the whole job from bytes to bytes in one thread: decode, upright, sRGB, shrink, encode. Ours reads the
facts (colour, placeholder, dates) as well, which the others do not. "Floor" is a scaled decode by Pillow's
libjpeg-turbo and one encode, with nothing in between. CPU time of the whole process, so that no thread is free.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

os.environ["VIPS_CONCURRENCY"] = "1"  # before libvips starts

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps
from rich.console import Console
from skimage.metrics import structural_similarity

from bench.corpus import ROOT, CorpusImage, sources
from bench.figures import WIDTH, Figures, Goal, told
from thumbnail_pipeline.renderer.encoders import encoded
from thumbnail_pipeline.renderer.formats import opened
from thumbnail_pipeline.renderer.pyramid import decoder_reduction
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Rendition, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thumbnail_pipeline.settings import Format

HERE = Path(__file__).parent
BOXES = {"one": (256,), "three": (1280, 512, 128)}
QUALITY = 80
THREE_FROM = ("JPEG baseline",)

# What is asked for, over libvips and over sharp, without a tolerance: the upper end of the 95 % interval of the median
# ratio has to hold it, and ratios are paired within a round.
GOALS = {
    ("one", "JPEG baseline"): (0.66, 0.86),
    ("one", "JPEG progressive, 8 x the box or more"): (0.35, 0.40),
    ("one", "PNG photograph"): (1.15, None),
    ("one", "PNG drawn, RGBA"): (1.15, None),
    ("one", "PNG palette"): (0.78, None),
    ("one", "GIF"): (0.82, None),
    ("one", "TIFF"): (0.8, None),
    ("one", "WebP"): (0.75, 0.80),
    ("one", "AVIF"): (0.36, None),
    ("three", "JPEG baseline"): (0.45, 0.80),
}
ROUNDS = 15


def ours(source: bytes, boxes: tuple[int, ...]) -> list[bytes]:
    settings = Settings(tuple(Rendition(str(box), box, box, quality=QUALITY) for box in boxes))
    return [each.data for each in render(source, settings).thumbnails]


def libvips(source: bytes, boxes: tuple[int, ...]) -> list[bytes]:
    def shrunk(box: int, image: pyvips.Image | None = None) -> pyvips.Image:
        options = {"height": box, "size": "down", "output_profile": "srgb"}
        if image is not None:
            return image.thumbnail_image(box, **options)
        return pyvips.Image.thumbnail_buffer(source, box, **options)

    largest = shrunk(boxes[0])
    if len(boxes) == 1:
        return [largest.webpsave_buffer(Q=QUALITY, keep="none")]
    largest = largest.copy_memory()
    return [shrunk(box, largest).webpsave_buffer(Q=QUALITY, keep="none") for box in boxes]


def floor(source: bytes, boxes: tuple[int, ...]) -> list[bytes]:
    image = Image.open(io.BytesIO(source))
    largest = min(boxes[0] / max(image.size), 1)
    step = decoder_reduction(largest)
    image.draft(None, (max(1, image.width // step), max(1, image.height // step)))
    image.load()
    made = []
    for box in boxes:
        # Nearest-neighbour takes next to no time; the encoder still sees a picture with detail.
        size = (max(1, round(image.width * box / max(image.size))), max(1, round(image.height * box / max(image.size))))
        out = io.BytesIO()
        image.resize(size, Image.Resampling.NEAREST).convert("RGB").save(out, "WEBP", quality=QUALITY, method=2)
        made.append(out.getvalue())
    return made


class Sharp:
    """sharp in its own process, asked over a pipe."""

    def __init__(self) -> None:
        folder = ROOT / "sharp"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "sharp_worker.mjs"):
            shutil.copy(HERE / name, folder / name)
        if not (folder / "node_modules" / "sharp").exists():
            subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        self._process = subprocess.Popen(
            ["node", "sharp_worker.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, path: Path, boxes: tuple[int, ...], keep: Path | None = None) -> dict[str, Any]:
        """The worker's answer: `cpu` in milliseconds, `bytes` of each thumbnail, `rss` in bytes."""
        question = {"path": str(path.resolve()), "boxes": boxes, "format": "webp", "quality": QUALITY}
        question["keep"] = str(keep.resolve()) if keep else None
        _pipe(self._process.stdin).write(json.dumps(question) + "\n")
        _pipe(self._process.stdin).flush()
        answer: dict[str, Any] = json.loads(_pipe(self._process.stdout).readline())
        return answer

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def cpu(work: Callable[[], list[bytes]]) -> tuple[float, list[bytes]]:
    """CPU milliseconds of this process, with all its threads, and what came out."""
    started = time.process_time()
    made = work()
    return (time.process_time() - started) * 1000, made


def reference(path: Path, box: int) -> Image.Image:
    """Every pixel decoded, upright, sRGB, Lanczos straight to the box."""
    picture: Image.Image = ImageOps.exif_transpose(Image.open(path))
    profile = picture.info.get("icc_profile")
    if profile and picture.mode == "RGB":
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
        picture = converted or picture
    picture = picture.convert("RGB")
    return ImageOps.contain(picture, (box, box), Image.Resampling.LANCZOS) if max(picture.size) > box else picture


def likeness(data: bytes, wanted: Image.Image) -> float:
    """SSIM over brightness, 0 to 1; a size off by one pixel is stretched first."""
    made = Image.open(io.BytesIO(data)).convert("L")
    if made.size != wanted.size:
        made = made.resize(wanted.size, Image.Resampling.BICUBIC)
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            np.asarray(made), np.asarray(wanted.convert("L")), data_range=255
        )
    )


def compared(case: str, found: list[CorpusImage], rounds: int, sharp: Sharp) -> list[dict[str, Any]]:
    boxes = BOXES[case]
    times: dict[tuple[str, Path], list[float]] = defaultdict(list)
    made: dict[tuple[str, Path], list[bytes]] = {}
    console = Console(stderr=True)
    for number in range(rounds):
        for each in found:
            data = each.path.read_bytes()
            works: dict[str, Callable[[bytes, tuple[int, ...]], list[bytes]]] = {"ours": ours, "libvips": libvips}
            if each.group.startswith("JPEG"):
                works["floor"] = floor
            for name, work in works.items():
                taken, out = cpu(lambda work=work, data=data: work(data, boxes))  # type: ignore[misc]
                times[name, each.path].append(taken)
                made[name, each.path] = out
            answer = sharp.ask(each.path, boxes, ROOT / "sharp-out")
            times["sharp", each.path].append(answer["cpu"])
            made["sharp", each.path] = [(ROOT / f"sharp-out-{index}").read_bytes() for index in range(len(boxes))]
        console.print(f"{case}: round {number + 1} of {rounds}")
    rows = []
    for each in found:
        wanted = [reference(each.path, box) for box in boxes]
        row: dict[str, Any] = {"case": case, "group": each.group, "source": each.path.name}
        row["size"] = list(Image.open(each.path).size)
        for name in ("ours", "libvips", "sharp", "floor"):
            if (name, each.path) in times:
                out = made[name, each.path]
                row[name] = {
                    "ms": round(statistics.median(times[name, each.path]), 2),
                    "rounds": times[name, each.path],
                    "bytes": sum(map(len, out)),
                    "ssim": round(statistics.mean(map(likeness, out, wanted)), 4),
                }
        rows.append(row)
    return rows


def groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a group: geometric means of the ratios, in the middle of all rounds, and of bytes; means of SSIM."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["case"], row["group"]].append(row)
    lines = []
    for (case, group), members in found.items():
        line: dict[str, Any] = {"case": case, "group": group, "files": len(members)}
        line["ms"] = round(statistics.median(each["ours"]["ms"] for each in members), 1)
        for name in ("libvips", "sharp", "floor"):
            if all(name in each for each in members):
                pairs = [zip(each["ours"]["rounds"], each[name]["rounds"], strict=True) for each in members]
                of_files = [[ours / other for ours, other in pair] for pair in pairs]
                ratios = [statistics.geometric_mean(of_round) for of_round in zip(*of_files, strict=True)]
                line[name] = round(statistics.median(ratios), 2)
                line[f"{name} at most"] = round(upper_end(ratios), 2)
        for name in ("libvips", "sharp"):
            sizes = [each["ours"]["bytes"] / each[name]["bytes"] for each in members]
            line[f"bytes / {name}"] = round(statistics.geometric_mean(sizes), 3)
        for name in ("ours", "libvips", "sharp"):
            line[f"ssim {name}"] = round(statistics.mean(each[name]["ssim"] for each in members), 4)
        line["goals"] = list(GOALS.get((case, group), (None, None)))
        lines.append(line)
    return lines


def upper_end(ratios: list[float]) -> float:
    """Of the 95 % interval of their median: the first in order that so few lie below by chance (a binomial)."""
    count = len(ratios)
    below = 0.0
    for place, ratio in enumerate(sorted(ratios)):
        below += math.comb(count, place) / 2**count
        if below >= 0.975:
            return ratio
    return max(ratios)


def phones(rounds: int) -> dict[str, Any] | None:
    """CPU milliseconds of the module's renditions of HEIC out of phones, and of the same pictures as JPEG, in turns.

    None where nobody has put such files into build/bench/heic: nothing here can write them.
    """
    found = sorted((ROOT / "heic").glob("*.heic"))
    pairs = []
    for path in found:
        buffer = io.BytesIO()
        opened((path.read_bytes(),), "HEIF").convert("RGB").save(buffer, "JPEG", quality=90)
        pairs.append((path.read_bytes(), buffer.getvalue()))
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, sources_of in zip(("heic", "jpeg"), zip(*pairs, strict=True), strict=bool(pairs)):
            times = [cpu(lambda data=data: ours(data, BOXES["three"]))[0] for data in sources_of]  # type: ignore[misc]
            taken[name].append(statistics.mean(times))
    if not taken:
        return None
    medians = {f"{name}_ms": round(statistics.median(times), 1) for name, times in taken.items()}
    return medians | {"files": len(found), "pixels": 4032 * 3024}


MEMORY = """
import sys, resource
from pathlib import Path
import bench.renderer as bench
work = getattr(bench, sys.argv[1])
small, source = Path(sys.argv[2]).read_bytes(), Path(sys.argv[3]).read_bytes()
work(small, (16,))
Path("/proc/self/clear_refs").write_text("5")
def memory(line):
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in status if each.startswith(line)) * 1024
before = memory("VmRSS")
work(source, tuple(map(int, sys.argv[4].split(","))))
print(memory("VmHWM") - before)
"""


def memory(found: list[CorpusImage]) -> list[dict[str, Any]]:
    """Bytes of memory added by one image, in a process of its own, for the largest file of each group and each case."""
    lines = []
    for group in dict.fromkeys(each.group for each in found):
        largest = max(
            (each for each in found if each.group == group), key=lambda each: np.prod(Image.open(each.path).size)
        )
        small = ROOT / f"small{largest.path.suffix}"
        picture = Image.open(largest.path)
        form = picture.format
        picture.convert("RGB").resize((32, 32)).save(small, form)
        line: dict[str, Any] = {"group": group, "source": largest.path.name, "size": list(picture.size)}
        for (case, boxes), name in itertools.product(BOXES.items(), ("ours", "libvips")):
            command = [sys.executable, "-c", MEMORY, name, str(small), str(largest.path), ",".join(map(str, boxes))]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            line[f"{case} {name}"] = int(done.stdout)
        lines.append(line)
    return lines


def efforts(found: list[CorpusImage]) -> list[dict[str, Any]]:
    """For each format, effort and size: CPU milliseconds to encode, bytes and SSIM, in the middle of photographs.

    AVIF stops at 5: each further effort takes several times as long, for a percent or two of the bytes.
    """
    pictures = [reference(each.path, 1280) for each in found if each.group == "JPEG baseline"][:4]
    highest: dict[Format, int] = {"webp": 6, "jpeg": 2, "png": 9, "avif": 5}
    rows = []
    for form, most in highest.items():
        for effort, box in itertools.product(range(most + 1), (128, 512, 1280)):
            rendition = Rendition("a", box, box, format=form, quality=QUALITY, effort=effort)
            rows.append({"format": form, "effort": effort, "box": box} | encoding(pictures, rendition))
    return rows


def encoding(pictures: list[Image.Image], rendition: Rendition) -> dict[str, float]:
    """What encoding the pictures at the rendition's size costs and gives."""
    times, sizes, alike = [], [], []
    for picture in pictures:
        small = ImageOps.contain(picture, (rendition.width, rendition.height), Image.Resampling.LANCZOS)
        tries = []
        for _ in range(2):
            started = time.process_time()
            data = encoded([small.copy()], rendition)
            tries.append((time.process_time() - started) * 1000)
        times.append(min(tries))
        sizes.append(len(data))
        alike.append(likeness(data, small))
    return {
        "ms": round(statistics.median(times), 1),
        "bytes": round(statistics.mean(sizes)),
        "ssim": round(statistics.mean(alike), 4),
    }


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Bars of the ratios, one being as fast as the other library."""
    height, left, unit = 44, 430, 330
    canvas = Image.new("RGB", (left + 2 * unit + 80, height * (len(lines) + 2)), "white")
    pen = ImageDraw.Draw(canvas)
    font, small = (ImageFont.load_default(size) for size in (17, 13))
    pen.text((12, 12), "CPU time of the renderer; 1 is as fast as the other", fill="black", font=font)
    colours = {"libvips": "#3465a4", "sharp": "#73d216"}
    for place, (name, colour) in enumerate(colours.items()):
        pen.rectangle((left + place * 120, 16, left + place * 120 + 14, 30), fill=colour)
        pen.text((left + place * 120 + 20, 14), f"over {name}", fill="black", font=small)
    for number, line in enumerate(lines):
        top = height * (number + 1)
        pen.text((12, top + 8), f"{line['case']} · {line['group']} ({line['files']})", fill="black", font=small)
        for place, (name, colour) in enumerate(colours.items()):
            end = left + min(line[name], 2) * unit
            pen.rectangle((left, top + 4 + 17 * place, end, top + 18 + 17 * place), fill=colour)
            pen.text((end + 6, top + 3 + 17 * place), f"{line[name]:.2f}", fill="black", font=small)
    pen.line((left + unit, height - 6, left + unit, canvas.height - height), fill="#888888", width=1)
    canvas.save(path)


def measured(rounds: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Everything about the renderer, of all groups or `only` those that begin so."""
    pyvips.cache_set_max(0)
    found = [each for each in sources() if not only or each.group.startswith(tuple(only))]
    sharp = Sharp()
    rows = compared("one", found, rounds, sharp)
    rows += compared("three", [each for each in found if each.group in THREE_FROM], rounds, sharp)
    sharp.close()
    lines, used = groups(rows), memory(found)
    versions = {"Pillow": version("pillow"), "libvips": ".".join(str(pyvips.version(part)) for part in range(3))}
    document = {"versions": versions, "rounds": rounds, "groups": lines, "memory": used, "files": rows}
    if (of_phones := phones(rounds)) is not None:
        (ROOT / "phones.json").write_text(json.dumps(of_phones, indent=1))
    (ROOT / "renderer.json").write_text(json.dumps(document, indent=1))
    draw(lines, ROOT / "renderer.png")
    return document


def tables(document: dict[str, Any]) -> list[Figures]:
    """CPU time, size and likeness by group; memory by format."""
    columns = ["files", "ms", "libvips", "sharp", "floor", "bytes / libvips", "bytes / sharp"]
    columns += ["ssim ours", "ssim libvips", "ssim sharp"]
    speed = [
        (f"{line['case']}: {line['group']}", *(str(line.get(column, "")) for column in columns))
        for line in document["groups"]
    ]
    sides = [f"{case} {name}" for case in BOXES for name in ("ours", "libvips")]
    used = [
        (f"{line['group']}: {line['source']}", *(f"{line[side] / 1e6:.1f}" for side in sides))
        for line in document["memory"]
    ]
    return [
        Figures("renderer", "CPU time of the renderer, and over that of others", ("", *columns), speed),
        Figures(
            "renderer-memory",
            "Memory that one image adds to the process",
            ("", *(f"{side} MB" for side in sides)),
            used,
        ),
    ]


def verdicts(document: dict[str, Any]) -> list[Goal]:
    """The ratios that have a goal."""
    return [
        Goal(
            f"CPU over {name}, {line['case']}: {line['group']}",
            f"{line[name]:.2f}, at most {line[f'{name} at most']:.2f}",
            f"≤ {goal:.2f}",
            line[f"{name} at most"] <= goal,
        )
        for line in document["groups"]
        for name, goal in zip(("libvips", "sharp"), line["goals"], strict=True)
        if goal is not None
    ]


def effort_figures(rows: list[dict[str, Any]]) -> Figures:
    """One line an effort and size."""
    columns = ("format", "effort", "box", "ms", "bytes", "ssim")
    lines = [[str(row[column]) for column in columns] for row in rows]
    return Figures("efforts", "Encoders, by effort", columns, lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.renderer", description="Hold the renderer against libvips and sharp.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--groups", nargs="*", default=[], help="only groups that begin so")
    parser.add_argument("--efforts", action="store_true", help="the table of encoder efforts instead")
    given = parser.parse_args()
    if given.efforts:
        rows = efforts(sources())
        (ROOT / "efforts.json").write_text(json.dumps(rows, indent=1))
        Console(width=WIDTH).print(effort_figures(rows).rich())
        return 0
    return told(given.rounds, partial(measured, only=given.groups), tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
