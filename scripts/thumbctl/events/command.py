"""`thumbctl events status`, `republish` and `resend`: whether what becomes of images is announced, and once more."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from thumbctl import stack as stacks
from thumbctl.backfill.enqueue import DryRunOption, patient
from thumbctl.backfill.job import SCHEMA, Checkpoints
from thumbctl.bulk import journal
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    KeysOption,
    SinceOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    counted,
    progress,
    write_json,
)
from thumbctl.costs.announcing import cost_of_announcing, cost_of_reading
from thumbctl.events import announcers, outbox, parked
from thumbctl.events.announcers import AnnouncedTally
from thumbctl.events.outbox import ChosenImages, Outbox
from thumbctl.interrupts import terminate_as_interrupt
from thumbctl.looking.publishers import Measured, publishers
from thumbctl.terminal import plain_table
from thumbnail_pipeline.completion import completion_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from thumbctl.events.announcers import Announcer
    from thumbctl.looking.publishers import DeployedPublisher
    from thumbctl.stack import Stack
    from thumbnail_pipeline.rows import Row

__all__ = ["app"]

# Well before the catalog's stream forgets, after 24 hours.
_LATE: Final = timedelta(hours=1)
_MOST_NAMED: Final = 10


class DestinationName(StrEnum):
    """Where it is announced."""

    EVENTS = "events"
    """The bus of EventBridge."""
    CHANGES = "changes"
    """The Kinesis stream."""


_ToOption: TypeAlias = Annotated[
    list[DestinationName] | None,
    typer.Option("--to", help="Only there: `events` is the bus, `changes` the stream. Without it, to all there are."),
]
_RateOption: TypeAlias = Annotated[
    float,
    typer.Option(
        "--rate", min=0.1, metavar="N", help="Send at most N events a second to each; consumers get them all."
    ),
]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def events() -> None:
    """Look whether what becomes of images is announced, and announce again what may have been missed."""


# ── status ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _PublisherStatus:
    publisher: DeployedPublisher
    measured: Measured
    parked: int
    oldest_parked: datetime | None

    @property
    def problems(self) -> Iterator[str]:
        what = self.publisher.destination
        if not self.publisher.enabled:
            yield (
                f"Nobody announces {what}, for the mapping of {self.publisher.function_name} is {self.publisher.state}:"
                " enable it with 'aws lambda update-event-source-mapping --enabled --uuid"
                f" {self.publisher.mapping_uuid}' before a day is over, after which the stream forgets; then see"
                " 'thumbctl events republish'."
            )
        if self.measured.behind_seconds is not None and self.measured.behind_seconds >= _LATE.total_seconds():
            yield (
                f"{self.publisher.function_name} is {self.measured.behind_seconds / 3600:.1f} hours behind: its log"
                " says what is refused. After a day the stream forgets."
            )
        if self.parked:
            batches = counted(self.parked, "batch").replace("batchs", "batches")
            yield f"{batches} could not be announced: mend the cause, then 'thumbctl events resend'."

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self.publisher),
            "enabled": self.publisher.enabled,
            **asdict(self.measured),
            "parked": self.parked,
            "oldest_parked": self.oldest_parked and self.oldest_parked.astimezone(UTC).isoformat(timespec="seconds"),
            "problems": list(self.problems),
        }


@app.command()
def status(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show who announces, how far behind, how much, and what could not be announced.

    Metrics are a minute or two old. A publisher that has had nothing to do for ten minutes has none of how far it is
    behind: then it is not.

    Exit code 1: a publisher is switched off or an hour behind, or there are parked batches.

    Examples:

        # The stack photos
        thumbctl events status --stack photos

        # For a script
        thumbctl events status --stack photos --json
    """
    found = stacks.find(stack)
    seen = _statuses(found)
    if as_json:
        write_json(each.as_json() for each in seen)
    else:
        _show(found, seen)
    problems = [problem for each in seen for problem in each.problems]
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(ExitCode.WRONG)


