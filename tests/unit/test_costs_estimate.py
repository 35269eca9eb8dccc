"""What an import and a backfill cost: by hand, and by the calls that the real worker makes of an image it knows."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from devtools.localaws.stack import REPOSITORY
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import UPLOADS, Bench, FakeContext
from thumbctl.bulk.queues import MESSAGES_AT_A_TIME
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.model import Model, Workload, total
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.messages import backfill_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


MODEL = Model.load()
IMPORT, BACKFILL = default_workload("import"), default_workload("backfill")
MILLION = 1_000_000
IMAGE_BYTES = 1_750_538


def amounts(job: Job, workload: Workload | None = None) -> dict[str, float]:
    """How much of everything, by its name."""
    estimate = Estimate.of(job, workload or default_workload(job.kind))
    return {line.what: line.amount for line in (*estimate.once, *estimate.monthly)}


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_import_by_hand() -> None:
    got = amounts(Job("import", MILLION, MILLION * IMAGE_BYTES, examined=2000, rewritten=1000))
    assert got["PUT of the source"] == MILLION
    assert got["LIST of what is there"] == 1002
    assert got["HEAD of what is there"] == 2000
    assert got["PUT, one a rendition"] == 3 * MILLION
    assert got["PUT refused, of keys that had thumbnails"] == 3000
    assert got["rows read, of such keys"] == 1000
    assert got["claims of rows that are there"] == 1000
    assert got["data keys of uploads, at best"] == 10_000
    assert got["send"] == MILLION
    assert got["sources"] == pytest.approx(MILLION * IMAGE_BYTES / 2**30)
    assert got["thumbnails"] == pytest.approx((MILLION - 1000) * 103_238 / 2**30)


def test_a_backfill_by_hand() -> None:
    got = amounts(Job("backfill", MILLION, MILLION * IMAGE_BYTES, examined=10 * MILLION + 1, rewritten=MILLION // 4))
    assert got["LIST of what is there"] == 10_001
    assert got["rows looked up"] == pytest.approx(5 * MILLION + 0.5)
    assert got["rows read by the function"] == MILLION
    assert got["claims of rows that are there"] == MILLION // 4
    assert got["send"] == MILLION / 10
    assert got["GET of the source"] == MILLION
    assert got["PUT, one a rendition"] == 3 * MILLION
    assert "sources" not in got
    assert got["rows"] == pytest.approx(MILLION * 3 / 4 * (971 + 100) / 2**30)


def test_an_inventory_is_read_in_place_of_listings() -> None:
    listed, inventoried = (Job("backfill", MILLION, MILLION, inventory=each) for each in (False, True))
    assert amounts(inventoried)["listed in an inventory"] == MILLION
    assert "LIST of what is there" not in amounts(inventoried)
    # Half a cent for a million in place of half a cent for a thousand listings of a thousand each.
    saved = Estimate.of(listed, BACKFILL).dollars - Estimate.of(inventoried, BACKFILL).dollars
    assert saved == pytest.approx(0.005 - 0.0025)


def test_an_image_of_more_than_a_kilobyte_is_claimed_in_two_units() -> None:
    many = replace(BACKFILL, renditions=tuple(replace(IMPORT.renditions[0], name=f"r{index}") for index in range(6)))
    assert amounts(Job("backfill", 1000, 1000, rewritten=1000), many)["claims of rows that are there"] == 2000


def test_a_backfill_examines_everything_and_an_import_nothing_unless_it_is_told() -> None:
    assert Job("import", 7, 7).looks == 0
    assert Job("backfill", 7, 7).looks == 7
    assert Job("backfill", 7, 7, examined=0).looks == 0


def test_time_and_demand_follow_the_job() -> None:
    job = Job("backfill", MILLION, MILLION * IMAGE_BYTES, rewritten=MILLION)
    estimate = Estimate.of(job, BACKFILL)
    demand = estimate.capacity.demand
    assert demand.seconds == pytest.approx(0.1633, rel=1e-3)
    assert (demand.puts, demand.gets, demand.reads, demand.writes, demand.kms) == (1, 1, 1, 2, 4)
    assert estimate.seconds == pytest.approx(MILLION * 0.1633 / 10, rel=1e-3)
    overwriting = Estimate.of(Job("import", 10, 10, rewritten=5), IMPORT).capacity.demand
    assert (overwriting.puts, overwriting.reads, overwriting.writes, overwriting.kms) == (1.5, 0.5, 1.5, 6.5)
    failing = Estimate.of(Job("import", 10, 10), replace(IMPORT, failed=0.1)).capacity.demand
    assert (failing.failures, failing.writes) == (0.1, 1.1)


def test_how_far_it_can_be_off() -> None:
    estimate = Estimate.of(Job("import", MILLION, MILLION * IMAGE_BYTES), IMPORT)
    compute = next(line.dollars for line in estimate.once if line.what == "compute")
    assert estimate.dollars_between == pytest.approx((estimate.dollars - compute / 2, estimate.dollars + compute))
    assert estimate.seconds_between == pytest.approx((estimate.seconds / 2, estimate.seconds * 2), rel=1e-3)


def test_uploading_takes_its_time() -> None:
    assert Estimate.of(Job("import", 1, 10**9 // 8), IMPORT).upload_seconds == pytest.approx(1)
    assert Estimate.of(Job("backfill", 1, 10**9), BACKFILL).upload_seconds == 0


def test_a_backfill_waits_for_room_in_the_queue() -> None:
    assert Estimate.of(Job("backfill", MILLION, MILLION), BACKFILL).capacity.queued == MESSAGES_AT_A_TIME
    assert Estimate.of(Job("import", MILLION, MILLION), IMPORT).capacity.queued == MILLION


def test_of_nothing_nothing_is_charged() -> None:
    for kind in ("import", "backfill"):
        nothing = Estimate.of(Job(kind, 0, 0), default_workload(kind))
        assert (nothing.dollars, nothing.monthly_dollars, nothing.seconds) == (0, 0, 0)


def test_the_defaults_are_those_of_the_module() -> None:
    text = (REPOSITORY / "terraform" / "variables.tf").read_text(encoding="utf-8")
    derived = (REPOSITORY / "terraform" / "locals.tf").read_text(encoding="utf-8")
    concurrencies = re.findall(r"coalesce\(var\.(?:backfill\.)?maximum_concurrency, (\d+)\)", derived)
    (days,) = re.findall(r"queue_days +=.*?optional\(number, (\d+)\)", text)
    both = (default_workload("import"), BACKFILL)
    assert [str(workload.maximum_concurrency) for workload in both] == concurrencies
    assert str(Estimate.of(Job("backfill", 1, 1), BACKFILL).capacity.retention_days) == days


# ── whatever is asked ────────────────────────────────────────────────────────────────────────────────

kinds = st.sampled_from(["import", "backfill"])
numbers = st.integers(1, 10**9)


@given(kinds, numbers, st.integers(1, 10**7), st.floats(0, 1), st.integers(0, 10**9))
def test_services_add_up_and_more_costs_more(kind: Any, objects: int, each: int, share: float, more: int) -> None:
    job = Job(kind, objects, objects * each, rewritten=int(objects * share))
    estimate = Estimate.of(job, default_workload(kind))
    assert sum(estimate.as_json()["dollars_by_service"].values()) == pytest.approx(estimate.dollars)
    assert sum(line["dollars"] for line in estimate.as_json()["lines"]) == pytest.approx(estimate.dollars)
    low, high = estimate.dollars_between
    assert low <= estimate.dollars <= high
    larger = replace(job, objects=objects + more, bytes=(objects + more) * each, examined=None)
    assert Estimate.of(larger, default_workload(kind)).dollars >= estimate.dollars * (1 - 1e-9)
    assert Estimate.of(replace(job, rewritten=objects), default_workload(kind)).dollars >= estimate.dollars
    assert Estimate.of(replace(job, examined=objects + more), default_workload(kind)).dollars >= estimate.dollars


def test_json_is_json_all_through() -> None:
    told = json.loads(json.dumps(Estimate.of(Job("import", 10, 10), IMPORT).as_json()))
    assert told["prices"] == {"date": MODEL.prices.date.isoformat(), "region": "us-east-1"}
    assert told["concurrency"]["maximum_concurrency"] == 20
    assert {each["what"] for each in told["limits"]} >= {"messages in flight", "invocations of the account"}


# ── the calls of the real worker ─────────────────────────────────────────────────────────────────────

KEY = "holiday/2026/IMG_0001.jpg"
# What these of DynamoDB's calls take: of a row of up to 1 KB a write unit, of one of up to 4 KB a read unit.
_WRITES, _READS = ("PutItem", "UpdateItem"), ("GetItem",)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A function as the module makes it, over moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield Bench(renditions=[asdict(each) for each in IMPORT.renditions], versioned=True)


def upload(bench: Bench, size: tuple[int, int], sequencer: str) -> str:
    """Put a picture at the key, and return what S3 tells of it."""
    body = picture(size=size, image_format="JPEG")
    stored = bench.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=body, ContentType="image/jpeg")
    etag, version = stored["ETag"].strip('"'), stored["VersionId"]
    return notification(record(KEY, etag=etag, version_id=version, size=len(body), sequencer=sequencer))


def calls_of(bench: Bench, body: str) -> Mapping[str, int]:
    """What the function calls for a message."""
    bench.calls.clear()
    assert bench.worker.run([sqs_record(body, message_id="message")], FakeContext()) == []
    assert bench.row(KEY)["status"] == "READY"
    return dict(bench.calls)


def reckoned(job: Job) -> dict[str, float]:
    """Calls of one image, as they are reckoned with: S3's by name, DynamoDB's by units."""
    got = amounts(job)
    return {
        "GetObject": got["GET of the source"],
        "PutObject": got["PUT, one a rendition"] + got.get("PUT refused, of keys that had thumbnails", 0),
        "writes": got["the row, 1 units"] + got["claims of rows that are there"],
        "reads": got.get("rows read by the function", 0) + got.get("rows read, of such keys", 0),
    }


def by_units(calls: Mapping[str, int]) -> dict[str, float]:
    """The same of calls that were made, and nothing beside it."""
    units = {"writes": sum(calls.get(name, 0) for name in _WRITES), "reads": sum(calls.get(name, 0) for name in _READS)}
    return {**{name: number for name, number in calls.items() if name not in {*_WRITES, *_READS}}, **units}


def test_the_calls_of_an_upload_that_replaces_another(bench: Bench) -> None:
    calls_of(bench, upload(bench, (1600, 1200), "01"))
    calls = calls_of(bench, upload(bench, (1200, 1600), "02"))
    assert by_units(calls) == reckoned(Job("import", 1, 1, rewritten=1))


def test_the_calls_of_a_backfill_of_an_image_without_a_row(bench: Bench) -> None:
    upload(bench, (1600, 1200), "01")
    calls = calls_of(bench, backfill_body(Image(UPLOADS, KEY)))
    assert by_units(calls) == reckoned(Job("backfill", 1, 1))


@pytest.mark.parametrize("forced", [True, False])
def test_the_calls_of_a_backfill_that_makes_thumbnails_anew(bench: Bench, *, forced: bool) -> None:
    calls_of(bench, upload(bench, (1600, 1200), "01"))
    if not forced:
        bench.configure([{**asdict(each), "quality": 50} for each in IMPORT.renditions])
    calls = calls_of(bench, backfill_body(Image(UPLOADS, KEY), forced=forced))
    assert by_units(calls) == reckoned(Job("backfill", 1, 1, rewritten=1))


def test_ten_messages_are_charged_as_one_request() -> None:
    longest = backfill_body(Image(UPLOADS, "é" * 512), size=10**9, etag="0" * 32, forced=True)
    assert 10 * len(longest.encode()) <= 64 * 1024


def test_totals_are_of_all_lines() -> None:
    estimate = Estimate.of(Job("import", 1000, 1000), IMPORT)
    assert estimate.dollars == total(estimate.once)
    assert estimate.monthly_dollars == total(estimate.monthly)
