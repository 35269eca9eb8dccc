"""What the API answers: JSON, or a problem document, in the form that the gateway takes.

No answer says anything of how it came about: what went wrong inside stands in the log, under the request's id.
https://www.rfc-editor.org/rfc/rfc9457
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.asking.problems import Refusal

__all__ = ["Answer"]

_FIRST_ERROR: Final = 400
_FOR_EVERY_ANSWER: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Answer:
    """One answer; without a document it has no body."""

    status: int
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, refusal: Refusal) -> Answer:
        """The problem document of a refusal."""
        later = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
        return cls(refusal.problem.status, refusal.document, {**later, "content-type": "application/problem+json"})

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
