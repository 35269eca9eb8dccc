"""thumbctl dlq: what was given up, back with it, or away with it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from support.operated import Operated, operated
from thumbctl.app import app
from thumbctl.dead_letters import command as dlq
from thumbctl.dead_letters import letters
from thumbctl.dead_letters.backups import Backup
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import backfill_body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def uploaded(key: str) -> str:
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-31T08:00:00.000Z",
        "s3": {"bucket": {"name": "uploads"}, "object": {"key": key, "sequencer": "0055AED6DCD90281E5"}},
    }
    return json.dumps({"Records": [record]})


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Operated]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # moto has no servers that could be missed.
    monkeypatch.setattr(letters, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(dlq, "_POLL_SECONDS", 0.0)
    with operated(monkeypatch) as found:
        yield found


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["dlq", *arguments])
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str) -> list[Any]:
    return [json.loads(line) for line in run(*arguments, "--json")[1].splitlines()]


def bodies(deployed: Operated, output: str) -> list[str]:
    return sorted(message["Body"] for message in deployed.messages(output))


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────


def test_no_letters(deployed: Operated) -> None:  # noqa: ARG001 - it is what is looked at
    assert run() == (0, "photos in eu-central-1\nThere are no dead letters.\n", "")
    assert run("peek") == (0, "There are no such dead letters.\n", "")
    assert run("redrive", "--yes") == (0, "There are no dead letters.\n", "")
    assert run("purge", "--yes") == (0, "No letter is deleted.\n", "")
    assert told() == [{"waiting": 0, "hidden": 0, "delayed": 0, "groups": [], "move_task": None}]


def test_the_kinds_of_letters(deployed: Operated) -> None:
    for key in ("holiday/a.jpg", "holiday/b.jpg", "c.jpg"):
        deployed.put_letter(uploaded(key))
    deployed.put_letter(backfill_body(Image("uploads", "holiday/d.jpg")))
    deployed.put_letter("nonsense")
    (summary,) = told()
    assert summary["waiting"] == 5
    assert {(each["event"], each["folder"]): each["letters"] for each in summary["groups"]} == {
        ("created", "holiday/"): 2,
        ("created", ""): 1,
        ("backfill", "holiday/"): 1,
        ("malformed-message", ""): 1,
    }
    code, out, complaints = run()
    assert (code, complaints) == (1, "")
    assert "About 5 dead letters" in out
    assert ["2", "created", "holiday/"] in [line.split() for line in out.splitlines()]
    assert sum(each["letters"] for each in told("--sample", "3")[0]["groups"]) == 3


def test_a_peek_takes_nothing_out(deployed: Operated) -> None:
    ids = {deployed.put_letter(uploaded(f"{number}.jpg")) for number in range(25)}
    for _ in range(2):
        peeked = told("peek")
        assert sorted(each["message_id"] for each in peeked) == sorted(ids)
    assert peeked[0]["events"] == [
        {
            "event": "created",
            "bucket": "uploads",
            "key": json.loads(peeked[0]["body"])["Records"][0]["s3"]["object"]["key"],
            "occurred_at": "2026-01-31T08:00:00.000Z",
        }
    ]
    assert (peeked[0]["received"], peeked[0]["redrives"], peeked[0]["from"]) == (2, 0, None)
    assert len(told("peek", "--limit", "7")) == 7
    assert [each["events"][0]["key"] for each in told("peek", "--key", "1[07].jpg")] == ["10.jpg", "17.jpg"]
    assert told("peek", "--since", "2100-01-01T00:00Z") == []
    assert len(deployed.messages("dlq_url")) == 10


def test_what_cannot_be_read_is_shown_and_harmless(deployed: Operated) -> None:
    deployed.put_letter("[red]not \r\nJSON\u202e at all")
    code, out, _ = run("peek")
    assert code == 0
    assert "[red]not \\r\\nJSON\\u202e at all" in out
    assert "malformed-message" in out


def test_options_before_the_command(deployed: Operated) -> None:  # noqa: ARG001
    code, _, complaints = run("--sample", "3", "peek")
    assert code == 2
    assert "thumbctl dlq peek" in complaints


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────


def test_back_to_where_they_came_from(deployed: Operated) -> None:
    backfill = backfill_body(Image("uploads", "b.jpg"))
    attributes = {
        "who": {"DataType": "String", "StringValue": "we"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    deployed.put_letter(uploaded("a.jpg"), attributes)
    deployed.put_letter(backfill)
    assert told("redrive", "--yes") == [{"moved": 2, "doubled": 0, "looping": 0, "refused": 0}]
    (moved,) = deployed.messages("queue_url")
    assert moved["Body"] == uploaded("a.jpg")
    values = {
        name: each.get("BinaryValue", each.get("StringValue")) for name, each in moved["MessageAttributes"].items()
    }
    assert values == {"who": "we", "blob": b"\0\xff", "redrives": "1"}
    assert bodies(deployed, "backfill_queue_url") == [backfill]
    assert deployed.messages("dlq_url") == []


def test_only_some(deployed: Operated) -> None:
    deployed.move_tasks = []
    for key in ("bad/a.jpg", "good/b.jpg"):
        deployed.put_letter(uploaded(key))
    assert run("redrive", "--yes", "--key", "bad/*") == (0, "Back in their queues: 1.\n", "")
    assert bodies(deployed, "queue_url") == [uploaded("bad/a.jpg")]
    assert bodies(deployed, "dlq_url") == [uploaded("good/b.jpg")]
    assert deployed.started == []


def test_nobody_is_there_to_be_asked(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    for command in ("redrive", "purge"):
        code, _, complaints = run(command)
        assert (code, "--yes" in complaints) == (2, True)
    assert len(deployed.messages("dlq_url")) == 1


def test_loops_are_refused(deployed: Operated) -> None:
    for number in (2, 3):
        deployed.put_letter(uploaded(f"{number}.jpg"), {"redrives": {"DataType": "Number", "StringValue": str(number)}})
    code, out, complaints = run("redrive", "--yes")
    assert (code, out) == (1, "Back in their queues: 1.\n")
    assert complaints.startswith("Left, for they came back 3 times: 1.")
    assert bodies(deployed, "dlq_url") == [uploaded("3.jpg")]
    assert told("redrive", "--yes", "--again") == [{"moved": 1, "doubled": 0, "looping": 0, "refused": 0}]


@pytest.mark.parametrize("command", ["redrive", "restore"])
def test_nothing_is_fed_to_what_is_broken(deployed: Operated, command: str) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    told("purge", "--yes", "--backup", "kept.jsonl")
    deployed.put_letter(uploaded("b.jpg"))
    arguments = ["restore", "kept.jsonl", "--yes"] if command == "restore" else ["redrive", "--yes"]
    deployed.mapping_states["backfill-uuid"] = "Disabled"
    code, _, complaints = run(*arguments)
    assert code == 2
    assert "'thumbctl resume backfill'" in complaints
    deployed.mapping_states["backfill-uuid"] = "Enabled"
    for alarm in ("photos-systemic-errors", "photos-function-errors"):
        deployed.set_alarm(alarm, "ALARM")
        code, _, complaints = run(*arguments)
        assert (code, f"The alarm {alarm} is on" in complaints) == (2, True)
        deployed.set_alarm(alarm, "OK")
    deployed.set_alarm("photos-dead-letters", "ALARM")
    deployed.set_alarm("photos-systemic-errors", "ALARM")
    assert deployed.messages("queue_url") == []
    assert run(*arguments, "--force")[0] == 0
    assert len(deployed.messages("queue_url")) == 1


def test_an_alarm_that_says_nothing_of_the_cause_is_no_obstacle(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    deployed.set_alarm("photos-dead-letters", "ALARM")
    assert run("redrive", "--yes")[0] == 0


# ── moving by SQS itself ─────────────────────────────────────────────────────────────────────────────


def task(status: str, moved: int, started: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "Status": status, "ApproximateNumberOfMessagesMoved": moved, "StartedTimestamp": started, **more
    }  # fmt: skip


def test_a_move_task(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    # The task before is still what is listed for a moment.
    before = task("COMPLETED", 9, started=1)
    deployed.move_tasks = [before, before, task("RUNNING", 2), task("COMPLETED", 3)]
    assert run("redrive", "--yes", "--rate", "7") == (0, "Moved by SQS: about 3.\n", "")
    assert deployed.started == [{"SourceArn": deployed.outputs["dlq_arn"], "MaxNumberOfMessagesPerSecond": 7}]


def test_a_move_task_that_fails(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    deployed.move_tasks = [task("FAILED", 9, started=1), task("FAILED", 1, FailureReason="AccessDenied")]
    code, _, complaints = run("redrive", "--yes")
    assert code == 1
    assert "FAILED (AccessDenied)" in complaints
    assert "--one-by-one" in complaints


def test_what_a_move_task_cannot_move_goes_letter_by_letter(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    deployed.move_tasks = [
        task("FAILED", 9, started=1),
        task("FAILED", 1, FailureReason="CouldNotDetermineMessageSource"),
    ]
    assert run("redrive", "--yes") == (0, "Back in their queues: 1.\n", "")
    assert [each["Body"] for each in deployed.messages("queue_url")] == [uploaded("a.jpg")]


def test_letters_of_eventbridge_go_to_the_work_queue(deployed: Operated) -> None:
    """SQS moves none: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    deployed.outputs["source_mode"] = "eventbridge"
    rule = {"DataType": "String", "StringValue": "arn:aws:events:eu-central-1:1:rule/photos-uploads"}
    deployed.put_letter(uploaded("a.jpg"), {"RULE_ARN": rule})
    before = task("COMPLETED", 9, started=1)
    deployed.move_tasks = [before, before, task("COMPLETED", 1)]
    assert told()[0]["groups"][0]["origin"] == "EventBridge"
    assert [each["from"] for each in told("peek")] == ["EventBridge"]
    assert run("redrive", "--yes") == (0, "Back in their queues: 1.\n", "")
    assert deployed.started == []
    assert [each["Body"] for each in deployed.messages("queue_url")] == [uploaded("a.jpg")]


