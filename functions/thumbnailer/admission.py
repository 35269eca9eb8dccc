"""Lets images in: waits for the memory and the processor that each needs, and renders it so that it hurts no other.

At its first delivery an image is rendered in a thread here. At every later one it is rendered in a process of its own:
whatever ended the worker last time, be it this image, then ends that process alone.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.errors import OutOfTime, Permanent, Transient
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render
from thumbnailer.budget import MemoryBudget
from thumbnailer.lanes import Lanes
from thumbnailer.rendering_apart import render_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings
    from thumbnailer.capacity import Capacity


@dataclass(frozen=True)
class Patience:
    """How long images may take, in seconds."""

    left: Callable[[], float]
    """What is left of the invocation now, without the reserve for its end."""
    enough: float
    """An image that has had this much and is not done never will be."""

    def require(self) -> None:
        """Raise OutOfTime where nothing is left, so that no image is begun that cannot be finished."""
        if self.left() <= 0:
            raise OutOfTime("the invocation had no time left for it")


class Admission:
    """The memory and the processors of a warm function, which the images in flight share.

    admission = Admission(settings, capacity, memory_bytes)
    with admission.hold(event.size, patience):
        rendered = admission.render(source, attempt, patience=patience)
    """

    def __init__(self, settings: Settings, capacity: Capacity, memory_bytes: int) -> None:
        """`memory_bytes` is what the function has in all."""
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

        Raises Permanent, at later deliveries also with `crashed` and `too-slow`; OutOfTime where the invocation's
        time was up before it was begun; Transient where it was not done, and had too little time to be called too slow.
        """
        with contextlib.ExitStack() as held:
            with telemetry.step("wait"):
                lane = held.enter_context(self._lanes.lane(len(source)))
                # A large image keeps its lane while it waits for memory, or smaller ones could go first for ever.
                held.enter_context(self._rendering.hold(self._estimate(source)))
            patience.require()
            with telemetry.step("render"):
                if attempt == 1:
                    return lane.submit(render, source, self._settings).result()
                return self._render_apart(source, patience)

    def _estimate(self, source: bytes) -> int:
        try:
            return estimate_memory(source, self._settings)
        except Exception:  # noqa: BLE001 - what is wrong with the header is said better by `render`
            return 0

    def _render_apart(self, source: bytes, patience: Patience) -> Rendered:
        seconds = patience.left()
        try:
            return render_apart(source, self._settings, memory_bytes=self._memory_bytes, seconds=seconds)
        except TimeoutError as error:
            if seconds < patience.enough:
                raise Transient(f"not rendered in the {seconds:.0f} seconds that were left") from error
            detail = f"It was not rendered within {seconds:.0f} seconds, on its own."
            raise Permanent(Reason.TOO_SLOW, detail) from error
