"""thumbctl render: the renderer on local files, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from renderer.pictures import loaded, photograph, saved
from thumbctl.app import app

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["render", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "deep").mkdir(parents=True)
    (pictures / "a.jpg").write_bytes(saved(photograph(), "JPEG"))
    (pictures / "deep" / "b c.png").write_bytes(saved(photograph(), "PNG"))
    return pictures


def test_one_line_of_json_for_each_file(folder: Path, tmp_path: Path) -> None:
    wanted = {"renditions": [{"name": "tiny", "width": 64, "height": 64, "format": "jpeg"}]}
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    code, out, _ = run(folder, "--renditions", tmp_path / "wanted.json", "--out", tmp_path / "made", "--json")
    assert code == 0
    first, second = lines(out)
    assert first.keys() == {"source", "status", "reason", "detail", "facts", "renditions", "milliseconds"}
    assert (first["source"], first["status"], first["reason"]) == (str(folder / "a.jpg"), "READY", None)
    assert (first["facts"]["width"], first["facts"]["height"], first["facts"]["warnings"]) == (600, 400, [])
    assert first["milliseconds"] > 0
    (made,) = second["renditions"]
    path = tmp_path / "made" / "tiny" / "deep" / "b c.png.jpg"
    assert made == {"name": "tiny", "path": str(path), "width": 64, "height": 43, "bytes": path.stat().st_size}
    assert loaded(path.read_bytes()).size == (64, 43)


def test_a_failure_is_a_line_and_an_exit_code(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(saved(photograph(), "JPEG")[:2000])
    code, out, _ = run(folder, "--json")
    assert code == 1
    assert {each["source"].rsplit("/", 1)[1]: (each["status"], each["reason"]) for each in lines(out)} == {
        "a.jpg": ("READY", None),
        "broken.jpg": ("FAILED", "truncated"),
        "b c.png": ("READY", None),
    }


def test_a_table_for_people(folder: Path) -> None:
    (folder / "notes.txt").write_text("not an image")
    code, out, _ = run(folder / "a.jpg", folder / "notes.txt")
    assert code == 1
    assert "600x400" in out
    assert "unidentified" in out
    assert "1 rendered, 1 failed" in out
    assert not (folder.parent / "small").exists()


def test_a_bare_list_of_renditions_will_do(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('[{"name": "tiny", "width": 64, "height": 64}]')
    _, out, _ = run(folder, "--renditions", tmp_path / "list.json", "--json")
    made = [json.loads(line)["renditions"] for line in out.splitlines()]
    assert {rendition["name"] for each in made for rendition in each} == {"tiny"}


def test_wrong_settings_say_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text('{"renditions": [{"name": "a", "width": 0, "height": 5}]}')
    code, out, err = run(folder, "--renditions", tmp_path / "wrong.json")
    assert (code, out) == (2, "")
    assert "renditions[0] (a).width must be a whole number" in " ".join(err.split())


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    assert run(tmp_path)[0] == 2
