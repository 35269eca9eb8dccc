"""An import of many small images to a local stack of its own, killed and resumed: `python -m bench.imports [NUMBER]`.

Prints how many a second were uploaded and became thumbnails, a line for each tenth from the first to the last, how long
the capacity model says that the thumbnails take, and whether every image is accounted for. The rate is that of this
machine, which also plays AWS; what counts is that the last tenth goes as fast as the first, that the model is right,
and that nothing is lost or done twice.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image
from rich.console import Console
from rich.table import Table

from bench.figures import Goal, verdict_figures
from devtools.localaws import emulator, stack
from thumbctl.costs.capacity import Ramp, Step, seconds
from thumbnail_pipeline.rows import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devtools.localaws.stack import LocalStack

_CORRUPT_EVERY: Final = 50
_TENTHS: Final = 10
_LEAST: Final = 0.9
"""What the last tenth's rate may come to of the first one's."""
_LOOK_SECONDS: Final = 0.2


def picture(number: int) -> tuple[str, bytes]:
    """The name and bytes of a small image, no two alike; one in fifty is cut short and will fail."""
    chance = random.Random(number)  # noqa: S311 - the same images in every run
    size = chance.randrange(40, 200), chance.randrange(40, 200)
    image = Image.effect_noise(size, chance.uniform(5, 60)).convert("RGB")
    image.putpixel((0, 0), (number % 256, number // 256 % 256, number // 65536))
    image_format, extension = chance.choice((("JPEG", "jpg"), ("PNG", "png")))
    encoded = BytesIO()
    image.save(encoded, image_format)
    data = encoded.getvalue()
    name = f"album {number // 100:03d}/IMG+{number:06d}.{extension}"
    return name, data[: len(data) // 3] if is_corrupt(number) else data


def is_corrupt(number: int) -> bool:
    """Whether that image will fail."""
    return number % _CORRUPT_EVERY == _CORRUPT_EVERY - 1


@dataclass(frozen=True)
class Importer:
    """Somebody's terminal, in which `thumbctl import` runs as a process of its own."""

    stack: LocalStack
    state: Path
    """Where the journal lies."""
    endpoint_url: str = ""
    """In place of the stack's."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Begin to import."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "THUMBCTL_"))}
        environment = {
            **kept,
            **emulator.ROOT_CREDENTIALS,
            "AWS_DEFAULT_REGION": self.stack.region,
            "AWS_ENDPOINT_URL": self.endpoint_url or self.stack.endpoint_url,
            "THUMBCTL_STACK": "thumbs",
            "XDG_STATE_HOME": str(self.state),
        }
        command = [sys.executable, "-c", "from thumbctl.app import main; main()", "import", *map(str, arguments)]
        process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
        """Import to the end; returns exit code, documents and complaints."""
        process = self.start(*arguments, "--json")
        out, complaints = process.communicate()
        return process.returncode, [json.loads(line) for line in out.splitlines()], complaints

    def kill_when(self, uploaded: int, *arguments: object) -> int:
        """Import, and kill -9 as soon as `uploaded` objects are there; returns how many there are then."""
        process = self.start(*arguments)
        while process.poll() is None:
            begun = time.monotonic()
            if len(self.objects()) >= uploaded:
                break
            # Looking takes longer each time, and must not take all of the machine.
            time.sleep(max(_LOOK_SECONDS, time.monotonic() - begun))
        if process.poll() is not None:
            raise SystemExit(f"error: the import ended before it could be killed: {process.communicate()}")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return len(self.objects())

    def objects(self) -> dict[str, Mapping[str, Any]]:
        """What the uploads bucket has, by key."""
        pages = self.stack.client("s3").get_paginator("list_objects_v2")
        return {
            each["Key"]: each
            for page in pages.paginate(Bucket=self.stack.outputs["source_bucket"])
            for each in page.get("Contents", ())
        }

    def versions(self) -> Counter[str]:
        """How often each key was written."""
        pages = self.stack.client("s3").get_paginator("list_object_versions")
        found = pages.paginate(Bucket=self.stack.outputs["source_bucket"])
        return Counter(each["Key"] for page in found for each in page.get("Versions", ()))

    def rows(self) -> dict[str, Mapping[str, Any]]:
        """What the catalog says, by key."""
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=self.stack.outputs["table_name"])
        rows = [plain(item) for page in pages for item in page["Items"]]
        return {row["source_key"]: row for row in rows}


@contextlib.contextmanager
def importer(applied: LocalStack, endpoint_url: str = "") -> Iterator[Importer]:
    """A terminal whose processes end with the block."""
    with tempfile.TemporaryDirectory() as state:
        opened = Importer(applied, Path(state), endpoint_url)
        try:
            yield opened
        finally:
            for process in opened.processes:
                process.kill()
                process.communicate()


def accounted(imported: Importer, prefix: str, expected: Mapping[str, bool]) -> list[str]:
    """What is wrong: `expected` says of each key behind `prefix` whether it fails."""
    rows, versions = imported.rows(), imported.versions()
    problems = [f"{key} is there {versions[key]} times" for key in expected if versions[key] != 1]
    for key, fails in expected.items():
        status = rows.get(key, {}).get("status")
        if status != ("FAILED" if fails else "READY"):
            problems.append(f"{key} is {status}")
    problems += [
        f"{key} is there, and nobody imported it" for key in versions if key.startswith(prefix) and key not in expected
    ]
    return problems


def _rates(moments: Sequence[float]) -> list[float]:
    """How many a second, for each tenth of those moments."""
    ordered = sorted(moments)
    ends = [len(ordered) * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
    blocks = [ordered[begin:end] for begin, end in itertools.pairwise(ends)]
    return [len(block) / max(block[-1] - block[0], 1e-3) for block in blocks]


def _modelled(applied: LocalStack) -> float:
    """Seconds that the capacity model gives the function's work: as many invocations at a time as it may have, and no
    ramp, for the emulator has none.
    """
    statistics = applied.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Duration",
        Dimensions=[{"Name": "FunctionName", "Value": applied.outputs["function_name"]}],
        StartTime=datetime.now(UTC) - timedelta(days=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=24 * 60 * 60,
        Statistics=["Sum"],
    )
    work = sum(point["Sum"] for point in statistics["Datapoints"]) / 1000
    at_a_time = applied.outputs["maximum_concurrency"]
    return seconds(work, Ramp(at_a_time, 1), [Step(0, at_a_time)])


def main() -> int:
    """Import, kill, resume, and count; the exit code is 1 where it gets slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, nargs="?", default=10_000)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory() as scratch, stack.temporary() as applied, importer(applied) as imported:
        files = Path(scratch)
        expected = {}
        for number in range(options.number):
            name, data = picture(number)
            (files / name).parent.mkdir(exist_ok=True)
            (files / name).write_bytes(data)
            expected[name] = is_corrupt(number)
        begun = time.monotonic()
        for kill in range(options.kills):
            goal = options.number * (kill + 1) // (options.kills + 1)
            there = imported.kill_when(goal, files, "--follow", "--yes")
            out.print(f"killed at {there:,} objects, {time.monotonic() - begun:.0f} s")
        code, documents, complaints = imported.run(files, "--follow", "--yes")
        took = time.monotonic() - begun
        out.print(documents[-1])
        uploaded = [each["LastModified"].timestamp() for each in imported.objects().values()]
        decided = [datetime.fromisoformat(row["processed_at"]).timestamp() for row in imported.rows().values()]
        tenths = {"uploads": _rates(uploaded), "thumbnails": _rates(decided)}
        table = Table("tenth", "uploads a second", "thumbnails a second", box=None, pad_edge=False)
        for index, rates in enumerate(zip(*tenths.values(), strict=True), start=1):
            table.add_row(str(index), *(f"{rate:,.0f}" for rate in rates))
        out.print(table)
        out.print(f"thumbnails took {max(decided) - min(decided):.0f} s, by the model {_modelled(applied):.0f} s")
        journal = sum(file.stat().st_size for file in imported.state.rglob("*.sqlite"))
        out.print(f"{options.number:,} images in {took:.0f} s, {journal / options.number:.0f} bytes of journal a file")
        problems = accounted(imported, "", expected)
        for problem in (*problems[:20], *complaints.splitlines()):
            out.print(problem)
        if problems or code != int(any(expected.values())):
            raise SystemExit(f"error: exit code {code}, {len(problems)} images are not accounted for")
        out.print("every image is there once, and READY or FAILED as it has to be")
        slower = {what: rates[-1] / rates[0] for what, rates in tenths.items()}
        goals = [
            Goal(f"{what}: last tenth over first", f"{share:.2f}", f"at least {_LEAST}", share >= _LEAST)
            for what, share in slower.items()
        ]
        out.print(verdict_figures(goals).rich())
        return int(any(each.held is False for each in goals))


if __name__ == "__main__":
    sys.exit(main())
