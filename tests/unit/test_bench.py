"""What the bench reckons with, and that its AWS refuses what AWS refuses."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bench import loopback, memory, throughput
from bench.contender import ContenderRun
from bench.loopback import Call, Latency, Loopback, Stats
from bench.share import Shares
from bench.stage import Stage, Turn, default_memory_mb
from devtools.localaws.processes import Process
from thumbnail_pipeline.messages import ObjectEvent, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

NO_STATS = Stats(calls={}, bytes_in=0, bytes_out=0, connections=0, cpu_ms=0)


def turn(rendering: list[tuple[float, float, float]], calls: list[Call]) -> Turn:
    run = ContenderRun(begun=0, wall_ms=1000, cpu_ms=500, rendering=rendering, rss_bytes=0, log_bytes=0)
    return Turn("folder", 10, run, NO_STATS, calls, others=0)


# ── latencies ────────────────────────────────────────────────────────────────────────────────────────


def test_two_thirds_of_the_calls_take_between_low_and_high_and_a_few_far_longer() -> None:
    latency = Latency(0.020, 0.060)
    taken = sorted(latency.of(f"GetObject {number}") for number in range(5000))
    assert 0.65 < sum(0.020 < each < 0.060 for each in taken) / 5000 < 0.72
    assert taken[int(0.99 * 5000)] > 3 * statistics.median(taken)


def test_the_same_call_takes_equally_long_every_time() -> None:
    assert Latency(0.02, 0.06).of("PutObject a") == Latency(0.02, 0.06).of("PutObject a")
    assert Latency(0.02, 0.06).of("PutObject a") != Latency(0.02, 0.06).of("PutObject b")


# ── the loopback AWS ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def aws() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


def client(service: str, aws: Loopback) -> Any:
    session = boto3.Session("bench", "bench", region_name="eu-central-1")
    return session.client(service, endpoint_url=aws.url)  # type: ignore[call-overload]


def test_its_s3_reads_a_source_under_any_folder_and_keeps_the_conditions_of_writes(aws: Loopback) -> None:
    s3: S3Client = client("s3", aws)
    etag = aws.upload("cat.jpg", b"photograph")
    found = s3.get_object(Bucket=loopback.UPLOADS, Key="any/folder/cat.jpg", IfMatch=etag)
    assert found["Body"].read() == b"photograph"
    first = s3.put_object(Bucket="thumbnails", Key="a", Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="thumbnails", Key="a", Body=b"two", IfNoneMatch="*")
    assert [each["ETag"] for each in s3.list_objects_v2(Bucket="thumbnails", Prefix="a")["Contents"]] == [first["ETag"]]
    s3.delete_object(Bucket="thumbnails", Key="a", IfMatch=first["ETag"])
    assert "Contents" not in s3.list_objects_v2(Bucket="thumbnails", Prefix="a")


def test_its_dynamodb_stores_a_first_row_once(aws: Loopback) -> None:
    dynamodb: DynamoDBClient = client("dynamodb", aws)
    row = {"source_key": {"S": "cat.jpg"}, "source_bucket": {"S": "uploads"}, "status": {"S": "READY"}}
    key = {name: row[name] for name in ("source_key", "source_bucket")}
    condition = "attribute_not_exists(source_key)"
    dynamodb.put_item(TableName="catalog", Item=row, ConditionExpression=condition)
    with pytest.raises(ClientError, match="ConditionalCheckFailedException") as refused:
        dynamodb.put_item(
            TableName="catalog",
            Item=row,
            ConditionExpression=condition,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Item"] == row  # type: ignore[typeddict-item]
    assert dynamodb.get_item(TableName="catalog", Key=key)["Item"] == aws.row("catalog", key) == row
    with pytest.raises(ClientError, match="plays first images"):
        dynamodb.update_item(TableName="catalog", Key=key, UpdateExpression="SET fence = :one")


def test_it_counts_calls_and_connections(aws: Loopback) -> None:
    s3: S3Client = client("s3", aws)
    before = aws.stats()
    aws.calls()
    for number in range(3):
        s3.put_object(Bucket="thumbnails", Key=f"counted/{number}", Body=b"four")
    counted = aws.stats() - before
    assert (counted.calls, counted.bytes_in, counted.connections) == ({"PutObject": 3}, 12, 1)
    assert all(call.operation == "PutObject" and call.ended - call.begun > 0.01 for call in aws.calls())


# ── what is played and reckoned ──────────────────────────────────────────────────────────────────────


def test_an_event_is_what_the_function_reads() -> None:
    stage = Stage(Loopback("http://127.0.0.1:1", Process(0, 0)), {"a cat.jpg": ("0123abcd", 17)})
    records = stage.event("7", copies=2)["Records"]
    events = [event for record in records for event in parse(record["body"])]
    assert all(isinstance(event, ObjectEvent) for event in events)
    found = [(each.image.key, each.etag, each.size) for each in events if isinstance(each, ObjectEvent)]
    assert found == [("7/0/a cat.jpg", "0123abcd", 17), ("7/1/a cat.jpg", "0123abcd", 17)]


def test_overlap_is_the_share_of_waiting_in_which_something_is_rendered() -> None:
    rendering = [(0.2, 0.5, 0.3), (0.4, 0.6, 0.2)]
    calls = [Call("GetObject", 0.0, 0.3), Call("GetObject", 0.1, 0.4), Call("PutObject", 0.8, 0.9)]
    assert throughput.overlapped([turn(rendering, calls)], "GetObject") == 0.5
    assert throughput.overlapped([turn(rendering, calls)], "PutObject") == 0


def test_a_ratio_is_by_image_and_within_a_round() -> None:
    ten = turn([], [])
    twenty = ten._replace(images=20, run=ContenderRun(0, 1000, 500, [], 0, 0))
    turns = {"twenty": [twenty, twenty], "ten": [ten, ten]}
    assert throughput.ratio(turns, "twenty", "ten") == {"ratio": 2, "calm_rounds": 1}


def test_a_disturbed_round_tells_nothing_where_there_is_a_calm_one() -> None:
    calm = turn([], [])
    slow = calm._replace(others=0.4, run=ContenderRun(0, 9000, 500, [], 0, 0))
    turns = {"ours": [calm, calm, calm], "theirs": [calm, slow, calm]}
    assert throughput.ratio(turns, "ours", "theirs") == {"ratio": 1, "calm_rounds": 1}
    assert throughput.ratio({**turns, "theirs": [calm, slow, slow]}, "ours", "theirs")["calm_rounds"] == 0


def test_the_size_of_a_row_is_as_dynamodb_counts_it() -> None:
    # Names and texts by their bytes; two digits a byte and one more; three for a list, and one for each in it.
    assert throughput.row_bytes({"a": {"S": "é"}}) == 3
    assert throughput.row_bytes({"n": {"N": "12345"}}) == 1 + 3 + 1
    assert throughput.row_bytes({"l": {"L": [{"S": "ab"}, {"BOOL": True}]}}) == 1 + 3 + (1 + 2) + (1 + 1)
    assert throughput.row_bytes({"m": {"M": {"k": {"NULL": True}}}}) == 1 + 3 + (1 + 1 + 1)


def test_the_cheapest_memory_settings_have_room_and_cost_alike() -> None:
    def line(memory_mb: int, ms: float, rss_mb: int) -> dict[str, Any]:
        return {
            "memory_mb": memory_mb,
            "ms_per_image": ms,
            "rss_mb": rss_mb,
            "gb_seconds_per_million": ms * memory_mb,
        }

    cramped, slow, fast, dear = line(512, 300, 500), line(1024, 200, 500), line(2048, 109, 600), line(4096, 99, 600)
    assert memory.cheapest([cramped, slow, fast, dear]) == [1024, 2048]
    assert memory.cheapest([cramped, slow, dear]) == [1024]


def test_the_default_memory_is_the_modules() -> None:
    assert 512 <= default_memory_mb() <= 10240


# ── shares of the processors ─────────────────────────────────────────────────────────────────────────


def test_shares_are_made_by_either_version_of_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)  # a control group goes with the files in it
    ours = tmp_path / "cgroup"
    first = tmp_path / "first"
    (first / "cpu" / "here").mkdir(parents=True)
    ours.write_text("3:memory:/\n2:cpu,cpuacct:/here\n0::/\n")
    found = Shares.found(first, ours)
    assert found == Shares(first / "cpu" / "here", unified=False)

    second = tmp_path / "second"
    (second / "user").mkdir(parents=True)
    (second / "cgroup.subtree_control").write_text("memory")
    ours.write_text("0::/user\n")
    # The group itself has no subtree to control, so its parent is taken.
    assert Shares.found(second, ours) == Shares(second, unified=True)
    assert (second / "cgroup.subtree_control").read_text() == "+cpu"


def test_without_control_groups_there_are_no_shares(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("0::/\n")
    assert Shares.found(tmp_path / "nothing", tmp_path / "ours") is None


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────
