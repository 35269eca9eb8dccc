"""Terraform's own checks: format, validity of every root, and the module's tests with a mocked provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from localaws.stack import REPOSITORY
from localaws.terraform import Root

if TYPE_CHECKING:
    from pathlib import Path

MODULE = REPOSITORY / "terraform"
ROOTS = [MODULE, *sorted(main.parent for main in MODULE.glob("environments/*/main.tf"))]


def test_everything_is_formatted(tmp_path: Path) -> None:
    Root(MODULE, tmp_path).run("fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("module", ROOTS, ids=lambda module: str(module.relative_to(REPOSITORY)))
def test_root_is_valid(module: Path, tmp_path: Path) -> None:
    root = Root(module, tmp_path)
    root.init(backend=False)
    assert "Success" in root.run("validate", "-no-color")


def test_module_keeps_its_promises(tmp_path: Path) -> None:
    root = Root(MODULE, tmp_path)
    root.init(backend=False)
    summary = re.search(r"(\d+) passed, (\d+) failed", root.run("test", "-no-color"))
    assert summary is not None
    assert int(summary[1]) > 0
    assert summary[2] == "0"
