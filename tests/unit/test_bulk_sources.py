"""Files to import: which files there are, under which keys, and what is left out."""

from __future__ import annotations

import os
import stat
import tempfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thumbctl.importing import files
from thumbctl.importing.files import LeftOut, Problem, SourceFile
from thumbnail_pipeline.settings import Rendition, Settings

# What a directory entry can be called: no slash, no NUL; lone surrogates stand for bytes that are not UTF-8.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: not name.startswith(".") and len(name.encode()) < 255
)


def put(root: Path, name: str, data: bytes = b"image") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def keys(path: Path | str, prefix: str = "") -> list[str]:
    return sorted(each.key for each in files.below(str(path), prefix) if isinstance(each, SourceFile))


def left_out(path: Path | str) -> dict[str, Problem]:
    return {each.path: each.problem for each in files.below(str(path), "") if isinstance(each, LeftOut)}


def manifest(text: bytes, prefix: str = "", end: bytes = b"\n") -> list[SourceFile | LeftOut]:
    return list(files.listed(BytesIO(text), prefix, end=end))


def test_a_key_is_the_path_below_the_directory(tmp_path: Path) -> None:
    file = put(tmp_path, "album/red flower+50%.jpg", b"12345")
    put(tmp_path, "ü/日本.png")
    found = {each.key: each for each in files.below(str(tmp_path), "in/") if isinstance(each, SourceFile)}
    assert sorted(found) == ["in/album/red flower+50%.jpg", "in/ü/日本.png"]
    assert found["in/album/red flower+50%.jpg"] == SourceFile(
        "in/album/red flower+50%.jpg", str(file), 5, file.stat().st_mtime_ns
    )


def test_a_file_has_its_name_as_key(tmp_path: Path) -> None:
    assert keys(put(tmp_path, "deep/below/cat.jpg"), "in/") == ["in/cat.jpg"]


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=6))
@settings(max_examples=50, deadline=None)
def test_every_file_is_found_once(paths: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        made = set()
        for parts in paths:
            file = root.joinpath(*parts)
            try:
                put(root, str(file.relative_to(root)))
            except OSError:  # one name cannot be a file and a directory
                continue
            made.add("/".join(parts))
        assert keys(root) == sorted(made)


def test_the_directory_may_be_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/cat.jpg")
    monkeypatch.chdir(tmp_path)
    assert keys(".") == ["a/cat.jpg"]
    assert [each.path for each in files.below("a", "") if isinstance(each, SourceFile)] == [str(tmp_path / "a/cat.jpg")]


def test_patterns_keep_the_path_from_their_first_wildcard(tmp_path: Path) -> None:
    for name in ("2024/a/1.jpg", "2024/b/1.jpg", "2025/c/1.jpg", "2024/b/1.txt"):
        put(tmp_path, name)
    assert keys(f"{tmp_path}/2024/**/*.jpg") == ["a/1.jpg", "b/1.jpg"]
    assert keys(f"{tmp_path}/202[45]") == ["2024/a/1.jpg", "2024/b/1.jpg", "2024/b/1.txt", "2025/c/1.jpg"]
    assert left_out(f"{tmp_path}/*.webp") == {f"{tmp_path}/*.webp": Problem.MISSING}


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    assert keys(put(tmp_path, "cat[1].jpg")) == ["cat[1].jpg"]


def test_what_is_hidden_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    hidden = put(tmp_path, ".DS_Store")
    put(tmp_path, ".thumbnails/cat.jpg")
    put(tmp_path, "cat.jpg")
    assert keys(tmp_path) == ["cat.jpg"]
    assert left_out(tmp_path) == {str(tmp_path / name): Problem.HIDDEN for name in (".DS_Store", ".thumbnails")}
    assert keys(hidden) == [".DS_Store"]
    assert keys(tmp_path / ".thumbnails") == ["cat.jpg"]


def test_links_are_followed_and_never_in_circles(tmp_path: Path) -> None:
    elsewhere = put(tmp_path, "elsewhere/cat.jpg")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "link.jpg").symlink_to(elsewhere)
    (root / "album").symlink_to(elsewhere.parent)
    (root / "a" / "back").symlink_to(root)
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert keys(root) == ["album/cat.jpg", "link.jpg"]
    assert left_out(root) == {str(root / "a/back"): Problem.LOOP, str(root / "gone.jpg"): Problem.MISSING}


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")
    assert left_out(tmp_path) == {pipe: Problem.SPECIAL}
    assert left_out(f"{tmp_path}/*") == {pipe: Problem.SPECIAL}
    assert left_out(pipe) == {pipe: Problem.NO_FILE}
    assert Problem.SPECIAL.harmless
    assert not Problem.NO_FILE.harmless


