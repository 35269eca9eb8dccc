"""The entry point that Lambda calls with messages about ranges, and a schedule with what is to begin."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config as ClientConfig

from range_worker import scheduled
from range_worker.config import RangeWorkerConfig
from range_worker.queues import JobQueues
from range_worker.turns import RangeWorker, Received
from thumbnail_pipeline import lean, telemetry
from thumbnail_pipeline.clients import USER_AGENT
from thumbnail_pipeline.jobs.table import JobTable
from thumbnail_pipeline.reconciliation.comparison import CONNECTIONS, Estate
from thumbnail_pipeline.reconciliation.mending import ONCE
from thumbnail_pipeline.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.environment import LambdaContext

# The rest is for what is under way then, and for leaving the range to others.
_TURN_SHARE: Final = 0.6


def start(environment: Mapping[str, str]) -> RangeWorker:
    """Read the environment and make the clients; nothing goes over the network. Raises Systemic."""
    config = RangeWorkerConfig.from_environment(environment)
    # A throttled call is no reason to give up a turn.
    patient = ClientConfig(
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=2,
        read_timeout=5,
        user_agent=USER_AGENT,
        # Every request is made here, and checking each of its keys takes longer than sending it.
        parameter_validation=False,
    )
    session = boto3.session.Session(botocore_session=lean.session())
    dynamodb, s3 = session.client("dynamodb", config=patient), session.client("s3", config=patient)
    return RangeWorker(
        config=config,
        table=JobTable(dynamodb, config.jobs_table),
        queues=JobQueues(config, session.client("sqs", config=patient), session.client("lambda", config=patient)),
        s3=s3,
        deleting=session.client("s3", config=patient.merge(ONCE)),
        rows=lambda bucket: Rows(dynamodb, config.catalog_table, bucket, thumbnails=False),
        estate=lambda prefix: Estate(
            s3,
            dynamodb,
            config.source_bucket,
            config.thumbnails_bucket,
            config.catalog_table,
            config.settings,
            prefix,
            config.propagates_deletions,
        ),
    )


_worker = start(os.environ)
# What a cold start has made stays, and what pages of answers are made of goes with them, without cycles: a collector
# that looks at both again and again takes a tenth of a worker's processor.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.freeze()
gc.set_threshold(100_000)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Have a turn for each message, and name those that come back; or begin what a schedule asks for."""
    if "Records" not in event:
        return {"job": scheduled.begin(_worker, event)}
    seconds = context.get_remaining_time_in_millis() / 1000 * _TURN_SHARE / len(event["Records"])
    returned: list[dict[str, str]] = []
    for record in event["Records"]:
        received = Received(
            body=record["body"],
            times=int(record["attributes"]["ApproximateReceiveCount"]),
            sent_at=int(record["attributes"]["SentTimestamp"]) / 1000,
        )
        wait = _worker.work(received, holder=context.aws_request_id, until=time.time() + seconds)
        telemetry.log("INFO", "turn", request_id=context.aws_request_id, about=received.body, comes_back_in=wait)
        if wait is not None:
            _worker.queues.postpone(record["receiptHandle"], wait)
            returned.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": returned}
