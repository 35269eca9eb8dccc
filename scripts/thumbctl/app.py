"""thumbctl: what people who run the pipeline type."""

from __future__ import annotations

from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from thumbctl import channels
from thumbctl.backfill.command import backfill
from thumbctl.backfill.retry import retry
from thumbctl.bulk.errors import BulkError
from thumbctl.conventions import ExitCode, complain
from thumbctl.costs.command import estimate
from thumbctl.dead_letters import command as dlq
from thumbctl.doctor.command import doctor
from thumbctl.errors import ThumbctlError, sentence
from thumbctl.importing.command import import_files
from thumbctl.looking.failures import failures
from thumbctl.looking.show import show
from thumbctl.looking.status import status
from thumbctl.looking.trace import trace
from thumbctl.pause import pause, resume
from thumbctl.reconcile.command import reconcile
from thumbctl.render import render

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """The one place where errors become a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - a type of Typer's own, which it keeps private
        try:
            return super().invoke(ctx)
        except (BulkError, ThumbctlError) as error:
            complain(str(error))
        except (BotoCoreError, ClientError) as error:
            complain(sentence(error))
        raise typer.Exit(ExitCode.IMPOSSIBLE)


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


# In the order of work. Help shows a panel where its first command stands.
_IMPORT, _LOOK, _MEND, _CHECK = "Import & backfill", "Look", "Mend", "Check"

app.command(rich_help_panel=_IMPORT)(render)
app.command(rich_help_panel=_IMPORT)(estimate)
app.command("import", rich_help_panel=_IMPORT)(import_files)
app.command(rich_help_panel=_IMPORT)(backfill)

app.command(rich_help_panel=_LOOK)(status)
app.command(rich_help_panel=_LOOK)(failures)
app.command(rich_help_panel=_LOOK)(show)
app.command(rich_help_panel=_LOOK)(trace)

app.command(rich_help_panel=_MEND)(retry)
app.add_typer(dlq.app, name="dlq", rich_help_panel=_MEND)
app.command(rich_help_panel=_MEND)(pause)
app.command(rich_help_panel=_MEND)(resume)

app.command(rich_help_panel=_CHECK)(doctor)
app.command(rich_help_panel=_CHECK)(reconcile)
app.add_typer(channels.app, name="channels", rich_help_panel=_CHECK)


def main() -> None:
    """The entry point of the console script."""
    app()
