"""The page of the front door in a real browser, as CloudFront would serve it: people sign in, drop files, and look."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from devtools import browser, signing_in
from devtools.edge import server as edge
from devtools.localaws import processes, stack
from support.pictures import picture
from support.users import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FilePayload, Locator, Page

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

PATIENCE_MILLISECONDS: Final = 60_000
COLOURS: Final = [
    *("teal", "tomato", "gold", "orchid", "navy", "olive", "salmon", "plum", "sienna"),
    *("coral", "khaki", "indigo", "crimson", "lime", "maroon", "peru", "tan"),
]
# Put together in the browser, as its file manager would hand them over.
DROP: Final = """([files, zone]) => {
  const data = new DataTransfer()
  for (const { name, type, base64, size } of files) {
    const bytes = size ? new Uint8Array(size) : Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
    data.items.add(new File([bytes], name, { type }))
  }
  const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
  document.querySelector(zone).dispatchEvent(drop)
}"""


@dataclass(frozen=True)
class File:
    """A file to drop; with a size, so many zeros."""

    name: str
    body: bytes = b""
    type: str = "image/jpeg"
    size: int = 0


def jpeg(name: str, colour: str = "teal") -> File:
    return File(name, picture(colour, size=(640, 400), image_format="JPEG"))


def halves(left: str, right: str) -> bytes:
    """A picture of two colours."""
    encoded = BytesIO()
    image = Image.new("RGB", (640, 400), left)
    image.paste(right, (320, 0, 640, 400))
    image.save(encoded, "JPEG")
    return encoded.getvalue()


@dataclass(frozen=True)
class Visitors:
    """The page, and a browser for whoever comes to it."""

    deployment: Deployment
    edge_url: str
    browser: Browser
    complaints: list[str]

    def admitted(self, name: str) -> tuple[str, str]:
        """Somebody who can sign in: name and password."""
        user = (f"{name}-{uuid.uuid4()}@example.com", f"{secrets.token_urlsafe(16)}-Aa1")
        signing_in.admit(self.deployment.stack, user)
        return user

    def signed_in(self, name: str) -> Page:
        """The page, as somebody sees it who has just signed in, on something the size of a laptop."""
        page = self.opened()
        sign_in(page, *self.admitted(name))
        return page

    def opened(self) -> Page:
        """The page in a browser that has not been there. It complains of nothing, and asks nobody else for anything."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: self.complaints.extend(_of_the_page(message)))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.complaints.extend(self._elsewhere(request.url)))
        page.goto(f"{PAGE}/")
        return page

    def _elsewhere(self, url: str) -> list[str]:
        return [] if url.startswith((PAGE, self.deployment.stack.endpoint_url)) else [url]


@pytest.fixture(scope="module")
def visitors(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    """The page of the stack that the suite shares, at the address that the stack knows it by."""
    stack_file, port = tmp_path_factory.mktemp("edge") / "stack.json", processes.free_port()
    stack.save(deployment.stack, stack_file)
    process, url = edge.start(deployment.stack, stack_file, port)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        name = PAGE.removeprefix("http://")
        chromium = browser.launch(playwright, f"--host-resolver-rules=MAP {name} {processes.LOOPBACK}:{port}")
        came = Visitors(deployment, url, chromium, [])
        yield came
        chromium.close()
    process.stop()
    assert came.complaints == []


@pytest.fixture(scope="module")
def twenty(visitors: Visitors) -> Page:
    """The page after twenty files were dropped at once, one of them corrupt and one too large."""
    page = visitors.signed_in("anna")
    good = [*(jpeg(f"{colour}.jpg", colour) for colour in COLOURS), File("halves.jpg", halves("red", "blue"))]
    corrupt = picture(size=(640, 400))[:60] + b"\0" * 500 + b"IEND\xaeB`\x82"
    drop(page, [*good, File("corrupt.png", corrupt, "image/png"), File("large.jpg", size=40_000_000)])
    expect(page.get_by_role("status").filter(has_text="18 images are ready.")).to_be_visible()
    return page


def _of_the_page(message: ConsoleMessage) -> list[str]:
    """What a browser complains of, but for the icon that the emulator's form for signing in lacks."""
    url = message.location["url"]
    return [] if url.endswith("/favicon.ico") else [f"{message.text} {url}"]


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Images", exact=True)).to_be_visible()
    expect(page.locator("#summary")).to_have_text("There are no images yet.")


def drop(page: Page, files: Sequence[File]) -> None:
    given = [
        {"name": each.name, "type": each.type, "base64": base64.b64encode(each.body).decode(), "size": each.size}
        for each in files
    ]
    page.evaluate(DROP, [given, "#drop"])


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))


