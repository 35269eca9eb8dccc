"""thumbctl reconcile against what is really deployed: damage of every kind, a repair, and nothing left."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator
from support.deployment import eventually
from support.pictures import picture
from thumbctl.app import app

if TYPE_CHECKING:
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

PREFIX = "damaged/"
KEYS = [
    f"{PREFIX}{name}" for name in ("a", "a-1.png", "altered é.png", "changed+.png", "lost.png", "old.png", "x/gone.png")
]
WHOLE, RESTYLED, ALTERED, CHANGED, MISSING, THUMBNAIL_MISSING, VANISHED = KEYS
# No shorter than an invocation of this stack may be.
GRACE_SECONDS = 6


@pytest.fixture(autouse=True)
def _operator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")


def run(*arguments: str) -> tuple[int, set[tuple[str, str, str | None]], dict[str, Any]]:
    """The exit code, what was found, and the summary."""
    usual = ["reconcile", "--json", "--prefix", PREFIX, "--grace", str(GRACE_SECONDS)]
    result = CliRunner().invoke(app, [*usual, *arguments])
    *findings, last = [json.loads(line) for line in result.stdout.splitlines()]
    told = {(each["kind"], each["key"], each.get("thumbnail")) for each in findings if each["kind"] != "foreign"}
    return result.exit_code, told, last["summary"]


def damage(deployment: Deployment) -> set[tuple[str, str, str | None]]:
    """Do one thing of every kind, and return what is to be found."""
    table, thumbnails = deployment.outputs["table_name"], deployment.outputs["thumbnails_bucket"]
    row_of = {key: name_of(deployment, key) for key in KEYS}

    def rewrite(key: str, name: str, value: str) -> None:
        deployment.dynamodb.update_item(
            TableName=table,
            Key=row_of[key],
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )

    gone = deployment.dynamodb.get_item(TableName=table, Key=row_of[VANISHED], ConsistentRead=True)["Item"]
    kept = {key: deployment.thumbnail_and_etag(key)[0] or b"" for key in deployment.thumbnail_keys(VANISHED)}
    deployment.delete(VANISHED)
    deployment.row_when(VANISHED, "DELETED")
    eventually("its thumbnails are gone", lambda: not deployment.thumbnail_keys(VANISHED))
    deployment.dynamodb.put_item(TableName=table, Item=gone)
    for key, body in kept.items():
        deployment.s3.put_object(Bucket=thumbnails, Key=key, Body=body)

    deployment.dynamodb.delete_item(TableName=table, Key=row_of[MISSING])
    for key in deployment.thumbnail_keys(MISSING):
        deployment.s3.delete_object(Bucket=thumbnails, Key=key)
    rewrite(CHANGED, "etag", "of other bytes")
    rewrite(RESTYLED, "settings_fingerprint", "of other settings")
    lost = min(deployment.thumbnail_keys(THUMBNAIL_MISSING))
    deployment.s3.delete_object(Bucket=thumbnails, Key=lost)
    altered = min(deployment.thumbnail_keys(ALTERED))
    orphan = f"retired/{WHOLE}.webp"
    for key in (altered, orphan):
        deployment.s3.put_object(Bucket=thumbnails, Key=key, Body=b"of somebody else")
    return {
        ("missing", MISSING, None),
        ("changed", CHANGED, None),
        ("restyled", RESTYLED, None),
        ("thumbnail-missing", THUMBNAIL_MISSING, None),
        ("thumbnail-altered", ALTERED, altered),
        ("vanished", VANISHED, None),
        ("orphan", WHOLE, orphan),
    }


def name_of(deployment: Deployment, key: str) -> dict[str, Any]:
    return {"source_key": {"S": key}, "source_bucket": {"S": deployment.outputs["source_bucket"]}}


def test_damage_of_every_kind_is_found_and_mended(deployment: Deployment) -> None:
    for number, key in enumerate(KEYS):
        deployment.upload(key, picture(f"#{number:06x}"), "image/png")
    for key in KEYS:
        deployment.row_when(key, "READY")
    exit_code, told, summary = run()
    assert (exit_code, told, summary["current"], summary["completeness"]) == (0, set(), len(KEYS), 100.0)

    expected = damage(deployment)
    time.sleep(GRACE_SECONDS + 1)
    exit_code, told, summary = run()
    assert (exit_code, told, summary["current"]) == (1, expected, 1)

    exit_code, told, summary = run("--repair", "--yes")
    assert (exit_code, told) == (1, expected)
    assert summary["repaired"] == {"sent": 6, "deleted": 1, "kept": 0, "left": 0}

    def whole() -> dict[str, Any] | None:
        exit_code, told, summary = run()
        return summary if exit_code == 0 and not told else None

    summary = eventually("nothing is wrong any more", whole)
    assert (summary["checked"], summary["current"]) == (len(KEYS) - 1, len(KEYS) - 1)
    deployment.row_when(VANISHED, "DELETED")
    assert not deployment.thumbnail_keys(VANISHED)
    assert not [body for body in deployment.dead_letters() if PREFIX in body]


def test_a_job_in_the_account_finds_and_mends_the_same(deployment: Deployment) -> None:
    """Nobody but the deployed functions works on it."""
    for number, key in enumerate(KEYS):
        deployment.upload(key, picture(f"#{number + 16:06x}"), "image/png")
    for key in KEYS:
        deployment.row_when(key, "READY")
    expected = damage(deployment)
    time.sleep(GRACE_SECONDS + 1)
    options = ["--repair", "--yes", "--budget", "1"]
    usual = ["reconcile", "--in-account", "--json", "--prefix", PREFIX, "--grace", str(GRACE_SECONDS)]
    result = CliRunner().invoke(app, [*usual, *options])
    assert result.exit_code == 0, result.output
    job = json.loads(result.stdout)["job"]

    def shown() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(CliRunner().invoke(app, ["jobs", "show", job, "--json"]).stdout)
        return told

    eventually("the job is done", lambda: shown()["state"] == "done")
    told = shown()
    found = {(each["kind"], each["key"], each.get("thumbnail")) for each in told["examples"]}
    assert {each for each in found if each[0] != "foreign"} == expected
    counts = {what: number for what, number in told["objects"].items() if what != "foreign"}
    assert counts == {**{kind: 1 for kind, _, _ in expected}, "current": 1, "incomplete": 5, "sent": 6, "deleted": 1}
    exit_code, left, summary = run()
    assert (exit_code, left, summary["current"]) == (0, set(), len(KEYS) - 1)
