"""What the function is measured on: an AWS with ten photographs in it, the environment, and events of SQS."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

import psutil

from bench import loopback
from bench.corpus import ROOT, batch
from devtools.localaws import processes
from thumbctl.defaults import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.contender import Contender, ContenderRun
    from bench.loopback import Call, Loopback, Stats

__all__ = ["CORE_MB", "Cores", "Stage", "Turn", "default_memory_mb", "function_environment", "two_cores"]

# Memory at which Lambda gives one whole processor; twice that gives two.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
CORE_MB = 1769
# A turn in which others take more than this share of the processors is repeated.
_CALM = 0.03
_TRIES = 2
_VARIABLES = Path(__file__).parents[1] / "terraform" / "variables.tf"


def default_memory_mb() -> int:
    """The memory that the Terraform module gives the function where nobody says otherwise."""
    found = re.search(r'variable "memory_mb" {.*?default\s*=\s*(\d+)', _VARIABLES.read_text(), re.DOTALL)
    assert found, f"{_VARIABLES} has no default of memory_mb"
    return int(found[1])


def function_environment(memory_mb: int = CORE_MB) -> dict[str, str]:
    """What the function finds in its environment, from Lambda and from Terraform."""
    return {
        **processes.environment_without_aws(),
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_LAMBDA_FUNCTION_NAME": "thumbnailer",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "LAMBDA_TASK_ROOT": "/var/task",
        # Of most invocations no trace is kept.
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        "SETTINGS": json.dumps({"renditions": [asdict(each) for each in DEFAULT.renditions]}),
        "SOURCE_BUCKET": loopback.UPLOADS,
        "SOURCE_PREFIX": "",
        "THUMBNAILS_BUCKET": "thumbnails",
        "CATALOG_TABLE": "catalog",
        "ALERTS_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:alerts",
        "DIGESTS_TABLE": "digests",
        "DIGEST_WINDOW_SECONDS": "900",
        "RUNBOOK_URL": "docs/runbook.md",
        "TOMBSTONE_DAYS": "30",
        "RETRY_FIRST_SECONDS": "20",
        "RETRY_DENIED_SECONDS": "3600",
        "MAX_RECEIVE_COUNT": "5",
        "KEY_IDS": "11111111-2222-3333-4444-555555555555",
        "TIMEOUT_SECONDS": "60",
    }


def _busy_ms(cores: set[int]) -> float:
    """Milliseconds that these processors have not been idle, what a hypervisor took of them included."""
    times = psutil.cpu_times(percpu=True)
    return sum(sum(times[core]) - times[core].idle - times[core].iowait for core in cores) * 1000


class Cores(NamedTuple):
    """Processors for a contender, and for the loopback AWS."""

    contender: set[int]
    aws: set[int]


def two_cores() -> list[int]:
    """The first two processors that we may use."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("error: the bench needs two processors, one of them for the loopback AWS")
    return cores[:2]


class Turn(NamedTuple):
    """One batch of one contender, as the contender and as the loopback AWS saw it."""

    folder: str
    """Of the uploads."""
    images: int
    run: ContenderRun
    aws: Stats
    calls: list[Call]
    others: float
    """The share of the contender's processors that neither of the two used, and that were not idle either."""


@dataclass(frozen=True)
class Stage:
    """A running AWS with ten photographs in it."""

    aws: Loopback
    photographs: Mapping[str, tuple[str, int]]
    """ETag and size of each, by name."""

    @classmethod
    @contextlib.contextmanager
    def set_up(cls) -> Iterator[Stage]:
        """A stage for the block."""
        photographs = {source.path.name: source.path.read_bytes() for source in batch()}
        with loopback.running() as aws:
            yield cls(aws, {name: (aws.upload(name, data), len(data)) for name, data in photographs.items()})

    @property
    def images(self) -> int:
        """How many photographs a batch has."""
        return len(self.photographs)

    def calm_turn(self, contender: Contender, folder: str, copies: int = 1) -> Turn:
        """The calmer of two turns; the first, where the machine's other work leaves it alone."""
        turns = []
        for number in range(_TRIES):
            turns.append(self.turn(contender, f"{folder}-{number}", copies))
            if turns[-1].others <= _CALM:
                break
        return min(turns, key=lambda turn: turn.others)

    def turn(self, contender: Contender, folder: str, copies: int = 1) -> Turn:
        """Let a contender process a batch, each photograph `copies` times, where it has processed none before."""
        cores = contender.cores
        self.aws.calls()
        before, busy = self.aws.stats(), _busy_ms(cores)
        run = contender.run(self.event(folder, copies))
        busy = _busy_ms(cores) - busy
        aws = self.aws.stats() - before
        known = run.cpu_ms + (aws.cpu_ms if cores & self.aws.cores else 0)
        others = max(0.0, busy - known) / (run.wall_ms * len(cores))
        return Turn(folder, self.images * copies, run, aws, self.aws.calls(), others)

    def event(self, folder: str, copies: int) -> dict[str, Any]:
        """What SQS hands the function when all photographs have just been uploaded below `folder`."""
        return {
            "Records": [
                self._message(f"{folder}/{copy}/{name}", etag, size)
                for copy in range(copies)
                for name, (etag, size) in self.photographs.items()
            ]
        }

    def environment(self, name: str, memory_mb: int) -> dict[str, str]:
        """The environment of a function that calls this AWS; what it writes is kept apart under `name`."""
        name = re.sub("[^a-z0-9]+", "-", name)  # as buckets may be named
        return {
            **function_environment(memory_mb),
            "AWS_ENDPOINT_URL": self.aws.url,
            "THUMBNAILS_BUCKET": f"thumbnails-{name}",
            "CATALOG_TABLE": f"catalog-{name}",
            "BENCH_LOG": str(ROOT / f"{name}.log"),
        }

    @staticmethod
    def _message(key: str, etag: str, size: int) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html around
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""
        described = {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag, "sequencer": "0055AED6DCD90281E5"}
        record = {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "awsRegion": "eu-central-1",
            "eventTime": "2026-01-02T03:04:05.678Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:AIDACKCEVSQ6C2EXAMPLE"},
            "requestParameters": {"sourceIPAddress": "192.0.2.1"},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "thumbnails",
                "bucket": {"name": loopback.UPLOADS, "arn": f"arn:aws:s3:::{loopback.UPLOADS}"},
                "object": described,
            },
        }
        return {
            "messageId": key,
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": json.dumps({"Records": [record]}),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:work",
            "awsRegion": "eu-central-1",
        }
