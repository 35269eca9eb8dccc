"""The wheel of thumbctl: the same bytes wherever it is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from devtools.bundle import archive
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, root: Path, staging: Path, committed_at: int) -> Path:
    """Build the wheel of the repository at `root` in `staging`, write it into `directory`, and return where.

    Raises DevtoolsError.
    """
    # Setuptools leaves its build beside the sources, so they are a copy.
    sources = staging / "sources"
    for name in ("functions", "scripts"):
        shutil.copytree(root / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    (sources / "terraform").mkdir()
    for name in ("pyproject.toml", "terraform/VERSION", "LICENSE"):
        shutil.copy(root / name, sources / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    finished = subprocess.run(
        [*command, "--wheel-dir", str(staging), str(sources)],
        # https://reproducible-builds.org/specs/source-date-epoch/
        env={**os.environ, "SOURCE_DATE_EPOCH": str(committed_at)},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise DevtoolsError(f"the wheel cannot be built:\n{finished.stderr.strip()}")
    (built,) = staging.glob("*.whl")
    unpacked = staging / "wheel"
    with zipfile.ZipFile(built) as zipped:
        zipped.extractall(unpacked)
    archive.write(directory / built.name, unpacked, (path for path in unpacked.rglob("*") if path.is_file()))
    return directory / built.name
