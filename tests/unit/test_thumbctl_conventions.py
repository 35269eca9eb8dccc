"""thumbctl: what the shell completes, and how text from outside is shown."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from thumbctl import conventions
from thumbctl.app import app
from thumbctl.conventions import complain, complete_stack, console, write_json
from thumbctl.terminal import plain_table
from thumbctl.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.mark.parametrize(
    "text", ["[/x].jpg", "[red]x", ":cat:", "\x1b[2J", "two\nlines", "\u202egpj.x", "\x9b31m", "\udcff"]
)
def test_text_from_outside_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printable(text)
    assert shown.isprintable()
    console().print(text)
    assert capsys.readouterr().out == f"{shown}\n"
    table = plain_table("Key", title=text)
    table.add_row(text)
    console().print(table)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [shown, "Key", shown]
    complain(text)
    assert capsys.readouterr().err == f"{shown}\n"
    write_json([{"key": text}])
    assert json.loads(capsys.readouterr().out) == {"key": text}


def test_nothing_is_shown_but_by_a_terminal() -> None:
    for file in Path(conventions.__file__).parent.rglob("*.py"):
        imported = re.findall(
            r"^\s*from (rich\S*) import (.*?)(?:  #.*)?$", file.read_text(encoding="utf-8"), re.MULTILINE
        )
        by_hand = {f"{module}.{name}" for module, names in imported for name in names.split(", ")}
        assert file.name == "terminal.py" or by_hand.isdisjoint(
            {"rich.console.Console", "rich.text.Text", "rich.print"}
        ), file
        assert not any(name.startswith("rich.markup") for name in by_hand), file
