"""thumbctl status: what waits, what was decided, how long it takes, and what is wrong."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from support.operated import FUNCTION, Operated, operated
from thumbctl.app import app
from thumbctl.looking import status

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Operated]:
    with operated(monkeypatch) as found:
        yield found


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["status", *arguments])
    return result.exit_code, result.stdout, result.stderr


def told() -> Any:
    (line,) = run("--json")[1].splitlines()
    return json.loads(line)


def decide(deployed: Operated, minutes_ago: float, **outcomes: int) -> None:
    minute = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(minutes=minutes_ago)
    for name, number in outcomes.items():
        deployed.measure("ThumbnailPipeline", name.title(), ("Function", FUNCTION), number, minute)


def test_nothing_is_known_and_nothing_is_wrong(deployed: Operated) -> None:  # noqa: ARG001 - it is what is looked at
    code, out, complaints = run()
    assert (code, complaints) == (0, "")
    assert "Images: no metrics in the last day" in out
    assert "Now:     no metrics" in out
    assert "Backlog: 0 messages, nothing waits" in out
    assert "Failed:  0 images now" in out
    assert "Alarms:  none is on" in out
    assert "Enabled, up to 20 at a time" in out
    seen = told()
    assert (seen["decided"], seen["concurrency"], seen["eta_seconds"], seen["problems"]) == (None, None, 0.0, [])


def test_what_was_decided_and_how_long_the_rest_takes(deployed: Operated) -> None:
    decide(deployed, 2, ready=50, failed=5)
    decide(deployed, 4, ready=45)
    decide(deployed, 30, ready=1000, deleted=7)
    decide(deployed, 300, ready=20_000)
    for number in range(7):
        deployed.sqs.send_message(QueueUrl=deployed.outputs["queue_url"], MessageBody=f"{number}")
    for number in range(3):
        deployed.sqs.send_message(QueueUrl=deployed.outputs["backfill_queue_url"], MessageBody=f"{number}")
    seen = told()
    assert seen["decided"]["a_minute"] == 20
    assert seen["decided"]["last_hour"] == {
        "ready": 1095, "failed": 5, "deleted": 7, "stale": 0, "duplicate": 0, "ignored": 0, "kept": 0
    }  # fmt: skip
    assert seen["decided"]["last_day"]["ready"] == 21_095
    assert (seen["backlog"], seen["eta_seconds"]) == (10, 30)
    out = run()[1]
    assert "Now:     20 images a minute" in out
    assert "Backlog: 10 messages, done in about 30 s" in out
    assert ["ready", "1,095", "21,095"] in [line.split() for line in out.splitlines()]


def test_nothing_moves(deployed: Operated) -> None:
    deployed.sqs.send_message(QueueUrl=deployed.outputs["queue_url"], MessageBody="x")
    assert "1 messages, unknown, for there are no metrics" in run()[1]
    decide(deployed, 30, ready=1000)
    assert "1 messages, unknown, for nothing moves" in run()[1]
    assert told()["eta_seconds"] is None


def test_queues(deployed: Operated) -> None:
    url = deployed.outputs["queue_url"]
    for number in range(4):
        deployed.sqs.send_message(QueueUrl=url, MessageBody=f"{number}")
    deployed.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    deployed.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)
    now = datetime.now(UTC)
    for minutes, age in ((30, 9999), (3, 60), (1, 7500)):
        name = ("QueueName", "photos-work")
        deployed.measure("AWS/SQS", "ApproximateAgeOfOldestMessage", name, age, now - timedelta(minutes=minutes))
    deployed.measure("AWS/Lambda", "ConcurrentExecutions", ("FunctionName", FUNCTION), 17, now - timedelta(minutes=1))
    seen = told()
    work, backfill, dead = seen["queues"]
    assert work == {"name": "work", "waiting": 3, "in_flight": 1, "delayed": 1, "oldest_seconds": 7500}
    assert backfill["oldest_seconds"] is None
    assert (dead["name"], seen["backlog"], seen["concurrency"]) == ("dead_letters", 5, 17)
    (line,) = [line.split() for line in run()[1].splitlines() if line.startswith("work")]
    assert line[:7] == ["work", "3", "1", "1", "2", "h", "5"]


def test_old_ages_are_not_told(deployed: Operated) -> None:
    before = datetime.now(UTC) - timedelta(minutes=30)
    deployed.measure("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", "photos-work"), 9999, before)
    assert told()["queues"][0]["oldest_seconds"] is None


def test_failed_images_by_reason(deployed: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        deployed.fail(f"{number}.jpg", reason="corrupt" if number else "empty")
    assert told()["failed"] == {"corrupt": 4, "empty": 1}
    assert "Failed:  5 images now: corrupt 4, empty 1" in run()[1]
    # It is for people to mend them; the pipeline is well.
    assert run()[0] == 0
    monkeypatch.setattr(status, "_MOST_FAILURES", 3)
    assert "Failed:  3 images now or more; of the newest: " in run()[1]
    assert told()["failed_are_more"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("alarm", "The alarm photos-pipeline-failing is on"),
        ("letter", "There are dead letters, about 1"),
        ("mapping", "Nothing takes messages out of the backfill queue"),
    ],
)
def test_what_is_wrong(deployed: Operated, wrong: str, sentence: str) -> None:
    if wrong == "alarm":
        deployed.set_alarm("photos-pipeline-failing", "ALARM")
    elif wrong == "letter":
        deployed.put_letter("x")
    else:
        deployed.mapping_states["backfill-uuid"] = "Disabling"
    code, _, complaints = run()
    assert (code, complaints.startswith(sentence)) == (1, True)
    assert complaints.count("\n") == 1
    assert len(told()["problems"]) == 1
    assert run("--json")[0] == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_watching_ends_with_the_first_interrupt(
    deployed: Operated, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    deployed.put_letter("x")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    code, out, complaints = run("--watch", "--interval", "2", *(["--json"] if as_json else []))
    assert (code, complaints, waited) == (0, "", [2, 2, 2])
    if as_json:
        assert [json.loads(line)["queues"][2]["waiting"] for line in out.splitlines()] == [1, 1, 1]
    else:
        assert out.count("There are dead letters, about 1") == 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.2, "1 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3599, "1 h 0 min"), (3600, "1 h 0 min"),
     (7500, "2 h 5 min"), (86_400, "1 d 0 h"), (190_000, "2 d 4 h")],
)  # fmt: skip
def test_spans(seconds: float, words: str) -> None:
    assert status._span(seconds) == words
