"""What can go wrong around a local stack, told in one sentence with its remedy."""

from __future__ import annotations


class LocalStackError(Exception):
    """The local stack cannot do what was asked; the message names the thing and the remedy."""
