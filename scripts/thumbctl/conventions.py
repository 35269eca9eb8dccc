"""What every command that looks at a stack has in common: options, exit codes and how it speaks.

People get tables on standard output, scripts `--json` there: one object a line. What is wrong goes to standard error.

Every command imports this file, the overview included: so botocore and Rich are imported where they are used.
"""

from __future__ import annotations

import enum
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from thumbctl.errors import ThumbctlError
from thumbctl.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.progress import Progress

    from thumbctl.terminal import Terminal


class ExitCode(enum.IntEnum):
    """What a script can rely on."""

    FINE = 0
    WRONG = 1
    """Something is wrong with the stack."""
    IMPOSSIBLE = 2
    """Nothing is known of the stack: usage, no such stack, no access."""
    INTERRUPTED = 130
    """After Ctrl-C, as shells have it: neither done nor wrong."""
    UNREAD = 141
    """Whoever read standard output has gone, as shells have it: `thumbctl failures | head`."""


def complete_stack(incomplete: str) -> list[str]:
    """Names of deployments, for the shell: those that can be had at once, which may be none."""
    import botocore.session  # noqa: PLC0415 - see the top of this file
    from botocore.config import Config  # noqa: PLC0415

    from thumbctl.stack import PARAMETER  # noqa: PLC0415

    impatient = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
    folder = PARAMETER.format(name="")
    try:
        ssm = botocore.session.get_session().create_client("ssm", config=impatient)
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=folder)
        names = [each["Name"].removeprefix(folder) for page in pages for each in page["Parameters"]]
    except Exception:  # noqa: BLE001 - whatever it is, it has no place in a line that somebody is typing
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def complete_reason(incomplete: str) -> list[str]:
    """Reasons of failure, for the shell."""
    from thumbnail_pipeline.outcomes import Reason  # noqa: PLC0415 - see the top of this file

    return [reason for reason in Reason if reason.startswith(incomplete)]


StackOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        envvar="THUMBCTL_STACK",
        autocompletion=complete_stack,
        help="The deployment: the name that the Terraform module was given. Without it, the local stack of 'make up'.",
    ),
]
ReasonsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        autocompletion=complete_reason,
        help="Only what failed for this reason, such as corrupt; may be given more than once.",
    ),
]
KeysOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="GLOB", help="Only keys like this, such as 'holiday/*.jpg'; may be given more than once."
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


def options_go_behind(context: typer.Context, command: str) -> None:
    """Refuse options before the name of a subcommand, which would not get there."""
    sources = [context.get_parameter_source(name) for name in context.params]
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        raise typer.BadParameter(f"options go behind the command: thumbctl {command} …")


def console(*, errors: bool = False) -> Terminal:
    """Standard output, for people; with `errors`, standard error."""
    from thumbctl.terminal import Terminal  # noqa: PLC0415 - see the top of this file

    return Terminal(stderr=errors, width=None if (sys.stderr if errors else sys.stdout).isatty() else _UNBOUNDED)


def complain(sentence: str) -> None:
    """Say on standard error what is wrong."""
    typer.secho(printable(sentence), fg="red", err=True)


def progress() -> Progress:
    """A bar on standard error for as long as its block lasts; nothing where nobody looks."""
    from rich.progress import (  # noqa: PLC0415 - see the top of this file
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )  # fmt: skip

    errors = console(errors=True)
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
    typer.confirm(printable(question), abort=True, err=True)


def counted(number: int, thing: str, *, plural: str | None = None) -> str:
    """So many of a thing, in words: 1 image, 2,000 images; `plural` for what an s does not make so."""
    return f"{number:,} {thing if number == 1 else plural or f'{thing}s'}"


def write_json(documents: Iterable[Mapping[str, Any]]) -> None:
    """Standard output, for scripts."""
    for document in documents:
        line = json.dumps(document, ensure_ascii=False) + "\n"
        # Half a character, as in a file name that is no text, is written as JSON spells it.
        sys.stdout.write(line.encode(errors="backslashreplace").decode())
