"""What the API answers: JSON, or a problem document, in the form that the gateway takes.

No answer says anything of how it came about: what went wrong inside stands in the log, under the request's id.
https://www.rfc-editor.org/rfc/rfc9457
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Problem", "Refusal"]

_FIRST_ERROR: Final = 400
_FOR_EVERY_ANSWER: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Problem(Enum):
    """The types of problems, with their status and title. They are part of the interface: docs/api.md#problems."""

    INVALID_REQUEST = (422, "The request is not of the form that it must have.")
    TOO_LARGE = (413, "The image would be larger than allowed.")
    UNSUPPORTED_TYPE = (415, "Images of this type are not taken.")
    KEY_REUSED = (409, "The Idempotency-Key was used for another request.")
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
    def answer(self) -> Answer:
        """The problem document."""
        kind = self.problem
        document = {"type": kind.urn, "title": kind.value[1], "status": kind.status, "detail": self.detail}
        later = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return Answer(
            kind.status,
            {name: value for name, value in document.items() if value is not None},
            {**later, "content-type": "application/problem+json"},
        )


@dataclass(frozen=True)
class Answer:
    """One answer; without a document it has no body."""

    status: int
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """Whether the service failed."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def is_refused(self) -> bool:
        """Whether the client is told no."""
        return _FIRST_ERROR <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    def as_lambda(self) -> dict[str, Any]:
        """In payload format 2.0."""
        typed = {} if self.document is None else {"content-type": "application/json"}
        body = "" if self.document is None else json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        return {
            "statusCode": self.status,
            "headers": {**_FOR_EVERY_ANSWER, **typed, **self.headers},
            "body": body,
            "isBase64Encoded": False,
        }
