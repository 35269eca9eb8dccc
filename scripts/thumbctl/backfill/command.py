"""`thumbctl backfill`: thumbnails for what is in the bucket already, as far as they are missing or out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from thumbctl import stack as stacks
from thumbctl.backfill import enqueue, manifests
from thumbctl.backfill.enqueue import DryRunOption, ExcludeOption, IncludeOption, Manner, bounded
from thumbctl.backfill.job import SCHEMA, Checkpoints
from thumbctl.backfill.ranges import Listing
from thumbctl.bulk import journal
from thumbctl.bulk.meanings import MEANINGS
from thumbctl.conventions import JsonOption, StackOption, YesOption, console, write_json
from thumbctl.costs import quote
from thumbctl.costs.estimate import Job
from thumbctl.jobs.account import AccountJobs
from thumbctl.jobs.beginning import BudgetOption, InAccountOption, begin
from thumbctl.terminal import plain_table
from thumbnail_pipeline.jobs.records import JobBounds, JobInventory, JobKind
from thumbnail_pipeline.jobs.wish import Wish
from thumbnail_pipeline.messages import listed_body
from thumbnail_pipeline.reconciliation.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from thumbctl.backfill.enqueue import BackfillTally
    from thumbctl.backfill.job import ObjectSource
    from thumbctl.costs.estimate import Estimate
    from thumbctl.stack import Stack
    from thumbnail_pipeline.listing import Listed

__all__ = ["backfill"]


@bounded(max_failed=10)
def backfill(
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Take only keys that begin with TEXT; without it, all that the stack watches.",
        ),
    ] = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    inventory: Annotated[
        str | None,
        typer.Option(
            "--inventory",
            metavar="MANIFEST",
            help="Read the objects from an S3 Inventory, s3://…/manifest.json or a file, instead of listing them.",
        ),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Also try images again that could not be rendered.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Render every image anew, up to date or not.")] = False,
    *,
    manner: Manner,
    dry_run: DryRunOption = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew instead of where an interrupted run stopped.")
    ] = False,
    in_account: InAccountOption = False,
    budget: BudgetOption = None,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have thumbnails made of objects that are there already, as far as they are missing or out of date.

    It lists the bucket, reads the catalog, says how many images are out of date and what they cost, and asks. With
    `--yes` it sends while it lists. Uploads do not wait for it: they have a queue of their own. Ctrl-C pauses; the same
    command goes on where it stopped, and begins anew after it has finished. It stops by itself when too many images
    fail or too many messages become dead letters. Exit code 1: it stopped by itself; 130: paused.

    With `--in-account` a job is begun and the command ends. With `--wait` it stays until the job ends; exit code 1: the
    job was stopped or cancelled; 130: you left, and the job goes on.

    Examples:

        # What is out of date, and what it costs to make it anew
        thumbctl backfill --stack photos --dry-run

        # One folder, without being asked
        thumbctl backfill --stack photos --prefix 2026/ --yes

        # From an S3 Inventory, at most 100 images a second
        thumbctl backfill --inventory s3://lists/photos/manifest.json --rate 100

        # A hundred million objects, in the account, for at most $2,000
        thumbctl backfill --stack photos --in-account --budget 2000
    """
    _require_one_way(in_account=in_account, dry_run=dry_run, restart=restart, budget=budget)
    found = stacks.find(stack)
    prefix = _prefix(found, prefix)
    found.require_own_release()
    settings = found.deployed().settings
    fingerprint = settings.fingerprint
    wish = Wish(tuple(include or ()), tuple(exclude or ()), _verdicts(failed=failed, force=force), settings.watches)
    if in_account:
        there = AccountJobs(found)
        bounds = JobBounds(
            in_queue=manner.bounds.in_queue,
            rate=manner.rate,
            failed_percent=manner.bounds.failed_percent,
            dead=manner.bounds.dead,
            limit=manner.limit,
            dollars=budget,
        )
        listed_by = _readable_there(there, inventory, prefix) if inventory else None
        in_full = there.asked(JobKind.BACKFILL, prefix, wish, inventory=listed_by, forced=force)
        begin(there, in_full, bounds, "", wait=bool(manner.wait), yes=yes, as_json=as_json)
        return
    bucket, s3 = found.outputs["source_bucket"], enqueue.patient(found, "s3")
    source: ObjectSource = Listing(s3, bucket, prefix)
    asked: dict[str, Any] = {"prefix": prefix, "include": wish.include, "exclude": wish.exclude}
    asked |= {"sent": sorted(wish.sent), "settings": fingerprint, "keys": (settings.include, settings.exclude)}
    if inventory:
        source = read = manifests.read(s3, inventory, bucket=bucket, prefix=prefix)
        asked["inventory"] = [inventory, read.inventory.created]

    def body(listed: Listed) -> str:
        return listed_body(bucket, listed, in_inventory=bool(inventory), forced=force)

    with journal.opened(journal.file_of("backfill", found.title, asked), SCHEMA) as connection:
        checkpoints = Checkpoints(connection)
        if dry_run:
            checkpoints = checkpoints.copy()
        before = checkpoints.counts()
        if restart or not (before and checkpoints.remaining()):
            checkpoints.begin(source.parts())
            before = {}
        else:
            typer.echo(
                f"Going on with a job that was interrupted: {sum(before.values()):,} objects are dealt with already.",
                err=True,
            )
        expected = None
        if dry_run or not yes:
            copy = checkpoints.copy()
            would_be_sent = enqueue.tally(source, enqueue.rows_of(found), wish, fingerprint, copy, manner.limit)
            counts = _since(before, copy.counts())
            cost = _estimate(found, would_be_sent, examined=sum(counts.values()), inventory=bool(inventory))
            _show(counts, wish, cost, as_json=as_json)
            if dry_run or cost is None:
                return
            quote.ask(cost, yes=yes)
            expected = would_be_sent.objects
        ending = enqueue.send(found, source, wish, fingerprint, checkpoints, body, manner, expected)
        counts = _since(before, checkpoints.counts())
        if not as_json and yes:
            console().print(_table(counts, wish))
    enqueue.tell(ending, {"objects": counts}, go_on="The same command goes on where this one stopped.", as_json=as_json)