def _statuses(stack: Stack) -> list[_PublisherStatus]:
    there = publishers(stack)
    measured = Measured.of(stack, [each.function_name for each in there])
    waiting = list(parked.batches(stack.client("s3"), stack.outputs["parked_bucket"]))
    known = {each.mapping_uuid for each in there}
    return [
        _PublisherStatus(
            publisher,
            measured[publisher.function_name],
            parked=len(of_it),
            oldest_parked=min((each.parked_at for each in of_it), default=None),
        )
        for number, publisher in enumerate(there)
        # What a mapping parked that is no more is told once.
        for of_it in [
            [
                each
                for each in waiting
                if each.mapping_uuid == publisher.mapping_uuid or (number == 0 and each.mapping_uuid not in known)
            ]
        ]
    ]


def _show(stack: Stack, seen: Sequence[_PublisherStatus]) -> None:
    out = console()
    out.print(stack.title, style="bold")
    numbers = ("Behind", "Last hour", "Last day", "Refused", "Parked")
    table = plain_table("To", "Mapping", *numbers, "Last batch", right=numbers)
    for each in seen:
        behind = "" if each.measured.behind_seconds is None else f"{each.measured.behind_seconds:,.0f} s"
        table.add_row(
            each.publisher.destination,
            each.publisher.state,
            behind,
            f"{each.measured.last_hour:,}",
            f"{each.measured.last_day:,}",
            f"{each.measured.refused_last_day:,}",
            f"{each.parked:,}",
            each.publisher.last_result or "",
            style="red" if list(each.problems) else "",
        )
    out.print(table)
    for each in seen:
        out.print(f"{each.publisher.destination}: {each.publisher.where}", soft_wrap=True)


