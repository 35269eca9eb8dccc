"""Rendering in a process of its own, so that whatever an image does to it becomes a reason for failure.

    rendered = render_apart(source, settings, memory_bytes=1769 * 2**20, seconds=30.0)

The process is this module, run by its name: the task goes to its standard input, the result comes from its output.
"""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings


def render_apart(source: bytes, settings: Settings, *, memory_bytes: int, seconds: float) -> Rendered:
    """Render as `render` does, in a process that may take `memory_bytes` and `seconds`, and is killed beyond.

    Raises Permanent, also with `crashed` where the process died, and TimeoutError where it was not done in time.
    """
    command = [sys.executable, "-m", __name__, str(memory_bytes)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    task = pickle.dumps((settings, source))
    try:
        finished = subprocess.run(
            command, input=task, capture_output=True, timeout=max(seconds, 0), check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    if finished.returncode != 0:
        raise Permanent(Reason.CRASHED, f"The renderer died of it ({_cause_of_death(finished)}).")
    result = pickle.loads(finished.stdout)  # noqa: S301 - written by our own process, below
    if isinstance(result, Permanent):
        raise result
    return result  # type: ignore[no-any-return]


def _cause_of_death(finished: subprocess.CompletedProcess[bytes]) -> str:
    if finished.returncode < 0:
        return f"signal {-finished.returncode}"
    return finished.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {finished.returncode}"


def _main() -> None:
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
