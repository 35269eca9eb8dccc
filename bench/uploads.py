"""How fast files get into S3, and at what price in processor time: `python -m bench.uploads`.

Contenders, against an S3 on a loopback address that reads, discards and answers:

    put_object      boto3's client, a call a file, in threads
    s3transfer      the SDK's TransferManager over the same client
    s3transfer+crt  the same interface over awscrt's S3 client
    awscrt          that client with requests of our own, as `import` does it: bulk.transfer

Milliseconds are processor time of the uploading process alone; the wall clock also shows the loopback S3's, as both
share the machine. There is no TLS on loopback, and no way that loses packets: neither is what sets them apart.

`import` needs of each upload its ETag and version, and a condition (`If-None-Match`): s3transfer gives neither.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import awscrt.auth
import boto3
from botocore.config import Config
from rich.console import Console
from rich.table import Table
from s3transfer.crt import BotocoreCRTRequestSerializer, CRTTransferManager, create_s3_crt_client
from s3transfer.manager import TransferConfig, TransferManager

from devtools.localaws import processes
from thumbctl.importing.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_s3 import S3Client

_BUCKET: Final = "uploads"
_REGION: Final = "eu-central-1"
_AT_ONCE: Final = 16
_SMALL_BYTES, _LARGE_BYTES = 30_000, 20_000_000


@dataclass(frozen=True)
class Work:
    """Files to upload, all alike."""

    name: str
    files: Sequence[Path]


@dataclass(frozen=True)
class Took:
    """What the upload of some files took."""

    wall_seconds: float
    cpu_seconds: float
    """Of this process."""


# ── the contenders ───────────────────────────────────────────────────────────────────────────────────


def put_object(url: str, files: Sequence[Path]) -> None:
    client = _client(url)

    def put(file: Path) -> str:
        with file.open("rb") as body:
            return client.put_object(
                Bucket=_BUCKET, Key=file.name, Body=body, IfNoneMatch="*", ChecksumAlgorithm="SHA256"
            )["ETag"]

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        assert all(threads.map(put, files))


def s3transfer(url: str, files: Sequence[Path]) -> None:
    with TransferManager(_client(url), TransferConfig(max_request_concurrency=_AT_ONCE)) as manager:
        for future in [manager.upload(str(file), _BUCKET, file.name) for file in files]:
            future.result()


def s3transfer_crt(url: str, files: Sequence[Path]) -> None:
    arguments = {"region_name": _REGION, "endpoint_url": url, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    serializer = BotocoreCRTRequestSerializer(boto3.session.Session()._session, arguments)  # noqa: SLF001
    provider = awscrt.auth.AwsCredentialsProvider.new_static("x", "x")
    client = create_s3_crt_client(_REGION, crt_credentials_provider=provider, use_ssl=False)
    with CRTTransferManager(client, serializer) as manager:
        for future in [manager.upload(str(file), _BUCKET, file.name) for file in files]:
            future.result()


def common_runtime(url: str, files: Sequence[Path]) -> None:
    transfer = Transfer(_client(url), _BUCKET, connections=_AT_ONCE)

    def put(file: Path) -> str:
        with file.open("rb") as body:
            checksum = base64.b64encode(hashlib.file_digest(body, "sha256").digest()).decode()
        headers = {"x-amz-checksum-sha256": checksum, "If-None-Match": "*"}
        return transfer.put(file, file.name, size=file.stat().st_size, headers=headers).etag

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        assert all(threads.map(put, files))


_CONTENDERS: Final[dict[str, Callable[[str, Sequence[Path]], None]]] = {
    "put_object": put_object, "s3transfer": s3transfer, "s3transfer+crt": s3transfer_crt, "awscrt": common_runtime
}  # fmt: skip


def _client(url: str) -> S3Client:
    config = Config(max_pool_connections=_AT_ONCE, retries={"mode": "adaptive", "max_attempts": 10})
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106
        config=config,
    )


# ── the bench ────────────────────────────────────────────────────────────────────────────────────────


def _measured(url: str, contender: Callable[[str, Sequence[Path]], None], files: Sequence[Path]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    contender(url, files)
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def _work(directory: Path, name: str, size: int, number: int) -> Work:
    files = [directory / f"{name}-{index:05d}.jpg" for index in range(number)]
    for file in files:
        file.write_bytes(os.urandom(size))
    return Work(f"{number} files of {size / 1000:,.0f} kB", files)


@contextlib.contextmanager
def _loopback(directory: Path) -> Iterator[str]:
    port, log = processes.free_port(), directory / "s3.log"
    process = processes.start([sys.executable, "-m", "bench.uploads", "--serve", str(port)], log=log, environment={})
    url = f"http://{processes.LOOPBACK}:{port}"

    def ask() -> None:
        with urllib.request.urlopen(f"{url}/"):
            pass

    processes.wait_until_it_answers(process, ask, within=20, name="the loopback S3", log=log)
    try:
        yield url
    finally:
        process.stop()


class _S3(asyncio.Protocol):
    """Answers every request once its body is in, of which it keeps nothing."""

    _ETAG = b'"0cc175b9c0f1b6a831c399e269772661"'
    _BEGUN = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
    _COMPLETED = b"<CompleteMultipartUploadResult><ETag>" + _ETAG + b"</ETag></CompleteMultipartUploadResult>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = self._request = b""
        self._missing = 0

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            self._request, *lines = head.split(b"\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in lines)
            self._missing = int(fields.get(b"content-length", b"0"))
            if fields.get(b"expect") == b"100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            data = body
        self._missing -= len(data)
        if not self._missing:
            self._transport.write(self._answer())

    def _answer(self) -> bytes:
        body = b"<ListBucketResult></ListBucketResult>" if self._request.startswith(b"GET") else b""
        if self._request.startswith(b"POST"):
            body = self._BEGUN if b"?uploads" in self._request else self._COMPLETED
        return b"HTTP/1.1 200 OK\r\nETag: %b\r\nContent-Length: %d\r\n\r\n%b" % (self._ETAG, len(body), body)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_S3, processes.LOOPBACK, port)
    await server.serve_forever()


def main() -> None:
    """Measure, or serve what is measured against."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=2000, help="files of 30 kB")
    parser.add_argument("--large", type=int, default=25, help="files of 20 MB")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve(options.serve))
    table = Table("files", "how", "ms of processor a file", "files a second", "MB a second", box=None, pad_edge=False)
    with tempfile.TemporaryDirectory() as scratch, _loopback(Path(scratch)) as url:
        works = [
            _work(Path(scratch), "small", _SMALL_BYTES, options.small),
            _work(Path(scratch), "large", _LARGE_BYTES, options.large),
        ]
        for work in works:
            took: dict[str, list[Took]] = {name: [] for name in _CONTENDERS}
            for _ in range(options.rounds):
                for name, contender in _CONTENDERS.items():
                    took[name].append(_measured(url, contender, work.files))
            megabytes = sum(file.stat().st_size for file in work.files) / 1e6
            for name, each in took.items():
                cpu = statistics.median(one.cpu_seconds for one in each)
                wall = statistics.median(one.wall_seconds for one in each)
                number = len(work.files)
                table.add_row(
                    work.name, name, f"{1000 * cpu / number:.2f}", f"{number / wall:,.0f}", f"{megabytes / wall:,.0f}"
                )
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
