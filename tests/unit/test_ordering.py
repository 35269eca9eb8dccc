"""The ordering rule: S3's comparison of sequencers, and what a row says of an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbnail_pipeline import ordering
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.ordering import Order
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import Row

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
    ("event", "applied", "claimed", "order"),
    [
        ("2", "1", "1", Order.NEWER),
        ("2", "2", "2", Order.SAME),
        ("2", "3", "3", Order.STALE),
        ("2", "1", "2", Order.NEWER),  # our own claim, left by a delivery that died
        ("2", "1", "3", Order.STALE),  # somebody newer is at it, and will be until it is done
        ("2", "2", "3", Order.STALE),
    ],
)
def test_an_event_is_compared_with_its_row(event: str, applied: str, claimed: str, order: Order) -> None:
    applied, claimed = ordering.normalise(applied), ordering.normalise(claimed)
    row = Row(Image("uploads", "cat.jpg"), Status.READY, applied, claimed, fence=1)
    assert ordering.compare(ordering.normalise(event), row) is order


def test_without_a_row_every_event_is_newer() -> None:
    assert ordering.compare(ordering.normalise("1"), None) is Order.NEWER
