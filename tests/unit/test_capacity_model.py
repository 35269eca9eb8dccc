"""How long a bulk job takes and what it meets first: by hand, and against pollers that are played one by one."""

from __future__ import annotations

import heapq
import math
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbctl.costs.capacity import DAY, Demand, JobCapacity, Ramp, Step, seconds, spoken
from thumbctl.costs.limits import AwsLimits, Limit

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = AwsLimits.load()
# An image takes 0.2 seconds in batches of ten, is written in one unit, and has three thumbnails.
PLAIN = Demand(images=1e6, seconds=0.2, batch=10, puts=1, gets=1, reads=0, writes=1, failures=0, kms=4)


def capacity(concurrency: int = 20, demand: Demand = PLAIN, limits: AwsLimits = LIMITS) -> JobCapacity:
    """A job whose messages come all at once, to a queue that keeps them for four days."""
    return JobCapacity(demand, limits, "maximum_concurrency", concurrency, queued=math.inf, retention_days=4)


def limited(**values: float) -> AwsLimits:
    """AWS's limits, but for some."""
    return replace(LIMITS, **{name: replace(getattr(LIMITS, name), value=value) for name, value in values.items()})


def used(job: JobCapacity, what: str) -> float:
    """The share of a limit."""
    (share,) = (each.share for each in job.usages if each.what.startswith(what))
    return share


# ── against a simulation ─────────────────────────────────────────────────────────────────────────────


def played(batches: int, batch_seconds: float, first: int, a_second: float, allowed: Callable[[float], int]) -> float:
    """When the last batch is done, where pollers come one by one and each takes a batch as soon as it may.

    `allowed` batches at a time at a moment; it never falls, and is asked ten times a second and when anything happens.
    """
    now, pollers, running, done = 0.0, first, list[float](), 0.0
    while batches:
        while running and running[0] <= now:
            done = heapq.heappop(running)
        for _ in range(min(batches, max(0, min(pollers, allowed(now)) - len(running)))):
            heapq.heappush(running, now + batch_seconds)
            batches -= 1
        arrival = (pollers - first + 1) / a_second
        tick = (math.floor(now * 10 + 1e-6) + 1) / 10
        now = min(arrival, tick, *running[:1])
        if now == arrival:
            pollers += 1
    return max([done, *running])


# A batch, a poller, and a tick of the play: what it is coarser by than a calculation with fractions.
def coarseness(batch_seconds: float, a_second: float) -> float:
    """Seconds."""
    return batch_seconds + 1 / a_second + 0.1


sizes = st.integers(1, 500)
batch_lengths = st.floats(0.05, 3)
firsts = st.integers(1, 20)
rates = st.floats(0.2, 20)


@given(sizes, batch_lengths, firsts, rates, st.integers(1, 100))
def test_a_ramp_takes_as_long_as_pollers_that_come_one_by_one(
    batches: int, batch_seconds: float, first: int, a_second: float, most: int
) -> None:
    by_hand = played(batches, batch_seconds, first, a_second, lambda _: most)
    reckoned = seconds(batches * batch_seconds, Ramp(first, a_second), (Step(0, most),))
    assert reckoned - 1e-6 <= by_hand <= reckoned + coarseness(batch_seconds, a_second)


growths = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 30)), min_size=1, max_size=4)


@given(sizes, batch_lengths, firsts, rates, growths)
def test_what_is_allowed_may_grow_on_the_way(
    batches: int, batch_seconds: float, first: int, a_second: float, growth: list[tuple[int, int]]
) -> None:
    begin, most, steps = 0.0, 0, []
    for tenths, more in growth:
        most += more
        steps.append(Step(begin, most))
        begin += tenths / 10

    def allowed(moment: float) -> int:
        return max(int(step.most) for step in steps if step.begin <= moment + 1e-9)

    by_hand = played(batches, batch_seconds, first, a_second, allowed)
    reckoned = seconds(batches * batch_seconds, Ramp(first, a_second), steps)
    # The ramp goes on while less is allowed, so that one poller too few may be missing at each step.
    assert reckoned - 1e-6 <= by_hand <= reckoned + coarseness(batch_seconds, a_second) * len(steps)


