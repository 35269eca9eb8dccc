"""What the range worker tells of jobs: lines of the log, and metrics, of which alarms are made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.jobs.records import EXAMINED, SENT, JobState
from thumbnail_pipeline.reconciliation.findings import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange
    from thumbnail_pipeline.jobs.table import JobTable


def stop(table: JobTable, job_id: str, why: str) -> None:
    """Stop a job that is not over, and tell why; without effect, and silent, where somebody has done so before."""
    if table.move(job_id, JobState.STOPPED, JobState.RUNNING, JobState.PLANNING, why=why):
        telemetry.log("ERROR", "job stopped", job=job_id, why=why)
        _publish({"JobsStopped": 1})


def finish(table: JobTable, job_id: str) -> bool:
    """End a job whose ranges are all done, and say whether that was now."""
    is_done = table.finish(job_id)
    if is_done:
        telemetry.log("INFO", "job done", job=job_id)
        _publish({"JobsDone": 1})
    return is_done


def how_complete(function: str, job: BulkJob) -> None:
    """Publish what a pass over all that is watched has found, as the reconciler does, under the thumbnailer's name."""
    values = {
        "Completeness": job.completeness,
        "Incomplete": job.counts[Standing.INCOMPLETE],
        "Orphans": job.orphans,
        "Checked": job.examined,
    }
    telemetry.publish(function, values)


def turn_over(found: KeyRange) -> None:
    """Count what a turn has dealt with: what its job is not told yet."""
    new = {name: found.counts[what] - found.told[what] for name, what in _COUNTED.items()}
    _publish({**new, "TurnsFailed": 0})


def turn_failed(about: Mapping[str, str], error: Exception) -> None:
    """Tell of a turn, or of a planning, that will be tried again."""
    telemetry.log("ERROR", "turn failed", **about, error=repr(error))
    _publish({"TurnsFailed": 1})


_COUNTED = {"ObjectsExamined": EXAMINED, "MessagesSent": SENT}


def _publish(values: Mapping[str, float]) -> None:
    telemetry.publish(os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"), values)
