"""thumbctl backfill --in-account and jobs: what is begun, what the range worker makes of it, and what is said."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import os
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from range_worker import guarded, scheduled
from range_worker.config import RangeWorkerConfig, ScheduledReconcile
from range_worker.queues import JobQueues
from range_worker.turns import RangeWorker, Received
from support import inventories
from support.inventories import InventoryRow, in_csv, in_parquet
from support.operated import create_catalog
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.conventions import ExitCode
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.defaults import DEFAULT
from thumbctl.jobs import command
from thumbctl.jobs.account import AccountJobs
from thumbctl.stack import Deployed, Stack
from thumbnail_pipeline import lean
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.jobs import guard
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import EXAMINED, SENT, JobPrices
from thumbnail_pipeline.jobs.table import JobTable
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.reconciliation.comparison import Estate
from thumbnail_pipeline.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

BUCKET, THUMBNAILS, CATALOG, JOBS = "uploads", "thumbnails", "catalog", "jobs"
REGION = "eu-central-1"


class JobsStack(Stack):
    """A stack with the default settings."""

    def deployed(self) -> Deployed:
        return Deployed(DEFAULT, 1769, "arm64", 60, "python3.13", "sha")


class JobsAccount:
    """A stack without a thumbnailer, whose range worker works when it is told to."""

    later = 0
    """By so many seconds the worker's clock is ahead."""

    def __init__(self) -> None:
        session = lean.session()
        self.clients: dict[str, Any] = {
            name: session.create_client(name, region_name=REGION) for name in ("s3", "sqs", "dynamodb", "cloudwatch")
        }
        self.clients["lambda"] = SimpleNamespace(get_event_source_mapping=lambda **_: {"State": "Enabled"})
        for bucket in (BUCKET, THUMBNAILS):
            self.clients["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        create_catalog(self.clients["dynamodb"], CATALOG)
        self.clients["dynamodb"].create_table(
            TableName=JOBS,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "job", "KeyType": "HASH"}, {"AttributeName": "what", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("job", "what")],
        )
        self.urls = {
            name: self.clients["sqs"].create_queue(QueueName=name)["QueueUrl"]
            for name in ("ranges", "backfill", "dead")
        }
        outputs = {
            "release": importlib.metadata.version("thumbnail-pipeline"),
            "source_bucket": BUCKET,
            "source_prefix": "",
            "table_name": CATALOG,
            "jobs": {
                "table_name": JOBS,
                "ranges_queue_url": self.urls["ranges"],
                "reconcile": {"repair": True, "schedule": None},
                "inventories": [f"s3://{inventories.DELIVERY}/daily/"],
            },
            "thumbnails_bucket": THUMBNAILS,
            "propagate_deletions": True,
        }
        self.stack = JobsStack("photos", outputs, lambda service, config=None: self.clients[service])  # noqa: ARG005
        config = RangeWorkerConfig(
            DEFAULT, BUCKET, "", THUMBNAILS, propagates_deletions=True, jobs_table=JOBS, catalog_table=CATALOG,
            ranges_queue=self.urls["ranges"], backfill_queue=self.urls["backfill"],
            dead_letter_queue=self.urls["dead"], backfill_mapping="mapping", ranges_at_a_time=2, timeout_seconds=60,
            metrics_function="thumbs-thumbnailer", scheduled=ScheduledReconcile(25, repairs=True),
        )  # fmt: skip
        s3, dynamodb = self.clients["s3"], self.clients["dynamodb"]
        self.worker = RangeWorker(
            config,
            JobTable(dynamodb, JOBS),
            JobQueues(config, self.clients["sqs"], self.clients["lambda"]),
            s3,
            s3,
            lambda bucket: Rows(dynamodb, CATALOG, bucket, thumbnails=False),
            lambda prefix: Estate(s3, dynamodb, BUCKET, THUMBNAILS, CATALOG, DEFAULT, prefix),
            clock=lambda: time.time() + self.later,
            keys_a_page=10,
        )

    def work(self) -> None:
        """Have a turn for each message that is there, until there are none to be had."""
        sqs, url = self.clients["sqs"], self.urls["ranges"]
        while messages := sqs.receive_message(QueueUrl=url, VisibilityTimeout=90).get("Messages"):
            for message in messages:
                wait = self.worker.work(
                    Received(message["Body"], 1, time.time()),
                    holder=message["ReceiptHandle"],
                    until=self.worker.clock() + 9,
                )
                if wait is None:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def sent(self) -> list[str]:
        """The keys in the backfill queue."""
        found: list[str] = []
        while (
            messages := self.clients["sqs"]
            .receive_message(QueueUrl=self.urls["backfill"], MaxNumberOfMessages=10, VisibilityTimeout=90)
            .get("Messages")
        ):
            events = [event for message in messages for event in parse(message["Body"])]
            found += [event.image.key for event in events if isinstance(event, ObjectEvent)]
        return sorted(found)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsAccount]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for module in (guarded, guard):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    monkeypatch.setattr(AccountJobs, "prices", lambda *_, **__: JobPrices(0.001, 1.0))
    with mock_aws():
        account = JobsAccount()
        monkeypatch.setattr(stacks, "find", lambda _: account.stack)
        yield account


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answered(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def upload(account: JobsAccount, number: int) -> list[str]:
    keys = [f"{folder}/{each:03d} ü&+.jpg" for folder in "ab" for each in range(number // 2)]
    for key in keys:
        account.clients["s3"].put_object(Bucket=BUCKET, Key=key, Body=b"image")
    return keys


BEGIN = ("backfill", "--in-account", "--yes")


def test_a_job_goes_through_the_bucket_on_its_own(account: JobsAccount) -> None:
    keys = upload(account, 60)
    job = answered(*BEGIN, "--budget", "5", "--exclude", "b/*")["job"]
    assert answered("jobs", "show", job)["state"] == "planning"
    account.work()
    told = answered("jobs", "show", job)
    assert told["state"] == "running", "it waits for what becomes of the images that it follows"
    assert told["examined"] == len(keys)
    assert told["objects"] == {"missing": 30, "excluded": 30, SENT: 30}
    assert EXAMINED not in told["objects"]
    assert account.sent() == keys[:30]
    assert job in run("jobs", "list").output


def deliver(account: JobsAccount, *files: bytes, to: str = inventories.DELIVERY, **other: Any) -> str:
    """Have an inventory of the uploads, and return where it is."""
    if to not in {each["Name"] for each in account.clients["s3"].list_buckets()["Buckets"]}:
        account.clients["s3"].create_bucket(Bucket=to, CreateBucketConfiguration={"LocationConstraint": REGION})
    inventories.deliver(account.clients["s3"], *files, bucket=BUCKET, to=to, **other)
    return f"s3://{to}/{inventories.MANIFEST}"


def test_a_job_goes_through_an_inventory(account: JobsAccount) -> None:
    upload(account, 10)
    listed = [f"c/{number} ü&+.jpg" for number in range(60)]
    files = [in_csv([InventoryRow(key) for key in listed[first::3]]) for first in range(3)]
    location = deliver(account, *files)
    job = answered(*BEGIN, "--inventory", location, "--prefix", "c/1")["job"]
    account.work()
    told = answered("jobs", "show", job)
    expected = sorted(key for key in listed if key.startswith("c/1"))
    assert (told["inventory"], told["examined"]) == (location, len(expected))
    assert account.sent() == expected
    assert location in run("jobs", "show", job).output.replace("\n", "")


def test_an_inventory_that_goes_away_stops_its_job_which_can_go_on(account: JobsAccount) -> None:
    location = deliver(account, in_csv([InventoryRow("a.jpg")]))
    job = answered(*BEGIN, "--inventory", location)["job"]
    s3, key = account.clients["s3"], f"{inventories.FOLDER}/data/0"
    body = s3.get_object(Bucket=inventories.DELIVERY, Key=key)["Body"].read()
    s3.delete_object(Bucket=inventories.DELIVERY, Key=key)
    account.work()
    again = Received(WorkMessage(job, "00000").body, 2, time.time())
    while account.worker.work(again, holder="somebody", until=account.worker.clock() + 9) is not None:
        account.later += 100
    told = answered("jobs", "show", job, code=ExitCode.WRONG)
    assert told["state"] == "stopped"
    assert "NoSuchKey" in told["why"]
    s3.put_object(Bucket=inventories.DELIVERY, Key=key, Body=body)
    assert run("jobs", "resume", job).exit_code == ExitCode.FINE
    account.work()
    assert account.sent() == ["a.jpg"]


def test_an_inventory_that_no_job_can_read_is_refused(account: JobsAccount, tmp_path: Path) -> None:
    elsewhere = deliver(account, in_csv([]), to="elsewhere")
    result = run(*BEGIN, "--inventory", elsewhere)
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert 'inventories = [{ bucket = "elsewhere" }]' in result.output.replace("\n", " ")
    parquet = deliver(account, in_parquet([]), form="Parquet")
    assert "have S3 write it as CSV" in run(*BEGIN, "--inventory", parquet).output.replace("\n", " ")
    huge = {"key": f"{inventories.FOLDER}/data/0", "size": 2**31 - 1, "MD5checksum": "0"}
    large = deliver(account, files=[huge])
    assert "data/0 of the inventory has 2.1 GB" in run(*BEGIN, "--inventory", large).output.replace("\n", " ")
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(account.clients["s3"].get_object(Bucket="elsewhere", Key=inventories.MANIFEST)["Body"].read())
    assert "is on this machine" in run(*BEGIN, "--inventory", str(manifest)).output.replace("\n", " ")
    assert not list(AccountJobs(account.stack).table.jobs())


def test_what_a_job_costs_is_bounded(account: JobsAccount) -> None:
    upload(account, 60)
    job = answered(*BEGIN, "--budget", "0.02")["job"]
    account.work()
    assert len(account.sent()) == 20
    result = run("jobs", "show", job)
    assert result.exit_code == ExitCode.WRONG
    assert "$0.02" in result.output
    assert run("jobs", "resume", job, "--budget", "5").exit_code == ExitCode.FINE
    account.work()
    assert len(account.sent()) == 40


def test_a_job_is_paused_goes_on_and_is_cancelled(account: JobsAccount) -> None:
    keys = upload(account, 40)
    job = answered(*BEGIN)["job"]
    message = account.clients["sqs"].receive_message(QueueUrl=account.urls["ranges"])["Messages"][0]
    account.worker.work(Received(message["Body"], 1, time.time()), holder="planner", until=time.time() + 9)
    assert run("jobs", "pause", job).exit_code == ExitCode.FINE
    account.work()
    assert not account.sent()
    assert run("jobs", "resume", job).exit_code == ExitCode.FINE
    account.work()
    assert account.sent() == keys
    assert run("jobs", "cancel", job, "--yes").exit_code == ExitCode.FINE
    assert answered("jobs", "show", job)["state"] == "cancelled"
    for again in ("pause", "resume", "cancel"):
        result = run("jobs", again, job, *(["--yes"] if again == "cancel" else []))
        assert result.exit_code == ExitCode.IMPOSSIBLE
        assert "cancelled" in result.output


def test_a_range_that_finds_no_room_lists_nothing_until_somebody_looks_again(
    account: JobsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(account, 60)
    job = answered(*BEGIN, "--in-queue", "10")["job"]
    account.work()
    assert len(account.sent()) == 10
    monkeypatch.setattr(guard, "LOOK_SECONDS", 60)
    # Whatever it would ask for, it could not.
    idle: Any = replace(account.worker, s3=None, queues=None)  # type: ignore[arg-type]
    received = Received(WorkMessage(job, "00000").body, 2, time.time())
    assert idle.work(received, holder="another", until=time.time() + 9) == guarded.ROOM_SECONDS
    assert "another" not in {each.holder for each in account.worker.table.ranges(job)}


def test_a_job_that_stopped_says_why(account: JobsAccount) -> None:
    upload(account, 4)
    job = answered(*BEGIN)["job"]
    account.clients["lambda"].get_event_source_mapping = lambda **_: {"State": "Disabled"}
    account.work()
    result = run("jobs", "watch", job)
    assert result.exit_code == ExitCode.WRONG
    assert "paused" in result.output


def test_all_is_told_in_sentences(account: JobsAccount) -> None:
    upload(account, 60)
    begun = run(*BEGIN, "--budget", "0.02")
    job = begun.output.split()[0]
    assert "divided into ranges" in run("jobs", "show", job).output
    account.work()
    shown = run("jobs", "show", job)
    assert f"over all of {BUCKET}" in shown.output
    assert "no row in the catalog" in shown.output
    assert "20 messages sent, about $0.02 of at most $0.02" in shown.output
    assert f"'thumbctl jobs resume {job}'" in shown.output
    listed = run("jobs", "list")
    assert f"{job} stopped: It has cost about $0.02" in listed.output
    assert getpass.getuser() in listed.output
    before = AccountJobs(account.stack).find(job)
    run("jobs", "resume", job, "--budget", "5")
    again = AccountJobs(account.stack).find(job)
    assert again.ran_since > before.ran_since > 0 == before.examined_then, "the pace is that since then"
    assert again.examined_then == before.examined > 0
    dimensions = {"BucketName": BUCKET, "StorageType": "AllStorageTypes"}
    counted = {
        "MetricName": "NumberOfObjects",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": datetime.now(UTC) - timedelta(hours=30),
        "Value": 100,
    }
    account.clients["cloudwatch"].put_metric_data(Namespace="AWS/S3", MetricData=[counted])
    assert answered("jobs", "show", job)["objects_left"] == [0, 80]


def test_a_command_stays_with_a_job_until_it_ends(account: JobsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends, the exit code says so; and who leaves is told how to come back."""
    upload(account, 4)

    def wait(then: Callable[[str], object]) -> Result:
        def sleep(_: float) -> None:
            # Of those that were begun in one second, any may come first.
            (job,) = (each for each in AccountJobs(account.stack).table.jobs() if not each.state.is_over)
            then(job.id)

        monkeypatch.setattr(command, "time", SimpleNamespace(sleep=sleep))
        return run(*BEGIN, "--exclude", "*", "--wait")

    def leave(_: str) -> None:
        raise KeyboardInterrupt

    left = wait(leave)
    assert left.exit_code == ExitCode.INTERRUPTED
    assert "goes on without you: 'thumbctl jobs watch" in left.output
    (job,) = AccountJobs(account.stack).table.jobs()
    assert job.state == "planning"
    assert run("jobs", "cancel", job.id, "--yes").exit_code == ExitCode.FINE
    done = wait(lambda _: account.work())
    assert done.exit_code == ExitCode.FINE, done.output
    assert "4 objects looked at" in done.output
    assert wait(lambda job: run("jobs", "cancel", job, "--yes")).exit_code == ExitCode.WRONG

    def stop(_: str) -> None:
        account.clients["lambda"].get_event_source_mapping = lambda **_: {"State": "Disabled"}
        account.work()

    monkeypatch.setattr(guarded, "_ALIVE_SECONDS", 0.0)
    assert wait(stop).exit_code == ExitCode.WRONG


def test_metrics_tell_what_became_of_jobs(account: JobsAccount, capsys: pytest.CaptureFixture[str]) -> None:
    upload(account, 60)
    job = answered(*BEGIN, "--budget", "0.02")["job"]
    account.work()
    told = metrics(capsys)
    assert (told["JobsStopped"], told["JobsDone"], told["TurnsFailed"]) == (1, 0, 0)
    assert run("jobs", "resume", job, "--budget", "5").exit_code == ExitCode.FINE
    account.work()
    told += metrics(capsys)
    assert (told["ObjectsExamined"], told["MessagesSent"]) == (60, 60), "each once, in whatever turn"


def metrics(capsys: pytest.CaptureFixture[str]) -> Counter[str]:
    """The sums of all metrics since the last look."""
    sums: Counter[str] = Counter()
    for line in capsys.readouterr().out.splitlines():
        if line.startswith('{"_aws"'):
            document = json.loads(line)
            (directive,) = document["_aws"]["CloudWatchMetrics"]
            sums.update({each["Name"]: document[each["Name"]] for each in directive["Metrics"]})
    return sums


def test_two_jobs_over_the_same_keys_are_refused(account: JobsAccount) -> None:  # noqa: ARG001
    first = answered(*BEGIN, "--prefix", "a/")["job"]
    result = run(*BEGIN, "--prefix", "a/b/")
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert first in result.output
    assert run(*BEGIN, "--prefix", "b/").exit_code == ExitCode.FINE


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--in-account", "--dry-run"], "--dry-run"),
        (["--in-account", "--restart"], "--restart"),
        (["--budget", "5"], "--budget"),
    ],
)
def test_options_of_the_other_way_are_refused(account: JobsAccount, options: list[str], says: str) -> None:  # noqa: ARG001
    result = run("backfill", *options, "--yes")
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert says in result.output


def test_a_stack_without_jobs_says_what_to_do(account: JobsAccount) -> None:
    account.stack = JobsStack("photos", {**account.stack.outputs, "jobs": None}, account.stack.client)
    result = run("jobs", "list")
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert "jobs = {}" in result.output


# ── reconcile ────────────────────────────────────────────────────────────────────────────────────────

RECONCILE = ("reconcile", "--in-account", "--yes")


@pytest.fixture
def estate(account: JobsAccount) -> JobsAccount:
    """Twelve objects whose events were lost, and two thumbnails of objects that are gone; all of them an hour ago."""
    upload(account, 12)
    for number in range(2):
        account.clients["s3"].put_object(Bucket=THUMBNAILS, Key=f"small/c/{number}.jpg.webp", Body=b"thumbnail")
    account.later = 3600
    return account


def thumbnails(account: JobsAccount) -> int:
    return len(account.clients["s3"].list_objects_v2(Bucket=THUMBNAILS).get("Contents", ()))


def test_a_reconciliation_tells_what_is_wrong_and_leaves_it(
    estate: JobsAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    job = answered(*RECONCILE, "--budget", "5")["job"]
    estate.work()
    told = answered("jobs", "show", job)
    assert (told["kind"], told["state"], told["examined"]) == ("reconcile", "done", 12)
    assert told["objects"] == {"missing": 12, "incomplete": 12, "orphan": 2}
    assert told["completeness"] == 0
    shown = [(each["kind"], each["key"]) for each in told["examples"]]
    assert Counter(kind for kind, _ in shown) == {"missing": 3, "orphan": 2}
    assert not estate.sent()
    assert thumbnails(estate) == 2
    assert "c/0.jpg" in run("jobs", "show", job).output
    assert "reconcile" in run("jobs", "list").output
    (published,) = [line for line in capsys.readouterr().out.splitlines() if '"Completeness":' in line]
    assert '"Function":"thumbs-thumbnailer","Completeness":0.0,"Incomplete":12,"Orphans":2,"Checked":12' in published


def test_what_is_younger_than_the_grace_is_left_alone(estate: JobsAccount) -> None:
    job = answered(*RECONCILE, "--repair", "--grace", "7200")["job"]
    estate.work()
    assert answered("jobs", "show", job)["objects"] == {"pending": 14}
    assert not estate.sent()
    assert thumbnails(estate) == 2


def test_a_part_of_the_bucket_says_nothing_of_how_complete_it_is(
    estate: JobsAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    job = answered(*RECONCILE, "--prefix", "a/")["job"]
    estate.work()
    assert answered("jobs", "show", job)["examined"] == 6
    assert '"Completeness":' not in capsys.readouterr().out


def test_a_reconciliation_mends_what_is_wrong(estate: JobsAccount) -> None:
    job = answered(*RECONCILE, "--repair")["job"]
    estate.work()
    told = answered("jobs", "show", job)
    assert told["state"] == "running", "it waits for what becomes of the images that it follows"
    assert (told["objects"][SENT], told["objects"]["deleted"]) == (12, 2)
    assert len(estate.sent()) == 12
    assert thumbnails(estate) == 0


def test_a_repair_spends_no_more_than_it_may(estate: JobsAccount) -> None:
    job = answered(*RECONCILE, "--repair", "--budget", "0.01")["job"]
    estate.work()
    assert answered("jobs", "show", job, code=ExitCode.WRONG)["state"] == "stopped"
    assert len(estate.sent()) == 10


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (BEGIN, BEGIN, True),
        (RECONCILE, RECONCILE, True),
        (RECONCILE, (*RECONCILE, "--repair"), True),
        (BEGIN, RECONCILE, False),
        (RECONCILE, BEGIN, False),
        (BEGIN, (*RECONCILE, "--repair"), True),
        ((*RECONCILE, "--repair"), BEGIN, True),
    ],
)
def test_two_jobs_that_would_do_the_same_are_refused(
    account: JobsAccount,  # noqa: ARG001
    first: tuple[str, ...],
    second: tuple[str, ...],
    is_refused: bool,  # noqa: FBT001 - what is expected
) -> None:
    name = answered(*first)["job"]
    result = run(*second)
    assert (result.exit_code == ExitCode.IMPOSSIBLE) == is_refused
    assert (name in result.output) == is_refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--in-account", "--limit", "1"], "--limit"),
        (["--in-account", "--after", "a"], "--after"),
        (["--in-account", "--repair", "--grace", "1"], "--grace"),
        (["--budget", "5"], "--budget"),
        (["--wait"], "--wait"),
    ],
)
def test_options_of_another_way_to_reconcile_are_refused(account: JobsAccount, options: list[str], says: str) -> None:  # noqa: ARG001
    result = run("reconcile", *options, "--yes")
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert says in result.output


@pytest.mark.parametrize(
    ("may", "options", "says"),
    [(None, [], "reconcile = {}"), ({"repair": False, "schedule": None}, ["--repair"], "repair = true")],
)
def test_a_worker_that_may_not_says_what_to_do(
    account: JobsAccount, may: dict[str, Any] | None, options: list[str], says: str
) -> None:
    account.stack.outputs["jobs"]["reconcile"] = may
    result = run(*RECONCILE, *options)
    assert result.exit_code == ExitCode.IMPOSSIBLE
    assert says in " ".join(result.output.split())


# ── the schedule ─────────────────────────────────────────────────────────────────────────────────────

EVENT = {"begin": "reconcile", "at": "2026-01-31T08:00:00Z"}


def test_a_schedule_begins_a_job_with_the_budget_that_was_configured(estate: JobsAccount) -> None:
    name = scheduled.begin(estate.worker, EVENT)
    assert name == "20260131-080000-reconcile"
    job = estate.worker.table.job(name)
    assert (job.bounds.dollars, job.asked.repair, job.asked.by) == (25, True, "schedule")
    estate.work()
    assert len(estate.sent()) == 12


def test_a_schedule_that_invokes_twice_begins_one_job(estate: JobsAccount) -> None:
    # The second one finds the first one's job, whose message may not have been sent.
    assert scheduled.begin(estate.worker, EVENT) == scheduled.begin(estate.worker, EVENT)
    assert len(list(estate.worker.table.jobs())) == 1
    estate.work()
    assert len(estate.sent()) == 12


@pytest.mark.parametrize("command", [RECONCILE, BEGIN])
def test_a_schedule_begins_nothing_while_a_job_is_open(estate: JobsAccount, command: tuple[str, ...]) -> None:
    answered(*command)
    assert scheduled.begin(estate.worker, EVENT) is None
    assert len(list(estate.worker.table.jobs())) == 1


def test_a_job_that_is_over_is_followed_by_the_next(estate: JobsAccount) -> None:
    first = scheduled.begin(estate.worker, EVENT)
    assert first
    assert run("jobs", "cancel", first, "--yes").exit_code == ExitCode.FINE
    second = scheduled.begin(estate.worker, {**EVENT, "at": "2026-02-01T08:00:00Z"})
    assert second == "20260201-080000-reconcile"


@pytest.mark.parametrize("event", [{}, {"begin": "backfill"}])
def test_what_is_no_schedules_event_is_refused(account: JobsAccount, event: dict[str, Any]) -> None:
    with pytest.raises(Systemic, match="invoked"):
        scheduled.begin(account.worker, event)


def test_a_scheduled_job_reckons_with_list_prices_rounded_up() -> None:
    sent = Job("backfill", 10**6, 1_750_000 * 10**6, examined=0)
    looked = Job("reconcile", 0, 0, examined=10**6, ranges=10)
    message, million = (Estimate.of(each, default_workload(each.kind)).dollars for each in (sent, looked))
    prices = scheduled.list_prices(DEFAULT)
    assert 1 <= prices.message * 10**6 / message <= 1.3
    assert 1 <= prices.million_examined / million <= 1.3
