"""A release: of one commit, complete, the same wherever it is built, and refused where something is not ready."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from devtools.bundle.build import FUNCTIONS
from devtools.errors import DevtoolsError
from devtools.localaws.stack import REPOSITORY
from devtools.release import build, module, wheel
from devtools.release.build import Kit
from devtools.release.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "1.2.3"
HERE = f"python3.{sys.version_info.minor}"
SCRIPT = f"""
from devtools.release import build
build.RUNTIMES, build.ARCHITECTURES = ("{HERE}",), ("arm64",)
from devtools.release.__main__ import main
raise SystemExit(main())
"""


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with everything of this one, whose only commit is to be released."""
    root = tmp_path_factory.mktemp("ready") / "repository"
    left_out = shutil.ignore_patterns("build", "node_modules", "tests", "__pycache__", ".*")
    shutil.copytree(REPOSITORY, root, symlinks=True, ignore=left_out)
    (root / "terraform" / "VERSION").write_text(f"{VERSION}\n")
    changelog = "# Changelog\n\n## Unreleased\n\n- Next.\n\n## 1.2.3 — 2026-01-31\n\n- News.\n\n## 1.2.2\n\n- Old.\n"
    (root / "CHANGELOG.md").write_text(changelog)
    (root / ".gitignore").write_text("build/\n__pycache__/\n*.egg-info/\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Release")
    return root


