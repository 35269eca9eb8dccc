"""Bulk jobs in the account with N workers, against `bench.vast`: a part of `python -m bench.scale`.

A worker is a process that has the function's own handler work on messages, as Lambda would. A job is begun with
`thumbctl`, divided into ranges by a first worker, and gone through by N others. How fast that is shows little, for here
they share their processors with what plays AWS. What a worker's processor and memory take shows, and that workers wait
for nothing but AWS: every call that is not part of the planning is made by whoever has the range, so that N workers
make the same calls, an Nth each.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
import psutil

from bench import vast
from bench.figures import Figures, Goal
from thumbctl.costs.ranges import Ranges
from thumbctl.defaults import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WORKERS: Final = (1, 2, 4)
OBJECTS: Final = 100_000

_COMMANDS: Final[Mapping[Literal["backfill", "reconcile"], tuple[str, ...]]] = {
    "backfill": ("backfill", "--in-account", "--yes"),
    "reconcile": ("reconcile", "--in-account", "--yes"),
}
# Microseconds of processor that a worker may take for an object.
_MOST_US: Final[Mapping[str, float]] = {"backfill": 150, "reconcile": 300}
# Calls a turn that the model may be off: of half a minute, in which a worker gets through more than a hundred pages.
_MOST_OFF: Final[Mapping[str, int]] = {"backfill": 2, "reconcile": 15}

# A turn ends after six tenths of it.
_INVOCATION_MS: Final = 20_000
_IDLE_SECONDS: Final = 0.5
_SAMPLE_SECONDS: Final = 0.2
_PLANNER: Final = "planner"


@dataclass(frozen=True)
class WorkerRun:
    """What a worker took."""

    name: str
    turns: int
    seconds: float
    """Of its turns, in which it also waits for AWS."""
    cpu_seconds: float
    first_mb: float
    """In memory during the first tenth of its turns but one, and during the last."""
    last_mb: float


@dataclass(frozen=True)
class JobRun:
    """A job over so many objects."""

    kind: Literal["backfill", "reconcile"]
    objects: int
    state: str
    examined: int
    workers: list[WorkerRun]
    planning: dict[str, int]
    """Calls."""
    calls: list[dict[str, int]]
    """Those of each worker."""
    messages: int
    twice: int

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor for an object."""
        return 1e6 * sum(each.cpu_seconds for each in self.workers) / self.objects

    @property
    def a_second(self) -> float:
        """Objects, while all are at work."""
        return self.objects / max(each.seconds for each in self.workers)

    @property
    def all_calls(self) -> Counter[str]:
        """Those of all workers."""
        return sum(map(Counter, self.calls), Counter())

    @property
    def most_of_one(self) -> float:
        """The share of the calls that the busiest worker made."""
        return max(sum(each.values()) for each in self.calls) / self.all_calls.total()

    @property
    def growth(self) -> float:
        """Memory in the last tenth over the first: of the worker in which it grew most."""
        return max(each.last_mb / each.first_mb for each in self.workers)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> JobRun:
        """Read what `asdict` gave."""
        return cls(**{**document, "workers": [WorkerRun(**each) for each in document["workers"]]})


def measured(objects: int, workers: Sequence[int]) -> list[dict[str, Any]]:
    """Each kind of job with each number of workers."""
    at_a_time = max(workers)
    return [asdict(_run(kind, objects, number, at_a_time)) for kind in _COMMANDS for number in workers]


def tables(document: list[dict[str, Any]]) -> list[Figures]:
    """A row for each job, and what it called."""
    runs = [JobRun.read(each) for each in document]
    rows = [
        (
            f"{run.kind}, {len(run.workers)}",
            f"{run.objects:,}",
            f"{run.cpu_us:,.0f}",
            f"{run.a_second:,.0f}",
            f"{max(each.last_mb for each in run.workers):,.0f}",
            f"{run.growth:.2f}",
            f"{run.messages:,}",
            f"{sum(run.planning.values()):,}",
            f"{run.all_calls.total():,}",
            f"{run.most_of_one:.0%}",
            f"{_of_the_job(run.all_calls):,}",
        )
        for run in runs
    ]
    columns = (
        "job, workers", "objects", "CPU, µs each", "objects a second", "MB a worker", "growth", "messages",
        "calls to plan", "calls of all workers", "most of one", "writes to the job's row",
    )  # fmt: skip
    names = sorted(set().union(*(run.all_calls | Counter(run.planning) for run in runs)))
    calls = [(name, *(f"{run.planning.get(name, 0):,} + {run.all_calls[name]:,}" for run in runs)) for name in names]
    titles = [f"{run.kind}, {len(run.workers)}" for run in runs]
    return [
        Figures("jobs", "Bulk jobs in the account, by the number of workers", columns, rows),
        Figures("job-calls", "Calls to plan + to work on ranges", ("call", *titles), calls),
    ]


