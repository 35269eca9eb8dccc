"""The local stack of `make up`, as the file that it leaves in this directory tells of it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from thumbctl.errors import ThumbctlError

LOCAL_STACK: Final = Path(".local/stack.json")
"""Written when a local stack is up, relative to the repository."""
# The emulator takes these for the account's root.
CREDENTIALS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_PATIENCE_SECONDS: Final = 5


def read() -> dict[str, Any]:
    """Return what is known of the local stack: `endpoint_url`, `region`, `outputs`, `directory` and others.

    Raises ThumbctlError where it has ended.
    """
    document: dict[str, Any] = json.loads(LOCAL_STACK.read_text(encoding="utf-8"))
    address = urlsplit(document["endpoint_url"])
    try:
        socket.create_connection((address.hostname, address.port), _PATIENCE_SECONDS).close()
    except OSError:
        raise ThumbctlError(
            f"The local stack of {LOCAL_STACK} has ended: run 'make up' again, or name another stack with --stack."
        ) from None
    return document


def traces_file(directory: Path) -> Path:
    """Where the X-Ray collector of the local stack in `directory` writes: one segment document a line."""
    return directory / "traces.jsonl"


def segments(directory: Path) -> list[dict[str, Any]]:
    """Return every segment document that the collector has received so far, as the X-Ray SDK sent it."""
    file = traces_file(directory)
    if not file.exists():
        return []
    # The last line may be half written at this moment.
    complete, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in complete.splitlines()]
