"""`thumbctl render`: the function's own renderer on local files, to tune renditions before they are deployed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from thumbctl.defaults import DEFAULT
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.renderer import rendering
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from thumbnail_pipeline.renderer.rendering import Facts, Thumbnail

__all__ = ["render"]


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
    status: Status
    reason: str | None
    detail: str | None
    facts: Facts | None
    renditions: tuple[_Written, ...]
    milliseconds: float


def render(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR…", exists=True, help="Images, or folders to search for files.")
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
        typer.Option(file_okay=False, metavar="DIR", help="Where thumbnails are written; nowhere if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file.")] = False,
) -> None:
    """Render local images as the deployed function would.

    Exit code 1: some of them cannot be rendered.
    """
    console = Console(stderr=True)
    try:
        settings = _settings(renditions) if renditions else DEFAULT
    except (ValueError, OSError) as error:
        console.print(f"{renditions}: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    sources = list(_files(paths))
    if not sources:
        console.print("There are no files in what was given.", style="red")
        raise typer.Exit(2)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        outcomes: list[_Outcome] = []
        task = progress.add_task("Rendering", total=len(sources))
        for source, key in sources:
            outcome = _rendered(source, key, settings, out)
            outcomes.append(outcome)
            progress.advance(task)
            if as_json:
                sys.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
                sys.stdout.flush()
    if not as_json:
        _report(outcomes)
    if any(outcome.status is Status.FAILED for outcome in outcomes):
        raise typer.Exit(1)


def _settings(file: Path) -> Settings:
    text = file.read_text(encoding="utf-8")
    return Settings.from_json(f'{{"renditions": {text}}}' if text.lstrip().startswith("[") else text)


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Every file, with the key that its thumbnails get: its path below the folder it was found in."""
    for path in paths:
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if each.is_file())
            yield from ((each, each.relative_to(path).as_posix()) for each in found)
        else:
            yield path, path.name


def _rendered(source: Path, key: str, settings: Settings, out: Path | None) -> _Outcome:
    started = time.perf_counter()
    try:
        result = rendering.render(source.read_bytes(), settings)
    except Permanent as error:
        return _Outcome(str(source), Status.FAILED, error.reason, error.detail, None, (), _since(started))
    except OSError as error:
        return _Outcome(str(source), Status.FAILED, "unreadable", str(error), None, (), _since(started))
    milliseconds = _since(started)
    written = tuple(_write(thumbnail, key, out) for thumbnail in result.thumbnails)
    return _Outcome(str(source), Status.READY, None, None, result.facts, written, milliseconds)


def _write(thumbnail: Thumbnail, key: str, out: Path | None) -> _Written:
    """Thumbnails lie on the disk as they lie in the bucket: <rendition>/<source key>.<extension>."""
    rendition = thumbnail.rendition
    path = out / rendition.name / f"{key}.{rendition.extension}" if out is not None else None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(thumbnail.data)
    return _Written(rendition.name, str(path) if path else None, thumbnail.width, thumbnail.height, len(thumbnail.data))


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _report(outcomes: list[_Outcome]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("Source", "Format", "Size", "Thumbnails"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms", justify="right")
    for outcome in outcomes:
        if outcome.facts is None:
            cells = (f"[red]{outcome.reason}[/]", "", outcome.detail or "")
        else:
            facts = outcome.facts
            made = (f"{each.name} {each.width}x{each.height} {_size(each.bytes)}" for each in outcome.renditions)
            cells = (facts.format, f"{facts.width}x{facts.height}", "\n".join((*made, *facts.warnings)))
        table.add_row(outcome.source, *cells, f"{outcome.milliseconds:.0f}")
    console = Console()
    console.print(table)
    failed = sum(outcome.status is Status.FAILED for outcome in outcomes)
    console.print(f"{len(outcomes) - failed} rendered, {failed} failed", highlight=False)


def _size(size: int) -> str:
    return f"{size / 1000:.1f} kB"
