"""Why a command cannot be done."""

from __future__ import annotations


class ThumbctlError(Exception):
    """What was asked for cannot be done, or not go on; the message names the thing and the remedy.

    thumbctl prints the message and ends with exit code 2. Nothing is lost: what was done stays done.
    """
