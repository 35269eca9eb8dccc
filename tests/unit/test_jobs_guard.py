"""When a job waits and when it stops, whatever the numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbnail_pipeline.jobs.guard import (
    LOOK_SECONDS,
    JobTripped,
    QueueLook,
    allowed,
    given_at,
    may_have_room,
    require_means,
)
from thumbnail_pipeline.jobs.ranges import Range
from thumbnail_pipeline.jobs.records import (
    Asked,
    BulkJob,
    Followed,
    JobBounds,
    JobKind,
    JobPrices,
    JobState,
    KeyRange,
)
from thumbnail_pipeline.reconciliation.judgement import Verdict

ASKED = Asked(JobKind.BACKFILL, "uploads", "", "0123", JobPrices(message=0.001, million_examined=1.0))
JOB = BulkJob("j", ASKED, JobBounds(), JobState.RUNNING, dead_before=5)
CALM = QueueLook(in_queue=0, dead=5, paused=False)

_COUNT = st.integers(0, 10**6)
_BOUNDS = st.builds(
    JobBounds,
    in_queue=st.integers(10, 10**5),
    rate=st.none() | st.floats(0.1, 10**4),
    failed_percent=st.none() | st.floats(0, 100),
    dead=st.integers(0, 100),
    limit=st.none() | st.integers(1, 10**6),
    dollars=st.none() | st.floats(0.01, 10**4),
)
_JOBS = st.builds(
    BulkJob,
    id=st.just("j"),
    asked=st.just(ASKED),
    bounds=_BOUNDS,
    state=st.sampled_from(JobState),
    why=st.text(max_size=5),
    granted=_COUNT,
    allowed=_COUNT,
    looked_at=st.floats(1e9, 1e9 + 60),
    given_at=st.just(0.0) | st.floats(1e9 - 60, 1e9),
    ran_since=st.floats(1e9 - 60, 1e9),
    dead_before=st.integers(-1, 10),
    decided=st.integers(0, 300),
    failed=st.integers(0, 300),
    examined=_COUNT,
    counts=st.dictionaries(st.sampled_from(["missing", "sent", "excluded"]), st.integers(1, 10**9)).map(Counter),
)
_SEEN = st.builds(QueueLook, in_queue=_COUNT, dead=st.integers(0, 200), paused=st.booleans())


@given(job=_JOBS, seen=_SEEN)
def test_no_bound_is_overstepped(job: BulkJob, seen: QueueLook) -> None:
    try:
        number = allowed(job, seen)
    except JobTripped:
        return
    bounds = job.bounds
    assert not seen.paused
    assert job.dead_before < 0 or seen.dead - job.dead_before <= bounds.dead
    granted = min(job.granted, job.allowed)
    assert number >= (granted if bounds.limit is None else min(granted, bounds.limit))
    assert number - granted <= max(0, bounds.in_queue - seen.in_queue)
    if bounds.limit is not None:
        assert number <= bounds.limit
    if bounds.rate is not None:
        assert number - granted <= bounds.rate * (job.looked_at - max(job.given_at, job.ran_since)) + 1e-6
        assert number - granted <= max(15 * bounds.rate, 2)
    if bounds.dollars is not None:
        assert job.cost + (number - granted) * ASKED.prices.message <= bounds.dollars * (1 + 1e-9)


@given(
    rate=st.floats(0.1, 50),
    looks=st.lists(st.tuples(st.floats(LOOK_SECONDS, 12), st.floats(0, 1)), min_size=5, max_size=60),
)
def test_a_rate_is_kept_however_often_somebody_looks(rate: float, looks: list[tuple[float, float]]) -> None:
    """Where all leave is used, as many are sent as it says, and never more by a burst of fifteen seconds' leave."""
    job = replace(JOB, bounds=JobBounds(rate=rate), ran_since=1000.0, looked_at=1000.0)
    for after, used in [*looks, (12.0, 1.0)]:
        job = replace(job, looked_at=job.looked_at + after)
        number = allowed(job, CALM)
        job = replace(job, allowed=number, given_at=given_at(job, number))
        job = replace(job, granted=job.granted + round(used * max(0, number - job.granted)))
        assert job.granted <= rate * (job.looked_at - 1000) + 1e-6
    if all(used == 1 for _, used in looks):
        assert job.granted >= rate * (job.looked_at - 1000) - 1


