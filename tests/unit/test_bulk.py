"""What bulk work stands on: messages that the function understands, queues that take them all, journals and paces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbctl.bulk import journal
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.sender import Message, Sender
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import Change, ObjectEvent, backfill_body, parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY) WITHOUT ROWID;"


# Messages


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: len(key.encode()) <= 1024),
    size=st.none() | st.integers(0, 2**40),
    etag=st.none() | st.from_regex(r"[0-9a-f]{32}(-[0-9]{1,5})?", fullmatch=True),
    forced=st.booleans(),
)
def test_the_function_reads_what_a_backfill_writes(key: str, size: int | None, etag: str | None, forced: bool) -> None:  # noqa: FBT001
    (event,) = parse(backfill_body(Image("uploads", key), size=size, etag=etag, forced=forced))
    assert isinstance(event, ObjectEvent)
    assert event.is_backfill
    assert (event.image.bucket, event.image.key, event.change) == ("uploads", key, Change.CREATED)
    assert (event.size, event.etag, event.forced, event.version_id) == (size, etag, forced, None)


def test_the_longest_batch_fits_into_a_call() -> None:
    longest = backfill_body(Image("u" * 63, "\N{SNOWMAN}" * 341), size=2**40, etag="f" * 38, forced=True)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
    assert 10 * len(longest) <= 256 * 1024


# Senders


class _Queue:
    """An SQS that refuses as it is told to."""

    def __init__(self, *refusals: dict[str, bool]) -> None:
        self.sent: list[str] = []
        self.calls: list[int] = []
        self._refusals = list(refusals)
        """For each call, by the body of what is refused: whether that is the sender's fault."""

    def send_message_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: ARG002, N803 - the SDK's names
        self.calls.append(len(Entries))
        refused = self._refusals.pop(0) if self._refusals else {}
        taken = [each for each in Entries if each["MessageBody"] not in refused]
        self.sent += [each["MessageBody"] for each in taken]
        failed = [
            {"Id": each["Id"], "SenderFault": refused[each["MessageBody"]], "Code": "InternalError"}
            for each in Entries
            if each["MessageBody"] in refused
        ]
        return {"Successful": [{"Id": each["Id"]} for each in taken], **({"Failed": failed} if failed else {})}


def sender(queue: _Queue) -> Sender:
    return Sender(queue, "https://queue", Pace(None), sleep=lambda _: None)  # type: ignore[arg-type]


def test_what_is_refused_for_the_moment_is_sent_again_alone() -> None:
    queue = _Queue({"b": False, "c": False}, {"c": False})
    sender(queue).send([Message(body) for body in "abcd"])
    assert sorted(queue.sent) == ["a", "b", "c", "d"]
    assert queue.calls == [4, 2, 1]


def test_what_is_refused_for_good_stops_it() -> None:
    queue = _Queue({"b": True})
    with pytest.raises(ThumbctlError, match="InternalError"):
        sender(queue).send([Message(body) for body in "abc"])
    assert queue.sent == ["a", "c"]


def test_what_is_never_taken_stops_it_in_the_end() -> None:
    queue = _Queue(*[{"b": False}] * 100)
    with pytest.raises(ThumbctlError, match="took 2 of 3 messages"):
        sender(queue).send([Message(body) for body in "abc"])
    assert len(queue.calls) < 20


# Paces


class _Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.integers(1, 10), min_size=1, max_size=50), st.floats(0.5, 1000))
def test_a_pace_is_kept(numbers: list[int], per_second: float) -> None:
    time = _Time()
    pace = Pace(per_second, clock=time, sleep=time.sleep)
    for number in numbers:
        pace.take(number)
    assert time.now - 100 == pytest.approx(sum(numbers[:-1]) / per_second)


def test_a_pace_does_not_make_up_for_idle_time() -> None:
    time = _Time()
    pace = Pace(10, clock=time, sleep=time.sleep)
    pace.take()
    time.now += 60
    for _ in range(11):
        pace.take()
    assert time.now - 160 == pytest.approx(1.0)


def test_threads_share_a_pace() -> None:
    time = _Time()
    waits: list[float] = []
    pace = Pace(10, clock=time, sleep=waits.append)
    threads = [threading.Thread(target=pace.take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(waits) == pytest.approx(1.9)


# Journals


_KILLED = """
import os, pathlib, signal, sys
from thumbctl.bulk import journal
with journal.opened(pathlib.Path(sys.argv[1]), sys.argv[2]) as connection:
    connection.execute("INSERT INTO done VALUES ('a')")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO done VALUES ('b')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_journal_survives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "job.sqlite"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(file), SCHEMA], check=False)
    assert killed.returncode == -signal.SIGKILL
    with journal.opened(file, SCHEMA) as connection:
        assert connection.execute("SELECT key FROM done").fetchall() == [("a",)]


def test_one_process_at_a_time_has_a_journal(tmp_path: Path) -> None:
    with journal.opened(tmp_path / "job.sqlite", SCHEMA):
        with pytest.raises(ThumbctlError, match="another process"), journal.opened(tmp_path / "job.sqlite", SCHEMA):
            pass
        with journal.opened(tmp_path / "other.sqlite", SCHEMA):
            pass
    with journal.opened(tmp_path / "job.sqlite", SCHEMA):
        pass


def test_the_same_question_has_the_same_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    asked = {"prefix": "a/", "forced": False}
    file = journal.file_of("backfill", "photos", asked)
    assert file.is_relative_to(tmp_path)
    assert file == journal.file_of("backfill", "photos", dict(reversed(asked.items())))
    others = {
        journal.file_of("import", "photos", asked),
        journal.file_of("backfill", "other", asked),
        journal.file_of("backfill", "photos", {**asked, "forced": True}),
    }
    assert len({file, *others}) == 4
    assert json.dumps(asked) not in file.name
