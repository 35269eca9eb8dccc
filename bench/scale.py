"""How bulk work grows with a bucket: `python -m bench.scale [--objects N …]`, into build/bench/scale.json.

Every command runs as people run it, in a process of its own, against `bench.vast`: a deployment on a loopback address
with as many objects as one likes, none of them stored. Memory has to stay where it is, time to grow in proportion, and
every object that is out of date has to come as one message: what the process took, and what the deployment counted.
Then jobs in the account, with so many `--workers`: `bench.jobs`, into build/bench/jobs.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import jobs, vast
from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from bench.vast import Sent
from thumbctl.conventions import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

OBJECTS: Final = (10_000, 100_000, 1_000_000)

_COMMANDS: Final = {
    "estimate": ("estimate", f"s3://{vast.UPLOADS}"),
    "backfill": ("backfill", "--yes", "--no-wait"),
    "reconcile": ("reconcile",),
    "import": ("import", "--yes"),
}
# Of one file, for as many as a file system lets have one name each: https://man7.org/linux/man-pages/man2/link.2.html
_LINKS: Final = 10_000
_BYTES: Final = 2_000


@dataclass(frozen=True)
class ScaleRun:
    """A command over so many objects."""

    command: str
    objects: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    exit_code: int
    calls: dict[str, int]
    messages: int
    """Objects that came as a message, or were uploaded."""
    twice: int
    """Those that came as more than one."""

    @property
    def expected_messages(self) -> int:
        """How many objects have to come: those that are out of date, or all that are uploaded."""
        return {"backfill": vast.out_of_date(self.objects), "import": self.objects}.get(self.command, 0)


def measured(commands: Sequence[str], objects: Sequence[int] = OBJECTS) -> list[dict[str, Any]]:
    """Every command over each number of objects."""
    return [asdict(_run(command, number)) for number in objects for command in commands]


def tables(document: list[dict[str, Any]]) -> list[Figures]:
    """One row for each command and number of objects."""
    rows = [
        (
            run.command,
            f"{run.objects:,}",
            f"{run.seconds:,.1f}",
            f"{run.objects / run.seconds:,.0f}",
            f"{1e6 * run.cpu_seconds / run.objects:,.0f}",
            f"{run.peak_mb:,.0f}",
            f"{run.messages:,}",
            ", ".join(f"{name} {calls:,}" for name, calls in sorted(run.calls.items()) if calls > 1),
        )
        for run in _runs(document)
    ]
    columns = ("command", "objects", "seconds", "objects a second", "CPU, µs each", "peak MB", "messages", "calls")
    return [Figures("scale", "Bulk work over a bucket that grows", columns, rows)]


def verdicts(document: list[dict[str, Any]]) -> list[Goal]:
    """Memory within a tenth, time in proportion within a half, and nothing left out or twice."""
    found = []
    for command in dict.fromkeys(each.command for each in _runs(document)):
        runs = sorted((each for each in _runs(document) if each.command == command), key=lambda run: run.objects)
        memory = runs[-1].peak_mb / runs[0].peak_mb
        goal, held = "0.90 to 1.10", 0.9 <= memory <= 1.1
        found.append(Goal(f"{command}: memory, largest over smallest", f"{memory:.2f}", goal, held))
        # What a process needs to start does not grow; between the larger two it hardly counts.
        *_, second, largest = (runs[0], *runs)
        growth = (largest.cpu_seconds / second.cpu_seconds) / (largest.objects / second.objects)
        found.append(Goal(f"{command}: CPU an object, over the next", f"{growth:.2f}", "at most 1.5", growth <= 1.5))
        right = all(each.messages == each.expected_messages and not each.twice for each in runs)
        found.append(Goal(f"{command}: messages", "right" if right else "WRONG", "each once", right))
        done = all(each.exit_code in {ExitCode.FINE, ExitCode.WRONG} for each in runs)
        found.append(Goal(f"{command}: runs to its end", "yes" if done else "NO", "yes", done))
    return found


def _runs(document: list[dict[str, Any]]) -> list[ScaleRun]:
    return [ScaleRun(**each) for each in document]


def _run(command: str, objects: int) -> ScaleRun:
    there, more = (0, objects) if command == "import" else (objects, 0)
    with tempfile.TemporaryDirectory() as home, vast.running(there, more) as url:
        files = [_files(Path(home) / "photos", more)] if more else []
        environment = {**vast.environment(url, "operator"), "XDG_STATE_HOME": home}
        begun = time.monotonic()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("thumbctl"), *_COMMANDS[command], *files, "--json"],
            env=environment,
            cwd=home,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        stats = vast.stats(url)
    sent = Sent.of(stats)
    run = ScaleRun(
        command=command,
        objects=objects,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        exit_code=process.returncode,
        calls=stats["calls"],
        messages=sent.objects,
        twice=sent.twice,
    )
    sys.stderr.write(f"{command} over {objects:,}: {seconds:.1f} s, {run.peak_mb:.0f} MB, exit code {run.exit_code}\n")
    return run


def _files(folder: Path, number: int) -> Path:
    """A folder with so many small files, under the keys that the deployment knows; many are the same on disk."""
    for index in range(number):
        file = folder / vast.key_of(index)
        if index % _LINKS == 0:
            file.parent.mkdir(parents=True)
            file.write_bytes(os.urandom(_BYTES))
            same = file
        else:
            os.link(same, file)
    return folder


def main() -> int:
    """Measure, write build/bench/scale.json, print the table and the goals."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--objects", type=int, nargs="*", default=OBJECTS, help="for each command; may be none")
    parser.add_argument("--only", nargs="*", choices=_COMMANDS, default=[*_COMMANDS], help="of the commands")
    parser.add_argument("--job-objects", type=int, default=jobs.OBJECTS, help="for each job in the account")
    parser.add_argument("--workers", type=int, nargs="*", default=jobs.WORKERS, help="of such a job; may be none")
    arguments = parser.parse_args()

    def measure(_: int) -> list[dict[str, Any]]:
        document = measured(arguments.only, arguments.objects)
        (ROOT / "scale.json").write_text(json.dumps(document, indent=1))
        return document

    def measure_jobs(_: int) -> list[dict[str, Any]]:
        document = jobs.measured(arguments.job_objects, arguments.workers)
        (ROOT / "jobs.json").write_text(json.dumps(document, indent=1))
        return document

    missed = told(1, measure, tables, verdicts) if arguments.objects else 0
    return told(1, measure_jobs, jobs.tables, jobs.verdicts) | missed if arguments.workers else missed


if __name__ == "__main__":
    sys.exit(main())
