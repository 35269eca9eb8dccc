"""The one error of the developers' tools."""

from __future__ import annotations


class DevtoolsError(Exception):
    """A tool cannot do what was asked. The message is one sentence for its user: what is wrong, and the remedy."""
