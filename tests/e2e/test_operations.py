"""thumbctl status, failures and dlq against what is really deployed: what is given up, looked at, moved and kept."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator, faults
from support.deployment import eventually
from support.pictures import picture
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

# Other tests of this stack may have set its alarms off, and no letters go back while they are on.
REDRIVE = ("dlq", "redrive", "--yes", "--force")
KEYS = {"bad/one.png", "bad/two & ä.png", "good/three.png"}


@pytest.fixture(autouse=True)
def _operator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The terminal of somebody who has credentials, and knows the stack's name; queues are empty before and after."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    deployment.empty_queues()
    yield
    deployment.empty_queues()


def run(*arguments: str) -> tuple[int, list[Any], str]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def give_up(deployment: Deployment, keys: set[str]) -> None:
    """Have these uploads become dead letters, for S3 takes no thumbnails; afterwards it does again."""
    proxy = faults.start(deployment.stack.endpoint_url, deployment.stack.directory)
    try:
        proxy.fail(
            [
                {
                    "service": "s3",
                    "operation": "PutObject",
                    "resource": deployment.outputs["thumbnails_bucket"],
                    "error": {"code": "SlowDown", "status": 503},
                }
            ]
        )
        with deployment.environment(AWS_ENDPOINT_URL=proxy.endpoint_url), deployment.visibility(1):
            for key in keys:
                deployment.upload(key, picture())
            dlq_url = deployment.outputs["dlq_url"]
            eventually("they are dead letters", lambda: deployment.backlog(dlq_url) == len(keys))
    finally:
        proxy.process.stop()


def test_dead_letters_are_looked_at_moved_kept_and_restored(deployment: Deployment) -> None:
    give_up(deployment, KEYS)

    code, (seen,), complaints = run("status")
    assert code == 1
    assert "There are dead letters, about 3: see 'thumbctl dlq'." in complaints
    assert [(queue["name"], queue["waiting"] + queue["in_flight"]) for queue in seen["queues"]] == [
        ("work", 0), ("backfill", 0), ("dead_letters", 3)
    ]  # fmt: skip
    assert {(each["queue"], each["state"]) for each in seen["pollers"]} == {
        ("work", "Enabled"),
        ("backfill", "Enabled"),
    }

    for _ in range(2):
        code, letters, _ = run("dlq", "peek")
        assert code == 0
        assert {letter["events"][0]["key"] for letter in letters} == KEYS
        assert {(letter["from"], letter["events"][0]["event"]) for letter in letters} == {("thumbs-work", "created")}
    code, (summary,), _ = run("dlq")
    assert (code, summary["waiting"]) == (1, 3)
    assert {each["folder"]: each["letters"] for each in summary["groups"]} == {"bad/": 2, "good/": 1}

    assert run(*REDRIVE, "--key", "bad/two*")[:2] == (
        0, [{"moved": 1, "doubled": 0, "looping": 0, "refused": 0}]
    )  # fmt: skip
    deployment.row_when("bad/two & ä.png", "READY")
    assert {letter["events"][0]["key"] for letter in run("dlq", "peek")[1]} == {"bad/one.png", "good/three.png"}

    code, (purged,), _ = run("dlq", "purge", "--yes")
    assert (code, purged["deleted"], purged["left"]) == (0, 2, 0)
    assert deployment.backlog(deployment.outputs["dlq_url"]) == 0
    assert deployment.row("bad/one.png") is None
    assert run("dlq", "restore", purged["backup"], "--yes", "--force")[:2] == (0, [{"sent": 2, "refused": 0}])
    for key in KEYS:
        deployment.row_when(key, "READY")
    assert run("dlq")[0] == 0


def test_all_letters_go_back_where_sqs_has_no_move_tasks(deployment: Deployment) -> None:
    give_up(deployment, {"all/one.png", "all/two.png"})
    assert run(*REDRIVE)[:2] == (0, [{"moved": 2, "doubled": 0, "looping": 0, "refused": 0}])
    for key in ("all/one.png", "all/two.png"):
        deployment.row_when(key, "READY")


def test_letters_are_not_fed_to_a_function_that_is_paused(deployment: Deployment) -> None:
    body = '{"Event": "s3:TestEvent"}'
    deployment.sqs.send_message(QueueUrl=deployment.outputs["dlq_url"], MessageBody=body)
    assert run("pause", "work")[0] == 0
    try:
        code, _, complaints = run("dlq", "redrive", "--yes")
        assert (code, "'thumbctl resume work'" in complaints) == (2, True)
        assert "its mapping is Disab" in run("status")[2]
        assert deployment.dead_letters() == [body]
    finally:
        run("resume", "work")
    eventually("it is enabled", lambda: "mapping" not in run("status")[2])
    assert run(*REDRIVE)[0] == 0
    eventually("the queue is empty", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 0)


def test_what_failed_is_listed_counted_and_exported(deployment: Deployment, tmp_path: Path) -> None:
    deployment.upload("failures/poison.png", b"poison")
    deployment.upload("failures/nothing.png", b"")
    for key in ("failures/poison.png", "failures/nothing.png"):
        deployment.row_when(key, "FAILED")
    code, listed, _ = run("failures", "--key", "failures/*")
    assert (code, {(each["key"], each["reason"]) for each in listed}) == (
        0, {("failures/poison.png", "unidentified"), ("failures/nothing.png", "empty")}
    )  # fmt: skip
    times = [each["failed_at"] for each in run("failures")[1]]
    assert times == sorted(times, reverse=True)
    reasons = {each["reason"]: each["failures"] for each in run("failures", "--by-reason", "--key", "failures/*")[1]}
    assert reasons == {"unidentified": 1, "empty": 1}
    assert run("failures", "--key", "failures/*", "--export", "failed.jsonl")[1] == [
        {"file": "failed.jsonl", "failures": 2}
    ]
    assert [json.loads(line) for line in (tmp_path / "failed.jsonl").read_text().splitlines()] == listed
    assert run("status")[1][0]["failed"]["unidentified"] >= 1
