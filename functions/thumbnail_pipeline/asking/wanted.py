"""What somebody wants to upload, out of the JSON that they sent. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.asking.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.asking.config import AskLimits

__all__ = ["Wanted", "read_json"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wanted:
    """What is to be uploaded.

    wanted = Wanted.read({"bytes": 48_213, "type": "image/jpeg"}, limits)
    """

    bytes: int
    type: str
    sha256: str | None
    """In hexadecimal."""

    @classmethod
    def read(cls, document: Mapping[str, Any], limits: AskLimits) -> Wanted:
        """Read `bytes`, `type` and `sha256`, of which the first two are there. Raises Refusal."""
        size, kind, sha256 = document["bytes"], document["type"], document.get("sha256")
        # JSON knows but one kind of number, and 3.0 is as whole as 3.
        # https://json-schema.org/draft/2020-12/json-schema-core#name-mathematical-integers
        if isinstance(size, float) and size.is_integer():
            size = int(size)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise Refusal(Problem.INVALID_REQUEST, "bytes must be a whole number from 1.")
        if not isinstance(kind, str):
            raise Refusal(Problem.INVALID_REQUEST, "type must be text.")
        if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
            raise Refusal(Problem.INVALID_REQUEST, "sha256 must have 64 hexadecimal digits in lower case.")
        if size > limits.bytes:
            raise Refusal(Problem.TOO_LARGE, f"An image may have {limits.bytes:,} bytes.")
        if kind not in limits.types:
            raise Refusal(Problem.UNSUPPORTED_TYPE, f"Types that are taken: {', '.join(sorted(limits.types))}.")
        return cls(size, kind, sha256)

    @property
    def digest(self) -> str:
        """The same for the same request, however its JSON was written."""
        return hashlib.sha256(json.dumps([self.bytes, self.type, self.sha256]).encode()).hexdigest()


def read_json(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object that `text` is, or None where it is something else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
