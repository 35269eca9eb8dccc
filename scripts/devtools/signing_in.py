"""Somebody signs in at a user pool as a browser does: by the pool's own form, and a code with PKCE.

https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from thumbctl.dead_letters.letters import HasQueues

_SECONDS: Final = 60
_MOST_PAGES: Final = 3
_COOKIE: Final = re.compile(r"(?:^|, )([A-Za-z][\w-]*)=([^;,]*)")
_HTTP: Final = urllib3.PoolManager(timeout=_SECONDS, retries=False)


@dataclass(frozen=True)
class Told:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By names of any case."""
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON."""
        return dict(json.loads(self.body))


@dataclass(frozen=True)
class Tokens:
    """What somebody has who has signed in."""

    access: str
    id: str


def fetch(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Told:
    """Make one request, and follow nothing."""
    answer = _HTTP.request(method, url, headers=dict(headers or {}), body=body, redirect=False)
    return Told(answer.status, answer.headers, answer.data)


def admit(stack: HasQueues, user: tuple[str, str]) -> None:
    """Let somebody in who has not been there before: name and password."""
    name, password = user
    pool = stack.client("cognito-idp")
    named = {"UserPoolId": stack.outputs["api"]["user_pool_id"], "Username": name}
    verified = [{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "true"}]
    pool.admin_create_user(**named, UserAttributes=verified, MessageAction="SUPPRESS", TemporaryPassword=password)
    pool.admin_set_user_password(**named, Password=password, Permanent=True)


@dataclass
class Browser:
    """Somebody who comes to the pages of a pool at `origin` for a client, with the cookies that they are given."""

    origin: str
    client_id: str
    callback: str
    _cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, user: tuple[str, str], scopes: Iterable[str]) -> Tokens:
        """Sign in for these scopes. Raises DevtoolsError where the pool leads elsewhere."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = {"client_id": self.client_id, "redirect_uri": self.callback}
        asked = {
            **client,
            "response_type": "code",
            "scope": " ".join(["openid", *scopes]),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        self._come(f"{self.origin}/oauth2/authorize?{urlencode(asked)}")
        # The form repeats a cookie, so that no other page can send it.
        typed = {**asked, "username": user[0], "password": user[1], "_csrf": self._cookies.get("XSRF-TOKEN", "")}
        back = self._send("POST", f"{self.origin}/login?{urlencode(asked)}", typed)
        came_to = parse_qs(urlsplit(back.headers.get("location", "")).query)
        if "code" not in came_to:
            raise DevtoolsError(f"the user pool answered {back.status} to a password, and gave no code")
        (code,) = came_to["code"]
        grant = {**client, "grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        granted = self._send("POST", f"{self.origin}/oauth2/token", grant)
        if granted.status != HTTPStatus.OK:
            raise DevtoolsError(f"the user pool answered {granted.status} to a code, and gave no tokens")
        return Tokens(granted.document["access_token"], granted.document["id_token"])

    def _come(self, url: str) -> None:
        """Go where the pool leads, to its form."""
        for _ in range(_MOST_PAGES):
            told = self._send("GET", url)
            if told.status == HTTPStatus.OK:
                return
            if "location" not in told.headers:
                raise DevtoolsError(f"the user pool answered {told.status} to a browser that wants to sign in")
            url = told.headers["location"]
        raise DevtoolsError("the user pool leads a browser that wants to sign in from page to page")

    def _send(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Told:
        headers = {"cookie": "; ".join(f"{cookie}={value}" for cookie, value in self._cookies.items())}
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        told = fetch(
            method,
            url,
            headers={name: value for name, value in headers.items() if value},
            body=None if form is None else urlencode(form).encode(),
        )
        self._cookies |= dict(_COOKIE.findall(told.headers.get("set-cookie", "")))
        return told
