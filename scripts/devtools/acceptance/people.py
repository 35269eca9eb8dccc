"""Users of the instance's API, who come through its gateway."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from devtools import signing_in
from devtools.acceptance.findings import CheckFailed, require
from devtools.signing_in import Browser, Tokens, Told, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.acceptance.places import Place
    from thumbctl.stack import Stack

CALLBACK: Final = "http://localhost:8080/"
"""Where people come back to from the user pool; nobody serves it."""

# Each waits for as long as the API lets a request wait: two minutes together.
_LOOKS: Final = 12


@dataclass(frozen=True)
class Door:
    """The API and its user pool."""

    place: Place
    stack: Stack

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What the module tells of them."""
        told: Mapping[str, Any] = self.stack.outputs["api"]
        return told

    def sign_in(self, name: str) -> Tokens:
        """Make a user, and have them sign in for all that the API knows."""
        # Of all kinds of characters, as pools want it.
        user = f"{name}-{uuid.uuid4()}@example.com", f"{secrets.token_urlsafe(16)}aA1!"
        signing_in.admit(self.stack, user)
        parts = urlsplit(self.outputs["sign_in_url"])
        # The emulator serves the pool's pages itself.
        origin = self.place.endpoint_url or f"{parts.scheme}://{parts.netloc}"
        return Browser(origin, self.outputs["client_id"], CALLBACK).sign_in(user, self.outputs["scopes"].values())

    def send(
        self,
        method: str,
        path: str,
        token: str | None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        """Make one request of the gateway."""
        given = dict(headers or {})
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        if body is not None:
            given["content-type"] = "application/json"
        url = self.outputs["url"]
        if self.place.endpoint_url:
            # The emulator tells APIs apart by the host, whose name is the loopback's to browsers and not to resolvers.
            given["host"] = urlsplit(url).netloc
            url = self.place.endpoint_url
        return fetch(method, f"{url}{path}", headers=given, body=None if body is None else json.dumps(body).encode())

    def ask(self, who: Tokens, body: bytes) -> dict[str, Any]:
        """Ask for an upload of these bytes, and return what was granted."""
        wanted = {"bytes": len(body), "type": "image/jpeg"}
        once = {"idempotency-key": str(uuid.uuid4())}
        told = self.send("POST", "/v1/images", who.access, body=wanted, headers=once)
        require(told.status == HTTPStatus.CREATED, f"the API answered {told.status} to an ask: {told.body[:200]!r}")
        return told.document

    def show(self, who: Tokens, image: str) -> Told:
        """Ask what became of an image, and wait a few seconds for it to be decided."""
        return self.send("GET", f"/v1/images/{image}", who.access, headers={"prefer": "wait=10"})

    def decided(self, who: Tokens, image: str) -> dict[str, Any]:
        """What became of an image, once that is known."""
        for _ in range(_LOOKS):
            told = self.show(who, image)
            if told.status == HTTPStatus.OK:
                return told.document
        raise CheckFailed(f"the API says {told.status} of an image that was uploaded two minutes ago")


def minutes(token: str) -> float:
    """For how long a token is good."""
    claims_of = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims_of + "=" * (-len(claims_of) % 4)))
    return float(claims["exp"] - claims["iat"]) / 60
