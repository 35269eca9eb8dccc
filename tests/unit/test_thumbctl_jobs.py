"""thumbctl backfill --in-account and jobs: what is begun, what the range worker makes of it, and what is said."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from range_worker import backfilling
from range_worker.config import RangeWorkerConfig
from range_worker.queues import JobQueues
from range_worker.turns import RangeWorker, Received
from support.operated import create_catalog
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.conventions import ExitCode
from thumbctl.defaults import DEFAULT
from thumbctl.jobs.account import AccountJobs
from thumbctl.stack import Deployed, Stack
from thumbnail_pipeline import lean
from thumbnail_pipeline.jobs import guard
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import EXAMINED, SENT, JobPrices
from thumbnail_pipeline.jobs.table import JobTable
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

BUCKET, CATALOG, JOBS = "uploads", "catalog", "jobs"
REGION = "eu-central-1"


class JobsStack(Stack):
    """A stack with the default settings."""

    def deployed(self) -> Deployed:
        return Deployed(DEFAULT, 1769, "arm64", 60, "python3.13", "sha")


class JobsAccount:
    """A stack without a thumbnailer, whose range worker works when it is told to."""

    def __init__(self) -> None:
        session = lean.session()
        self.clients: dict[str, Any] = {
            name: session.create_client(name, region_name=REGION) for name in ("s3", "sqs", "dynamodb")
        }
        self.clients["lambda"] = SimpleNamespace(get_event_source_mapping=lambda **_: {"State": "Enabled"})
        self.clients["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
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
            "jobs": {"table_name": JOBS, "ranges_queue_url": self.urls["ranges"]},
        }
        self.stack = JobsStack("photos", outputs, lambda service, config=None: self.clients[service])  # noqa: ARG005
        config = RangeWorkerConfig(
            DEFAULT, JOBS, CATALOG, self.urls["ranges"], self.urls["backfill"], self.urls["dead"], "mapping", 2, 60
        )
        self.worker = RangeWorker(
            config,
            JobTable(self.clients["dynamodb"], JOBS),
            JobQueues(config, self.clients["sqs"], self.clients["lambda"]),
            self.clients["s3"],
            lambda bucket: Rows(self.clients["dynamodb"], CATALOG, bucket, thumbnails=False),
            keys_a_page=10,
        )

    def work(self) -> None:
        """Have a turn for each message that is there, until there are none to be had."""
        sqs, url = self.clients["sqs"], self.urls["ranges"]
        while messages := sqs.receive_message(QueueUrl=url, VisibilityTimeout=90).get("Messages"):
            for message in messages:
                wait = self.worker.work(
                    Received(message["Body"], 1, time.time()), holder=message["ReceiptHandle"], until=time.time() + 9
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
    for module in (backfilling, guard):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    monkeypatch.setattr(AccountJobs, "prices", lambda _: JobPrices(0.001, 1.0))
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
    assert idle.work(received, holder="another", until=time.time() + 9) == backfilling.ROOM_SECONDS
    assert "another" not in {each.holder for each in account.worker.table.ranges(job)}


def test_a_job_that_stopped_says_why(account: JobsAccount) -> None:
    upload(account, 4)
    job = answered(*BEGIN)["job"]
    account.clients["lambda"].get_event_source_mapping = lambda **_: {"State": "Disabled"}
    account.work()
    result = run("jobs", "watch", job)
    assert result.exit_code == ExitCode.WRONG
    assert "paused" in result.output


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
        (["--in-account", "--inventory", "s3://lists/manifest.json"], "--inventory"),
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
