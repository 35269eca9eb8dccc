"""moto around every test, and credentials that are nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from support.pipeline import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def bench() -> Bench:
    """A function over an unversioned uploads bucket."""
    return Bench()


@pytest.fixture
def versioned_bench() -> Bench:
    """A function over a versioned uploads bucket."""
    return Bench(versioned=True)
