"""Bulk jobs in a deployed stack's account: begun as operators do, and looked at where they are kept."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from typer.testing import CliRunner

from devtools.localaws import emulator
from support import inventories
from support.deployment import eventually
from support.inventories import InventoryRow
from thumbctl.app import app
from thumbnail_pipeline import addresses
from thumbnail_pipeline.jobs.table import JobTable

if TYPE_CHECKING:
    from support.deployment import Deployment
    from thumbnail_pipeline.jobs.records import BulkJob, JobState, KeyRange

VISIBILITY_SECONDS: Final = 90
"""After so long, the range of a worker that was killed is somebody else's."""


class DeployedJobs:
    """The jobs of one stack."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        outputs = deployment.outputs["jobs"]
        self.worker: str = outputs["function_name"]
        self._queue, self._log = outputs["ranges_queue_url"], outputs["log_group_name"]
        self._table = JobTable(deployment.dynamodb, outputs["table_name"])

    def thumbctl(self, *arguments: str) -> str:
        """Run it as the account's root, and return what it writes for scripts."""
        stack = self._deployment.stack
        known = {"AWS_DEFAULT_REGION": stack.region, "AWS_ENDPOINT_URL": stack.endpoint_url, "THUMBCTL_STACK": "thumbs"}
        result = CliRunner(env=emulator.ROOT_CREDENTIALS | known).invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        return result.stdout

    def begin(self, prefix: str, *options: str) -> str:
        """Begin a backfill of every image below a prefix, up to date or not, and return the job."""
        said = self.thumbctl("backfill", "--in-account", "--force", "--yes", "--prefix", prefix, *options)
        return str(json.loads(said)["job"])

    def deliver(self, *keys: str) -> str:
        """Have an inventory of these uploads where jobs may read it, and return where its manifest is."""
        uploads, s3 = self._deployment.outputs["source_bucket"], self._deployment.s3
        (lists,) = self._deployment.outputs["jobs"]["inventories"]
        bucket, _ = addresses.parsed(lists)
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
        seen = {key: s3.head_object(Bucket=uploads, Key=key) for key in keys}
        rows = [InventoryRow(key, each["ContentLength"], each["ETag"].strip('"')) for key, each in seen.items()]
        files = [inventories.in_csv(rows[first::2], uploads) for first in range(2)]
        inventories.deliver(s3, *files, bucket=uploads, to=bucket)
        return f"{lists}{inventories.MANIFEST}"

    def begin_to_reconcile(self, prefix: str, *options: str) -> str:
        """Begin to look whether everything below a prefix is there, and return the job."""
        return str(json.loads(self.thumbctl("reconcile", "--in-account", "--yes", "--prefix", prefix, *options))["job"])

    def job(self, job: str) -> BulkJob:
        """As it is now."""
        return self._table.job(job)

    def ranges(self, job: str) -> list[KeyRange]:
        """Those that it is divided into, once it is."""
        return list(self._table.ranges(job))

    def when(self, job: str, state: JobState, *, within: float) -> BulkJob:
        """The job once it is so far."""
        return eventually(
            f"{job} is {state}", lambda: found if (found := self.job(job)).state is state else None, within=within
        )

    def logged(self, *words: str) -> list[str]:
        """The lines of the range worker's log that have all these words in them."""
        return self._deployment.logged(*words, group=self._log)

    @property
    def backlog(self) -> int:
        """How many messages about ranges there are, seen and unseen."""
        return self._deployment.backlog(self._queue)

    def end(self) -> None:
        """Cancel what is not over, and remove every message about ranges."""
        for each in self._table.jobs():
            # It may come to its end by itself at the same moment.
            self._table.cancel(each.id)
        self._deployment.sqs.purge_queue(QueueUrl=self._queue)
