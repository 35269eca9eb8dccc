"""`thumbctl render`: the function's own renderer on local files, to tune renditions before they are deployed."""

from __future__ import annotations

import contextlib
import logging
import mimetypes
import os
import sys
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thumbctl.conventions import ExitCode, complain, console, progress, write_json
from thumbctl.defaults import DEFAULT
from thumbctl.errors import ThumbctlError
from thumbctl.importing import files
from thumbctl.importing.files import LeftOut, Problem
from thumbctl.words import bytes_in_words
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason, Status
from thumbnail_pipeline.renderer import rendering
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thumbnail_pipeline.renderer.rendering import Facts, Thumbnail

__all__ = ["render"]

_SKIPPED: Final = "SKIPPED"
_UNWRITABLE: Final = "unwritable"
# Who calls a file so and puts something else into it wants to hear of that.
_IMAGES: Final = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

# Other problems are those of a key in S3.
_NOTHING_TO_READ: Final = {each for each in Problem if each.harmless} | {Problem.MISSING, Problem.UNREADABLE}


@dataclass(frozen=True)
class _Written:
    """One thumbnail, on the disk if it has a path; width and height in pixels."""

    name: str
    path: str | None
    width: int
    height: int
    bytes: int


@dataclass(frozen=True)
class _Outcome:
    """What became of one source: one line of --json."""

    source: str
    status: str
    """READY, FAILED, or SKIPPED where it is no image and was not named."""
    reason: str | None
    detail: str | None
    facts: Facts | None = None
    renditions: tuple[_Written, ...] = ()
    milliseconds: float = 0.0


def render(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR…", exists=True, help="Images, or folders to search for images.")
    ],
    renditions: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE.json",
            help='A list of renditions, [{"name": …, "width": …, "height": …}, …], or an object that has it as'
            ' "renditions" beside limits and policies. Without it: what the Terraform module makes by default.',
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            metavar="DIR",
            help="Where thumbnails are written, in a folder for each rendition and below that as their sources lie;"
            " nowhere if not given.",
        ),
    ] = None,
    report_all: Annotated[
        bool, typer.Option("--all", help="Report what is skipped, too: files in a folder that are no images.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file.")] = False,
) -> None:
    """Render local images as the deployed function would.

    What is no image is skipped in a folder, and fails where it was named. Names that begin with a dot are skipped, too,
    unless they are named.

    Exit code 1: some images cannot be rendered; 2: a thumbnail could not be written.

    Examples:

        # What would be made of a folder's images; nothing is written
        thumbctl render photos

        # Look at the thumbnails of one image
        thumbctl render cat.jpg --out thumbnails

        # Try renditions before they are deployed
        thumbctl render photos --renditions renditions.json --out thumbnails
    """
    try:
        settings = _settings(renditions) if renditions else DEFAULT
    except (ValueError, OSError) as error:
        raise ThumbctlError(f"{renditions}: {error}") from None
    sources = list(_sources(paths))
    counts: Counter[str] = Counter()
    # Where the rows are seen, they tell how far it is.
    bar = progress() if sys.stderr.isatty() and not sys.stdout.isatty() else None
    with bar or contextlib.nullcontext():
        for source in bar.track(sources, description="Rendering") if bar else sources:
            outcome = _outcome(source, settings, out)
            counts[_UNWRITABLE if outcome.reason == _UNWRITABLE else outcome.status] += 1
            if outcome.reason == _UNWRITABLE:
                complain(f"{outcome.source}: {outcome.detail}")
            if outcome.status == _SKIPPED and not report_all:
                continue
            if as_json:
                write_json([asdict(outcome)])
                sys.stdout.flush()
            elif outcome.reason != _UNWRITABLE:
                _tell(outcome)
    if counts.total() == counts[_SKIPPED]:
        raise ThumbctlError("There are no images in what was given: correct the path; --all shows what is there.")
    skipped = f", {counts[_SKIPPED]} skipped that are no images" if counts[_SKIPPED] else ""
    if not as_json:
        failed = counts[Status.FAILED] + counts[_UNWRITABLE]
        console().print(f"{counts[Status.READY]} rendered, {failed} failed{skipped}")
    if counts[_UNWRITABLE]:
        raise typer.Exit(ExitCode.IMPOSSIBLE)
    if counts[Status.FAILED]:
        raise typer.Exit(ExitCode.WRONG)


def _settings(file: Path) -> Settings:
    text = file.read_text(encoding="utf-8")
    return Settings.from_json(f'{{"renditions": {text}}}' if text.lstrip().startswith("[") else text)


@dataclass(frozen=True)
class _Source:
    """A file, or what is in the place of one."""

    shown: str
    """As people named it, or the folder that it is in."""
    path: Path
    key: str
    """Where its thumbnails lie below a rendition: its path below the folder that holds all that was named."""
    named: bool
    left_out: LeftOut | None


