"""What people see: the table and the page, with nothing in them that an uploader can abuse."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from devtools.demo import console, preview, report
from devtools.demo.catalog import Answer, ListedThumbnail
from devtools.demo.evidence import Alert, Announcement, ReadBack
from devtools.demo.outcome import Result, UploadResult
from devtools.demo.samples import Sample
from devtools.demo.upload import Uploaded
from thumbctl.looking import xray
from thumbctl.words import bytes_in_words, printable

HOSTILE = "<script>alert(1)</script>[red]\x1b[31m\u202egnp.jpg"


def encoded(form: str = "WEBP", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, form)
    return out.getvalue()


def row(**values: Any) -> Answer:
    base = Answer.from_item({"status": {"S": "READY"}})
    return replace(base, **values)


def outcome(key: str = HOSTILE, **values: Any) -> UploadResult:
    rendition = ListedThumbnail("small", f"small/{key}.webp", 40, 30, 99)
    facts = {"format": "jpeg", "width": 80, "height": 60, "size_bytes": 1234, "milliseconds": 7} | values
    return UploadResult(
        Uploaded(Sample(key, (encoded("JPEG", (80, 60)),), "Some", "about <it>"), key, "e", "v"),
        row(renditions=(rendition,), **facts),
        thumbnails=(ReadBack(rendition, encoded(), "image/webp", ""),),
    )


def result(*outcomes: UploadResult, **values: Any) -> Result:
    sent = {"id": "1", "trace_id": "1-a", "name": HOSTILE, "start_time": 1.0, "end_time": 2.0}
    alert = Alert("<b>subject", HOSTILE, "now")
    events = tuple(
        Announcement("Image Ready", each.uploaded.key, each.status, "e", "", f"{number:019d}", "now")
        for number, each in enumerate(outcomes)
    )
    base = Result(outcomes, (alert,), xray.assemble([sent]), missing=(), strays=(), seconds=1.0, events=events)
    return replace(base, **values)


def page(of: Result) -> str:
    return report.render(of, datetime(2026, 1, 2, tzinfo=UTC))


class Tags(HTMLParser):
    """Collects every tag and every value that could load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_a_hostile_key_is_text_on_the_page() -> None:
    html = page(result(outcome(), outcome("keys/<img src=x onerror=alert('hi')>.jpg")))
    tags = Tags(html)
    assert "script" not in tags.names
    assert tags.handlers == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_everything_is_within_the_page() -> None:
    html = page(result(outcome()))
    assert Tags(html).links
    assert all(link.startswith("data:image/") for link in Tags(html).links)
    assert "url(" not in html
    assert "@import" not in html


def test_a_colour_from_the_catalog_cannot_add_to_the_style() -> None:
    assert "background:#0a7b80" in page(result(outcome(dominant_colour="#0a7b80")))
    assert "evil" not in page(result(outcome(dominant_colour="red;background:url(evil)")))


def test_a_failure_is_shown_with_reason_and_detail() -> None:
    failed = UploadResult(
        Uploaded(Sample("a.jpg", (b"no image",), "", ""), "a.jpg", "e", "v"),
        row(status="FAILED", reason="unidentified", detail="No image at all."),
    )
    html = page(result(failed))
    assert "unidentified" in html
    assert "No image at all." in html
    assert "Everything is as promised" in html


def test_what_is_wrong_is_on_the_page() -> None:
    html = page(result(outcome(), strays=("small/orphan.webp",)))
    assert "thumbnail small/orphan.webp belongs to no image" in html
    assert "Everything is as promised" not in html


def test_an_upload_without_an_answer_has_a_place_on_the_page() -> None:
    html = page(result(replace(outcome(), row=None, thumbnails=())))
    assert "UNACCOUNTED" in html
    assert "each accounted for" not in html
    assert "each accounted for" in page(result(outcome()))


def test_a_page_shows_so_many_images_and_counts_the_rest() -> None:
    many = [outcome(f"{number}.jpg") for number in range(report.MOST_CARDS + 7)]
    html = page(result(*many))
    assert html.count("<article") == report.MOST_CARDS
    assert "7 more images" in html