def _require_one_way(*, in_account: bool, dry_run: bool, restart: bool, budget: float | None) -> None:
    """Refuse options of one way together with the other."""
    for given, name in ((dry_run, "--dry-run"), (restart, "--restart")):
        if in_account and given:
            raise typer.BadParameter("it is of backfills from this machine", param_hint=name)
    if budget is not None and not in_account:
        raise typer.BadParameter("it is of jobs in the account, with --in-account", param_hint="--budget")


def _readable_there(there: AccountJobs, location: str, prefix: str) -> JobInventory:
    """Return the inventory whose manifest is at `location`, which jobs in the account can read."""
    stack = there.stack
    read = manifests.read(stack.client("s3"), location, bucket=stack.outputs["source_bucket"], prefix=prefix)
    there.require_readable(location, read.inventory)
    return JobInventory(location, read.etag)


def _prefix(stack: Stack, given: str | None) -> str:
    watched: str = stack.outputs["source_prefix"]
    if given is not None and not given.startswith(watched):
        raise typer.BadParameter(f"the stack watches only keys that begin with {watched!r}", param_hint="--prefix")
    return watched if given is None else given


def _verdicts(*, failed: bool, force: bool) -> frozenset[Verdict]:
    """What is to be sent. Whatever is being worked on is left to who does."""
    if force:
        return frozenset(Verdict) - {Verdict.CLAIMED}
    return Wish().sent | ({Verdict.FAILED} if failed else set())


def _since(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    return {what: now[what] - before.get(what, 0) for what in MEANINGS if now.get(what, 0) > before.get(what, 0)}


def _estimate(stack: Stack, would_be_sent: BackfillTally, *, examined: int, inventory: bool) -> Estimate | None:
    if not would_be_sent.objects:
        return None
    job = Job(
        "backfill",
        would_be_sent.objects,
        would_be_sent.bytes,
        examined=examined,
        rewritten=would_be_sent.rewritten,
        inventory=inventory,
    )
    return quote.of_stack(stack, job)


def _show(counts: Mapping[str, int], wish: Wish, cost: Estimate | None, *, as_json: bool) -> None:
    """What was found, and what it would cost."""
    if as_json:
        sent = sum(number for what, number in counts.items() if what in wish.sent)
        write_json([{"state": "looked", "would_send": sent, "objects": counts, "estimate": cost and cost.as_json()}])
        return
    out = console()
    out.print(_table(counts, wish))
    out.print()
    if cost:
        quote.summarise(cost)
    else:
        out.print("Nothing has to be sent.")


def _table(counts: Mapping[str, int], wish: Wish) -> Table:
    table = plain_table("Objects", "Verdict", "Meaning", "Message", right=("Objects",))
    for what, number in counts.items():
        table.add_row(f"{number:,}", what, MEANINGS[what], "one each" if what in wish.sent else "")
    return table
