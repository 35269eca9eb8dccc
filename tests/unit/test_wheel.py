"""The wheel: what `pipx install .` puts on a machine that has nothing of this repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devtools.localaws.stack import REPOSITORY
from support.pictures import picture

if TYPE_CHECKING:
    from pathlib import Path

UV = shutil.which("uv") or str(REPOSITORY / ".uv" / "bin" / "uv")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment with the wheel and what it declares to depend on, at the versions tested."""
    folder = tmp_path_factory.mktemp("wheel")
    # Setuptools leaves its build beside the sources, so they are a copy.
    sources = folder / "sources"
    for name in ("functions", "scripts"):
        shutil.copytree(REPOSITORY / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    (sources / "terraform").mkdir()
    for file in ("pyproject.toml", "terraform/VERSION"):
        shutil.copy(REPOSITORY / file, sources / file)
    constraints = folder / "constraints.txt"
    frozen = run(UV, "pip", "freeze", "--exclude-editable", "--python", sys.executable)
    constraints.write_text(frozen, encoding="utf-8")
    environment = folder / "environment"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    run(UV, "pip", "install", "--quiet", "--python", environment, "--constraint", constraints, sources)
    return environment


def run(*command: str | Path) -> str:
    """Run a command as somebody who has nothing of this repository, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_nothing_but_well_named_packages_is_installed(installed: Path) -> None:
    listed = json.loads(run(UV, "pip", "list", "--format", "json", "--python", installed))
    (packages,) = installed.glob("lib/python*/site-packages")
    (record,) = packages.glob("thumbnail_pipeline-*.dist-info/RECORD")
    ours = {line.partition("/")[0] for line in record.read_text(encoding="utf-8").splitlines()}
    assert {name for name in ours if not name.endswith(".dist-info")} == {"..", "thumbctl", "thumbnail_pipeline"}
    assert "aws-xray-sdk" not in {each["name"] for each in listed}


def test_the_overview(installed: Path) -> None:
    assert "backfill" in run(installed / "bin" / "thumbctl", "--help")


def test_a_picture_is_rendered(installed: Path, tmp_path: Path) -> None:
    source = tmp_path / "cat.jpg"
    source.write_bytes(picture())
    out = tmp_path / "out"
    printed = run(installed / "bin" / "thumbctl", "render", "--json", "--out", out, source)
    assert json.loads(printed)["status"] == "READY"
    assert len(list(out.rglob("*.webp"))) == 3


def test_every_command_finds_what_it_imports(installed: Path) -> None:
    script = "from thumbctl.app import app"
    script += "\nimport typer\nfor each in typer.main.get_command(app).commands.values(): each.load()"
    run(installed / "bin" / "python", "-c", script)
