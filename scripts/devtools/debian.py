"""Debian's packages, of any architecture and as sources, in a folder of their own.

The apt and dpkg of the system are left alone. The machine's own configuration says where packages come from; of which
release they are is said here.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path
from typing import Final

from devtools.errors import DevtoolsError

__all__ = ["Apt"]

_CONFIGURED: Final = Path("/etc/apt/sources.list.d/debian.sources")
_RELEASE: Final = "trixie"  # the one with the Python of the functions' runtime


class Apt:
    """apt with a state of its own below `folder`.

        apt = Apt(Path("build/arm64/apt"), "arm64")
        for package in apt.packages("python3.13"):
            ...

    Raises DevtoolsError where the machine has no apt, or none of Debian's own.
    """

    def __init__(self, folder: Path, architecture: str | None = None) -> None:
        self._folder = folder.absolute()
        if not _CONFIGURED.exists():
            raise DevtoolsError(f"packages of Debian are fetched as {_CONFIGURED} says, which is not here: use Debian")
        for part in ("etc/apt/sources.list.d", "var/lib/dpkg", "var/lib/apt/lists/partial", "var/cache/apt/archives"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        (self._folder / "var/lib/dpkg/status").touch()
        # The first stanza is that of the release itself; others have its updates.
        stanza = _CONFIGURED.read_text().strip().split("\n\n")[0]
        stanza = re.sub(r"(?m)^Types:.*", "Types: deb deb-src", stanza)
        stanza = re.sub(r"(?m)^Suites:.*", f"Suites: {_RELEASE}", stanza)
        sources = self._folder / "etc/apt/sources.list.d/debian.sources"
        sources.write_text(stanza + "\n")
        settings = {
            "Dir": self._folder,
            "Dir::State::status": self._folder / "var/lib/dpkg/status",
            "Dir::Etc::trustedparts": "/etc/apt/trusted.gpg.d",
            "APT::Sandbox::User": "root",
        } | ({"APT::Architecture": architecture, "APT::Architectures": architecture} if architecture else {})
        self._options = [part for name, value in settings.items() for part in ("--option", f"{name}={value}")]
        self._run("update")

    def packages(self, *names: str) -> list[Path]:
        """The files of the packages and of all that they depend on."""
        self._run("install", "--yes", "--download-only", "--no-install-recommends", *names)
        return sorted((self._folder / "var/cache/apt/archives").glob("*.deb"))

    def package(self, name: str) -> Path:
        """The file of one package alone."""
        self._run("download", name, folder=self._folder)
        return next(self._folder.glob(f"{name}_*.deb"))

    def source(self, name: str) -> list[Path]:
        """The archives of a package's source as its authors released it; none where they are not to be had."""
        folder = self._folder / "sources" / name
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            with contextlib.suppress(DevtoolsError):  # Debian's own part may be missing, which holds no picture
                self._run("source", "--download-only", name, folder=folder)
        return [path for path in folder.glob("*.orig*.tar.*") if path.suffix != ".asc"]

    def _run(self, command: str, *arguments: str, folder: Path | None = None) -> None:
        done = subprocess.run(
            ["apt-get", "--quiet=2", *self._options, command, *arguments],
            cwd=folder, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode:
            raise DevtoolsError(
                f"apt-get {command} {' '.join(arguments)} failed: {done.stderr.strip().splitlines()[-1]}"
            )
