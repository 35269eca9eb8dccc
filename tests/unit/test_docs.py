"""What the documentation refers to exists: pages, headings, files, Make targets and commands of thumbctl."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from devtools.localaws.stack import REPOSITORY
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES: Final = sorted(
    page
    for folder in (".", "docs", "docs/decisions", "docs/examples", "terraform", "terraform/examples/*")
    for page in REPOSITORY.glob(f"{folder}/*.md")
)
# These two tell of files and inputs that are gone, and have to.
CURRENT: Final = [page for page in PAGES if page.name not in {"CHANGELOG.md", "upgrading.md"}]
PATH: Final = re.compile(r"(?<![\w./-])(?:bench|docs|functions|layers|scripts|terraform|tests)/[\w./*{},-]*")
ROOT: Final[Any] = typer.main.get_command(app)


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What a link may have behind #: the headings of a page, spelled as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


def code(page: Path) -> Iterator[str]:
    """Every line of code on the page, in a block or between backticks."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE):
        yield from [] if language == "mermaid" else block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`]+)`", prose(page).replace("\n", " "))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not link.startswith("https://"):
            file, _, anchor = link.partition("#")
            target = page.parent / file if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = {path.rstrip("/.") for line in code(page) for path in PATH.findall(line)}
    assert [path for path in named if not any(any(REPOSITORY.glob(each)) for each in spelled_out(path))] == []


def spelled_out(path: str) -> list[str]:
    """`a/{b,c}` as the shell reads it."""
    found = re.search(r"\{([^}]*)\}", path)
    return [path.replace(found[0], each) for each in found[1].split(",")] if found else [path]


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_modules_that_are_run_exist(page: Path) -> None:
    for module in {module for line in code(page) for module in re.findall(r"python -m ([a-z_.]+)", line)}:
        roots = [REPOSITORY / root / module.replace(".", "/") for root in ("", "scripts", "tests")]
        assert any(root.with_suffix(".py").exists() or (root / "__main__.py").exists() for root in roots), module


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", text(REPOSITORY / "Makefile"), re.MULTILINE))
    assert {target for line in code(page) for target in re.findall(r"^(?:\$ )?make ([a-z0-9-]+)", line)} <= targets


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_thumbctl_understands_the_commands(page: Path) -> None:
    for line in code(page):
        if called := re.match(r"(?:\$ )?(?:\.venv/bin/)?thumbctl (.+)", line.strip()):
            understood(called[1])


def understood(words: str) -> None:
    """Have thumbctl parse a command, up to where the page goes on to explain it, and run nothing."""
    given = shlex.split(re.split(r" [|>] |;|  +", words)[0], comments=True)
    command, path = ROOT, ["thumbctl"]
    while isinstance(command, TyperGroup) and given and given[0] in command.commands:
        path.append(given.pop(0))
        command = command.commands[path[-1]]
    try:
        command.make_context(" ".join(path), [*(given or ["--json"])])
    except typer.Exit:
        assert given[-1] == "--help"
    except TyperException as error:
        # What is only named lacks its arguments, and the files of an example are not there.
        if not re.search("(?i)missing (parameter|argument)|requires an argument|does not exist", str(error)):
            pytest.fail(f"thumbctl {words}: {error}")


def test_every_decision_is_in_the_index() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    files = sorted(page.name for page in folder.glob("*.md") if page.name != "README.md")
    assert re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", text(folder / "README.md"), re.MULTILINE) == files
    assert [int(file[:4]) for file in files] == list(range(1, len(files) + 1))


def test_decisions_that_comments_name_exist() -> None:
    command = ["git", "grep", "-ohE", r"decisions/[0-9]{4}-[a-z-]+\.md"]
    named = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    assert [each for each in named if not (REPOSITORY / "docs" / each).exists()] == []
