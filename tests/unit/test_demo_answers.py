"""What counts as the pipeline's answer to an upload, and when there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from devtools.demo import run
from devtools.demo.catalog import Answer, CatalogReader, DeadLetterReader, is_among
from devtools.demo.evidence import Announcement
from devtools.demo.outcome import DEAD_LETTER, UNACCOUNTED, Result, UploadResult
from devtools.demo.samples import Sample
from devtools.demo.upload import Uploaded, Uploader
from support.pipeline import create_catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from thumbnail_pipeline.messages import ObjectEvent

BUCKET, TABLE = "uploads", "catalog"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.session.Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.session.Session(region_name="us-east-1")


def uploaded(key: str = "a.jpg", *, deleted: bool = False, expected: Any = None) -> Uploaded:
    sample = Sample(key, (b"first", b"second"), "", "", expected, deleted=deleted)
    return Uploaded(sample, key, etag="e2", version_id="v2")


def item(status: str, **attributes: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"status": status, **attributes}.items()}


READY = Answer.from_item(item("READY", etag="e2", version_id="v2"))
FAILED = replace(READY, status="FAILED", reason="truncated", detail="half is missing")
DELETED = Answer.from_item(item("DELETED", version_id="marker"))


def message(event: str, key: str, **s3_object: str) -> str:
    record = {
        "eventName": event,
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "sequencer": "01", **s3_object}},
    }
    return json.dumps({"Records": [record]})


def test_the_row_of_the_newest_version_is_the_answer() -> None:
    assert READY.answers(uploaded())
    assert FAILED.answers(uploaded())
    assert DELETED.answers(uploaded(deleted=True))


@pytest.mark.parametrize(
    "row",
    [
        replace(READY, etag="e1", version_id="v1"),
        replace(READY, version_id="v1"),  # the same bytes, uploaded before
        replace(READY, etag="e1"),
        replace(READY, status=""),  # claimed by a worker that has not committed yet
        DELETED,
    ],
)
def test_a_row_of_anything_older_is_not(row: Answer) -> None:
    assert not row.answers(uploaded())


def test_a_row_from_before_the_deletion_is_not() -> None:
    assert not READY.answers(uploaded(deleted=True))


def test_a_bucket_without_versions_is_told_by_the_etag() -> None:
    assert READY.answers(replace(uploaded(), version_id=None))
    assert not replace(READY, etag="e1").answers(replace(uploaded(), version_id=None))


def test_rows_are_read_in_as_many_calls_as_it_takes(aws: boto3.session.Session) -> None:
    dynamodb = aws.client("dynamodb")
    create_catalog(dynamodb, TABLE)
    keys = [f"{number}.jpg" for number in range(105)]
    for key in keys:
        dynamodb.put_item(TableName=TABLE, Item=item("READY", source_key=key, source_bucket=BUCKET))
    assert set(CatalogReader(dynamodb, TABLE, BUCKET).rows([*keys, "not there"])) == set(keys)


def test_dead_letters_are_told_once_and_stay(aws: boto3.session.Session) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="no JSON")
    sqs.send_message(QueueUrl=url, MessageBody=message("ObjectCreated:Put", "a+b%2B.jpg", eTag="e2"))

    letters = DeadLetterReader(sqs, url)
    assert [event.image.key for event in letters.arrived()] == ["a b+.jpg"]
    assert list(letters.arrived()) == []
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "2"


@pytest.mark.parametrize(
    ("body", "deleted", "expected"),
    [
        (message("ObjectCreated:Put", "a.jpg", eTag="e2"), False, True),
        (message("ObjectCreated:Put", "a.jpg", eTag="e1"), False, False),
        (message("ObjectCreated:Put", "b.jpg", eTag="e2"), False, False),
        (message("ObjectRemoved:DeleteMarkerCreated", "a.jpg"), True, True),
        (message("ObjectCreated:Put", "a.jpg", eTag="e2"), True, False),
    ],
)
def test_only_a_dead_letter_about_the_newest_state_is_an_answer(
    aws: boto3.session.Session, *, body: str, deleted: bool, expected: bool
) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert is_among(DeadLetterReader(sqs, url).arrived(), uploaded(deleted=deleted)) is expected


def test_bodies_are_put_in_order_and_deletions_come_last(aws: boto3.session.Session) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    changed = Sample("x y.jpg", (b"first", b"second"), "", "")
    gone = Sample("gone.png", (b"only",), "", "", deleted=True)
    shown: list[int] = []

    first, second = Uploader(s3, BUCKET, "in/").upload([changed, gone], shown.append)

    current = s3.get_object(Bucket=BUCKET, Key="in/x y.jpg")
    assert current["Body"].read() == b"second"
    assert current["ContentType"] == "image/jpeg"
    assert (first.key, first.etag, first.version_id) == (
        "in/x y.jpg",
        current["ETag"].strip('"'),
        current["VersionId"],
    )
    (marker,) = s3.list_object_versions(Bucket=BUCKET)["DeleteMarkers"]
    assert (second.key, second.version_id) == (marker["Key"], marker["VersionId"])
    assert shown == [1, 2]


class Answers:
    """A catalog and a dead-letter queue that answer as they were told, one look after the other."""

    def __init__(self, rows: Sequence[dict[str, Answer]], dead: Iterable[ObjectEvent] = ()) -> None:
        self._rows = list(rows)
        self._dead = list(dead)

    def rows(self, _keys: Sequence[str]) -> dict[str, Answer]:
        return self._rows.pop(0) if len(self._rows) > 1 else self._rows[0]

    def arrived(self) -> list[ObjectEvent]:
        taken, self._dead = self._dead, []
        return taken


def account_for(answers: Answers, awaited: Sequence[Uploaded]) -> tuple[list[str], list[int]]:
    anything: Any = None
    catalog: Any = answers
    pipeline = run.RunningPipeline(anything, catalog, catalog, anything, anything, anything, anything, tuple)
    shown: list[int] = []
    return [outcome.status for outcome in pipeline.account_for(awaited, shown.append)], shown


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_SECONDS_BETWEEN_LOOKS", 0.001)
    monkeypatch.setattr(run, "_SECONDS_WITHOUT_PROGRESS", 0.05)


@pytest.mark.usefixtures("_hurried")
def test_it_waits_for_the_newest_version_of_each() -> None:
    old = replace(READY, etag="e1", version_id="v1")
    answers = Answers([{}, {"a.jpg": old}, {"a.jpg": old, "b.jpg": FAILED}, {"a.jpg": READY}])
    statuses, shown = account_for(answers, [uploaded("a.jpg"), uploaded("b.jpg")])
    assert statuses == ["READY", "FAILED"]
    assert shown == [0, 0, 1, 2]


@pytest.mark.usefixtures("_hurried")
def test_what_never_gets_an_answer_is_named() -> None:
    statuses, _ = account_for(Answers([{"a.jpg": READY}]), [uploaded("a.jpg"), uploaded("b.jpg")])
    assert statuses == ["READY", UNACCOUNTED]


@pytest.mark.usefixtures("_hurried")
def test_a_dead_letter_is_an_answer(aws: boto3.session.Session) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=message("ObjectCreated:Put", "a.jpg", eTag="e2"))
    dead = DeadLetterReader(sqs, url).arrived()
    statuses, _ = account_for(Answers([{}], dead), [uploaded("a.jpg")])
    assert statuses == [DEAD_LETTER]


def test_an_expectation_that_is_not_met_is_a_problem_that_names_key_and_reason() -> None:
    outcome = UploadResult(uploaded("a.jpg", expected="READY"), FAILED)
    result = Result((outcome,), (), (), missing=("small/x",), strays=("small/y",), seconds=1.0)
    assert result.problems == (
        "a.jpg is FAILED (truncated: half is missing), expected READY",
        "a.jpg is FAILED, and was not announced",
        "thumbnail small/x is listed in the catalog and does not exist",
        "thumbnail small/y belongs to no image",
        "images failed, and no alert reached the subscriber",
        "the X-Ray collector received nothing",
    )


def test_what_a_consumer_was_told_last_has_to_be_true() -> None:
    def told(status: str, sequence: str) -> Announcement:
        return Announcement(f"Image {status.title()}", "a.jpg", status, "e2", "", sequence, "now")

    outcome = UploadResult(uploaded("a.jpg"), FAILED)
    result = Result((outcome,), (), (), missing=(), strays=(), seconds=1.0)
    late = told("READY", "1")  # comes last, and is older
    assert not any("announced" in each for each in replace(result, events=(told("FAILED", "2"), late)).problems)
    assert "a.jpg is FAILED, and was announced as READY" in replace(result, events=(late,)).problems


def test_a_persons_own_image_may_fail_and_may_not_vanish() -> None:
    assert UploadResult(uploaded(), FAILED).problems == ()
    assert UploadResult(uploaded(), None).problems == ("is not accounted for: no final catalog row, no dead letter",)


def test_ready_without_a_thumbnail_is_a_problem() -> None:
    assert UploadResult(uploaded(), READY).problems == ("is READY without a single rendition",)
