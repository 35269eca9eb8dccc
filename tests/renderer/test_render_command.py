"""thumbctl render: the renderer on local files, for people and for programs."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from renderer.pictures import loaded, photograph, saved
from thumbctl.app import app
from thumbnail_pipeline.renderer import rendering

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


@pytest.mark.parametrize("name", ["a[/x].jpg", "[red].jpg", ":cat:.jpg", "\x1b[2J.jpg", "two\nlines.jpg"])
def test_names_are_shown_as_they_are(name: str, folder: Path) -> None:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(saved(photograph(), "JPEG"))
    code, out, _ = run(folder)
    assert code == 0
    assert str(folder / name).encode("unicode_escape").decode() in out
    assert len(out.splitlines()) == 4


def test_every_file_has_thumbnails_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(folder)
    (folder / "deep" / "a.jpg").write_bytes(saved(photograph(), "JPEG"))
    assert run("a.jpg", "deep/a.jpg", "deep", "--out", tmp_path / "made")[0] == 0
    made = tmp_path / "made" / "small"
    written = sorted(file.relative_to(made).as_posix() for file in made.rglob("*.webp"))
    assert written == ["a.jpg.webp", "deep/a.jpg.webp", "deep/b c.png.webp"]


def test_what_cannot_be_written_is_told_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "made" / "small" / "deep"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    code, out, err = run(folder, "--out", tmp_path / "made")
    assert code == 2
    assert "1 rendered, 1 failed" in out
    assert err.splitlines() == [
        f"{folder / 'deep' / 'b c.png'}: {blocked} cannot be written (File exists): mend that, or name another folder"
        " with --out."
    ]
    assert (blocked.parent / "a.jpg.webp").exists()


def test_what_is_no_image_is_skipped_in_a_folder(folder: Path) -> None:
    for name, content in {"notes.txt": b"words", "clip.mp4": b"\0\0\0\x18ftypmp42", ".hidden.jpg": b"?"}.items():
        (folder / name).write_bytes(content)
    code, out, _ = run(folder)
    assert code == 0
    assert "2 rendered, 0 failed, 3 skipped that are no images" in out
    assert "notes.txt" not in out
    code, out, _ = run(folder, "--all", "--json")
    assert code == 0
    skipped = {each["source"].rpartition("/")[2]: each["reason"] for each in lines(out) if each["status"] == "SKIPPED"}
    assert skipped == {"notes.txt": "unidentified", "clip.mp4": "unsupported-format", ".hidden.jpg": "hidden"}
    assert run(folder / "notes.txt")[0] == 1


def test_what_passes_for_an_image_fails(folder: Path) -> None:
    (folder / "page.jpg").write_text("<html>")
    (folder / "gone.jpg").symlink_to("nowhere")
    code, out, _ = run(folder, "--json")
    assert code == 1
    failed = {each["source"].rpartition("/")[2]: each["detail"] for each in lines(out) if each["status"] == "FAILED"}
    assert failed == {
        "page.jpg": "The bytes are not an image of a known format.",
        "gone.jpg": "a link to nowhere, which is not there",
    }


def test_a_folder_without_images_is_a_mistake(folder: Path) -> None:
    (folder / "texts").mkdir()
    (folder / "texts" / "notes.txt").write_text("words")
    code, out, err = run(folder / "texts")
    assert (code, out) == (2, "")
    assert "There are no images" in err


def test_what_libraries_warn_of_is_the_files(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "a.jpg").write_bytes(saved(photograph(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0"))
    code, out, err = run(folder / "a.jpg", "--json")
    assert (code, err, capfd.readouterr().err) == (0, "", "")
    (line,) = lines(out)
    assert any("EXIF" in each for each in line["facts"]["warnings"])


def test_what_libraries_log_is_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    true = rendering.render

    def logs(*given: Any) -> Any:
        logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded: 7")
        return true(*given)

    monkeypatch.setattr(rendering, "render", logs)
    out = run(folder / "a.jpg")[1]
    assert "More samples per pixel" in out
    assert capfd.readouterr().err == ""


def test_rows_appear_as_they_are_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true, seen = rendering.render, []

    def looks(*given: Any) -> Any:
        seen.append(sys.stdout.getvalue())  # type: ignore[union-attr]
        return true(*given)

    monkeypatch.setattr(rendering, "render", looks)
    with contextlib.redirect_stdout(io.StringIO()):
        app(["render", str(folder)], standalone_mode=False)
    assert [len(each.splitlines()) for each in seen] == [0, 1]


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
