"""letters and bulk.backups: dead letters are looked at, moved and deleted, and none is ever lost."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.memory_sqs import Crash, MemorySQS, Queued
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.sender import Sender
from thumbctl.dead_letters import backups, letters
from thumbctl.dead_letters.backups import Backup
from thumbctl.dead_letters.letters import (
    HIDDEN_SECONDS,
    MOST_REDRIVES,
    DeadLetters,
    Fate,
    Letter,
    Origins,
    Selection,
    batches,
    redrive,
)
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import backfill_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEAD, WORK, BACKFILL = "https://sqs/dead", "https://sqs/work", "https://sqs/backfill"
ORIGINS = Origins((WORK, "arn:work"), (BACKFILL, "arn:backfill"))
EVERYTHING = Selection()


def uploaded(key: str) -> str:
    """A message of S3 about an upload."""
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "uploads"}, "object": {"key": key, "sequencer": "0055AED6DCD90281E5"}},
    }
    return json.dumps({"Records": [record]})


def looked_at(sqs: MemorySQS) -> DeadLetters:
    return DeadLetters(sqs, DEAD, clock=sqs.clock, sleep=sqs.sleep)  # type: ignore[arg-type]


def senders(sqs: MemorySQS) -> dict[str, Sender]:
    pace = Pace(None)
    return {url: Sender(sqs, url, pace, sleep=sqs.sleep) for url in (WORK, BACKFILL)}  # type: ignore[arg-type]


def redriven(sqs: MemorySQS, selection: Selection = EVERYTHING, *, again: bool = False) -> Counter[Fate]:
    with looked_at(sqs) as letters:
        return Counter(fate for _, fate in redrive(letters, ORIGINS, senders(sqs), selection, again=again))


def everything(sqs: MemorySQS) -> list[Letter]:
    with looked_at(sqs) as letters:
        return list(itertools.chain.from_iterable(letters.pages()))


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=30, deadline=None)
@given(number=st.integers(0, 400))
def test_every_letter_is_seen_once_and_given_back(number: int) -> None:
    sqs = MemorySQS()
    for each in range(number):
        sqs.put(DEAD, uploaded(f"{each}.jpg"))
    assert sorted(letter.body for letter in everything(sqs)) == sqs.bodies(DEAD)
    assert len(sqs.bodies(DEAD)) == number
    assert all(message.visible_at <= sqs.now for message in sqs.queues.get(DEAD, ()))


def test_whoever_stops_early_gives_back_what_was_seen() -> None:
    sqs = MemorySQS()
    for each in range(35):
        sqs.put(DEAD, uploaded(f"{each}.jpg"))
    with looked_at(sqs) as letters:
        assert len(next(letters.pages())) == 10
        assert sum(message.visible_at > sqs.now for message in sqs.queues[DEAD]) == 10
    assert all(message.visible_at <= sqs.now for message in sqs.queues[DEAD])


def test_letters_that_come_back_meanwhile_are_not_seen_twice() -> None:
    sqs = MemorySQS()
    for each in range(300):
        sqs.put(DEAD, uploaded(f"{each}.jpg"))
    seen: Counter[str] = Counter()
    with looked_at(sqs) as letters:
        for page in letters.pages():
            seen.update(letter.message_id for letter in page)
            sqs.sleep(HIDDEN_SECONDS / 5)
    assert set(seen.values()) == {1}
    assert len(seen) == 300


def test_many_letters_are_never_all_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "HIDDEN_SECONDS", 1)  # a hundred calls, by the clock of the fake
    sqs = MemorySQS()
    for each in range(4000):
        sqs.put(DEAD, f"{each}")
    seen = [letter.message_id for letter in everything(sqs)]
    assert (len(seen), len(set(seen))) == (4000, 4000)
    assert sqs.most_hidden <= 1010


def test_the_last_letter_is_found_among_many_that_have_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "HIDDEN_SECONDS", 0.05)  # five calls, by the clock of the fake
    sqs = MemorySQS(chance=random.Random(1))
    for each in range(400):
        sqs.put(DEAD, f"{each}")
    assert len(everything(sqs)) == 400


def test_letters_that_arrive_meanwhile_wait_for_the_next_time() -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("old.jpg"))
    with looked_at(sqs) as letters:
        pages = letters.pages()
        assert [letter.keys for letter in next(pages)] == [("old.jpg",)]
        sqs.put(DEAD, uploaded("new.jpg")).sent_at = sqs.now + 0.001
        assert list(pages) == []
    sqs.sleep(1)
    assert len(everything(sqs)) == 2


def test_a_queue_that_fills_as_fast_as_it_is_read_has_an_end() -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("old.jpg"))
    receive = sqs.receive_message

    def refilled(**request: Any) -> dict[str, Any]:
        for _ in range(10):
            sqs.put(DEAD, "{}").sent_at = sqs.now + 1
        return receive(**request)

    sqs.receive_message = refilled  # type: ignore[method-assign]
    assert len(everything(sqs)) == 1


def test_what_a_letter_says() -> None:
    sqs = MemorySQS()
    attributes = {
        "redrives": {"DataType": "Number", "StringValue": "2"},
        "who": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    queued = sqs.put(DEAD, uploaded("a%2Fb+c.jpg"), source_arn="arn:work", attributes=attributes)
    (letter,) = everything(sqs)
    assert (letter.keys, letter.redrives, letter.received, letter.source_arn) == (("a/b c.jpg",), 2, 1, "arn:work")
    assert letter.sent_at == datetime.fromtimestamp(int(queued.sent_at * 1000) / 1000, UTC)
    assert letter.attributes == attributes


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '{"Records": [1]}', '{"Records": []}', "\u001b[2J"])
def test_a_body_that_cannot_be_read(body: str) -> None:
    letter = Letter("m", body, datetime.now(UTC), 1, None)
    assert [type(each) for each in letter.events] == [Permanent]
    assert letter.keys == ()


@pytest.mark.parametrize("count", ["", "-1", "many", "1" * 5000, "²"])
def test_a_count_of_redrives_that_is_none(count: str) -> None:
    attributes = {"redrives": {"DataType": "String", "StringValue": count}}
    assert Letter("m", "{}", datetime.now(UTC), 1, None, attributes).redrives == 0


# ── choosing ─────────────────────────────────────────────────────────────────────────────────────────


def test_selections() -> None:
    now = datetime.now(UTC)
    letter = Letter("m", uploaded("holiday/2026/a.jpg"), now, 1, None)
    assert letter in Selection()
    assert letter in Selection(("holiday/*",))
    assert letter in Selection(("nowhere", "*/a.jpg"))
    assert letter not in Selection(("HOLIDAY/*",))
    assert letter in Selection(since=now)
    assert letter not in Selection(("holiday/*",), now + timedelta(seconds=1))
    assert Letter("m", "nonsense", now, 1, None) not in Selection(("*",))
    assert (bool(Selection()), bool(Selection(("*",))), bool(Selection(since=now))) == (False, True, True)


def test_where_letters_belong() -> None:
    def letter(body: str, source_arn: str | None) -> Letter:
        return Letter("m", body, datetime.now(UTC), 1, source_arn)

    backfill = backfill_body(Image("uploads", "a.jpg"))
    assert ORIGINS.url_of(letter(backfill, "arn:work")) == WORK
    assert ORIGINS.url_of(letter(uploaded("a.jpg"), "arn:backfill")) == BACKFILL
    assert ORIGINS.url_of(letter(backfill, None)) == BACKFILL
    assert ORIGINS.url_of(letter(backfill, "arn:of-another")) == BACKFILL
    assert ORIGINS.url_of(letter(uploaded("a.jpg"), None)) == WORK
    assert ORIGINS.url_of(letter("nonsense", None)) == WORK
    assert ORIGINS.url_of(letter('{"Event": "s3:TestEvent"}', None)) == WORK


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────


def faults(data: st.DataObject, *, crashes: int) -> Callable[[str], str]:
    """Faults wherever Hypothesis likes, and up to so many crashes."""
    kinds = st.sampled_from(["", "", "", "", "fails", "refused", "crash"])
    remaining = itertools.count(crashes, -1)

    def fault(step: str) -> str:
        kind = data.draw(kinds, step)
        if kind == "crash":
            if next(remaining) > 0:
                raise Crash
            return ""
        return kind

    return fault


@settings(max_examples=150, deadline=None)
@given(data=st.data(), number=st.integers(1, 14))
def test_nothing_is_lost_wherever_it_ends(data: st.DataObject, number: int) -> None:
    sqs = MemorySQS()
    for each in range(number):
        sqs.put(DEAD, uploaded(f"{each}.jpg"), source_arn=data.draw(st.sampled_from(["arn:work", "arn:backfill"])))
    put = set(sqs.bodies(DEAD))
    sqs.fault = faults(data, crashes=1)
    fates: Counter[Fate] = Counter()
    ended = False
    try:
        with looked_at(sqs) as letters:
            for _, fate in redrive(letters, ORIGINS, senders(sqs), EVERYTHING, again=False):
                fates[fate] += 1
    except (Crash, ThumbctlError):
        ended = True
    bodies = Counter(sqs.bodies(DEAD, WORK, BACKFILL))
    assert set(bodies) == put
    assert max(bodies.values()) <= 2
    if not ended:
        assert fates.total() == number
        assert len(sqs.bodies(WORK, BACKFILL)) == fates[Fate.MOVED] + fates[Fate.DOUBLED]
        assert len(sqs.bodies(DEAD)) == fates[Fate.DOUBLED] + fates[Fate.REFUSED]
    # Whoever starts again when all is well gets everything where it belongs.
    sqs.fault = lambda _: ""
    sqs.sleep(HIDDEN_SECONDS)
    redriven(sqs)
    assert sqs.bodies(DEAD) == []
    assert set(sqs.bodies(WORK, BACKFILL)) == put


def test_attributes_survive_and_redrives_are_counted() -> None:
    sqs = MemorySQS()
    kept = {
        "who": {"DataType": "String", "StringValue": "we"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    sqs.put(DEAD, uploaded("a.jpg"), attributes=kept)
    assert redriven(sqs) == {Fate.MOVED: 1}
    (sent,) = sqs.queues[WORK]
    assert sent.attributes == {**kept, "redrives": {"DataType": "Number", "StringValue": "1"}}


def test_only_what_is_selected() -> None:
    sqs = MemorySQS()
    for each in range(40):
        sqs.put(DEAD, uploaded(f"{'good' if each % 4 else 'bad'}/{each}.jpg"))
    assert redriven(sqs, Selection(("bad/*",))) == {Fate.MOVED: 10}
    assert len(sqs.bodies(WORK)) == 10
    assert all('"bad/' in body for body in sqs.bodies(WORK))
    assert all(message.visible_at <= sqs.now for message in sqs.queues[DEAD])
    assert len(sqs.bodies(DEAD)) == 30


def test_what_comes_back_at_once_is_not_moved_twice_and_in_the_end_not_at_all() -> None:
    sqs = MemorySQS()

    def dies(url: str, message: Queued) -> None:
        sqs.queues[url].remove(message)
        sqs.queues[DEAD].append(message)

    sqs.on_sent = dies
    for each in range(25):
        sqs.put(DEAD, uploaded(f"{each}.jpg"))
    for _ in range(MOST_REDRIVES):
        assert redriven(sqs) == {Fate.MOVED: 25}
        sqs.sleep(HIDDEN_SECONDS)
    assert redriven(sqs) == {Fate.LOOPING: 25}
    assert redriven(sqs, again=True) == {Fate.MOVED: 25}
    assert len(sqs.bodies(DEAD)) == 25


def test_what_sqs_does_not_take_stays_and_stops_nothing() -> None:
    sqs = MemorySQS()
    full = {f"attribute-{number}": {"DataType": "String", "StringValue": "x"} for number in range(10)}
    sqs.put(DEAD, uploaded("full.jpg"), attributes=full)
    sqs.put(DEAD, uploaded("a.jpg"))
    assert redriven(sqs) == {Fate.MOVED: 1, Fate.REFUSED: 1}
    assert sqs.bodies(DEAD) == [uploaded("full.jpg")]


@pytest.mark.parametrize("step", ["send", "delete"])
def test_what_sqs_fails_at_is_tried_again(step: str) -> None:
    failures = iter(["fails", "fails"])
    sqs = MemorySQS(fault=lambda at: next(failures, "") if at == step else "")
    sqs.put(DEAD, uploaded("a.jpg"))
    assert redriven(sqs) == {Fate.MOVED: 1}
    assert (sqs.bodies(DEAD), sqs.bodies(WORK)) == ([], [uploaded("a.jpg")])


def test_a_letter_that_cannot_be_deleted_is_told() -> None:
    sqs = MemorySQS(fault=lambda step: "fails" if step == "delete" else "")
    sqs.put(DEAD, uploaded("a.jpg"))
    assert redriven(sqs) == {Fate.DOUBLED: 1}
    assert sqs.bodies(DEAD) == sqs.bodies(WORK) == [uploaded("a.jpg")]


def test_large_letters_travel_in_smaller_groups() -> None:
    now = datetime.now(UTC)
    large = [Letter(str(number), "x" * 100_000, now, 1, None) for number in range(5)]
    assert [len(batch) for batch in batches(large)] == [2, 2, 1]
    small = [Letter(str(number), "x", now, 1, None) for number in range(23)]
    assert [len(batch) for batch in batches(small)] == [10, 10, 3]
    assert list(batches([])) == []


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────────


def purged(sqs: MemorySQS, file: Path, selection: Selection = EVERYTHING) -> Iterator[tuple[Letter, bool]]:
    with looked_at(sqs) as letters, Backup(file) as backup:
        yield from backups.purge(letters, selection, backup)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), number=st.integers(1, 14))
def test_only_what_the_backup_has_is_deleted(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, number: int
) -> None:
    file = tmp_path_factory.mktemp("backup") / "letters.jsonl"
    sqs = MemorySQS()
    put = {sqs.put(DEAD, data.draw(st.text(min_size=1))).message_id for _ in range(number)}
    sqs.fault = faults(data, crashes=1)
    gone: list[bool] = []
    try:
        gone = [each for _, each in purged(sqs, file)]
    except Crash:
        gone = [False]
    left = {message.message_id for message in sqs.queues[DEAD]}
    kept = {letter.message_id for letter in backups.read(file)}
    assert put - left <= kept
    assert all(gone) <= (not left)


def test_a_letter_is_on_the_disk_before_it_is_deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    synced: list[int] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)

    def fault(step: str) -> str:
        if step == "delete":
            assert synced[-1] == len(file.read_bytes()) > 0
        return ""

    sqs = MemorySQS(fault=fault)
    for each in range(25):
        sqs.put(DEAD, f"{each}")
    assert sum(gone for _, gone in purged(sqs, file)) == 25
    assert len(file.read_bytes().splitlines()) == 25


def test_a_backup_says_everything(tmp_path: Path) -> None:
    sqs = MemorySQS()
    attributes = {
        "blob": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        "n": {"DataType": "Number", "StringValue": "1"},
    }
    sqs.put(DEAD, "line\nbreak \u2028 ü \U0001f600", source_arn="arn:backfill", attributes=attributes)
    file = tmp_path / "letters.jsonl"
    ((letter, gone),) = purged(sqs, file)
    assert gone
    (read,) = backups.read(file)
    assert read.receipt_handle == ""
    assert (read.message_id, read.body, read.sent_at, read.received, read.source_arn, read.attributes) == (
        letter.message_id, letter.body, letter.sent_at, letter.received, "arn:backfill", attributes
    )  # fmt: skip
    assert read.message.attributes == attributes


def test_purge_leaves_what_is_not_selected_and_makes_no_empty_file(tmp_path: Path) -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("a.jpg"))
    assert list(purged(sqs, tmp_path / "letters.jsonl", Selection(("b*",)))) == []
    assert len(sqs.bodies(DEAD)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_never_written_over(tmp_path: Path) -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("a.jpg"))
    file = tmp_path / "letters.jsonl"
    file.write_text("precious")
    with pytest.raises(ThumbctlError, match="name another one"):
        list(purged(sqs, file))
    file.unlink()
    with Backup(file) as backup, looked_at(sqs) as letters:
        file.write_text("precious")  # in the very moment
        with pytest.raises(ThumbctlError, match="name another one"):
            list(backups.purge(letters, EVERYTHING, backup))
    assert (file.read_text(), len(sqs.bodies(DEAD))) == ("precious", 1)


def test_a_disk_that_is_full_deletes_nothing(tmp_path: Path) -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("a.jpg"))
    with pytest.raises(ThumbctlError, match="cannot be written"):
        list(purged(sqs, tmp_path / "no-such-folder" / "letters.jsonl"))
    assert len(sqs.bodies(DEAD)) == 1


def test_a_backup_that_was_cut_off(tmp_path: Path) -> None:
    sqs = MemorySQS()
    for each in range(2):
        sqs.put(DEAD, f"{each}")
    file = tmp_path / "letters.jsonl"
    list(purged(sqs, file))
    file.write_bytes(file.read_bytes()[:-5])
    assert [letter.body for letter in backups.read(file)] == ["0"]


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"message_id": 1}', "\xff"])
def test_what_is_no_backup(tmp_path: Path, line: str) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(line.encode("latin-1") + b"\n")
    with pytest.raises(ThumbctlError, match="its line 1 is none"):
        list(backups.read(file))
    with pytest.raises(ThumbctlError, match="cannot be read"):
        list(backups.read(tmp_path / "nowhere"))


def test_a_receipt_that_has_run_out() -> None:
    sqs = MemorySQS()
    sqs.put(DEAD, uploaded("a.jpg"))
    with looked_at(sqs) as mine:
        (page,) = itertools.islice(mine.pages(), 1)
        sqs.sleep(HIDDEN_SECONDS + 1)
        with looked_at(sqs) as others:
            next(others.pages())
            assert [letter.body for letter in mine.delete(page)] == [uploaded("a.jpg")]