def verdicts(document: list[dict[str, Any]]) -> list[Goal]:
    """Little processor, flat memory, nothing left out or twice, and no call that somebody has to make for all."""
    found = []
    of_all = [JobRun.read(each) for each in document]
    for kind in dict.fromkeys(run.kind for run in of_all):
        runs, most = [run for run in of_all if run.kind == kind], _MOST_US[kind]
        few, many = (each(runs, key=lambda run: len(run.workers)) for each in (min, max))
        # The more workers there are, the more they wait for each other's processors and caches.
        cpu = few.cpu_us
        found.append(Goal(f"job, {kind}: CPU an object, µs", f"{cpu:.0f}", f"at most {most:.0f}", cpu <= most))
        growth = max(run.growth for run in runs)
        found.append(Goal(f"job, {kind}: memory, last tenth over first", f"{growth:.2f}", "at most 1.1", growth <= 1.1))
        right = all(
            run.state == "done" and run.examined == run.objects and run.messages == _expected(run) and not run.twice
            for run in runs
        )
        found.append(Goal(f"job, {kind}: objects and messages", "right" if right else "WRONG", "each once", right))
        more = many.all_calls.total() / few.all_calls.total()
        workers = len(many.workers)
        found.append(Goal(f"job, {kind}: calls of {workers} over 1", f"{more:.2f}", "at most 1.15", more <= 1.15))
        off, a_turn = max(_off(run) for run in runs), _MOST_OFF[kind]
        found.append(
            Goal(f"job, {kind}: calls a turn beyond the model", f"{off:.1f}", f"at most {a_turn}", off <= a_turn)
        )
        share = many.most_of_one * workers
        found.append(
            Goal(f"job, {kind}: busiest of {workers} over its share", f"{share:.2f}", "at most 1.5", share <= 1.5)
        )
    return found


def _off(run: JobRun) -> float:
    """How many calls a turn the model of costs and capacity is off, of each kind of call that it reckons with, at most.

    It knows of no second looks at what is wrong, and of no pages at the end of a range that are not full.
    """
    listings = 1 if run.kind == "backfill" else 1 + len(DEFAULT.renditions)
    ranges = Ranges(run.kind, run.objects, _expected(run), at_a_time=len(run.workers), listings=listings)
    turns = sum(each.turns for each in run.workers)
    reckoned = ranges.calls(turns)
    again = vast.second_looks(run.objects) if run.kind == "reconcile" else 0
    by_name = {
        "ListObjectsV2": reckoned.lists + again,
        "UpdateItem": reckoned.writes,
        "TransactWriteItems": reckoned.transactions,
    }
    return max(abs(run.all_calls[name] - number) for name, number in by_name.items()) / turns


def _expected(run: JobRun) -> int:
    return vast.out_of_date(run.objects) if run.kind == "backfill" else 0


def _of_the_job(calls: Counter[str]) -> int:
    """Writes to the job's row, of which there is one: a turn's end counts in it, and so does a look at the queues."""
    return calls["UpdateItem, a job's row"] + calls["TransactWriteItems"]


# ── the side that measures ───────────────────────────────────────────────────────────────────────────


