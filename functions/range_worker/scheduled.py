"""What a schedule has the worker do: begin a reconciliation of all that is watched, unless one is under way."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.clients import code_of
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.jobs.messages import WorkMessage
from thumbnail_pipeline.jobs.records import Asked, BulkJob, JobBounds, JobKind, JobPrices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from range_worker.turns import RangeWorker
    from thumbnail_pipeline.settings import Settings


def begin(worker: RangeWorker, event: Mapping[str, Any]) -> str | None:
    """Begin a job and return its name, or None where another one is open; an invocation that is repeated begins none.

    Raises Systemic for an event that is no schedule's, and where there is to be no schedule.
    """
    config = worker.config
    if event.get("begin") != JobKind.RECONCILE or config.scheduled is None:
        raise Systemic(f"it was invoked with neither messages nor a schedule's event: {event}")
    moment = _scheduled_at(event.get("at", ""), worker.clock())
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{JobKind.RECONCILE}"
    asked = Asked(
        kind=JobKind.RECONCILE,
        bucket=config.source_bucket,
        prefix=config.source_prefix,
        settings_fingerprint=config.settings.fingerprint,
        prices=list_prices(config.settings),
        repair=config.scheduled.repairs,
        by="schedule",
        at=worker.clock(),
    )
    if other := worker.table.conflict(asked, but=name):
        telemetry.log("WARNING", "no job begun, for another one is open", job=other.id, state=other.state)
        return None
    try:
        worker.table.create(BulkJob(name, asked, JobBounds(dollars=config.scheduled.dollars)))
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
    # Whoever created it may have died before this, and a message that is there twice does no harm.
    worker.queues.send_ranges([WorkMessage(name).body])
    telemetry.log("INFO", "job begun", job=name)
    return name


def list_prices(settings: Settings) -> JobPrices:
    """What a job is reckoned to cost: list prices with the module's defaults, rounded up.

    A test holds them to those that thumbctl reckons with, which knows more of the deployment.
    """
    renditions = len(settings.renditions)
    return JobPrices(message=6e-6 * (1 + renditions), million_examined=0.10 + 0.005 * renditions)


def _scheduled_at(text: str, otherwise: float) -> float:
    """When the schedule was due, or now where a person invokes the function.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return otherwise