def test_thumbnails_are_made_smaller_only_where_the_budget_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    large = os.urandom(3 * 300 * 300)
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), large).save(out, "PNG")
    real = outcome("large.png").thumbnails[0]
    shown = replace(outcome("large.png"), thumbnails=(replace(real, data=out.getvalue()),))
    assert "small, reduced" not in page(result(shown))
    monkeypatch.setattr(report, "_THUMBNAIL_BUDGET", 100_000)
    html = page(result(shown, outcome("fine.png")))
    assert html.count("small, reduced") == 1


@pytest.mark.parametrize(
    ("sizes", "budget", "most"),
    [([10, 20, 30], 60, 60), ([10, 20, 30], 50, 20), ([10, 100, 100], 110, 50), ([], 5, 5)],
)
def test_the_budget_is_spent_and_not_exceeded(sizes: list[int], budget: int, most: int) -> None:
    allowed = report._most_bytes(sizes, budget)
    assert allowed == most
    assert sum(min(size, allowed) for size in sizes) <= budget


@pytest.mark.parametrize("form", ["TIFF", "BMP", "GIF", "PNG"])
def test_a_preview_is_of_a_kind_that_browsers_show(form: str) -> None:
    shown = preview.shrink(encoded(form, (1200, 600)))
    assert shown is not None
    assert (shown.width, shown.height) == (1200, 600)
    with Image.open(io.BytesIO(shown.data)) as small:
        assert small.format == "WEBP"
        assert small.size == (400, 200)


def test_what_is_no_image_or_too_large_has_no_preview() -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 8_000)).save(out, "PNG")
    assert preview.shrink(out.getvalue()) is None
    assert preview.shrink(b"Dear diary") is None


def told(of: Result, *, terminal: bool = False) -> str:
    out = Console(file=io.StringIO(), width=160, force_terminal=terminal, color_system=None)
    console.tell(out, of)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_a_key_is_printed_as_it_is_and_cannot_steer_the_terminal() -> None:
    text = told(result(outcome()), terminal=True)
    assert r"<script>alert(1)</script>[red]\x1b[31m\u202egnp.jpg" in text
    assert "\x1b" not in text


def test_the_table_has_sizes_bytes_and_time() -> None:
    line = next(line for line in told(result(outcome("a.jpg"))).splitlines() if line.startswith(" a.jpg"))
    assert line.split() == ["a.jpg", "READY", "80x60", "jpeg", "40x30", "1.2", "kB", "99", "B", "7"]


def test_the_summary_says_in_a_line_what_a_consumer_heard() -> None:
    heard = result(outcome("a.jpg"), outcome("b.jpg"))
    assert "\n2 events reached a consumer of the bus: 2 Image Ready\n" in told(heard)
    assert "\n0 events reached a consumer of the bus: none\n" in told(replace(heard, events=()))
    assert page(heard).count("<td>Image Ready</td>") == 2


def change(old: str, new: str) -> Alert:
    said = {"AlarmName": "t-x", "OldStateValue": old, "NewStateValue": new, "AlarmDescription": "Look. Then mend.\nSo."}
    return Alert(f'{new}: "t-x" in US East', json.dumps(said), "now")


def test_an_alarm_is_a_line() -> None:
    assert "\n  ALARM t-x: Look\n" in told(result(outcome(), alerts=(change("OK", "ALARM"),)))
    assert "\n  <b>subject\n" in told(result(outcome()))


def test_that_a_new_alarm_is_quiet_is_no_news() -> None:
    assert not change("INSUFFICIENT_DATA", "OK").is_news
    assert change("ALARM", "OK").is_news
    assert change("INSUFFICIENT_DATA", "ALARM").is_news
    assert Alert("2 failed: corrupt", "[2]", "now").is_news


def test_an_unmet_expectation_stands_out_in_the_table() -> None:
    expecting = outcome("a.jpg")
    sample = replace(expecting.uploaded.sample, expected="FAILED")
    expecting = replace(expecting, uploaded=replace(expecting.uploaded, sample=sample))
    assert "✗ READY" in told(result(expecting))


def test_without_a_terminal_progress_is_a_few_plain_lines() -> None:
    out = Console(file=io.StringIO(), force_terminal=False)
    with console.progress(out, "uploading", 500) as show:
        for done in range(1, 501):
            show(done)
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue() == "  uploading: 500 of 500\n"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert bytes_in_words(count) == words


def test_printable_text_stays_as_it_is() -> None:
    assert printable("東京/Äpfel & crème brûlée 🐈.jpg") == "東京/Äpfel & crème brûlée 🐈.jpg"
