"""thumbctl devices against the broker: what it adds can connect, and what it revokes cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import stack
from support.cameras import CAMERA, Registry, Talk
from support.mqtt import Connection, Identity
from support.pictures import picture
from thumbctl.app import app
from thumbctl.local import LOCAL_STACK

if TYPE_CHECKING:
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _here(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand where a local stack was made."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    LOCAL_STACK.parent.mkdir()
    stack.save(deployment.stack, LOCAL_STACK)


def run(*arguments: object) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["devices", *map(str, arguments), "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_device_from_its_first_day_to_its_last(deployment: Deployment, tmp_path: Path) -> None:
    registry = Registry(deployment, tmp_path)
    run("add", "life", "--to", "life")
    folder, kit = tmp_path / "pictures", tmp_path / "life"
    folder.mkdir()
    (folder / "cat.png").write_bytes(picture("#600000"))
    camera = [sys.executable, str(CAMERA), str(kit / "device.json"), str(folder), "--patience", "5"]
    ran = subprocess.run(camera, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == "cat.png READY\n"

    (shown,) = run("show", "life")
    assert (shown["state"], [each["status"] for each in shown["newest"]]) == ("active", ["READY"])
    assert 0 < shown["used"]["bytes_today"] < 10_000
    assert {each["thing"]: each["state"] for each in run("list")}["life"] == "active"

    certificate = f"cert/{shown['certificates'][0]['id']}"
    identity = Identity(certificate, kit / "certificate.pem", kit / "private.key")
    with Talk(registry, "life", identity) as talk:
        (revoked,) = run("revoke", "life", "--yes")
        assert talk.ended.wait(20)
    assert revoked["images"] == f"s3://{deployment.outputs['source_bucket']}/things/life/"
    with pytest.raises(PermissionError), Connection(registry.broker, identity, "life"):
        pass
    assert "life" not in {each["thing"] for each in run("list")}


def test_a_device_that_waits_for_its_claim_can_be_given_a_certificate(deployment: Deployment, tmp_path: Path) -> None:
    registry = Registry(deployment, tmp_path)
    run("add", "waits", "--by-claim")
    assert {each["thing"]: each["state"] for each in run("list")}["waits"] == "waiting"
    (added,) = run("add", "waits", "--to", "waits")
    kit = tmp_path / "waits"
    identity = Identity(f"cert/{added['certificate']}", kit / "certificate.pem", kit / "private.key")
    with Talk(registry, "waits", identity):
        pass
    run("revoke", "waits", "--yes")
