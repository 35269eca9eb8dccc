"""The entry point that EventBridge Scheduler has Lambda call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reconciler.scheduled import Scheduled

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_scheduled = Scheduled.start(os.environ)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - the schedule sends nothing
    """Go on with the pass over both buckets. Returns its counts, for people who invoke the function by hand."""
    return _scheduled.run(context)
