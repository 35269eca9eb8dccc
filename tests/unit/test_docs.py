"""What the documentation refers to exists: pages, headings, files, Make targets and commands of thumbctl."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from devtools.localaws.stack import REPOSITORY
from support.parsing import understood

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
        if workflow := re.fullmatch(r"\.\./\.\./actions/workflows/([a-z]+\.yml)(/badge\.svg)?", link):
            # A badge: the forge shows README below two more folders, so that it need not say whose repository it is.
            assert (REPOSITORY / ".github" / "workflows" / workflow[1]).exists(), link
        elif not link.startswith("https://"):
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


def test_every_decision_is_in_the_index() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    files = sorted(page.name for page in folder.glob("*.md") if page.name != "README.md")
    assert re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", text(folder / "README.md"), re.MULTILINE) == files
    assert [int(file[:4]) for file in files] == list(range(1, len(files) + 1))


def test_decisions_that_comments_name_exist() -> None:
    command = ["git", "grep", "-ohE", r"decisions/[0-9]{4}-[a-z-]+\.md"]
    named = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    assert [each for each in named if not (REPOSITORY / "docs" / each).exists()] == []
