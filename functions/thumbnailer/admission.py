"""Renders an image so that it cannot hurt its neighbours.

At its first delivery an image is rendered here, once a processor and the memory that its header announces are
free. At every later one it is rendered in a process of its own: whatever killed the worker last time, be it this
image, then kills that process alone, and becomes a reason for failure instead of a crash.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.errors import OutOfTime, Permanent, Transient
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render
from thumbnailer.budget import MemoryBudget
from thumbnailer.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings
    from thumbnailer.capacity import Capacity


@dataclass(frozen=True)
class Patience:
    """How long images may take, in seconds."""

    left: Callable[[], float]
    """What is left of the invocation now, less what its end needs."""
    enough: float
    """An image that had this much to itself and did not get done never will."""

    def require(self) -> None:
        """Raise OutOfTime where nothing is left: an image is begun only if it can be finished."""
        if self.left() <= 0:
            raise OutOfTime("the invocation had no time left for it")


class Isolation:
    """Where images are held and rendered. `memory_bytes` is what the function has in all."""

    def __init__(self, settings: Settings, capacity: Capacity, memory_bytes: int) -> None:
        self._settings = settings
        self._memory_bytes = memory_bytes
        self._sources = MemoryBudget(capacity.source_bytes)
        self._rendering = MemoryBudget(capacity.render_bytes)
        self._lanes = Lanes(capacity.renders)

    @contextlib.contextmanager
    def hold(self, size: int, patience: Patience) -> Iterator[None]:
        """Wait until there is room for a source of `size` bytes, and keep it for the block. Raises OutOfTime."""
        with contextlib.ExitStack() as held:
            with telemetry.step("wait"):
                held.enter_context(self._sources.hold(size))
            patience.require()
            yield

    def render(self, source: bytes, attempt: int, *, patience: Patience) -> Rendered:
        """Render `source`, delivered for the `attempt`-th time, once there is a processor and the memory for it.

        Raises Permanent, at later deliveries also with `crashed` and `too-slow`, OutOfTime where the invocation's
        time was up before it was begun, and Transient where there was too little left to tell.
        """
        with contextlib.ExitStack() as held:
            with telemetry.step("wait"):
                lane = held.enter_context(self._lanes.lane(len(source)))
                # Whoever waits for much memory keeps the lane: otherwise smaller images could hold it off for ever.
                held.enter_context(self._rendering.hold(self._estimate(source)))
            patience.require()
            with telemetry.step("render"):
                if attempt == 1:
                    return lane.submit(render, source, self._settings).result()
                return self._render_apart(source, patience)

    def _estimate(self, source: bytes) -> int:
        try:
            return estimate_memory(source, self._settings)
        except Exception:  # noqa: BLE001 - whatever is wrong with the header, rendering says it better
            return 0

    def _render_apart(self, source: bytes, patience: Patience) -> Rendered:
        seconds = patience.left()
        command = [sys.executable, "-m", "thumbnailer.admission", str(self._memory_bytes)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        task = pickle.dumps((self._settings, source))
        try:
            finished = subprocess.run(
                command, input=task, capture_output=True, timeout=max(seconds, 0), check=False, env=environment
            )
        except subprocess.TimeoutExpired as error:
            if seconds < patience.enough:
                raise Transient(f"not rendered in the {seconds:.0f} seconds that were left") from error
            raise Permanent("too-slow", f"It was not rendered within {seconds:.0f} seconds, on its own.") from error
        if finished.returncode != 0:
            raise Permanent("crashed", f"The renderer died of it ({_how(finished)}).")
        result = pickle.loads(finished.stdout)  # noqa: S301 - written by our own process, below
        if isinstance(result, Permanent):
            raise result
        return result  # type: ignore[no-any-return]


def _how(finished: subprocess.CompletedProcess[bytes]) -> str:
    if finished.returncode < 0:
        return f"signal {-finished.returncode}"
    return finished.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {finished.returncode}"


def _main() -> None:
    """Be the process apart: the task on standard input, the result on standard output."""
    memory_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    settings, source = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own process, above
    result: Rendered | Permanent
    try:
        result = render(source, settings)
    except Permanent as failure:
        result = failure
    sys.stdout.buffer.write(pickle.dumps(result))


if __name__ == "__main__":
    _main()
