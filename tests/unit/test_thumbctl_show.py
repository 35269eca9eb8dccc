"""thumbctl show: everything that is known of one image, whatever its key."""

from __future__ import annotations

import fnmatch
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from typer.testing import CliRunner

from support.operations import Operations
from support.pictures import picture
from support.pipeline import RENDITIONS, TABLE, THUMBNAILS, UPLOADS
from thumbctl.app import app
from thumbctl.looking import history
from thumbnail_pipeline import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "photos/cat.png"
NOW = datetime.now(UTC)
TRACE_ID = f"1-{int(NOW.timestamp()) - 600:08x}-0123456789abcdef01234567"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Operations]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE_ID};Sampled=0")
    with mock_aws():
        yield Operations(monkeypatch)


def arrive(operations: Operations, key: str = KEY, body: bytes | None = None, *, sequencer: str = "01") -> None:
    operations.bench.pipeline.apply(operations.bench.upload(key, body or picture(), sequencer=sequencer), attempt=1)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["show", *arguments])
    return result.exit_code, result.stdout, result.stderr


def shown(key: str = KEY, *, code: int = 0) -> dict[str, Any]:
    exit_code, out, complaints = run(key, "--json")
    assert (exit_code, complaints) == (code, "")
    (line,) = out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_all_is_well(operations: Operations) -> None:
    arrive(operations)
    document = shown()
    assert (document["key"], document["bucket"], document["verdict"]) == (KEY, UPLOADS, "current")
    assert (document["row"]["status"], document["row"]["width"], document["row"]["trace_id"]) == ("READY", 64, TRACE_ID)
    assert (document["source"]["versions"], document["source"]["same_as_row"]) == (1, True)
    assert document["source"]["current"] == {"size": len(picture()), "etag": document["row"]["etag"]}
    assert {each["key"]: each["found"] for each in document["thumbnails"]} == {
        f"large/{KEY}.webp": "there",
        f"small/{KEY}.png": "there",
    }
    code, out, _ = run(KEY)
    assert code == 0
    for words in (
        KEY,
        "current: ",
        "READY on",
        "at the 1st attempt",
        "png 64 x 48",
        "1 version, the row's bytes",
        TRACE_ID,
    ):
        assert words in out, words


def test_a_failure_says_why(operations: Operations) -> None:
    arrive(operations, body=b"not an image")
    document = shown(code=1)
    assert (document["verdict"], document["row"]["reason"]) == ("failed", "unidentified")
    assert "unidentified: The bytes are not an image" in run(KEY)[1]


def test_nobody_was_told(operations: Operations) -> None:
    operations.bench.upload(KEY, picture(), sequencer="01")
    document = shown(code=1)
    assert (document["verdict"], document["row"]) == ("missing", None)
    assert "'thumbctl backfill'" in document["says"]


def test_other_bytes(operations: Operations) -> None:
    arrive(operations)
    operations.bench.upload(KEY, picture("red"), sequencer="02")
    document = shown(code=1)
    assert (document["verdict"], document["source"]["same_as_row"]) == ("changed", False)
    assert document["source"]["versions"] == 2
    assert "2 versions, other bytes than the row's" in run(KEY)[1]


def test_other_settings(operations: Operations) -> None:
    arrive(operations)
    operations.renditions = [{**RENDITIONS[0], "quality": 20}]
    assert shown(code=1)["verdict"] == "restyled"


