"""The messages that wake workers up: which job, and which of its ranges. All else is in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkMessage:
    """What a message of the queue of ranges says."""

    job: str
    range: str | None = None
    """None where the job is to be divided into ranges."""

    @property
    def body(self) -> str:
        """As it stands in the queue."""
        return json.dumps({"job": self.job, "range": self.range})

    @classmethod
    def parse(cls, body: str) -> WorkMessage:
        """Read a body. Raises ValueError for what `body` has not written."""
        document = json.loads(body)
        if not isinstance(document, dict) or document.keys() != {"job", "range"}:
            raise ValueError(f"no message about a range: {body[:100]}")
        return cls(document["job"], document["range"])
