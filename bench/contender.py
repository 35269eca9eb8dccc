"""Whoever is measured, in a process of its own: `python -m bench.contender handler|tutorial|render …`.

The process imports nothing beside what it measures. It gets one SQS event a line, as JSON, and answers each with one
line: what the batch took. Nothing is imported before the first line, so that whoever started the process can bound it.

handler               the function, through its real handler
tutorial              `bench.tutorial`
render THREADS FILE…  the function's renderer alone, over these files, from memory
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings

    # What a contender does with a batch: an event in, the ids of messages that must come back out.
    Work: TypeAlias = Callable[[dict[str, Any]], list[str]]

__all__ = ["Contender", "ContenderRun"]

_TIMEOUT_SECONDS = 300
# Before the machine's other work, so that it gets some thirty times as much of a processor.
_PRIORITY = -15


@dataclass(frozen=True)
class ContenderRun:
    """What one batch took."""

    begun: float
    """In seconds, by the machine's monotonic clock."""
    wall_ms: float
    cpu_ms: float
    """Of the process, with all its threads."""
    rendering: list[tuple[float, float, float]]
    """For each render: when it began and ended, by the same clock, and its CPU seconds."""
    rss_bytes: int
    """The most that the process ever had in memory."""
    log_bytes: int
    """Written to standard output."""

    @property
    def cpu_beside_ms(self) -> float:
        """CPU milliseconds for everything that is not rendering."""
        return self.cpu_ms - sum(cpu for _, _, cpu in self.rendering) * 1000


# ── the side of the bench ────────────────────────────────────────────────────────────────────────────


class Contender:
    """A running contender. Use it as a context."""

    def __init__(self, kind: str, *arguments: str, environment: Mapping[str, str], cores: set[int]) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "bench.contender", kind, *arguments]
        self._log = environment["BENCH_LOG"]
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.cores = cores
        os.sched_setaffinity(self._process.pid, cores)
        with contextlib.suppress(OSError):  # without it, more turns are disturbed
            # Kernels that share processors fairly among sessions first know a priority of those as well.
            # https://man7.org/linux/man-pages/man7/sched.7.html
            Path(f"/proc/{self._process.pid}/autogroup").write_text(str(_PRIORITY))
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _PRIORITY)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def run(self, event: dict[str, Any]) -> ContenderRun:
        """Let it process one batch."""
        _pipe(self._process.stdin).write(json.dumps(event) + "\n")
        _pipe(self._process.stdin).flush()
        answer = _pipe(self._process.stdout).readline()
        if not answer:
            raise SystemExit(f"error: a contender died: its last words are above, its log is {self._log}")
        return ContenderRun(**json.loads(answer))

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *_: object) -> None:
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()
        self._process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


# ── the process itself ───────────────────────────────────────────────────────────────────────────────


@dataclass
class _Renders:
    """Notes when images are rendered, and what CPU time that takes."""

    noted: list[tuple[float, float, float]] = field(default_factory=list)

    def noting(self, render: Callable[[bytes, Settings], Rendered]) -> Callable[[bytes, Settings], Rendered]:
        """Return `render`, which notes its times."""

        def timed(source: bytes, settings: Settings) -> Rendered:
            begun, cpu = time.monotonic(), time.thread_time()
            try:
                return render(source, settings)
            finally:
                self.noted.append((begun, time.monotonic(), time.thread_time() - cpu))

        return timed


class _Context:
    """What Lambda hands to a handler."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


def _handler(renders: _Renders) -> Work:
    from thumbnail_pipeline.renderer import rendering  # noqa: PLC0415

    # The function takes it from there when it is imported.
    rendering.render = renders.noting(rendering.render)  # type: ignore[assignment]
    from thumbnailer.handler import handler  # noqa: PLC0415

    def work(event: dict[str, Any]) -> list[str]:
        answer = handler(event, _Context(_TIMEOUT_SECONDS))
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    return work


def _tutorial(_renders: _Renders) -> Work:
    from bench.tutorial import handler  # noqa: PLC0415

    def work(event: dict[str, Any]) -> list[str]:
        handler(event, _Context(_TIMEOUT_SECONDS))
        return []

    return work


def _render(renders: _Renders, threads: int, sources: Sequence[str]) -> Work:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from thumbnail_pipeline.renderer.rendering import render  # noqa: PLC0415
    from thumbnail_pipeline.settings import Settings  # noqa: PLC0415

    settings = Settings.from_json(os.environ["SETTINGS"])
    images = [Path(source).read_bytes() for source in sources]
    timed = renders.noting(render)

    def work(_event: dict[str, Any]) -> list[str]:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(timed, images, [settings] * len(images)))
        return []

    return work


def _rss_bytes() -> int:
    # Not getrusage: it begins with the most that the parent had.
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


def main() -> None:
    """Answer events until there are no more."""
    # What the function logs goes to a file, and answers to where standard output was.
    answers = os.fdopen(os.dup(1), "w")
    log = Path(os.environ["BENCH_LOG"]).open("w")  # noqa: SIM115 - as long as the process
    os.dup2(log.fileno(), 1)
    kind, *arguments = sys.argv[1:]
    renders = _Renders()
    work: Work | None = None
    for line in sys.stdin:
        if work is None:
            work = {
                "handler": lambda: _handler(renders),
                "tutorial": lambda: _tutorial(renders),
                "render": lambda: _render(renders, int(arguments[0]), arguments[1:]),
            }[kind]()
        event = json.loads(line)
        renders.noted.clear()
        logged = _logged()
        cpu, begun = time.process_time(), time.monotonic()
        failed = work(event)
        wall_ms, cpu_ms = (time.monotonic() - begun) * 1000, (time.process_time() - cpu) * 1000
        if failed:
            raise SystemExit(f"{kind} handed back {len(failed)} of its messages")
        run = ContenderRun(begun, wall_ms, cpu_ms, renders.noted, _rss_bytes(), _logged() - logged)
        answers.write(json.dumps(asdict(run)) + "\n")
        answers.flush()


def _logged() -> int:
    sys.stdout.flush()
    return os.lseek(1, 0, os.SEEK_CUR)


if __name__ == "__main__":
    main()
