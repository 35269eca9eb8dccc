"""Bulk jobs of a stack that run in its account: beginning them, and having them go on, wait or end."""

from __future__ import annotations

import getpass
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from rich import filesize

from thumbctl.aws_errors import is_denied
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.sender import MESSAGES_A_CALL, Message, Sender
from thumbctl.costs import quote
from thumbctl.costs.capacity import DAY
from thumbctl.costs.estimate import Job
from thumbctl.errors import ThumbctlError
from thumbctl.jobs.progress import JobProgress
from thumbctl.looking.metrics import query
from thumbnail_pipeline import addresses
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import Asked, BulkJob, JobBounds, JobKind, JobPrices, JobState
from thumbnail_pipeline.jobs.sources import MOST_FILE_BYTES
from thumbnail_pipeline.jobs.table import JobTable
from thumbnail_pipeline.jobs.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient

    from thumbctl.stack import Stack
    from thumbnail_pipeline.inventories import Inventory
    from thumbnail_pipeline.jobs.records import JobInventory

_NO_WISH: Final = Wish()
_MILLION: Final = 1_000_000
# S3 counts once a day, and tells it up to a day later.
_COUNTED_WITHIN: Final = timedelta(days=3)
_BYTES_EACH: Final = 1_750_000
"""Of the images that were measured: what a job will meet is known to nobody before it."""


