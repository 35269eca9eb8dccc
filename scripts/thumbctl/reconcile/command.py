"""`thumbctl reconcile`: proof that every object has its thumbnails and every thumbnail its object."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.config import Config

from thumbctl import stack as stacks
from thumbctl.bulk.meanings import FINDINGS
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.queues import MESSAGES_AT_A_TIME
from thumbctl.bulk.sender import Sender
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    counted,
    progress,
    write_json,
)
from thumbctl.interrupts import terminate_as_interrupt
from thumbctl.jobs.account import AccountJobs
from thumbctl.jobs.beginning import BudgetOption, InAccountOption, begin
from thumbctl.reconcile.repair import Repair
from thumbctl.terminal import plain_table
from thumbnail_pipeline.jobs.records import JobBounds, JobKind
from thumbnail_pipeline.reconciliation.comparison import CONNECTIONS, GRACE, Estate
from thumbnail_pipeline.reconciliation.comparison import reconcile as examine_all
from thumbnail_pipeline.reconciliation.findings import Kind, PassTally
from thumbnail_pipeline.reconciliation.mending import ONCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from thumbctl.stack import Stack
    from thumbnail_pipeline.reconciliation.findings import Examined, Finding

__all__ = ["reconcile"]

# A throttled call is no reason to give up. Every request is made here, and checking each of its keys takes longer than
# sending it.
_PATIENT: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 10},
    max_pool_connections=CONNECTIONS,
    parameter_validation=False,
)
_EXAMPLES: Final = 3


@dataclass
class _Report:
    """What a run has found: counts, and up to _EXAMPLES findings of each kind, however many there are."""

    tally: PassTally = field(default_factory=PassTally)
    examples: dict[Kind, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    place: str = ""
    """The last key that was looked at, for --after."""
    finished: bool = False
    """Whether all keys were looked at."""

    def add(self, examined: Examined) -> None:
        self.tally.add(examined)
        self.place = examined.place or self.place
        for finding in examined.findings:
            if len(self.examples[finding.kind]) < _EXAMPLES:
                self.examples[finding.kind].append(finding)


def reconcile(
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Look only at keys that begin with TEXT; without it, at all that the stack watches.",
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Also repair what is wrong.")] = False,
    grace: Annotated[
        int,
        typer.Option(
            "--grace",
            min=0,
            metavar="SECONDS",
            help="Call nothing wrong that changed in the last SECONDS: it may still be processed.",
        ),
    ] = int(GRACE.total_seconds()),
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Stop after N findings that are wrong.")
    ] = None,
    after: Annotated[
        str, typer.Option("--after", metavar="KEY", help="Begin after this key: an interrupted run prints it.")
    ] = "",
    in_account: InAccountOption = False,
    budget: BudgetOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay with a job in the account until it ends.")] = False,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every object has its thumbnails and every thumbnail its object, or show where that is not so.

    It lists both buckets and reads the catalog in one pass, with the same memory for any number of objects. What seems
    wrong is checked a second time. It reads no image and, without `--repair`, changes nothing.

    `--repair` has the function make what is missing, out of date or altered, and remove what outlived its object, by
    messages to the backfill queue; and it deletes thumbnails that no row lists. A run does at most 10,000 of each. Run
    it again when the queue is empty.

    Exit code 1: something was wrong, mended or not; 130: interrupted.

    With `--in-account` a job is begun and the command ends; `thumbctl jobs show` tells what it has found, `--budget`
    bounds what it costs. With `--wait` it stays until the job ends; exit code 1: the job was stopped or cancelled; 130:
    you left, and the job goes on.

    Examples:

        # Look, and change nothing
        thumbctl reconcile --stack photos

        # Look at one folder, and mend what is wrong there
        thumbctl reconcile --stack photos --prefix 2026/ --repair

        # Only see whether anything is wrong
        thumbctl reconcile --stack photos --limit 1 --json

        # A hundred million objects, in the account, for at most $100
        thumbctl reconcile --stack photos --in-account --budget 100
    """
    elsewhere = {"--limit": limit is not None, "--after": bool(after)}
    for name, is_given in elsewhere.items() if in_account else ():
        if is_given:
            raise typer.BadParameter("it is of a reconciliation from this machine", param_hint=name)
    for name, is_given in () if in_account else (("--budget", budget is not None), ("--wait", wait)):
        if is_given:
            raise typer.BadParameter("it is of jobs in the account, with --in-account", param_hint=name)
    found = stacks.find(stack)
    estate, timeout_seconds = _estate(found, prefix)
    if repair and grace < timeout_seconds:
        raise typer.BadParameter(
            f"an invocation may take {timeout_seconds} s, and what it has just written is not to be deleted: allow at"
            " least that with --repair",
            param_hint="--grace",
        )
    if in_account:
        jobs = AccountJobs(found)
        asked = replace(jobs.asked(JobKind.RECONCILE, estate.prefix, repair=repair), grace=grace)
        question = f", and mend what is wrong{_and_what_is_deleted(estate)}" if repair else ""
        begin(jobs, asked, JobBounds(dollars=budget), question, wait=wait, yes=yes, as_json=as_json)
        return
    mender = None
    if repair:
        ask(_question(estate), yes=yes)
        mender = _repair(found, estate)
    report = _Report()
    try:
        with terminate_as_interrupt():
            _walk(estate, report, mender, after, timedelta(seconds=grace), limit, as_json=as_json)
    except KeyboardInterrupt:
        complain("Interrupted: what follows is of the part that was looked at.")
    _tell(found, report, mender, as_json=as_json)
    if not report.finished:
        there = f": --after {shlex.quote(report.place)} goes on there" if report.place else ""
        complain(f"The rest was not looked at{there}.")
    if report.tally.wrong:
        raise typer.Exit(ExitCode.WRONG)
    if not report.finished:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _estate(stack: Stack, prefix: str | None) -> tuple[Estate, int]:
    """What is to be looked at, and how many seconds an invocation of the function may take."""
    watched = stack.outputs["source_prefix"]
    if prefix is not None and not prefix.startswith(watched):
        raise typer.BadParameter(f"the stack watches only keys that begin with {watched!r}", param_hint="--prefix")
    stack.require_own_release()
    deployed = stack.deployed()
    estate = Estate(
        s3=stack.client("s3", _PATIENT),
        dynamodb=stack.client("dynamodb", _PATIENT),
        source_bucket=stack.outputs["source_bucket"],
        thumbnails_bucket=stack.outputs["thumbnails_bucket"],
        catalog_table=stack.outputs["table_name"],
        settings=deployed.settings,
        prefix=watched if prefix is None else prefix,
        propagates_deletions=stack.outputs["propagate_deletions"],
    )
    return estate, deployed.timeout_seconds


