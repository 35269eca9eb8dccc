"""CPU time from the start of a process until the handler is ready: `python -m bench.coldstart`.

The archives are unpacked and imported as Lambda does it: from read-only folders, without writing bytecode, and without
anything else on the path than the SDK, which the runtime brings along. Lambda's own bootstrap is left out. Fresh
processes that take turns; medians. `baseline` is what no function can do without that talks to S3 and DynamoDB and
reads photographs: the two clients, and Pillow with its decoders. Everything is in build/bench/coldstart.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from bench.stage import function_environment

__all__ = ["ROUNDS", "measured", "tables", "verdicts"]

GOAL: Final = 1.15  # times the baseline
ROUNDS: Final = 9
_ARCHIVES: Final = Path("build/local")
_FUNCTION, _LAYER = "thumbnailer", "layer"
_SITE_PACKAGES: Final = sysconfig.get_path("purelib")

_BASELINE: Final = """
import boto3
session = boto3.session.Session()
session.client("s3"), session.client("dynamodb")
from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin
"""
_HANDLER: Final = "import thumbnailer.handler\n"
_XRAY: Final = "from aws_xray_sdk.core import xray_recorder\n"
_POWERTOOLS: Final = "from aws_lambda_powertools import Metrics\nMetrics(namespace='a', service='b')\n"
_TOLD: Final = "import time\nprint(time.process_time())\n"

# Whatever goes to a network is told; the handler must not.
_LISTENING: Final = """
import sys
sys.addaudithook(lambda event, _: event in ("socket.connect", "socket.sendto", "socket.getaddrinfo") and print(event))
"""
# Every client that the SDK makes is told by its service.
_WATCHING: Final = """
import botocore.session
make = botocore.session.Session.create_client
botocore.session.Session.create_client = lambda self, name, *a, **b: print(name) or make(self, name, *a, **b)
"""


@dataclass(frozen=True)
class Case:
    """Something that a process does before it is ready."""

    name: str
    script: str
    bytecode: bool = True
    """Of the two archives; the SDK has its own in any case."""
    in_lambda: bool = True
    """Whether LAMBDA_TASK_ROOT is set."""

    def run(self, before: str = "") -> list[str]:
        """Do it in a fresh process, and return the lines that it prints: the last is its CPU seconds."""
        archives = _unpacked(bytecode=self.bytecode)
        function = archives / _FUNCTION
        path = [function, archives / _LAYER / "python", _powertools(), _SITE_PACKAGES]
        environment = {
            **function_environment(),
            "LAMBDA_TASK_ROOT": str(function),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
        }
        if not self.in_lambda:
            del environment["LAMBDA_TASK_ROOT"]
        # Without site-packages of its own: nothing is imported but what is on the path above.
        command = [sys.executable, "-S", "-B", "-W", "ignore", "-c", before + self.script + _TOLD]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"error: the cold start {self.name!r} failed:\n{done.stderr}")
        return done.stdout.split()


BARE: Final = Case("bare interpreter", "")
BASELINE: Final = Case("baseline: two clients and Pillow", _BASELINE)
HANDLER: Final = Case("handler", _HANDLER)
XRAY: Final = Case("baseline + X-Ray SDK, in Lambda", _BASELINE + _XRAY)
XRAY_OUTSIDE: Final = Case("baseline + X-Ray SDK, outside of Lambda", _BASELINE + _XRAY, in_lambda=False)
CASES: Final = (
    BARE,
    BASELINE,
    HANDLER,
    Case("handler, archives without bytecode", _HANDLER, bytecode=False),
    XRAY,
    XRAY_OUTSIDE,
    Case("baseline + Powertools Metrics", _BASELINE + _POWERTOOLS),
)


def unpack() -> None:
    """Unpack the archives, once with their bytecode and once without."""
    for bytecode in (True, False):
        target = _unpacked(bytecode=bytecode)
        if target.exists():
            _set_mode(target, 0o755)
            shutil.rmtree(target)
        for part in (_FUNCTION, _LAYER):
            archive = _ARCHIVES / f"{part}.zip"
            if not archive.exists():
                raise SystemExit(f"error: there is no {archive}: run make {archive}")
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(target / part)
        if not bytecode:
            for cache in list(target.rglob("__pycache__")):
                shutil.rmtree(cache)
        _set_mode(target, 0o555)


def install_powertools() -> None:
    """For a comparison alone: the product does not use it."""
    if not _powertools().exists():
        command = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]
        subprocess.run([sys.executable, *command, _powertools(), "aws-lambda-powertools"], check=True)


def _powertools() -> Path:
    return ROOT / "powertools"


def _unpacked(*, bytecode: bool) -> Path:
    return (ROOT / "unpacked" / ("bytecode" if bytecode else "plain")).absolute()


def _set_mode(root: Path, mode: int) -> None:
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(mode)


def measured(rounds: int) -> dict[str, Any]:
    """Everything about cold starts."""
    unpack()
    install_powertools()
    times: dict[str, list[float]] = {case.name: [] for case in CASES}
    for case in CASES:  # files come from the disk once
        case.run()
    for number in range(rounds):
        for case in CASES:
            times[case.name].append(float(case.run()[-1]) * 1000)
        Console(stderr=True).print(f"cold start: round {number + 1} of {rounds}")
    over = [mine / theirs for mine, theirs in zip(times[HANDLER.name], times[BASELINE.name], strict=True)]
    document = {
        "rounds": rounds,
        "cpu_ms": {name: round(statistics.median(each), 1) for name, each in times.items()},
        "handler_over_baseline": round(statistics.median(over), 3),
        "network": HANDLER.run(before=_LISTENING)[:-1],
        "clients": {case.name: case.run(before=_WATCHING)[:-1] for case in (HANDLER, XRAY, XRAY_OUTSIDE)},
    }
    (ROOT / "coldstart.json").write_text(json.dumps(document, indent=1))
    return document


def tables(document: dict[str, Any]) -> list[Figures]:
    """One line a case."""
    bare = document["cpu_ms"][BARE.name]
    rows = [
        (name, f"{ms:.0f}", f"{ms - bare:.0f}", ", ".join(document["clients"].get(name, [])))
        for name, ms in document["cpu_ms"].items()
    ]
    return [Figures("coldstart", "Cold start", ("", "CPU ms", "above bare", "clients made"), rows)]


def verdicts(document: dict[str, Any]) -> list[Goal]:
    """What a cold start may take, and that it needs nobody."""
    over, network = document["handler_over_baseline"], document["network"]
    return [
        Goal("cold start over its baseline", f"{over:.2f}", f"≤ {GOAL}", over <= GOAL),
        Goal("calls while the handler is imported", str(len(network)), "0", not network),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.coldstart", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    return told(parser.parse_args().rounds, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
