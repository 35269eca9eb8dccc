"""thumbctl: what the shell completes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from thumbctl.app import app
from thumbctl.conventions import complete_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def completed(typed: str) -> list[str]:
    """What the shell is told to offer behind what was typed, as bash asks for it."""
    words = typed.split(" ")
    result = CliRunner().invoke(
        app,
        [],
        prog_name="thumbctl",
        env={
            "_THUMBCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.split()


def deploy(*names: str) -> None:
    for name in names:
        boto3.client("ssm").put_parameter(Name=name, Type="String", Value="{}")


def test_the_names_of_stacks() -> None:
    deploy(
        *(f"/thumbnail-pipeline/photos-{number}" for number in range(12)), "/thumbnail-pipeline/dev", "/other/photos"
    )
    assert complete_stack("") == ["dev", *sorted(f"photos-{number}" for number in range(12))]
    assert complete_stack("d") == ["dev"]
    assert completed("thumbctl show --stack d") == ["dev"]
    assert completed("thumbctl channels test --stack photos-11") == ["photos-11"]


def test_commands() -> None:
    assert completed("thumbctl doc") == ["doctor"]


def test_tiers() -> None:
    assert completed("thumbctl channels test --tier ") == ["failures", "warning", "critical"]


@pytest.mark.parametrize("command", ["failures", "retry"])
def test_reasons(command: str) -> None:
    assert completed(f"thumbctl {command} --reason too-many") == [
        "too-many-frames",
        "too-many-pixels",
        "too-many-scans",
    ]
    assert completed(f"thumbctl {command} --reason f") == ["foreign-bucket"]


@pytest.mark.parametrize("lacking", ["credentials", "region", "permission", "network"])
def test_nothing_is_said_where_nothing_can_be_asked(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    match lacking:
        case "credentials":
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        case "region":
            monkeypatch.delenv("AWS_DEFAULT_REGION")
        case "permission":

            def refuse(_: BaseClient, operation: str, __: Any) -> None:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

            monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
        case "network":
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    began = time.monotonic()
    with mock_aws(config={"core": {"mock_credentials": False, "passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        assert completed("thumbctl show --stack ") == []
    assert time.monotonic() - began < 5
