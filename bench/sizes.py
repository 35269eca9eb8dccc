"""Sizes of the archives that were built: `python -m bench.sizes`, build/bench/sizes.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from devtools.bundle import archive
from devtools.bundle.build import LAMBDA_UNZIPPED_LIMIT

__all__ = ["measured", "tables", "verdicts"]

_BUILT: Final = Path("build")


def measured(_rounds: int) -> dict[str, Any]:
    """Bytes of what is in each archive of build/lambda and build/local."""
    found = sorted([*_BUILT.glob("lambda/*.zip"), *_BUILT.glob("local/*.zip")])
    if not found:
        raise SystemExit("error: there are no archives: run make package, or make build/local/thumbnailer.zip")
    document = {str(path.relative_to(_BUILT)): archive.unzipped_bytes(path) for path in found}
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "sizes.json").write_text(json.dumps(document, indent=1))
    return document


def tables(document: dict[str, Any]) -> list[Figures]:
    """One line an archive."""
    rows = [(name, f"{size / 2**20:.2f}") for name, size in document.items()]
    return [Figures("sizes", "Archives", ("", "MiB"), rows)]


def verdicts(document: dict[str, Any]) -> list[Goal]:
    """What they take of Lambda's limit."""
    largest = max(
        sum(size for name, size in document.items() if name.startswith(folder)) for folder in ("lambda/", "local/")
    )
    limit = f"{LAMBDA_UNZIPPED_LIMIT / 2**20:.0f} MiB"
    return [
        Goal(
            "function and layer, unzipped", f"{largest / 2**20:.1f} MiB", f"≤ {limit}", largest <= LAMBDA_UNZIPPED_LIMIT
        )
    ]


if __name__ == "__main__":
    sys.exit(told(1, measured, tables, verdicts))
