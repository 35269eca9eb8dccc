"""Users of the instance's API: they sign in at its user pool as a browser does, and come through its gateway."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from devtools.acceptance.findings import CheckFailed, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.acceptance.places import Place

CALLBACK: Final = "http://localhost:8080/"
"""Where people come back to from the user pool; nobody serves it."""

_SECONDS: Final = 60
_COOKIE: Final = re.compile(r"(?:^|, )([A-Za-z][\w-]*)=([^;,]*)")
_HTTP: Final = urllib3.PoolManager(timeout=_SECONDS, retries=False)


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in."""

    access_token: str
    id_token: str

    @property
    def minutes(self) -> float:
        """For how long the access token is good."""
        middle = self.access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"] - claims["iat"]) / 60


@dataclass(frozen=True)
class Told:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON."""
        return dict(json.loads(self.body))


def fetch(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Told:
    """Make one request, and follow nothing."""
    answer = _HTTP.request(method, url, headers=dict(headers or {}), body=body, redirect=False)
    return Told(answer.status, answer.headers, answer.data)


@dataclass(frozen=True)
class Door:
    """The API and its user pool, as outputs tell of them."""

    place: Place
    outputs: Mapping[str, Any]

    def sign_in(self, name: str) -> Person:
        """Make a user, and have them sign in by the authorization code with PKCE.

        https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html
        """
        # Of all kinds of characters, as pools want it.
        address, password = f"{name}-{uuid.uuid4()}@example.com", f"{secrets.token_urlsafe(16)}aA1!"
        pool, named = (
            self.place.client("cognito-idp"),
            {"UserPoolId": self.outputs["user_pool_id"], "Username": address},
        )
        verified = [{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}]
        pool.admin_create_user(**named, UserAttributes=verified, MessageAction="SUPPRESS", TemporaryPassword=password)
        pool.admin_set_user_password(**named, Password=password, Permanent=True)

        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = {"client_id": self.outputs["client_id"], "redirect_uri": CALLBACK}
        asked = {
            **client,
            "response_type": "code",
            "scope": " ".join(["openid", *sorted(self.outputs["scopes"].values())]),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page, cookies = self._login_page(asked)
        typed = {**asked, "username": address, "password": password, "_csrf": cookies.get("XSRF-TOKEN", "")}
        said = "; ".join(f"{cookie}={value}" for cookie, value in cookies.items())
        back = _form(page, typed, {"cookie": said} if said else {})
        came_to = parse_qs(urlsplit(back.headers.get("location", "")).query)
        require("code" in came_to, f"the user pool answered {back.status} to a password, and gave no code")
        grant = {**client, "grant_type": "authorization_code", "code": came_to["code"][0], "code_verifier": verifier}
        granted = _form(f"{self._pool}/oauth2/token", grant, {})
        require(
            granted.status == HTTPStatus.OK, f"the user pool answered {granted.status} to a code, and gave no tokens"
        )
        return Person(granted.document["access_token"], granted.document["id_token"])

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

    def ask(self, person: Person, body: bytes) -> dict[str, Any]:
        """Ask for an upload of these bytes, and return what was granted."""
        wanted = {"bytes": len(body), "type": "image/jpeg"}
        once = {"idempotency-key": str(uuid.uuid4())}
        told = self.send("POST", "/v1/images", person.access_token, body=wanted, headers=once)
        require(
            told.status == HTTPStatus.CREATED,
            f"an ask for an upload was answered with {told.status}: {told.body[:200]!r}",
        )
        return told.document

    def show(self, person: Person, image: str) -> Told:
        """Ask what became of an image, and wait a few seconds for it to be decided."""
        return self.send("GET", f"/v1/images/{image}", person.access_token, headers={"prefer": "wait=10"})

    def decided(self, person: Person, image: str) -> dict[str, Any]:
        """What became of an image, once that is known."""
        for _ in range(12):
            told = self.show(person, image)
            if told.status == HTTPStatus.OK:
                return told.document
        raise CheckFailed(f"the API says {told.status} of an image that was uploaded two minutes ago")

    @property
    def _pool(self) -> str:
        """The origin of the pool's own pages; the emulator serves them itself."""
        parts = urlsplit(self.outputs["sign_in_url"])
        return self.place.endpoint_url or f"{parts.scheme}://{parts.netloc}"

    def _login_page(self, asked: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Where the form goes that a browser is led to, and the cookies that it was given on the way."""
        url, cookies = f"{self._pool}/oauth2/authorize?{urlencode(asked)}", dict[str, str]()
        for _ in range(3):
            said = "; ".join(f"{cookie}={value}" for cookie, value in cookies.items())
            told = fetch("GET", url, headers={"cookie": said} if said else {})
            cookies |= dict(_COOKIE.findall(told.headers.get("set-cookie", "")))
            if told.status == HTTPStatus.OK:
                return f"{self._pool}/login?{urlencode(asked)}", cookies
            require(
                "location" in told.headers, f"the user pool answered {told.status} to a browser that wants to sign in"
            )
            url = told.headers["location"]
        raise CheckFailed("the user pool leads a browser that wants to sign in from page to page")


def _form(url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Told:
    given = {**headers, "content-type": "application/x-www-form-urlencoded"}
    return fetch("POST", url, headers=given, body=urlencode(fields).encode())
