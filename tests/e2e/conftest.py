"""One really applied local stack for the whole suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtools.localaws import stack
from support.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The stack that production's module makes, with a shorter deadline so that a killed worker is soon over.

    It has a reconciler too, whose time does not come.
    """
    with stack.temporary(inputs={"timeout_seconds": 6, "reconcile": {"schedule": "rate(365 days)"}}) as applied:
        yield Deployment(applied)
