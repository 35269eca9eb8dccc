"""`thumbctl jobs list` and its like: bulk jobs that run in the account, and what is to become of them."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from thumbctl import stack as stacks
from thumbctl.bulk.meanings import COMPARED, MEANINGS
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    counted,
    write_json,
)
from thumbctl.jobs.account import AccountJobs
from thumbctl.terminal import plain_table
from thumbctl.words import printable
from thumbnail_pipeline.jobs.records import SENT, JobKind, JobState
from thumbnail_pipeline.rows import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thumbctl.jobs.progress import JobProgress, Span
    from thumbnail_pipeline.jobs.records import BulkJob

__all__ = ["app", "stay_with"]

_LOOK_SECONDS: Final = 5
_ENDS: Final = frozenset({JobState.STOPPED, JobState.DONE, JobState.CANCELLED})

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")

JobArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="JOB", help="The job, as `thumbctl jobs list` names it.")
]


@app.callback()
def jobs() -> None:
    """Look at the bulk jobs that run in the account, and have them wait, go on or end.

    `thumbctl backfill --in-account` begins one. Nothing of it depends on this machine.
    """


@app.command("list")
def list_jobs(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List the jobs that are not over, and those that ended in the last thirty days; the newest first.

    Examples:

        # All of a stack
        thumbctl jobs list --stack photos

        # For a script
        thumbctl jobs list --stack photos --json
    """
    found = list(AccountJobs(stacks.find(stack)).table.jobs())
    if as_json:
        write_json(_as_json(job) for job in found)
        return
    if not found:
        console().print("There are no jobs.")
        return
    numbers = ("Objects", "Messages", "Dollars")
    table = plain_table("Job", "Kind", "State", "Prefix", "By", *numbers, right=numbers)
    for job in found:
        figures = (f"{job.examined:,}", f"{job.counts[SENT]:,}", f"{job.cost:,.2f}")
        table.add_row(job.id, _kind(job), job.state, job.asked.prefix or "all", job.asked.by, *figures)
    console().print(table)
    for job in found:
        if job.state is JobState.STOPPED:
            complain(f"{job.id} stopped: {job.why}")