def thumbnails(page: Page) -> Locator:
    return page.locator("#images img.loaded")


def test_of_twenty_files_eighteen_are_shown_and_two_failures_told(twenty: Page) -> None:
    expect(thumbnails(twenty)).to_have_count(18)
    assert all(twenty.eval_on_selector_all("#images img.loaded", "images => images.map(each => each.naturalWidth > 0)"))
    expect(card(twenty, "corrupt.png")).to_contain_text("The file is damaged")
    expect(card(twenty, "large.jpg")).to_contain_text("It has 40 MB, and 33.6 MB are allowed.")
    expect(twenty.locator("#summary")).to_contain_text("2 failed: corrupt.png and large.jpg.")


@pytest.mark.parametrize(
    ("name", "left", "right"), [("tomato", (255, 99, 71), (255, 99, 71)), ("halves", (255, 0, 0), (0, 0, 255))]
)
def test_a_placeholder_looks_like_its_image(
    twenty: Page, name: str, left: tuple[int, int, int], right: tuple[int, int, int]
) -> None:
    middle = "canvas => [...canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1).data]"
    row = card(twenty, f"{name}.jpg").locator("canvas").evaluate(middle)
    for at, colour in ((0.2, left), (0.8, right)):
        *seen, alpha = row[int(len(row) / 4 * at) * 4 :][:4]
        assert all(abs(channel - wanted) < 70 for channel, wanted in zip(seen, colour, strict=True)), (at, seen)
        assert alpha == 255


def test_a_reload_keeps_what_was_uploaded(twenty: Page) -> None:
    twenty.reload()
    expect(thumbnails(twenty)).to_have_count(18)
    expect(twenty.get_by_role("listitem").filter(has_text="The file is damaged")).to_have_count(1)
    expect(twenty.get_by_role("listitem")).to_have_count(19)


@pytest.mark.usefixtures("twenty")
def test_somebody_else_sees_nothing_of_it(visitors: Visitors) -> None:
    other = visitors.signed_in("bert")
    expect(other.get_by_role("listitem")).to_have_count(0)
    expect(other.locator("#summary")).to_have_text("There are no images yet.")
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_everybody_can_use_it(twenty: Page, scheme: Literal["light", "dark"], width: int, tmp_path: Path) -> None:
    twenty.emulate_media(color_scheme=scheme)
    twenty.set_viewport_size({"width": width, "height": 800})
    for view in ("page", "viewer", "confirm"):
        if view == "viewer":
            twenty.get_by_role("button", name=re.compile("^Show (?!more)")).first.click()
        if view == "confirm":
            twenty.get_by_role("dialog").get_by_role("button", name="Delete").click()
        results = Axe().run(twenty)
        assert results.violations_count == 0, f"{view}: {results.generate_report()}"
        assert twenty.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
        twenty.screenshot(path=tmp_path / f"{view}-{scheme}-{width}.png", full_page=view == "page")
    twenty.keyboard.press("Escape")
    twenty.keyboard.press("Escape")
    expect(twenty.get_by_role("dialog")).to_have_count(0)
    expect(thumbnails(twenty)).to_have_count(18)


def test_the_viewer_is_led_by_keys(twenty: Page) -> None:
    first = twenty.get_by_role("button", name=re.compile("^Show (?!more)")).first
    first.focus()
    twenty.keyboard.press("Enter")
    viewer = twenty.get_by_role("dialog")
    picture_of = viewer.get_by_role("img")
    expect(picture_of).to_have_attribute("srcset", re.compile(r" \d+w, .* \d+w$"))
    shown = picture_of.get_attribute("srcset")
    twenty.keyboard.press("ArrowLeft")
    assert picture_of.get_attribute("srcset") == shown, "there is none before the first"
    twenty.keyboard.press("ArrowRight")
    assert picture_of.get_attribute("srcset") != shown
    twenty.keyboard.press("Escape")
    expect(first).to_be_focused()


def test_what_a_file_is_called_is_text(visitors: Visitors) -> None:
    page = visitors.signed_in("carla")
    name = "<img src=x onerror=document.title='caught'>.jpg"
    drop(page, [jpeg(name), File("page.html", b"<script>", "text/html"), File("empty.png", b"", "image/png")])
    expect(card(page, name).locator("img.loaded")).to_be_visible()
    refused = "HTML is not taken: choose AVIF, GIF, JPEG, PNG, TIFF, or WebP."
    expect(card(page, "page.html")).to_contain_text(refused)
    expect(card(page, "empty.png")).to_contain_text("The file is empty.")
    assert page.title() == "Your images"
    page.context.close()