@dataclass(frozen=True)
class AccountJobs:
    """The jobs of one stack."""

    stack: Stack

    @property
    def table(self) -> JobTable:
        """Raises ThumbctlError where the stack has none."""
        return JobTable(self.stack.client("dynamodb"), self._output("table_name"))

    def find(self, job_id: str) -> BulkJob:
        """Return a job. Raises ThumbctlError where there is none of this name."""
        try:
            return self.table.job(job_id)
        except LookupError:
            raise ThumbctlError(
                f"There is no job {job_id}: 'thumbctl jobs list' shows those of the last thirty days."
            ) from None

    def progress(self, job: BulkJob) -> JobProgress:
        """Return how far a job is by now."""
        ranges = list(self.table.ranges(job.id))
        some = job.asked.prefix or job.asked.inventory
        most = None if job.state.is_over or some else self._most_objects
        return JobProgress(job, ranges, time.time(), most)

    @cached_property
    def _most_objects(self) -> int | None:
        """How many objects were in the bucket yesterday, with their old versions, or None where S3 has not told.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
        """
        cloudwatch: CloudWatchClient = self.stack.client("cloudwatch")
        dimensions = {"BucketName": self.stack.outputs["source_bucket"], "StorageType": "AllStorageTypes"}
        asked = query("objects", "AWS/S3", "NumberOfObjects", dimensions, "Average")
        asked["MetricStat"]["Period"] = DAY
        now = datetime.now(UTC)
        try:
            (found,) = cloudwatch.get_metric_data(
                MetricDataQueries=[asked], StartTime=now - _COUNTED_WITHIN, EndTime=now
            )["MetricDataResults"]
        except ClientError as error:
            if is_denied(error):
                return None
            raise
        return round(found["Values"][0]) if found["Values"] else None

    def require_readable(self, location: str, inventory: Inventory) -> None:
        """Raises ThumbctlError where jobs of this stack cannot read an inventory whose manifest is there."""
        if not addresses.is_s3(location):
            raise ThumbctlError(
                f"{location} is on this machine: name the manifest in S3, s3://…, or leave out --in-account."
            )
        if inventory.form != "CSV":
            raise ThumbctlError(
                f"{location} is an inventory in {inventory.form}, which nothing in the account reads: have S3 write it"
                " as CSV, or leave out --in-account."
            )
        largest = max(inventory.files, key=lambda each: each.size, default=None)
        if largest and largest.size > MOST_FILE_BYTES:
            raise ThumbctlError(
                f"{largest.key} of the inventory has {filesize.decimal(largest.size)}, and nothing in the account works"
                f" with files of more than {filesize.decimal(MOST_FILE_BYTES)}: leave out --in-account, or --inventory."
            )
        files = (f"{addresses.SCHEME}{inventory.destination}/{each.key}" for each in inventory.files)
        for each in (location, *files):
            if not any(map(each.startswith, self._outputs()["inventories"])):
                bucket, _ = addresses.parsed(each)
                raise ThumbctlError(
                    f"The range worker of this stack may not read {each}: set jobs = {{ inventories = [{{ bucket ="
                    f' "{bucket}" }}] }} in its Terraform module, or leave out --in-account.'
                )

    def asked(
        self,
        kind: JobKind,
        prefix: str,
        wish: Wish = _NO_WISH,
        *,
        inventory: JobInventory | None = None,
        forced: bool = False,
        repair: bool = False,
    ) -> Asked:
        """Return what is asked for now. Raises ThumbctlError where the stack has no jobs, or none of that kind."""
        if kind is JobKind.RECONCILE:
            self._require_reconcile(repair=repair)
        return Asked(
            kind=kind,
            bucket=self.stack.outputs["source_bucket"],
            prefix=prefix,
            settings_fingerprint=self.stack.deployed().settings.fingerprint,
            prices=self.prices(kind, inventory=inventory is not None),
            inventory=inventory,
            repair=repair,
            include=wish.include,
            exclude=wish.exclude,
            sent=wish.sent,
            forced=forced,
            by=getpass.getuser(),
            at=time.time(),
        )

    def begin(self, asked: Asked, bounds: JobBounds) -> BulkJob:
        """Begin a job."""
        # They sort by when they were begun.
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(asked.at))}-{secrets.token_hex(2)}"
        job = BulkJob(name, asked, bounds)
        self.table.create(job)
        self._send([WorkMessage(job.id)])
        return job

    def prices(self, kind: JobKind, *, inventory: bool = False) -> JobPrices:
        """What a message and a look cost on this stack, by list prices."""
        sent = Job("backfill", _MILLION, _MILLION * _BYTES_EACH, examined=0)
        at_a_time = int(self._output("ranges_at_a_time"))
        looked = Job(kind.value, 0, 0, examined=_MILLION, inventory=inventory, ranges=at_a_time)
        message, million = (quote.of_stack(self.stack, each).dollars for each in (sent, looked))
        return JobPrices(message=message / _MILLION, million_examined=million)

    def pause(self, job: BulkJob) -> None:
        """Have a job wait. Raises ThumbctlError where it cannot."""
        if not self.table.move(job.id, JobState.PAUSED, JobState.RUNNING):
            raise ThumbctlError(f"{job.id} is {self.find(job.id).state}: only a job that is running can be paused.")

    def resume(self, job: BulkJob) -> None:
        """Have a job go on that is paused or was stopped, or wake it up. Raises ThumbctlError where it is over."""
        ranges = list(self.table.ranges(job.id))
        to = JobState.RUNNING if job.ranges_open or any(each.is_done for each in ranges) else JobState.PLANNING
        moved = self.table.move(job.id, to, JobState.PAUSED, JobState.STOPPED)
        state = self.find(job.id).state
        if state.is_over:
            raise ThumbctlError(f"{job.id} is {state}: begin another.")
        # A message that is there twice does no harm.
        if state is JobState.PLANNING or (moved and to is JobState.PLANNING):
            self._send([WorkMessage(job.id)])
        self._send(WorkMessage(job.id, each.name) for each in ranges if not each.is_done)
        self.table.finish(job.id)

    def cancel(self, job: BulkJob) -> None:
        """End a job. Raises ThumbctlError where it is over."""
        if not self.table.cancel(job.id):
            raise ThumbctlError(f"{job.id} is {self.find(job.id).state} already.")

    def _send(self, messages: Iterable[WorkMessage]) -> None:
        sender = Sender(self.stack.client("sqs"), self._output("ranges_queue_url"), Pace(None))
        bodies = [Message(each.body) for each in messages]
        for first in range(0, len(bodies), MESSAGES_A_CALL):
            sender.send(bodies[first : first + MESSAGES_A_CALL])

    def _require_reconcile(self, *, repair: bool) -> None:
        reconcile = self._outputs()["reconcile"]
        if reconcile is None:
            raise ThumbctlError(
                "The range worker of this stack may not look at thumbnails: set jobs = { reconcile = {} } in its"
                " Terraform module, or leave out --in-account."
            )
        if repair and not reconcile["repair"]:
            raise ThumbctlError(
                "The range worker of this stack may delete no thumbnails: set jobs = { reconcile = { repair = true } }"
                " in its Terraform module, or leave out --repair or --in-account."
            )

    def _output(self, name: str) -> str:
        return str(self._outputs()[name])

    def _outputs(self) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] | None = self.stack.outputs.get("jobs")
        if outputs is None:
            raise ThumbctlError(
                "This stack runs no bulk jobs in its account: set jobs = {} in its Terraform module, or leave out"
                " --in-account."
            )
        return outputs
