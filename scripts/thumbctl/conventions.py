"""What every command that looks at a stack has in common: options, exit codes and how it speaks.

People get tables on standard output, scripts `--json` there: one object a line. What is wrong goes to standard error.
"""

from __future__ import annotations

import enum
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console

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

# Where nobody looks there is no edge to wrap at, and a line has to stay one for grep.
_UNBOUNDED = 10_000


def console() -> Console:
    """Standard output, for people."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _UNBOUNDED)


def complain(sentence: str) -> None:
    """Say on standard error what is wrong."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence, style="red")


def write_json(documents: Iterable[Mapping[str, Any]]) -> None:
    """Standard output, for scripts."""
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
