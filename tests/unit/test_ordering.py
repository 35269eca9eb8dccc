"""The ordering rule: S3's comparison of sequencers, and what a row says of an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbnail_pipeline import ordering
from thumbnail_pipeline.messages import Image
from thumbnail_pipeline.ordering import Verdict
from thumbnailer.catalog import READY, Row

SEQUENCERS = st.text("0123456789abcdefABCDEF", min_size=1, max_size=64)


def is_newer(left: str, right: str) -> bool:
    """S3's own words: pad the shorter with zeros on the right, then compare as hexadecimal text."""
    width = max(len(left), len(right))
    return left.lower().ljust(width, "0") > right.lower().ljust(width, "0")


@given(SEQUENCERS, SEQUENCERS)
def test_normalised_order_is_event_order(left: str, right: str) -> None:
    assert (ordering.normalise(left) > ordering.normalise(right)) == is_newer(left, right)


@given(SEQUENCERS)
def test_nothing_ranks_below_the_lowest(sequencer: str) -> None:
    assert ordering.normalise(sequencer) >= ordering.LOWEST


@pytest.mark.parametrize("text", ["", "xyz", "12 34", "1" * 65, "-1"])
def test_what_is_no_sequencer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no sequencer"):
        ordering.normalise(text)


@pytest.mark.parametrize(
    ("event", "applied", "claimed", "verdict"),
    [
        ("2", "1", "1", Verdict.NEWER),
        ("2", "2", "2", Verdict.SAME),
        ("2", "3", "3", Verdict.STALE),
        ("2", "1", "2", Verdict.NEWER),  # our own claim, left by a delivery that died
        ("2", "1", "3", Verdict.STALE),  # somebody newer is at it, and will be until it is done
        ("2", "2", "3", Verdict.STALE),
    ],
)
def test_a_row_judges_an_event(event: str, applied: str, claimed: str, verdict: Verdict) -> None:
    applied, claimed = ordering.normalise(applied), ordering.normalise(claimed)
    row = Row(Image("uploads", "cat.jpg"), READY, applied, claimed, fence=1)
    assert ordering.judge(ordering.normalise(event), row) is verdict


def test_without_a_row_every_event_is_newer() -> None:
    assert ordering.judge(ordering.normalise("1"), None) is Verdict.NEWER
