"""`python -m devtools.docs.costs publish | table`: what docs/cost.md rests on, and its main tables to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from devtools.docs.cost_figures import FIGURES
from thumbctl.costs import measured
from thumbctl.costs.model import total
from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thumbctl.costs.model import Line

_BENCH = Path("build/bench")
_MILLION = 1_000_000


def _publish() -> None:
    for name in measured.publish(_BENCH):
        sys.stdout.write(f"published {_BENCH / name}; now run: make docs\n")


def _table() -> None:
    console = Console()
    console.print(_as_table("A million images", FIGURES.model.once(_MILLION, FIGURES.workload)))
    console.print(_as_table("Each month that they are kept", FIGURES.model.kept(_MILLION, FIGURES.workload)))
    console.print(_as_table("An idle month", FIGURES.model.idle(FIGURES.stack)))


def _as_table(title: str, lines: Sequence[Line]) -> Table:
    table = Table(title=title, box=None, pad_edge=False, title_justify="left", show_footer=True)
    table.add_column("service", footer="all")
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_column("dollars", justify="right", footer=f"{total(lines):,.2f}")
    for line in lines:
        table.add_row(line.service, line.what, f"{line.amount:,.0f}", f"{line.dollars:,.2f}")
    return table


def main() -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="devtools.docs.costs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, about in (
        ("publish", _publish, "copy what the benches measured from build/bench to measured.json"),
        ("table", _table, "print what a million images and an idle month cost"),
    ):
        commands.add_parser(name, help=about).set_defaults(run=run)
    try:
        parser.parse_args().run()
    except ThumbctlError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
