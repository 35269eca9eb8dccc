"""Game days without a stack: what is listed and told, and that the stack is mended whatever happens."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from devtools.errors import DevtoolsError
from devtools.gameday import __main__ as command
from devtools.gameday import game
from devtools.gameday.inbox import Inbox, Mail
from devtools.gameday.scenarios import SCENARIOS, Scenario
from devtools.livepage.queues import QueueMetrics
from devtools.localaws import processes
from support import runbook
from support.memory_sqs import MemorySQS
from support.notifications import notification, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place without a local stack."""
    monkeypatch.setattr(command, "_HOME", tmp_path)
    monkeypatch.setattr(command, "_GAME_FILE", tmp_path / "gameday.json")
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command: its exit code, and what it prints."""

    def run_with(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["gameday", *arguments])
        code = command.main()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_with


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────


def test_every_scenario_is_listed_with_one_line(run: Callable[..., tuple[int, str]]) -> None:
    code, printed = run()
    assert code == 0
    for scenario in SCENARIOS.values():
        (line,) = [line for line in printed.splitlines() if scenario.name in line.split()]
        assert scenario.cause in line
        assert len(line) <= 100


def test_the_first_alarm_of_every_scenario_has_a_section_in_the_runbook() -> None:
    assert {scenario.first_alarm for scenario in SCENARIOS.values()} <= set(runbook.sections())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_revealed_without_being_played(run: Callable[..., tuple[int, str]], name: str) -> None:
    code, printed = run(name, "--reveal")
    scenario = SCENARIOS[name]
    assert code == 0
    assert scenario.cause in printed
    assert scenario.remedy in printed
    assert f"docs/runbook.md#{scenario.first_alarm}" in printed


def test_the_one_that_is_on_is_revealed(run: Callable[..., tuple[int, str]], home: Path) -> None:
    scenario = SCENARIOS["slow-storage"]
    with game.registered(scenario, home / "gameday.json"):
        assert scenario.cause in run("--reveal")[1]


@pytest.mark.parametrize("arguments", [["lost-permission"], ["surprise"]])
def test_without_a_stack_the_remedy_is_named(run: Callable[..., tuple[int, str]], arguments: list[str]) -> None:
    assert run(*arguments) == (1, "error: no local stack is up: start one with 'make up'\n")


def test_an_unknown_scenario_is_refused(run: Callable[..., tuple[int, str]]) -> None:
    assert run("nonsense") == (1, "error: there is no scenario 'nonsense': 'make gameday' lists them\n")


@pytest.mark.parametrize("option", ["--reveal", "--mend"])
def test_without_a_game_the_remedy_is_named(run: Callable[..., tuple[int, str]], option: str) -> None:
    assert run(option) == (1, "error: no game is on: start one with 'make gameday SCENARIO=name'\n")


# ── mails ────────────────────────────────────────────────────────────────────────────────────────────


def envelope(message: str, *, topic: str, subject: str, **attributes: str) -> dict[str, Any]:
    """What SNS sends to a queue."""
    body = {
        "Type": "Notification",
        "TopicArn": f"arn:aws:sns:us-east-1:000000000000:{topic}",
        "Subject": subject,
        "Message": message,
        "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in attributes.items()},
    }
    return {"MessageId": subject, "Body": json.dumps(body)}


ALARM = {
    "AlarmName": "thumbs-systemic-errors",
    "AlarmDescription": "A fault.\n1. Look.\nRunbook: docs/runbook.md#systemic-errors",
    "OldStateValue": "OK",
    "NewStateValue": "ALARM",
    "NewStateReason": "the latest datapoints",
    "StateChangeTime": "2026-01-02T03:04:05Z",
}


class Queues(MemorySQS):
    """Queues whose consumer takes everything at once."""

    def get_queue_attributes(self, *, AttributeNames: list[str], **_: object) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        return {"Attributes": dict.fromkeys(AttributeNames, "0")}


class StubStack:
    """What a game needs of a stack, with everything that it asks its clients for."""

    endpoint_url = "http://127.0.0.1:1"
    alerts_queue_url = "inbox"
    page_url = "http://127.0.0.1:2/"
    outputs = {  # noqa: RUF012
        "source_bucket": "uploads", "dlq_url": "dead",
        "queue_url": "work", "queue_arn": "arn:work",
        "backfill_queue_url": "backfill", "backfill_queue_arn": "arn:backfill",
    }  # fmt: skip

    def __init__(self) -> None:
        self.uploads: list[str] = []
        self.sqs = Queues(now=time.time() - 60)
        self.letters = {
            key: notification(record(key)) for key in ("gameday/00001.png", "import-17/00007.jpg", "demo/a cat.jpg")
        }
        for body in self.letters.values():
            self.sqs.put("dead", body, source_arn="arn:work")
        self.in_alarm: list[dict[str, str]] = []

    def client(self, service: str) -> Any:
        return self.sqs if service == "sqs" else self

    def put_object(self, *, Key: str, **_: object) -> None:  # noqa: N803 - as boto3 calls it
        self.uploads.append(Key)

    def get_paginator(self, _operation: str) -> StubStack:
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return [{"MetricAlarms": self.in_alarm, "CompositeAlarms": []}]


@pytest.fixture
def stack() -> Any:
    return StubStack()


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What lies in the queue of the subscriber."""
    lying: list[dict[str, Any]] = []
    monkeypatch.setattr(QueueMetrics, "messages", lambda _self, _url: list(lying))
    return lying


