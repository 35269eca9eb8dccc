"""How far a job is said to be: never more certain than anybody can be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from thumbctl.jobs.progress import JobProgress, Span
from thumbnail_pipeline.jobs.records import (
    EXAMINED,
    Asked,
    BulkJob,
    Followed,
    JobBounds,
    JobKind,
    JobPrices,
    JobState,
    KeyRange,
)

BEGUN = 1_000_000.0
NOW = BEGUN + 1_000
ASKED = Asked(
    JobKind.BACKFILL, "uploads", "", "settings", JobPrices(message=0.001, million_examined=1), at=BEGUN, by="alice"
)
JOB = BulkJob("20260131-080000-1a2b", ASKED, JobBounds(dollars=5), JobState.RUNNING, ran_since=BEGUN, looked_at=NOW - 5)


def ranges(*done: int, open_ones: tuple[int, ...] = ()) -> list[KeyRange]:
    """Ranges that are done, and others, with so many objects each."""
    made = [(size, NOW) for size in done] + [(size, 0.0) for size in open_ones]
    return [
        replace(
            KeyRange.new(JOB.id, f"{number:05d}", "", None),
            counts=Counter({EXAMINED: size, "current": size}),
            finished_at=finished,
            held_until=NOW + 30,
        )
        for number, (size, finished) in enumerate(made)
    ]


def seen(job: BulkJob = JOB, *, of: list[KeyRange], most: int | None = None) -> JobProgress:
    return JobProgress(job, of, NOW, most)


def said(progress: JobProgress) -> str:
    return " ".join(progress.sentences())


def test_what_workers_have_counted_is_in_it_before_their_turn_is_over() -> None:
    progress = seen(replace(JOB, examined=300, counts=Counter(current=300)), of=ranges(200, open_ones=(700,)))
    assert progress.job.examined == 900
    assert progress.job.counts == Counter(current=900)
    assert progress.objects_a_second == pytest.approx(0.9)
    assert "900 objects looked at (1 a second)" in said(progress)
    # Ranges are forgotten thirty days after they are done, and a job can be older.
    assert seen(replace(JOB, examined=300), of=[]).job.examined == 300


@pytest.mark.parametrize(
    ("of", "most", "left"),
    [
        pytest.param([], None, None, id="not divided yet"),
        pytest.param(ranges(open_ones=(10, 20)), None, None, id="none is done"),
        pytest.param(
            ranges(5, 5, 5, open_ones=(20, 20, 20)), None, None, id="those that are done may be the short ones"
        ),
        pytest.param(ranges(*[5] * 4, open_ones=(1,) * 30), None, None, id="too few of many"),
        pytest.param(ranges(open_ones=(10, 20)), 100, Span(0, 70), id="S3 says how many there are at most"),
        pytest.param(ranges(open_ones=(10, 20)), 20, Span(0, 0), id="more have come since S3 counted"),
        pytest.param(
            ranges(100, 200, 300, 400, open_ones=(50, 300)), None, Span(200, 450), id="by the mean, and by the largest"
        ),
        pytest.param(
            ranges(100, 200, 300, 400, open_ones=(50, 300)), 1400, Span(50, 50), id="but not more than there are"
        ),
        pytest.param(ranges(100, 200, 300, 400), None, Span(0, 0), id="nothing"),
    ],
)
def test_what_is_left_is_told_from_and_to_or_not_at_all(
    of: list[KeyRange], most: int | None, left: Span | None
) -> None:
    assert seen(of=of, most=most).objects_left == left


def test_less_than_a_cent_is_not_nothing() -> None:
    assert "about $0.00 of" in said(seen(of=[]))
    assert "less than $0.01 of" in said(seen(replace(JOB, examined=5), of=[]))


def test_a_duration_is_a_guess_and_says_so() -> None:
    progress = seen(of=ranges(100, 200, 300, 400, open_ones=(50, 300)))
    left = progress.seconds_left
    assert left
    assert (left.least, left.most) == pytest.approx((200 / 1.35, 450 / 1.35))
    assert "Perhaps 2.5 minutes to 5.6 minutes left" in said(progress)
    assert "At most 6.0 minutes left" in said(seen(of=ranges(open_ones=(750,)), most=1020))
    assert "too early" in said(seen(of=ranges(open_ones=(750,))))


def test_the_pace_is_that_since_it_last_began_to_run() -> None:
    resumed = replace(JOB, ran_since=NOW - 100, examined_then=800, examined=1000)
    assert seen(resumed, of=ranges(open_ones=(1000,))).objects_a_second == pytest.approx(2)
    just_now = replace(resumed, ran_since=NOW - 10)
    assert seen(just_now, of=ranges(open_ones=(1000,))).objects_a_second is None
    assert seen(replace(resumed, state=JobState.PAUSED), of=[]).objects_a_second is None


@pytest.mark.parametrize(
    ("job", "of", "says"),
    [
        (replace(JOB, state=JobState.PLANNING), [], "being divided"),
        (replace(JOB, state=JobState.PLANNING), [], "Nobody has worked on it for 17 minutes"),
        (replace(JOB, looked_at=NOW - 600), ranges(open_ones=(5,)), "Nobody has worked on it for 10 minutes"),
        (
            replace(JOB, in_queue=10_000, granted=9, allowed=9),
            ranges(open_ones=(5,)),
            "until more may be sent: 10,000 messages are in the backfill queue",
        ),
        (
            replace(JOB, bounds=JobBounds(rate=5), granted=9, allowed=9),
            ranges(open_ones=(5,)),
            "until more may be sent: --rate is 5 a second",
        ),
        (replace(JOB, state=JobState.PAUSED), ranges(open_ones=(5,)), f"'thumbctl jobs resume {JOB.id}'"),
        (replace(JOB, state=JobState.STOPPED, why="No."), ranges(open_ones=(5,)), f"'thumbctl jobs cancel {JOB.id}'"),
        (replace(JOB, state=JobState.DONE, finished_at=BEGUN + 300), ranges(5), "It took 5.0 minutes"),
        (replace(JOB, granted=2_000, allowed=3_000), ranges(5, open_ones=(5,)), "about $2.00 of at most $5.00"),
        (JOB, ranges(5), "it ends at any moment"),
        (
            JOB,
            [replace(ranges(open_ones=(5,))[0], held_until=0.0, followed=(Followed("key", None, NOW),))],
            "waits for what becomes of the images that it follows",
        ),
    ],
)
def test_where_a_job_is_and_what_can_be_done_is_said(job: BulkJob, of: list[KeyRange], says: str) -> None:
    assert says in said(seen(job, of=of))
