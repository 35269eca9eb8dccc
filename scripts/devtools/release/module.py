"""The module as a zip file whose root is the module, in the layout of Terraform's registry.

https://developer.hashicorp.com/terraform/language/modules/develop/structure
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from devtools.bundle import archive

MODULE: Final = Path("terraform")
# What lies beside the module in the repository, and in it in the zip.
_TAKEN_ALONG: Final = (Path("docs"), Path("CHANGELOG.md"), Path("LICENSE"), Path("SECURITY.md"))
# What only this repository needs, and what tools leave behind.
_LEFT_OUT: Final = ("tests", "environments", ".terraform*", "terraform.tfstate*", "__pycache__")
# Of a link in Markdown, but not of a picture: its words, where it leads, and to which part of that.
_LINK: Final = re.compile(r"(?<!!)\[([^]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def write_zip(output: Path, root: Path, staging: Path) -> None:
    """Write the module of the repository at `root`, put together in `staging`, to `output`."""
    shutil.copytree(root / MODULE, staging, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for name in _TAKEN_ALONG:
        if (root / name).is_dir():
            shutil.copytree(root / name, staging / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        else:
            shutil.copy(root / name, staging / name)
    for page in staging.rglob("*.md"):
        inside = page.relative_to(staging)
        stood = inside if any(inside.is_relative_to(each) for each in _TAKEN_ALONG) else MODULE / inside
        page.write_text(_relinked(page.read_text(encoding="utf-8"), stood, staging), encoding="utf-8")
    archive.write(output, staging, (path for path in staging.rglob("*") if path.is_file()))


def _relinked(text: str, stood: Path, staging: Path) -> str:
    """Return a page that `stood` in the repository with its links as they are in the zip.

    What leads to something that is not there is left as words.
    """

    def link(found: re.Match[str]) -> str:
        words, address, part = found[1], found[2], found[3] or ""
        if ":" in address:
            return found[0]
        meant = Path(os.path.normpath(stood.parent / address))
        lies = _in_the_zip(meant)
        if lies is None or not (staging / lies).exists():
            return words
        page = _in_the_zip(stood) or stood
        return f"[{words}]({Path(os.path.relpath(lies, page.parent)).as_posix()}{part})"

    return _LINK.sub(link, text)


def _in_the_zip(path: Path) -> Path | None:
    """Where something of the repository is in the zip, if it is."""
    if path.is_relative_to(MODULE):
        return path.relative_to(MODULE)
    return path if any(path.is_relative_to(each) for each in _TAKEN_ALONG) else None