@pytest.fixture(scope="module")
def released(ready: Path) -> Path:
    """The release of it, for this interpreter's version and arm64 alone."""
    output = ready / "build" / "release" / VERSION
    environment = {**os.environ, "PYTHONPATH": f"{ready / 'scripts'}:{ready / 'functions'}"}
    command = [sys.executable, "-c", SCRIPT, VERSION, str(output), "--interpreter", sys.executable]
    finished = subprocess.run(command, env=environment, cwd=ready, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return output


@pytest.fixture(scope="module")
def unzipped(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module as it is unzipped."""
    folder = tmp_path_factory.mktemp("module")
    with zipfile.ZipFile(released / f"terraform-aws-thumbnail-pipeline-{VERSION}.zip") as zipped:
        zipped.extractall(folder)
    return folder


def test_a_release_is_complete(released: Path) -> None:
    assert {each.name for each in released.iterdir()} == {
        f"thumbnail-pipeline-{VERSION}-{HERE}-arm64.zip",
        f"layer-{VERSION}-{HERE}-arm64.cdx.json",
        f"terraform-aws-thumbnail-pipeline-{VERSION}.zip",
        f"thumbnail_pipeline-{VERSION}-py3-none-any.whl",
        "release.json",
        "NOTES.md",
        "SHA256SUMS",
    }
    assert (released / "NOTES.md").read_text() == "- News.\n"


def test_checksums_are_those_of_the_files(released: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=released, check=True, capture_output=True)
    listed = {line.split("  ")[1] for line in (released / "SHA256SUMS").read_text().splitlines()}
    assert listed == {each.name for each in released.iterdir()} - {"SHA256SUMS"}


def test_it_tells_what_it_was_made_of(ready: Path, released: Path, tmp_path: Path) -> None:
    told = json.loads((released / "release.json").read_text())
    (kit,) = told.pop("archives")
    assert told == {"version": VERSION, "commit": git(ready, "rev-parse", "HEAD").strip()}
    with zipfile.ZipFile(released / kit.pop("file")) as zipped:
        zipped.extractall(tmp_path)
    assert kit == json.loads((tmp_path / "archives.json").read_text())
    assert kit["bytecode"] == "CPython " + sys.version.split()[0]
    assert set(kit["sha256"]) == {*FUNCTIONS, "layer"} == {each.stem for each in tmp_path.glob("*.zip")}
    digest = hashlib.sha256((tmp_path / "layer.zip").read_bytes()).digest()
    assert base64.b64decode(kit["sha256"]["layer"]) == digest


def test_every_archive_has_bytecode(released: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(released / f"thumbnail-pipeline-{VERSION}-{HERE}-arm64.zip") as zipped:
        zipped.extractall(tmp_path)
    for each in tmp_path.glob("*.zip"):
        with zipfile.ZipFile(each) as zipped:
            names = zipped.namelist()
        assert sum(name.endswith(".pyc") for name in names) == sum(name.endswith(".py") for name in names) > 0


def test_the_root_of_the_zip_is_the_module(unzipped: Path) -> None:
    assert {"main.tf", "variables.tf", "outputs.tf", "VERSION", "README.md", "LICENSE", "modules", "examples"} <= {
        each.name for each in unzipped.iterdir()
    }
    assert not {"tests", "environments"} & {each.name for each in unzipped.iterdir()}
    assert not list(unzipped.rglob(".terraform*"))


def test_examples_find_the_module(unzipped: Path) -> None:
    sources = {
        (example / source).resolve()
        for example in (unzipped / "examples").iterdir()
        for file in example.glob("*.tf")
        for source in re.findall(r'source\s+= "(\.\.?/[^"]*)"', file.read_text())
    }
    assert sources == {unzipped}


def links(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pages in a folder, and where each leads."""
    for page in folder.rglob("*.md"):
        for address in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if ":" not in address:
                yield page, address


def test_every_link_leads_to_something_in_the_zip(unzipped: Path) -> None:
    found = list(links(unzipped))
    assert len(found) > 100
    assert [(page.name, to) for page, to in found if not (page.parent / to).resolve().is_relative_to(unzipped)] == []
    assert [(page.name, address) for page, address in found if not (page.parent / address).exists()] == []


def test_it_is_the_same_wherever_it_is_built(ready: Path, released: Path, tmp_path: Path) -> None:
    """The archives' tests hold the same of them."""
    elsewhere = shutil.copytree(ready, tmp_path / "quite" / "elsewhere", ignore=shutil.ignore_patterns("build"))
    source = Source.of(elsewhere, VERSION)
    module.write_zip(tmp_path / "module.zip", elsewhere, tmp_path / "module")
    built = wheel.write(tmp_path, elsewhere, tmp_path / "wheel", source.committed_at)
    for first, second in {
        released / f"terraform-aws-thumbnail-pipeline-{VERSION}.zip": tmp_path / "module.zip",
        released / built.name: built,
    }.items():
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("version", "spoilt", "said"),
    [
        ("", None, "nothing is no version: name one such as VERSION=1.2.3"),
        ("v1.2.3", None, "v1.2.3 is no version"),
        ("1.2.4", None, "terraform/VERSION says 1.2.3, and not 1.2.4: write the version there"),
        (VERSION, "terraform/main.tf", "there are changes that are in no commit, such as terraform/main.tf: commit"),
        (VERSION, "functions/new.py", "there are changes that are in no commit, such as functions/new.py: commit"),
        (VERSION, "CHANGELOG.md", "CHANGELOG.md has no section '## 1.2.3': say there what is new"),
    ],
)
def test_what_is_not_ready_is_refused(ready: Path, tmp_path: Path, version: str, spoilt: str | None, said: str) -> None:
    root = shutil.copytree(ready, tmp_path / "copy", ignore=shutil.ignore_patterns("build"))
    if spoilt:
        (root / spoilt).write_text("# Changelog\n\n## Unreleased\n")
    if spoilt == "CHANGELOG.md":
        git(root, "commit", "--quiet", "--all", "--message", "Spoil")
    with pytest.raises(DevtoolsError, match=re.escape(said)):
        Source.of(root, version)


def test_what_is_no_repository_is_said(tmp_path: Path) -> None:
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "VERSION").write_text(VERSION)
    with pytest.raises(DevtoolsError, match="git cannot tell what would be released: fatal: not a git repository"):
        Source.of(tmp_path, VERSION)


def test_no_archive_goes_without_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(DevtoolsError, match=r"no Python 3\.99 is on PATH, .* LEAVE_OUT=python3\.99$"):
        Kit.of("python3.99", [sys.executable])


def test_what_was_built_before_is_not_overwritten(ready: Path, tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="is there already: remove it to build the release anew"):
        build.build_release(Source.of(ready, VERSION), tmp_path, build.RUNTIMES, [])


def test_something_is_left_to_release(ready: Path, tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="every runtime is left out: there would be nothing to release"):
        build.build_release(Source.of(ready, VERSION), tmp_path / "new", build.RUNTIMES, [])
    assert not (tmp_path / "new").exists()
