"""Where people read: everything that `thumbctl` shows in colours or tables goes through a `Terminal`."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from rich.console import Console

from thumbctl.words import printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.table import Table
    from rich.text import Text


class Terminal(Console):
    """Shows every text as it is, whoever wrote it: keys, messages and names come from outside.

    Brackets are no markup, `:cat:` is no picture, and nothing can steer the terminal or look like two lines. Colours
    are given by `style=`.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Rich's own
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - Rich's own
        """Print, tables and their titles all come to this with each of their strings."""
        return super().render_str(printable(text), **options)

    def on_broken_pipe(self) -> None:
        """Let the command end as one does whose reader has gone: Rich would exit with 1, which means something else."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def plain_table(*headings: str, title: str | None = None, right: Collection[str] = ()) -> Table:
    """A table without lines, whose columns fold; those named in `right` are flush right."""
    from rich.table import Table  # noqa: PLC0415 - `render` shows none

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table
