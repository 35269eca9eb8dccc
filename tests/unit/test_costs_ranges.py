"""What a bulk job in the account takes: by hand, and by what the range worker itself goes by."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from devtools.localaws.stack import REPOSITORY
from range_worker import guarded, turns
from thumbctl import estimate as command
from thumbctl.app import app
from thumbctl.costs import ranges
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.measured import PerObject
from thumbctl.costs.model import MEASURED_MEMORY_MB, Model
from thumbctl.costs.ranges import DEFAULT_RANGES, Ranges
from thumbnail_pipeline import listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbctl.costs.capacity import RangesCapacity

MILLION = 1_000_000
LOADED = Model.load()
# A page of a thousand objects takes a backfill 0.13 seconds, of which the listing of the next one takes 0.2, and a
# reconcile 0.43.
PER_OBJECT = PerObject("2026-01-02", "hand", backfill_us=100, reconcile_us=400)
MODEL = replace(LOADED, measured=replace(LOADED.measured, per_object=PER_OBJECT))


def estimated(job: Job) -> Estimate:
    return Estimate.of(job, default_workload(job.kind), model=MODEL)


def looking(job: Job) -> RangesCapacity:
    found = estimated(job).looking
    assert found is not None
    return found


def nothing_to_do(objects: int, at_a_time: int = 10, kind: Any = "backfill") -> Job:
    return Job(kind, 0, 0, examined=objects, ranges=at_a_time)


def everything_to_do(objects: int, at_a_time: int = 10) -> Job:
    return Job("backfill", objects, objects * 1_750_000, rewritten=objects, ranges=at_a_time)


def amounts(job: Job) -> Mapping[str, float]:
    return {line.what: line.amount for line in estimated(job).once}


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_waits_for_the_slower_of_listing_and_comparing() -> None:
    assert looking(nothing_to_do(MILLION, 1)).images_a_second == pytest.approx(1000 / 0.2)
    assert looking(nothing_to_do(MILLION, 1, "reconcile")).images_a_second == pytest.approx(1000 / 0.43)


def test_a_hundred_million_objects_by_hand() -> None:
    # Ten ranges would do 50,000 a second, at half a unit each: a new table has 12,000, and twice that in half an hour.
    seconds = looking(nothing_to_do(100 * MILLION)).seconds
    assert seconds == pytest.approx(1800 + (100 * MILLION - 1800 * 24_000) / 48_000, rel=1e-3)


def test_the_table_is_full_first_and_then_the_mapping() -> None:
    capacity = looking(nothing_to_do(MILLION, 1000))
    full = {each.what: each.saturates_at for each in capacity.usages}
    assert full["reads, in a new table"] == pytest.approx(12_000 / 2500)
    assert full["reads"] == pytest.approx(40_000 / 2500)
    assert full["LIST under a prefix"] == pytest.approx(5500 / 5)
    assert full["invocations of the mapping"] == 1000
    # Two units, twice as dear in a transaction, each 36 seconds.
    assert full["writes to the job's row"] == pytest.approx(1000 / (4 / 36))
    assert capacity.first is not None
    assert capacity.first.what == "reads, in a new table"
    assert capacity.good == 3
    (said,) = capacity.verdict
    assert said.startswith(
        "DynamoDB saturates first (reads, in a new table), at 5 of 1,000 invocations at a time: lower"
    )
    assert "jobs.ranges_at_a_time" in said


def test_a_backfill_that_finds_nothing_by_hand() -> None:
    got = amounts(nothing_to_do(MILLION))
    turns_ = 200 / 36 + 40
    assert got["LIST of what is there"] == pytest.approx(1000 + turns_)
    assert got["rows looked up"] == MILLION / 2
    # A page is written down; a turn takes its range, and leaves it in a transaction of two rows. Rows are of two units.
    assert got["progress of ranges and of the job"] == pytest.approx(2 * (1000 + turns_ + 4 * turns_))
    assert got["compute of range workers"] == pytest.approx(200 * 1769 / 1024)
    assert got["turns of range workers"] == pytest.approx(turns_)
    assert got["PUT, one a rendition"] == 0


def test_a_reconcile_lists_every_rendition_too() -> None:
    one, other = (amounts(nothing_to_do(MILLION, kind=kind)) for kind in ("backfill", "reconcile"))
    assert other["LIST of what is there"] / one["LIST of what is there"] == pytest.approx(4, rel=0.05)
    assert other["rows looked up"] == one["rows looked up"]
    assert other["compute of range workers"] / one["compute of range workers"] == pytest.approx(0.43 / 0.2)


def test_what_is_out_of_date_takes_as_long_as_thumbnails_do() -> None:
    in_account = estimated(everything_to_do(MILLION))
    from_here = estimated(replace(everything_to_do(MILLION), ranges=None))
    assert in_account.seconds == from_here.seconds
    assert estimated(nothing_to_do(MILLION)).seconds < in_account.seconds
    assert [*in_account.capacities] == ["images", "objects"]
    assert [*estimated(nothing_to_do(MILLION)).capacities] == ["objects"]


@pytest.mark.parametrize(("at_a_time", "most"), [(10, 1.04), (100, 1.07)])
def test_waiting_for_room_costs_little(at_a_time: int, most: float) -> None:
    # For months, every range comes back again and again to find that the backfill queue is full.
    in_account = estimated(everything_to_do(1000 * MILLION, at_a_time)).dollars
    assert 1 < in_account / estimated(replace(everything_to_do(1000 * MILLION), ranges=None)).dollars < most


# ── whatever is asked ────────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(["backfill", "reconcile"]), st.integers(1, 10**9), st.integers(1, 500), st.integers(1, 10**9))
def test_more_ranges_are_never_slower_and_more_objects_never_cheaper(
    kind: Any, objects: int, at_a_time: int, more: int
) -> None:
    job = nothing_to_do(objects, at_a_time, kind)
    assert looking(replace(job, ranges=at_a_time + 1)).seconds <= looking(job).seconds * (1 + 1e-9)
    assert estimated(replace(job, examined=objects + more)).dollars >= estimated(job).dollars
    assert sum(line["dollars"] for line in estimated(job).as_json()["lines"]) == pytest.approx(estimated(job).dollars)


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(1, 10**6))
def test_no_call_is_one_for_all(objects: int, sent: int, turns_: int) -> None:
    """However many work at a time, they call the same in as many turns."""
    few, many = (Ranges("backfill", objects, sent, at_a_time, 1).calls(turns_) for at_a_time in (1, 1000))
    assert few == many


# ── what the worker goes by ──────────────────────────────────────────────────────────────────────────


def test_the_worker_goes_by_the_same() -> None:
    text = {
        name: (REPOSITORY / name).read_text(encoding="utf-8")
        for name in ("functions/range_worker/handler.py", "terraform/modules/jobs/main.tf", "terraform/variables.tf")
    }
    (share,) = re.findall(r"_TURN_SHARE: Final = ([\d.]+)", text["functions/range_worker/handler.py"])
    (timeout,) = re.findall(r"\n  timeout_seconds = (\d+)", text["terraform/modules/jobs/main.tf"])
    (memory,) = re.findall(r"memory_mb = (\d+)", text["terraform/modules/jobs/main.tf"])
    (default,) = re.findall(r"ranges_at_a_time = optional\(number, (\d+)\)", text["terraform/variables.tf"])
    assert float(share) * int(timeout) == ranges._TURN_SECONDS
    assert int(memory) == MEASURED_MEMORY_MB
    assert int(default) == DEFAULT_RANGES
    assert guarded.ROOM_SECONDS == ranges._WAIT_SECONDS
    assert (turns._RANGES_FOR_EACH, turns._MOST_RANGES) == (ranges._RANGES_A_WORKER, ranges._MOST_RANGES)
    assert listing.KEYS_A_CALL == ranges._KEYS_A_PAGE


# ── the command ──────────────────────────────────────────────────────────────────────────────────────


def answered(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["estimate", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_the_command_tells_of_jobs_in_the_account() -> None:
    told = answered("--objects", MILLION, "--bytes-each", 1000, "--in-account", "--out-of-date", 1000)
    assert (told["job"]["kind"], told["job"]["objects"], told["job"]["examined"]) == ("backfill", 1000, MILLION)
    assert told["job"]["bytes"] == MILLION
    assert told["ranges"]["concurrency"]["jobs.ranges_at_a_time"] == DEFAULT_RANGES
    assert answered("--objects", 5, "--bytes-each", 5, "--backfill")["ranges"] is None


def test_a_reconcile_needs_no_sizes_and_makes_nothing() -> None:
    told = answered("--objects", MILLION, "--reconcile", "--ranges", 4)
    assert (told["job"]["kind"], told["job"]["objects"], told["job"]["ranges"]) == ("reconcile", 0, 4)
    assert answered("--objects", MILLION, "--in-account", "--out-of-date", 0)["job"]["objects"] == 0


def test_people_are_told_of_both() -> None:
    said = CliRunner().invoke(app, ["estimate", "--objects", "1000000000", "--bytes-each", "5", "--in-account"]).stdout
    for words in ("Limits of AWS: images", "Limits of AWS: objects", "LIST under a prefix", "objects a second"):
        assert words in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--objects", 5, "--bytes-each", 5, "--out-of-date", 1),
        ("--objects", 5, "--in-account"),
        (command.__file__, "--in-account"),
    ],
)
def test_what_makes_no_sense_in_the_account_is_refused(arguments: tuple[object, ...]) -> None:
    result = CliRunner().invoke(app, ["estimate", *map(str, arguments)])
    assert (result.exit_code, result.stdout) == (2, "")
