"""thumbctl: what people who run the pipeline type."""

from __future__ import annotations

import typer

from thumbctl.render import render

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _root() -> None:
    """Operate the thumbnail pipeline."""


app.command()(render)


def main() -> None:
    """The entry point of the console script."""
    app()
