"""Render every file of a folder, and write what came of it: run by the interpreter and with the archives under test.

python drawn.py SOURCES TARGET

Imports nothing but the function's archive and its layer. For each source and each of the settings, the thumbnails are
files in TARGET, and facts or the reason of failure are in TARGET/results.json.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer import png_rows, webp_scaled
from thumbnail_pipeline.renderer.memory import estimate_memory
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Settings


def main() -> int:
    sources, target = map(Path, sys.argv[1:3])
    chosen = [Settings.from_json(text) for text in json.loads((sources / "settings.json").read_text())]
    results: dict[str, object] = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libwebp": webp_scaled.available(),
        "libspng": png_rows._library() is not None,
    }
    for path in sorted(sources.glob("*.source")):
        source = path.read_bytes()
        for number, settings in enumerate(chosen):
            name = f"{path.stem}-{number}"
            try:
                made = render(source, settings)
            except Permanent as error:
                results[name] = error.reason.value
                continue
            results[name] = asdict(made.facts) | {"estimate": estimate_memory(source, settings)}
            for each in made.thumbnails:
                (target / f"{name}-{each.rendition.name}").write_bytes(each.data)
    (target / "results.json").write_text(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
