"""What keeps a game day from being played."""

from __future__ import annotations


class GamedayError(Exception):
    """The game cannot be played; the message names the thing and the remedy."""
