"""Reads what the gateway hands on: who asks, for what, with which headers. Pure.

Whatever is not of the form that it must have ends in a Refusal, the words of which never repeat what was sent.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.ids import is_image_id
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.asking.wanted import Wanted, read_json
from thumbnail_pipeline.users import owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.asking.config import AskLimits

__all__ = ["Request", "cursor"]

_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,128}")
_WAIT: Final = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,4})\s*(?:[,;]|$)", re.ASCII)
_LIMIT: Final = re.compile(r"\d{1,3}", re.ASCII)
_FIELDS: Final = frozenset({"bytes", "type", "sha256"})
_USUAL_PAGE, _LARGEST_PAGE = 25, 100


@dataclass(frozen=True)
class Request:
    """One request of a user whose token the gateway has checked, as it came.

    request = Request.read(event, own_issuer="https://cognito-idp.…")
    """

    route: str
    """Method and path with its variables, such as GET /v1/images/{id}."""
    owner: str
    """Whose images it is about."""
    headers: Mapping[str, str]
    """By names in lower case."""
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @classmethod
    def read(cls, event: Mapping[str, Any], own_issuer: str) -> Request:
        """Read an event of payload format 2.0. Raises LookupError where no authorizer has been before."""
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        body = event.get("body") or ""
        return cls(
            route=event["routeKey"],
            owner=owner_of(claims["iss"], claims["sub"], own_issuer),
            headers=event.get("headers") or {},
            path=event.get("pathParameters") or {},
            query=event.get("queryStringParameters") or {},
            body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass"),
        )

    @property
    def image_id(self) -> str:
        """Of the image in the path; what is no id is the id of no image."""
        given = self.path.get("id", "")
        if not is_image_id(given):
            raise Refusal(Problem.NOT_FOUND)
        return given

    @property
    def idempotency_key(self) -> str:
        """By which a repeated request is told from another.

        https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
        """
        given = self.headers.get("idempotency-key", "")
        if not _IDEMPOTENCY_KEY.fullmatch(given):
            raise _invalid("The header Idempotency-Key must have 1 to 128 visible ASCII characters, such as a UUID.")
        return given

    @property
    def wait_seconds(self) -> int:
        """How long the client prefers to wait. https://www.rfc-editor.org/rfc/rfc7240#section-4.3."""
        found = _WAIT.search(self.headers.get("prefer", ""))
        return int(found[1]) if found else 0

    @property
    def limit(self) -> int:
        """How many images a page may have."""
        given = self.query.get("limit", str(_USUAL_PAGE))
        if not _LIMIT.fullmatch(given) or not 1 <= int(given) <= _LARGEST_PAGE:
            raise _invalid(f"limit must be a whole number from 1 to {_LARGEST_PAGE}.")
        return int(given)

    @property
    def after(self) -> str:
        """The id of the last image of the page before; empty for the first page."""
        if "cursor" not in self.query:
            return ""
        try:
            image_id = bytes.fromhex(self.query["cursor"]).decode("ascii")
        except ValueError:
            image_id = ""
        if not is_image_id(image_id):
            raise _invalid("cursor must be the one that the page before came with.")
        return image_id

    def has(self, tag: str) -> bool:
        """Whether the client has that very state: `If-None-Match`, compared weakly.

        https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match
        """
        given = {each.strip().removeprefix("W/") for each in self.headers.get("if-none-match", "").split(",")}
        return bool(given & {"*", tag.removeprefix("W/")})

    def wanted(self, limits: AskLimits) -> Wanted:
        """What the body asks for."""
        document = read_json(self.body)
        if document is None or not {"bytes", "type"} <= document.keys() <= _FIELDS:
            raise _invalid("The body must be a JSON object with bytes, type and, if you like, sha256.")
        return Wanted.read(document, limits)


def cursor(image_id: str) -> str:
    """Return what leads to the page after an image; clients hand it back as it is."""
    return image_id.encode().hex()


def _invalid(detail: str) -> Refusal:
    return Refusal(Problem.INVALID_REQUEST, detail)
