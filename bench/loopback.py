"""S3, DynamoDB and SNS on a loopback address, as far as the function calls them: `python -m bench.loopback PORT`.

They answer after as long as AWS would take, and cost next to no processor time. The same call takes equally long for
every contender and in every run, because its latency is drawn from its name alone.

- An upload is stored once, under the last part of its key, and read under any key that ends so: `a/1/cat.jpg` and
  `a/2/cat.jpg` are the same bytes. So a bench needs few objects for many keys.
- Of a thumbnail only the ETag is kept, of a row the request that wrote it.
- `GET /_stats` is the counts since the start, `GET /_calls` every call since the last time that somebody asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import os
import sys
import time
import urllib.request
import weakref
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

from aiohttp import web

from bench.corpus import ROOT
from devtools.localaws import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UPLOADS", "Call", "Loopback", "Stats", "running"]

UPLOADS = "uploads"
_SEED = b"thumbnails"
_START_SECONDS = 20
# What S3 gives over one connection:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
_BYTES_A_SECOND = 90e6


class Latency(NamedTuple):
    """Seconds until the first byte of an answer: lognormal, two thirds of the calls between `low` and `high`."""

    low: float
    high: float

    def of(self, call: str) -> float:
        """The latency of this very call; one in a hundred takes three to four times the median, or more."""
        digest = hashlib.blake2b(call.encode(), digest_size=6, key=_SEED).digest()
        share = (int.from_bytes(digest) + 0.5) / 2**48
        median, sigma = math.sqrt(self.low * self.high), math.log(self.high / self.low) / 2
        return median * math.exp(sigma * _NORMAL.inv_cdf(share))


_NORMAL = NormalDist()
_GET, _PUT, _ROW = Latency(0.020, 0.060), Latency(0.030, 0.080), Latency(0.004, 0.010)


@dataclass(frozen=True)
class Stats:
    """Counts since the process began; subtract an earlier one for those in between."""

    calls: dict[str, int]
    bytes_in: int
    bytes_out: int
    connections: int
    """Opened by clients."""
    cpu_ms: float

    def __sub__(self, earlier: Stats) -> Stats:
        calls = Counter(self.calls)
        calls.subtract(earlier.calls)
        return Stats(
            calls={name: number for name, number in calls.items() if number},
            bytes_in=self.bytes_in - earlier.bytes_in,
            bytes_out=self.bytes_out - earlier.bytes_out,
            connections=self.connections - earlier.connections,
            cpu_ms=self.cpu_ms - earlier.cpu_ms,
        )


class Call(NamedTuple):
    """One call, and when it was under way by the machine's monotonic clock, in seconds."""

    operation: str
    begun: float
    ended: float


# ── the side of the bench ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Loopback:
    """The running process, as the bench uses it."""

    url: str
    process: processes.Process

    def upload(self, name: str, data: bytes) -> str:
        """Store a source for every key that ends in `name`; returns its ETag."""
        request = urllib.request.Request(f"{self.url}/{UPLOADS}/{name}", data=data, method="PUT")
        with urllib.request.urlopen(request) as answer:
            return str(answer.headers["ETag"].strip('"'))

    def row(self, table: str, key: dict[str, Any]) -> dict[str, Any]:
        """The row as DynamoDB spells it, or an empty one."""
        body = json.dumps({"TableName": table, "Key": key}).encode()
        request = urllib.request.Request(self.url, data=body, headers={"X-Amz-Target": "DynamoDB_20120810.GetItem"})
        with urllib.request.urlopen(request) as answer:
            row: dict[str, Any] = json.load(answer).get("Item", {})
            return row

    def stats(self) -> Stats:
        """What was called so far."""
        return Stats(**self._ask("_stats"))

    def calls(self) -> list[Call]:
        """Every call since this was last asked for."""
        return [Call(*each) for each in self._ask("_calls")]

    @property
    def cores(self) -> set[int]:
        """The processors that the process may run on."""
        return os.sched_getaffinity(self.process.pid)

    def run_on(self, cores: set[int]) -> None:
        """Let the process run on these processors alone."""
        os.sched_setaffinity(self.process.pid, cores)

    def _ask(self, what: str) -> Any:  # noqa: ANN401 - JSON
        with urllib.request.urlopen(f"{self.url}/{what}") as answer:
            return json.load(answer)


@contextlib.contextmanager
def running() -> Iterator[Loopback]:
    """A loopback AWS for the block."""
    port, log = processes.free_port(), ROOT / "loopback.log"
    ROOT.mkdir(parents=True, exist_ok=True)
    process = processes.start([sys.executable, "-m", "bench.loopback", str(port)], log=log, environment={})
    loopback = Loopback(f"http://{processes.LOOPBACK}:{port}", process)

    def ask() -> None:
        loopback.stats()

    processes.wait_until_it_answers(process, ask, within=_START_SECONDS, name="the loopback AWS", log=log)
    try:
        yield loopback
    finally:
        process.stop()


# ── the process itself ───────────────────────────────────────────────────────────────────────────────


