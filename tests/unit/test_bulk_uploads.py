"""bulk.uploads and its journal: every file is there once in the end, however often and wherever the way there ends."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import sqlite3
import tempfile
import threading
import time
import zlib
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from awscrt import checksums
from hypothesis import given, settings
from hypothesis import strategies as st

from support.memory_aws import MemoryS3, refusal
from thumbctl.bulk import journal as journals
from thumbctl.bulk.pace import Pace
from thumbctl.errors import ThumbctlError
from thumbctl.importing import files, uploads
from thumbctl.importing.files import LeftOut, Problem
from thumbctl.importing.import_journal import SCHEMA, ImportJournal, Planned
from thumbctl.importing.transfer import Stored
from thumbctl.importing.uploads import Uploads, UploadTally
from thumbnail_pipeline import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

BUCKET = "uploads"
MOST_BYTES = 1000


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Bucket(MemoryS3):
    """S3 with checksums, for many threads."""

    def __init__(self) -> None:
        super().__init__()
        self.create_bucket(Bucket=BUCKET, versioned=True)
        self.lock = threading.RLock()
        self.calls: list[str] = []
        self.checksum: Callable[[bytes], dict[str, str]] = lambda data: {
            "ChecksumSHA256": base64_of(hashlib.sha256(data).digest())
        }

    def head_object(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            self.calls.append("HEAD")
            mode = request.pop("ChecksumMode", None)
            answer = super().head_object(**request)
            current = self.buckets[BUCKET].current(request["Key"])
            assert current
            assert current.data is not None
            return answer | (self.checksum(current.data) if mode == "ENABLED" else {})

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            self.calls.append("LIST")
            return super().list_objects_v2(**request)

    def has(self, key: str) -> bytes | None:
        current = self.buckets[BUCKET].current(key)
        return current.data if current else None

    def versions(self, key: str) -> int:
        return len(self.buckets[BUCKET].keys.get(key, []))

    def write(self, key: str, data: bytes) -> None:
        """Somebody else's write."""
        self.put_object(Bucket=BUCKET, Key=key, Body=data)

    def hide(self, key: str) -> None:
        self.delete_object(Bucket=BUCKET, Key=key)


class Puts:
    """Transfers into a Bucket; `before` and `after` may raise, and do what others do meanwhile."""

    def __init__(self, s3: Bucket) -> None:
        self._s3 = s3
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.headers: dict[str, Mapping[str, str]] = {}

    def put(self, file: str, key: str, *, size: int, headers: Mapping[str, str]) -> Future[Stored]:
        stored: Future[Stored] = Future()
        try:
            stored.set_result(self._put(file, key, size, headers))
        except Exception as error:  # noqa: BLE001 - as the runtime tells of it
            stored.set_exception(error)
        return stored

    def _put(self, file: str, key: str, size: int, headers: Mapping[str, str]) -> Stored:
        self.before(key)
        data = Path(file).read_bytes()
        self.headers[key] = headers
        with self._s3.lock:
            self._s3.calls.append("PUT")
            if headers["x-amz-checksum-sha256"] != base64_of(hashlib.sha256(data[:size]).digest()):
                raise refusal("PutObject", "BadDigest", 400)
            conditions = {"IfMatch": headers.get("If-Match"), "IfNoneMatch": headers.get("If-None-Match")}
            given = {name: value for name, value in conditions.items() if value}
            assert given, "a write without a condition"
            answer = self._s3.put_object(
                Bucket=BUCKET, Key=key, Body=data, ContentType=headers["Content-Type"], **given
            )
        self.after(key)
        return Stored(answer["ETag"].strip('"'), answer["VersionId"])


