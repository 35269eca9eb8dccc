"""thumbctl: how a stack is found, and what is said where it is not."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from devtools.localaws import stack as local_stack
from devtools.localaws.processes import Process
from devtools.localaws.stack import REPOSITORY
from thumbctl import local, stack
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETER = "/thumbnail-pipeline/photos"


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
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield


def deploy(value: str) -> None:
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value=value)


def up(port: int) -> None:
    """What `make up` leaves behind."""
    process = Process(os.getpid(), 0)
    local.LOCAL_STACK.parent.mkdir()
    running = local_stack.LocalStack(
        Path(), f"http://127.0.0.1:{port}", "us-east-1", {"table_name": "local"}, "queue", process, process, 2
    )
    local_stack.save(running, local.LOCAL_STACK)


@pytest.fixture
def emulator() -> Iterator[int]:
    """The port of something that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def failed(*arguments: str) -> str:
    """Run `thumbctl channels` and return what it complains about: one line, on standard error."""
    result = CliRunner().invoke(app, ["channels", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(".\n")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_by_name() -> None:
    deploy('{"table_name": "photos-catalog"}')
    found = stack.find("photos")
    assert (found.title, found.outputs) == ("photos in eu-central-1", {"table_name": "photos-catalog"})
    assert found.client("sqs").meta.region_name == "eu-central-1"


def test_at_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    deploy("{}")
    found = stack.find("photos")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert found.client("sns").meta.endpoint_url == "http://127.0.0.1:4566"


def test_of_this_directory(emulator: int) -> None:
    up(emulator)
    found = stack.find(None)
    assert (found.title, found.outputs) == (f"the local stack at http://127.0.0.1:{emulator}", {"table_name": "local"})
    assert found.client("sns").meta.endpoint_url == f"http://127.0.0.1:{emulator}"


def test_a_name_comes_before_this_directory(emulator: int) -> None:
    up(emulator)
    deploy('{"table_name": "photos-catalog"}')
    assert stack.find("photos").outputs == {"table_name": "photos-catalog"}


def test_none_is_named() -> None:
    said = failed()
    assert "--stack" in said
    assert "THUMBCTL_STACK" in said
    assert "make up" in said


def test_the_local_one_has_ended() -> None:
    up(9)
    assert "has ended: run 'make up' again" in failed()


def test_there_is_none_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    said = failed("--stack", "photos")
    assert said.startswith(
        f"There is no stack photos in eu-central-1, for there is no SSM parameter {PARAMETER}: correct"
    )
    monkeypatch.setenv("THUMBCTL_STACK", "photos")
    assert failed() == said


@pytest.mark.parametrize("value", ["gone", "[1, 2]", '"text"', "3"])
def test_the_parameter_is_no_json_object(value: str) -> None:
    deploy(value)
    assert "'terraform apply' puts it back" in failed("--stack", "photos")


def test_the_stack_is_of_another_release() -> None:
    deploy("{}")
    said = failed("--stack", "photos")
    assert said.startswith("The stack does not tell tools its topic_arns: it is of another release of the module")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "AWS denies GetParameter (alice may not): have it allowed, or be somebody else"),
        ("403", "AWS denies GetParameter (alice may not): have it allowed"),
        ("ExpiredTokenException", "The credentials have expired: log in again"),
    ],
)
def test_aws_refuses(code: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: BaseClient, operation: str, __: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "alice may not."}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    assert words in failed("--stack", "photos")


def test_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws(config={"core": {"mock_credentials": False}}):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        assert "There are no AWS credentials: log in" in failed("--stack", "photos")


def test_there_is_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "name the stack's in AWS_DEFAULT_REGION" in failed("--stack", "photos")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        assert failed("--stack", "photos").startswith("http://127.0.0.1:9/ does not answer: check the network")


def test_options_before_the_command_are_not_lost_silently() -> None:
    result = CliRunner().invoke(app, ["channels", "--stack", "photos", "test"])
    assert result.exit_code == 2
    assert "options go behind the command: thumbctl channels test" in result.stderr


def test_the_name_of_the_parameter_is_the_modules() -> None:
    text = (REPOSITORY / "terraform" / "names.tf").read_text()
    assert re.search(rf'tools_parameter += {{ full = "{re.escape(stack.PARAMETER.format(name="${var.name}"))}"', text)


def test_what_the_readme_shows_exists() -> None:
    text = (REPOSITORY / "README.md").read_text()
    inline = re.findall(r"`(?:\.venv/bin/)?thumbctl ([^`]+)`", text)
    lines = re.findall(r"^thumbctl ([^#\n]+)", text, re.MULTILINE)
    assert len(inline) > 10
    assert len(lines) > 4
    commands = [*inline, *lines]
    assert not any("--install-completion" in command for command in commands), "it would change whoever runs the tests"
    for command in commands:
        result = CliRunner().invoke(app, [*command.split(), "--help"])
        assert result.exit_code == 0, result.output


def test_every_command_says_what_it_does() -> None:
    said = CliRunner().invoke(app, ["--help"]).stdout
    for words in ("Operate the thumbnail pipeline.", "render", "channels", "Exit codes", "THUMBCTL_STACK"):
        assert words in said


def test_the_same_client_is_made_once() -> None:
    client, patient = stack.clients(region_name="eu-central-1"), Config(read_timeout=600)
    assert client("sqs") is client("sqs")
    assert client("sqs", patient) is client("sqs", patient)
    assert client("sqs", patient) is not client("sqs")
    assert client("sqs").meta.region_name == "eu-central-1"
