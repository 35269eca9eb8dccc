"""`python -m devtools.docs.pictures`: docs/pictures/*.webp, what README shows, taken from a real run.

Runs the demo's images through a local stack of its own that has the live page, and takes a picture of the demo's report
and one of that page. It takes two minutes and a Chromium: one on PATH, or else one that is installed for it.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Final

from PIL import Image
from playwright.sync_api import sync_playwright

from devtools import browser
from devtools.demo import console, report, run, samples
from devtools.livepage import server
from devtools.localaws import stack

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

_PICTURES: Final = stack.REPOSITORY / "docs" / "pictures"
_MOST_BYTES: Final = 150_000
# Until the page has read the log, measured the queues and drawn both.
_PATIENCE_MILLISECONDS: Final = 120_000


def main() -> int:
    """Take both pictures."""
    with stack.temporary() as running, sync_playwright() as playwright:
        stack_file = running.directory / "stack.json"
        stack.save(running, stack_file)
        page_process, url = server.start(stack_file)
        try:
            out = console.console()
            result = run.RunningPipeline.of(running).process(samples.built_in(), out)
            demo = running.directory / "report.html"
            report.write(demo, result)
            chromium = browser.launch(playwright)
            page = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
            page.goto(demo.as_uri())
            _take(page, _PICTURES / "demo.webp")
            page.goto(url)
            drawn = page.locator('#dashboards [role="img"][aria-label*="ready: "]').first
            drawn.wait_for(timeout=_PATIENCE_MILLISECONDS)
            page.evaluate("document.getElementById('dashboards').scrollIntoView()")
            _take(page, _PICTURES / "dashboard.webp")
            chromium.close()
        finally:
            page_process.stop()
    return 0


def _take(page: Page, file: Path) -> None:
    """Write what `page` shows into `file`, as small as the pages of a repository want it."""
    file.parent.mkdir(exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        for quality in range(85, 0, -10):
            shot.save(file, quality=quality, method=6)
            if file.stat().st_size <= _MOST_BYTES:
                break
    sys.stdout.write(f"{file.relative_to(stack.REPOSITORY)}: {file.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    sys.exit(main())
