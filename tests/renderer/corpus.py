"""Hold the renderer against pictures that we did not make: `make corpus`.

    PYTHONPATH=tests python -m renderer.corpus [FOLDER …] [--only PNG]

Each file is rendered in a process of its own, bounded in time, and decoded by libvips in another. Where they differ,
and where libvips shows nothing, headless Chromium is asked. Prints a table by format and what goes against a goal, and
writes build/corpus/report.json.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import math
import multiprocessing
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyvips
from PIL import Image
from rich.console import Console
from rich.table import Table

from devtools.browser import launch
from renderer.pictures import loaded, saved, settings
from renderer.suites import format_of, suites
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

ROOT: Final = Path("build/corpus")
BOX: Final = {"width": 256, "height": 256, "format": "png"}
ALIKE: Final = 40.0  # decibels
MOST: Final = 0.95
DAMAGED: Final = frozenset({"truncated", "corrupt"})
# Why they are taken out of the goals: docs/renderer.md.
KNOWN: Final = frozenset(
    {"badadler.png", "bad-y.bmp", "badrle.bmp", "mmap_error.bmp", "pal8v4.bmp", "pal4rletrns.bmp", "pal8rletrns.bmp"}
)
TYPES: Final = {form: f"image/{form.lower()}" for form in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP")}
PAGE: Final = """
async ([type, text]) => {
  const image = new Image(), canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  image.src = `data:${type};base64,${text}`;
  try { await image.decode(); } catch { return null; }
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1] || null;
}
"""
SECONDS: Final = 20
LIMITS: Final = frozenset({"too-large", "too-many-pixels", "too-many-frames", "too-many-scans"})
SLACK: Final = 8_000_000  # bytes
_FORK: Final = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    result   READY, a reason of failure, or how its process ended
    theirs   whether libvips shows it
    browser  whether Chromium does; None where it was not asked
    psnr     decibels to what one of both shows, on white, whichever is nearer; None where nobody else shows it
    partly   whether `"truncated": "render"` renders what is refused otherwise
    """

    path: str
    format: str
    result: str
    detail: str
    size: tuple[int, int] | None
    peak: int
    estimate: int
    theirs: bool
    their_size: tuple[int, int] | None
    psnr: float | None
    warnings: tuple[str, ...]
    partly: bool = False
    browser: bool | None = None


