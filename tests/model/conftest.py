"""The stand-in for the renderer, around every test."""

from __future__ import annotations

import pytest

from model import world
from thumbnailer import pipeline


@pytest.fixture(autouse=True)
def _cheap_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "render", world.render)