class _Service:
    """Everything that is stored, counted and answered."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[str, bytes]] = {}
        self._thumbnails: dict[tuple[str, str], str] = {}
        self._rows: dict[tuple[str, str], bytes] = {}
        self._calls: list[Call] = []
        self._counts: Counter[str] = Counter()
        self._bytes_in = self._bytes_out = self._connections = 0
        self._seen: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        begun = time.monotonic()
        if request.path == "/_stats":
            return self._stats()
        if request.path == "/_calls":
            calls, self._calls = self._calls, []
            return web.json_response(calls)
        if request.transport is not None and request.transport not in self._seen:
            self._seen.add(request.transport)
            self._connections += 1
        body = await request.read()
        operation, latency, name, response = self._called(request, body)
        size = response.body if isinstance(response.body, bytes) else b""
        await asyncio.sleep(latency.of(f"{operation} {name}") + (len(body) + len(size)) / _BYTES_A_SECOND)
        self._counts[operation] += 1
        self._bytes_in += len(body)
        self._bytes_out += len(size)
        self._calls.append(Call(operation, begun, time.monotonic()))
        return response

    def _called(self, request: web.Request, body: bytes) -> tuple[str, Latency, str, web.Response]:
        """What was called, how long that takes, on what (the same for every contender), and the answer."""
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith("DynamoDB_"):
            operation = target.partition(".")[2]
            return operation, _ROW, *self._row(operation, json.loads(body), body)
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if not bucket:
            return "Publish", _ROW, "", _sns()
        if request.method == "PUT":
            return "PutObject", _PUT, key, self._put(bucket, key, request, body)
        if request.method == "GET" and key:
            return "GetObject", _GET, key, self._get(bucket, key, request)
        if request.method == "GET":
            prefix = request.query.get("prefix", "")
            return "ListObjectsV2", _GET, prefix, self._list(bucket, prefix)
        if request.method == "DELETE":
            return "DeleteObject", _PUT, key, self._delete(bucket, key, request)
        return request.method, _GET, key, _refused(501, "NotImplemented")

    # S3

    def _put(self, bucket: str, key: str, request: web.Request, body: bytes) -> web.Response:
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if bucket == UPLOADS:
            self._sources[_name(key)] = (etag, body)
            return _stored(etag)
        there = self._thumbnails.get((bucket, key))
        if "If-None-Match" in request.headers and there is not None:
            return _refused(412, "PreconditionFailed")
        if "If-Match" in request.headers and there != request.headers["If-Match"].strip('"'):
            return _refused(412, "PreconditionFailed") if there else _refused(404, "NoSuchKey")
        self._thumbnails[bucket, key] = etag
        return _stored(etag)

    def _get(self, bucket: str, key: str, request: web.Request) -> web.Response:
        if bucket != UPLOADS or _name(key) not in self._sources:
            return _refused(404, "NoSuchKey")
        etag, data = self._sources[_name(key)]
        if request.headers.get("If-Match", etag).strip('"') != etag:
            return _refused(412, "PreconditionFailed")
        described = {"ETag": f'"{etag}"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "Accept-Ranges": "bytes"}
        return web.Response(body=data, headers=described, content_type="image/jpeg")

    def _list(self, bucket: str, key: str) -> web.Response:
        etag = self._thumbnails.get((bucket, key))
        found = f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{etag}&quot;</ETag></Contents>" if etag else ""
        return _xml(200, f"<ListBucketResult><KeyCount>{int(bool(etag))}</KeyCount>{found}</ListBucketResult>")

    def _delete(self, bucket: str, key: str, request: web.Request) -> web.Response:
        there = self._thumbnails.get((bucket, key))
        if "If-Match" in request.headers and there != request.headers["If-Match"].strip('"'):
            return _refused(412, "PreconditionFailed") if there else _refused(404, "NoSuchKey")
        self._thumbnails.pop((bucket, key), None)
        return web.Response(status=204)

    # DynamoDB

    def _row(self, operation: str, asked: dict[str, Any], body: bytes) -> tuple[str, web.Response]:
        key = asked.get("Key") or asked.get("Item") or {}
        name = key["source_key"]["S"]
        there = self._rows.get((asked["TableName"], name))
        found = {"Item": json.loads(there)["Item"]} if there else {}
        if operation == "GetItem":
            return name, _json(200, found)
        condition = asked.get("ConditionExpression", "")
        if operation != "PutItem" or condition not in ("", "attribute_not_exists(source_key)"):
            return name, _fault(
                "ValidationException", f"The bench plays first images: no {operation}, no {condition!r}"
            )
        if condition and there:
            shown = found if asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
            return name, _fault("ConditionalCheckFailedException", "The conditional request failed", **shown)
        self._rows[asked["TableName"], name] = body
        return name, _json(200, {})

    def _stats(self) -> web.Response:
        cpu_ms = time.process_time() * 1000
        stats = Stats(dict(self._counts), self._bytes_in, self._bytes_out, self._connections, cpu_ms)
        return web.json_response(asdict(stats))


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _stored(etag: str) -> web.Response:
    return web.Response(headers={"ETag": f'"{etag}"'})


def _xml(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/xml")


def _refused(status: int, code: str) -> web.Response:
    return _xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")


def _sns() -> web.Response:
    result = "<PublishResult><MessageId>1</MessageId></PublishResult>"
    return _xml(200, f'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{result}</PublishResponse>')


def _json(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=json.dumps(document).encode(), content_type="application/x-amz-json-1.0")


def _fault(code: str, message: str, **fields: object) -> web.Response:
    return _json(400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **fields})


def main() -> None:
    """Serve until killed."""
    service = web.Application(client_max_size=2**30)
    service.router.add_route("*", "/{path:.*}", _Service().answer)
    web.run_app(service, host=processes.LOOPBACK, port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
