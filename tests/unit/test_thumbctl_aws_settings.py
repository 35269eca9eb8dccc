"""thumbctl: whatever the environment and the profile say to the AWS SDK, people read one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import botocore
import pytest
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    DEFAULT_PROXIES_CONFIG_VARS,
    DEFAULT_S3_CONFIG_VARS,
)
from typer.testing import CliRunner

from support.pictures import picture
from thumbctl.app import app
from thumbctl.conventions import complete_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nobody answers there, so where a setting is of no account people read that.
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1", "AWS_DEFAULT_REGION": "eu-central-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}

SOURCES = [file.read_text(encoding="utf-8") for file in Path(botocore.__file__).parent.glob("*.py")]
VARIABLES = sorted({name for text in SOURCES for name in re.findall(r"['\"]((?:AWS|BOTOCORE)_[A-Z0-9_]+)['\"]", text)})

TABLES = (BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS, DEFAULT_PROXIES_CONFIG_VARS)
# What has a variable as well is converted and checked alike.
NAMES = [entry[0] for table in TABLES for entry in table.values() if not entry[1]]
READ = re.compile(r"(?:scoped_config|profile_config|profile)\.get\(\s*['\"]([a-z_0-9]+)")
SETTINGS = sorted(
    {
        *(name for name in NAMES if isinstance(name, str)),
        *(name for text in SOURCES for name in READ.findall(text)),
        "aws_access_key_id", "credential_process", "s3", "sso_start_url", "web_identity_token_file",
    }
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTOCORE_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def complaint(environment: Mapping[str, str]) -> str:
    """The one line that people read."""
    result = CliRunner().invoke(app, ["pause", "work", "--stack", "photos"], env=environment)
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


def test_the_lists_are_not_empty() -> None:
    assert len(VARIABLES) > 40
    assert len(SETTINGS) > 15


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_makes_no_sense(name: str) -> None:
    complaint({**NOWHERE, **KEYS, name: "abc"})


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_the_profile_that_makes_no_sense(name: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"[profile mine]\n{name} = abc\n", encoding="utf-8")
    complaint({**NOWHERE, **KEYS, "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "mine"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "abc"),
        ("AWS_MAX_ATTEMPTS", "abc"),
        ("AWS_CREDENTIAL_EXPIRATION", "abc"),
        ("AWS_PROFILE", "abc"),
        ("AWS_RETRY_MODE", "abc"),
        ("AWS_DEFAULT_REGION", "a b"),
    ],
)
def test_the_variable_is_named(name: str, value: str) -> None:
    assert complaint({**NOWHERE, **KEYS, name: value}).endswith(f"correct {name}.")


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ENDPOINT_URL": "http://["},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:99999"},
        {"AWS_ENDPOINT_URL": "https://127.0.0.1:9", "AWS_CA_BUNDLE": "/not/there"},
        {"AWS_SESSION_TOKEN": "two\nlines"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_SECRET_ACCESS_KEY": ""},
        {"HTTP_PROXY": "http://["},
    ],
    ids=str,
)
def test_what_is_wrong_in_a_way_of_its_own(environment: dict[str, str]) -> None:
    complaint({**NOWHERE, **KEYS, **environment})


def test_nothing_disturbs_who_is_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "abc")
    assert complete_stack("") == []


def test_a_fault_of_thumbctl_is_none_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr("thumbctl.pause.stacks.find", fail)
    result = CliRunner().invoke(app, ["pause", "work", "--stack", "photos"])
    assert isinstance(result.exception, ValueError)


@pytest.mark.parametrize("arguments", [["--help"], ["show", "--help"], ["render", "."]])
def test_a_reader_who_has_gone_is_no_failure(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(picture())
    command = [sys.executable, "-c", "from thumbctl.app import main; main()", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (141, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["render", "."]])
def test_a_full_disk_is_told(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(picture())
    command = [sys.executable, "-c", "from thumbctl.app import main; main()", *arguments]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, check=False, text=True)
    assert ended.returncode == 2
    assert ended.stderr == "Standard output cannot be written (No space left on device): make room, and start again.\n"
