"""The exception tree. Its one axis is what must happen to the message that failed.

    PipelineError
    ├── Permanent   recorded with a reason, counted, alerted, acknowledged: trying again cannot help
    ├── Transient   this message alone goes back to the queue
    │   ├── OutOfTime   untouched, for the invocation is nearly over
    │   └── Withheld    S3 denies this object: it goes back for longer, and is given up in the end
    └── Systemic    the whole invocation fails: others would meet it too, until a person acts

Systemic faults must not be reported as batch item failures: partial batch responses switch off the
back-off of Lambda's pollers, and a broken policy would burn the backlog into the dead-letter queue.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.outcomes import Reason

__all__ = ["OutOfTime", "Permanent", "PipelineError", "Systemic", "Transient", "Withheld"]


class PipelineError(Exception):
    """Anything that the pipeline itself raises."""


class _WithReason(PipelineError):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Permanent(_WithReason):
    """The input can never be processed.

    `detail` is one sentence for the person who looks at this one image.

        raise Permanent(Reason.EMPTY, "The object has no bytes.")
    """


class Transient(PipelineError):
    """A throttle, a time-out, a 5xx: the same message is expected to succeed later."""


class OutOfTime(Transient):
    """Not begun, because it could not be finished before Lambda ends the invocation."""


class Withheld(_WithReason, Transient):
    """S3 denies this one object, as it does where objects are scanned first: `reason` is what it fails for in the end.

    raise Withheld(Reason.ACCESS_DENIED, "S3 denies it: explicit deny in a resource-based policy")
    """


class Systemic(PipelineError):
    """A lost permission, a missing table, bad configuration: other messages would fail the same way."""
