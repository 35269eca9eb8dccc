"""One really applied local stack for the whole suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from devtools.edge import server as edge
from devtools.localaws import stack
from support.deployment import Deployment
from support.kept import kept
from support.users import PAGE_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator


INPUTS: Final = {
    "timeout_seconds": 6,
    "reconcile": {"schedule": "rate(365 days)"},
    "events": {},
    "api": edge.inputs(PAGE_PORT),
    "devices": {"provisioning": {}},
}


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The stack that production's module makes, with a shorter deadline so that a killed worker is soon over.

    It has a reconciler too, whose time does not come, announces what becomes of images to a queue, and lets in users
    to a page of theirs and devices.
    """
    if request.config.getoption("--keep-stack"):
        yield Deployment(kept(INPUTS))
        return
    with stack.temporary(inputs=INPUTS) as applied:
        yield Deployment(applied)


@pytest.fixture(scope="module", autouse=True)
def _empty_queues(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modules that share the stack find its queues empty, whatever another has left or a late worker gives up."""
    tests = (each for each in request.session.items if each.path == request.path)
    if not any("deployment" in each.fixturenames for each in tests):  # type: ignore[attr-defined]
        yield
        return
    shared: Deployment = request.getfixturevalue("deployment")
    shared.empty_queues()
    yield
    shared.empty_queues()
