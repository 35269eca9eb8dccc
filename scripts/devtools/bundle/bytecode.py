"""Bytecode for an archive, made by an interpreter of the version that will run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devtools.bundle.target import Target


def interpreter(target: Target, named: Sequence[str] = ()) -> str | None:
    """The one of the `named` interpreters, or of those that are found, that makes bytecode for the target.

    None where none is named and none of the target's version is found: bytecode of another would be ignored. Raises
    DevtoolsError when none of those named will do.
    """
    found = next((each for each in named or _candidates(target.version) if is_for(target, each)), None)
    if named and found is None:
        which = " or ".join(f"{each}, which is {_runs(each) or 'no interpreter that runs'}" for each in named)
        raise DevtoolsError(
            f"bytecode for Python {target.version} cannot come from {which}: name an interpreter of that version"
        )
    return found


def is_for(target: Target, interpreter: str) -> bool:
    """Whether the bytecode that an interpreter makes is of the target's version."""
    return _runs(interpreter) == f"cpython {target.version}"


def full_version(interpreter: str) -> str:
    """Implementation and whole version of an interpreter, such as "CPython 3.13.0"."""
    tell = "import platform; print(platform.python_implementation(), platform.python_version())"
    return subprocess.run([interpreter, "-I", "-c", tell], capture_output=True, text=True, check=True).stdout.strip()


def compile_all(directory: Path, with_interpreter: str) -> None:
    """Compile every module below `directory`, so that the same modules always give the same bytes.

    Hash-based bytecode has no timestamps (PEP 552). What is unchecked is not compared with its source at
    import, which in Lambda cannot change. Raises DevtoolsError when a module does not compile.
    """
    finished = subprocess.run(
        [
            # Isolated: PYTHONPYCACHEPREFIX would lead the bytecode elsewhere, and PYTHONOPTIMIZE give it other names.
            *(with_interpreter, "-I", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"),
            # The path that tracebacks show must not depend on where the archive was built.
            *("-s", str(directory), "-p", "/"),
            str(directory),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise DevtoolsError(f"{with_interpreter} cannot compile every module:\n{finished.stdout.strip()}")


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    uv = shutil.which("uv")
    if uv:
        command = [uv, "python", "find", "--no-project", "--no-python-downloads", version]
        yield subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    # Only the versions that a folder names are shims on PATH.
    # https://github.com/pyenv/pyenv#environment-variables
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True))


def _runs(command: str) -> str | None:
    """Implementation and version of an interpreter, such as "cpython 3.13"; None for what does not run.

    A version manager's shim exists on PATH without the version behind it being usable.
    """
    tell = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:2])))"
    try:
        probe = subprocess.run([command, "-I", "-c", tell], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return probe.stdout.strip() if probe.returncode == 0 else None
