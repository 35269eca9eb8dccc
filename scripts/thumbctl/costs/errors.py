"""What can go wrong around the figures of costs, told in one sentence with its remedy."""

from __future__ import annotations


class CostsError(Exception):
    """The figures cannot be had as asked; the message names the thing and the remedy."""
