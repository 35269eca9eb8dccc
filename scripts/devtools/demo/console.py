"""The run as a terminal shows it: a progress bar, then tables. Without a terminal: plain lines."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from thumbctl.conventions import counted
from thumbctl.looking import xray
from thumbctl.words import bytes_in_words, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtools.demo.outcome import Result, UploadResult

_STYLES: Final = {"READY": "green", "DELETED": "dim", "FAILED": "yellow"}
_WIDTH_WITHOUT_TERMINAL: Final = 140
_SECONDS_BETWEEN_LINES: Final = 2.0


def console() -> Console:
    """A console on standard output, wide enough for the table where the output goes to a file."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)


@contextmanager
def progress(out: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` are done; the block calls what it is given with that number."""
    if out.is_terminal:
        with Progress(
            TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
        ) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    said_at = time.monotonic()

    def say(done: int) -> None:
        nonlocal said_at
        if done == total or time.monotonic() - said_at >= _SECONDS_BETWEEN_LINES:
            said_at = time.monotonic()
            out.print(f"  {what}: {done} of {total}", highlight=False)

    yield say


def tell(out: Console, result: Result) -> None:
    """Print the outcome of every upload, the alerts, the traces and the totals."""
    out.print()
    out.print(_outcomes(result))
    if result.alerts:
        out.print()
        number = len(result.alerts)
        out.print(_heading(f"{number} alert{'' if number == 1 else 's'} reached the subscriber"))
        for alert in result.alerts:
            out.print(Text(f"  {printable(alert.line)}", style="yellow"), soft_wrap=True)
    if result.traces:
        spans = sum(len(trace.spans) for trace in result.traces)
        out.print()
        out.print(_heading(f"X-Ray: {len(result.traces)} traces, {spans} subsegments"))
        out.print(_traces(result))
    out.print()
    out.print(_totals(result), soft_wrap=True)


def _outcomes(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("source", overflow="fold", ratio=3)
    table.add_column("status", no_wrap=True)
    table.add_column("original", no_wrap=True)
    table.add_column("thumbnails", overflow="fold", ratio=2)
    table.add_column("bytes in", justify="right", no_wrap=True)
    table.add_column("out", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    for outcome in result.outcomes:
        table.add_row(*_row(outcome))
    return table


def _row(outcome: UploadResult) -> Iterator[Text]:
    row = outcome.row
    yield Text(printable(outcome.uploaded.sample.key))
    yield _status(outcome)
    if row is None:
        yield from (Text() for _ in range(5))
        return
    yield Text(f"{row.width}x{row.height} {printable(row.format)}" if row.width else "")
    yield Text("  ".join(f"{each.width}x{each.height}" for each in row.renditions))
    yield Text(bytes_in_words(row.size_bytes) if row.size_bytes is not None else "")
    yield Text(bytes_in_words(sum(each.bytes for each in row.renditions)) if row.renditions else "")
    yield Text(str(row.milliseconds) if row.milliseconds is not None else "")


def _status(outcome: UploadResult) -> Text:
    reason = f" {printable(outcome.row.reason)}" if outcome.row and outcome.row.reason else ""
    if outcome.problems:
        return Text(f"✗ {outcome.status}{reason}", style="bold red")
    return Text(f"{outcome.status}{reason}", style=_STYLES.get(outcome.status, "red"))


def _traces(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("subsegment")
    table.add_column("count", justify="right")
    table.add_column("mean ms", justify="right")
    for mean in xray.means(result.traces):
        table.add_row(Text(printable(mean.name)), str(mean.count), f"{mean.milliseconds:.1f}")
    return table


def _totals(result: Result) -> Text:
    states = [(result.count(status), status) for status in dict.fromkeys(o.status for o in result.outcomes)]
    return Text.assemble(
        (f"{len(result.outcomes)} uploads", "bold"),
        f" in {result.seconds:.1f} s: ",
        ", ".join(f"{count} {status}" for count, status in states),
        f"; {result.thumbnail_count} thumbnails, ",
        f"{bytes_in_words(result.bytes_in)} in, {bytes_in_words(result.bytes_out)} out",
        f"\n{_announced(result)}",
    )


def _announced(result: Result) -> str:
    kinds = Counter(event.what for event in result.events)
    told = ", ".join(f"{number} {what}" for what, number in sorted(kinds.items(), reverse=True))
    return f"{counted(len(result.events), 'event')} reached a consumer of the bus: {told or 'none'}"


def _heading(text: str) -> Text:
    return Text(text, style="bold")
