"""The pre-provisioning hook: which device may have a certificate of its own in exchange for the claim that all share.

Only one that somebody has announced: its thing is in the registry, is one of ours, and has no certificate but the one
that is asked about, where an answer got lost. So whoever has got hold of the claim makes no devices. Where this cannot
be found out, it raises: then IoT denies, and the device tries again.
https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
"""

from __future__ import annotations

import gc
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from device_admission.config import DeviceAdmissionConfig
from thumbnail_pipeline import telemetry
from thumbnail_pipeline.asking.aws import Aws, ServiceError
from thumbnail_pipeline.things import is_thing_name

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_ALLOWED: Final = "announced, and without another certificate"

_config = DeviceAdmissionConfig.from_environment(os.environ)
_aws = Aws(_config.access)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether a device may be provisioned. Raises Transient or ServiceError where the registry does not answer."""
    given = event["parameters"].get("SerialNumber")
    thing = given if isinstance(given, str) and is_thing_name(given) else None
    why = "no name of a thing" if thing is None else _judged(thing, str(event["certificateId"]))
    allowed = why == _ALLOWED
    request_id = context.aws_request_id
    telemetry.log("INFO", "admission", request_id=request_id, thing=thing, allowed=allowed, why=why)
    return {"allowProvisioning": allowed, "parameterOverrides": {}}


def _judged(thing: str, certificate_id: str) -> str:
    path = f"/things/{thing}"
    try:
        if _aws.iot(path).get("thingTypeName") != _config.thing_type:
            return "not one of our devices"
        held = _aws.iot(f"{path}/principals")
    except ServiceError as error:
        if error.code == str(int(HTTPStatus.NOT_FOUND)):
            return "nobody has announced it"
        raise
    # The names of principals are ARNs, a certificate's ends in its id.
    others = [each for each in held.get("principals", ()) if not each.endswith(f":cert/{certificate_id}")]
    return "it has a certificate already" if others or held.get("nextToken") else _ALLOWED