class World:
    """Files, a bucket, and a journal in between."""

    def __init__(self, root: Path) -> None:
        self.files = root / "files"
        self.files.mkdir()
        self.s3 = Bucket()
        self.puts = Puts(self.s3)
        self.told: list[LeftOut] = []
        self.planned = Planned()
        self._journal_file = root / "journal.sqlite"

    def file(self, name: str, data: bytes) -> Path:
        file = self.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    @contextlib.contextmanager
    def journal(self, kind: type[ImportJournal] = ImportJournal) -> Iterator[ImportJournal]:
        with journals.opened(self._journal_file, SCHEMA) as connection:
            yield kind(connection)

    def uploads(self, at_once: int = 4) -> Uploads:
        return Uploads(self.s3, BUCKET, "", self.puts, at_once=at_once, pace=Pace(None))  # type: ignore[arg-type]

    def plan(self, journal: ImportJournal) -> None:
        self.planned = Planned()
        found = files.below(str(self.files), "")
        self.told = list(journal.plan(found, most_bytes=MOST_BYTES, planned=self.planned))

    def run(self, kind: type[ImportJournal] = ImportJournal, at_once: int = 4) -> UploadTally:
        tally = UploadTally()
        with self.journal(kind) as journal:
            self.plan(journal)
            self.uploads(at_once).run(journal, tally, left_out=self.told.append, meanwhile=lambda: None)
        return tally

    def problems(self) -> dict[str, Problem]:
        return {Path(each.path).name: each.problem for each in self.told}

    def rows(self) -> dict[str, Any]:
        with self.journal() as journal:
            rows = journal._connection.execute("SELECT key, etag, version_id, outcome FROM files").fetchall()
        return {key: rest for key, *rest in rows}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


class Killed(BaseException):
    """The end of the process, of which nobody is told: nothing that comes after it is written."""


class Mortal(ImportJournal):
    """A journal that is not written to any more once its process is dead."""

    dead = False

    def record(self, stored: Iterable[tuple[str, Stored]]) -> None:
        if Mortal.dead:
            raise Killed
        super().record(stored)


