"""What can go wrong around the module's page, told in one sentence with its remedy."""

from __future__ import annotations


class TfdocsError(Exception):
    """The page cannot be written; the message names the thing and the remedy."""
