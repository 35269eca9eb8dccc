"""All archives of one runtime and architecture in a folder, and archives.json, what they tell of themselves.

The module compares that with what it was asked for when Terraform plans.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from devtools.bundle import build, bytecode
from devtools.bundle.target import Target

if TYPE_CHECKING:
    from pathlib import Path


def build_kit(
    folder: Path, runtime: str, architecture: str, interpreter: str | None, *, heif: bool = True
) -> dict[str, Any]:
    """Build the archives into `folder`, with the bytecode that `interpreter` makes, and return what they tell.

    Raises DevtoolsError.
    """
    for function in build.FUNCTIONS:
        build.build_function(function, folder / f"{function}.zip", interpreter)
    build.build_layer(Target.of_lambda(runtime, architecture), folder / "layer.zip", interpreter, heif=heif)
    told = {
        "version": (build.ROOT / "terraform" / "VERSION").read_text(encoding="utf-8").strip(),
        "runtime": runtime,
        "architecture": architecture,
        "bytecode": interpreter and bytecode.full_version(interpreter),
        # As Lambda, and the module's input archives.s3, have it.
        "sha256": {
            part: base64.b64encode(hashlib.sha256((folder / f"{part}.zip").read_bytes()).digest()).decode()
            for part in (*build.FUNCTIONS, "layer")
        },
    }
    (folder / "archives.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told
