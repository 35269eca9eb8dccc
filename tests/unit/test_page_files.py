"""The page's files: no text becomes markup, nothing comes from elsewhere, and every reason has words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from devtools.localaws.stack import REPOSITORY
from thumbnail_pipeline.outcomes import Reason

if TYPE_CHECKING:
    from pathlib import Path

SITE = REPOSITORY / "terraform" / "modules" / "page" / "site"
# What an image that a user uploaded cannot fail of: they are about messages.
NOT_OF_AN_IMAGE = {Reason.FOREIGN_BUCKET, Reason.MALFORMED_MESSAGE, Reason.UNKNOWN_EVENT, Reason.UNKNOWN_MESSAGE}
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc")


@pytest.mark.parametrize("file", sorted(SITE.iterdir()), ids=lambda file: file.name)
def test_no_text_becomes_markup_and_nothing_comes_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not MARKUP.search(text)
    loaded = re.findall(r"""(?:src|href|from|url\()\s*=?\s*['"]?(https?:)?//""", text)
    assert loaded == []
    if file.suffix == ".html":
        # The policy lets nothing run inline.
        assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)| on\w+=", text)


def test_every_reason_has_words() -> None:
    words = (SITE / "words.js").read_text(encoding="utf-8")
    said = set(re.findall(r"^  '?([a-z-]+)'?: '[A-Z]", words, re.MULTILINE))
    assert said == {str(reason) for reason in Reason if reason not in NOT_OF_AN_IMAGE}
