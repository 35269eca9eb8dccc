"""Zip archives that are the same bytes wherever they are built.

Nothing in them is compressed: how far DEFLATE compresses is left to the library, and those of two machines differ.
https://www.rfc-editor.org/rfc/rfc1951#section-1
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The earliest time that a zip entry can carry: any fixed time would do.
EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_0644 = 0o100644 << 16


def write(archive: Path, root: Path, files: Iterable[Path]) -> None:
    """Write `files` (all below `root`) into `archive`: sorted, as they are, with fixed times and modes."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as zipped:
        for path in sorted(files, key=lambda file: file.relative_to(root).as_posix()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), date_time=EPOCH)
            entry.create_system = 3  # Unix, wherever it is built: the modes below are Unix modes
            entry.external_attr = _REGULAR_FILE_0644
            zipped.writestr(entry, path.read_bytes())
    partial.replace(archive)


def unzipped_bytes(archive: Path) -> int:
    """Return what the files in `archive` take when they are unzipped."""
    with zipfile.ZipFile(archive) as zipped:
        return sum(entry.file_size for entry in zipped.infolist())
