"""Brings files into a bucket, each once: what is there already, with the same bytes, is left alone.

Whether an object is there is read off a listing that goes along with the files, in the order of keys: a call for a
thousand of them. Every write is on the condition that this is still so, so whoever writes at the same time is noticed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import mimetypes
import os
import time
import zlib
from collections import Counter
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from awscrt import checksums
from botocore.exceptions import ClientError

from thumbctl.importing.files import LeftOut, Problem, SourceFile, problem_of
from thumbctl.importing.transfer import Stored
from thumbnail_pipeline import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import FileIO

    from mypy_boto3_s3 import S3Client

    from thumbctl.bulk.pace import Pace
    from thumbctl.importing.import_journal import ImportJournal
    from thumbnail_pipeline.listing import Listed

_JOURNAL_SECONDS = 1.0
_GRACE_SECONDS = 10.0
_BYTES_IN_FLIGHT = 256 * 2**20
_ATTEMPTS = 5
_BLOCK_BYTES = 2**20

# A condition failed, another write of the key was faster, what was to be replaced is gone.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_NOT_SO: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
# What is wrong with the credentials or the key comes as 400, like what is wrong with one file.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_OF_EVERY_FILE: Final = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "KMS.")
_CHANGED: Final = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"})


class Puts(Protocol):
    """What uploads a file: bulk.transfer.Transfer."""

    def put(self, file: str, key: str, *, size: int, headers: Mapping[str, str]) -> Future[Stored]:
        """Begin to put the `size` bytes of `file` at `key`."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A file whose bytes are in the bucket."""

    source: SourceFile
    stored: Stored
    uploaded: bool
    """Whether by this; otherwise they were there."""


@dataclass
class UploadTally:
    """What came of the files so far."""

    uploaded: int = 0
    uploaded_bytes: int = 0
    there: int = 0
    there_bytes: int = 0
    failed: Counter[Problem] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class There:
    """An object in the way, as far as it is known."""

    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class _Bring:
    """A file that is brought, and where it is told what came of that."""

    source: SourceFile
    landing: Future[Brought | LeftOut]
    there: There | None
    known: bool
    """Whether `there` says all that there is; otherwise one has to look."""
    attempt: int = 1

    def cancel(self, task: Future[None]) -> None:
        """Tell, where a task was cancelled, that nothing comes any more."""
        if task.cancelled():
            self.landing.set_exception(CancelledError())

    def fail(self, error: BaseException) -> None:
        """Tell what was wrong: with this file, or with all of them."""
        match error:
            case OSError():
                left_out = LeftOut(self.source.path, problem_of(error), error.strerror or str(error))
            case ClientError() if (left := _refused(self.source, error)) is not None:
                left_out = left
            case _:
                self.landing.set_exception(error)
                return
        self.landing.set_result(left_out)


def _refused(source: SourceFile, error: ClientError) -> LeftOut | None:
    """What S3 has against one file; None where it has it against each."""
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code in _CHANGED:
        return LeftOut(source.path, Problem.CHANGED)
    if status == 400 and not code.startswith(_OF_EVERY_FILE):  # noqa: PLR2004 - HTTP's
        return LeftOut(source.path, Problem.REFUSED, f"{code}: {error.response['Error'].get('Message', '')}")
    return None


