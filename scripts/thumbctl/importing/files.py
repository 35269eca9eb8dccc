"""Files to import: what lies below directories, what matches patterns, what a manifest lists. Pure but for the disk.

What there is, is looked at one by one and never held: memory is that of the directories between a file and its root.
"""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, TYPE_CHECKING

from thumbnail_pipeline.images import LONGEST_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from thumbnail_pipeline.settings import Settings

_READ_BYTES = 2**20


class Problem(StrEnum):
    """Why a file is not imported, or not seen as one."""

    HIDDEN = "hidden"
    """A name that begins with a dot, below a directory or in place of a pattern's asterisk."""
    SPECIAL = "a pipe, a socket or a device"
    NO_FILE = "not a file"
    """And named: by itself, or in a manifest."""
    LOOP = "a link to a directory that it lies in"
    MISSING = "not there"
    """Gone since it was listed, or a link to nothing."""
    UNREADABLE = "not readable"
    NOT_UTF8 = "a name that is not UTF-8, which keys of S3 are"
    EXCLUDED = "no image by the deployment's source_keys"
    LONG_KEY = f"a key of more than {LONGEST_KEY_BYTES:,} bytes"
    NO_KEY = "a path above the directory: give it a key, behind a tab"
    SAME_KEY = "the key of another file"
    RESERVED = "a key where only users of the API or devices upload to"
    EMPTY = "empty"
    LARGE = "larger than the deployed limits.bytes allows"
    HUGE = "larger than one upload to S3 may be"
    CHANGED = "changed while it was imported"
    CONTENDED = "its key is being written by somebody else"
    REFUSED = "refused by S3"

    @property
    def harmless(self) -> bool:
        """Whether everybody expects that it is left out."""
        return self in {Problem.HIDDEN, Problem.SPECIAL, Problem.LOOP, Problem.EXCLUDED}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, and the key that it gets."""

    key: str
    path: str
    """Absolute."""
    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or something else, that is not imported."""

    path: str
    problem: Problem
    detail: str = ""
    """What else there is to say of it."""


def below(path: str, prefix: str) -> Iterator[SourceFile | LeftOut]:
    """Look at `path`: every file below a directory, under `prefix` and its path from there; a file, under its name;
    or what matches a pattern such as 'photos/**/*.jpg', under the path from the directory before the first wildcard.

    Links are followed. What is hidden is left out, unless `path` names it.
    """
    if os.path.lexists(path) or not glob.has_magic(path):
        root = os.path.abspath(path)  # noqa: PTH100 - not resolved: links keep their names
        yield from _found(root, os.path.dirname(root), prefix, is_root=True)  # noqa: PTH120
        return
    root = os.path.abspath(_before_wildcards(path))  # noqa: PTH100
    matched = False
    for match in glob.iglob(path, recursive=True):  # noqa: PTH207 - takes absolute patterns, and yields strings
        matched = True
        yield from _found(os.path.abspath(match), root, prefix, is_root=False)  # noqa: PTH100
    if not matched:
        yield LeftOut(path, Problem.MISSING)


def listed(manifest: IO[bytes], prefix: str, *, end: bytes = b"\n") -> Iterator[SourceFile | LeftOut]:
    r"""Look at the files of a manifest: a path each, or a path, a tab and a key; only paths where they `end` with NUL.

    Without a key it is the path as it stands there, without a leading '/' or './'.
    """
    for entry in _entries(manifest, end):
        path, tab, key = (entry, b"", b"") if end == b"\0" else entry.removesuffix(b"\r").partition(b"\t")
        if path:
            yield _listed(os.fsdecode(path), os.fsdecode(key) if tab else None, prefix)


def watched(found: Iterable[SourceFile | LeftOut], settings: Settings) -> Iterator[SourceFile | LeftOut]:
    """Leave out the files that the function would pass over for their keys."""
    for each in found:
        is_watched = isinstance(each, LeftOut) or settings.watches(each.key, each.size)
        yield each if is_watched else LeftOut(each.path, Problem.EXCLUDED)


def unreserved(found: Iterable[SourceFile | LeftOut], reserved: tuple[str, ...]) -> Iterator[SourceFile | LeftOut]:
    """Leave out the files that would lie among those of users or devices: below one of the `reserved` prefixes."""
    for each in found:
        is_reserved = isinstance(each, SourceFile) and each.key.startswith(reserved)
        yield LeftOut(each.path, Problem.RESERVED) if is_reserved else each


def _found(path: str, root: str, prefix: str, *, is_root: bool) -> Iterator[SourceFile | LeftOut]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path each takes longer than the call
    except OSError as error:
        yield _unseen(path, error)
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _walk(path, path if is_root else root, prefix, ((status.st_dev, status.st_ino),))
    elif is_root and not stat.S_ISREG(status.st_mode):
        yield LeftOut(path, Problem.NO_FILE)
    else:
        yield _judged(path, os.path.relpath(path, root), prefix, status)


def _walk(
    directory: str, root: str, prefix: str, ancestors: tuple[tuple[int, int], ...]
) -> Iterator[SourceFile | LeftOut]:
    try:
        entries = os.scandir(directory)
    except OSError as error:
        yield _unseen(directory, error)
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                yield LeftOut(entry.path, Problem.HIDDEN)
                continue
            try:
                status = entry.stat()
            except OSError as error:
                yield _unseen(entry.path, error)
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield _judged(entry.path, entry.path[len(root) :].lstrip("/"), prefix, status)
            elif (identity := (status.st_dev, status.st_ino)) in ancestors:
                yield LeftOut(entry.path, Problem.LOOP)
            else:
                yield from _walk(entry.path, root, prefix, (*ancestors, identity))


def _entries(manifest: IO[bytes], end: bytes) -> Iterator[bytes]:
    rest = b""
    while block := manifest.read(_READ_BYTES):
        *entries, rest = (rest + block).split(end)
        yield from entries
    yield rest


def _listed(path: str, key: str | None, prefix: str) -> SourceFile | LeftOut:
    if key is None:
        key = os.path.normpath(path).lstrip("/")
        if key == ".." or key.startswith("../"):
            return LeftOut(path, Problem.NO_KEY)
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return _unseen(path, error)
    if not stat.S_ISREG(status.st_mode):
        return LeftOut(path, Problem.NO_FILE)
    return _judged(os.path.abspath(path), key, prefix, status)  # noqa: PTH100


def _judged(path: str, name: str, prefix: str, status: os.stat_result) -> SourceFile | LeftOut:
    if not stat.S_ISREG(status.st_mode):
        return LeftOut(path, Problem.SPECIAL)
    key = prefix + name
    try:
        path.encode()
        length = len(key.encode())
    except UnicodeEncodeError:
        return LeftOut(path, Problem.NOT_UTF8)
    if length > LONGEST_KEY_BYTES:
        return LeftOut(path, Problem.LONG_KEY)
    return SourceFile(key, path, status.st_size, status.st_mtime_ns)


def _unseen(path: str, error: OSError) -> LeftOut:
    return LeftOut(path, problem_of(error), error.strerror or str(error))


def problem_of(error: OSError) -> Problem:
    """What an error of the disk makes of a file."""
    return Problem.MISSING if isinstance(error, FileNotFoundError) else Problem.UNREADABLE


def _before_wildcards(pattern: str) -> str:
    parts: Sequence[str] = pattern.split("/")
    fixed: Iterable[str] = parts[: next(index for index, part in enumerate(parts) if glob.has_magic(part))]
    return "/".join(fixed) or ("/" if pattern.startswith("/") else ".")
