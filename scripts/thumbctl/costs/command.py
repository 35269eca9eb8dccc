"""`thumbctl estimate`: what an import or a backfill costs and how long it takes, before anything begins.

`import` and `backfill` say the same before they ask whether to begin: `of_stack` works it out for what is deployed,
`show` prints it, `ask` lets people decide.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import boto3
import typer
from rich import filesize
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thumbctl import conventions
from thumbctl import stack as stacks
from thumbctl.conventions import JsonOption, console, counted, write_json
from thumbctl.costs.capacity import DAY, spoken
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.model import by_service
from thumbctl.errors import ThumbctlError
from thumbctl.importing import files
from thumbctl.importing.files import Source
from thumbnail_pipeline import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from thumbctl.stack import Stack

__all__ = ["ask", "estimate", "of_stack", "show", "summarise"]

# The outputs of a stack that tell how each kind of job goes through it.
_MAPPINGS: Final = {"import": "event_source_mapping_uuid", "backfill": "backfill_event_source_mapping_uuid"}
_CONCURRENCIES: Final = {"import": "maximum_concurrency", "backfill": "backfill_maximum_concurrency"}
_QUEUES: Final = {"import": "queue_url", "backfill": "backfill_queue_url"}

_S3_URL: Final = "s3://"
# People are told how far the counting has got after so many objects, a page of a listing.
_TOLD_EVERY: Final = 1000
_FEW: Final = 10


def estimate(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR…|s3://BUCKET/PREFIX]",
            help="What to import: files, or folders to search for files. Or what to backfill: objects that are there.",
        ),
    ] = None,
    objects: Annotated[
        int | None, typer.Option("--objects", min=1, metavar="N", help="So many images, without looking at any.")
    ] = None,
    bytes_each: Annotated[
        int | None, typer.Option("--bytes-each", min=1, metavar="BYTES", help="With --objects: how large each is.")
    ] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="With --objects: a backfill of them.")] = False,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="NAME",
            envvar="THUMBCTL_STACK",
            help="The deployment that it is to go through. Without it, one with the Terraform module's defaults.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an import or a backfill costs, how long it takes, and which of AWS's limits it meets first.

    A backfill is taken to make every thumbnail anew, which is the most that it can cost; `thumbctl backfill` finds out
    what has to be made. With `--stack`, renditions, memory, batches and concurrency are those that are deployed.
    """
    numbers = (objects, bytes_each)
    if (named and any((*numbers, backfill))) or (not named and not all(numbers)):
        raise typer.BadParameter("name files, folders or one s3://BUCKET/PREFIX, or give --objects and --bytes-each.")
    found = stacks.find(stack) if stack else None
    if objects and bytes_each:
        job = Job("backfill" if backfill else "import", objects, objects * bytes_each)
    else:
        job = _job(named or (), found)
    if job.kind == "backfill":
        job = replace(job, rewritten=job.objects)
    show(of_stack(found, job) if found else Estimate.of(job, default_workload(job.kind)), as_json=as_json)


def of_stack(stack: Stack, job: Job) -> Estimate:
    """The estimate of a job that goes through `stack` as it is deployed."""
    deployed = stack.deployed()
    functions: LambdaClient = stack.client("lambda")
    mapping = functions.get_event_source_mapping(UUID=stack.outputs[_MAPPINGS[job.kind]])
    sqs: SQSClient = stack.client("sqs")
    queue = sqs.get_queue_attributes(
        QueueUrl=stack.outputs[_QUEUES[job.kind]], AttributeNames=["MessageRetentionPeriod"]
    )
    workload = replace(
        default_workload(job.kind),
        renditions=deployed.settings.renditions,
        memory_mb=deployed.memory_mb,
        architecture="arm64" if deployed.architecture == "arm64" else "x86_64",
        batch=mapping["BatchSize"],
        maximum_concurrency=int(stack.outputs[_CONCURRENCIES[job.kind]]),
    )
    return Estimate.of(
        job,
        workload,
        retention_days=int(queue["Attributes"]["MessageRetentionPeriod"]) / DAY,
        pollers=mapping.get("ProvisionedPollerConfig", {}).get("MinimumPollers"),
    )


def show(estimate: Estimate, *, as_json: bool = False) -> None:
    """Print an estimate: for scripts one object, for people what it costs, what it meets, and what to make of that."""
    if as_json:
        write_json([estimate.as_json()])
        return
    out = console()
    out.print(_costs(estimate))
    out.print()
    out.print(_limits(estimate))
    out.print()
    for sentence in _sentences(estimate):
        out.print(escape(sentence), soft_wrap=True)


def summarise(estimate: Estimate) -> None:
    """Tell people what they are about to begin: dollars by service, time, and what to make of them."""
    out = console()
    out.print(_title(estimate.job))
    out.print(_costs_by_service(estimate))
    out.print()
    for sentence in _sentences(estimate):
        out.print(escape(sentence), soft_wrap=True)