# ── republish ────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def republish(
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT", help="Only images whose keys begin with TEXT.")
    ] = "",
    keys: KeysOption = None,
    since: SinceOption = None,
    to: _ToOption = None,
    rate: _RateOption = 300,
    dry_run: DryRunOption = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew instead of where an interrupted run stopped.")
    ] = False,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Announce images as they are now, from the catalog: what a stream has lost, or all that was there before.

    Events have the ids that they had, or would have had, so consumers drop what they know already. Of an image it is
    the newest state, not those before. What a backfill made is left out where the publisher leaves it out. Without keys
    the whole catalog is read, which is paid for; a deleted image is in it for `tombstone_days`.

    Ctrl-C pauses; the same command goes on where it stopped, unless `--since` is a span. Exit code 1: some were
    refused; 130: paused.

    Examples:

        # How many, and what it costs
        thumbctl events republish --stack photos --since 2026-01-31T08:00Z --dry-run

        # One image
        thumbctl events republish --stack photos --key holiday/beach.jpg --yes

        # One folder, at most 50 a second, to the stream alone
        thumbctl events republish --stack photos --prefix 2026/ --rate 50 --to changes
    """
    found = stacks.find(stack)
    sending = announcers.announcers(found, to or (), rate)
    chosen = ChosenImages(prefix, tuple(keys or ()), since)
    box = Outbox(patient(found, "dynamodb"), found.outputs["table_name"], found.outputs["source_bucket"])
    if chosen.exact:
        _republish_named(box, chosen, sending, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    asked = {"prefix": prefix, "keys": sorted(chosen.keys), "since": since and since.isoformat(timespec="minutes")}
    # A part is only a part of so many.
    asked |= {"to": [each.publisher.destination for each in sending], "segments": outbox.SEGMENTS}
    with journal.opened(journal.file_of("republish", found.title, asked), SCHEMA) as connection:
        checkpoints = Checkpoints.in_memory() if dry_run else Checkpoints(connection)
        if restart or not (checkpoints.counts() and checkpoints.remaining()):
            checkpoints.begin(str(segment) for segment in range(outbox.SEGMENTS))
        else:
            typer.echo(f"Going on: {checkpoints.counts()[outbox.READ]:,} rows are read already.", err=True)
        images, table_bytes = _size(box)
        if not dry_run:
            ask(_question(images, table_bytes, sending), yes=yes)
        tally = AnnouncedTally()
        paused = _go_through(box, chosen, checkpoints, () if dry_run else sending, tally, images)
        counts = checkpoints.counts()
    document = {
        "state": "looked" if dry_run else "paused" if paused else "finished",
        "read": counts.get(outbox.READ, 0),
        "selected": counts.get(outbox.SELECTED, 0),
        "sent": dict(tally.sent),
        "refused": tally.refused,
        "dollars": round(_dollars(counts.get(outbox.SELECTED, 0), sending) + cost_of_reading(table_bytes), 4),
    }
    _tell(document, "The same command goes on where this one stopped." if paused else "", as_json=as_json)
    if paused:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if tally.refused:
        raise typer.Exit(ExitCode.WRONG)


def _republish_named(
    box: Outbox, chosen: ChosenImages, sending: Sequence[Announcer], *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    is_chosen = chosen.chooses()
    rows = [row for row in box.named(chosen.keys) if is_chosen(row)]
    tally = AnnouncedTally()
    if rows and not dry_run:
        ask(f"Announce {counted(len(rows), 'image')}?", yes=yes)
        _announce(rows, sending, tally)
    document = {
        "state": "looked" if dry_run else "finished",
        "read": len(chosen.keys),
        "selected": len(rows),
        "sent": dict(tally.sent),
        "refused": tally.refused,
        "dollars": round(_dollars(len(rows), sending), 4),
    }
    _tell(document, "", as_json=as_json)
    if tally.refused:
        raise typer.Exit(ExitCode.WRONG)


def _size(box: Outbox) -> tuple[int, int]:
    """About how many rows the catalog has, and how many bytes: as DynamoDB has counted in the last six hours."""
    table = box.dynamodb.describe_table(TableName=box.table)["Table"]
    return table["ItemCount"], table["TableSizeBytes"]


def _question(images: int, table_bytes: int, sending: Sequence[Announcer]) -> str:
    where = " and ".join(each.publisher.destination for each in sending)
    return (
        f"Read the catalog, about {counted(images, 'row')} for ${cost_of_reading(table_bytes):,.2f}, and announce what"
        f" is selected of it to {where}, for ${_dollars(images, sending):,.2f} at most? --dry-run counts."
    )


def _dollars(images: int, sending: Sequence[Announcer]) -> float:
    return sum(cost_of_announcing(each.publisher.destination, images) for each in sending)


def _go_through(
    box: Outbox,
    chosen: ChosenImages,
    checkpoints: Checkpoints,
    sending: Sequence[Announcer],
    tally: AnnouncedTally,
    images: int,
) -> bool:
    """Announce what is selected of the catalog, and say whether somebody has interrupted it."""
    with contextlib.suppress(KeyboardInterrupt), terminate_as_interrupt(), progress() as bar:
        task = bar.add_task("Announcing" if sending else "Counting", total=images or None)

        def watch() -> None:
            bar.update(task, completed=checkpoints.counts().get(outbox.READ, 0))

        box.go_through(chosen, checkpoints, lambda rows: _announce(rows, sending, tally), watch)
    return bool(checkpoints.remaining())


def _announce(rows: Sequence[Row], sending: Sequence[Announcer], tally: AnnouncedTally) -> None:
    for announcer in sending:
        found = (
            completion_event(row, announcer.deployment)
            for row in rows
            if announcer.publisher.wants_backfills or not row.backfilled
        )
        tally.announce(announcer, [each for each in found if each])


# ── resend ───────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def resend(
    to: _ToOption = None,
    rate: _RateOption = 300,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Announce what was parked: batches of the catalog's stream that could not be announced for hours.

    Events have the ids that they would have had, and consumers put them in order by their sequence. A batch is removed
    when all of it was taken; one with a record that cannot be read stays, and its other events are sent each time.

    Exit code 1: some batches are still there.

    Examples:

        # All of them
        thumbctl events resend --stack photos

        # Those for the bus, without being asked
        thumbctl events resend --stack photos --to events --yes
    """
    found = stacks.find(stack)
    sending = announcers.announcers(found, to or (), rate)
    s3, bucket = found.client("s3"), found.outputs["parked_bucket"]
    mappings = {each.mapping_uuid for each in publishers(found)}
    chosen = {each.publisher.mapping_uuid for each in sending}
    waiting = [
        each for each in parked.batches(s3, bucket) if each.mapping_uuid in chosen or each.mapping_uuid not in mappings
    ]
    if not waiting:
        _tell_resent({"batches": 0, "removed": 0, "sent": {}, "unreadable": 0, "refused": {}}, as_json=as_json)
        return
    number = counted(len(waiting), "parked batch").replace("batchs", "batches")
    ask(f"Announce {number}, of {sum(each.size for each in waiting) / 1e6:,.1f} MB?", yes=yes)
    tally, unreadable, removed = AnnouncedTally(), 0, 0
    by_function = {each.publisher.function_name: each for each in sending}
    try:
        with terminate_as_interrupt(), progress() as bar:
            for each in bar.track(waiting, description="Announcing"):
                is_sent, unread = _resend(s3, bucket, each, by_function, tally)
                unreadable += unread
                removed += is_sent
    finally:
        document = {
            "batches": len(waiting),
            "removed": removed,
            "sent": dict(tally.sent),
            "unreadable": unreadable,
            "refused": tally.refused,
        }
        _tell_resent(document, as_json=as_json)
    if removed < len(waiting):
        raise typer.Exit(ExitCode.WRONG)


