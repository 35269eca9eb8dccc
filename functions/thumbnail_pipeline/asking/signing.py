"""Signature Version 4, of requests by their headers and of URLs by their query.

The SDK's signer comes with all of the SDK, which takes most of a cold start. Tests hold this one to it byte for byte.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credentials", "Signer", "Target", "encoded"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Whose signature it is."""

    access_key: str
    secret_key: str
    token: str
    """Of a session; empty for a user's keys."""


@dataclass(frozen=True)
class Target:
    """What is asked for where."""

    service: str
    method: str
    origin: str
    """Scheme and host, such as https://s3.eu-central-1.amazonaws.com."""
    path: str
    """As it stands in the URL, percent-encoded."""

    @property
    def host(self) -> str:
        """As the Host header has it."""
        return self.origin.partition("://")[2]

    @property
    def url(self) -> str:
        """Without a query."""
        return f"{self.origin}{self.path}"


@dataclass(frozen=True)
class Signer:
    """Signs in one region with one set of credentials.

    url = Signer(credentials, "eu-central-1").presigned(target, {"content-length": "3"}, seconds=600, now=time.time())
    """

    credentials: Credentials
    region: str

    def headers(
        self, target: Target, headers: Mapping[str, str], query: str, body: bytes, now: float
    ) -> dict[str, str]:
        """Return `headers`, whose names are in lower case, with those that sign them, the query and the body."""
        digest = hashlib.sha256(body).hexdigest()
        at = _stamp(now)
        signed = {**headers, "host": target.host, "x-amz-date": at}
        if target.service == "s3":
            signed["x-amz-content-sha256"] = digest
        if self.credentials.token:
            signed["x-amz-security-token"] = self.credentials.token
        scope = self._scope(at, target.service)
        signature = self._signature(target, signed, query, digest, at)
        credential = f"{self.credentials.access_key}/{scope}"
        names = ";".join(sorted(signed))
        authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": authorization}

    def presigned(self, target: Target, headers: Mapping[str, str], *, seconds: int, now: float) -> str:
        """Return a URL that allows one method on one object, from `now` on for so many seconds.

        Whoever uses it has to send exactly these `headers`.
        """
        signed = {**headers, "host": target.host}
        at = _stamp(now)
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key}/{self._scope(at, target.service)}",
            "X-Amz-Date": at,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
        }
        if self.credentials.token:
            query["X-Amz-Security-Token"] = self.credentials.token
        signature = self._signature(target, signed, encoded(dict(sorted(query.items()))), "UNSIGNED-PAYLOAD", at)
        return f"{target.url}?{encoded(query)}&X-Amz-Signature={signature}"

    def _scope(self, at: str, service: str) -> str:
        return f"{at[:8]}/{self.region}/{service}/aws4_request"

    def _signature(self, target: Target, headers: Mapping[str, str], query: str, digest: str, at: str) -> str:
        lines = [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
        names = ";".join(sorted(headers))
        # S3 alone signs the path as it stands in the URL.
        path = target.path if target.service == "s3" else quote(target.path, safe="/~")
        canonical = "\n".join([target.method, path, query, *lines, "", names, digest])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.credentials.secret_key}".encode()
        for part in (at[:8], self.region, target.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(
            key, f"{_ALGORITHM}\n{at}\n{self._scope(at, target.service)}\n{hashed}".encode(), "sha256"
        ).hex()


def encoded(query: Mapping[str, str]) -> str:
    """Return a query as it is signed: names in their order, everything but unreserved characters percent-encoded."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())


def _stamp(now: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
