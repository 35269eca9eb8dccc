"""How long a failed message waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thumbnailer.postponing import delay


@given(st.integers(1, 50), st.integers(1, 900))
def test_a_delay_is_within_what_sqs_takes_and_jittered_by_half(attempt: int, first_seconds: int) -> None:
    longest = min(first_seconds * 3 ** (attempt - 1), 900)
    assert longest // 2 <= delay(attempt, first_seconds) <= longest


def test_five_deliveries_outlast_minutes_of_trouble() -> None:
    # The first four failures wait; the fifth makes a dead letter.
    assert sum(delay(attempt, 20) for attempt in (1, 2, 3, 4)) >= 400


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({delay(5, 20) for _ in range(100)}) > 10
