"""Reproducible zip archives."""

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
    """Write `files` (all below `root`) into `archive`: sorted, with fixed times and modes."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(files, key=lambda file: file.relative_to(root).as_posix()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is built: the modes below are Unix modes
            entry.external_attr = _REGULAR_FILE_0644
            zipped.writestr(entry, path.read_bytes())
    partial.replace(archive)


def sizes(archive: Path) -> tuple[int, int]:
    """Return the zipped and the unzipped size of `archive`, in bytes."""
    with zipfile.ZipFile(archive) as zipped:
        return archive.stat().st_size, sum(entry.file_size for entry in zipped.infolist())
