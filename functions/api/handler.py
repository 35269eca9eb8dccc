"""The entry point that the gateway calls: one request, one answer, one line of the log, whatever happens."""

from __future__ import annotations

import gc
import os
import time
import traceback
from typing import TYPE_CHECKING, Any

from api.answers import Answer
from api.requests import Request
from api.routes import ROUTES, FrontDoor
from thumbnail_pipeline import telemetry
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.errors import Transient

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_door = FrontDoor.start(os.environ)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request. Nothing is raised, for the gateway would answer in words of its own."""
    began = time.monotonic()
    route: str = event["routeKey"] if event.get("routeKey") in ROUTES else "unknown"
    told: dict[str, Any] = {}
    try:
        request = Request.read(event, _door.config.own_issuer)
        answer = _door.answer(request, context)
    except Refusal as refusal:
        answer = Answer.of(refusal)
        told["problem"] = refusal.problem.urn
    except Transient as error:
        answer = Answer.of(Refusal(Problem.BUSY, retry_after=1))
        told["error"] = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the client hears no more than that it was not its fault
        answer = Answer.of(Refusal(Problem.INTERNAL))
        # Its text may have a key in it, and with that a user. Lines of code have none.
        told["error"] = type(error).__name__
        told["where"] = "".join(traceback.format_tb(error.__traceback__))
    milliseconds = round((time.monotonic() - began) * 1000)
    telemetry.log(
        "ERROR" if answer.is_fault else "INFO",
        "request",
        request_id=context.aws_request_id,
        gateway_request_id=event.get("requestContext", {}).get("requestId"),
        route=route,
        status=answer.status,
        milliseconds=milliseconds,
        **told,
    )
    counts = {"Requests": 1, "Refused": int(answer.is_refused), "Faults": int(answer.is_fault)}
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
    telemetry.publish(function, {**counts, "RequestTime": milliseconds}, Route=route)
    return answer.as_lambda()
