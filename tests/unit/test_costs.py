"""The figures of docs/cost.md: that they are what the model makes of its inputs, and that the model is sound."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.docs import costs as command
from devtools.docs.cost_figures import FIGURES, CostFigures
from devtools.localaws.stack import REPOSITORY
from thumbctl.costs import announcing, asking, connecting, measured, ranging
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.limits import AwsLimits
from thumbctl.costs.measured import AtMemory, Encoding, Encodings, Measured, MemorySettings, PerImage, PerObject, Phones
from thumbctl.costs.model import Line, Model, PricedStack, Workload, by_service, total
from thumbctl.costs.prices import Prices
from thumbctl.defaults import DEFAULT
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.rows import FAILURE_SHARDS
from thumbnail_pipeline.settings import Rendition

TERRAFORM = REPOSITORY / "terraform"
PRICES = Prices.load()
BOX = Rendition("box", 100, 100)
# Round figures: an image takes 100 ms, of which 20 are for the encoder, and fills its row's first KB.
ROUND = Measured(
    PerImage(
        date="2026-01-02",
        by="hand",
        calls={"GetObject": 1, "PutObject": 1, "PutItem": 1},
        source_bytes=1e6,
        thumbnail_bytes=10_000,
        log_bytes=500,
        row_bytes=1024,
        billed_ms=100,
    ),
    MemorySettings("2026-01-02", "hand", (AtMemory(1000, 200), AtMemory(1769, 100), AtMemory(4000, 80))),
    Encodings(
        "2026-01-02",
        "hand",
        (
            Encoding("webp", 80, 100, 20, 5_000),
            Encoding("avif", 80, 100, 60, 6_000),
            Encoding("avif", 60, 100, 50, 4_000),
        ),
    ),
    Phones("2026-01-02", "hand", heic_ms=150, jpeg_ms=50),
    PerObject("2026-01-02", "hand", backfill_us=100, reconcile_us=400),
)
MODEL = Model(PRICES, ROUND, (BOX,))
PLAIN = Workload((BOX,))
CAPACITIES: Final[tuple[Literal["on-demand"], Literal["provisioned"]]] = ("on-demand", "provisioned")


def line(what: str, workload: Workload = PLAIN, images: float = 1e6) -> Line:
    """The line of that name."""
    (found,) = (each for each in MODEL.once(images, workload) if each.what.startswith(what))
    return found


def dollars(images: float, workload: Workload) -> float:
    """What so many images cost once."""
    return total(MODEL.once(images, workload))


# ── the documents ────────────────────────────────────────────────────────────────────────────────────


def test_rules_and_decisions_that_lines_point_to_exist() -> None:
    jobs = (Estimate.of(Job(kind, 1, 1), PLAIN) for kind in ("import", "backfill"))
    bulk = (line for estimate in jobs for line in (*estimate.once, *estimate.monthly))
    lines = (
        *FIGURES.model.once(1, FIGURES.workload),
        *FIGURES.model.idle(FIGURES.stack),
        *FIGURES.model.in_use(FIGURES.stack),
        *bulk,
    )
    local = {line.rule.partition("#")[0] for line in lines if not line.rule.startswith("https://")}
    assert [each for each in local if not (REPOSITORY / "docs" / each).exists()] == []


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["costs", "table"])
    assert command.main() == 0
    assert "PUT, one a rendition" in capsys.readouterr().out


def test_what_the_page_says_of_limits_in_passing_is_so() -> None:
    limits = AwsLimits.load()
    text = " ".join((REPOSITORY / "docs" / "capacity.md").read_text(encoding="utf-8").split())
    for words in (
        f"begins with {limits.lambda_first_batches.value} batches at a time",
        f"and adds {limits.lambda_more_batches.value} a minute",
        f"share its {limits.lambda_account.value:,} concurrent executions",
        f"accepts {limits.dynamodb_first_write.value:,} writes a second",
        f"with {FAILURE_SHARDS} shards of {limits.dynamodb_partition_write.value:,} writes a second each",
        f"{limits.sqs_in_flight.value:,} messages may be in flight",
        f"`retention.queue_days`: {terraform_default('retention', 'queue_days')} by default."
        f" {limits.sqs_retention_days.value - 1} is the most",
        f"nothing for more than {limits.sqs_retention_days.value} days",
        f"`backfill.maximum_concurrency`, {default_workload('backfill').maximum_concurrency} by default",
        f"those that were measured ({FIGURES.model.measured.per_image.source_bytes / 1e6:.2f} MB)",
    ):
        assert words in text


# ── what the defaults stand for ──────────────────────────────────────────────────────────────────────


def terraform_default(variable: str, field: str = "default") -> str:
    """What the module takes where nobody says otherwise; of an object, one field's."""
    text = (TERRAFORM / "variables.tf").read_text(encoding="utf-8")
    (block,) = re.findall(rf'^variable "{variable}" {{\n(.*?)^}}', text, re.DOTALL | re.MULTILINE)
    found = re.search(rf"{field} += (?:optional\(\w+, )?\"?([\w.]+)", block)
    assert found is not None
    return found[1]


