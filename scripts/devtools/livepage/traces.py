"""The traces of images, as the X-Ray collector of the local stack writes them down: read as they come, found by key."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from thumbctl.looking import xray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TRACES_KEPT: Final = 5000


class TraceFile:
    """The traces in a file that grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._documents: dict[str, list[dict[str, Any]]] = {}
        self._images: dict[str, list[dict[str, Any]]] = {}

    def find(self, text: str, most: int) -> list[dict[str, Any]]:
        """Return the newest traces of images with `text` in their key, each with its parts as bars."""
        self._catch_up()
        found = (image for images in self._images.values() for image in images if text in image["key"])
        return sorted(found, key=lambda image: -image["time"])[:most]

    def _catch_up(self) -> None:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            # The last line may be half written at this moment.
            complete, _, _ = file.read().rpartition(b"\n")
        self._read += len(complete) + bool(complete)
        changed = defaultdict(list)
        for line in complete.splitlines():
            document = json.loads(line)
            changed[document["trace_id"]].append(document)
        for trace_id, documents in changed.items():
            self._documents.setdefault(trace_id, []).extend(documents)
            self._images[trace_id] = [
                image for trace in xray.assemble(self._documents[trace_id]) for image in _images(trace)
            ]
        for trace_id in list(self._documents)[:-_TRACES_KEPT]:
            del self._documents[trace_id], self._images[trace_id]


def _images(trace: xray.Trace) -> Iterator[dict[str, Any]]:
    """The images of an invocation, for each the part of its trace that is about it."""
    for part in xray.images(trace):
        image = part.spans[0]
        yield {
            "key": image.subject,
            "trace": trace.trace_id,
            "time": image.start * 1000,
            "milliseconds": image.milliseconds,
            "detail": image.detail,
            "failed": image.failed,
            "parts": [
                {
                    "name": span.name,
                    "failed": span.failed,
                    "depth": span.depth,
                    "offset": (span.start - image.start) * 1000,
                    "milliseconds": span.milliseconds,
                }
                for span in part.spans
            ],
        }
