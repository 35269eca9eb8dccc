"""One batch of messages, and the contract of acknowledgement with SQS:

- a message is acknowledged when all its events are decided: applied, outdated, or recorded as failures;
- a message that may succeed later is named in `batchItemFailures` and comes back alone;
- a fault that every message would meet raises, so that Lambda's pollers back off and nothing is burnt:
  with partial responses they do not back off.
  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
- what there is no time left for is handed back untouched.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from thumbnailer import telemetry
from thumbnailer.alerts import Alerts, Failure
from thumbnailer.aws import Clients
from thumbnailer.catalog import FAILED, Catalog
from thumbnailer.config import Config
from thumbnailer.errors import Permanent, Systemic, Transient
from thumbnailer.events import parse
from thumbnailer.isolation import Isolation, Patience
from thumbnailer.pipeline import Pipeline
from thumbnailer.queue import Queue
from thumbnailer.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thumbnailer.events import ObjectEvent
    from thumbnailer.pipeline import Outcome

# A record is started only while this share of the invocation's time is left: a function that is killed
# takes its whole batch back to the queue, finished neighbours included.
_RESERVED_SHARE = 0.3
# An image that was given this share to itself and did not get done is too slow, and not just unlucky.
_ENOUGH_SHARE = 0.5
# While one image waits for S3, another is rendered: Pillow lets go of the interpreter's lock where it works hard.
_SIDE_BY_SIDE = 4
_HANDED_BACK = "HANDED_BACK"
_RETURNED = "RETURNED"


class LambdaContext(Protocol):
    """What the handler needs of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the invocation."""


@dataclass(frozen=True)
class Worker:
    """What a warm function keeps between invocations."""

    config: Config
    storage: Storage
    catalog: Catalog
    isolation: Isolation
    alerts: Alerts
    queue: Queue

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Worker:
        """Read the configuration and make the clients. Raises Systemic."""
        config = Config.from_environment(environment)
        # Whatever is begun with the reserve untouched can still wait for one call that fails in the end.
        call_deadline = config.timeout_seconds * _RESERVED_SHARE
        clients = Clients.connect(call_deadline)
        return cls(
            config=config,
            storage=Storage(clients.s3, config.thumbnails_bucket),
            catalog=Catalog(clients.dynamodb, config.catalog_table),
            isolation=Isolation(config.settings, config.memory_bytes),
            alerts=Alerts(clients.sns, config.alerts_topic_arn),
            queue=Queue(config.retry_first_seconds, call_deadline),
        )

    def run(self, records: Sequence[dict[str, Any]], context: LambdaContext) -> list[str]:
        """Process the SQS `records`, some of them side by side, and return the ids of the messages that must
        come back.

        Raises Systemic.
        """
        allotted_ms = context.get_remaining_time_in_millis()
        reserve_ms = allotted_ms * _RESERVED_SHARE
        patience = Patience(
            left=lambda: (context.get_remaining_time_in_millis() - reserve_ms) / 1000,
            enough=allotted_ms * _ENOUGH_SHARE / 1000,
        )
        pipeline = Pipeline(self.config, self.storage, self.catalog, partial(self.isolation.render, patience=patience))
        metrics = telemetry.Metrics()
        messages = [_Message(record, context.aws_request_id, metrics) for record in records]

        def process(message: _Message) -> None:
            if context.get_remaining_time_in_millis() < reserve_ms:
                message.hand_back()
            else:
                message.process(pipeline)

        try:
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
                # A systemic fault raises here, once those that have begun are through.
                list(pool.map(telemetry.in_this_trace(process), messages))
            self._tell(messages)
        finally:
            metrics.flush()
        returned = [message for message in messages if not message.done]
        for message in returned:
            self.queue.postpone(message.record, message.attempt)
        return [message.id for message in returned]

    def _tell(self, messages: Sequence[_Message]) -> None:
        """Publish the digest of what has failed; where nobody can be told, its messages must come back."""
        failed = [message for message in messages if message.failures]
        try:
            self.alerts.publish([failure for message in failed for failure in message.failures])
        except Transient as error:
            telemetry.log("WARNING", "alert not published", error=str(error))
            for message in failed:
                message.done = False


class _Message:
    """One SQS message on its way through the pipeline."""

    def __init__(self, record: dict[str, Any], request_id: str, metrics: telemetry.Metrics) -> None:
        self.record = record
        self.id: str = record["messageId"]
        self.attempt = int(record["attributes"]["ApproximateReceiveCount"])
        self.failures: list[Failure] = []
        self.done = False
        self._request_id = request_id
        self._metrics = metrics

    def hand_back(self) -> None:
        """Leave it for another invocation, untouched."""
        self._metrics.count(_HANDED_BACK)

    def process(self, pipeline: Pipeline) -> None:
        """Apply its events; it is done when all of them are decided. Raises Systemic."""
        try:
            events = parse(self.record["body"])
        except Permanent as unreadable:
            events = (unreadable,)
        decided = [self._decide(pipeline, event) for event in events]
        self.done = all(decided)

    def _decide(self, pipeline: Pipeline, event: ObjectEvent | Permanent) -> bool:
        if isinstance(event, Permanent):
            self._reject(event)
            return True
        return self._apply(pipeline, event)

    def _apply(self, pipeline: Pipeline, event: ObjectEvent) -> bool:
        started = time.monotonic()
        key = event.image.key
        try:
            with telemetry.subsegment("image", metadata={"key": key, "bucket": event.image.bucket}) as annotations:
                outcome = pipeline.apply(event, attempt=self.attempt)
                annotations["outcome"] = outcome.result
                if outcome.reason:
                    annotations["reason"] = outcome.reason
        except Systemic as error:
            self._log("ERROR", "systemic failure, the whole batch comes back", key=key, error=str(error))
            raise
        except Exception as error:  # noqa: BLE001 - a bug must cost one message, not its neighbours
            # What nobody foresaw is this message's own problem until it is known better: after its last
            # delivery it lies in the dead-letter queue, with its neighbours long done.
            kind = "transient" if isinstance(error, Transient) else "unexpected"
            self._metrics.count(_RETURNED)
            self._log("WARNING", f"{kind} failure, returned to the queue", key=key, error=repr(error))
            return False
        self._metrics.count(outcome.result, outcome.reason)
        if outcome.report:
            self._report(outcome)
        milliseconds = round((time.monotonic() - started) * 1000)
        self._log("INFO", "image", key=key, outcome=outcome.result, reason=outcome.reason, milliseconds=milliseconds)
        return True

    def _report(self, outcome: Outcome) -> None:
        subject = f"s3://{outcome.image.bucket}/{outcome.image.key}"
        detail = outcome.detail or "its row in the catalog tells why"
        self.failures.append(Failure(subject, outcome.reason or "failed", detail))

    def _reject(self, error: Permanent) -> None:
        self._metrics.count(FAILED, error.reason)
        self.failures.append(Failure(f"message {self.id}", error.reason, error.detail))
        self._log("WARNING", "message rejected", reason=error.reason, detail=error.detail)

    def _log(self, level: str, message: str, **fields: object) -> None:
        telemetry.log(level, message, request_id=self._request_id, message_id=self.id, attempt=self.attempt, **fields)
