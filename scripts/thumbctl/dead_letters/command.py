"""`thumbctl dlq`: look at the messages that were given up, send them back, or delete them."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer
from rich.console import Group

from thumbctl import stack as stacks
from thumbctl.bulk import journal
from thumbctl.bulk.queues import depth
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    SinceOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    options_go_behind,
    progress,
    write_json,
)
from thumbctl.dead_letters import backups, letters, move_tasks
from thumbctl.dead_letters.backups import Backup
from thumbctl.dead_letters.letters import DeadLetters, Fate, Origins, Selection
from thumbctl.errors import ThumbctlError
from thumbctl.looking.health import alarms_on, pollers
from thumbctl.terminal import plain_table
from thumbnail_pipeline.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from thumbctl.bulk.queues import Depth
    from thumbctl.dead_letters.letters import Letter
    from thumbctl.dead_letters.move_tasks import Task
    from thumbctl.stack import Stack
    from thumbnail_pipeline.messages import ObjectEvent

__all__ = ["app"]

# While one of these alarms is on, letters that are sent back fail again.
_SICK: Final = ("-systemic-errors", "-function-errors")
_MOST_GROUPS: Final = 30
_POLL_SECONDS: Final = 1.0

_KeysOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="GLOB",
        help="Only letters about keys like this, such as 'holiday/*.jpg'; may be given more than once.",
    ),
]
_ForceOption: TypeAlias = Annotated[
    bool,
    typer.Option("--force", help="Send them even though a queue is paused, or an alarm says that every message fails."),
]

app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode="markdown")


@dataclass(frozen=True)
class _Group:
    """The kind of a letter: letters with the same three values are counted together."""

    event: str
    origin: str
    """The queue that gave them up, or EventBridge; empty where nothing tells."""
    folder: str
    """The first of their key, with its slash; empty where there is none."""


@app.callback()
def dlq(
    context: typer.Context,
    stack: StackOption = None,
    sample: Annotated[
        int, typer.Option(min=1, metavar="N", help="Read at most this many letters to tell their kinds.")
    ] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Look at the dead letters: messages that were tried too often, and what becomes of them.

    Without a command it shows how many there are, and of what kind. SQS deletes a letter when its retention is over,
    counted from when the message was sent first. While you look at a letter, nobody else can receive it, for a minute
    at most; nothing is removed.

    Exit code 1: there are some.

    Examples:

        # How many there are, and of what kind
        thumbctl dlq --stack photos

        # Look into more of them
        thumbctl dlq --stack photos --sample 10000
    """
    if context.invoked_subcommand:
        options_go_behind(context, f"dlq {context.invoked_subcommand}")
        return
    found = stacks.find(stack)
    held = _depth(found)
    with _looked_at(found) as dead:
        seen = Counter(
            _group(letter) for letter in itertools.islice(itertools.chain.from_iterable(dead.pages()), sample)
        )
    task = move_tasks.latest(found.client("sqs"), found.outputs["dlq_arn"])
    if as_json:
        groups = [{**asdict(group), "letters": number} for group, number in seen.most_common()]
        counts = {"waiting": held.waiting, "hidden": held.in_flight, "delayed": held.delayed}
        write_json([{**counts, "groups": groups, "move_task": asdict(task) if task else None}])
    else:
        _show_groups(found, held, seen, task)
    if held.total or seen:
        raise typer.Exit(ExitCode.WRONG)


