"""Every part of the bench in one run of less than ten minutes: `python -m bench`.

Prints every table and then a summary, draws build/bench/summary.png, and writes build/bench/*.json. Each part also runs
alone, and longer: `python -m bench.throughput`, bench.coldstart, bench.memory, bench.renderer, bench.sizes.

    python -m bench --write-docs     puts what was measured last into docs/performance.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cogapp import Cog
from rich.console import Console

from bench import coldstart, memory, plot, renderer, sizes, throughput
from bench.corpus import ROOT
from bench.figures import NEWEST, WIDTH, Figures, verdict_figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Goal

_PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_SWEEP: Final = ROOT / "sweep.json"


@dataclass(frozen=True)
class Part:
    """A part of the bench; its document is build/bench/<name>.json."""

    name: str
    rounds: int
    """So few that all parts together take less than ten minutes."""
    measured: Callable[[int], Any]
    tables: Callable[[Any], list[Figures]]
    verdicts: Callable[[Any], list[Goal]]

    def last(self) -> Any:  # noqa: ANN401 - each part has a document of its own
        """What was measured last."""
        path = ROOT / f"{self.name}.json"
        if not path.exists():
            raise SystemExit(f"error: there is no {path}: run make bench first")
        return json.loads(path.read_text())


# The measurements that suffer most from noise come while the machine has least to do: first.
PARTS: Final = (
    Part("throughput", 5, throughput.measured, throughput.tables, throughput.verdicts),
    Part("memory", 2, memory.measured, memory.tables, memory.verdicts),
    Part("coldstart", coldstart.ROUNDS, coldstart.measured, coldstart.tables, coldstart.verdicts),
    Part("renderer", 2, renderer.measured, renderer.tables, renderer.verdicts),
    Part("sizes", 1, sizes.measured, sizes.tables, sizes.verdicts),
)


def measured() -> dict[str, Any]:
    """The documents of all parts, measured now."""
    documents = {}
    progress = Console(stderr=True)
    for part in PARTS:
        begun = time.monotonic()
        documents[part.name] = part.measured(part.rounds)
        progress.print(f"{part.name}: {time.monotonic() - begun:.0f} s")
    (ROOT / "machine.json").write_text(json.dumps(machine(), indent=1))
    return documents


def machine() -> dict[str, str]:
    """What was measured with, and when."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "Python": platform.python_version(),
        **{name: version(name) for name in ("pillow", "boto3", "aws-xray-sdk")},
    }


def all_tables(documents: dict[str, Any]) -> list[Figures]:
    """Every table, and the summary last."""
    found = [figures for part in PARTS for figures in part.tables(documents[part.name])]
    verdicts = [verdict for part in PARTS for verdict in part.verdicts(documents[part.name])]
    return [*found, verdict_figures(verdicts)]


def write_docs() -> None:
    """Put what was measured last into the page."""
    documents = {part.name: part.last() for part in PARTS}
    found = all_tables(documents)
    if _SWEEP.exists():
        found.append(throughput.sweep_figures(json.loads(_SWEEP.read_text())))
    found.append(
        Figures("machine", "", ("measured", "with"), [*json.loads((ROOT / "machine.json").read_text()).items()])
    )
    NEWEST.update({each.name: f"{each.markdown()}\n" for each in found})
    Cog().callable_main(["cog", "-r", str(_PAGE)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write-docs", action="store_true", help="measure nothing, but write docs/performance.md")
    if parser.parse_args().write_docs:
        write_docs()
        return 0
    documents = measured()
    console = Console(width=WIDTH)
    for figures in all_tables(documents):
        console.print(figures.rich(), "")
    plot.draw(documents, ROOT / "summary.png")
    console.print(f"To look at: {(ROOT / 'summary.png').absolute().as_uri()}")
    missed = [each for part in PARTS for each in part.verdicts(documents[part.name]) if each.held is False]
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
