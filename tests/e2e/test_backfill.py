"""thumbctl backfill and retry on what is really applied: what S3 never told of gets its thumbnails, killed or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator
from support.bulk_jobs import DeployedJobs
from support.deployment import eventually
from support.pictures import picture
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

THUMBCTL = str(Path(sys.executable).with_name("thumbctl"))


@pytest.fixture(autouse=True)
def _operator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The terminal of somebody who has credentials, and knows the stack's name and nothing else."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield
    deployment.empty_queues()


def run(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def backfill(*arguments: str) -> dict[str, Any]:
    return run("backfill", "--yes", *arguments)


def untold(deployment: Deployment, *keys: str, body: bytes | None = None) -> None:
    """Upload images of which the function never hears."""
    run("pause", "work")
    for key in keys:
        deployment.upload(key, body or picture())
    eventually(
        "their events are in the queue",
        lambda: deployment.backlog(deployment.outputs["queue_url"]) >= len(keys),
    )
    deployment.sqs.purge_queue(QueueUrl=deployment.outputs["queue_url"])
    run("resume", "work")
    assert all(deployment.row(key) is None for key in keys)


def test_images_that_nobody_heard_of(deployment: Deployment) -> None:
    keys = ["old/plain.png", "old/a b+c%.png", "old/ü/日本.png", "old/%2B&?#.png"]
    untold(deployment, *keys)
    deployment.upload("old/known.png", picture())
    known = deployment.row_when("old/known.png", "READY")
    told = backfill("--prefix", "old/")
    assert (told["state"], told["sent"], told["objects"]) == ("finished", 4, {"missing": 4, "current": 1})
    # It waited for the function.
    for key in keys:
        row = deployment.row(key)
        assert row
        assert row["status"] == "READY"
        assert deployment.thumbnail_keys(key) == {each["key"] for each in row["renditions"]}
    assert deployment.row("old/known.png") == known
    assert backfill("--prefix", "old/")["objects"] == {"current": 5}


def test_other_settings(deployment: Deployment) -> None:
    for key in ("restyled/before.png", "restyled/after.png"):
        deployment.upload(key, picture())
        deployment.row_when(key, "READY")
    name = deployment.outputs["function_name"]
    variables = deployment.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    settings = json.loads(variables["SETTINGS"])
    settings["renditions"] = [{**settings["renditions"][0], "width": 40, "height": 40}]
    with deployment.environment(SETTINGS=json.dumps(settings)):
        etag = deployment.upload("restyled/after.png", picture("red"))
        deployment.row_when("restyled/after.png", "READY", etag=etag)
        assert backfill("--prefix", "restyled/")["objects"] == {"restyled": 1, "current": 1}
        row = deployment.row("restyled/before.png")
        assert row
        assert [(each["width"], each["height"]) for each in row["renditions"]] == [(40, 30)]
        assert deployment.thumbnail_keys("restyled/before.png") == {row["renditions"][0]["key"]}
    assert backfill("--prefix", "restyled/")["objects"] == {"restyled": 2}


def test_killed_in_the_middle_while_uploads_go_on(deployment: Deployment) -> None:
    keys = [f"killed/{number:02d}.png" for number in range(40)]
    untold(deployment, *keys)
    command = [THUMBCTL, "backfill", "--yes", "--no-wait", "--prefix", "killed/"]
    with subprocess.Popen([*command, "--rate", "1"], stdout=subprocess.PIPE, text=True) as process:
        eventually("something is made", lambda: any(deployment.row(key) for key in keys))
        deployment.upload("live.png", picture())
        deployment.row_when("live.png", "READY")
        assert process.poll() is None, "it was through before it could be killed"
        process.send_signal(signal.SIGKILL)
    finished = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert "Going on with a job that was interrupted" in finished.stderr
    told = json.loads(finished.stdout)
    assert told["state"] == "finished"
    assert 0 < told["sent"] < len(keys)
    for key in keys:
        deployment.row_when(key, "READY")


def test_ctrl_c_is_a_pause(deployment: Deployment) -> None:
    keys = [f"paused/{number:02d}.png" for number in range(40)]
    untold(deployment, *keys)
    command = [THUMBCTL, "backfill", "--yes", "--no-wait", "--prefix", "paused/", "--json"]
    with subprocess.Popen([*command, "--rate", "1"], stdout=subprocess.PIPE, text=True) as process:
        eventually("something is made", lambda: any(deployment.row(key) for key in keys))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    paused = json.loads(out)
    assert paused["state"] == "paused"
    # Everything once: nothing is sent again after a pause.
    assert paused["sent"] + backfill("--prefix", "paused/")["sent"] == len(keys)
    assert all(deployment.row(key) for key in keys)


def test_images_that_fail_stop_it(deployment: Deployment) -> None:
    untold(deployment, *(f"bad/{number:03d}.png" for number in range(260)), body=b"no image")
    result = CliRunner().invoke(app, ["backfill", "--yes", "--prefix", "bad/", "--in-queue", "40", "--json"])
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert (told["state"], told["sent"] < 260) == ("stopped", True)
    assert "images that were followed failed, and at most 10 % may" in result.stderr


def test_what_failed_is_retried_after_a_fix(deployment: Deployment) -> None:
    name = deployment.outputs["function_name"]
    variables = deployment.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    narrow = json.dumps(json.loads(variables["SETTINGS"]) | {"limits": {"pixels": 100}})
    with deployment.environment(SETTINGS=narrow):
        deployment.upload("retried/large.png", picture())
        deployment.upload("retried/bad.png", b"no image")
        reason = deployment.row_when("retried/large.png", "FAILED")["reason"]
        deployment.row_when("retried/bad.png", "FAILED")
    told = run("retry", "--yes", "--key", "retried/*")
    assert (told["state"], told["sent"], told["failed"]) == ("finished", 2, {reason: 1, "unidentified": 1})
    deployment.row_when("retried/large.png", "READY")
    assert run("retry", "--dry-run", "--key", "retried/*")["failed"] == {"unidentified": 1}


def test_uploads_have_a_queue_of_their_own(deployment: Deployment) -> None:
    """Nothing of a backfill goes through the work queue, which is paused here."""
    untold(deployment, "apart/old.png")
    run("pause", "work")
    try:
        assert backfill("--prefix", "apart/")["sent"] == 1
        deployment.row_when("apart/old.png", "READY")
    finally:
        run("resume", "work")


def test_a_job_in_the_account(deployment: Deployment) -> None:
    """Nobody but the deployed functions works on it."""
    keys = ["inside/plain.png", "inside/a b+c%.png", "inside/ü/日本.png"]
    untold(deployment, *keys)
    job = run("backfill", "--in-account", "--yes", "--prefix", "inside/", "--budget", "1")["job"]
    for key in keys:
        deployment.row_when(key, "READY")
    eventually("the job is done", lambda: run("jobs", "show", job)["state"] == "done")
    told = run("jobs", "show", job)
    assert (told["examined"], told["objects"]) == (3, {"missing": 3, "sent": 3})
    assert 0 < told["dollars"] < 1


def test_a_job_goes_through_an_inventory(deployment: Deployment) -> None:
    keys = ["listed/plain.png", "listed/a b+c%.png", "listed/ü/日本.png"]
    untold(deployment, *keys, "listed/later.png", "elsewhere/cat.png")
    location = DeployedJobs(deployment).deliver(*keys, "elsewhere/cat.png")
    job = run("backfill", "--in-account", "--yes", "--inventory", location, "--prefix", "listed/")["job"]
    for key in keys:
        deployment.row_when(key, "READY")
    eventually("the job is done", lambda: run("jobs", "show", job)["state"] == "done")
    assert run("jobs", "show", job)["objects"] == {"missing": 3, "sent": 3}
    assert deployment.row("listed/later.png") is None
    assert deployment.row("elsewhere/cat.png") is None


def test_a_job_that_is_paused_or_cancelled_sends_nothing_within_a_minute(deployment: Deployment) -> None:
    jobs, keys = DeployedJobs(deployment), [f"halted/{number:02d}.png" for number in range(12)]
    etags = {key: deployment.upload(key, picture()) for key in keys}
    made = {key: deployment.row_when(key, "READY", etag=etag)["processed_at"] for key, etag in etags.items()}

    def anew() -> int:
        return sum((deployment.row(key) or {})["processed_at"] != made[key] for key in keys)

    def in_the_end() -> int:
        """How many there are once nobody is woken up any more."""
        sent = jobs.job(job).granted
        eventually("nobody is woken up", lambda: not jobs.backlog, within=60)
        eventually("all is dealt with", lambda: not deployment.backlog(deployment.outputs["backfill_queue_url"]))
        assert anew() <= sent
        return anew()

    # Three messages every ten seconds, so that there is a middle.
    job = jobs.begin("halted/", "--rate", "0.3")
    eventually("some are made anew", anew)
    jobs.thumbctl("jobs", "pause", job)
    paused = in_the_end()
    assert 0 < paused < len(keys)
    jobs.thumbctl("jobs", "resume", job)
    eventually("it goes on", lambda: anew() > paused)
    jobs.thumbctl("jobs", "cancel", job, "--yes")
    assert paused < in_the_end() < len(keys)