@app.command()
def show(job: JobArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show how far a job is, what it has found and cost, how long it may take, and why it was stopped.

    Nobody knows how many objects there are before all are listed, so what is left is a guess, from and to, or not told
    at all. The cost is reckoned by list prices. Exit code 1: it was stopped.

    Examples:

        # How far it is
        thumbctl jobs show 20260131-080000-1a2b --stack photos

        # For a script
        thumbctl jobs show 20260131-080000-1a2b --stack photos --json
    """
    there = AccountJobs(stacks.find(stack))
    _show(there.progress(there.find(job)), as_json=as_json)


@app.command()
def watch(job: JobArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show a job again and again until it has ended or was stopped. Ctrl-C ends the watching, not the job.

    Exit code 1: it was stopped or cancelled; 130: you ended the watching, and the job goes on.

    Examples:

        # Stay with it
        thumbctl jobs watch 20260131-080000-1a2b --stack photos

        # One object a look, for a script
        thumbctl jobs watch 20260131-080000-1a2b --stack photos --json
    """
    there = AccountJobs(stacks.find(stack))
    there.find(job)
    stay_with(there, job, as_json=as_json)


def stay_with(there: AccountJobs, job_id: str, *, as_json: bool) -> None:
    """Show a job until it has ended or was stopped; raises typer.Exit where that is not what was wanted."""
    errors = console(errors=True)
    try:
        with errors.status(f"{job_id} …") as line:
            said = ""
            while (seen := there.progress(there.find(job_id))).job.state not in _ENDS:
                text = f"{seen.job.state.capitalize()}: {' '.join(seen.sentences())}"
                if as_json:
                    write_json([_seen_as_json(seen)])
                    sys.stdout.flush()
                elif errors.is_terminal:
                    line.update(printable(text))
                elif text != said:
                    errors.print(text, soft_wrap=True)
                said = text
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        typer.echo(f"The job goes on without you: 'thumbctl jobs watch {job_id}' shows how far it is.", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _show(seen, as_json=as_json)
    if seen.job.state is JobState.CANCELLED:
        raise typer.Exit(ExitCode.WRONG)


@app.command()
def pause(job: JobArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Have a job wait: within a minute nothing is sent for it any more.

    What is in the backfill queue already is worked on; `thumbctl pause backfill` holds that as well.

    Examples:

        # Over the weekend
        thumbctl jobs pause 20260131-080000-1a2b --stack photos

        # For a script
        thumbctl jobs pause 20260131-080000-1a2b --stack photos --json
    """
    there = AccountJobs(stacks.find(stack))
    there.pause(there.find(job))
    _say(there, job, f"{job} is paused: 'thumbctl jobs resume {job}' has it go on.", as_json=as_json)


@app.command()
def resume(
    job: JobArgument,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0.01, metavar="DOLLARS", help="Allow it so much in all.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Allow it so many messages in all.")
    ] = None,
    max_failed: Annotated[
        float | None,
        typer.Option("--max-failed", min=0, max=100, metavar="PERCENT", help="Allow more of the images to fail."),
    ] = None,
    max_dead: Annotated[
        int | None, typer.Option("--max-dead", min=0, metavar="N", help="Allow more dead letters since it began.")
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a job go on that is paused, or was stopped and the cause is mended; its bounds can be others from then on.

    Examples:

        # On Monday
        thumbctl jobs resume 20260131-080000-1a2b --stack photos

        # It has spent what it was allowed, and may spend more
        thumbctl jobs resume 20260131-080000-1a2b --stack photos --budget 500
    """
    there = AccountJobs(stacks.find(stack))
    found = there.find(job)
    given = {"dollars": budget, "limit": limit, "failed_percent": max_failed, "dead": max_dead}
    changed = {name: value for name, value in given.items() if value is not None}
    if changed:
        there.table.set_bounds(job, replace(found.bounds, **changed))  # type: ignore[arg-type] # each of its own type
    there.resume(found)
    _say(there, job, f"{job} goes on.", as_json=as_json)


@app.command()
def cancel(job: JobArgument, yes: YesOption = False, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """End a job: within a minute nothing is sent for it any more, and it never goes on.

    Examples:

        # It was the wrong prefix
        thumbctl jobs cancel 20260131-080000-1a2b --stack photos

        # Without being asked
        thumbctl jobs cancel 20260131-080000-1a2b --stack photos --yes
    """
    there = AccountJobs(stacks.find(stack))
    found = there.find(job)
    ask(f"End {job}, which has looked at {counted(found.examined, 'object')}?", yes=yes)
    there.cancel(found)
    _say(there, job, f"{job} is cancelled.", as_json=as_json)


def _say(there: AccountJobs, job: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        write_json([_seen_as_json(there.progress(there.find(job)))])
    else:
        console().print(sentence, soft_wrap=True)


def _show(seen: JobProgress, *, as_json: bool) -> None:
    job = seen.job
    if as_json:
        write_json([_seen_as_json(seen)])
    else:
        console().print(f"{job.id}, {_kind(job)}, {job.state}", style="bold")
        console().print(" ".join(_begun(job)), soft_wrap=True)
        if job.counts.keys() - {SENT}:
            console().print(_table(seen))
        for sentence in seen.sentences():
            console().print(sentence, soft_wrap=True)
    if job.state is JobState.STOPPED:
        complain(job.why)
        raise typer.Exit(ExitCode.WRONG)


def _kind(job: BulkJob) -> str:
    return f"{job.asked.kind} --repair" if job.asked.repair else job.asked.kind


def _table(seen: JobProgress) -> Any:  # noqa: ANN401 - a table of Rich, which is imported where it is used
    job = seen.job
    meanings = COMPARED if job.asked.kind is JobKind.RECONCILE else MEANINGS
    columns = ("Objects", "Found", "Meaning", *(["For example"] if seen.examples else []))
    table = plain_table(*columns, right=("Objects",))
    for what, number in job.counts.most_common():
        if what != SENT:
            shown = (str(each.get("thumbnail", each["key"])) for each in seen.examples.get(what, ()))
            table.add_row(f"{number:,}", what, meanings.get(what, ""), *([", ".join(shown)] if seen.examples else []))
    return table


def _begun(job: BulkJob) -> Iterator[str]:
    asked = job.asked
    by = f" by {asked.by}" if asked.by else ""
    about = f"keys of {asked.bucket} that begin with {asked.prefix!r}" if asked.prefix else f"all of {asked.bucket}"
    source = f", as {asked.inventory.location} lists them" if asked.inventory else ""
    yield f"Begun {_moment(asked.at)}{by}, over {about}{source}."
    if asked.forced:
        yield "It renders every image anew."
    if asked.kind is JobKind.RECONCILE:
        # Rounded down: what is not all of it must not look so.
        yield f"{math.floor(job.completeness * 1000) / 1000:g} % of what is due is complete."


def _moment(seconds: float) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))


def _as_json(job: BulkJob) -> dict[str, Any]:
    return {
        "job": job.id,
        "kind": job.asked.kind,
        "repair": job.asked.repair,
        "state": job.state,
        "why": job.why or None,
        "prefix": job.asked.prefix,
        "inventory": job.asked.inventory and job.asked.inventory.location,
        "begun": _moment(job.asked.at),
        "by": job.asked.by,
        "ended": _moment(job.finished_at) if job.finished_at else None,
        "examined": job.examined,
        "objects": dict(job.counts),
        "ranges_open": job.ranges_open,
        "dollars": round(job.cost, 4),
    }


def _seen_as_json(seen: JobProgress) -> dict[str, Any]:
    return {
        **_as_json(seen.job),
        **({"completeness": seen.job.completeness} if seen.job.asked.kind is JobKind.RECONCILE else {}),
        "examples": [each for kind in seen.examples.values() for each in kind],
        "ranges_done": seen.ranges_done,
        "objects_a_second": seen.objects_a_second,
        "objects_left": _between(seen.objects_left),
        "seconds_left": _between(seen.seconds_left),
    }


def _between(span: Span | None) -> list[int] | None:
    """From and to, for scripts."""
    return [round(span.least), round(span.most)] if span else None