def test_the_workload_is_that_of_the_module() -> None:
    workload = FIGURES.workload
    assert str(workload.memory_mb) == terraform_default("memory_mb")
    assert workload.architecture == terraform_default("architecture")
    assert str(workload.batch) == terraform_default("batching", "size")
    assert workload.maximum_concurrency == default_workload("import").maximum_concurrency
    assert workload.log_level == terraform_default("log_level")
    assert str(workload.log_days) == terraform_default("retention", "log_days")
    assert workload.renditions == DEFAULT.renditions


def test_every_price_is_used_and_is_one_of_aws() -> None:
    lines = [
        *MODEL.month(1, PLAIN, PricedStack()),
        *MODEL.once(1, replace(PLAIN, architecture="x86_64")),
        *Estimate.of(Job("backfill", 1, 1, inventory=True), PLAIN, model=MODEL).once,
        *asking.asks(1),
        *asking.users(1),
        *connecting.connected(1),
        *connecting.uploads(1),
        *(line for each in CAPACITIES for line in (*announcing.idle_changes(each), *announcing.changes(1, each))),
    ]
    assert announcing.cost_of_announcing("events", 1e6) == PRICES.eventbridge_event.dollars
    unused = {name for name, price in PRICES.each().items() if price not in [line.price for line in lines]}
    assert unused == {"eventbridge_event"}
    for price in PRICES.each().values():
        assert price.page.startswith("https://aws.amazon.com/")
        assert price.dollars > 0


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "amount", "cost"),
    [
        ("PUT", 1e6, 5.00),
        ("GET", 1e6, 0.40),
        ("compute", 1e6 * 0.1 * 1769 / 1024, 2.3034),
        ("invocations", 1e5, 0.02),
        ("the row, 1 units", 1e6, 0.625),
        ("index", 0, 0),
        ("send", 1e6, 0.40),
        ("receive and delete", 2e5, 0.08),
        ("data keys", 2e4, 0.06),
        ("digests", 0, 0),
        ("traces", 1e4, 0.05),
        ("logs taken in", (500 * 1e6 + 400 * 1e5) / 2**30, 0.2515),
        ("logs kept", (500 * 1e6 + 400 * 1e5) / 2**30 * 30 / (730 / 24), 0.0149),
    ],
)
def test_a_million_images_by_hand(what: str, amount: float, cost: float) -> None:
    assert line(what).amount == pytest.approx(amount)
    assert line(what).dollars == pytest.approx(cost, abs=1e-4)


def test_an_idle_month_by_hand() -> None:
    # A dollar for the key, 2 queues x 5 pollers x 3 receives a minute x 730 hours, alarms, two pages, a dashboard.
    cost = 1 + 2 * 5 * 3 * 60 * 730 * 0.40 / 1e6 + 20 * 0.10 + 2 * 0.50 + 3
    assert total(MODEL.idle(PricedStack(alarm_metrics=20))) == pytest.approx(cost)


def test_events_by_hand() -> None:
    assert total(announcing.idle_events()) == pytest.approx(10 * 0.1)
    put, requests, duration, logs, metrics = (line.dollars for line in announcing.events(1e6))
    assert [put, requests, metrics] == pytest.approx([1, 0.2, 6 * 0.3])
    assert duration == pytest.approx(1e6 * 0.05 * 0.5 * Prices.load().lambda_arm64.of(1))
    assert logs == pytest.approx(1e6 * 1200 / 2**30 * 0.5)


