"""Rendering takes as many threads as there are processors, and of several the largest piece first."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from thumbnailer.lanes import Lanes


@pytest.mark.parametrize(("number", "order"), [(1, ["b", "a", "c", "d"]), (2, ["a", "b", "c", "d"])])
def test_of_several_lanes_the_largest_piece_is_next_and_equals_keep_their_order(number: int, order: list[str]) -> None:
    lanes, done = Lanes(number), []

    def work(size: int, name: str) -> None:
        with lanes.lane(size):
            done.append(name)

    with ThreadPoolExecutor(4) as images, contextlib.ExitStack() as busy:
        for _ in range(number - 1):
            busy.enter_context(lanes.lane(1))
        with lanes.lane(1):
            for waiting, (size, name) in enumerate([(2, "b"), (9, "a"), (2, "c"), (1, "d")], 1):
                images.submit(work, size, name)
                while len(lanes._waiting) < waiting:
                    time.sleep(0.001)
        images.shutdown()
    assert done == order


@pytest.mark.parametrize("number", [1, 3])
def test_there_are_so_many(number: int) -> None:
    lanes, together = Lanes(number), threading.Barrier(number)

    def work(_: int) -> threading.Thread:
        with lanes.lane(1) as lane:
            together.wait(10)
            return lane.submit(threading.current_thread).result()

    with ThreadPoolExecutor(2 * number) as images:
        assert len(set(images.map(work, range(2 * number)))) == number


def test_a_lane_is_given_back_whatever_happens() -> None:
    lanes = Lanes(1)
    with pytest.raises(ZeroDivisionError), lanes.lane(1):
        _ = 1 // 0
    with lanes.lane(1) as lane:
        assert lane.submit(lambda: "done").result() == "done"
