"""Bytecode for an archive, made by an interpreter of the version that will run it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devtools.bundle.target import Target


def interpreter(target: Target, named: str | None = None) -> str | None:
    """The `named` interpreter, or one that is found; None where there is none of the target's version.

    Bytecode of another version would be ignored. Raises DevtoolsError when the named one cannot be used.
    """
    wanted = f"cpython {target.version}"
    if named is not None:
        runs = _runs(named)
        if runs != wanted:
            raise DevtoolsError(
                f"bytecode for Python {target.version} cannot come from {named}, "
                f"which is {runs or 'no interpreter that runs'}: name an interpreter of that version"
            )
        return named
    return next((candidate for candidate in _candidates(target.version) if _runs(candidate) == wanted), None)


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
