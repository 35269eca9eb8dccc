"""Pillow warns about odd files (a broken EXIF block, a short TIFF tag): for the renderer they are data, not faults."""

from __future__ import annotations

import pytest

HERE = "tests/renderer/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of Pillow do not fail these tests; all others do."""
    for item in items:
        if HERE in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore::UserWarning:PIL"))