def test_a_move_task_that_is_running_already(deployed: Operated) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    deployed.move_tasks = [task("RUNNING", 4, ApproximateNumberOfMessagesToMove=10)]
    code, _, complaints = run("redrive", "--yes")
    assert (code, deployed.started) == (2, [])
    assert "about 4 of 10 by now" in complaints
    assert "about 4 of 10 by now" in run()[1]
    assert told()[0]["move_task"]["status"] == "RUNNING"


def test_a_move_task_is_not_waited_for(deployed: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    deployed.move_tasks = [task("COMPLETED", 9, started=1), task("RUNNING", 1)]

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    code, _, complaints = run("redrive", "--yes")
    assert (code, complaints) == (1, "SQS goes on moving without you: 'thumbctl dlq' says how far it is.\n")


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────────


def test_purge_and_restore(deployed: Operated, tmp_path: Path) -> None:
    backfill = backfill_body(Image("uploads", "b.jpg"))
    attributes = {"blob": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    deployed.put_letter(uploaded("a.jpg"), attributes)
    for body in (backfill, "nonsense"):
        deployed.put_letter(body)
    ((document,), (file,)) = told("purge", "--yes"), (tmp_path / "state" / "thumbctl").iterdir()
    assert document == {"deleted": 3, "left": 0, "backup": str(file)}
    assert list(tmp_path.iterdir()) == [tmp_path / "state"]
    assert file.name.startswith("photos-dead-letters-2")
    assert deployed.messages("dlq_url") == []
    assert told("restore", str(file), "--yes") == [{"sent": 3, "refused": 0}]
    assert bodies(deployed, "queue_url") == sorted([uploaded("a.jpg"), "nonsense"])
    assert bodies(deployed, "backfill_queue_url") == [backfill]
    restored = next(each for each in deployed.messages("queue_url") if each["Body"] == uploaded("a.jpg"))
    assert restored["MessageAttributes"]["blob"]["BinaryValue"] == b"\0\xff"
    assert "redrives" not in restored["MessageAttributes"]


def test_purge_of_some(deployed: Operated, tmp_path: Path) -> None:
    for key in ("bad/a.jpg", "good/b.jpg"):
        deployed.put_letter(uploaded(key))
    code, out, _ = run("purge", "--yes", "--key", "bad/*", "--backup", "kept.jsonl")
    assert (code, out) == (0, "Deleted, and kept in kept.jsonl: 1.\n")
    assert bodies(deployed, "dlq_url") == [uploaded("good/b.jpg")]
    (line,) = (tmp_path / "kept.jsonl").read_text().splitlines()
    assert json.loads(line)["body"] == uploaded("bad/a.jpg")
    # A second time, nothing is written over.
    code, _, complaints = run("purge", "--yes", "--backup", "kept.jsonl")
    assert (code, "name another one" in complaints) == (2, True)
    assert len(deployed.messages("dlq_url")) == 1


def test_an_interrupted_purge_says_how_far_it_came(deployed: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        deployed.put_letter(uploaded(f"{number}.jpg"))
    keep = Backup.keep

    def interrupted(backup: Any, letters: Any) -> None:
        if backup._file is not None:
            raise KeyboardInterrupt
        keep(backup, letters)

    monkeypatch.setattr(Backup, "keep", interrupted)
    code, out, complaints = run("purge", "--yes", "--backup", "kept.jsonl")
    assert (code, out) == (1, "Deleted, and kept in kept.jsonl: 10.\n")
    assert complaints == "Interrupted: the other letters are where they were.\n"
    assert len(told("peek")) == 15


def test_a_file_that_is_no_backup_sends_nothing(deployed: Operated, tmp_path: Path) -> None:
    deployed.put_letter(uploaded("a.jpg"))
    told("purge", "--yes", "--backup", "kept.jsonl")
    with (tmp_path / "kept.jsonl").open("a") as file:
        file.write("{}\n")
    code, _, complaints = run("restore", "kept.jsonl", "--yes")
    assert (code, "its line 2 is none" in complaints) == (2, True)
    assert deployed.messages("queue_url") == []
