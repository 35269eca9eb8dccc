"""Users of the applied stack: they sign in at its user pool as a browser does, and ask its API through the gateway."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from devtools import signing_in
from devtools.signing_in import Browser
from support.deployment import eventually
from support.front_door import require_said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.deployment import Deployment

PAGE_PORT: Final = 8080
PAGE: Final = f"http://localhost:{PAGE_PORT}"
"""The origin of the page whose scripts may use the API."""

CALLBACK: Final = f"{PAGE}/"

NOBODYS: Final = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
"""The id of no image."""

SECONDS: Final = 60
"""For which a request may take on a busy machine."""


@dataclass(frozen=True)
class User:
    """Somebody who has signed in."""

    access_token: str
    id_token: str

    @property
    def sub(self) -> str:
        """Their identifier, and what their images' keys are called after."""
        return str(claims_of(self.access_token)["sub"])


@dataclass(frozen=True)
class Told:
    """An answer of the API, by whoever gave it."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON."""
        return dict(json.loads(self.text))

    @property
    def problem(self) -> str:
        """The type of the problem."""
        return str(self.document["type"]).rpartition(":")[2]


class FrontDoor:
    """The deployed API, its user pool, and S3 as a browser sees it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.outputs: dict[str, Any] = deployment.outputs["api"]

    @property
    def scopes(self) -> list[str]:
        """All that the API knows."""
        return sorted(self.outputs["scopes"].values())

    def signed_in(self, name: str, *scopes: str) -> User:
        """Make a user, and let them sign in for these scopes: all, if none are named."""
        # Of all kinds of characters, which the emulator wants whatever the pool's policy says.
        address, password = f"{name}-{uuid.uuid4()}@example.com", f"{secrets.token_urlsafe(16)}aA1!"
        signing_in.admit(self.deployment.stack, (address, password))
        # The emulator serves the pool's domain itself.
        browser = Browser(self.deployment.stack.endpoint_url, self.outputs["client_id"], CALLBACK)
        tokens = browser.sign_in((address, password), scopes or self.scopes)
        return User(tokens.access, tokens.id)

    # ── the API ──────────────────────────────────────────────────────────────────────────────────────

    def send(
        self,
        method: str,
        path: str,
        token: str | None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        """Make one request of the gateway, which is known by its host name; what comes back is as the document says."""
        given = {"host": urlsplit(self.outputs["url"]).netloc, **(headers or {})}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        if body is not None:
            given["content-type"] = "application/json"
        # It is a name of the loopback to browsers, and not to every resolver.
        url = f"{self.deployment.stack.endpoint_url}{path}"
        data = None if body is None else json.dumps(body)
        answer = requests.request(method, url, headers=given, data=data, allow_redirects=False, timeout=SECONDS)
        told = Told(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text)
        require_said(route_of(method, path), told.status, told.headers, told.text)
        return told

    def ask(self, user: User, body: bytes, *, once: str = "", kind: str = "image/jpeg", **fields: object) -> Told:
        """Ask for an upload of these bytes."""
        wanted = {"bytes": len(body), "type": kind, **fields}
        headers = {"idempotency-key": once or str(uuid.uuid4())}
        return self.send("POST", "/v1/images", user.access_token, body=wanted, headers=headers)

    def granted(self, user: User, body: bytes, **named: Any) -> dict[str, Any]:
        """What an ask for these bytes was granted."""
        told = self.ask(user, body, **named)
        assert told.status == 201, told
        return told.document

    def show(self, user: User, image_id: str, **headers: str) -> Told:
        """Ask what became of an image."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("GET", f"/v1/images/{image_id}", user.access_token, headers=named)

    def listed(self, user: User, query: str = "?limit=100") -> list[str]:
        """The ids of one page of a user's images."""
        told = self.send("GET", f"/v1/images{query}", user.access_token)
        assert told.status == 200, told
        return [each["id"] for each in told.document["images"]]

    def uploaded(self, user: User, body: bytes, **named: Any) -> str:
        """Ask, upload and wait until it is decided; the image's id."""
        granted = self.granted(user, body, **named)
        upload = granted["upload"]
        requests.put(upload["url"], data=body, headers=upload["headers"], timeout=SECONDS).raise_for_status()
        self.decided(user, granted["id"])
        return str(granted["id"])

    def decided(self, user: User, image_id: str) -> dict[str, Any]:
        """What became of an image, once that is known."""

        def shown() -> dict[str, Any] | None:
            told = self.show(user, image_id, prefer="wait=10")
            return told.document if told.status == 200 else None

        return eventually(f"{image_id} is decided", shown)

    def key(self, user: User, image_id: str) -> str:
        """What an image's source is called in the uploads bucket."""
        return f"{self.deployment.outputs['users_prefix']}{user.sub}/{image_id}"

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def pools_key(self) -> rsa.RSAPrivateKey:
        """What the pool signs access tokens with: on AWS nobody has it, and the emulator keeps it in a file."""
        keys = self.deployment.stack.directory / "emulator" / "state" / "cognito-pool-keys"
        pem = (keys / f"{self.outputs['user_pool_id']}-access.pem").read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key


def signed(key: rsa.RSAPrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A token with these claims, signed by RS256 whatever its header says."""
    stated = f"{_encoded(header)}.{_encoded(claims)}"
    signature = key.sign(stated.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{stated}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token with these claims and whatever signature."""
    return f"{_encoded(header)}.{_encoded(claims)}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def header_of(token: str) -> dict[str, Any]:
    """What a token says of its signature."""
    return _decoded(token.partition(".")[0])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says of its bearer."""
    return _decoded(token.split(".")[1])


def route_of(method: str, path: str) -> str:
    """The route that a path is of."""
    parts = urlsplit(path).path.strip("/").split("/")
    forms = {2: "/v1/images", 3: "/v1/images/{id}", 5: "/v1/images/{id}/renditions/{name}"}
    return f"{method} {forms[len(parts)]}"


def _encoded(document: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return document
