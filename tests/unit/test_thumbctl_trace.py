"""thumbctl trace: where the time went, of an image and of an invocation; and why there is no trace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from support.operations import Operations
from support.pictures import picture
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, NEIGHBOUR = "photos/cat.png", "photos/\x9bdog.png"


def trace_id(age: timedelta) -> str:
    return f"1-{int((datetime.now(UTC) - age).timestamp()):08x}-0123456789abcdef01234567"


TRACE_ID = trace_id(timedelta(hours=1))


def document(name: str, begin: float, end: float, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    times = {"start_time": begin, "end_time": end}
    return {"id": f"{name}-{begin}", "name": name, **times, "subsegments": list(children), **more}


def image(key: str, begin: float, outcome: str, *, fault: bool = False) -> dict[str, Any]:
    about = {"annotations": {"outcome": outcome}, "metadata": {"default": {"key": key, "bucket": "uploads"}}}
    steps = (document("fetch", begin, begin + 0.1), document("render", begin + 0.1, begin + 0.9, fault=fault))
    return document("image", begin, begin + 1, *steps, **about)


# What X-Ray has of an invocation: Lambda's own segment, and the function's with all that its SDK sent.
INVOCATION = [
    {**document("thumbs", 100.0, 103.2), "trace_id": TRACE_ID},
    {
        **document("thumbs", 100.1, 103.0, image(KEY, 101.0, "READY"), image(NEIGHBOUR, 101.5, "FAILED", fault=True)),
        "trace_id": TRACE_ID,
        "parent_id": "thumbs-100.0",
    },
]


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Operations]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE_ID};Sampled=0")
    with mock_aws():
        yield Operations(monkeypatch)


@pytest.fixture
def traced(operations: Operations) -> Operations:
    for number, key in enumerate((KEY, NEIGHBOUR)):
        operations.bench.pipeline.apply(operations.bench.upload(key, picture(), sequencer=f"0{number}"), attempt=1)
    operations.fakes["xray"].documents = INVOCATION
    return operations


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["trace", *arguments])
    return result.exit_code, result.stdout, result.stderr


def spans(*arguments: str) -> list[tuple[str, int]]:
    code, out, complaints = run(*arguments, "--json")
    assert (code, complaints) == (0, "")
    return [(each["name"], each["depth"]) for each in map(json.loads, out.splitlines())]


@pytest.mark.usefixtures("traced")
def test_of_a_key_it_shows_the_part_about_it() -> None:
    assert spans(KEY) == [("image", 0), ("fetch", 1), ("render", 1)]
    code, out, _ = run(KEY)
    assert code == 0
    assert TRACE_ID in out
    assert "#xray:traces/" in out
    heading, _, *lines = out.splitlines()
    assert heading.startswith(KEY)
    bars = {line.split()[0]: line.split()[1] for line in lines if "━" in line}
    assert (len(bars["image"]), len(bars["fetch"]), len(bars["render"])) == (24, 2, 19)
    assert "dog" not in out


@pytest.mark.usefixtures("traced")
def test_of_a_trace_id_it_shows_the_whole_invocation() -> None:
    below = [("image", 2), ("fetch", 3), ("render", 3)]
    assert spans(TRACE_ID) == [("thumbs", 0), ("thumbs", 1), *below, *below]
    _, out, _ = run(TRACE_ID)
    for words in (f"outcome READY, {KEY}", r"outcome FAILED, photos/\x9bdog.png"):
        assert words in out


@pytest.mark.usefixtures("traced")
def test_scripts_get_times_and_keys() -> None:
    first = json.loads(run(KEY, "--json")[1].splitlines()[0])
    assert first == {
        "trace_id": TRACE_ID, "name": "image", "start": 101.0, "milliseconds": 1000.0, "depth": 0, "failed": False,
        "key": KEY, "detail": f"outcome READY, key {KEY}, bucket uploads",
    }  # fmt: skip


def test_a_local_stack_has_a_collector(traced: Operations) -> None:
    traced.fakes["xray"].documents = []
    traced.segments = INVOCATION
    assert spans(KEY) == [("image", 0), ("fetch", 1), ("render", 1)]
    assert "console.aws.amazon.com" not in run(KEY)[1]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(hours=1), "was not sampled: of the invocations of a function, Lambda has the first of each second"),
        (timedelta(days=29), "was not sampled"),
        (timedelta(days=31), "has expired"),
        (timedelta(seconds=5), "is not there yet, if it was sampled"),
    ],
)
@pytest.mark.usefixtures("operations")
def test_there_is_none(age: timedelta, words: str) -> None:
    code, out, complaint = run(trace_id(age))
    assert (code, out) == (1, "")
    assert complaint.startswith(f"The trace {trace_id(age)} {words}") or words in complaint
    assert complaint.count("\n") == 1


@pytest.mark.usefixtures("operations")
def test_nobody_knows_the_key() -> None:
    code, _, complaint = run(NEIGHBOUR)
    assert (code, complaint) == (1, "The catalog does not know 'photos/\\x9bdog.png': see why with 'thumbctl show'.\n")


def test_the_trace_is_about_others(traced: Operations) -> None:
    traced.fakes["xray"].documents = INVOCATION[:1]
    code, _, complaint = run(KEY)
    assert code == 1
    assert f"see all of it with 'thumbctl trace {TRACE_ID}'" in complaint


def test_a_wall_of_bars_says_what_it_leaves_out(traced: Operations) -> None:
    traced.fakes["xray"].documents = [
        {**document("one", 1.0, 2.0), "trace_id": TRACE_ID, "id": str(n)} for n in range(40)
    ]
    assert len(spans(TRACE_ID)) == 40
    assert "… and 10 more: --json has them all" in run(TRACE_ID)[1]
