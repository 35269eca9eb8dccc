"""Why an ask is refused: the types of problems, which are part of the interface, and the exception that carries one.

No problem says anything of how it came about: what went wrong inside stands in the log.
https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = ["Problem", "Refusal"]


class Problem(Enum):
    """The types of problems, with their status and title: docs/api.md#problems and docs/devices.md#problems."""

    INVALID_REQUEST = (422, "The request is not of the form that it must have.")
    TOO_LARGE = (413, "The image would be larger than allowed.")
    UNSUPPORTED_TYPE = (415, "Images of this type are not taken.")
    KEY_REUSED = (409, "The same key or id was used for another request.")
    TOO_MANY_ASKS = (429, "Too many uploads were asked for in this minute.")
    TOO_MANY_BYTES = (429, "Too many bytes were asked for on this day.")
    NOT_FOUND = (404, "There is no such image.")
    GONE = (410, "The image has been deleted.")
    BUSY = (503, "The service is busy; the same request will do in a moment.")
    INTERNAL = (500, "Something went wrong that is not the request's fault.")

    @property
    def status(self) -> int:
        """Of the answer."""
        return self.value[0]

    @property
    def urn(self) -> str:
        """What clients tell it by."""
        return f"urn:thumbnail-pipeline:problem:{self.name.lower().replace('_', '-')}"


class Refusal(Exception):
    """Ends a request with a problem.

    raise Refusal(Problem.TOO_LARGE, "An image may have 1,000 bytes.")
    """

    def __init__(self, problem: Problem, detail: str | None = None, *, retry_after: int | None = None) -> None:
        """`detail` is for the client's developer, and never repeats what a client sent."""
        super().__init__(problem, detail)
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after

    @property
    def document(self) -> dict[str, Any]:
        """The problem document."""
        kind = self.problem
        document = {"type": kind.urn, "title": kind.value[1], "status": kind.status, "detail": self.detail}
        return {name: value for name, value in document.items() if value is not None}
