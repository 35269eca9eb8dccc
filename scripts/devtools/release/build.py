"""Puts the files of a release into one folder, with what tells of them: release.json, SHA256SUMS and NOTES.md."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from devtools.bundle import archive, bytecode
from devtools.bundle.kit import build_kit
from devtools.bundle.target import Target
from devtools.errors import DevtoolsError
from devtools.release import module, wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devtools.release.source import Source

RUNTIMES: Final = ("python3.13", "python3.14")
ARCHITECTURES: Final = ("arm64", "x86_64")


@dataclass(frozen=True)
class Kit:
    """The archives of one runtime, and what makes their bytecode."""

    runtime: str
    interpreter: str

    @classmethod
    def of(cls, runtime: str, named: Sequence[str]) -> Kit:
        """Find the interpreter. Raises DevtoolsError where there is none: no release is without bytecode."""
        target = Target.of_lambda(runtime, ARCHITECTURES[0])
        fitting = [each for each in named if bytecode.is_for(target, each)]
        found = bytecode.interpreter(target, fitting)
        if found is None:
            raise DevtoolsError(
                f"no Python {target.version} is on PATH, known to uv or pyenv, or named by INTERPRETER: install one, "
                f"or leave its archives out of the release with LEAVE_OUT={runtime}"
            )
        return cls(runtime, found)


def build_release(source: Source, output: Path, leave_out: Iterable[str], interpreters: Sequence[str]) -> None:
    """Write every file of the release of `source` into the folder `output`, which must not be there yet.

    Raises DevtoolsError.
    """
    if output.exists():
        raise DevtoolsError(f"{output} is there already: remove it to build the release anew")
    # All of them are looked for before anything is built.
    kits = [Kit.of(runtime, interpreters) for runtime in RUNTIMES if runtime not in set(leave_out)]
    if not kits:
        raise DevtoolsError("every runtime is left out: there would be nothing to release")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as staging_name:
        staging = Path(staging_name)
        files = staging / "files"
        files.mkdir()
        targets = [
            _archives(kit, architecture, source.version, staging, files)
            for kit in kits
            for architecture in ARCHITECTURES
        ]
        module.write_zip(
            files / f"terraform-aws-thumbnail-pipeline-{source.version}.zip", source.root, staging / "module"
        )
        wheel.write(files, source.root, staging / "wheel", source.committed_at)
        told = {"version": source.version, "commit": source.commit, "archives": targets}
        (files / "release.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        (files / "NOTES.md").write_text(source.notes, encoding="utf-8")
        (files / "SHA256SUMS").write_text(_checksums(files), encoding="utf-8")
        shutil.move(files, output)


def _archives(kit: Kit, architecture: str, version: str, staging: Path, files: Path) -> dict[str, Any]:
    """Build the archives of one target, and return what release.json says of them."""
    name = f"{kit.runtime}-{architecture}"
    folder = staging / name
    told = build_kit(folder, kit.runtime, architecture, kit.interpreter)
    zipped = files / f"thumbnail-pipeline-{version}-{name}.zip"
    archive.write(zipped, folder, folder.iterdir())
    shutil.copy(folder / "layer.cdx.json", files / f"layer-{version}-{name}.cdx.json")
    return {"file": zipped.name, **told}


def _checksums(files: Path) -> str:
    """What `sha256sum --check` reads."""
    return "".join(
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(files.iterdir())
    )
