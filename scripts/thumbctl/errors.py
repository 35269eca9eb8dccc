"""The error that ends a command with a sentence for the person who typed it."""

from __future__ import annotations


class ThumbctlError(Exception):
    """A command cannot be done, or cannot go on; the message names the thing and the remedy.

    thumbctl prints the message and ends with exit code 2. Nothing is lost: what was done stays done.
    """