@given(
    sizes,
    st.integers(5, 200),
    st.floats(0.01, 0.3),
    st.floats(1, 3),
    st.integers(40, 400),
    st.integers(1, 30),
    st.integers(100, 1000),
)
def test_a_job_takes_as_long_as_under_limits_that_are_looked_at_all_the_time(
    batches: int, concurrency: int, image_seconds: float, writes: float, ready: int, doubling: int, puts: int
) -> None:
    limits = limited(
        dynamodb_first_write=ready, dynamodb_doubling=doubling, dynamodb_table_write=4000, s3_put_prefix=puts
    )
    job = capacity(concurrency, replace(PLAIN, images=10 * batches, seconds=image_seconds, writes=writes), limits)

    def most(doublings: int) -> float:
        written: float = min(ready * 2**doublings, 4000) / writes
        return min(concurrency, image_seconds * min(written, puts, 5500))

    def whole(doublings: int) -> int:
        """There are no halves of an invocation to be played: as many as fit, and at least one."""
        return max(1, math.floor(most(doublings) + 1e-9))

    work, doublings = job.demand.images * image_seconds, range(8)
    by_hand = played(
        batches, 10 * image_seconds, 5, 5, lambda moment: whole(min(doublings[-1], int((moment + 1e-9) // doubling)))
    )
    reckoned = seconds(work, Ramp(5, 5), [Step(doubling * each, whole(each)) for each in doublings])
    assert reckoned - 1e-6 <= by_hand <= reckoned + coarseness(10 * image_seconds, 5) * len(doublings)
    # And with their fractions, these steps are the job's.
    exact = seconds(work, Ramp(5, 5), [Step(doubling * each, most(each)) for each in doublings])
    assert job.seconds == pytest.approx(exact)


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_million_images_by_hand() -> None:
    # 200,000 seconds of work: from 5 to 20 at a time in 3 seconds, which do 37.5 of them, and 20 at a time.
    assert capacity(20).seconds == pytest.approx(3 + (200_000 - 37.5) / 20)


def test_few_images_end_within_the_ramp() -> None:
    # 5 t + 5 t^2 / 2 = 60 after four seconds.
    assert capacity(1000, replace(PLAIN, images=300)).seconds == pytest.approx(4)


def test_nothing_takes_no_time() -> None:
    assert capacity(20, replace(PLAIN, images=0)).seconds == 0


def test_s3_takes_no_more_than_it_says() -> None:
    # A thousand at a time would make 5,000 images a second, and S3 takes 3,500 under a prefix.
    job = capacity(1000, replace(PLAIN, images=1e9))
    assert job.seconds == pytest.approx(1e9 / 3500, rel=1e-3)
    assert used(job, "PUT") == pytest.approx(5000 / 3500)
    assert used(job, "GET") == pytest.approx(5000 / 5500)


def test_a_table_gets_ready_for_twice_as_much_in_half_an_hour() -> None:
    # Four units an image: 1,000 images a second in the first half hour, 2,000 in the second, then what S3 allows.
    job = capacity(1000, replace(PLAIN, images=10e6, writes=4))
    rest = 10e6 - 1800 * (1000 + 2000)
    assert job.seconds == pytest.approx(3600 + rest / 3500, abs=60)


@pytest.mark.parametrize(
    ("what", "share"),
    [
        ("new invocations", 5 / 100),
        ("invocations of the mapping", 100 / 1000),
        ("invocations of the account", 100 / 1000),
        ("PUT", 500 / 3500),
        ("GET", 500 / 5500),
        ("writes, in a new table", 500 * 1.5 / 4000),
        ("writes to a shard", 500 * 0.5 / 16 / 1000),
        ("reads, in a new table", 500 * 2 / 12_000),
        ("messages in flight", 100 * 10 / 120_000),
        ("requests, at best", 500 * 4 / 100 / 10_000),
        ("requests, without", 500 * 4 / 10_000),
        ("PutLogEvents", 500 / 10 / 5000),
        ("days for which a", 1e6 / 500 / 86_400 / 4),
    ],
)
def test_shares_by_hand(what: str, share: float) -> None:
    job = capacity(100, replace(PLAIN, writes=1.5, failures=0.5, reads=2))
    assert used(job, what) == pytest.approx(share, rel=0.01)


def test_a_good_setting_leaves_a_fifth_of_every_limit() -> None:
    # S3's 3,500 images a second are 700 at a time.
    assert capacity().good == 560
    assert capacity(demand=replace(PLAIN, seconds=10)).good == 800  # the account's thousand
    assert capacity(demand=replace(PLAIN, seconds=0.0032)).good == 8


def test_provisioned_pollers_are_there_from_the_beginning() -> None:
    own, provisioned = capacity(1000), replace(capacity(1000), pollers=40)
    # From 400 on, by 1,000 a minute; without, from 5 by 300.
    assert provisioned.full_after_seconds == pytest.approx(600 / (1000 / 60))
    assert own.full_after_seconds == pytest.approx(995 / 5)
    assert provisioned.seconds < own.seconds
    assert used(provisioned, "invocations of the mapping") == pytest.approx(1000 / 20_000)


def test_the_verdict_tells_what_bounds_a_job() -> None:
    (said,) = capacity(20).verdict
    assert said.startswith("Nothing saturates; what bounds it is maximum_concurrency = 20: with 560, which")
    assert said.endswith(f"it takes {spoken(capacity(560).seconds)}.")


def test_the_verdict_tells_what_saturates_first() -> None:
    said = capacity(1000, replace(PLAIN, writes=3)).verdict[0]
    # 5,000 images a second in 3 units each are more for a new table than for S3.
    assert said.startswith(
        "DynamoDB saturates first (writes, in a new table), at 267 of 1,000 invocations at a time: lower"
    )
    assert said.endswith("or set the table's warm throughput beforehand.")
    assert capacity(1000).verdict[0].startswith("S3 saturates first (PUT under the prefix of a rendition), at 700 of")


@pytest.mark.parametrize(("concurrency", "left"), [(560, "a fifth"), (600, "less than a fifth")])
def test_the_verdict_leaves_a_good_setting_alone(concurrency: int, left: str) -> None:
    assert capacity(concurrency, replace(PLAIN, images=1e7)).verdict == (
        f"Nothing saturates, and maximum_concurrency = {concurrency} leaves {left} of the scarcest limit free.",
    )


def test_the_verdict_tells_that_messages_would_expire() -> None:
    # 100 images a second, so 10^8 of them take 11.6 days, and a good setting less than one.
    said = capacity(20, replace(PLAIN, images=1e8)).verdict[1]
    assert said == (
        "The queue keeps a message for 4 days, and the last would wait for 12 days: sent all at once, messages expire"
        " before their turn comes. So send at most 100 images a second with --rate, or set retention.queue_days to 12,"
        " or set maximum_concurrency to 560."
    )
    # Ten times as many take longer than any message lives, and even with a good setting longer than these live.
    said = capacity(20, replace(PLAIN, images=1e9 * 1.2)).verdict[1]
    assert said.endswith("or set maximum_concurrency to 560 and retention.queue_days to 5.")
    assert "days to 1" not in said


def test_what_waits_for_room_in_the_queue_does_not_expire() -> None:
    job = replace(capacity(20, replace(PLAIN, images=1e9)), queued=10_000)
    # A hundred images a second.
    assert job.wait_seconds == pytest.approx(100, rel=0.02)
    assert used(job, "days for which a message waits") == pytest.approx(100 / 4 / DAY, rel=0.02)
    assert "The queue keeps" not in " ".join(job.verdict)


@given(st.floats(1, 1e10), st.integers(2, 1000))
def test_what_the_verdict_advises_against_expiry_helps(images: float, concurrency: int) -> None:
    job = capacity(concurrency, replace(PLAIN, images=images))
    said = " ".join(job.verdict)
    assert (job.seconds > 4 * DAY) == ("The queue keeps" in said)
    for days in re.findall(r"or set retention\.queue_days to (\d+)", said):
        assert int(days) < 14
        assert job.seconds <= int(days) * DAY
    for other, days in re.findall(r"set maximum_concurrency to (\d+)(?: and retention\.queue_days to (\d+))?", said):
        assert job.at(int(other)).seconds <= int(days or 4) * DAY


def test_the_verdict_tells_of_a_ramp_that_is_worth_it() -> None:
    # 2,000 seconds of work for 560 at a time, who take 111 seconds to come.
    said = capacity(560, replace(PLAIN, images=2e5, batch=1)).verdict
    assert re.search(r"Of it, \d+ seconds are lost while Lambda's pollers begin: .* use provisioned pollers", said[1])
    assert len(capacity(560, replace(PLAIN, images=2e6)).verdict) == 1


@given(st.floats(1, 1e9), st.lists(st.integers(2, 1000), min_size=2, max_size=2), st.floats(0.001, 10), st.floats(1, 4))
def test_more_invocations_are_never_slower(
    images: float, concurrencies: list[int], image_seconds: float, writes: float
) -> None:
    demand = replace(PLAIN, images=images, seconds=image_seconds, writes=writes)
    fewer, more = sorted(concurrencies)
    assert capacity(more, demand).seconds <= capacity(fewer, demand).seconds * (1 + 1e-9)


@given(st.floats(1, 1e9), st.integers(2, 1000), st.floats(0.001, 10))
def test_a_share_is_one_where_it_is_said_to_saturate(images: float, concurrency: int, image_seconds: float) -> None:
    job = capacity(concurrency, replace(PLAIN, images=images, seconds=image_seconds))
    for each in job.usages:
        if each.saturates_at is not None:
            assert each.share == pytest.approx(concurrency / each.saturates_at)
    good = job.at(job.good)
    assert good.first is None


# ── what it rests on ─────────────────────────────────────────────────────────────────────────────────


def test_every_limit_has_its_page_and_remedy() -> None:
    for limit in LIMITS.each().values():
        assert limit.value > 0
        assert limit.page.startswith("https://docs.aws.amazon.com/")
        assert limit.remedy
        assert not limit.remedy.endswith(".")


@pytest.mark.parametrize("name", [each.name for each in fields(AwsLimits) if each.name != "date"])
def test_every_limit_counts(name: str) -> None:
    """Where a limit is made so tight that everything meets it, something is said or takes another time."""
    demand = replace(PLAIN, images=1e8, writes=3, failures=1, reads=1)
    loose = replace(capacity(300, demand), pollers=2 if name.startswith("lambda_provisioned") else None)
    tight = limited(**{name: LIMITS.each()[name].value / 1e3 if name != "dynamodb_doubling" else 1})
    tightened = replace(loose, limits=tight)
    assert (tightened.seconds, tightened.verdict, tightened.usages) != (loose.seconds, loose.verdict, loose.usages)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0, "0 seconds"),
        (59.6, "60 seconds"),
        (150, "2.5 minutes"),
        (3600, "60 minutes"),
        (2 * 3600, "2.0 hours"),
        (40 * 3600, "40 hours"),
        (4.2 * DAY, "4.2 days"),
        (94.5 * DAY, "94 days"),
    ],
)
def test_durations_are_in_peoples_units(duration: float, words: str) -> None:
    assert spoken(duration) == words


def test_limits_are_told_as_they_are_read() -> None:
    assert isinstance(LIMITS.lambda_account, Limit)
    assert LIMITS.date.isoformat() >= "2026-11-26"
