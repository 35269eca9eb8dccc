"""The entry point that Lambda calls with records of the catalog's stream."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

from publisher.publishing import Publisher

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_publisher = Publisher.start(os.environ)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Send the events of one batch, and name the first record that has to come back, if any.

    Raises Systemic, whereupon the whole batch comes back.
    """
    returned = _publisher.run(event["Records"], context)
    return {"batchItemFailures": [{"itemIdentifier": returned}] if returned else []}
