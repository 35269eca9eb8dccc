"""A Chromium: one that is on this machine, or else one that is installed for us."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from playwright.sync_api import Error

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without root, into the reader's own cache: https://playwright.dev/python/docs/browsers
_PLAYWRIGHTS_OWN = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
_DISTRIBUTIONS = ["sh", "-c", "apt-get update -qq && apt-get install -qq --no-install-recommends chromium"]


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start a Chromium with these arguments.

    Raises RuntimeError, with the remedy, where there is none and none can be installed.
    """
    try:
        return playwright.chromium.launch(executable_path=_on_path(), args=arguments)
    except Error:
        install()
        return playwright.chromium.launch(executable_path=_on_path(), args=arguments)


def install() -> None:
    """Install a Chromium: as root from the distribution, otherwise, or where it has none, Playwright's own."""
    attempts = (
        [_DISTRIBUTIONS, _PLAYWRIGHTS_OWN] if os.geteuid() == 0 and shutil.which("apt-get") else [_PLAYWRIGHTS_OWN]
    )
    for command in attempts:
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0:
            return
    raise RuntimeError("no Chromium is here and none can be installed: install chromium, so that it is on PATH")


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


if __name__ == "__main__":
    if _on_path() is None:
        install()
