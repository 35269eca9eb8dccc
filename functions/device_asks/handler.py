"""The entry point that IoT's rule calls: one request, one answer, one line of the log.

Only what cannot be told is raised: Lambda tries such an event twice more, and then hands it to the queue of errors.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import gc
import os
import time
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from device_asks.answering import Gate
from device_asks.requests import Published
from thumbnail_pipeline import telemetry
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.things import ACCEPTED, REJECTED

if TYPE_CHECKING:
    from thumbnail_pipeline.environment import LambdaContext

_RETRY_AFTER_SECONDS: Final = 5

_gate = Gate.start(os.environ)
# What a cold start has made stays: the collector need not look at it again and again.
gc.freeze()


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Answer one request of a device on its own topic. Raises where it cannot be told."""
    began = time.monotonic()
    told: dict[str, Any] = {"outcome": "untold"}
    refused, fault = False, True
    try:
        published = Published.read(event)
        told |= {
            "thing": published.thing,
            "id": published.own_id,
            "waited_ms": max(0, round(_gate.clock() * 1000) - published.received_at),
        }
        refusal = _answer(published, told)
        fault = refusal is not None and refusal.problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        refused = refusal is not None and not fault
    except Exception as error:
        told |= _described(error)
        raise
    finally:
        milliseconds = round((time.monotonic() - began) * 1000)
        level = "ERROR" if fault else "INFO"
        telemetry.log(level, "request", request_id=context.aws_request_id, milliseconds=milliseconds, **told)
        counts = {"Requests": 1, "Refused": int(refused), "Faults": int(fault)}
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
        telemetry.publish(function, {**counts, "RequestTime": milliseconds})


def _answer(published: Published, told: dict[str, Any]) -> Refusal | None:
    """Answer, note in `told` how, and return what it was refused with, if it was. Raises where it cannot be told."""
    try:
        reply = _gate.answer(published.thing, published.request(_gate.config.limits))
    except Refusal as error:
        refusal = error
    except Transient as error:
        refusal = Refusal(Problem.BUSY, retry_after=_RETRY_AFTER_SECONDS)
        told["error"] = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the device hears no more than that it was not its fault
        refusal = Refusal(Problem.INTERNAL, retry_after=_RETRY_AFTER_SECONDS)
        told |= _described(error)
    else:
        _gate.tell(published.thing, ACCEPTED, reply.message)
        told["outcome"] = reply.outcome
        return None
    _gate.tell(published.thing, REJECTED, _rejected(refusal, published.own_id))
    told["outcome"] = refusal.problem.urn
    return refusal


def _rejected(refusal: Refusal, own_id: str | None) -> dict[str, Any]:
    message = {"id": own_id, **refusal.document, "retry_after": refusal.retry_after}
    return {name: value for name, value in message.items() if value is not None}


def _described(error: Exception) -> dict[str, Any]:
    # Its text may have a URL in it, and with that the right to upload. Lines of code have none.
    return {"error": type(error).__name__, "where": "".join(traceback.format_tb(error.__traceback__))}