NAMES = st.sampled_from([f"{folder}{name}.jpg" for folder in ("", "a/", "a b+%/", "ü/") for name in "123456"])
BODIES = st.binary(min_size=1, max_size=30)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), files=st.dictionaries(NAMES, BODIES, min_size=1, max_size=20))
def test_however_often_it_ends_each_file_is_there_once(data: st.DataObject, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        world = World(Path(scratch))
        for name, body in files.items():
            world.file(name, body)
        disturbed: set[str] = set()
        for _ in range(data.draw(st.integers(0, 4), "runs that end early")):
            _end_after(world, data.draw(st.integers(0, len(files)), "puts"), after=data.draw(st.booleans(), "stored"))
            with contextlib.suppress(Killed):
                world.run(Mortal)
            Mortal.dead = False
            name = data.draw(st.sampled_from(sorted(files)) | NAMES, "disturbed")
            match data.draw(st.sampled_from(["nothing", "changed", "touched", "overwritten", "deleted"]), "how"):
                case "changed" if name in files:
                    files[name] = data.draw(BODIES)
                    world.file(name, files[name])
                case "touched" if name in files:
                    os.utime(world.files / name, ns=(1, 1))
                    continue
                case "overwritten":
                    world.s3.write(name, data.draw(BODIES))
                case "deleted" if world.s3.has(name):
                    world.s3.hide(name)
                case _:
                    continue
            disturbed.add(name)
        world.puts = Puts(world.s3)
        tally = world.run()
        for name, body in files.items():
            assert world.s3.has(name) == body
            assert name in disturbed or world.s3.versions(name) == 1, "uploaded twice"
        assert tally.uploaded + tally.there == len(files)
        assert not tally.failed
        rows = world.rows()
        assert all(rows[name][0] == hashlib.md5(body).hexdigest() for name, body in files.items())  # noqa: S324
        assert world.run().there == len(files)


def _end_after(world: World, number: int, *, after: bool) -> None:
    """Let the process die at an upload, before S3 has it or after."""
    remaining = number
    lock = threading.Lock()

    def die(_: str) -> None:
        nonlocal remaining
        with lock:
            remaining -= 1
            if remaining < 0 or Mortal.dead:
                Mortal.dead = True
                raise Killed

    world.puts = Puts(world.s3)
    if after:
        world.puts.after = die
    else:
        world.puts.before = die


def test_a_fresh_import_asks_once_and_bets(world: World) -> None:
    for index in range(30):
        world.file(f"{index}.jpg", b"image")
    assert world.run().uploaded == 30
    assert world.s3.calls == ["LIST"] + 30 * ["PUT"]
    assert {each["If-None-Match"] for each in world.puts.headers.values()} == {"*"}


def test_the_journal_and_a_listing_are_enough_to_go_on(world: World) -> None:
    for index in range(30):
        world.file(f"{index}.jpg", b"image")
    world.run()
    world.s3.calls.clear()
    tally = world.run()
    assert (tally.uploaded, tally.there, tally.there_bytes) == (0, 30, 150)
    assert world.s3.calls == ["LIST"]


def test_without_a_journal_checksums_tell(world: World) -> None:
    for index in range(5):
        world.file(f"{index}.jpg", b"image")
        world.s3.write(f"{index}.jpg", b"image" if index else b"other")
    tally = world.run()
    assert (tally.uploaded, tally.there) == (1, 4)
    assert world.s3.has("0.jpg") == b"image"
    assert {name: world.s3.versions(name) for name in ("0.jpg", "1.jpg")} == {"0.jpg": 2, "1.jpg": 1}
    assert world.rows()["1.jpg"][1] == world.s3.head_object(Bucket=BUCKET, Key="1.jpg")["VersionId"]


def test_a_file_that_changed_is_uploaded_again(world: World) -> None:
    world.file("1.jpg", b"image")
    world.run()
    world.file("1.jpg", b"IMAGE")
    assert world.run().uploaded == 1
    assert world.s3.has("1.jpg") == b"IMAGE"


def test_an_object_of_another_size_is_not_asked_for(world: World) -> None:
    world.file("1.jpg", b"image")
    world.s3.write("1.jpg", b"something else")
    assert world.run().uploaded == 1
    assert world.s3.calls == ["LIST", "PUT"]


CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "ChecksumSHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "ChecksumSHA256": lambda data: hashlib.sha256(data).digest(),
    "ChecksumCRC32": lambda data: zlib.crc32(data).to_bytes(4),
    "ChecksumCRC32C": lambda data: checksums.crc32c(data).to_bytes(4),
    "ChecksumCRC64NVME": lambda data: checksums.crc64nvme(data).to_bytes(8),
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_whatever_checksum_the_object_has_tells(world: World, name: str) -> None:
    world.s3.checksum = lambda data: {name: base64_of(CHECKSUMS[name](data))}
    world.file("same.jpg", b"image")
    world.file("other.jpg", b"image")
    world.s3.write("same.jpg", b"image")
    world.s3.write("other.jpg", b"amige")
    tally = world.run()
    assert (tally.uploaded, tally.there) == (1, 1)
    assert world.s3.versions("same.jpg") == 1


@pytest.mark.parametrize("checksum", [{}, {"ChecksumSHA256": base64_of(hashlib.sha256(b"image").digest()) + "-2"}])
def test_without_a_checksum_of_the_whole_nothing_is_taken_for_identical(world: World, checksum: dict[str, str]) -> None:
    world.s3.checksum = lambda _: checksum
    world.file("1.jpg", b"image")
    world.s3.write("1.jpg", b"image")
    assert world.run().uploaded == 1


def test_somebody_who_writes_at_the_same_time_is_noticed(world: World) -> None:
    world.file("1.jpg", b"image")
    world.file("2.jpg", b"image")
    others = {"1.jpg": b"image", "2.jpg": b"theirs"}

    def write(key: str) -> None:
        if data := others.pop(key, None):
            world.s3.write(key, data)

    world.puts.before = write
    tally = world.run()
    assert (tally.uploaded, tally.there) == (1, 1)
    assert (world.s3.has("1.jpg"), world.s3.has("2.jpg")) == (b"image", b"image")
    assert world.s3.versions("1.jpg") == 1


def test_what_is_deleted_at_the_same_time_is_uploaded(world: World) -> None:
    world.file("1.jpg", b"image")
    world.s3.write("1.jpg", b"other")
    calls: list[str] = []

    def hide(key: str) -> None:
        if not calls:
            world.s3.hide(key)
        calls.append(key)

    world.puts.before = hide
    assert world.run().uploaded == 1
    assert world.s3.has("1.jpg") == b"image"


def test_a_key_that_others_never_leave_alone_is_told(world: World) -> None:
    world.file("1.jpg", b"image")
    world.file("2.jpg", b"image")
    number = iter(range(100))
    world.puts.before = lambda key: world.s3.write("1.jpg", b"%d" % next(number)) if key == "1.jpg" else None
    tally = world.run()
    assert tally.uploaded == 1
    assert world.problems() == {"1.jpg": Problem.CONTENDED}


def test_files_that_change_vanish_or_may_not_be_read_are_told_and_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("changed", "torn", "gone", "locked", "fine"):
        world.file(name, b"image")

    def meddle(key: str) -> None:
        if key == "torn":
            world.file(key, b"IMAGE")
        if key == "gone":
            (world.files / key).unlink()

    world.puts.before = meddle
    really = uploads._opened

    def opened(path: str) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(uploads, "_opened", opened)
    with world.journal() as journal:
        world.plan(journal)
        world.file("changed", b"longer than it was")
        tally = UploadTally()
        world.uploads().run(journal, tally, left_out=world.told.append, meanwhile=lambda: None)
    assert tally.uploaded == 1
    assert world.problems() == {
        "changed": Problem.CHANGED,
        "torn": Problem.CHANGED,
        "gone": Problem.MISSING,
        "locked": Problem.UNREADABLE,
    }
    assert "changed" not in world.puts.headers
    assert [key for key in ("changed", "torn", "gone", "locked", "fine") if world.s3.has(key)] == ["fine"]
    monkeypatch.undo()
    world.puts.before = lambda _: None
    assert world.run().uploaded == 3
    assert world.s3.has("torn") == b"IMAGE"


def test_empty_large_and_equal_keys_are_left_out(world: World) -> None:
    world.file("empty", b"")
    world.file("large", b"x" * (MOST_BYTES + 1))
    world.file("full", b"x" * MOST_BYTES)
    twin = world.file("other/twin", b"twin")
    with world.journal() as journal:
        found = [
            *files.below(str(world.files), ""),
            *files.below(str(twin), "other/"),
            *files.below(str(world.file("twin", b"second")), "other/"),
        ]
        told = list(journal.plan(found, most_bytes=MOST_BYTES, planned=world.planned))
    assert {(Path(each.path).name, each.problem, each.detail) for each in told} == {
        ("empty", Problem.EMPTY, ""),
        ("large", Problem.LARGE, "1,001 of 1,000"),
        ("twin", Problem.SAME_KEY, str(twin)),
    }
    assert world.planned.files == 2
    assert world.planned.bytes == MOST_BYTES + 4


def test_what_s3_does_not_take_at_once_is_left_out_whatever_the_limit(world: World) -> None:
    most = 5 * 2**30  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    for name, size in {"most": most, "more": most + 1}.items():
        os.truncate(world.file(name, b""), size)  # which takes no room
    with world.journal() as journal:
        told = list(journal.plan(files.below(str(world.files), ""), most_bytes=2 * most, planned=world.planned))
    assert [(Path(each.path).name, each.problem) for each in told] == [("more", Problem.HUGE)]
    assert (world.planned.files, world.planned.bytes) == (1, most)


@pytest.mark.parametrize(
    ("code", "status"),
    [("ExpiredToken", 400), ("AccessDenied", 403), ("KMS.DisabledException", 400), ("SlowDown", 503)],
)
def test_what_is_wrong_with_every_file_stops_in_order(world: World, code: str, status: int) -> None:
    for index in range(100):
        world.file(f"{index:03d}.jpg", b"image")

    def refuse(key: str) -> None:
        if key >= "020.jpg":
            raise refusal("PutObject", code, status)

    world.puts.before = refuse
    with pytest.raises(Exception, match=code):
        world.run()
    stored = [key for key in world.rows() if world.s3.has(key)]
    assert len(stored) == 20
    assert all(world.rows()[key][0] for key in stored), "stored, and not in the journal"
    world.puts.before = lambda _: None
    tally = world.run()
    assert (tally.uploaded, tally.there) == (80, 20)


def test_what_is_wrong_with_one_file_stops_nothing(world: World) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        world.file(name, b"image")

    def refuse(key: str) -> None:
        if key == "2.jpg":
            raise refusal("PutObject", "InvalidArgument", 400)

    world.puts.before = refuse
    assert world.run().uploaded == 2
    assert world.problems() == {"2.jpg": Problem.REFUSED}


def test_an_answer_that_never_comes_stops_in_order(world: World) -> None:
    for index in range(10):
        world.file(f"{index}.jpg", b"image")

    def fail(key: str) -> None:
        if key == "5.jpg":
            raise ThumbctlError("S3 does not answer")

    world.puts.before = fail
    with pytest.raises(ThumbctlError, match="does not answer"):
        world.run(at_once=1)
    rows = world.rows()
    assert [key for key in rows if rows[key][0]] == [key for key in rows if world.s3.has(key)]
    assert {f"{index}.jpg" for index in range(5)} <= {key for key in rows if rows[key][0]} < set(rows)


def test_ctrl_c_lets_what_is_under_way_end(world: World) -> None:
    for index in range(50):
        world.file(f"{index:02d}.jpg", b"image")
    tally = UploadTally()

    class Interrupted(ImportJournal):
        def entries(self) -> Any:
            for number, entry in enumerate(super().entries()):
                if number == 20:
                    raise KeyboardInterrupt
                yield entry

    with world.journal(Interrupted) as journal:
        world.plan(journal)
        with pytest.raises(KeyboardInterrupt):
            world.uploads().run(journal, tally, left_out=world.told.append, meanwhile=lambda: None)
    stored = [key for key in world.rows() if world.s3.has(key)]
    assert all(world.rows()[key][0] for key in stored)
    assert tally.uploaded == len(stored)


def test_what_is_in_flight_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(300):
        world.file(f"{index:03d}.jpg", b"x" * (900 if index % 10 == 0 else 10))
    monkeypatch.setattr(uploads, "_BYTES_IN_FLIGHT", 1000)
    lock = threading.Lock()
    now: dict[str, int] = {}
    most_files = most_bytes = most_ahead = pulled = landed = 0

    class Counting(ImportJournal):
        def entries(self) -> Any:
            nonlocal pulled
            for entry in super().entries():
                pulled += 1
                yield entry

    def begin(key: str) -> None:
        nonlocal most_files, most_bytes, most_ahead
        with lock:
            now[key] = (world.files / key).stat().st_size
            most_files, most_bytes = max(most_files, len(now)), max(most_bytes, sum(now.values()))
            most_ahead = max(most_ahead, pulled - landed)
        time.sleep(0.002)  # so that others begin meanwhile

    def end(key: str) -> None:
        nonlocal landed
        with lock:
            del now[key]
            landed += 1

    world.puts.before, world.puts.after = begin, end
    assert world.run(Counting, at_once=4).uploaded == 300
    assert 1 < most_files <= 4
    assert most_bytes <= 1000
    assert most_ahead <= 2 * 4 + 1


def test_the_journal_is_written_many_at_a_time(world: World) -> None:
    for index in range(200):
        world.file(f"{index}.jpg", b"image")
    transactions: list[str] = []
    with journals.opened(world._journal_file, SCHEMA) as connection:
        connection.set_trace_callback(lambda text: transactions.append(text) if text == "COMMIT" else None)
        journal = ImportJournal(connection)
        world.plan(journal)
        world.uploads().run(journal, UploadTally(), left_out=world.told.append, meanwhile=lambda: None)
    assert len(transactions) < 20


def test_files_that_are_gone_are_not_waited_for(world: World) -> None:
    world.file("1.jpg", b"image")
    world.file("2.jpg", b"image")
    world.run()
    world.file("3.jpg", b"image")
    with world.journal() as journal:
        world.plan(journal)
        assert journal.remaining() == (1, 5)
    (world.files / "1.jpg").unlink()
    (world.files / "3.jpg").unlink()
    tally = world.run()
    assert (tally.uploaded, tally.there) == (0, 1)
    assert sorted(world.rows()) == ["1.jpg", "2.jpg"]
    assert world.s3.has("1.jpg") == b"image"


def test_a_dry_run_says_the_same_and_writes_nothing(world: World) -> None:
    for name in ("new", "same", "other", "known"):
        world.file(name, b"image")
    world.s3.write("same", b"image")
    world.s3.write("other", b"amige")
    world.s3.calls.clear()
    with world.journal() as journal:
        world.plan(journal)
        assert [each.key for each in world.uploads().missing(journal)] == ["known", "new", "other"]
    assert "PUT" not in world.s3.calls
    assert world.run().uploaded == 3
    with world.journal() as journal:
        world.plan(journal)
        assert list(world.uploads().missing(journal)) == []


@settings(max_examples=60, deadline=None)
@given(
    there=st.sets(st.text("abc/ü", min_size=1, max_size=4), max_size=30),
    asked=st.sets(st.text("abc/ü", min_size=1, max_size=4), min_size=1, max_size=10),
    page=st.integers(1, 7),
)
def test_a_listing_alongside_never_says_what_is_not_so(there: set[str], asked: set[str], page: int) -> None:
    s3 = Bucket()
    for key in there:
        s3.write(key, key.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "KEYS_A_CALL", page)
        s3.keys_a_page = page
        beside = uploads.Beside(s3, BUCKET, "")  # type: ignore[arg-type]
        for key in sorted(asked):
            if beside.knows(key):
                found = beside.of(key)
                assert (found is not None) == (key in there)
                assert found is None or found.size == len(key.encode())
    assert s3.calls.count("LIST") <= 2 * len(asked)


def test_a_listing_alongside_jumps_over_what_is_none_of_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "KEYS_A_CALL", 10)
    s3 = Bucket()
    for index in range(100):
        s3.write(f"{index:03d}", b"image")
    s3.keys_a_page = 10
    beside = uploads.Beside(s3, BUCKET, "")  # type: ignore[arg-type]
    assert [beside.knows(key) for key in ("050", "051", "055", "080", "081")] == [False, True, True, False, True]
    assert s3.calls.count("LIST") == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", "image/jpeg"), ("a.heic", "image/heic"), ("a.avif", "image/avif"), ("a.webp", "image/webp"),
        ("a.png", "image/png"), ("a.tiff", "image/tiff"), ("a", "application/octet-stream"),
        ("a.svg.gz", "application/octet-stream"),
    ],
)  # fmt: skip
def test_content_types(name: str, expected: str) -> None:
    assert uploads.content_type(f"/somewhere/{name}") == expected


def test_the_journal_takes_little(tmp_path: Path) -> None:
    number = 20_000
    keys = [f"2024/album-{index // 500:04d}/IMG_{index:06d}.jpg" for index in range(number)]
    found = (files.SourceFile(f"in/{key}", f"/mnt/photos/{key}", 1, 1) for key in keys)
    file = tmp_path / "journal.sqlite"
    with journals.opened(file, SCHEMA) as connection:
        journal = ImportJournal(connection)
        assert list(journal.plan(found, most_bytes=10, planned=Planned())) == []
        stored = Stored("d41d8cd98f00b204e9800998ecf8427e", "6305d21d8eb84bb7bfe36c466891aaa6")
        journal.record((entry.source.key, stored) for entry in journal.entries())
    assert sqlite3.connect(file).execute("SELECT count(*) FROM files").fetchone() == (number,)
    # 39 bytes of key, 48 of path, 32 each of ETag and version.
    assert file.stat().st_size / number < 260
