"""What is released: a commit without changes, whose version and notes are in it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Source:
    """A commit that is ready to be released."""

    root: Path
    version: str
    commit: str
    committed_at: int
    """Seconds since 1970."""
    notes: str
    """Its section of the changelog, in Markdown."""

    @classmethod
    def of(cls, root: Path, version: str) -> Source:
        """Look whether the repository at `root` is ready to be released as `version`. Raises DevtoolsError."""
        if not _VERSION.fullmatch(version):
            raise DevtoolsError(f"{version or 'nothing'} is no version: name one such as VERSION=1.2.3")
        written = (root / "terraform" / "VERSION").read_text(encoding="utf-8").strip()
        if written != version:
            raise DevtoolsError(
                f"terraform/VERSION says {written}, and not {version}: write the version there, give CHANGELOG.md a "
                f"section '## {version}' and commit both"
            )
        changed = _git(root, "status", "--porcelain")
        if changed:
            raise DevtoolsError(
                f"there are changes that are in no commit, such as {changed.splitlines()[0][3:]}: commit them or put "
                "them aside, since a release is of one commit"
            )
        notes = _section((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
        commit, committed_at = _git(root, "show", "--no-patch", "--format=%H %ct", "HEAD").split()
        return cls(root, version, commit, int(committed_at), notes)


def _section(changelog: str, version: str) -> str:
    found = re.search(rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise DevtoolsError(f"CHANGELOG.md has no section '## {version}': say there what is new")
    return found[1].strip() + "\n"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise DevtoolsError(f"git cannot tell what would be released: {finished.stderr.strip()}")
    return finished.stdout.rstrip()