def test_a_directory_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "open/cat.jpg")
    (tmp_path / "locked").mkdir()
    really = os.scandir

    def denied(path: str) -> os._ScandirIterator[str]:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert keys(tmp_path) == ["open/cat.jpg"]
    assert left_out(tmp_path) == {str(tmp_path / "locked"): Problem.UNREADABLE}


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"image")
    assert list(left_out(tmp_path).values()) == [Problem.NOT_UTF8]


@pytest.mark.parametrize(("prefix", "fits"), [("p" * (1024 - 7), True), ("p" * (1024 - 6), False), ("ü" * 509, False)])
def test_a_key_has_at_most_1024_bytes(tmp_path: Path, prefix: str, fits: bool) -> None:  # noqa: FBT001
    (found,) = files.below(str(put(tmp_path, "cat.jpg")), prefix)
    assert isinstance(found, SourceFile) is fits
    assert fits or (isinstance(found, LeftOut) and found.problem is Problem.LONG_KEY)


def test_a_manifest_names_paths_and_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/cat.jpg")
    put(tmp_path, "b.jpg")
    monkeypatch.chdir(tmp_path)
    absolute = f"{tmp_path}/b.jpg"
    text = (
        f"./a/cat.jpg\r\n\na/cat.jpg\tcats/one two.jpg\n{absolute}\nmissing.jpg\na\n../{tmp_path.name}/b.jpg".encode()
    )
    found = manifest(text, "in/")
    assert [each.key for each in found if isinstance(each, SourceFile)] == [
        "in/a/cat.jpg", "in/cats/one two.jpg", f"in{absolute}"
    ]  # fmt: skip
    assert [each.problem for each in found if isinstance(each, LeftOut)] == [
        Problem.MISSING, Problem.NO_FILE, Problem.NO_KEY
    ]  # fmt: skip


def test_a_manifest_of_find_print0_has_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["tab\there.jpg", "line\nbreak.jpg", "cat.jpg"]
    for name in names:
        put(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    found = manifest(b"".join(f"./{name}\0".encode() for name in names), end=b"\0")
    assert [each.key for each in found if isinstance(each, SourceFile)] == names


@pytest.mark.parametrize("read_bytes", [1, 2, 7, 1000])
def test_a_manifest_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int) -> None:
    written = [put(tmp_path, f"{index}.jpg") for index in range(9)]
    monkeypatch.setattr(files, "_READ_BYTES", read_bytes)
    found = manifest(b"\n".join(f"{file}\t{file.name}".encode() for file in written))
    assert [each.key for each in found if isinstance(each, SourceFile)] == [file.name for file in written]


def test_a_directory_of_any_size_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(20):
        put(tmp_path, f"{index}.jpg")
    stats: list[str] = []

    class Counting:
        """A directory that counts how many of its entries were looked at."""

        def __init__(self, path: str) -> None:
            self._entries = real_scandir(path)

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *_: object) -> None:
            self._entries.close()

        def __iter__(self) -> Counting:
            return self

        def __next__(self) -> os.DirEntry[str]:
            entry = next(self._entries)
            stats.append(entry.name)
            return entry

    real_scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Counting)
    walk = files.below(str(tmp_path), "")
    first = next(walk)
    assert isinstance(first, SourceFile)
    assert stat.S_ISREG(Path(first.path).stat().st_mode)
    assert len(stats) == 1
    assert len(list(walk)) == 19


def test_what_the_function_passes_over_is_left_out(tmp_path: Path) -> None:
    for name in ("cat.jpg", "Thumbs.db"):
        put(tmp_path, name)
    settings = Settings((Rendition("small", 1, 1),), exclude=("thumbs.db",))
    found = list(files.watched(files.below(str(tmp_path), ""), settings))
    assert [each.key for each in found if isinstance(each, SourceFile)] == ["cat.jpg"]
    assert LeftOut(str(tmp_path / "Thumbs.db"), Problem.EXCLUDED) in found
    assert Problem.EXCLUDED.harmless