def test_a_front_door_by_hand() -> None:
    assert total(asking.idle_api()) == pytest.approx(6 * 0.1)
    requests, invocations, duration, writes, logs, metrics = (line.dollars for line in asking.asks(1e6))
    assert [requests, invocations, metrics] == pytest.approx([1, 0.2, 5 * 4 * 0.3])
    assert duration == pytest.approx(1e6 * 0.03 * 1769 / 1024 * PRICES.lambda_arm64.of(1))
    # Three items, each written twice for the transaction.
    assert writes == pytest.approx(3 * 2 * 0.625)
    assert logs == pytest.approx(1e6 * 1300 / 2**30 * 0.5)
    assert total(asking.users(10_000)) == pytest.approx(55)


def test_jobs_in_the_account_by_hand() -> None:
    # Five pollers, each of which waits for twenty seconds.
    assert total(ranging.idle_jobs()) == pytest.approx(6 * 0.1 + 5 * 730 * 3600 / 20 * 0.4 / 1e6)
    assert ranging.jobs_metrics().dollars == pytest.approx(5 * 0.3)


def test_a_door_for_devices_by_hand() -> None:
    assert total(connecting.idle_devices()) == pytest.approx(12 * 0.1)
    assert total(connecting.connected(1_000)) == pytest.approx(1_000 * 730 * 60 * 0.08 / 1e6)
    messages, rules, actions, put, invocations, duration, writes, reads, logs, metrics = (
        line.dollars for line in connecting.uploads(1e6)
    )
    # The request; the answer and the status, each published by a function, sent and acknowledged.
    assert [messages, rules, actions] == pytest.approx([7, 0.15, 0.15])
    assert [put, invocations, metrics] == pytest.approx([5, 2 * 0.2, 6 * 0.3])
    assert duration == pytest.approx(1e6 * (0.04 * 1769 / 1024 + 0.03 * 0.5) * PRICES.lambda_arm64.of(1))
    assert [writes, reads] == pytest.approx([3 * 2 * 0.625, 2 * 0.125])
    assert logs == pytest.approx(1e6 * 1900 / 2**30 * 0.5)
    # Of 9 KB, base64 makes 12, which are three units with what is around it, and so are rule and action.
    within = [line.dollars for line in connecting.uploads(1e6, picture_bytes=9 * 1024)]
    assert within[:3] == pytest.approx([9, 0.45, 0.45])


def test_a_change_stream_by_hand() -> None:
    idle = {each: total(announcing.idle_changes(each)) for each in CAPACITIES}
    assert idle == {"on-demand": pytest.approx(730 * 0.04 + 0.6), "provisioned": pytest.approx(730 * 0.015 + 0.6)}
    put, read, delivered, converted = (line.dollars for line in announcing.changes(1e6, "on-demand"))
    assert put == pytest.approx(2e6 / 2**20 * 0.08)
    assert read == pytest.approx(announcing.EVENT_BYTES * 1e6 / 2**30 * 0.04)
    assert [delivered, converted] == pytest.approx([5e6 / 2**20 * 0.029, 5e6 / 2**20 * 0.018])
    assert announcing.cost_of_reading(2**30) == pytest.approx(2**30 / 4096 / 2 * 0.125 / 1e6)


def test_a_row_is_written_in_whole_units() -> None:
    a_byte_more = replace(ROUND, per_image=replace(ROUND.per_image, row_bytes=1025))
    written = [
        next(each for each in model.once(1, PLAIN) if each.what.startswith("the row")).amount
        for model in (MODEL, replace(MODEL, measured=a_byte_more))
    ]
    assert written == [1, 2]


def test_failures_write_a_row_an_index_and_a_digest_and_no_thumbnail() -> None:
    failing = replace(PLAIN, failed=1)
    assert line("PUT", failing).amount == 0
    assert line("the row", failing).amount == 1e6
    assert line("index", failing).amount == 2e6
    assert line("digests", failing).amount == 1e6
    assert MODEL.billed_ms(failing) == pytest.approx(80)


def test_above_info_an_invocation_logs_what_lambda_writes() -> None:
    assert line("logs taken in", replace(PLAIN, log_level="WARNING")).amount == pytest.approx(400 * 1e5 / 2**30)


