"""What a part of the bench hands to whoever shows it: tables, and goals that were held or missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from devtools.docs.markdown import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NEWEST", "WIDTH", "Figures", "Goal", "told", "verdict_figures"]

Document = TypeVar("Document")  # what a part writes as JSON

WIDTH: Final = 190  # of a terminal: tables are not wrapped
NEWEST: Final[dict[str, str]] = {}
"""The tables in Markdown that docs/performance.md takes over, by name. Empty unless it is to be written anew: the
measurements are not checked in, so all others leave the page as it is."""


class Figures(NamedTuple):
    """A table; the first column is text, the others are figures."""

    name: str
    """Of the place in docs/performance.md that it is written to."""
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def rich(self) -> Table:
        """For a terminal."""
        shown = Table(title=self.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, column in enumerate(self.columns):
            shown.add_column(column, justify="right" if number else "left", no_wrap=number == 0)
        for row in self.rows:
            shown.add_row(*row)
        return shown

    def markdown(self) -> str:
        """For a page."""
        return table(self.columns, self.rows, texts=self.columns[:1])


class Goal(NamedTuple):
    """A figure that matters, and whether it holds its goal; None where it has none."""

    what: str
    measured: str
    goal: str = ""
    held: bool | None = None


def told(
    rounds: int,
    measured: Callable[[int], Document],
    tables: Callable[[Document], list[Figures]],
    verdicts: Callable[[Document], list[Goal]],
) -> int:
    """Measure a part, print its tables and goals, and return the exit code: 1 where a goal was missed."""
    console = Console(width=WIDTH)
    document = measured(rounds)
    found = verdicts(document)
    for figures in (*tables(document), verdict_figures(found)):
        console.print(figures.rich(), "")
    return int(any(each.held is False for each in found))


def verdict_figures(verdicts: Sequence[Goal]) -> Figures:
    """The table of them."""
    words = {True: "held", False: "MISSED", None: ""}
    rows = [(each.what, each.measured, each.goal, words[each.held]) for each in verdicts]
    return Figures("summary", "Summary", ("", "measured", "goal", ""), rows)
