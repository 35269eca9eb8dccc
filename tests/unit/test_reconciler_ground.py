"""What the reconciler stands on: listings in order, rows by the hundred, and the judgement of an object by its row."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from support.memory_aws import MemoryS3
from support.rows import row
from thumbnail_pipeline import ordering
from thumbnail_pipeline.images import StoredThumbnail
from thumbnail_pipeline.listing import Listed, objects, top_level
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge
from thumbnail_pipeline.rows import Row, Rows, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
TABLE, BUCKET = "catalog", "uploads"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def dynamodb(s3: S3Client) -> DynamoDBClient:  # noqa: ARG001 - for its credentials
    client = boto3.client("dynamodb", region_name=REGION)
    names = ("source_key", "source_bucket")
    client.create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": names[0], "KeyType": "HASH"},
            {"AttributeName": names[1], "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def put_row(dynamodb: DynamoDBClient, key: str, **attributes: Any) -> None:
    item = {
        "source_key": {"S": key},
        "source_bucket": {"S": BUCKET},
        "status": {"S": "READY"},
        "sequencer": {"S": ordering.normalise("1")},
        "claim": {"S": ordering.normalise("1")},
        "fence": {"N": "1"},
        **attributes,
    }
    dynamodb.put_item(TableName=TABLE, Item=item)


def listed(key: str, etag: str = "e") -> Listed:
    return Listed(key, 1, etag, None)


# Listings


KEYS = ["a", "a b+c%", "a/1", "a/2", "b/\N{SNOWMAN}", "b/\U0001f600", "c\x01d"]


def test_objects_come_in_the_order_of_their_keys(s3: S3Client) -> None:
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    found = list(objects(s3, BUCKET))
    assert [each.key for each in found] == sorted(KEYS)
    assert [each.size for each in found] == [len(each.key.encode()) for each in found]
    assert all(each.etag and '"' not in each.etag and each.modified for each in found)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"prefix": "a/"}, ["a/1", "a/2"]),
        ({"after": "a/1"}, sorted(KEYS)[3:]),
        ({"until": "a/2"}, sorted(KEYS)[:3]),
        ({"after": "a", "until": "a/2"}, ["a b+c%", "a/1"]),
        ({"prefix": "b/", "after": "b/\N{SNOWMAN}"}, ["b/\U0001f600"]),
        ({"prefix": "nothing"}, []),
    ],
)
def test_objects_within_bounds(s3: S3Client, bounds: dict[str, str], expected: list[str]) -> None:
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert [each.key for each in objects(s3, BUCKET, **bounds)] == expected


def test_a_listing_goes_on_to_its_last_page() -> None:
    s3 = MemoryS3()
    s3.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    s3.keys_a_page = 2
    assert [each.key for each in objects(s3, BUCKET)] == sorted(KEYS)  # type: ignore[arg-type]
    assert list(top_level(s3, BUCKET)) == ["a", "a b+c%", "a/", "b/", "c\x01d"]  # type: ignore[arg-type]


# Rows


def test_rows_are_read_by_key(dynamodb: DynamoDBClient) -> None:
    thumbnail = {"M": {"key": {"S": "small/a.webp"}, "etag": {"S": "t"}, "width": {"N": "8"}}}
    put_row(dynamodb, "a", etag={"S": "e"}, settings_fingerprint={"S": "f"}, renditions={"L": [thumbnail]})
    put_row(dynamodb, "b", status={"S": "FAILED"}, reason={"S": "corrupt"}, claim={"S": ordering.normalise("2")})
    found = Rows(dynamodb, TABLE, BUCKET).of(["a", "b", "c"])
    assert found == {
        "a": row("READY", "e", "f", key="a", thumbnails=(StoredThumbnail("small/a.webp", "t"),)),
        "b": row("FAILED", reason="corrupt", key="b", claimed=True),
    }


def test_no_keys_ask_nothing() -> None:
    assert Rows(None, TABLE, BUCKET).of([]) == {}  # type: ignore[arg-type]


def test_what_was_throttled_is_asked_again(dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("a", "b", "c"):
        put_row(dynamodb, key)
    answer: Any = dynamodb.batch_get_item
    waits: list[float] = []
    monkeypatch.setattr("thumbnail_pipeline.rows.time.sleep", waits.append)

    def throttled(RequestItems: Any) -> Any:  # noqa: N803 - the SDK's name
        (table, asked), *_ = RequestItems.items()
        first, *others = asked["Keys"]
        answered = answer(RequestItems={table: {**asked, "Keys": [first]}})
        return {**answered, "UnprocessedKeys": {table: {**asked, "Keys": others}} if others else {}}

    monkeypatch.setattr(dynamodb, "batch_get_item", throttled)
    assert Rows(dynamodb, TABLE, BUCKET).of(["a", "b", "c"]).keys() == {"a", "b", "c"}
    assert len(waits) == 2


class _SlowRows(Rows):
    """Knows every key that ends in an even digit; each look-up waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(None, TABLE, BUCKET)  # type: ignore[arg-type]
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def of(self, keys: Any, *, consistent: bool = False) -> dict[str, Row]:  # noqa: ARG002
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        found = {key: row("READY", key) for key in keys if int(key) % 2 == 0}
        with self._lock:
            self.at_once -= 1
        return found


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 1234])
def test_a_survey_keeps_the_order_and_skips_nothing(number: int) -> None:
    keys = [str(index) for index in range(number)]
    found = list(survey(map(listed, keys), _SlowRows(), at_once=4))
    assert [each.key for each, _ in found] == keys
    assert all((known is not None) == (int(each.key) % 2 == 0) for each, known in found)
    assert all(known is None or known.etag == each.key for each, known in found)


def test_a_survey_runs_no_further_ahead_than_it_may() -> None:
    read = 0

    def endless() -> Iterator[Listed]:
        nonlocal read
        for index in itertools.count():
            read += 1
            yield listed(str(index))

    slow = _SlowRows()
    surveyed = survey(endless(), slow, at_once=3)
    list(itertools.islice(surveyed, 150))
    assert read <= 100 * (3 + 2)
    assert slow.most_at_once <= 3


# Judgement


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (None, Verdict.MISSING),
        (row("READY", "e", "f"), Verdict.CURRENT),
        (row("READY", "e", "g"), Verdict.RESTYLED),
        (row("READY", "e", None), Verdict.RESTYLED),
        (row("READY", "x", "f"), Verdict.CHANGED),
        (row("READY", None, "f"), Verdict.CHANGED),
        (row("FAILED", "e", "g"), Verdict.FAILED),
        (row("FAILED", None), Verdict.FAILED),
        (row("FAILED", "x"), Verdict.CHANGED),
        (row("DELETED"), Verdict.MISSING),
        (row(None), Verdict.MISSING),
        (row("READY", "e", "f", claimed=True), Verdict.CLAIMED),
        (row(None, claimed=True), Verdict.CLAIMED),
    ],
)
def test_an_object_is_judged_by_its_row(known: Row | None, verdict: Verdict) -> None:
    assert judge(listed("a"), known, "f") is verdict


@given(st.sampled_from(["READY", "FAILED", "DELETED", None]), st.text(max_size=2), st.booleans())
def test_only_ready_of_the_same_bytes_and_settings_is_current(status: str | None, etag: str, claimed: bool) -> None:  # noqa: FBT001
    verdict = judge(listed("a"), row(status, etag, "f", claimed=claimed), "f")
    assert (verdict is Verdict.CURRENT) == (status == "READY" and etag == "e" and not claimed)
