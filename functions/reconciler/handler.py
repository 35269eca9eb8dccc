"""The entry point that EventBridge Scheduler has Lambda call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reconciler.scheduled import Scheduled

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_scheduled = Scheduled.start(os.environ)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - nothing is in it
    """Go on with the pass over both buckets; what it returns is for whoever invokes it by hand."""
    return _scheduled.run(context)
