"""thumbctl --help: a newcomer can work from it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from devtools.localaws.stack import REPOSITORY
from thumbctl.app import Deferred, app

if TYPE_CHECKING:
    from collections.abc import Iterator

PANELS = ["Import & backfill", "Look", "Mend", "Check"]
ROOT: Any = typer.main.get_command(app)

# What is about this machine and not about a stack.
OPTIONS_OF_THE_SHELL = {"install_completion", "show_completion", "help"}


def commands(command: Any = ROOT, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups that are commands themselves among them."""
    if isinstance(command, Deferred):
        command = command.load()
    if not isinstance(command, TyperGroup) or (path and command.invoke_without_command):
        yield path, command
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from commands(child, *path, name)


COMMANDS = dict(commands())
IDS = [" ".join(path) for path in COMMANDS]


def texts() -> Iterator[tuple[str, str]]:
    """Whatever may name a command: help, and the remedies in what thumbctl and the functions say."""
    for path, command in COMMANDS.items():
        yield f"help of {' '.join(path)}", "\n".join([command.help, *(each.help or "" for each in command.params)])
    yield "help", ROOT.help
    for folder in ("scripts/thumbctl", "functions"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            yield file.name, file.read_text(encoding="utf-8")


def test_the_walk_sees_commands_within_groups() -> None:
    assert {("show",), ("channels",), ("channels", "test")} <= COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=IDS)
def test_every_command_and_option_has_help(command: Any) -> None:
    first, _, _ = inspect.cleandoc(command.help or "").partition("\n")
    assert first.endswith("."), f"no sentence that fits a list of commands: {first!r}"
    silent = [each.name for each in command.params if not (each.help or "").strip()]
    assert not silent
    assert all(each.help.endswith(".") for each in command.params if each.name not in OPTIONS_OF_THE_SHELL)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=IDS)
def test_every_command_is_for_scripts_as_well(command: Any) -> None:
    assert any("--json" in each.opts for each in command.params)


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_help_is_printed(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "--json" in result.stdout


def test_commands_are_listed_in_the_order_of_work() -> None:
    printed = CliRunner().invoke(app, ["--help"]).stdout
    assert re.findall(r"─ ([A-Z][\w &]+) ─", printed) == ["Options", *PANELS]


@pytest.mark.parametrize("name", ROOT.commands)
def test_the_overview_says_of_a_command_what_the_command_says(name: str) -> None:
    listed = ROOT.commands[name]
    first, _, _ = inspect.cleandoc(listed.load().help).partition("\n\n")
    assert " ".join(first.split()).startswith(listed.help)


def test_the_overview_imports_no_more_than_it_needs() -> None:
    command = "import sys\nfrom thumbctl.app import app\napp(['--help'], standalone_mode=False)\nprint(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout
    modules = printed.splitlines()[-1].split()
    heavy = {
        "boto3",
        "botocore",
        "PIL",
        "pyarrow",
        "awscrt",
        "pygments",
        "pydantic",
        "markdown_it",
        "thumbnail_pipeline",
    }
    assert heavy.isdisjoint(each.partition(".")[0] for each in modules)
    assert {each for each in modules if each.startswith("thumbctl")} == {
        "thumbctl", "thumbctl.app", "thumbctl.conventions", "thumbctl.errors",
    }  # fmt: skip
    assert len(modules) < 450


def test_only_commands_that_exist_are_named() -> None:
    named = [(where, words) for where, text in texts() for words in re.findall(r"[`']thumbctl ((?:[a-z]+ ?)+)", text)]
    assert len(named) > 10
    unknown = [
        (where, words)
        for where, words in named
        if not any(tuple(words.split())[: len(path)] == path for path in COMMANDS)
    ]
    assert not unknown
