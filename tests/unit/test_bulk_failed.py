"""bulk.failed: the failures index as one stream, the newest first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from support.operated import INDEX, TABLE, create_catalog
from thumbctl.looking import failed
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import FAILURE_SHARDS
from thumbnailer.catalog import Catalog, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

BEGAN = datetime(2026, 1, 31, 8, tzinfo=UTC)


def at(second: int) -> str:
    """As the function writes times."""
    return (BEGAN + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Index:
    """A catalog like the module's, and who asks for what in it."""

    def __init__(self) -> None:
        self.dynamodb: DynamoDBClient = boto3.client("dynamodb", region_name="eu-central-1")
        self.pages = 0
        create_catalog(self.dynamodb, TABLE)
        self.dynamodb.meta.events.register("before-call.dynamodb.Query", self._count)

    def fail(self, key: str, second: int, *, reason: str = "unidentified", etag: str | None = "e") -> None:
        """Put what the function puts."""
        attributes = {"reason": reason, "detail": f"{key} is no image", "attempts": 2}
        state = State(Status.FAILED, "1".ljust(64, "0"), None, etag, "settings", attributes)
        written = (BEGAN + timedelta(seconds=second)).timestamp()
        Catalog(self.dynamodb, TABLE, clock=lambda: written).commit_first(Image("uploads", key), state)

    def stream(self, since: datetime | None = None) -> Iterator[failed.Failed]:
        return failed.failures(self.dynamodb, TABLE, INDEX, since=since)

    def _count(self, **_: Any) -> None:
        self.pages += 1


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Index()


def test_everything_that_a_row_says(index: Index) -> None:
    index.fail("ruined/ä b.jpg", 1, reason="truncated")
    index.fail("never-fetched.jpg", 0, etag=None)
    assert list(index.stream()) == [
        failed.Failed("ruined/ä b.jpg", "truncated", "ruined/ä b.jpg is no image", "e", 2, at(1)),
        failed.Failed("never-fetched.jpg", "unidentified", "never-fetched.jpg is no image", None, 2, at(0)),
    ]


def test_nothing_has_failed(index: Index) -> None:
    assert list(index.stream()) == []


def test_every_failure_once_and_the_newest_first(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed, "_ROWS_A_CALL", 3)
    for number in range(200):
        index.fail(f"{number}.jpg", number * 7 % 200)
    streamed = list(index.stream())
    assert [each.failed_at for each in streamed] == [at(second) for second in reversed(range(200))]
    assert {each.key for each in streamed} == {f"{number}.jpg" for number in range(200)}


def test_pages_are_fetched_when_they_are_wanted(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed, "_ROWS_A_CALL", 3)
    for number in range(200):
        index.fail(f"{number}.jpg", number)
    assert [each.key for each in itertools.islice(index.stream(), 2)] == ["199.jpg", "198.jpg"]
    assert index.pages <= FAILURE_SHARDS + 1


def test_only_since(index: Index) -> None:
    for number in range(10):
        index.fail(f"{number}.jpg", number)
    assert [each.key for each in index.stream(BEGAN + timedelta(seconds=7))] == ["9.jpg", "8.jpg", "7.jpg"]
    assert [each.key for each in index.stream(BEGAN + timedelta(seconds=8.001))] == ["9.jpg"]
