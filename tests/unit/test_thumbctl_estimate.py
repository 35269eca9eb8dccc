"""thumbctl estimate: what is counted, what of the stack counts, what is said, and who is asked."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from thumbctl import conventions
from thumbctl import estimate as command
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.costs import quote
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.model import by_service
from thumbctl.defaults import DEFAULT
from thumbctl.errors import ThumbctlError
from thumbctl.stack import Deployed, Stack
from thumbnail_pipeline.settings import Rendition, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

MILLION = 1_000_000


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def run(*arguments: object) -> Result:
    """The command, told to wrap nothing."""
    return CliRunner().invoke(app, ["estimate", *map(str, arguments)])


def answered(*arguments: object) -> dict[str, Any]:
    """What the command tells scripts."""
    result = run(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


# ── what is counted ──────────────────────────────────────────────────────────────────────────────────


def test_numbers_alone_are_enough() -> None:
    told = answered("--objects", 1000, "--bytes-each", 2000)
    assert told["job"] == {
        "kind": "import", "objects": 1000, "bytes": 2_000_000, "examined": None, "rewritten": 0, "inventory": False,
        "ranges": None,
    }  # fmt: skip
    job = Job("import", 1000, 2_000_000)
    assert told["dollars"] == pytest.approx(Estimate.of(job, default_workload("import")).dollars)


def test_numbers_of_a_backfill_are_taken_to_be_made_anew() -> None:
    told = answered("--objects", 1000, "--bytes-each", 2000, "--backfill")
    assert (told["job"]["kind"], told["job"]["rewritten"]) == ("backfill", 1000)
    assert told["concurrency"]["backfill.maximum_concurrency"] == 10


def test_files_and_folders_are_counted(tmp_path: Path) -> None:
    (tmp_path / "album" / "deep").mkdir(parents=True)
    (tmp_path / "one.jpg").write_bytes(b"1" * 10)
    (tmp_path / "album" / "two.jpg").write_bytes(b"2" * 20)
    (tmp_path / "album" / "deep" / "three.jpg").write_bytes(b"3" * 30)
    (tmp_path / "album" / "round").symlink_to(tmp_path / "album")
    (tmp_path / "album" / "nowhere.jpg").symlink_to(tmp_path / "none")
    (tmp_path / "album" / ".hidden.jpg").write_bytes(b"4" * 40)
    told = answered(tmp_path / "one.jpg", tmp_path / "album")
    assert (told["job"]["kind"], told["job"]["objects"], told["job"]["bytes"]) == ("import", 3, 60)


def test_the_objects_of_a_bucket_are_counted() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("2025/a.jpg", "2026/b.jpg", "2026/c.jpg", "2026/#1?.jpg"):
        s3.put_object(Bucket="photos", Key=key, Body=b"x" * 5)
    for url, objects in (("s3://photos", 4), ("s3://photos/2026/", 3), ("s3://photos/2026/#1?", 1)):
        told = answered(url)
        assert (told["job"]["kind"], told["job"]["objects"], told["job"]["bytes"]) == ("backfill", objects, 5 * objects)
        assert told["job"]["rewritten"] == objects


def test_counting_holds_nothing(tmp_path: Path) -> None:
    for index in range(3000):
        (tmp_path / f"{index:0200d}").touch()
    sizes = command._sizes(str(tmp_path), DEFAULT)
    next(sizes)
    tracemalloc.start()
    try:
        assert command._counted(sizes) == (2999, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Their names alone are 600 KB.
    assert peak < 300_000


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--objects", 5),
        ("--bytes-each", 5),
        (".", "--objects", 5, "--bytes-each", 5),
        (".", "--backfill"),
        ("s3://photos", "."),
        ("s3://photos", "s3://paintings"),
        ("--objects", 0, "--bytes-each", 5),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[object, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Invalid value" in result.stderr


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    missing = run(tmp_path, tmp_path / "none")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr == f"{tmp_path / 'none'} is not there: correct what is named.\n"
    empty = run(tmp_path)
    assert (empty.exit_code, empty.stdout) == (2, "")
    assert empty.stderr.startswith("There is nothing in what was named")


# ── what of the stack counts ─────────────────────────────────────────────────────────────────────────


class FakeLambda:
    """Two mappings."""

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803 - the SDK's name
        """As Lambda answers."""
        return {"BatchSize": {"work-mapping": 25, "backfill-mapping": 50}[UUID]}


class FakeStack(Stack):
    """A stack that is unlike the module's defaults in everything."""

    def deployed(self) -> Deployed:
        """Two renditions, and a large function on the other architecture."""
        settings = Settings((Rendition("a", 100, 100), Rendition("b", 200, 200)))
        return Deployed(settings, 3008, "x86_64", 60, "python3.13", "sha")


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    """Found by any name."""
    sqs = boto3.client("sqs")
    urls = {
        name: sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": str(days * 86_400)})["QueueUrl"]
        for name, days in (("work", 2), ("backfill", 12))
    }
    outputs = {
        "queue_url": urls["work"],
        "backfill_queue_url": urls["backfill"],
        "event_source_mapping_uuid": "work-mapping",
        "backfill_event_source_mapping_uuid": "backfill-mapping",
        "maximum_concurrency": 33,
        "backfill_maximum_concurrency": 44,
    }
    clients = {"lambda": FakeLambda(), "sqs": sqs, "s3": boto3.client("s3")}
    found = FakeStack("photos in eu-central-1", outputs, lambda service, config=None: clients[service])  # noqa: ARG005
    monkeypatch.setattr(stacks, "find", {"photos": found}.__getitem__)
    return found