def _sources(paths: Sequence[Path]) -> Iterator[_Source]:
    """Everything that is named, and everything in folders that are, each once and in the order of paths."""
    absolute = {path: os.path.abspath(path) for path in paths}  # noqa: PTH100 - not resolved: links keep their names
    root = os.path.commonpath(each if path.is_dir() else os.path.dirname(each) for path, each in absolute.items())  # noqa: PTH120
    seen: set[str] = set()
    for path, named in absolute.items():
        for found in sorted(files.below(named, ""), key=lambda each: each.path):
            if found.path not in seen:
                seen.add(found.path)
                yield _Source(
                    shown=str(path / found.path[len(named) :].lstrip("/")),
                    path=Path(found.path),
                    key=os.path.relpath(found.path, root),
                    named=found.path == named,
                    left_out=found if isinstance(found, LeftOut) else None,
                )


def _outcome(source: _Source, settings: Settings, out: Path | None) -> _Outcome:
    if source.left_out and source.left_out.problem in _NOTHING_TO_READ:
        problem = source.left_out.problem
        status, detail = (_SKIPPED, str(problem)) if problem.harmless else (Status.FAILED, source.left_out.detail)
        if source.path.is_symlink() and not source.path.exists():
            detail = f"a link to {source.path.readlink()}, which is not there"
        return _Outcome(source.shown, status, problem.name.lower(), detail)
    started = time.perf_counter()
    heard: list[str] = []
    try:
        with _hearing(heard):
            result = rendering.render(source.path.read_bytes(), settings)
    except Permanent as error:
        status = Status.FAILED if source.named or _is_image(source.path, error.reason) else _SKIPPED
        detail = " ".join((error.detail, *heard))
        return _Outcome(source.shown, status, error.reason, detail, milliseconds=_since(started))
    except OSError as error:
        return _Outcome(source.shown, Status.FAILED, "unreadable", error.strerror or str(error))
    milliseconds = _since(started)
    facts = replace(result.facts, warnings=(*result.facts.warnings, *heard))
    try:
        written = tuple(_write(thumbnail, source.key, out) for thumbnail in result.thumbnails)
    except OSError as error:
        why = f"{error.filename} cannot be written ({error.strerror}): mend that, or name another folder with --out."
        return _Outcome(source.shown, Status.FAILED, _UNWRITABLE, why, facts, milliseconds=milliseconds)
    return _Outcome(source.shown, Status.READY, None, None, facts, written, milliseconds)


def _is_image(path: Path, reason: Reason) -> bool:
    """Whether a file that cannot be rendered passes for an image, so that people want to hear of it."""
    if reason in {Reason.UNIDENTIFIED, Reason.EMPTY}:
        return path.suffix.lower() in _IMAGES
    kind, _ = mimetypes.guess_type(path.name)
    return reason != Reason.UNSUPPORTED_FORMAT or kind is None or kind.startswith("image/")


class _Ear(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(record.getMessage())


@contextlib.contextmanager
def _hearing(heard: list[str]) -> Iterator[None]:
    """Put what libraries warn of in this block into `heard`, each once, and not on standard error."""
    ear = _Ear(heard)
    logging.getLogger().addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        logging.getLogger().removeHandler(ear)
        heard[:] = dict.fromkeys([*heard, *(str(each.message) for each in caught)])


def _write(thumbnail: Thumbnail, key: str, out: Path | None) -> _Written:
    """Thumbnails lie on the disk as they lie in the bucket: <rendition>/<source key>.<extension>."""
    rendition = thumbnail.rendition
    path = out / rendition.name / f"{key}.{rendition.extension}" if out is not None else None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(thumbnail.data)
        except OSError as error:
            # Only an open file that cannot be written further is nobody's by name.
            error.filename = error.filename or str(path)
            raise
    return _Written(rendition.name, str(path) if path else None, thumbnail.width, thumbnail.height, len(thumbnail.data))


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _tell(outcome: _Outcome) -> None:
    """One line for people, as soon as it is known, and one more for each warning."""
    out = console()
    facts = outcome.facts
    if facts is None:
        style = "red" if outcome.status == Status.FAILED else "dim"
        out.print(f"{outcome.source}  {outcome.reason}: {outcome.detail}", style=style, soft_wrap=True)
        return
    made = ", ".join(
        f"{each.name} {each.width}x{each.height} {bytes_in_words(each.bytes)}" for each in outcome.renditions
    )
    size = f"{facts.format} {facts.width}x{facts.height}"
    out.print(f"{outcome.source}  {size}  {made}  {outcome.milliseconds:.0f} ms", soft_wrap=True)
    for warning in facts.warnings:
        out.print(f"  {warning}", style="yellow", soft_wrap=True)
