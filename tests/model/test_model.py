"""Promises 1 and 2 in every order that can be thought of: seeded histories, and Hypothesis to shrink what fails.

`MODEL_HISTORIES=100000 pytest tests/model` looks further; `MODEL_SEED=n` begins elsewhere.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.history import Broken, play, seeded

_HISTORIES = int(os.environ.get("MODEL_HISTORIES", "2500"))
_FIRST_SEED = int(os.environ.get("MODEL_SEED", "0"))


def test_every_seeded_history_ends_well() -> None:
    for seed in range(_FIRST_SEED, _FIRST_SEED + _HISTORIES):
        try:
            play(seeded(seed))
        except Broken as broken:
            raise AssertionError(f"MODEL_SEED={seed} MODEL_HISTORIES=1: {broken}") from broken


@settings(max_examples=max(100, _HISTORIES // 10), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_hypothesis_finds_no_history_that_ends_badly(data: st.DataObject) -> None:
    play(lambda options: data.draw(st.integers(0, options - 1)))
