"""What bench.scale makes of jobs with several workers: which of its goals a run holds."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from bench import jobs, vast
from bench.jobs import JobRun, WorkerRun

OBJECTS = 20_000
PAGES, TURNS = 20, 8


def run(workers: int) -> JobRun:
    """A backfill as it should be: a page has a LIST, a write to its range and leave to send, a turn three calls."""
    calls = {
        "ListObjectsV2": PAGES + TURNS,
        "BatchGetItem": 10 * PAGES,
        "UpdateItem": PAGES + TURNS,
        "UpdateItem, a job's row": PAGES,
        "TransactWriteItems": TURNS,
    }
    each = {name: number // workers for name, number in calls.items()}
    worked = [
        WorkerRun(f"worker-{number}", TURNS // workers, 10.0, 2.0 / workers, 100, 101) for number in range(workers)
    ]
    return JobRun(
        kind="backfill",
        objects=OBJECTS,
        state="done",
        examined=OBJECTS,
        workers=worked,
        planning={"ListObjectsV2": 90},
        calls=[each] * workers,
        messages=vast.out_of_date(OBJECTS),
        twice=0,
    )


def missed(*runs: JobRun) -> set[str]:
    """Goals that are not held, without the kind of job."""
    found = jobs.verdicts([asdict(each) for each in runs])
    return {goal.what.partition(": ")[2] for goal in found if goal.held is False}


def test_a_job_as_it_should_be_misses_nothing() -> None:
    assert not missed(run(1), run(4))
    assert run(4).cpu_us == pytest.approx(100)


@pytest.mark.parametrize(
    ("wrong", "goal"),
    [
        ({"twice": 1}, "objects and messages"),
        ({"messages": 3}, "objects and messages"),
        ({"state": "stopped"}, "objects and messages"),
        ({"examined": OBJECTS - 1}, "objects and messages"),
        ({"workers": [WorkerRun("worker-0", TURNS, 10.0, 4.0, 100, 101)]}, "CPU an object, µs"),
        ({"workers": [WorkerRun("worker-0", TURNS, 10.0, 2.0, 100, 120)]}, "memory, last tenth over first"),
        ({"calls": [{**run(1).calls[0], "ListObjectsV2": 60}]}, "calls a turn beyond the model"),
    ],
)
def test_each_goal_can_be_missed(wrong: dict[str, Any], goal: str) -> None:
    assert missed(replace(run(1), **wrong), run(4)) == {goal}


def test_a_call_that_one_makes_for_all_is_seen() -> None:
    many = run(4)
    first = {**many.calls[0], "GetQueueAttributes": 500}
    assert {"calls of 4 over 1", "busiest of 4 over its share"} <= missed(
        run(1), replace(many, calls=[first, *many.calls[1:]])
    )


def test_what_is_planned_is_told_apart_from_the_rest() -> None:
    summary, calls = jobs.tables([asdict(run(1)), asdict(run(4))])
    assert [row[0] for row in summary.rows] == ["backfill, 1", "backfill, 4"]
    assert ["90 + 28", "90 + 28"] in [list(row[1:]) for row in calls.rows if row[0] == "ListObjectsV2"]
