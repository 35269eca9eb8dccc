"""Pictures by which decoders test themselves, out of public packages: PngSuite, the BMP suite, libtiff's and more.

Nothing of it is part of this project: it is fetched when it is asked for, to build/corpus, under the packages' own
licences, by the clients that the machine has set up.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.debian import Apt
from devtools.errors import DevtoolsError
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.formats import _sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["format_of", "suites"]

# Debian's source packages, and what is in them.
_SOURCES: Final = {
    "libpng1.6": "PngSuite",
    "golang-1.24": "PngSuite as Go has it, JPEG",
    "gdk-pixbuf": "a conformance suite of GIF, randomly broken files",
    "giflib": "GIF",
    "tiff": "libtiff's own pictures",
    "openimageio": "TIFF of every kind",
    "leptonlib": "scans",
    "libjpeg-turbo": "JPEG",
    "jhead": "strange JPEG",
    "libexif": "JPEG with EXIF",
    "libwebp": "WebP",
    "golang-golang-x-image": "WebP, TIFF, BMP",
    "libavif": "AVIF",
    "libheif": "HEIF",
    "kimageformats": "AVIF, HEIF, PNG",
    "libgd2": "AVIF, broken GIF and PNG",
    "netpbm-free": "GIF, PNG",
    "imagemagick": "GIF, PNG, TIFF",
    "graphicsmagick": "JPEG, PNG, BMP",
    "vips": "libvips' own pictures, and what its fuzzers found",
}
_SDISTS: Final = {"pillow": "the BMP suite, TIFF, WebP, AVIF", "pillow-heif": "HEIF", "imagesize": "all formats"}
_NPM: Final = {"bmp-js": "BMP", "gifwrap": "GIF", "@jimp/test-utils": "all formats"}
_LARGEST: Final = 64 << 20  # bytes, as the default limit
_SECONDS: Final = 600


def suites(root: Path) -> Iterator[Path]:
    """The folder of each suite, with no file but pictures; a line on standard error for each that is not to be had."""
    archives = root / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    debian = cache(lambda: Apt(archives / "apt"))  # asked for only where something is missing
    for name, what in (_SOURCES | _SDISTS | _NPM).items():
        folder = root / "files" / name.replace("/", "-")
        if not folder.exists():
            try:
                found = _fetched(name, archives, debian)
            except (DevtoolsError, OSError, subprocess.SubprocessError) as error:
                found, why = [], str(error)
            else:
                why = "its archive cannot be fetched"
            if not found:
                sys.stderr.write(f"note: {name} ({what}) is left out: {why}\n")
                continue
            for archive in found:
                _unpack(archive, folder)
        yield folder


def _fetched(name: str, archives: Path, debian: Callable[[], Apt]) -> list[Path]:
    """The archives of a package."""
    folder = archives / name.replace("/", "-")
    if name in _SOURCES:
        return debian().source(name)
    if name in _SDISTS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", name]
    else:
        command = [shutil.which("npm") or "npm", "pack", "--silent", name]
    folder.mkdir(exist_ok=True)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)
    return list(folder.iterdir())


def _unpack(archive: Path, folder: Path) -> None:
    """Write the pictures of an archive into a folder, each under a path that cannot leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as members:
        for member in members:
            if not member.isfile() or not 0 < member.size <= _LARGEST:
                continue
            file = members.extractfile(member)
            data = file.read() if file else b""
            if format_of(data) is not None:
                target = folder.joinpath(*(part for part in Path(member.name).parts if part not in {"/", ".."}))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)


def format_of(data: bytes) -> str | None:
    """Pillow's name of the format, None for what is no picture of ours."""
    try:
        return _sniff(data[:4096])
    except Permanent:
        return None