class Beside:
    """A listing of a bucket that goes along with keys in ascending order."""

    def __init__(self, s3: S3Client, bucket: str, prefix: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._objects: dict[str, Listed] = {}
        self._until = ""
        self._last = ""
        self._complete = False

    def knows(self, key: str) -> bool:
        """Whether `of` this key says all that there is: not where more than a thousand others lie before it."""
        if key > self._until and not self._complete:
            page = listing.objects(self._s3, self._bucket, prefix=self._prefix, after=self._last)
            self._objects = {each.key: each for each in islice(page, listing.KEYS_A_CALL)}
            self._complete = len(self._objects) < listing.KEYS_A_CALL
            self._until = max(self._objects, default="")
        self._last = key
        return self._complete or key <= self._until

    def of(self, key: str) -> There | None:
        """The object that was listed under `key`."""
        listed = self._objects.get(key)
        return There(listed.etag, listed.size) if listed else None


class Uploads:
    """Imports into one bucket."""

    def __init__(self, s3: S3Client, bucket: str, prefix: str, puts: Puts, *, at_once: int, pace: Pace) -> None:
        """`s3` looks and `puts` writes, from `at_once` threads."""
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._puts = puts
        self._at_once = at_once
        self._pace = pace

    def missing(self, journal: ImportJournal) -> Iterator[SourceFile]:
        """Yield what `run` would upload, without doing so."""
        beside = Beside(self._s3, self._bucket, self._prefix)
        for entry in journal.entries():
            there = beside.of(entry.source.key) if beside.knows(entry.source.key) else self._look(entry.source.key)
            if there and there.etag == entry.etag:
                continue
            with contextlib.suppress(OSError):
                if there and self._identical(entry.source, there):
                    continue
            yield entry.source

    def run(
        self,
        journal: ImportJournal,
        tally: UploadTally,
        *,
        left_out: Callable[[LeftOut], None],
        meanwhile: Callable[[], None],
    ) -> None:
        """Bring every file of the journal's run, and keep `tally`; `left_out` hears of those that could not be.

        `meanwhile` is called about once a second. However this ends, what was brought is in the journal. After an error
        of all files (ClientError, BotoCoreError, ThumbctlError) or Ctrl-C, what is under way comes to its end first.
        """
        flight = _Flight(journal, tally, left_out, meanwhile)
        threads = ThreadPoolExecutor(self._at_once)
        try:
            beside = Beside(self._s3, self._bucket, self._prefix)
            for entry in journal.entries():
                key = entry.source.key
                known = beside.knows(key)
                there = beside.of(key) if known else None
                if there and there.etag == entry.etag:
                    tally.there += 1
                    tally.there_bytes += entry.source.size
                    flight.turn()
                    continue
                while flight.full(entry.source, 2 * self._at_once):
                    flight.land()
                self._pace.take()
                landing: Future[Brought | LeftOut] = Future()
                flight.begin(entry.source, landing)
                self._bring(threads, _Bring(entry.source, landing, there, known))
            while flight.under_way:
                flight.land()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            flight.end(_GRACE_SECONDS)
            raise
        finally:
            flight.write()
        threads.shutdown()

    def _bring(self, threads: ThreadPoolExecutor, bring: _Bring) -> None:
        """Have a thread look, and begin an upload; whatever comes of it, `bring.landing` hears of it."""
        threads.submit(self._begin, threads, bring).add_done_callback(bring.cancel)

    def _begin(self, threads: ThreadPoolExecutor, bring: _Bring) -> None:
        source = bring.source
        try:
            there = bring.there if bring.known else self._look(source.key)
            if there and (stored := self._identical(source, there)):
                bring.landing.set_result(Brought(source, stored, uploaded=False))
                return
            with _opened(source.path) as file:
                checksum = _sha256(file)
                status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
                bring.landing.set_result(LeftOut(source.path, Problem.CHANGED))
                return
            headers = {
                "Content-Type": content_type(source.path),
                # S3 takes no other bytes than these.
                "x-amz-checksum-sha256": checksum,
                **({"If-Match": f'"{there.etag}"'} if there else {"If-None-Match": "*"}),
            }
            # No thread waits for it: to wake one up takes longer than to sign a request.
            put = self._puts.put(source.path, source.key, size=source.size, headers=headers)
            put.add_done_callback(lambda put: self._end(threads, bring, put))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the landing hears of it
            bring.fail(error)

    def _end(self, threads: ThreadPoolExecutor, bring: _Bring, put: Future[Stored]) -> None:
        """Take what S3 answered; called in a thread of the runtime's, which has other things to do."""
        error = put.exception()
        if error is None:
            bring.landing.set_result(Brought(bring.source, put.result(), uploaded=True))
        elif not isinstance(error, ClientError) or error.response["Error"]["Code"] not in _NOT_SO:
            bring.fail(error)
        elif bring.attempt == _ATTEMPTS:
            bring.landing.set_result(LeftOut(bring.source.path, Problem.CONTENDED, bring.source.key))
        else:
            try:
                self._bring(threads, replace(bring, known=False, attempt=bring.attempt + 1))
            except RuntimeError as over:  # no thread begins anything any more
                bring.landing.set_exception(over)

    def _look(self, key: str) -> There | None:
        head = self._head(key)
        return There(head["ETag"].strip('"'), head["ContentLength"]) if head else None

    def _identical(self, source: SourceFile, there: There) -> Stored | None:
        """The object, if it has the file's bytes: as many, and with the checksum that S3 made when it took them."""
        if there.size != source.size:
            return None
        head = self._head(source.key)
        if not head or head["ETag"].strip('"') != there.etag:
            return None
        for name, checksum in _CHECKSUMS.items():
            # That of an upload in parts may be one of their checksums, with their number behind it, and equals none.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
            if name in head:
                with _opened(source.path) as file:
                    same = checksum(file) == head[name]
                return Stored(there.etag, head.get("VersionId")) if same else None
        return None

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004 - HTTP's
                return None
            raise


class _Flight:
    """What is under way, and what has landed and is not in the journal yet."""

    def __init__(
        self,
        journal: ImportJournal,
        tally: UploadTally,
        left_out: Callable[[LeftOut], None],
        meanwhile: Callable[[], None],
    ) -> None:
        self.under_way: dict[Future[Brought | LeftOut], int] = {}
        # To wait for the first of many futures takes as long as there are many; this is told of each.
        self._done: SimpleQueue[Future[Brought | LeftOut]] = SimpleQueue()
        self._bytes = 0
        self._journal = journal
        self._tally = tally
        self._left_out = left_out
        self._meanwhile = meanwhile
        self._landed: list[tuple[str, Stored]] = []
        self._turned = time.monotonic()

    def full(self, source: SourceFile, most: int) -> bool:
        """Whether `source` has to wait: until there are less than `most`, and room for its bytes."""
        if not self.under_way:
            return False
        return len(self.under_way) >= most or self._bytes + source.size > _BYTES_IN_FLIGHT

    def begin(self, source: SourceFile, future: Future[Brought | LeftOut]) -> None:
        self.under_way[future] = source.size
        self._bytes += source.size
        future.add_done_callback(self._done.put)
        self.turn()

    def land(self) -> None:
        """Wait for one, or a second. Raises what ended it, where that is an error of all files."""
        with contextlib.suppress(Empty):
            future = self._done.get(timeout=_JOURNAL_SECONDS)
            self._bytes -= self.under_way.pop(future)
            self._take(future.result())
        self.turn()

    def turn(self) -> None:
        """Once a second: write the journal, and let others have a turn."""
        if time.monotonic() - self._turned >= _JOURNAL_SECONDS:
            self.write()
            self._meanwhile()
            self._turned = time.monotonic()

    def write(self) -> None:
        self._journal.record(self._landed)
        self._landed.clear()

    def end(self, seconds: float) -> None:
        """Wait for what is under way, and take what comes in that time; the first error has been told."""
        done, _ = wait(self.under_way, timeout=seconds)
        for future in done:
            if not future.exception():
                self._take(future.result())

    def _take(self, came: Brought | LeftOut) -> None:
        if isinstance(came, LeftOut):
            self._tally.failed[came.problem] += 1
            self._left_out(came)
            return
        self._landed.append((came.source.key, came.stored))
        if came.uploaded:
            self._tally.uploaded += 1
            self._tally.uploaded_bytes += came.source.size
        else:
            self._tally.there += 1
            self._tally.there_bytes += came.source.size


def _opened(path: str) -> FileIO:
    # A Path keeps each part of its name in the interpreter's table of names, which grows by megabytes at a time.
    return open(path, "rb", buffering=0)  # noqa: PTH123


def content_type(path: str) -> str:
    """What a file's name says that it is: for whoever is served the original, since the function looks at the bytes."""
    guessed, encoding = _TYPES.guess_type(path, strict=False)
    return guessed if guessed and not encoding else "application/octet-stream"


# Not the machine's own table, with which an import would depend on where it ran.
_TYPES = mimetypes.MimeTypes()
for _name in ("avif", "heic", "heif", "jxl", "webp"):
    _TYPES.add_type(f"image/{_name}", f".{_name}")


def _blocks(file: FileIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _hashed(algorithm: str) -> Callable[[FileIO], str]:
    def checksum(file: FileIO) -> str:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
        return base64.b64encode(digest.digest()).decode()

    return checksum


def _summed(function: Callable[[bytes, int], int], length: int) -> Callable[[FileIO], str]:
    def checksum(file: FileIO) -> str:
        value = 0
        for block in _blocks(file):
            value = function(block, value)
        return base64.b64encode(value.to_bytes(length)).decode()

    return checksum


_sha256 = _hashed("sha256")
# As HeadObject names them; each is base64 of the bytes, the highest first.
_CHECKSUMS: Final[Mapping[str, Callable[[FileIO], str]]] = {
    "ChecksumSHA256": _sha256,
    "ChecksumSHA1": _hashed("sha1"),
    "ChecksumCRC64NVME": _summed(checksums.crc64nvme, 8),
    "ChecksumCRC32C": _summed(checksums.crc32c, 4),
    "ChecksumCRC32": _summed(zlib.crc32, 4),
}