@pytest.mark.parametrize("body", [picture(), picture()[:60]], ids=["READY", "FAILED"])
def test_an_older_renderer(operations: Operations, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(operations, body=body)
    for kind in ("png", "truncated"):
        monkeypatch.setitem(settings._VERSIONS, kind, 99)
    document = shown(code=1)
    assert document["verdict"] == "restyled"
    assert "by an older renderer: 'thumbctl backfill'" in document["says"]


def test_deleted(operations: Operations) -> None:
    arrive(operations)
    operations.bench.pipeline.apply(operations.bench.remove(KEY, sequencer="02"), attempt=1)
    document = shown()
    assert (document["verdict"], document["source"]["current"], document["source"]["versions"]) == ("deleted", None, 1)
    assert "1 version kept" in run(KEY)[1]


def test_the_source_is_gone_and_nobody_was_told(operations: Operations) -> None:
    arrive(operations)
    operations.bench.remove(KEY, sequencer="02")
    assert shown(code=1)["verdict"] == "vanished"


def test_it_is_being_worked_on(operations: Operations) -> None:
    arrive(operations)
    event = operations.bench.upload(KEY, picture("red"), sequencer="02")
    with operations.bench.dying_after(5):
        operations.bench.pipeline.apply(event, attempt=1)
    assert shown()["verdict"] == "claimed"


def test_it_is_not_below_the_prefix(operations: Operations) -> None:
    operations.prefix = "incoming/"
    operations.bench.upload(KEY, picture(), sequencer="01")
    assert shown(code=1)["verdict"] == "unwatched"


@pytest.mark.parametrize("found", ["missing", "altered"])
def test_a_thumbnail_is_not_what_its_row_says(operations: Operations, found: str) -> None:
    arrive(operations)
    if found == "missing":
        operations.bench.s3.delete_object(Bucket=THUMBNAILS, Key=f"small/{KEY}.png")
    else:
        operations.bench.s3.put_object(Bucket=THUMBNAILS, Key=f"small/{KEY}.png", Body=b"somebody's")
    document = shown(code=1)
    assert [each["found"] for each in document["thumbnails"]] == ["there", found]
    assert found in run(KEY)[1]


def test_a_neighbour_in_the_listing_is_somebody_else(operations: Operations) -> None:
    arrive(operations, f"{KEY}.bak")
    code, out, complaint = run(KEY)
    assert (code, out) == (1, "")
    assert complaint.startswith(f"Nobody knows {KEY!r}: it is neither in s3://{UPLOADS}")


def test_nobody_knows_it(operations: Operations) -> None:
    operations.prefix = "incoming/"
    for key, remedy in ((f"incoming/{KEY}", "'thumbctl backfill'"), (KEY, "only keys that begin with 'incoming/'")):
        code, out, complaint = run(key, "--json")
        assert (code, out) == (1, "")
        assert complaint.count("\n") == 1
        assert remedy in complaint


def test_the_log_tells_its_history(operations: Operations) -> None:
    arrive(operations)
    line = {"level": "INFO", "message": "image", "key": KEY, "attempt": 1, "milliseconds": 40}
    operations.write_log(NOW - timedelta(minutes=1), {**line, "outcome": "READY", "attempt": 2})
    operations.write_log(NOW - timedelta(minutes=9), {**line, "outcome": "RETURNED", "error": "SlowDown"})
    operations.write_log(NOW - timedelta(minutes=5), {**line, "key": f"{KEY}x", "outcome": "FAILED"})
    operations.write_log(NOW - timedelta(days=2), {**line, "outcome": "STALE"})
    operations.write_log(NOW, "no object")
    assert [each["outcome"] for each in shown()["history"]] == ["RETURNED", "READY"]
    _, out, _ = run(KEY)
    first, last = (next(line for line in out.splitlines() if outcome in line) for outcome in ("RETURNED", "READY  "))
    assert "error SlowDown" in first
    assert out.index(first) < out.index(last)
    assert [each["outcome"] for each in json.loads(run(KEY, "--json", "--since", "3d")[1])["history"]] == [
        "STALE", "RETURNED", "READY"
    ]  # fmt: skip


def test_what_the_log_alone_knows_is_told(operations: Operations) -> None:
    operations.write_log(NOW, {"message": "image", "key": KEY, "outcome": "READY"})
    assert shown()["row"] is None


def test_a_trace_is_told_where_there_is_one(operations: Operations) -> None:
    arrive(operations)
    assert "was not sampled" in shown()["trace"]["missing"]
    operations.fakes["xray"].documents = [
        {
            "trace_id": TRACE_ID, "id": "1", "name": "image", "start_time": 1.0, "end_time": 1.5,
            "metadata": {"default": {"key": KEY}},
        }
    ]  # fmt: skip
    trace = shown()["trace"]
    assert ([each["name"] for each in trace["spans"]], trace["missing"]) == (["image"], None)
    assert trace["console_url"] == (
        f"https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#xray:traces/{TRACE_ID}"
    )
    assert "━" in run(KEY)[1]


def test_who_may_not_see_traces_sees_all_else(operations: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(operations)

    def refuse(_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchGetTraces")

    monkeypatch.setattr(operations.fakes["xray"], "get_paginator", refuse)
    document = shown()
    assert document["verdict"] == "current"
    assert document["trace"]["missing"].startswith("AWS denies BatchGetTraces")


# \x9b begins what steers a terminal as ESC [ does; moto's XML cannot say ESC.
HOSTILE = '\x9b2Ja"b\\c *\u202e[red]\n{}ü%.png'


def test_a_hostile_key_is_harmless(operations: Operations) -> None:
    arrive(operations, HOSTILE)
    operations.write_log(NOW, {"message": "image", "key": HOSTILE, "outcome": "READY"})
    document = shown(HOSTILE)
    assert (document["key"], document["verdict"], len(document["history"])) == (HOSTILE, "current", 1)
    _, out, _ = run(HOSTILE)
    assert "\x9b" not in out
    assert "\u202e" not in out
    assert out.splitlines()[0] == r'\x9b2Ja"b\c *\u202e[red]\n{}ü%.png'
    code, _, complaint = run(f"{HOSTILE}?")
    assert (code, complaint.count("\n")) == (1, 1)
    assert "\x9b" not in complaint


def test_a_hostile_detail_is_harmless(operations: Operations) -> None:
    arrive(operations, body=b"not an image")
    operations.bench.dynamodb.update_item(
        TableName=TABLE,
        Key={"source_key": {"S": KEY}, "source_bucket": {"S": UPLOADS}},
        UpdateExpression="SET detail = :hostile",
        ExpressionAttributeValues={":hostile": {"S": "a \x9b2J[red]"}},
    )
    assert r"unidentified: a \x9b2J[red]" in run(KEY)[1]


@given(st.text(min_size=1, max_size=1024))
def test_a_pattern_is_well_formed_and_finds_the_key(key: str) -> None:
    pattern = history.pattern(key)
    begin, end = '{ $.message = "image" && $.key = "', '" }'
    assert pattern.startswith(begin)
    assert pattern.endswith(end)
    assert len(pattern) <= 1024
    said = pattern[len(begin) : -len(end)]
    assert not set(said) & set('"\\')
    assert said.isascii()
    assert said.isprintable()
    # What fnmatch gives a meaning of its own to, and CloudWatch does not.
    assert fnmatch.fnmatchcase(key, said.replace("[", "[[]").replace("?", "[?]"))


def test_a_plain_key_is_looked_for_by_its_name() -> None:
    assert history.pattern(KEY) == f'{{ $.message = "image" && $.key = "{KEY}" }}'