def apart(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own; how that ended where it did not return."""
    here, there = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_answer, args=(work, there))
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(SECONDS) else f"took more than {SECONDS} s"
    except EOFError:
        process.join()
        return f"ended with {process.exitcode}"
    finally:
        process.kill()
        process.join()
        here.close()


def _answer(work: Callable[[], Any], out: Connection) -> None:
    with contextlib.suppress(OSError):
        out.send(work())


def ours(source: bytes, **policies: Any) -> dict[str, Any]:
    """The thumbnail or the reason, and the memory that it took."""
    chosen = settings(BOX, **policies)
    try:
        estimate = estimate_memory(source, chosen)
    except Exception:  # noqa: BLE001 - rendering it must fail as early
        estimate = 0
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    try:
        made = render(source, chosen)
    except Permanent as error:
        found: dict[str, Any] = {"result": error.reason.value, "detail": str(error)}
    else:
        facts = made.facts
        found = {
            "result": "READY",
            "size": (facts.width, facts.height),
            "data": made.thumbnails[0].data,
            "warnings": facts.warnings,
        }
    return found | {"peak": _memory("VmHWM") - before, "estimate": estimate}


def _memory(line: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in status if each.startswith(line)) * 1024


def theirs(source: bytes, size: tuple[int, int] | None) -> tuple[tuple[int, int], list[NDArray[np.uint8]]] | None:
    """How large libvips finds the picture, and what it shows on white, brought to `size` by Lanczos and by our own
    reduction, which other tests hold; None where it fails.
    """
    try:
        image = pyvips.Image.new_from_buffer(source, "").autorot()
        if image.get_typeof("icc-profile-data"):
            with contextlib.suppress(pyvips.Error):  # a profile that does not fit
                image = image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True)
        if image.interpretation != "multiband":
            image = image.colourspace("srgb")
        pixels = image.cast("uchar").numpy()
    except pyvips.Error:
        return None
    found = image.width, image.height
    if size is None:
        return found, []
    pixels = pixels.reshape(image.height, image.width, -1)
    bands = pixels.shape[2]
    if bands < 3:
        pixels = np.concatenate([pixels[:, :, :1]] * 3 + ([pixels[:, :, 1:]] if bands == 2 else []), axis=2)
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, :4]))
    if picture.size == size:
        return found, [shown(picture)]
    reduced = render(saved(picture, "PNG", compress_level=0), settings(BOX, limits={"bytes": 1 << 30}))
    return found, [
        shown(each) for each in (picture.resize(size, Image.Resampling.LANCZOS), loaded(reduced.thumbnails[0].data))
    ]


def shown(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture on white."""
    canvas = Image.new("RGBA", picture.size, "white")
    canvas.alpha_composite(picture.convert("RGBA"))
    return np.asarray(canvas.convert("RGB"))


def judged(path: Path, form: str) -> Outcome:
    """Both renderings of a file."""
    source = path.read_bytes()
    made = apart(lambda: ours(source))
    if isinstance(made, str):
        made = {"result": made, "peak": 0, "estimate": 0}
    picture = loaded(made["data"]) if "data" in made else None
    limited = made["result"] in LIMITS  # which may take minutes
    other = None if limited else apart(lambda: theirs(source, picture.size if picture else None))
    seen = other if isinstance(other, tuple) else None
    return Outcome(
        path=str(path),
        format=form,
        result=made["result"],
        detail=made.get("detail", ""),
        size=made.get("size"),
        peak=made["peak"],
        estimate=made["estimate"],
        theirs=seen is not None,
        their_size=seen[0] if seen else None,
        psnr=max(decibels(picture, each) for each in seen[1]) if picture and seen else None,
        warnings=made.get("warnings", ()),
        partly=made["result"] in DAMAGED and apart(lambda: ours(source, truncated="render"))["result"] == "READY",
    )


def decibels(picture: Image.Image, other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio on white; 99 for what is equal."""
    made = shown(picture).astype(float)
    error = float(np.mean((made - other) ** 2)) if made.shape == other.shape else 255.0**2
    return 99.0 if error == 0 else round(10 * math.log10(255**2 / error), 1)


def asked(outcomes: list[Outcome]) -> Iterator[Outcome]:
    """The outcomes, those that libvips does not confirm with what Chromium says."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it takes a second

    with sync_playwright() as playwright:
        chromium = launch(playwright)
        page = chromium.new_page()
        for each in outcomes:
            confirmed = each.psnr is not None and each.psnr >= ALIKE and each.size == each.their_size
            if each.format not in TYPES or each.result in LIMITS or confirmed:
                yield each
                continue
            source = Path(each.path).read_bytes()
            answer = page.evaluate(PAGE, [TYPES[each.format], base64.b64encode(source).decode()])
            yield with_browser(each, source, answer)
        chromium.close()


def with_browser(outcome: Outcome, source: bytes, answer: str | None) -> Outcome:
    """The outcome with what Chromium shows, a PNG in base64."""
    if answer is None or outcome.result != "READY":
        return replace(outcome, browser=answer is not None)
    seen = loaded(base64.b64decode(answer))
    made = loaded(apart(lambda: ours(source))["data"])
    if seen.size != outcome.size:
        return replace(outcome, browser=True)
    alike = decibels(made, shown(seen.convert("RGB").resize(made.size, Image.Resampling.LANCZOS)))
    if outcome.psnr is None or alike > outcome.psnr:
        return replace(outcome, browser=True, psnr=alike, their_size=seen.size)
    return replace(outcome, browser=True)


def table(outcomes: list[Outcome]) -> Table:
    """A line for each format."""
    shown = Table(box=None, pad_edge=False)
    columns = ("", "files", "rendered", "refused", "compared", "same size", "dB 5 %", "50 %", ">= 40 dB")
    for column in (*columns, "estimate >= peak", "<= 2 x + 8 MB"):
        shown.add_column(column, justify="right" if column not in {"", "refused"} else "left")
    for form, members in grouped(outcomes).items():
        ready = [each for each in members if each.result == "READY"]
        levels = sorted(each.psnr for each in ready if each.psnr is not None)
        reasons = Counter(each.result for each in members if each.result != "READY")
        compared = [each for each in ready if each.psnr is not None]
        shown.add_row(
            form,
            str(len(members)),
            str(len(ready)),
            ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()),
            str(len(levels)),
            share([each.size == each.their_size for each in compared]),
            f"{levels[len(levels) // 20]:.1f}" if levels else "",
            f"{levels[len(levels) // 2]:.1f}" if levels else "",
            share([level >= ALIKE for level in levels]),
            share([each.estimate >= each.peak for each in ready]),
            share([each.estimate <= 2 * each.peak + SLACK for each in ready]),
        )
    return shown


def share(held: list[bool]) -> str:
    return f"{sum(held) / len(held):.1%}" if held else ""


def grouped(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for each in outcomes:
        found.setdefault(each.format, []).append(each)
    return dict(sorted(found.items()))


def missed(outcomes: list[Outcome]) -> Iterator[str]:
    """A line for each file that goes against a goal, and for each format of which too few are alike."""
    for each in outcomes:
        if "ended" in each.result or "took" in each.result:
            yield f"{each.path}: its process {each.result}"
        elif (
            each.result not in {"READY", *LIMITS}
            and each.theirs
            and each.browser
            and not (each.partly or Path(each.path).name in KNOWN)
        ):
            yield f"{each.path}: refused, and shown by libvips and Chromium: {each.detail}"
    for form, members in grouped(outcomes).items():
        levels = [each.psnr for each in members if each.psnr is not None and Path(each.path).name not in KNOWN]
        if levels and sum(level >= ALIKE for level in levels) < MOST * len(levels):
            yield f"{form}: fewer than {MOST:.0%} are alike"


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the renderer against pictures that others made.")
    parser.add_argument("folders", type=Path, nargs="*", help="instead of the public suites")
    parser.add_argument("--only", help="a format, such as PNG")
    given = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    files: dict[bytes, tuple[Path, str]] = {}
    for folder in given.folders or suites(ROOT):
        for path in sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()):
            data = path.read_bytes()
            form = format_of(data)
            if form is not None and given.only in {None, form}:
                files.setdefault(hashlib.sha256(data).digest(), (path, form))
    for form in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "BMP"):  # what is imported with the first of them
        render(saved(Image.new("RGB", (32, 32), "red"), form), settings(BOX))
    outcomes = []
    for number, (path, form) in enumerate(files.values(), 1):
        outcomes.append(judged(path, form))
        if number % 250 == 0:
            sys.stderr.write(f"{number} of {len(files)} files\n")
    outcomes = list(asked(outcomes))
    (ROOT / "report.json").write_text(json.dumps([asdict(each) for each in outcomes], indent=1))
    Console(width=200).print(table(outcomes))
    lines = list(missed(outcomes))
    print("\n".join(lines))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
