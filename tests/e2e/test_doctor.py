"""thumbctl doctor, show and trace on a stack that is really deployed, well and broken."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import stack
from support.deployment import eventually
from support.pictures import picture
from thumbctl.app import app
from thumbctl.doctor.canary import FOLDER
from thumbctl.doctor.checks import CHECKS
from thumbctl.local import LOCAL_STACK

if TYPE_CHECKING:
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _here(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory in which this stack is the local one."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    LOCAL_STACK.parent.mkdir()
    stack.save(deployment.stack, LOCAL_STACK)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.stderr == ""
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def outcomes(*arguments: str) -> dict[str, str]:
    """Those that are not ok, by check."""
    code, found = run("doctor", *arguments)
    assert [each["check"] for each in found][: len(CHECKS)] == list(CHECKS)
    wrong = {each["check"]: each["outcome"] for each in found if each["outcome"] != "ok"}
    assert code == ("fail" in wrong.values())
    # What tests before this one have left behind is no matter of this one.
    of_others = {("backlog", "warn"), ("alarms", "warn"), ("jobs", "warn")}
    return {check: outcome for check, outcome in wrong.items() if (check, outcome) not in of_others}


def canaries(deployment: Deployment) -> set[str]:
    """Keys of canaries and of their thumbnails; a test of what somebody may do leaves one that it may not delete."""
    listed = deployment.s3.list_objects_v2(Bucket=deployment.outputs["source_bucket"], Prefix=FOLDER)
    originals = {each["Key"] for each in listed.get("Contents", [])}
    return originals | {key for key in deployment.all_thumbnails() if FOLDER in key}


def test_what_was_deployed_is_well_and_a_canary_gets_through(deployment: Deployment) -> None:
    before = canaries(deployment)
    assert outcomes() == {}
    assert canaries(deployment) <= before


def test_a_mapping_that_is_off_and_the_canary_that_waits_for_it(deployment: Deployment) -> None:
    before = canaries(deployment)
    uuid = deployment.outputs["event_source_mapping_uuid"]
    deployment.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        assert outcomes("--within", "3") == {"mappings": "fail", "canary": "fail"}
    finally:
        deployment.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
    # What was uploaded while nobody looked, and deleted, comes to an end by itself.
    eventually("no canary is left", lambda: canaries(deployment) <= before)


def test_visibility_that_somebody_shortened(deployment: Deployment) -> None:
    with deployment.visibility(30):
        assert outcomes("--no-canary") == {"visibility": "fail"}


def test_a_bucket_that_tells_nobody(deployment: Deployment) -> None:
    bucket = deployment.outputs["source_bucket"]
    told = deployment.s3.get_bucket_notification_configuration(Bucket=bucket)
    deployment.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        assert outcomes("--no-canary") == {"notification": "fail"}
    finally:
        kept = {"QueueConfigurations": told["QueueConfigurations"]}
        deployment.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=kept)


def test_the_story_of_an_image(deployment: Deployment) -> None:
    key = 'doctor/\u00fc "quoted" *.png'
    etag = deployment.upload(key, picture())
    row = deployment.row_when(key, "READY", etag=etag)
    code, (told,) = run("show", key)
    assert (code, told["verdict"], told["row"]["etag"]) == (0, "current", etag)
    assert {each["found"] for each in told["thumbnails"]} == {"there"}
    assert told["source"]["current"]["size"] == len(picture())

    def logged() -> bool:
        (line,) = run("show", key)[1]
        return [(each["outcome"], each["trace_id"]) for each in line["history"]] == [("READY", row["trace_id"])]

    eventually("the log tells of it", logged)


def test_the_trace_of_an_image(deployment: Deployment) -> None:
    key = "doctor/traced.png"
    deployment.upload(key, picture())
    row = deployment.row_when(key, "READY")

    def traced() -> list[dict[str, Any]] | None:
        result = CliRunner().invoke(app, ["trace", key, "--json"])
        return [json.loads(line) for line in result.stdout.splitlines()] if result.exit_code == 0 else None

    spans = eventually("the collector has its trace", traced)
    assert (spans[0]["name"], spans[0]["depth"]) == ("image", 0)
    assert {"fetch", "render", "store", "commit"} <= {each["name"] for each in spans}
    assert {each["trace_id"] for each in spans} == {row["trace_id"]}
    code, whole = run("trace", row["trace_id"])
    assert (code, [each for each in whole if each["key"] == key] != []) == (0, True)
    drawn = CliRunner().invoke(app, ["trace", key], env={"COLUMNS": "80"}).stdout
    assert re.search(r"^  render +━+", drawn, re.MULTILINE)
