"""The bench of cold starts takes the function from the archives that are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import coldstart

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_function_starts_out_of_its_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coldstart, "ROOT", tmp_path)
    coldstart.unpack()
    (seconds,) = coldstart.HANDLER.run()
    assert float(seconds) > 0
