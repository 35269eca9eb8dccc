"""thumbctl: what people who run the pipeline type.

A command's module is imported when the command is used, and not before: boto3, Pillow and the rest take ten times as
long to import as the overview takes to print.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from thumbctl.conventions import ExitCode, complain
from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app", "main"]

_IMPORT, _LOOK, _MEND, _CHECK = "Import & backfill", "Look", "Mend", "Check"

# In the order of work: where the command's function or Typer is, its panel in the overview, and the first sentence of
# its help.
_COMMANDS: Final = {
    "render": ("thumbctl.render:render", _IMPORT, "Render local images as the deployed function would."),
    "estimate": (
        "thumbctl.estimate:estimate",
        _IMPORT,
        "Say what an import or a backfill costs, how long it takes, and which of AWS's limits it meets first.",
    ),
    "import": (
        "thumbctl.importing.command:import_files",
        _IMPORT,
        "Upload files to where the stack makes thumbnails of them.",
    ),
    "backfill": (
        "thumbctl.backfill.command:backfill",
        _IMPORT,
        "Have thumbnails made of objects that are there already, as far as they are missing or out of date.",
    ),
    "jobs": (
        "thumbctl.jobs.command:app",
        _IMPORT,
        "Look at the bulk jobs that run in the account, and have them wait, go on or end.",
    ),
    "status": (
        "thumbctl.looking.status:status",
        _LOOK,
        "Show what waits, what was decided, how long the rest takes, and what is wrong.",
    ),
    "failures": ("thumbctl.looking.failures:failures", _LOOK, "List the images that are failed now, the newest first."),
    "show": (
        "thumbctl.looking.show:show",
        _LOOK,
        "Show everything that is known of one image: row, source, thumbnails, trace, and what the log tells of it.",
    ),
    "trace": (
        "thumbctl.looking.trace:trace",
        _LOOK,
        "Show where the time of an image went, or of a whole invocation.",
    ),
    "retry": (
        "thumbctl.backfill.retry:retry",
        _MEND,
        "Try images again that failed for good, the newest first: after a fix, or with other limits.",
    ),
    "dlq": (
        "thumbctl.dead_letters.command:app",
        _MEND,
        "Look at the dead letters: messages that were tried too often, and what becomes of them.",
    ),
    "events": (
        "thumbctl.events.command:app",
        _MEND,
        "Look whether what becomes of images is announced, and announce again what may have been missed.",
    ),
    "devices": (
        "thumbctl.devices.command:app",
        _MEND,
        "Say which devices may upload by themselves, and see what they did.",
    ),
    "users": ("thumbctl.users.command:app", _MEND, "Delete what there is of a user of the API."),
    "pause": (
        "thumbctl.pause:pause",
        _MEND,
        "Let a queue's messages wait: the function takes no more of them until `thumbctl resume`, or"
        " `terraform apply`.",
    ),
    "resume": ("thumbctl.pause:resume", _MEND, "Let the function take a queue's messages again."),
    "doctor": (
        "thumbctl.doctor.command:doctor",
        _CHECK,
        "Check a deployed stack from outside, from its notification to its alarms, and send a canary through it.",
    ),
    "reconcile": (
        "thumbctl.reconcile.command:reconcile",
        _CHECK,
        "Prove that every object has its thumbnails and every thumbnail its object, or show where that is not so.",
    ),
    "channels": ("thumbctl.channels:app", _CHECK, "Show who hears of failures, warnings and pages."),
}

# What standard output has against being written; other files are named in their errors.
_UNWRITTEN: Final = {errno.EPIPE, errno.ENOSPC}


class Deferred(TyperCommand):
    """A command that the overview lists, and that is imported when somebody uses it."""

    def __init__(self, name: str, where: str, panel: str, sentence: str) -> None:
        """`where` is `module:name` of a function or a Typer."""
        super().__init__(name, help=sentence, rich_help_panel=panel)
        self._where = where

    def load(self) -> Any:  # noqa: ANN401 - a type of Typer's own, which it keeps private
        """Import the command itself."""
        module, _, name = self._where.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False, rich_markup_mode="markdown")
            found.command(self.name)(function)
        return typer.main.get_command(found)

    def make_context(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - see above
        return self.load().make_context(*arguments, **more)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn an error into a sentence and an exit code."""
    try:
        try:
            yield
        finally:
            # What is still to be written may find that nobody reads it.
            sys.stdout.flush()
    except ThumbctlError as error:
        complain(str(error))
        raise typer.Exit(ExitCode.IMPOSSIBLE) from None
    except (SystemExit, typer.Exit, typer.Abort) as error:
        # Typer writes the help of a command with a console of its own, and Rich has ended that with 1.
        if isinstance(error.__context__, BrokenPipeError):
            raise typer.Exit(ExitCode.UNREAD) from None
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _UNWRITTEN and not error.filename:
            _give_up_on_output(error)
        # Only what has called AWS has imported these already.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        from thumbctl.aws_errors import of_settings, sentence  # noqa: PLC0415

        said = sentence(error) if isinstance(error, (BotoCoreError, ClientError)) else of_settings(error)
        if said is None:
            raise
        complain(said)
        raise typer.Exit(ExitCode.IMPOSSIBLE) from None


def _give_up_on_output(error: OSError) -> NoReturn:
    # Nor could Python write the rest when it ends: https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        raise typer.Exit(ExitCode.UNREAD) from None
    complain(f"Standard output cannot be written ({error.strerror}): make room, and start again.")
    raise typer.Exit(ExitCode.IMPOSSIBLE) from None


class _Commands(TyperGroup):
    """All commands."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**attributes)
        self.commands = {name: Deferred(name, *described) for name, described in _COMMANDS.items()}

    def make_context(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - see above
        with _told():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - see above
        with _told():
            return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - see above
        """Write the overview without Rich, which takes as long to import as all else here together."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - see above
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, (_, panel, sentence) in _COMMANDS.items():
            panels.setdefault(panel, []).append((typer.style(name, fg="cyan", bold=True), sentence))
        for panel, rows in panels.items():
            with formatter.section(typer.style(panel, bold=True)):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _root() -> None:
    """Operate the thumbnail pipeline.

    `render` needs nothing but images. All else looks at a deployed stack, with your usual AWS credentials and region:
    name it with `--stack` or `THUMBCTL_STACK`, or run `make up` for a local one.

    Exit codes: 0 all is fine, 1 something is wrong with the stack or an image, 2 the command could not be done.
    """


def main() -> None:
    """The entry point of the console script."""
    app()