def ask(estimate: Estimate, *, yes: bool) -> None:
    """Return if people want to begin, or have said so beforehand. Raises ThumbctlError where nobody can be asked."""
    conventions.ask(f"Begin? About ${estimate.dollars:,.2f} and {spoken(estimate.seconds)}.", yes=yes)


# ── what is counted ──────────────────────────────────────────────────────────────────────────────────


def _job(named: Sequence[str], stack: Stack | None) -> Job:
    """What to do with what is named, which is counted and never held, however much it is."""
    if not any(each.startswith(_S3_URL) for each in named):
        return Job("import", *_counted(chain.from_iterable(map(_sizes, named))))
    if len(named) > 1:
        raise typer.BadParameter("a backfill is of one s3://BUCKET/PREFIX at a time.")
    s3: S3Client = stack.client("s3") if stack else boto3.client("s3")
    url = urlsplit(named[0])
    # A key may hold what means something else in other URLs.
    prefix = named[0].removeprefix(f"{_S3_URL}{url.netloc}").removeprefix("/")
    listed = listing.objects(s3, url.netloc, prefix=prefix)
    return Job("backfill", *_counted(each.size for each in listed))


def _counted(sizes: Iterable[int]) -> tuple[int, int]:
    """How many there are, and how many bytes they have together. Raises ThumbctlError where there are none."""
    number = total = 0
    with Console(stderr=True).status("Counting …") as status:
        for size in sizes:
            number, total = number + 1, total + size
            if number % _TOLD_EVERY == 0:
                status.update(f"Counting … {number:,}, {filesize.decimal(total)}")
    if not number:
        raise ThumbctlError("There is nothing in what was named: correct the path, or the bucket and prefix.")
    return number, total


def _sizes(path: str) -> Iterator[int]:
    """Bytes of each file that an import of `path` uploads; it tells of those in a folder that it leaves out."""
    for each in files.below(path, ""):
        if isinstance(each, Source):
            yield each.size
        elif each.path in {path, os.path.abspath(path)}:  # noqa: PTH100 - as it is told of
            raise ThumbctlError(f"{path} is {each.problem}: correct what is named.")


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────


def _title(job: Job) -> str:
    return f"{job.kind.capitalize()} of {counted(job.objects, 'image')}, {filesize.decimal(job.bytes)}"


def _costs_by_service(estimate: Estimate) -> Table:
    table = Table(box=None, pad_edge=False, show_footer=True)
    table.add_column("Service", footer="all")
    table.add_column("Dollars", justify="right", footer=f"{estimate.dollars:,.2f}")
    for service, dollars in by_service(estimate.once).items():
        if dollars:
            table.add_row(service, f"{dollars:,.2f}")
    return table


def _costs(estimate: Estimate) -> Table:
    table = Table(title=_title(estimate.job), title_justify="left", box=None, pad_edge=False, show_footer=True)
    table.add_column("Service", footer="all")
    table.add_column("What")
    table.add_column("How many", justify="right")
    table.add_column("Dollars", justify="right", footer=f"{estimate.dollars:,.2f}")
    for line in estimate.once:
        if line.amount:
            table.add_row(line.service, escape(line.what), f"{line.amount:,.0f}", f"{line.dollars:,.2f}")
    return table


def _limits(estimate: Estimate) -> Table:
    capacity = estimate.capacity
    table = Table(title="Limits of AWS", title_justify="left", box=None, pad_edge=False)
    table.add_column("Service")
    table.add_column("What")
    for heading in ("This job", "Allowed", "Used", "Full at"):
        table.add_column(heading, justify="right")
    for each in capacity.usages:
        full_at = f"{each.saturates_at:,.0f} at a time" if each.saturates_at else ""
        figures = (_figure(each.demand), _figure(each.most), f"{each.share:.0%}", full_at)
        table.add_row(each.service, each.what, *figures, style="red" if each.share > 1 else "")
    return table


def _sentences(estimate: Estimate) -> Iterator[str]:
    capacity = estimate.capacity
    cheap, dear = estimate.dollars_between
    soon, late = estimate.seconds_between
    yield (
        f"${estimate.dollars:,.2f} once, and ${estimate.monthly_dollars:,.2f} a month for as long as it is kept."
        f" {spoken(estimate.seconds).capitalize()} at {capacity.setting} = {capacity.concurrency:,}, which is"
        f" {capacity.images_a_second:,.0f} images a second."
    )
    if estimate.upload_seconds:
        yield f"Uploading them takes {spoken(estimate.upload_seconds)} at a gigabit a second, and longer over less."
    yield from capacity.verdict
    yield (
        f"List prices of {estimate.region} on {estimate.prices_date}, limits of {capacity.limits.date}. The time that"
        f" Lambda takes can be half or twice as long: then it is ${cheap:,.2f} to ${dear:,.2f}, and {spoken(soon)} to"
        f" {spoken(late)}. Not in it: failures, retries, and what comes in meanwhile."
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= _FEW else f"{number:.3g}"