@app.command()
def peek(
    stack: StackOption = None,
    keys: _KeysOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Show at most this many letters.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Show letters, each once, and leave them where they are.

    While you look at a letter, nobody else can receive it, for a minute at most. SQS counts a look as one more receive.
    `--since` compares with the time at which a message was sent first.

    Examples:

        # The first ten
        thumbctl dlq peek --stack photos --limit 10

        # Those about one folder, sent in the last day
        thumbctl dlq peek --stack photos --key 'holiday/*' --since 1d
    """
    found = stacks.find(stack)
    selection = Selection(tuple(keys or ()), since)
    with _looked_at(found) as dead:
        chosen = (letter for page in dead.pages() for letter in page if letter in selection)
        shown = itertools.islice(chosen, limit)
        if as_json:
            write_json(map(_as_json, shown))
        else:
            _show_letters(found, list(shown))


@app.command()
def redrive(
    stack: StackOption = None,
    keys: _KeysOption = None,
    since: SinceOption = None,
    one_by_one: Annotated[
        bool,
        typer.Option(
            "--one-by-one",
            help="Send each letter by itself and count its redrives, which SQS's own move task does not.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help=f"Include letters that were already sent back {letters.MOST_REDRIVES} times one by one."
        ),
    ] = False,
    rate: Annotated[
        int,
        typer.Option(
            min=1, max=move_tasks.MOST_A_SECOND, metavar="N", help="Send back at most this many letters a second."
        ),
    ] = 50,
    force: _ForceOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send letters back to the queues that they came from, once the cause is mended.

    SQS moves all of them with a move task, which goes on when you stop watching. With `--key`, `--since`, `--again` or
    `--one-by-one`, where SQS has no move tasks, and where letters come from no queue, as those of EventBridge do,
    thumbctl sends each letter and then deletes it. Interrupting that loses nothing. A letter may be sent twice, which
    does no harm: the function applies an event only once.

    Letters that fail again meanwhile stay for the next time. Exit code 1: some of the chosen letters are still there.

    Examples:

        # All of them
        thumbctl dlq redrive --stack photos

        # Those about one folder, at most ten a second
        thumbctl dlq redrive --stack photos --key 'holiday/*' --rate 10
    """
    found = stacks.find(stack)
    selection = Selection(tuple(keys or ()), since)
    _require_health(found, force=force)
    number = _depth(found).total
    if not number:
        _tell({"moved": 0}, "There are no dead letters.", as_json=as_json)
        return
    which = f"those of about {number} dead letters that are selected" if selection else f"about {number} dead letters"
    ask(f"Send {which} back to where they came from?", yes=yes)
    alone = selection or one_by_one or again or found.outputs["source_mode"] == "eventbridge"
    if not alone and (task := _moved_by_sqs(found, rate)) and task.failure != move_tasks.OF_NO_QUEUE:
        done = {"moved": task.moved, "status": task.status, "failure": task.failure}
        _tell(done, f"Moved by SQS: about {task.moved}.", as_json=as_json)
        if task.status != "COMPLETED":
            complain(
                f"The move task of SQS is {task.status} ({task.failure or 'somebody cancelled it'}): the other letters"
                " are where they were; try --one-by-one."
            )
            raise typer.Exit(ExitCode.WRONG)
        return
    _redrive_one_by_one(found, selection, rate, again=again, as_json=as_json)


@app.command()
def purge(
    stack: StackOption = None,
    keys: _KeysOption = None,
    since: SinceOption = None,
    backup: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE.jsonl",
            help="The new file that they are written to first. Without it: one in ~/.local/state/thumbctl, or in"
            " $XDG_STATE_HOME/thumbctl, with queue and time in its name.",
        ),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete letters, once they are in a file that `restore` reads.

    Their images stay as they are, without thumbnails or with old ones. Exit code 1: some of the chosen letters are
    still there.

    Examples:

        # All of them, kept in a file that it names
        thumbctl dlq purge --stack photos

        # Those about one folder, kept in a file of your choice
        thumbctl dlq purge --stack photos --key 'old/*' --backup old.jsonl
    """
    found = stacks.find(stack)
    selection = Selection(tuple(keys or ()), since)
    file = (
        backup or journal.folder() / f"{_queue_name(found.outputs['dlq_arn'])}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    )
    number = _depth(found).total
    with Backup(file) as opened, _looked_at(found) as dead:
        if number:
            which = f"those of about {number} dead letters that are selected" if selection else f"{number} dead letters"
            ask(f"Delete {which}, after they were written to {file}?", yes=yes)
        gone: Counter[bool] = Counter()
        with _reported("Purging", None if selection else number) as advance:
            try:
                for _, is_gone in backups.purge(dead, selection, opened):
                    gone[is_gone] += 1
                    advance()
            finally:
                kept = str(file) if gone else None
                words = f"Deleted, and kept in {file}: {gone[True]}." if kept else "No letter is deleted."
                _tell({"deleted": gone[True], "left": gone[False], "backup": kept}, words, as_json=as_json)
    if gone[False]:
        complain(f"Kept in {file}, but not deleted: {gone[False]}. Purge again.")
        raise typer.Exit(ExitCode.WRONG)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A backup that `purge` wrote.")],
    stack: StackOption = None,
    force: _ForceOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send the letters of a backup to the queues that they came from.

    After an interruption, start it again: a letter that is sent twice does no harm. Exit code 1: SQS refuses some.

    Examples:

        # Send them back
        thumbctl dlq restore old.jsonl --stack photos

        # Although the function is paused: they wait in its queue
        thumbctl dlq restore old.jsonl --stack photos --force
    """
    found = stacks.find(stack)
    number = sum(1 for _ in backups.read(file))
    _require_health(found, force=force)
    ask(f"Send the {number} letters of {file} to where they came from?", yes=yes)
    origins = Origins.of(found.outputs)
    senders = origins.senders(found.client("sqs"))
    sent, refused = 0, 0
    read = backups.read(file)
    with _reported("Restoring", number) as advance:
        try:
            while page := list(itertools.islice(read, letters.LETTERS_A_CALL)):
                for url, group in origins.sort(page):
                    for batch in letters.batches(group):
                        refusals = senders[url].offer([letter.message for letter in batch])
                        sent += len(batch) - len(refusals)
                        refused += len(refusals)
                        advance(len(batch))
        finally:
            _tell({"sent": sent, "refused": refused}, f"Sent: {sent} of {number}.", as_json=as_json)
    if refused:
        complain(f"Refused by SQS, and still in {file}: {refused}.")
        raise typer.Exit(ExitCode.WRONG)


def _redrive_one_by_one(stack: Stack, selection: Selection, rate: int, *, again: bool, as_json: bool) -> None:
    fates: Counter[Fate] = Counter()
    total = None if selection else _depth(stack).total
    with _reported("Redriving", total) as advance:
        try:
            for _, fate in letters.redrive_of(stack, selection, rate=rate, again=again):
                fates[fate] += 1
                advance()
        finally:
            moved = fates[Fate.MOVED] + fates[Fate.DOUBLED]
            _tell({each: fates[each] for each in Fate}, f"Back in their queues: {moved}.", as_json=as_json)
    problems = {
        Fate.LOOPING: f"Left, for they came back {letters.MOST_REDRIVES} times: {{}}. See what is wrong with them"
        " ('thumbctl dlq peek'), and then redrive them with --again.",
        Fate.DOUBLED: "Sent, but not deleted here: {}. When they are redriven once more, nothing changes.",
        Fate.REFUSED: "Left, for SQS does not take them: {}. 'thumbctl dlq purge' keeps them in a file.",
    }
    for fate, problem in problems.items():
        if fates[fate]:
            complain(problem.format(fates[fate]))
    if fates.total() > fates[Fate.MOVED]:
        raise typer.Exit(ExitCode.WRONG)


def _moved_by_sqs(stack: Stack, rate: int) -> Task | None:
    """Have SQS move all letters, and return its task when that is over; None where SQS has no such tasks."""
    sqs, arn = stack.client("sqs"), stack.outputs["dlq_arn"]
    before = move_tasks.latest(sqs, arn)
    if before and not before.over:
        raise ThumbctlError(
            f"SQS is moving these letters already, about {before.moved} of {before.to_move or '?'} by now: wait until"
            " 'thumbctl dlq' says that it is over."
        )
    if not move_tasks.start(sqs, arn, rate):
        return None
    with progress() as bar:
        shown = bar.add_task("Moving", total=None)
        try:
            while True:
                task = move_tasks.latest(sqs, arn)
                if task and (before is None or task.started_at != before.started_at):
                    bar.update(shown, completed=task.moved, total=task.to_move)
                    if task.over:
                        return task
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            complain("SQS goes on moving without you: 'thumbctl dlq' says how far it is.")
            raise typer.Exit(ExitCode.WRONG) from None


def _require_health(stack: Stack, *, force: bool) -> None:
    """Raise ThumbctlError where letters would only come back, or not get anywhere."""
    if force:
        return
    for poller in pollers(stack):
        if not poller.enabled:
            raise ThumbctlError(
                f"Nothing takes messages out of the {poller.queue} queue, for its mapping is {poller.state}: enable it"
                f" with 'thumbctl resume {poller.queue}', or pass --force to have letters wait there."
            )
    for alarm in alarms_on(stack):
        if alarm.endswith(_SICK):
            raise ThumbctlError(
                f"The alarm {alarm} is on, so letters would only come back: mend its cause first (docs/runbook.md has a"
                " section on it), or pass --force."
            )


@contextlib.contextmanager
def _reported(what: str, total: int | None) -> Iterator[Any]:
    """Show how far the block is, and let it be interrupted; yields what to call with a number of letters."""
    try:
        with progress() as bar:
            task = bar.add_task(what, total=total)
            yield lambda number=1: bar.advance(task, number)
    except KeyboardInterrupt:
        complain("Interrupted: the other letters are where they were.")
        raise typer.Exit(ExitCode.WRONG) from None


def _tell(document: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        write_json([document])
    else:
        console().print(words)


def _looked_at(stack: Stack) -> DeadLetters:
    return DeadLetters(stack.client("sqs"), stack.outputs["dlq_url"])


def _depth(stack: Stack) -> Depth:
    return depth(stack.client("sqs"), stack.outputs["dlq_url"])


def _queue_name(arn: str | None) -> str:
    return arn.rpartition(":")[2] if arn else ""


def _origin(letter: Letter) -> str:
    return _queue_name(letter.source_arn) or ("EventBridge" if letter.is_of_a_rule else "")


def _kind(event: ObjectEvent | Permanent) -> str:
    if isinstance(event, Permanent):
        return event.reason
    return "backfill" if event.is_backfill else event.change.value


def _event(letter: Letter) -> str:
    return ", ".join(dict.fromkeys(map(_kind, letter.events))) or "test"


def _group(letter: Letter) -> _Group:
    folder, slash, _ = next(iter(letter.keys), "").partition("/")
    return _Group(_event(letter), _origin(letter), folder + slash if slash else "")


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "message_id": letter.message_id,
        "sent_at": letter.sent_at.isoformat(timespec="milliseconds"),
        "received": letter.received,
        "redrives": letter.redrives,
        "from": _origin(letter) or None,
        "events": [
            {"event": _kind(event), "detail": event.detail}
            if isinstance(event, Permanent)
            else {"event": _kind(event), **asdict(event.image), "occurred_at": event.occurred_at or None}
            for event in letter.events
        ],
        "body": letter.body,
    }


def _show_letters(stack: Stack, shown: list[Letter]) -> None:
    if not shown:
        console().print("There are no such dead letters.")
        return
    table = plain_table(
        "Sent at", "Received", "Redrives", "From", "Event", "Key, or what cannot be read",
        title=stack.title, right=("Received", "Redrives"),
    )  # fmt: skip
    for letter in shown:
        readable = not any(isinstance(event, Permanent) for event in letter.events)
        content = Group(*letter.keys) if readable else letter.body
        cells = (
            f"{letter.sent_at:%Y-%m-%dT%H:%M:%SZ}", str(letter.received), str(letter.redrives),
            _origin(letter), _event(letter), content,
        )  # fmt: skip
        table.add_row(*cells, style="" if readable else "yellow")
    console().print(table)


def _show_groups(stack: Stack, held: Depth, seen: Counter[_Group], task: Task | None) -> None:
    number = held.total
    console().print(stack.title)
    if task and not task.over:
        console().print(f"SQS is moving letters back: about {task.moved} of {task.to_move or '?'} by now.")
    if not (number or seen):
        console().print("There are no dead letters.")
        return
    console().print(
        f"About {number} dead letters, of which {held.in_flight} are hidden while somebody looks at them;"
        f" {seen.total()} were looked into:"
    )
    table = plain_table("Letters", "Event", "From", "Folder", right=("Letters",))
    for group, letters_of_it in seen.most_common(_MOST_GROUPS):
        table.add_row(str(letters_of_it), group.event, group.origin, group.folder)
    console().print(table)
    if len(seen) > _MOST_GROUPS:
        console().print(f"… and {len(seen) - _MOST_GROUPS} more kinds: see --json.")
