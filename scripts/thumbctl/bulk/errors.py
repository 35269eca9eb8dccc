"""Why bulk work cannot go on."""

from __future__ import annotations


class BulkError(Exception):
    """What was asked for cannot be done, or not go on; the message names the thing and the remedy. Nothing is lost."""