def test_only_what_is_new_is_told_and_counted(stack: Any, messages: list[dict[str, Any]]) -> None:
    messages.append(envelope("old", topic="thumbs-alerts", subject="old", reason="corrupt", count="1"))
    inbox = Inbox(stack)
    messages.append(envelope(json.dumps(ALARM), topic="thumbs-warning", subject="ALARM: …"))
    messages.append(envelope("Seven …", topic="thumbs-alerts", subject="7 images …", reason="corrupt", count="7"))
    alarm, digest = inbox.new()
    assert alarm.about == "thumbs-systemic-errors"
    assert alarm.state == "ALARM"
    for words in ("ALARM: …", "A fault.\n1. Look.\nRunbook: docs/runbook.md#systemic-errors", "the latest datapoints"):
        assert words in alarm.subject + alarm.text
    assert digest == Mail("thumbs-alerts", "7 images …", "Seven …", about="corrupt", failures=7)
    assert inbox.new() == []
    assert inbox.counts == {"ALARM": 1, "digests": 1, "failures": 7}


# ── games ────────────────────────────────────────────────────────────────────────────────────────────


class Trouble:
    """A scenario that lasts for so many looks, or until somebody presses Ctrl-C."""

    def __init__(self, looks: int | None) -> None:
        self.left = looks
        self.state = "whole"

    @property
    def scenario(self) -> Scenario:
        return Scenario("trouble", "a cause", "systemic-errors", 1, "a remedy", "the same", self.broken)

    @contextlib.contextmanager
    def broken(self, _stack: object) -> Iterator[Callable[[], bool]]:
        self.state = "broken"
        try:
            yield self.lasts
        finally:
            self.state = "mended"

    def lasts(self) -> bool:
        if self.left is None:
            raise KeyboardInterrupt
        self.left -= 1
        return self.left >= 0


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


def test_a_game_shows_an_alarm_whole_once_and_says_what_to_do(stack: Any, messages: list[dict[str, Any]]) -> None:
    trouble, said = Trouble(looks=3), list[str]()

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("Something is broken"):
            messages.append(envelope(json.dumps(ALARM), topic="thumbs-warning", subject="first"))
            messages.append(envelope(json.dumps(ALARM), topic="thumbs-warning", subject="again"))
            messages.append(envelope(json.dumps(ALARM | {"NewStateValue": "OK"}), topic="thumbs-warning", subject="ok"))

    game.play(trouble.scenario, stack, say)
    told = "\n".join(said)
    assert told.count("1. Look.") == 1
    assert told.count("docs/runbook.md and the page") == 1
    assert stack.page_url in told
    assert "2 alarms, 1 times that one is over" in told
    assert stack.uploads == ["gameday/00001.png", "gameday/00002.png", "gameday/00003.png"]
    assert trouble.state == "mended"
    assert "a cause" not in told
    assert "Dead letters of the game put back into the queue: 2" in said[-1]
    assert stack.sqs.bodies("dead") == [stack.letters["demo/a cat.jpg"]]


def test_an_interrupted_game_is_mended(stack: Any, messages: list[dict[str, Any]]) -> None:
    assert messages == []
    trouble, said = Trouble(looks=None), list[str]()
    with pytest.raises(KeyboardInterrupt):
        game.play(trouble.scenario, stack, said.append)
    assert trouble.state == "mended"
    assert stack.sqs.bodies("dead") == [stack.letters["demo/a cat.jpg"]]
    assert stack.sqs.bodies("work") == sorted(
        stack.letters[key] for key in ("gameday/00001.png", "import-17/00007.jpg")
    )
    assert "Dead letters of the game put back into the queue: 2" in said[-1]


def test_letters_that_come_late_are_put_back_too(stack: Any, messages: list[dict[str, Any]]) -> None:
    assert messages == []
    late = [notification(record("gameday/00009.png"))]
    stack.sqs.on_sent = lambda _url, _message: late and stack.sqs.put("dead", late.pop(), source_arn="arn:work")
    game.play(Trouble(looks=0).scenario, stack, lambda _text: None)
    assert stack.sqs.bodies("dead") == [stack.letters["demo/a cat.jpg"]]


def test_nothing_is_broken_while_an_alarm_is_on(stack: Any) -> None:
    stack.in_alarm = [{"AlarmName": "thumbs-dead-letters"}]
    trouble = Trouble(looks=1)
    with pytest.raises(DevtoolsError, match=r"still in alarm: thumbs-dead-letters\."):
        game.play(trouble.scenario, stack, print)
    assert trouble.state == "whole"


def test_one_game_at_a_time(home: Path) -> None:
    file = home / "gameday.json"
    with game.registered(Trouble(0).scenario, file):
        with pytest.raises(DevtoolsError, match="a game is on: end it with 'make gameday MEND=yes'"):
            game.registered(Trouble(0).scenario, file).__enter__()
        assert game.name_of_the_one_that_is_on(file) == "trouble"
    assert not file.exists()


def test_mending_from_elsewhere_lets_the_game_unwind(home: Path) -> None:
    script = (
        "import pathlib, sys, time\nfrom thumbctl.interrupts import terminate_as_interrupt\n"
        "try:\n  with terminate_as_interrupt():\n    print('on', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n  print('unwound', flush=True)\n"
    )
    log = home / "log"
    process = processes.start([sys.executable, "-c", script], log=log, environment={})
    while not log.exists() or "on\n" not in log.read_text():
        pass
    file = home / "gameday.json"
    file.write_text(json.dumps({"scenario": "trouble", "process": vars(process)}))
    game.mend(file)
    assert not process.alive
    assert log.read_text() == "on\nunwound\n"


def test_a_game_that_was_killed_cannot_mend(home: Path) -> None:
    file = home / "gameday.json"
    file.write_text(json.dumps({"scenario": "trouble", "process": {"pid": 2**22 - 1, "created": 0.0}}))
    with pytest.raises(DevtoolsError, match="start afresh with 'make down' and 'make up'"):
        game.mend(file)
