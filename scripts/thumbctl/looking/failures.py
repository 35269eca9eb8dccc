"""`thumbctl failures`: the images that failed for good, and why."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from dataclasses import asdict, astuple, fields
from fnmatch import fnmatchcase
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from thumbctl import stack as stacks
from thumbctl.conventions import (
    JsonOption,
    KeysOption,
    ReasonsOption,
    SinceOption,
    StackOption,
    console,
    progress,
    write_json,
)
from thumbctl.errors import ThumbctlError
from thumbctl.looking import failed
from thumbctl.looking.failed import Failed
from thumbctl.terminal import plain_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from typing import TextIO

    from thumbctl.stack import Stack

__all__ = ["failures"]

# In a table that people read; --limit shows more.
_SCREENFUL = 100
# What begins a formula, the wide characters of East Asia included.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")


def failures(
    stack: StackOption = None,
    reasons: ReasonsOption = None,
    keys: KeysOption = None,
    since: SinceOption = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Only the newest N. Without it: 100 in a table, and all of them otherwise."
        ),
    ] = None,
    by_reason: Annotated[
        bool, typer.Option("--by-reason", help="Show how many failed for each reason, with the newest of each.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE.csv|FILE.jsonl",
            help="Write them to a file that is not there yet. In .csv, what a spreadsheet would take for a formula"
            " begins with an apostrophe; .jsonl has everything as it is.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the images that are failed now, the newest first.

    Nothing more happens to them until they are uploaded again, or `thumbctl retry` is run. An image that was mended is
    not listed any more. `*` in a key pattern matches slashes as well.

    Examples:

        # The newest failures of the last day
        thumbctl failures --stack photos --since 1d

        # How many there are for each reason
        thumbctl failures --stack photos --by-reason

        # All corrupt images, as a spreadsheet
        thumbctl failures --stack photos --reason corrupt --export corrupt.csv
    """
    if by_reason and export:
        raise typer.BadParameter("--by-reason and --export exclude each other")
    write = _writer(export) if export else None
    found = stacks.find(stack)
    chosen = (
        each
        for each in _failures(found, since)
        if (not reasons or each.reason in reasons) and (not keys or any(fnmatchcase(each.key, glob) for glob in keys))
    )
    listed = itertools.islice(chosen, limit)
    if export and write:
        number = _export(listed, export, write)
        if as_json:
            write_json([{"file": str(export), "failures": number}])
        else:
            console().print(f"{number} failures are in {export}.")
    elif by_reason:
        _show_reasons(listed, as_json=as_json)
    elif as_json:
        write_json(map(asdict, listed))
    else:
        # Where there is a limit, the reader knows that there may be more.
        _show(found, listed, limit or _SCREENFUL)


def _failures(stack: Stack, since: datetime | None) -> Iterator[Failed]:
    outputs = stack.outputs
    return failed.failures(stack.client("dynamodb"), outputs["table_name"], outputs["failures_index_name"], since=since)


def _show(stack: Stack, listed: Iterator[Failed], most: int) -> None:
    shown = list(itertools.islice(listed, most))
    if not shown:
        console().print("No image is failed.")
        return
    table = plain_table("Failed at", "Reason", "Key", "Detail", "Tries", title=stack.title, right=("Tries",))
    for each in shown:
        table.add_row(each.failed_at, each.reason, each.key, each.detail, str(each.attempts))
    console().print(table)
    if next(listed, None):
        console().print(f"These are the newest {most}: there are more, see --limit, --by-reason and --export.")


def _show_reasons(listed: Iterable[Failed], *, as_json: bool) -> None:
    numbers: Counter[str] = Counter()
    newest: dict[str, Failed] = {}
    with progress() as bar:
        task = bar.add_task("Counting", total=None)
        for each in listed:
            numbers[each.reason] += 1
            newest.setdefault(each.reason, each)
            bar.advance(task)
    if as_json:
        write_json(
            {"reason": reason, "failures": number, "newest": asdict(newest[reason])}
            for reason, number in numbers.most_common()
        )
        return
    if not numbers:
        console().print("No image is failed.")
        return
    table = plain_table("Failures", "Reason", "The newest of them", "Detail", right=("Failures",))
    for reason, number in numbers.most_common():
        example = newest[reason]
        table.add_row(str(number), reason, example.key, example.detail)
    console().print(table)


def _writer(file: Path) -> Callable[[TextIO], Callable[[Failed], object]]:
    """How the failures are written into a file of that name."""
    match file.suffix:
        case ".csv":
            return _as_csv
        case ".jsonl":
            return _as_json_lines
    raise typer.BadParameter(f"{file} must end in .csv or .jsonl", param_hint="--export")


def _as_csv(file: TextIO) -> Callable[[Failed], object]:
    rows = csv.writer(file)
    rows.writerow(field.name for field in fields(Failed))
    return lambda each: rows.writerow(map(_as_text, astuple(each)))


def _as_text(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: who uploads, chooses the key.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _as_json_lines(file: TextIO) -> Callable[[Failed], object]:
    return lambda each: file.write(json.dumps(asdict(each), ensure_ascii=False) + "\n")


def _export(listed: Iterable[Failed], file: Path, write: Callable[[TextIO], Callable[[Failed], object]]) -> int:
    """Write all of `listed`, or leave no file behind; return how many there were."""
    number = 0
    try:
        with file.open("x", encoding="utf-8", newline="") as opened, progress() as bar:
            try:
                task = bar.add_task("Exporting", total=None)
                add = write(opened)
                for number, each in enumerate(listed, 1):  # noqa: B007 - the count is the result
                    add(each)
                    bar.advance(task)
            except BaseException:
                file.unlink()
                raise
    except FileExistsError:
        raise ThumbctlError(f"There is a file {file} already: name another one, or remove it.") from None
    except OSError as error:
        raise ThumbctlError(f"{file} cannot be written ({error.strerror}): name another file.") from None
    return number
