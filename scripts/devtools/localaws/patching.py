"""How functions of MiniStack's own are replaced: one that is gone with a newer version fails the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:  # noqa: ANN401 - a module or a class
    """Put in place of `name` of `owner` what `make` makes of it."""
    setattr(owner, name, make(getattr(owner, name)))