def _run(kind: Literal["backfill", "reconcile"], objects: int, workers: int, at_a_time: int) -> JobRun:
    """A job whose ranges are those of so many `at_a_time`, whoever goes through them."""
    with vast.running(objects) as url, tempfile.TemporaryDirectory() as home:
        (begun,) = _thumbctl(url, home, *_COMMANDS[kind])
        _finished(_started(url, _PLANNER, at_a_time, home))
        before = vast.stats(url)["callers"]
        running = [_started(url, f"worker-{number}", at_a_time, home) for number in range(workers)]
        runs = [_finished(each) for each in running]
        stats = vast.stats(url)
        (shown,) = _thumbctl(url, home, "jobs", "show", begun["job"])
    sent = vast.Sent.of(stats)
    run = JobRun(
        kind=kind,
        objects=objects,
        state=shown["state"],
        examined=shown["examined"],
        workers=runs,
        planning=before[_PLANNER],
        calls=[stats["callers"][each.name] for each in runs],
        messages=sent.objects,
        twice=sent.twice,
    )
    sys.stderr.write(f"{kind} with {workers}: {run.cpu_us:.0f} µs an object, {run.state}\n")
    return run


def _thumbctl(url: str, home: str, *arguments: str) -> list[dict[str, Any]]:
    program = Path(sys.executable).with_name("thumbctl")
    environment = {**vast.environment(url, "operator"), "XDG_STATE_HOME": home}
    done = subprocess.run([program, *arguments, "--json"], env=environment, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _started(url: str, name: str, at_a_time: int, home: str) -> subprocess.Popen[bytes]:
    """A worker in a process of its own. It tells what it took in a file: its standard output is the function's log."""
    environment = {
        **vast.environment(url, name),
        **vast.function_environment(url),
        "RANGES_AT_A_TIME": str(at_a_time),
    }
    command = [sys.executable, "-m", "bench.jobs", url, name, f"{home}/{name}.json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _finished(process: subprocess.Popen[bytes]) -> WorkerRun:
    if process.wait():
        raise SystemExit(f"error: {process.args!r} ended with {process.returncode}: its last words are above")
    command: Any = process.args
    return WorkerRun(**json.loads(Path(command[-1]).read_text()))


# ── the worker's side ────────────────────────────────────────────────────────────────────────────────


class _Memory:
    """Looks at this process's memory all the time."""

    def __init__(self) -> None:
        self.samples: list[float] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look for as long as the block lasts."""
        over = threading.Event()
        process = psutil.Process()

        def look() -> None:
            while not over.wait(_SAMPLE_SECONDS):
                self.samples.append(process.memory_info().rss / 2**20)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @property
    def first_and_last(self) -> tuple[float, float]:
        """The most of the first tenth, and of the last."""
        tenth = max(1, len(self.samples) // 10)
        return max(self.samples[:tenth]), max(self.samples[-tenth:])


def _work(url: str, name: str) -> WorkerRun:
    """Work on messages until there are none; the planner on one."""
    # It starts with what the environment says.
    handler = importlib.import_module("range_worker.handler").handler
    queue = vast.queue_url(url, vast.RANGES)
    poller = boto3.client("sqs", aws_access_key_id=f"poller of {name}", aws_secret_access_key="bench")  # noqa: S106
    memory, turns, seconds, cpu = _Memory(), 0, 0.0, 0.0
    while not (turns and name == _PLANNER):
        received = poller.receive_message(QueueUrl=queue, MessageSystemAttributeNames=["All"]).get("Messages")
        if not received:
            if not _left(poller, queue):
                break
            time.sleep(_IDLE_SECONDS)
            continue
        (message,) = received
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        request = f"{name}-{turns}"
        context = SimpleNamespace(aws_request_id=request, get_remaining_time_in_millis=lambda: _INVOCATION_MS)
        begun, before = time.monotonic(), time.process_time()
        # In the first turn, what is needed for all of them is made.
        with memory.watched() if turns else nullcontext():
            answer = handler({"Records": [record]}, context)
        seconds, cpu = seconds + time.monotonic() - begun, cpu + time.process_time() - before
        turns += 1
        if not answer["batchItemFailures"]:
            poller.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    first, last = memory.first_and_last if memory.samples else (0.0, 0.0)
    return WorkerRun(name, turns, seconds, cpu, first, last)


def _left(poller: Any, queue: str) -> bool:  # noqa: ANN401 - a client of SQS
    """Whether there are messages, seen or unseen."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = poller.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return any(int(attributes[name]) for name in names)


def main() -> None:
    """Be a worker."""
    parser = argparse.ArgumentParser(prog="bench.jobs", description=__doc__)
    for name in ("url", "name", "told"):
        parser.add_argument(name)
    options = parser.parse_args()
    Path(options.told).write_text(json.dumps(asdict(_work(options.url, options.name))))


if __name__ == "__main__":
    main()