@pytest.mark.parametrize(
    ("changes", "milliseconds"),
    [
        ({}, 100),
        ({"source_bytes": 2e6}, 180),
        ({"renditions": (BOX, BOX)}, 120),
        ({"renditions": (replace(BOX, format="avif"),)}, 140),
        ({"renditions": (replace(BOX, format="avif", quality=65),)}, 130),
        ({"renditions": (replace(BOX, width=50),)}, 90),
        ({"renditions": (replace(BOX, width=200),)}, 120),
        ({"memory_mb": 500}, 400),
        ({"memory_mb": 4000}, 80),
        ({"memory_mb": 10_000}, 80),
    ],
)
def test_milliseconds_by_hand(changes: dict[str, Any], milliseconds: float) -> None:
    assert MODEL.billed_ms(replace(PLAIN, **changes)) == pytest.approx(milliseconds)


def test_time_is_shared_by_as_many_as_run() -> None:
    assert MODEL.seconds(1e6, replace(PLAIN, maximum_concurrency=50)) == pytest.approx(1e6 * 0.1 / 50)


def test_thumbnails_come_to_what_was_measured() -> None:
    assert MODEL.thumbnail_bytes((BOX,)) == pytest.approx(10_000)
    assert MODEL.thumbnail_bytes((replace(BOX, format="avif", quality=60),)) == pytest.approx(8_000)


# ── whatever is asked ────────────────────────────────────────────────────────────────────────────────

sides = st.integers(1, 4000)
renditions = st.builds(
    Rendition, st.just("any"), sides, sides, format=st.sampled_from(["webp", "avif"]), quality=st.integers(1, 100)
)
workloads = st.builds(
    Workload,
    st.lists(renditions, min_size=1, max_size=5).map(tuple),
    source_bytes=st.none() | st.floats(1, 1e8),
    memory_mb=st.integers(512, 10_240),
    architecture=st.sampled_from(["arm64", "x86_64"]),
    batch=st.floats(1, 10_000),
    trace_rate=st.floats(0, 1),
    log_level=st.sampled_from(["INFO", "WARNING"]),
    failed=st.floats(0, 1),
)
numbers = st.floats(0, 1e9)


@given(workloads, numbers, numbers)
def test_costs_of_images_add_up(workload: Workload, some: float, others: float) -> None:
    apart = dollars(some, workload) + dollars(others, workload)
    assert dollars(some + others, workload) == pytest.approx(apart)


@given(workloads, numbers)
def test_services_add_up_to_all(workload: Workload, images: float) -> None:
    lines = MODEL.month(images, workload, PricedStack())
    assert sum(by_service(lines).values()) == pytest.approx(total(lines))
    assert all(each.dollars >= 0 for each in lines)


@given(workloads)
def test_no_images_cost_the_floor(workload: Workload) -> None:
    assert MODEL.month(0, workload, PricedStack()) == MODEL.idle(PricedStack())
    assert total(MODEL.once(0, workload)) == 0


@given(workloads, numbers, numbers)
def test_more_images_cost_more(workload: Workload, some: float, others: float) -> None:
    few, many = sorted([some, others])
    assert total(MODEL.month(few, workload, PricedStack())) <= total(MODEL.month(many, workload, PricedStack()))
    assert MODEL.seconds(few, workload) <= MODEL.seconds(many, workload)


@given(workloads, renditions)
def test_a_further_rendition_never_saves(workload: Workload, further: Rendition) -> None:
    assert dollars(1e6, workload) <= dollars(1e6, replace(workload, renditions=(*workload.renditions, further)))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("source_bytes", st.floats(1, 1e8)),
        ("trace_rate", st.floats(0, 1)),
        ("log_days", st.integers(1, 3653)),
    ],
)
def test_more_of_anything_never_saves(field: str, values: st.SearchStrategy[float]) -> None:
    @given(workloads, st.lists(values, min_size=2, max_size=2))
    def holds(workload: Workload, ends: list[float]) -> None:
        low, high = (dollars(1e6, replace(workload, **{field: end})) for end in sorted(ends))  # type: ignore[arg-type]
        assert low <= high * (1 + 1e-12)

    holds()


