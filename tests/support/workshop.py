"""What an invocation lends to its images, in its plainest form: one thing after the other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from thumbnail_pipeline.renderer.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnail_pipeline.settings import Settings

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


@dataclass(frozen=True)
class PlainWorkshop:
    """See `pipeline.Workshop`."""

    settings: Settings

    def hold(self, source_bytes: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """Room is there for everything."""
        return contextlib.nullcontext()

    def render(self, source: bytes, attempt: int) -> Rendered:  # noqa: ARG002
        """Render here, however often the source was delivered."""
        return render(source, self.settings)

    def side_by_side(self, work: Callable[[_Item], _Done], items: Sequence[_Item]) -> list[_Done]:
        """One after the other, and what one raised when all are over."""
        done: list[_Done] = []
        error: Exception | None = None
        for item in items:
            try:
                done.append(work(item))
            except Exception as raised:  # noqa: BLE001 - raised again below
                error = error or raised
        if error:
            raise error
        return done
