"""One image cannot hurt its neighbours: memory is admitted, and a second delivery is rendered apart."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.pictures import picture
from thumbnail_pipeline.errors import Permanent, Transient
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Rendition, Settings
from thumbnailer import rendering_apart
from thumbnailer.admission import Admission, Patience
from thumbnailer.budget import MemoryBudget
from thumbnailer.capacity import Capacity

SETTINGS = Settings((Rendition("one", 16, 16),))
MEMORY = 1024 * 2**20
UNHURRIED = Patience(left=lambda: 30.0, enough=10.0)


@pytest.fixture
def apart() -> Admission:
    return Admission(SETTINGS, Capacity.of(MEMORY), MEMORY)


def replace_renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """Let the process apart find another renderer: ours, the last word in which is this."""
    functions = Path(rendering_apart.__file__).parents[1]
    for package in ("thumbnail_pipeline", "thumbnailer"):
        shutil.copytree(functions / package, tmp_path / package)
    with (tmp_path / "thumbnail_pipeline" / "renderer" / "rendering.py").open("a") as renderer:
        renderer.write(f"\n\ndef render(source, settings):\n    {body}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def test_an_image_is_rendered_the_same_apart(apart: Admission) -> None:
    source = picture("teal")
    assert apart.render(source, 2, patience=UNHURRIED) == render(source, SETTINGS)


def test_a_bad_image_has_the_same_reason_apart(apart: Admission) -> None:
    with pytest.raises(Permanent) as here:
        apart.render(b"poison", 1, patience=UNHURRIED)
    with pytest.raises(Permanent) as there:
        apart.render(b"poison", 2, patience=UNHURRIED)
    assert (there.value.reason, there.value.detail) == (here.value.reason, here.value.detail)


def test_a_renderer_that_is_killed_is_a_reason(
    apart: Admission, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_renderer(monkeypatch, tmp_path, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(Permanent, match=r"crashed: .*signal 9"):
        apart.render(picture(), 2, patience=UNHURRIED)


def test_a_renderer_that_wants_all_memory_is_a_reason(
    apart: Admission, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_renderer(monkeypatch, tmp_path, "return bytearray(2 * 2**30)")
    with pytest.raises(Permanent, match=r"crashed: .*MemoryError"):
        apart.render(picture(), 2, patience=UNHURRIED)


def test_an_image_that_takes_for_ever_is_a_reason(
    apart: Admission, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_renderer(monkeypatch, tmp_path, "import time; time.sleep(60)")
    with pytest.raises(Permanent, match="too-slow"):
        apart.render(picture(), 2, patience=Patience(left=lambda: 1.0, enough=0.5))
    # It had too little time to be judged.
    with pytest.raises(Transient):
        apart.render(picture(), 2, patience=Patience(left=lambda: 1.0, enough=5.0))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=12))
def test_never_more_is_admitted_than_there_is(needs: list[int]) -> None:
    budget, lock, inside, overdrawn = MemoryBudget(100), threading.Lock(), [0], []

    def work(needed: int) -> None:
        with budget.hold(needed):
            with lock:
                inside[0] += needed
                overdrawn.append(inside[0] > 100)
            with lock:
                inside[0] -= needed

    threads = [threading.Thread(target=work, args=(needed,)) for needed in needs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert overdrawn == [False] * len(needs)


def test_a_giant_gets_through_alone() -> None:
    budget = MemoryBudget(100)
    entered = threading.Event()

    def giant() -> None:
        with budget.hold(1000):
            entered.set()

    with budget.hold(1):
        thread = threading.Thread(target=giant)
        thread.start()
        assert not entered.wait(0.1)
    thread.join(10)
    assert entered.is_set()
