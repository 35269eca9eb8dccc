"""`thumbctl jobs list` and its like: bulk jobs that run in the account, and what is to become of them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from thumbctl import stack as stacks
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
from thumbctl.costs.capacity import spoken
from thumbctl.jobs.account import AccountJobs
from thumbctl.terminal import plain_table
from thumbnail_pipeline.jobs.records import JobState
from thumbnail_pipeline.rows import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thumbnail_pipeline.jobs.records import BulkJob

__all__ = ["app"]

_LOOK_SECONDS: Final = 5

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
    table = plain_table(
        "Job", "State", "Prefix", "Objects", "Messages", "Dollars", right=("Objects", "Messages", "Dollars")
    )
    for job in found:
        sent = f"{job.counts['sent']:,}"
        table.add_row(job.id, job.state, job.asked.prefix or "all", f"{job.examined:,}", sent, f"{job.cost:,.2f}")
    console().print(table)


@app.command()
def show(job: JobArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show how far a job is, what it has found and cost, and why it was stopped.

    What workers have counted is in it once their turn is over, within a minute. Exit code 1: it was stopped.

    Examples:

        # How far it is
        thumbctl jobs show 20260131-080000-1a2b --stack photos

        # For a script
        thumbctl jobs show 20260131-080000-1a2b --stack photos --json
    """
    _show(AccountJobs(stacks.find(stack)).find(job), as_json=as_json)


@app.command()
def watch(job: JobArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show a job again and again until it is over or waits for somebody. Ctrl-C ends the watching, not the job.

    Exit code 1: it was stopped.

    Examples:

        # Stay with it
        thumbctl jobs watch 20260131-080000-1a2b --stack photos

        # One object a look, for a script
        thumbctl jobs watch 20260131-080000-1a2b --stack photos --json
    """
    there = AccountJobs(stacks.find(stack))
    while (found := there.find(job)).state in {JobState.PLANNING, JobState.RUNNING}:
        if as_json:
            write_json([_as_json(found)])
        else:
            console(errors=True).print(" ".join(_progress(found)), soft_wrap=True)
        time.sleep(_LOOK_SECONDS)
    _show(found, as_json=as_json)


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
        write_json([_as_json(there.find(job))])
    else:
        console().print(sentence, soft_wrap=True)


def _show(job: BulkJob, *, as_json: bool) -> None:
    if as_json:
        write_json([_as_json(job)])
    else:
        console().print(_table(job))
        console().print(" ".join(_progress(job)), soft_wrap=True)
    if job.state is JobState.STOPPED:
        complain(job.why)
        raise typer.Exit(ExitCode.WRONG)


def _table(job: BulkJob) -> Any:  # noqa: ANN401 - a table of Rich, which is imported where it is used
    table = plain_table("Objects", "Found", right=("Objects",), title=f"{job.id}, {job.state}")
    for what, number in job.counts.most_common():
        table.add_row(f"{number:,}", "messages sent" if what == "sent" else what)
    return table


def _progress(job: BulkJob) -> Iterator[str]:
    asked, begun = job.asked, datetime.fromtimestamp(job.asked.at, UTC)
    yield f"{job.state.capitalize()}: begun {iso(begun)}{f' by {asked.by}' if asked.by else ''}."
    left = counted(job.ranges_open, "range")
    yield f"{counted(job.examined, 'object')} looked at, about ${job.cost:,.2f}; {left} left."
    if job.milliseconds:
        yield f"Workers took {spoken(job.milliseconds / 1000)}."


def _as_json(job: BulkJob) -> dict[str, Any]:
    return {
        "job": job.id,
        "state": job.state,
        "why": job.why or None,
        "prefix": job.asked.prefix,
        "begun": iso(datetime.fromtimestamp(job.asked.at, UTC)),
        "by": job.asked.by,
        "examined": job.examined,
        "objects": dict(job.counts),
        "ranges_open": job.ranges_open,
        "dollars": round(job.cost, 4),
    }
