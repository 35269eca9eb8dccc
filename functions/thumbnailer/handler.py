"""The entry point that Lambda calls; what to acknowledge is the worker's contract."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

from thumbnailer import snapshot
from thumbnailer.worker import Worker

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_worker = Worker.start(os.environ)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()
snapshot.prepare(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Process one batch of SQS messages and name those that must come back.

    Raises Systemic, whereupon the whole batch comes back.
    """
    returned = _worker.run(event["Records"], context)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in returned]}
