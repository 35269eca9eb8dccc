"""Rendering takes as many threads as there are processors, the largest piece first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from thumbnailer.lanes import Lanes


def test_the_largest_piece_that_waits_is_next_and_equals_keep_their_order() -> None:
    lanes, begun, go_on, done = Lanes(1), threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(5) as images:
        images.submit(lanes.do, 1, first)
        assert begun.wait(10)
        for size, name in ((2, "b"), (9, "a"), (2, "c"), (1, "d")):
            images.submit(lanes.do, size, lambda name=name: done.append(name))
            while lanes._waiting.qsize() < "bacd".index(name) + 1:
                pass
        go_on.set()
    assert done == ["a", "b", "c", "d"]


@pytest.mark.parametrize("number", [1, 3])
def test_there_are_so_many(number: int) -> None:
    lanes, names = Lanes(number), set()
    together = threading.Barrier(number)

    def work() -> None:
        names.add(threading.current_thread())
        together.wait(10)

    with ThreadPoolExecutor(number) as images:
        list(images.map(lambda _: lanes.do(1, work), range(2 * number)))
    assert len(names) == number


def test_what_the_work_raises_is_raised_and_the_lane_goes_on() -> None:
    lanes = Lanes(1)
    with pytest.raises(ZeroDivisionError):
        lanes.do(1, lambda: 1 // 0)
    assert lanes.do(1, lambda: "done") == "done"
