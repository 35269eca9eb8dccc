"""`thumbctl import`: brings files into the bucket that the stack watches, each once, and follows their thumbnails."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.config import Config
from rich import filesize
from rich.table import Table

from thumbctl import stack as stacks
from thumbctl.bulk import journal
from thumbctl.bulk.pace import Pace
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    StackOption,
    YesOption,
    complain,
    console,
    counted,
    progress,
    write_json,
)
from thumbctl.costs import quote
from thumbctl.costs.estimate import Job
from thumbctl.errors import ThumbctlError
from thumbctl.importing import files
from thumbctl.importing.follow import PATIENCE_SECONDS, Follower, Queues
from thumbctl.importing.import_journal import SCHEMA, ImportJournal, Planned
from thumbctl.importing.transfer import Transfer
from thumbctl.importing.uploads import Uploads, UploadTally
from thumbctl.interrupts import interrupt_once
from thumbnail_pipeline import addresses
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import Rows
from thumbnail_pipeline.things import THINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thumbctl.costs.estimate import Estimate
    from thumbctl.importing.files import LeftOut, Problem, SourceFile
    from thumbctl.importing.follow import Stalled
    from thumbctl.stack import Stack

__all__ = ["import_files"]

_TOLD: Final = 10
"""Of images that failed, people are told so many; scripts of all."""


class ImportState(StrEnum):
    """How an import ended."""

    FINISHED = "finished"
    PAUSED = "paused"
    """Somebody pressed Ctrl-C."""
    STALLED = "stalled"
    """Uploaded, but some images are not decided, and nothing moves."""


def import_files(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH…] [s3://BUCKET/PREFIX]",
            help="Folders, files, or patterns such as 'photos/**/*.jpg'; last, where they go, if not to the prefix that"
            " the stack watches.",
        ),
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="Import the files that FILE lists, one a line: a path, or path, tab, key. - is standard input.",
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="Paths in the manifest end with NUL, as 'find -print0' writes them.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Stay until every image is READY or FAILED.")] = False,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.1, metavar="N", help="Upload at most N files a second.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=512, metavar="N", help="Upload up to N files at the same time.")
    ] = 32,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Upload nothing; only say what would be uploaded.")
    ] = False,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload files to where the stack makes thumbnails of them.

    A file's key is its path below the folder that was named, or its name. What is there already with the same bytes is
    left alone; what is there with other bytes is replaced. Links are followed. Names that begin with a dot are left out
    unless they are named. Files that are empty or larger than the deployed `limits.bytes` are not uploaded: they would
    only fail.

    Ctrl-C pauses. The same command goes on where it was interrupted, however that happened, and uploads nothing twice;
    with `--follow` after everything is uploaded, it only follows. Exit code 1: a file was not imported, or with
    `--follow` an image failed or is never decided; 130: paused.

    Examples:

        # What would be uploaded, and what that costs
        thumbctl import photos --stack photos --dry-run

        # Upload a folder, and stay until every thumbnail is made
        thumbctl import photos --stack photos --follow

        # Upload to a folder of the bucket
        thumbctl import 'photos/**/*.jpg' s3://my-uploads/2026/ --stack photos

        # Upload what another program finds
        find photos -newer last -print0 | thumbctl import --manifest - -0 --yes
    """
    found = stacks.find(stack)
    named = list(paths or ())
    destination = named.pop() if named and addresses.is_s3(named[-1]) else None
    if not named and manifest is None:
        raise typer.BadParameter("name folders or files, or a --manifest.")
    if null and manifest is None:
        raise typer.BadParameter("-0 says how a --manifest is written.")
    prefix = _prefix(found, destination)
    asked = {
        "prefix": prefix,
        "paths": [os.path.abspath(each) for each in named],  # noqa: PTH100 - not resolved: links keep their names
        "manifest": manifest and os.path.abspath(manifest),  # noqa: PTH100
    }
    with journal.opened(journal.file_of("import", found.title, asked), SCHEMA) as connection:
        run = _Run(found, ImportJournal(connection), prefix, concurrency, rate, as_json=as_json)
        with _opened(manifest) as listing:
            run.plan(_sources(named, listing, prefix, end=b"\0" if null else b"\n"))
        if dry_run:
            run.tell_what_would_be()
        else:
            run.ask(yes=yes)
            with interrupt_once():
                run.go(follow=follow)
            run.tell(follow=follow)
        raise typer.Exit(run.exit_code(follow=follow))


