"""What each setting of Lambda's memory gives and costs: `python -m bench.memory`, build/bench/memory.json.

Lambda gives processor time in proportion to memory. Every setting is the real handler, warm, over the loopback AWS,
with that share of the processors (`bench.share`) and that AWS_LAMBDA_FUNCTION_MEMORY_SIZE. Only settings up to the two
processors that the bench uses can be imitated. Memory itself is not bounded, but its peak is reported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from bench.contender import Contender
from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from bench.share import Shares
from bench.stage import CORE_MB, Stage, default_memory_mb, two_cores
from thumbctl.costs.prices import Prices

if TYPE_CHECKING:
    from bench.stage import Turn

__all__ = ["ROUNDS", "cheapest", "measured", "tables", "verdicts"]

SETTINGS: Final = (512, 1024, 1536, 1769, 2048, 3008, 3538)
ROUNDS: Final = 3
# An image must not fail for want of memory: what is left when the function is at its peak.
_ROOM: Final = 0.2
# What differs by less than this from the cheapest is as cheap: the same code varies by a tenth between runs.
_ALIKE: Final = 1.1


def measured(rounds: int) -> list[dict[str, Any]]:
    """A line for each setting; none where this machine cannot imitate them."""
    shares = Shares.found()
    if shares is None:
        sys.stderr.write(
            "note: the memory settings are left out, for neither version of control groups lets this user bound a "
            "process's share of the processors: run the bench as root, or in a container that may\n"
        )
        return []
    cores = set(two_cores())
    with Stage.set_up() as stage, contextlib.ExitStack() as stack:
        contenders = {}
        for memory_mb in SETTINGS:
            group = stack.enter_context(shares.of(memory_mb / CORE_MB))
            environment = stage.environment(f"memory-{memory_mb}", memory_mb)
            contenders[memory_mb] = stack.enter_context(Contender("handler", environment=environment, cores=cores))
            (group / "cgroup.procs").write_text(str(contenders[memory_mb].pid))
        turns: dict[int, list[Turn]] = {
            memory_mb: [stage.turn(each, "warm-up")] for memory_mb, each in contenders.items()
        }
        for number in range(rounds):
            for memory_mb, each in contenders.items():
                turns[memory_mb].append(stage.calm_turn(each, str(number)))
            Console(stderr=True).print(f"memory: round {number + 1} of {rounds}")
        lines = [line(memory_mb, each, stage.images) for memory_mb, each in turns.items()]
    (ROOT / "memory.json").write_text(json.dumps(lines, indent=1))
    return lines


def line(memory_mb: int, turns: list[Turn], images: int) -> dict[str, Any]:
    """Medians over the batches after the first, which was the warm-up."""
    batch_ms = statistics.median(turn.run.wall_ms for turn in turns[1:])
    ms = batch_ms / images
    gb_seconds = ms / 1000 * memory_mb / 1024 * 1e6
    return {
        "memory_mb": memory_mb,
        "ms_per_image": round(ms, 1),
        "batch_ms": round(batch_ms),
        "rss_mb": round(turns[-1].run.rss_bytes / 2**20),
        "gb_seconds_per_million": round(gb_seconds),
    }


def cheapest(lines: list[dict[str, Any]]) -> list[int]:
    """The settings that have room, and none of which is cheaper than the others beyond noise."""
    roomy = [each for each in lines if each["rss_mb"] <= each["memory_mb"] * (1 - _ROOM)]
    most = min(each["gb_seconds_per_million"] for each in roomy) * _ALIKE
    return [each["memory_mb"] for each in roomy if each["gb_seconds_per_million"] <= most]


def tables(lines: list[dict[str, Any]]) -> list[Figures]:
    """One line a setting."""
    price = Prices.load().lambda_arm64
    rows = [
        (
            str(each["memory_mb"]),
            f"{each['memory_mb'] / CORE_MB:.2f}",
            str(each["batch_ms"]),
            f"{each['ms_per_image']:.0f}",
            f"{1000 / each['ms_per_image']:.2f}",
            str(each["rss_mb"]),
            f"{price.of(each['gb_seconds_per_million']):.2f}",
        )
        for each in lines
    ]
    columns = ("MB", "processors", "batch ms", "ms an image", "images/s", "peak MB", "compute, $ a million")
    return [Figures("memory", "Memory settings", columns, rows)] if lines else []


def verdicts(lines: list[dict[str, Any]]) -> list[Goal]:
    """Whether no setting is cheaper than the default."""
    if not lines:
        return [Goal("memory setting", "not measured: no control groups")]
    found, default = cheapest(lines), default_memory_mb()
    settings = ", ".join(map(str, found))
    return [Goal("cheapest memory settings, MB", settings, f"{default}, the default, is one", default in found)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.memory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    return told(parser.parse_args().rounds, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
