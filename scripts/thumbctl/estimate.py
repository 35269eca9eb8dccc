"""`thumbctl estimate`: what an import or a backfill costs and how long it takes, before anything begins."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich import filesize

from thumbctl import stack as stacks
from thumbctl.conventions import JsonOption, console
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.quote import of_stack, show
from thumbctl.costs.ranges import DEFAULT_RANGES
from thumbctl.defaults import DEFAULT
from thumbctl.errors import ThumbctlError
from thumbctl.importing import files
from thumbctl.importing.files import SourceFile
from thumbnail_pipeline import addresses, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from thumbctl.stack import Stack
    from thumbnail_pipeline.settings import Settings

__all__ = ["estimate"]

# People are told how far the counting has got after so many objects, a page of a listing.
_TOLD_EVERY: Final = 1000


def estimate(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR…|s3://BUCKET/PREFIX]",
            help="What to import: files, or folders to search for files. Or what to backfill: objects that are there.",
        ),
    ] = None,
    objects: Annotated[
        int | None, typer.Option("--objects", min=1, metavar="N", help="Estimate for N images, without looking at any.")
    ] = None,
    bytes_each: Annotated[
        int | None, typer.Option("--bytes-each", min=1, metavar="BYTES", help="With --objects: how large each is.")
    ] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="With --objects: a backfill of them.")] = False,
    reconcile: Annotated[
        bool,
        typer.Option("--reconcile", help="With --objects: a reconcile of them in the account."),
    ] = False,
    in_account: Annotated[
        bool,
        typer.Option(
            "--in-account", help="A backfill that is done in the account, as with `thumbctl backfill --in-account`."
        ),
    ] = False,
    out_of_date: Annotated[
        int | None,
        typer.Option(
            "--out-of-date",
            min=0,
            metavar="N",
            help="Of a backfill: of so many images thumbnails are made; without it, of all.",
        ),
    ] = None,
    ranges: Annotated[
        int | None,
        typer.Option(
            "--ranges",
            min=1,
            metavar="N",
            help="In the account: go through so many ranges of keys at a time. Without it: as deployed.",
        ),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="NAME",
            envvar="THUMBCTL_STACK",
            help="The deployment that the images go through. Without it: one with the Terraform module's defaults.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an import or a backfill costs, how long it takes, and which of AWS's limits it meets first.

    A backfill is taken to make every thumbnail anew, which is the most that it can cost; `thumbctl backfill` finds out
    what has to be made. With `--stack`, renditions, memory, batches and concurrency are those that are deployed.

    Examples:

        # A million images of 3 MB each, without looking at any
        thumbctl estimate --objects 1000000 --bytes-each 3000000

        # An import of a folder
        thumbctl estimate photos

        # A backfill of what is in a bucket, through a deployed stack
        thumbctl estimate s3://my-uploads/2026/ --stack photos

        # A job in the account over a billion objects, of which a million are out of date
        thumbctl estimate --objects 1000000000 --bytes-each 3000000 --in-account --out-of-date 1000000
    """
    needs_bytes = not reconcile and out_of_date != 0
    numbers = (objects, bytes_each) if needs_bytes else (objects,)
    of_numbers = any((objects, bytes_each, backfill, reconcile))
    if (named and of_numbers) or (not named and not all(numbers)):
        raise typer.BadParameter("name files, folders or one s3://BUCKET/PREFIX, or give --objects and --bytes-each.")
    found = stacks.find(stack) if stack else None
    kind: Literal["import", "backfill", "reconcile"] = "import"
    if reconcile:
        kind = "reconcile"
    elif backfill or in_account:
        kind = "backfill"
    job = Job(kind, objects, objects * (bytes_each or 0)) if objects else _job(named or (), found)
    if job.kind == "import" and (in_account or out_of_date is not None):
        raise typer.BadParameter("files have to be uploaded before anything in the account can deal with them.")
    if job.kind != "import":
        made = 0 if reconcile else min(job.objects, job.objects if out_of_date is None else out_of_date)
        size = job.bytes * made // job.objects
        job = replace(job, objects=made, bytes=size, examined=job.objects, rewritten=made)
    if in_account or reconcile:
        deployed: Any = found.outputs.get("jobs") if found else None
        job = replace(job, ranges=ranges or (deployed or {}).get("ranges_at_a_time", DEFAULT_RANGES))
    show(of_stack(found, job) if found else Estimate.of(job, default_workload(job.kind)), as_json=as_json)


def _job(named: Sequence[str], stack: Stack | None) -> Job:
    """What to do with what is named, which is counted and never held, however much it is."""
    settings = stack.deployed().settings if stack else DEFAULT
    if not any(map(addresses.is_s3, named)):
        return Job("import", *_counted(chain.from_iterable(_sizes(each, settings) for each in named)))
    if len(named) > 1:
        raise typer.BadParameter("a backfill is of one s3://BUCKET/PREFIX at a time.")
    s3: S3Client = (stack.client if stack else stacks.clients())("s3")
    bucket, prefix = addresses.parsed(named[0])
    listed = listing.objects(s3, bucket, prefix=prefix)
    watched = (each for each in listed if settings.watches(each.key, each.size))
    return Job("backfill", *_counted(each.size for each in watched))


def _counted(sizes: Iterable[int]) -> tuple[int, int]:
    """How many there are, and how many bytes they have together. Raises ThumbctlError where there are none."""
    number = total = 0
    with console(errors=True).status("Counting …") as status:
        for size in sizes:
            number, total = number + 1, total + size
            if number % _TOLD_EVERY == 0:
                status.update(f"Counting … {number:,}, {filesize.decimal(total)}")
    if not number:
        raise ThumbctlError("There is nothing in what was named: correct the path, or the bucket and prefix.")
    return number, total


def _sizes(path: str, settings: Settings) -> Iterator[int]:
    """Bytes of each file that an import of `path` uploads; it tells of those in a folder that it leaves out."""
    found = files.below(path, "")
    for each in files.watched(found, settings):
        if isinstance(each, SourceFile):
            yield each.size
        elif each.path in {path, os.path.abspath(path)}:  # noqa: PTH100 - as it is told of
            raise ThumbctlError(f"{path} is {each.problem}: correct what is named.")
