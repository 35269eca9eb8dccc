"""S3 and DynamoDB three times over: in memory, moto, and the emulator."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from devtools.localaws import emulator, processes
from support.memory_aws import MemoryDynamoDB, MemoryS3
from support.pipeline import create_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtools.localaws.processes import Process

_names = itertools.count()


@dataclass(frozen=True)
class Services:
    """One implementation, with a bucket of each kind and a table of the test's own."""

    name: str
    s3: Any
    dynamodb: Any
    plain: str
    versioned: str
    table: str
    stream: Callable[[], list[Any]]
    """What the table's stream has told by now."""


@pytest.fixture(params=["memory", "moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def services(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Each implementation in turn."""
    number = next(_names)
    names = f"plain-{number}", f"versioned-{number}", f"table-{number}"
    if request.param == "memory":
        yield _in_memory(*names)
    elif request.param == "moto":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        with mock_aws():
            yield _over_the_wire(None, *names)
    else:
        yield _over_the_wire(request.getfixturevalue("emulator_url"), *names)


@dataclass(frozen=True)
class Emulated:
    """A bare emulator."""

    url: str
    mqtt_port: int
    process: Process

    def client(self, service: str) -> Any:
        """A client with the account's root credentials."""
        session = boto3.session.Session("test", "test", region_name=emulator.REGION)
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """The one that all tests share."""
    port, mqtt_port = processes.free_port(), processes.free_port()
    process = emulator.start(port, Path(tmp_path_factory.mktemp("emulator")), mqtt_port=mqtt_port)
    try:
        yield Emulated(f"http://{processes.LOOPBACK}:{port}", mqtt_port, process)
    finally:
        process.stop()


@pytest.fixture(scope="session")
def emulator_url(emulated: Emulated) -> str:
    """Where it answers."""
    return emulated.url


def _in_memory(plain: str, versioned: str, table: str) -> Services:
    s3, dynamodb = MemoryS3(), MemoryDynamoDB()
    s3.create_bucket(Bucket=plain)
    s3.create_bucket(Bucket=versioned, versioned=True)
    dynamodb.create_table(TableName=table)
    return Services("memory", s3, dynamodb, plain, versioned, table, lambda: dynamodb.streams[table])


def _over_the_wire(url: str | None, plain: str, versioned: str, table: str) -> Services:
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    s3, dynamodb = session.client("s3", endpoint_url=url), session.client("dynamodb", endpoint_url=url)
    for bucket in (plain, versioned):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    create_catalog(dynamodb, table)
    both: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    arn = dynamodb.update_table(TableName=table, StreamSpecification=both)["TableDescription"]["LatestStreamArn"]
    streams = session.client("dynamodbstreams", endpoint_url=url)

    def stream() -> list[Any]:
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        beginning = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        return list(streams.get_records(ShardIterator=beginning["ShardIterator"])["Records"])

    return Services("emulator" if url else "moto", s3, dynamodb, plain, versioned, table, stream)
