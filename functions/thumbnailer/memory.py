"""How much memory a render takes at its peak, from the header alone, for whoever admits images side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thumbnailer.formats import inspect

if TYPE_CHECKING:
    from thumbnailer.renditions import Settings

__all__ = ["estimate_memory"]


def estimate_memory(source: bytes, settings: Settings) -> int:
    """Bytes that `render` will need at its peak, beside the source itself; raises Permanent as render does."""
    header = inspect(source, settings.limits)
    return 16 * header.width * header.height + 16_000_000