@given(workloads, st.lists(st.floats(1, 10_000), min_size=2, max_size=2))
def test_fuller_batches_never_cost_more(workload: Workload, batches: list[float]) -> None:
    fuller, emptier = (dollars(1e6, replace(workload, batch=batch)) for batch in sorted(batches, reverse=True))
    assert fuller <= emptier * (1 + 1e-12)


def test_nothing_jumps_between_the_memory_settings_that_were_tried() -> None:
    times = [MODEL.billed_ms(replace(PLAIN, memory_mb=memory)) for memory in range(512, 10_241)]
    assert all(0 <= slower - faster < 1 for slower, faster in pairwise(times))


# ── publishing ───────────────────────────────────────────────────────────────────────────────────────


def per_image() -> dict[str, Any]:
    """What the bench writes of one image, and something beside it."""
    calls = {"GetObject": 1.0, "PutObject": 3.0, "PutItem": 1.0}
    sizes = {"source_bytes": 2e6, "thumbnail_bytes": 40_000, "log_bytes": 500, "row_bytes": 1100}
    return {"calls": calls, **sizes, "billed_ms": 123.4, "trace_segments": 0.1}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A measured.json of our own."""
    copy = tmp_path / "measured.json"
    copy.write_text(Path(measured.__file__).with_name("measured.json").read_text(encoding="utf-8"), encoding="utf-8")
    return copy


def test_what_a_bench_wrote_is_published(tmp_path: Path, published: Path) -> None:
    before = json.loads(published.read_text())
    (tmp_path / "throughput.json").write_text(json.dumps({"places": [], "per_image": per_image()}))
    assert measured.publish(tmp_path, published) == ["throughput.json"]
    after = json.loads(published.read_text())
    assert after["per_image"]["billed_ms"] == 123.4
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", after["per_image"]["date"])
    assert "trace_segments" not in after["per_image"]
    assert after["memory"] == before["memory"]
    assert after["encoders"] == before["encoders"]


def test_memory_settings_are_published_by_rising_memory(tmp_path: Path, published: Path) -> None:
    rows = [{"memory_mb": mb, "ms_per_image": 1e5 / mb, "dollars": 1} for mb in (1769, 512)]
    (tmp_path / "memory.json").write_text(json.dumps(rows))
    assert measured.publish(tmp_path, published) == ["memory.json"]
    settings = json.loads(published.read_text())["memory"]["settings"]
    assert [list(each) for each in settings] == [["memory_mb", "ms_per_image"]] * 2
    assert [each["memory_mb"] for each in settings] == [512, 1769]


def test_phone_pictures_are_published_without_what_is_beside_them(tmp_path: Path, published: Path) -> None:
    (tmp_path / "phones.json").write_text(json.dumps({"heic_ms": 9, "jpeg_ms": 3, "files": 6}))
    assert measured.publish(tmp_path, published) == ["phones.json"]
    assert set(json.loads(published.read_text())["phones"]) == {"date", "by", "heic_ms", "jpeg_ms"}


def test_a_million_phone_pictures_cost_what_heic_takes_longer() -> None:
    figures = CostFigures(MODEL, PLAIN, PricedStack())
    more = 2 * line("compute").dollars - line("compute").dollars  # 100 ms an image, and HEIC takes 100 ms longer
    assert f"cost ${dollars(1e6, PLAIN) + more:.2f} instead of ${dollars(1e6, PLAIN):.2f}" in figures.phones()


def test_nothing_to_publish_is_one_sentence(tmp_path: Path, published: Path) -> None:
    with pytest.raises(
        ThumbctlError, match=r"neither throughput\.json nor memory\.json nor jobs\.json nor phones\.json in .*: run"
    ):
        measured.publish(tmp_path, published)


def test_a_figure_that_is_missing_is_named(tmp_path: Path, published: Path) -> None:
    (tmp_path / "throughput.json").write_text(json.dumps({"per_image": {"calls": {}}}))
    with pytest.raises(ThumbctlError, match=r"throughput\.json has no 'source_bytes': run the bench"):
        measured.publish(tmp_path, published)


def test_an_error_of_the_command_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["costs", "publish"])
    monkeypatch.setattr(command, "_BENCH", tmp_path)
    assert command.main() == 1
    assert capsys.readouterr().err.startswith("error: there is neither")
