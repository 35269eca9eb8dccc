"""What every command that looks at a stack has in common: options, exit codes and how it speaks.

People get tables on standard output, scripts `--json` there: one object a line. What is wrong goes to standard error.
"""

from __future__ import annotations

import enum
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ExitCode(enum.IntEnum):
    """What a script can rely on."""

    FINE = 0
    WRONG = 1
    """Something is wrong with the stack."""
    IMPOSSIBLE = 2
    """Nothing is known of the stack: usage, no such stack, no access."""


StackOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        envvar="THUMBCTL_STACK",
        help="The deployment: the name that the Terraform module was given. Without it, the local stack of 'make up'.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="For scripts: one JSON object a line.")]
YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it begins.")]


def _moment(text: str) -> datetime:
    if span := _SPAN.fullmatch(text):
        return datetime.now(UTC) - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a span such as 90s, 30m, 2h or 7d, nor a time such as 2026-01-31T08:00Z"
        ) from None


_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}

SinceOption: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=_moment,
        help="Only what happened since: a span back from now such as 2h or 7d, or a time such as 2026-01-31T08:00Z.",
    ),
]

# Where nobody looks there is no edge to wrap at, and a line has to stay one for grep.
_UNBOUNDED = 10_000


def console() -> Console:
    """Standard output, for people."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _UNBOUNDED)


def complain(sentence: str) -> None:
    """Say on standard error what is wrong."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence, style="red")


def progress() -> Progress:
    """A bar on standard error for as long as its block lasts; nothing where nobody looks."""
    errors = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        console=errors, transient=True, disable=not errors.is_terminal,
    )  # fmt: skip


def ask(question: str, *, yes: bool) -> None:
    """Return where the answer is yes, or was given beforehand. Raises ThumbctlError where nobody can be asked."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ThumbctlError("Nobody is there to be asked whether to begin: pass --yes.")
    typer.confirm(question, abort=True, err=True)


def write_json(documents: Iterable[Mapping[str, Any]]) -> None:
    """Standard output, for scripts."""
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
