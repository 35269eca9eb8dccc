"""The entry point that EventBridge calls with a completion event: one status to one device, one line of the log.

What cannot be published is raised: Lambda tries such an event twice more, and then hands it to the queue of errors.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

from device_status.config import DeviceStatusConfig
from thumbnail_pipeline import telemetry
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.things import STATUS, thing_of_key, topic

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_config = DeviceStatusConfig.from_environment(os.environ)
_aws = Aws(_config.access)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Tell a device what became of an image of its own. Raises where it cannot be told."""
    published = failed = 0
    told: dict[str, Any] = {}
    try:
        detail = event["detail"]
        image = detail["data"]
        told |= {"key": image["key"], "event_id": detail["id"], "sequence": detail["sequence"]}
        if found := thing_of_key(_config.source_prefix, image["key"]):
            thing, own_id = found
            status = {"id": own_id, "status": image["status"], "sequence": detail["sequence"]}
            reason = {"reason": image["reason"]} if image["reason"] else {}
            _aws.publish(_config.iot_endpoint, topic(_config.topic_prefix, thing, STATUS), {**status, **reason})
            published = 1
    except Exception as error:
        failed = 1
        told["error"] = str(error) or type(error).__name__
        raise
    finally:
        level, outcome = ("ERROR", "untold") if failed else ("INFO", "told" if published else "of no device")
        telemetry.log(level, "status", request_id=context.aws_request_id, outcome=outcome, **told)
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
        telemetry.publish(function, {"StatusesPublished": published, "StatusesFailed": failed})
