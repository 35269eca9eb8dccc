"""What a job costs on a stack, told to people: `import` and `backfill` show it before they ask whether to begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich import filesize
from rich.table import Table

from thumbctl import conventions
from thumbctl.conventions import console, counted, write_json
from thumbctl.costs.capacity import DAY, spoken
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.model import by_service
from thumbctl.terminal import plain_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from thumbctl.costs.capacity import JobCapacity
    from thumbctl.stack import Stack

# The outputs of a stack that tell how each kind of job goes through it.
_MAPPINGS: Final = {"import": "event_source_mapping_uuid", "backfill": "backfill_event_source_mapping_uuid"}
_CONCURRENCIES: Final = {"import": "maximum_concurrency", "backfill": "backfill_maximum_concurrency"}
_QUEUES: Final = {"import": "queue_url", "backfill": "backfill_queue_url"}

_FEW: Final = 10


def of_stack(stack: Stack, job: Job) -> Estimate:
    """The estimate of a job that goes through `stack` as it is deployed."""
    deployed = stack.deployed()
    functions: LambdaClient = stack.client("lambda")
    mapping = functions.get_event_source_mapping(UUID=stack.outputs[_MAPPINGS[job.lane]])
    sqs: SQSClient = stack.client("sqs")
    queue = sqs.get_queue_attributes(
        QueueUrl=stack.outputs[_QUEUES[job.lane]], AttributeNames=["MessageRetentionPeriod"]
    )
    workload = replace(
        default_workload(job.kind),
        renditions=deployed.settings.renditions,
        memory_mb=deployed.memory_mb,
        architecture="arm64" if deployed.architecture == "arm64" else "x86_64",
        batch=mapping["BatchSize"],
        maximum_concurrency=int(stack.outputs[_CONCURRENCIES[job.lane]]),
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
    for title, capacity in estimate.capacities.items():
        out.print(_limits(title, capacity))
        out.print()
    for sentence in _sentences(estimate):
        out.print(sentence, soft_wrap=True)


def summarise(estimate: Estimate) -> None:
    """Tell people what they are about to begin: dollars by service, time, and what to make of them."""
    out = console()
    out.print(_title(estimate.job))
    out.print(_costs_by_service(estimate))
    out.print()
    for sentence in _sentences(estimate):
        out.print(sentence, soft_wrap=True)


def ask(estimate: Estimate, *, yes: bool) -> None:
    """Return if people want to begin, or have said so beforehand. Raises ThumbctlError where nobody can be asked."""
    conventions.ask(f"Begin? About ${estimate.dollars:,.2f} and {spoken(estimate.seconds)}.", yes=yes)


def _title(job: Job) -> str:
    kind = job.kind.capitalize()
    if job.ranges is None:
        return f"{kind} of {counted(job.objects, 'image')}, {filesize.decimal(job.bytes)}"
    made = f", of which {counted(job.objects, 'image')} are made" if job.objects else ""
    return f"{kind} in the account of {counted(job.looks, 'object')}{made}"


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
            table.add_row(line.service, line.what, f"{line.amount:,.0f}", f"{line.dollars:,.2f}")
    return table


def _limits(title: str, capacity: JobCapacity) -> Table:
    numbers = ("This job", "Allowed", "Used", "Full at")
    table = plain_table("Service", "What", *numbers, title=f"Limits of AWS: {title}", right=numbers)
    for each in capacity.usages:
        full_at = f"{each.saturates_at:,.0f} at a time" if each.saturates_at else ""
        figures = (_figure(each.demand), _figure(each.most), f"{each.share:.0%}", full_at)
        table.add_row(each.service, each.what, *figures, style="red" if each.share > 1 else "")
    return table


def _sentences(estimate: Estimate) -> Iterator[str]:
    cheap, dear = estimate.dollars_between
    soon, late = estimate.seconds_between
    yield f"${estimate.dollars:,.2f} once, and ${estimate.monthly_dollars:,.2f} a month for as long as it is kept."
    for what, capacity in estimate.capacities.items():
        yield (
            f"{spoken(capacity.seconds).capitalize()} at {capacity.setting} = {capacity.concurrency:,}, which is"
            f" {capacity.images_a_second:,.0f} {what} a second."
        )
    if estimate.upload_seconds:
        yield f"Uploading them takes {spoken(estimate.upload_seconds)} at a gigabit a second, and longer over less."
    yield from estimate.verdict
    limits_date = estimate.capacity.limits.date
    yield (
        f"List prices of {estimate.region} on {estimate.prices_date}, limits of {limits_date}. The time"
        f" that Lambda takes can be half or twice as long: then it is ${cheap:,.2f} to ${dear:,.2f}, and {spoken(soon)}"
        f" to {spoken(late)}. Not in it: failures, retries, and what comes in meanwhile."
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= _FEW else f"{number:.3g}"
