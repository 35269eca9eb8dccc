"""A short storm over the stack that the suite shares; `make chaos` is the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.storm import Storm, rage

if TYPE_CHECKING:
    from support.deployment import Deployment


@pytest.mark.e2e
def test_every_key_is_right_after_a_storm(deployment: Deployment) -> None:
    books = rage(Storm(seed=1, keys=40, changes=200), deployment)
    assert books.wrong == []
    assert books.done["kill"] > 0
    assert books.done["kill of the publisher"] > 0
    assert books.done["kill of a range's worker"] > 0
    assert books.done["duplicate"] > 0
    assert books.statuses["READY"] > 0