def _prefix(stack: Stack, destination: str | None) -> str:
    """What every key begins with. Raises ThumbctlError where no thumbnails would be made of it."""
    bucket, watched = stack.outputs["source_bucket"], stack.outputs["source_prefix"]
    prefix = watched
    if destination is not None:
        given, prefix = addresses.parsed(destination)
        if given != bucket or not _as_folder(prefix).startswith(watched):
            raise ThumbctlError(
                f"{destination} is not watched by {stack.title}, and no thumbnails would come of it: import to"
                f" s3://{bucket}/{watched} or below."
            )
    return _as_folder(prefix)


def _reserved(outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Where nobody may write but users of the API and devices, as far as the deployment has them."""
    things_prefix = outputs.get("devices") and outputs["source_prefix"] + THINGS
    return tuple(prefix for prefix in (outputs.get("users_prefix"), things_prefix) if prefix)


def _as_folder(prefix: str) -> str:
    return f"{prefix}/" if prefix and not prefix.endswith("/") else prefix


@contextlib.contextmanager
def _opened(manifest: str | None) -> Iterator[IO[bytes] | None]:
    if manifest is None:
        yield None
    elif manifest == "-":
        yield sys.stdin.buffer
    else:
        try:
            file = Path(manifest).open("rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise ThumbctlError(
                f"The manifest {manifest} cannot be read ({error.strerror}): correct --manifest."
            ) from None
        with file:
            yield file


def _sources(
    named: Sequence[str], manifest: IO[bytes] | None, prefix: str, *, end: bytes
) -> Iterator[SourceFile | LeftOut]:
    yield from chain.from_iterable(files.below(each, prefix) for each in named)
    if manifest:
        yield from files.listed(manifest, prefix, end=end)


class _Run:
    """One run of an import, and what is told of it."""

    def __init__(
        self, stack: Stack, imported: ImportJournal, prefix: str, concurrency: int, rate: float | None, *, as_json: bool
    ) -> None:
        # A throttled call is no reason to stop, and every thread has a connection of its own.
        config = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=concurrency + 1)
        self._stack = stack
        self._config = config
        self._journal = imported
        self._as_json = as_json
        self._bucket: str = stack.outputs["source_bucket"]
        self._s3 = stack.client("s3", config)
        transfer = Transfer(self._s3, self._bucket, connections=concurrency)
        self._uploads = Uploads(self._s3, self._bucket, prefix, transfer, at_once=concurrency, pace=Pace(rate))
        self._planned = Planned()
        self._tally = UploadTally()
        self._state = ImportState.FINISHED
        self._stalled: Stalled | None = None

    def plan(self, found: Iterator[SourceFile | LeftOut]) -> None:
        """Look at all files, and note them. Raises ThumbctlError where there is none."""
        settings = self._stack.deployed().settings
        most_bytes = settings.limits.bytes
        outside = files.unreserved(found, _reserved(self._stack.outputs))
        with progress() as bar:
            # Without a total it counts.
            seen = bar.track(files.watched(outside, settings), total=None, description="Looking at files")
            for left_out in self._journal.plan(seen, most_bytes=most_bytes, planned=self._planned):
                self._name(left_out)
        if not self._planned.files and not self._problems:
            raise ThumbctlError("There is no file in what was named: correct the path, or the manifest.")

    def tell_what_would_be(self) -> None:
        """Name each file that would be uploaded, and say what that costs."""
        number = size = 0
        out = console()
        for source in self._uploads.missing(self._journal):
            number += 1
            size += source.size
            if self._as_json:
                write_json([{"state": "missing", "path": source.path, "key": source.key, "bytes": source.size}])
            else:
                out.print(f"{source.path} → s3://{self._bucket}/{source.key}", soft_wrap=True)
        self._estimate(number, size)
        if not self._as_json:
            typer.echo(f"{number:,} to upload, {self._planned.files - number:,} there already.")

    def ask(self, *, yes: bool) -> None:
        """Say what the rest costs, and ask."""
        if cost := self._estimate(*self._journal.remaining()):
            quote.ask(cost, yes=yes)

    def go(self, *, follow: bool) -> None:
        """Upload, and follow, until it is through or somebody presses Ctrl-C."""
        rows = Rows(self._stack.client("dynamodb", self._config), self._stack.outputs["table_name"], self._bucket)
        follower = Follower(self._journal, rows, self._s3, self._bucket)
        outcomes = self._journal.outcomes()
        decided_before = outcomes.total() - outcomes[None, None]
        with progress() as bar:
            uploading, thumbnails = (
                bar.add_task(what, total=self._planned.files) for what in ("Uploads", "Thumbnails")
            )
            bar.update(thumbnails, visible=follow)
            begun = time.monotonic()

            def show() -> None:
                tally = self._tally
                rate = filesize.decimal(int(tally.uploaded_bytes / (time.monotonic() - begun + 1)))
                done = tally.uploaded + tally.there + sum(tally.failed.values())
                bar.update(uploading, completed=done, description=f"Uploads, {rate}/s")
                bar.update(thumbnails, completed=decided_before + follower.decided)

            def meanwhile() -> None:
                if follow:
                    follower.look()
                show()

            try:
                self._uploads.run(self._journal, self._tally, left_out=self._name, meanwhile=meanwhile)
                if follow:
                    queues = Queues(self._stack.outputs["queue_url"], self._stack.outputs["dlq_url"])
                    self._stalled = follower.run(self._stack.client("sqs", self._config), queues, show)
                    self._state = ImportState.STALLED if self._stalled else self._state
            except KeyboardInterrupt:
                self._state = ImportState.PAUSED

    def tell(self, *, follow: bool) -> None:
        """Say how it ended."""
        outcomes = self._journal.outcomes() if follow else Counter()
        failed = self._journal.failed() if follow else iter(())
        if self._as_json:
            write_json({"state": "failed", "key": key, "outcome": what, "reason": why} for key, what, why in failed)
            images = [{"outcome": what, "reason": why, "images": number} for (what, why), number in outcomes.items()]
            write_json([{"state": self._state, **self._counts(), "images": images}])
        else:
            console().print(_table(self._tally, self._left_out, outcomes))
            for key, outcome, reason in islice(failed, _TOLD):
                console().print(f"{outcome} {reason} {key}", soft_wrap=True)
            if self._state is ImportState.PAUSED:
                typer.echo("Paused. The same command goes on where this one stopped.")
        if self._stalled:
            complain(_why(self._stalled, outcomes[None, None]))

    def exit_code(self, *, follow: bool) -> int:
        """What it comes to for a script."""
        if self._state is ImportState.PAUSED:
            return ExitCode.INTERRUPTED
        failed = follow and any(outcome == Status.FAILED for outcome, _ in self._journal.outcomes())
        return ExitCode.WRONG if failed or self._stalled or self._problems else ExitCode.FINE

    @property
    def _left_out(self) -> Counter[Problem]:
        return self._planned.left_out + self._tally.failed

    @property
    def _problems(self) -> bool:
        return any(not problem.harmless for problem in self._left_out)

    def _counts(self) -> dict[str, Any]:
        tally = self._tally
        return {
            "uploaded": tally.uploaded,
            "uploaded_bytes": tally.uploaded_bytes,
            "already_there": tally.there,
            "left_out": dict(self._left_out),
        }

    def _name(self, left_out: LeftOut) -> None:
        """Tell of a file that is not imported, unless everybody expects that."""
        if left_out.problem.harmless:
            return
        # A name that is not UTF-8 cannot be printed as it is.
        path = os.fsencode(left_out.path).decode(errors="backslashreplace")
        if self._as_json:
            write_json([{"state": "left out", "path": path, "problem": left_out.problem, "detail": left_out.detail}])
        detail = f" ({left_out.detail})" if left_out.detail else ""
        complain(f"{path} is not imported: {left_out.problem}{detail}.")

    def _estimate(self, files: int, size: int) -> Estimate | None:
        """Say what it costs to import so many files and bytes; None where there are none."""
        cost = quote.of_stack(self._stack, Job("import", files, size)) if files else None
        if self._as_json:
            write_json([{"state": "looked", "files": files, "bytes": size, "estimate": cost and cost.as_json()}])
        elif cost:
            quote.summarise(cost)
        return cost


def _table(tally: UploadTally, left_out: Counter[Problem], outcomes: Counter[tuple[str | None, str | None]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{tally.uploaded:,}", f"uploaded, {filesize.decimal(tally.uploaded_bytes)}")
    table.add_row(f"{tally.there:,}", "there already")
    for problem, number in left_out.most_common():
        table.add_row(f"{number:,}", f"left out: {problem}", style="" if problem.harmless else "red")
    for (outcome, reason), number in outcomes.most_common():
        words = f"{outcome or 'not decided yet'}{f': {reason}' if reason else ''}"
        table.add_row(f"{number:,}", words, style="red" if outcome == Status.FAILED else "")
    return table


def _why(stalled: Stalled, undecided: int) -> str:
    begin = f"{counted(undecided, 'image')} undecided, and nothing has moved for {PATIENCE_SECONDS / 60:.0f} minutes:"
    if stalled.dead_letters:
        return (
            f"{begin} the dead-letter queue has {stalled.dead_letters:,} messages. Find the cause with"
            " 'thumbctl dlq peek' and 'thumbctl doctor', mend it, send them back with 'thumbctl dlq redrive', and run"
            " this again to follow on."
        )
    return (
        f"{begin} the work queue is empty. See with 'thumbctl doctor' whether the bucket still notifies it;"
        " 'thumbctl backfill' makes what nobody was told of. Then run this again to follow on."
    )
