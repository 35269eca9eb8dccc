"""thumbctl --help: a newcomer can work from it."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from PIL import Image
from typer.core import TyperGroup
from typer.testing import CliRunner

from devtools.localaws.stack import REPOSITORY
from support.parsing import understood
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


def examples(command: Any) -> list[str]:
    """What the help of a command ends in, without the comments."""
    _, _, block = inspect.cleandoc(command.help).partition("\nExamples:\n\n")
    return [line.strip() for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize(("path", "command"), COMMANDS.items(), ids=IDS)
def test_help_ends_in_examples_that_are_understood(path: tuple[str, ...], command: Any) -> None:
    lines = examples(command)
    assert 2 <= len(lines) <= 4
    for line in lines:
        _, _, words = line.rpartition("thumbctl ")
        assert words.startswith(" ".join(path))
        understood(words)


@pytest.mark.parametrize(
    "line", [line for name in ("render", "estimate") for line in examples(COMMANDS[name,]) if "--stack" not in line]
)
def test_examples_that_need_no_stack_work(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for file in ("cat.jpg", "photos/dog.jpg"):
        Image.new("RGB", (64, 48)).save(file)
    Path("renditions.json").write_text('[{"name": "small", "width": 32, "height": 32}]', encoding="utf-8")
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


def test_commands_are_listed_in_the_order_of_work() -> None:
    printed = CliRunner().invoke(app, ["--help"]).stdout
    assert re.findall(r"^([A-Z][\w &]+):$", printed, re.MULTILINE) == ["Options", *PANELS]


@pytest.mark.parametrize("name", ROOT.commands)
def test_the_overview_says_of_a_command_what_the_command_says(name: str) -> None:
    listed = ROOT.commands[name]
    first, _, _ = inspect.cleandoc(listed.load().help).partition("\n\n")
    assert " ".join(first.split()).startswith(listed.help)


def imported(*arguments: str) -> list[str]:
    """The modules that a command has imported when it is through."""
    command = f"import sys\nfrom thumbctl.app import app\napp({arguments}, standalone_mode=False)\nprint(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout
    return printed.splitlines()[-1].split()


def test_the_overview_imports_no_more_than_it_needs() -> None:
    modules = imported("--help")
    heavy = {
        "awscrt", "boto3", "botocore", "markdown_it", "PIL", "pyarrow", "pydantic", "pygments", "rich",
        "thumbnail_pipeline",
    }  # fmt: skip
    assert heavy.isdisjoint(each.partition(".")[0] for each in modules)
    assert {each for each in modules if each.startswith("thumbctl")} == {
        "thumbctl", "thumbctl.app", "thumbctl.conventions", "thumbctl.errors", "thumbctl.words",
    }  # fmt: skip
    assert len(modules) < 200


def test_render_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "cat.jpg")
    modules = imported("render", str(tmp_path / "cat.jpg"))
    heavy = {"awscrt", "boto3", "botocore", "markdown_it", "pyarrow", "pydantic", "pygments", "urllib3"}
    assert {"rich._emoji_codes", "rich.progress", "rich.table"}.isdisjoint(modules)
    assert heavy.isdisjoint(each.partition(".")[0] for each in modules)
    assert len(modules) < 330


def test_status_imports_no_more_than_it_needs() -> None:
    command = "import sys\nimport thumbctl.looking.status\nprint(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout
    modules = printed.split()
    heavy = {"aws_xray_sdk", "boto3", "markdown_it", "PIL", "pyarrow", "pydantic", "pygments"}
    assert heavy.isdisjoint(each.partition(".")[0] for each in modules)
    assert {"rich._emoji_codes", "rich.live", "thumbctl.costs", "thumbnail_pipeline.renderer"}.isdisjoint(modules)
    assert len(modules) < 480


def test_only_commands_that_exist_are_named() -> None:
    named = [(where, words) for where, text in texts() for words in re.findall(r"[`']thumbctl ((?:[a-z]+ ?)+)", text)]
    assert len(named) > 10
    unknown = [
        (where, words)
        for where, words in named
        if not any(tuple(words.split())[: len(path)] == path for path in COMMANDS)
    ]
    assert not unknown