@pytest.mark.parametrize(("kind", "batch", "concurrency", "days"), [("import", 25, 33, 2), ("backfill", 50, 44, 12)])
def test_a_stack_counts_as_it_is_deployed(
    deployed: FakeStack, kind: Any, batch: int, concurrency: int, days: int
) -> None:
    estimate = quote.of_stack(deployed, Job(kind, MILLION, MILLION))
    workload, capacity = estimate.workload, estimate.capacity
    assert [each.name for each in workload.renditions] == ["a", "b"]
    assert (workload.memory_mb, workload.architecture, workload.batch) == (3008, "x86_64", batch)
    assert (capacity.concurrency, capacity.retention_days) == (concurrency, days)


def test_provisioned_pollers_begin_with_ten_invocations_each(
    deployed: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = {"BatchSize": 10, "ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 60}}
    monkeypatch.setattr(FakeLambda, "get_event_source_mapping", lambda _, UUID: mapping)  # noqa: ARG005, N803
    capacity = quote.of_stack(deployed, Job("import", MILLION, MILLION)).capacity
    assert (capacity.setting, capacity.pollers) == ("10 * pollers.maximum", 3)
    # From 30 on to the 33 that the outputs tell of.
    assert capacity.full_after_seconds == pytest.approx(3 * 60 / 1000)


def test_a_stack_is_named_on_the_command_line(deployed: FakeStack) -> None:
    del deployed
    told = answered("--objects", 1000, "--bytes-each", 2000, "--stack", "photos")
    assert told["concurrency"]["maximum_concurrency"] == 33
    assert next(each["amount"] for each in told["lines"] if each["what"] == "PUT, one a rendition") == 2000


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────


def test_people_are_told_what_it_costs_how_long_it_takes_and_what_bounds_it() -> None:
    result = run("--objects", 100 * MILLION, "--bytes-each", 1_750_538)
    assert result.exit_code == 0
    said = result.stdout
    estimate = Estimate.of(Job("import", 100 * MILLION, 100 * MILLION * 1_750_538), default_workload("import"))
    for words in (
        "Import of 100,000,000 images, 175.1 TB",
        f"${estimate.dollars:,.2f} once, and ${estimate.monthly_dollars:,.2f} a month",
        "9.5 days at maximum_concurrency = 20, which is 122 images a second.",
        "Uploading them takes 16 days at a gigabit a second",
        "The queue keeps a message for 4 days, and the last would wait for 9.5 days",
        f"List prices of us-east-1 on {estimate.prices_date}, limits of {estimate.capacity.limits.date}.",
        "4.7 days to 19 days",
        *estimate.capacity.verdict,
    ):
        assert words in said
    for line in estimate.once:
        assert (line.what in said) == bool(line.amount)
    for usage in estimate.capacity.usages:
        assert usage.what in said


# ── who is asked ─────────────────────────────────────────────────────────────────────────────────────


def test_where_nobody_can_answer_nothing_begins() -> None:
    estimate = Estimate.of(Job("import", 10, 10), default_workload("import"))
    with pytest.raises(ThumbctlError, match="pass --yes"):
        quote.ask(estimate, yes=False)
    quote.ask(estimate, yes=True)


def test_people_are_asked_with_dollars_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(conventions, "ask", lambda question, *, yes: asked.append((question, yes)))
    estimate = Estimate.of(Job("import", MILLION, MILLION * 1_750_538), default_workload("import"))
    quote.ask(estimate, yes=False)
    assert asked == [(f"Begin? About ${estimate.dollars:,.2f} and 2.3 hours.", False)]


def test_who_is_about_to_begin_is_told_the_dollars_by_service(capsys: pytest.CaptureFixture[str]) -> None:
    estimate = Estimate.of(Job("import", 1, 13), default_workload("import"))
    quote.summarise(estimate)
    said = capsys.readouterr().out
    assert "Import of 1 image, 13 bytes" in said
    for service, dollars in by_service(estimate.once).items():
        assert bool(re.search(rf"^{service} +{dollars:,.2f}$", said, re.MULTILINE)) == bool(dollars)
    assert "Limits of AWS" not in said
    assert all(sentence in said for sentence in estimate.capacity.verdict)