@pytest.mark.parametrize("rate", [0.1, 0.3, 1, 7.7])
def test_a_rate_is_reached(rate: float) -> None:
    job = replace(JOB, bounds=JobBounds(rate=rate), ran_since=1000.0, looked_at=1000.0)
    for _ in range(200):
        job = replace(job, looked_at=job.looked_at + 3.1)
        number = allowed(job, CALM)
        job = replace(job, allowed=number, granted=number, given_at=given_at(job, number))
    assert job.granted == pytest.approx(rate * (job.looked_at - 1000), abs=1)


@pytest.mark.parametrize(
    ("granted", "since", "says"),
    [
        (0, LOOK_SECONDS, "room"),
        (4, 0, "room"),
        (5, 0, "none"),
        (5, LOOK_SECONDS - 0.1, "none"),
        (5, LOOK_SECONDS, "room"),
    ],
)
def test_nothing_is_listed_right_after_a_look_that_left_no_room(granted: int, since: float, says: str) -> None:
    job = replace(JOB, granted=granted, allowed=5, looked_at=100.0)
    assert may_have_room(job, 100.0 + since) is (says == "room")


@pytest.mark.parametrize(
    ("job", "seen", "says"),
    [
        (JOB, replace(CALM, paused=True), "paused"),
        (JOB, replace(CALM, dead=16), "11 messages have become dead letters"),
        (replace(JOB, decided=60, failed=6, decided_before=40, failed_before=5), CALM, "11 of the last 100 images"),
        (replace(JOB, granted=7, allowed=7, bounds=JobBounds(limit=7)), CALM, "sent 7 messages"),
        (replace(JOB, granted=1000, bounds=JobBounds(dollars=1.0)), CALM, r"\$1.00"),
        (replace(JOB, examined=2_000_000, bounds=JobBounds(dollars=2.0)), CALM, r"\$2.00"),
    ],
)
def test_a_job_stops_and_says_why(job: BulkJob, seen: QueueLook, says: str) -> None:
    def send_one() -> None:
        allowed(job, seen)
        require_means(job)

    with pytest.raises(JobTripped, match=says):
        send_one()


@pytest.mark.parametrize(
    ("job", "seen"),
    [
        (JOB, replace(CALM, dead=15)),
        (replace(JOB, decided=99, failed=99), CALM),
        (replace(JOB, decided=100, failed=10), CALM),
        (replace(JOB, decided=300, failed=300, bounds=JobBounds(failed_percent=None)), CALM),
    ],
)
def test_a_job_goes_on_within_its_bounds(job: BulkJob, seen: QueueLook) -> None:
    assert allowed(job, seen) == 10_000


@given(job=_JOBS)
def test_a_job_is_what_its_row_says(job: BulkJob) -> None:
    assert BulkJob.decoded(job.as_item()) == job


@given(
    sent=st.frozensets(st.sampled_from(Verdict)),
    globs=st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple),
)
def test_what_was_asked_survives(sent: frozenset[Verdict], globs: tuple[str, ...]) -> None:
    asked = replace(ASKED, sent=sent, include=globs, by="somebody", at=1.5)
    assert Asked.from_json(asked.as_json()) == asked


_TEXTS = st.text(max_size=5)


@given(
    found=st.builds(
        KeyRange,
        job=st.text(min_size=1, max_size=3),
        name=_TEXTS,
        keys=st.builds(Range, _TEXTS, st.none() | _TEXTS),
        reached=_TEXTS,
        depth=st.integers(0, 9),
        held_until=st.floats(1e9, 2e9),
        counts=st.dictionaries(_TEXTS, _COUNT).map(Counter),
        followed=st.lists(st.builds(Followed, _TEXTS, st.none() | _TEXTS, st.floats(0, 2e9)), max_size=2).map(tuple),
    )
)
def test_a_range_is_what_its_row_says(found: KeyRange) -> None:
    assert KeyRange.decoded(found.as_item()) == found