def test_files_can_be_chosen_and_deleted(visitors: Visitors) -> None:
    page = visitors.signed_in("dora")
    chosen: list[FilePayload] = [
        {"name": f"{each}.jpg", "mimeType": "image/jpeg", "buffer": jpeg("", each).body} for each in ("red", "blue")
    ]
    page.get_by_label("Choose images").set_input_files(chosen)
    expect(thumbnails(page)).to_have_count(2)
    page.get_by_role("button", name="Delete: red.jpg").click()
    page.get_by_role("button", name="Keep it").click()
    expect(thumbnails(page)).to_have_count(2)
    page.get_by_role("button", name="Delete: red.jpg").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card(page, "red.jpg")).to_have_count(0)
    expect(page.get_by_role("button", name="Show blue.jpg")).to_be_focused()
    page.reload()
    expect(thumbnails(page)).to_have_count(1)
    page.context.close()


def test_it_goes_on_after_a_moment_offline(visitors: Visitors) -> None:
    page = visitors.signed_in("emil")
    page.context.set_offline(True)
    drop(page, [jpeg("later.jpg")])
    expect(page.get_by_text("You are offline.")).to_be_visible()
    expect(card(page, "later.jpg")).to_contain_text("There is no connection.")
    page.context.set_offline(False)
    expect(thumbnails(page)).to_have_count(1)
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    forget(visitors, "ERR_INTERNET_DISCONNECTED")
    page.context.close()


def test_what_does_not_get_through_can_be_tried_again(visitors: Visitors) -> None:
    page = visitors.signed_in("frida")
    answer(page.context, "**/thumbs-uploads-*/**", 400)
    drop(page, [jpeg("again.jpg")])
    expect(card(page, "again.jpg")).to_contain_text("The upload was refused (400).")
    page.context.unroute_all()
    page.get_by_role("button", name="Try again: again.jpg").click()
    expect(thumbnails(page)).to_have_count(1)
    forget(visitors, "400")
    page.context.close()


def test_a_page_of_many_goes_on(visitors: Visitors) -> None:
    page = visitors.signed_in("gerd")
    drop(page, [jpeg(f"{number}.jpg") for number in range(3)])
    expect(page.locator("#summary")).to_have_text("3 images are ready.")
    page.route("**/v1/images?*", lambda route: route.continue_(url=route.request.url.replace("limit=24", "limit=2")))
    page.reload()
    expect(page.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.get_by_role("listitem").nth(2).get_by_role("button").first).to_be_focused()
    page.context.close()


def test_a_token_is_renewed_and_signing_out_forgets_it(visitors: Visitors) -> None:
    page = visitors.signed_in("hanna")
    page.evaluate("sessionStorage.setItem('tokens', JSON.stringify({...JSON.parse(sessionStorage.tokens), until: 0}))")
    with page.expect_response("**/oauth2/token") as renewed:
        page.reload()
    assert renewed.value.ok
    expect(page.locator("#summary")).to_have_text("There are no images yet.")
    expect(page.locator("#who")).to_contain_text("hanna-")
    # Which the emulator has no route for.
    answer(page.context, "**/oauth2/revoke", 200)
    with page.expect_request("**/oauth2/revoke") as revoked:
        page.get_by_role("button", name="Sign out").click()
    assert (revoked.value.post_data or "").startswith("token=")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.context.close()


@pytest.mark.parametrize("query", ["?state=forged&code=x", "?state=forged&error=access_denied&error_description=<b>"])
def test_who_did_not_begin_to_sign_in_here_is_not_signed_in(visitors: Visitors, query: str) -> None:
    page = visitors.opened()
    page.goto(f"{PAGE}/{query}")
    expect(page.get_by_role("status").first).to_have_text("Signing in did not work. Please try again.")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.url == f"{PAGE}/"
    page.context.close()


def test_every_file_is_told_to_let_nothing_in(visitors: Visitors) -> None:
    told = requests.get(visitors.edge_url, timeout=10).headers
    policy = told["content-security-policy"]
    assert "unsafe" not in policy
    assert set(policy.split("; ")) >= {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"}
    assert {"x-content-type-options", "referrer-policy", "x-frame-options"} <= {name.lower() for name in told}
    assert requests.get(f"{visitors.edge_url}nothing.js", timeout=10).status_code == 403


def answer(context: BrowserContext, where: str, status: int) -> None:
    """Answer what is asked for there, in the place of whoever would."""
    context.route(where, lambda route: route.fulfill(status=status, headers={"access-control-allow-origin": "*"}))


def forget(visitors: Visitors, *words: str) -> None:
    """A browser says of itself what it could not load; that was the point."""
    visitors.complaints[:] = [each for each in visitors.complaints if not any(word in each for word in words)]
