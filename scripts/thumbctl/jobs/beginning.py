"""Begins a bulk job in the account, as `backfill --in-account` and `reconcile --in-account` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thumbctl.conventions import ask, console, write_json
from thumbctl.errors import ThumbctlError
from thumbctl.jobs.command import stay_with

if TYPE_CHECKING:
    from thumbctl.jobs.account import AccountJobs
    from thumbnail_pipeline.jobs.records import Asked, JobBounds

InAccountOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--in-account", help="Have it done in the account, where nothing depends on this machine: thumbctl jobs."
    ),
]
BudgetOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--budget", min=0.01, metavar="DOLLARS", help="Stop a job in the account when it has cost about so much."
    ),
]


def begin(
    there: AccountJobs, asked: Asked, bounds: JobBounds, question: str, *, wait: bool, yes: bool, as_json: bool
) -> None:
    """Ask whether to begin, begin, and say so; with `wait`, stay until the job ends.

    Raises ThumbctlError where a job is open that would do the same.
    """
    if other := there.table.conflict(asked):
        raise ThumbctlError(
            f"{other.id} is {other.state}, and about the same keys: have it end first, with 'thumbctl jobs cancel"
            f" {other.id}' or by waiting."
        )
    most = f"for at most ${bounds.dollars:,.2f}" if bounds.dollars else "whatever it costs, for there is no --budget"
    keys = f"keys that begin with {asked.prefix!r}" if asked.prefix else "all keys"
    source = f" in {asked.inventory.location}" if asked.inventory else ""
    ask(f"Begin a job over {keys} of {asked.bucket}{source} {most}{question}?", yes=yes)
    job = there.begin(asked, bounds)
    if as_json:
        write_json([{"job": job.id}])
    else:
        console().print(f"{job.id} is begun: 'thumbctl jobs watch {job.id}' shows how far it is.", soft_wrap=True)
    if wait:
        stay_with(there, job.id, as_json=as_json)
