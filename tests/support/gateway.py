"""An HTTP API before a function, as clients and the function see it: tokens, routes, events, answers of its own."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import re
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from api.routes import ROUTES
from devtools.localaws.processes import LOOPBACK
from support.front_door import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN: Final = "token"  # noqa: S105 - nobody's
_NO_BODY: Final = frozenset({204, 304})


@contextlib.contextmanager
def listening(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[str]:
    """Have the address of a gateway that hands one request after the other on to a function."""
    turn = threading.Lock()

    class Gateway(http.server.BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with turn:
                told = self._answer(body)
            text = told["body"].encode()
            self.send_response(told["statusCode"])
            for name, value in told["headers"].items():
                self.send_header(name, value)
            if told["statusCode"] not in _NO_BODY:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        def __getattr__(self, name: str) -> Any:
            # http.server looks for a method for each that HTTP may have.
            if name.startswith("do_"):
                return self._do
            raise AttributeError(name)

        def _answer(self, body: bytes) -> dict[str, Any]:
            parts = urlsplit(self.path)
            found = _matched(self.command, parts.path)
            if found is None:
                return _of_its_own(404, "Not Found")
            route, path = found
            # Of a header or a parameter that comes twice, the values are joined.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
            headers = _joined((name.lower(), value) for name, value in self.headers.items())
            if headers.get("authorization") != f"Bearer {TOKEN}":
                return _of_its_own(401, "Unauthorized")
            query = _joined(parse_qsl(parts.query, keep_blank_values=True))
            return function({**event(route, headers=headers, path=path, query=query), **_described(body)})

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()


def _matched(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The route that a path is of, and what its variables are."""
    for route in ROUTES:
        verb, _, form = route.partition(" ")
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", form), path)
        if found and verb == method:
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def _joined(pairs: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _described(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _of_its_own(status: int, message: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": message}),
    }