def _resend(
    s3: S3Client, bucket: str, batch: parked.ParkedBatch, by_function: dict[str, Announcer], tally: AnnouncedTally
) -> tuple[bool, int]:
    """Announce a batch; say whether it is done with and removed, and how many of its records cannot be read."""
    function, records = parked.records(s3, bucket, batch)
    announcer = by_function.get(function)
    if announcer is None:
        complain(
            f"{batch.key} stays: it is of {function}, which is none of this stack's publishers, or not chosen by --to."
        )
        return False, 0
    found, unreadable = parked.events(records, announcer.deployment)
    if not tally.announce(announcer, found) or unreadable:
        return False, unreadable
    s3.delete_object(Bucket=bucket, Key=batch.key)
    return True, 0


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────


def _tell(document: dict[str, Any], go_on: str, *, as_json: bool) -> None:
    if as_json:
        write_json([document])
    else:
        sent = ", ".join(f"{number:,} to {destination}" for destination, number in document["sent"].items())
        cost = f"about ${document['dollars']:,.2f}"
        did = "Nothing is sent" if document["state"] == "looked" else f"Sent: {sent or 'nothing'}"
        read, selected = counted(document["read"], "row"), f"{document['selected']:,} selected"
        console().print(f"{read} read, {selected}, {cost}. {did}. {go_on}".strip())
    _complain_of(document["refused"])


def _tell_resent(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write_json([document])
    elif not document["batches"]:
        console().print("Nothing is parked.")
    else:
        sent = ", ".join(f"{number:,} to {destination}" for destination, number in document["sent"].items())
        console().print(
            f"Events sent: {sent or 'none'}. Batches removed: {document['removed']} of {document['batches']}."
        )
    if document["unreadable"]:
        complain(
            f"{counted(document['unreadable'], 'record')} cannot be read, so their batches stay: see docs/runbook.md,"
            " events-parked."
        )
    _complain_of(document["refused"])


def _complain_of(refused: dict[str, str]) -> None:
    for key, why in list(refused.items())[:_MOST_NAMED]:
        complain(f"{key} was refused: {why}.")
    if len(refused) > _MOST_NAMED:
        complain(f"… and {len(refused) - _MOST_NAMED:,} more: see --json.")