def _question(estate: Estate) -> str:
    return (
        f"While it goes, have the function make what is missing under {estate.prefix!r} of {estate.source_bucket}"
        f"{_and_what_is_deleted(estate)}?"
    )


def _and_what_is_deleted(estate: Estate) -> str:
    retired = ", ".join(f"{name}/" for name in estate.retired())
    also = f", all under {retired} among them, which no deployed rendition has" if retired else ""
    return f", and have the thumbnails in {estate.thumbnails_bucket} deleted that no row lists{also}"


def _repair(stack: Stack, estate: Estate) -> Repair:
    sender = Sender(stack.client("sqs", _PATIENT), stack.outputs["backfill_queue_url"], Pace(None))
    return Repair(
        stack.client("s3", ONCE),
        estate.source_bucket,
        estate.thumbnails_bucket,
        sender,
        most=MESSAGES_AT_A_TIME,
    )


def _walk(
    estate: Estate,
    report: _Report,
    mender: Repair | None,
    after: str,
    grace: timedelta,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    with progress() as bar:
        task = bar.add_task("Checking", total=None)
        try:
            for examined in examine_all(estate, after=after, grace=grace):
                report.add(examined)
                if as_json:
                    write_json(finding.as_json() for finding in examined.findings)
                if mender:
                    mender.mend(examined)
                bar.update(task, completed=report.tally.checked)
                if limit is not None and report.tally.wrong >= limit:
                    return
            report.finished = True
        finally:
            if mender:
                mender.flush()


def _tell(stack: Stack, report: _Report, mender: Repair | None, *, as_json: bool) -> None:
    tally = report.tally
    if as_json:
        summary: dict[str, Any] = {**tally.as_json(), "completeness": tally.completeness, "finished": report.finished}
        if not report.finished:
            summary["after"] = report.place
        if mender:
            summary["repaired"] = mender.done.as_json()
        write_json([{"summary": summary}])
        return
    if tally.found:
        console().print(_table(stack, report))
    for sentence in _sentences(tally, mender):
        console().print(sentence, soft_wrap=True)


def _table(stack: Stack, report: _Report) -> Table:
    table = plain_table("Found", "", "Meaning", "For example", title=stack.title, right=("",))
    for kind in Kind:
        number = report.tally.found[kind]
        if number:
            examples = ", ".join(_shown(finding) for finding in report.examples[kind])
            more = " …" if number > len(report.examples[kind]) else ""
            style = "red" if kind.is_wrong else ""
            table.add_row(kind, f"{number:,}", FINDINGS[kind], examples + more, style=style)
    return table


def _shown(finding: Finding) -> str:
    return finding.thumbnail.key if finding.thumbnail else finding.key


def _sentences(tally: PassTally, mender: Repair | None) -> Iterable[str]:
    failed = ", ".join(f"{number:,} {reason}" for reason, number in tally.failed.most_common())
    yield (
        f"{tally.checked:,} objects: {tally.current:,} current, {tally.failed.total():,} failed for good"
        f"{f' ({failed})' if failed else ''}, {tally.pending:,} pending, {tally.incomplete:,} incomplete."
    )
    # Rounded down: what is not all of it must not look so.
    percent = math.floor(tally.completeness * 1000) / 1000
    yield f"{percent:g} % of what is due is complete."
    if mender:
        done = mender.done
        kept = f", {done.kept:,} kept, for they have changed" if done.kept else ""
        sent, deleted = counted(done.sent, "message"), counted(done.deleted, "thumbnail")
        yield f"{sent} sent to the backfill queue, {deleted} deleted{kept}."
        if done.left:
            yield f"{done.left:,} are left: repair again when the queue is empty, or use 'thumbctl backfill'."
