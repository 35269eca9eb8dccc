"""What a person did wrong, or has to do, before a demo can run."""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot go on; the message names the thing and the remedy."""
