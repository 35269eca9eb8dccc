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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from thumbnailer import telemetry
from thumbnailer.alerts import Alerts, Failure
from thumbnailer.aws import Clients
from thumbnailer.catalog import FAILED, Catalog
from thumbnailer.config import Config
from thumbnailer.errors import Permanent, Systemic, Transient
from thumbnailer.events import parse
from thumbnailer.pipeline import Pipeline
from thumbnailer.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from thumbnailer.events import ObjectEvent
    from thumbnailer.pipeline import Outcome

# A record is started only while this share of the invocation's time is left: a function that is killed
# takes its whole batch back to the queue, finished neighbours included.
_RESERVED_SHARE = 0.3
_HANDED_BACK = "HANDED_BACK"


class LambdaContext(Protocol):
    """What the handler needs of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the invocation."""


@dataclass(frozen=True)
class Worker:
    """What a warm function keeps between invocations."""

    pipeline: Pipeline
    alerts: Alerts

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Worker:
        """Read the configuration and make the clients. Raises Systemic."""
        config = Config.from_environment(environment)
        clients = Clients.connect()
        storage = Storage(clients.s3, config.thumbnails_bucket)
        catalog = Catalog(clients.dynamodb, config.catalog_table)
        return cls(Pipeline(config, storage, catalog), Alerts(clients.sns, config.alerts_topic_arn))

    def run(self, records: Iterable[dict[str, Any]], context: LambdaContext) -> list[str]:
        """Process the SQS `records` and return the ids of the messages that must come back.

        Raises Systemic.
        """
        reserve_ms = context.get_remaining_time_in_millis() * _RESERVED_SHARE
        metrics = telemetry.Metrics()
        returned: list[str] = []
        failures: dict[str, list[Failure]] = {}
        try:
            for record in records:
                message_id = record["messageId"]
                if context.get_remaining_time_in_millis() < reserve_ms:
                    returned.append(message_id)
                    metrics.count(_HANDED_BACK)
                    continue
                message = _Message(record, context.aws_request_id, metrics)
                if not message.process(self.pipeline):
                    returned.append(message_id)
                if message.failures:
                    failures[message_id] = message.failures
            returned += self._tell(failures, returned)
        finally:
            metrics.flush()
        return returned

    def _tell(self, failures: Mapping[str, list[Failure]], returned: list[str]) -> list[str]:
        """Publish the digest; return the messages that must come back because nobody could be told."""
        try:
            self.alerts.publish([failure for group in failures.values() for failure in group])
        except Transient as error:
            telemetry.log("WARNING", "alert not published", error=str(error))
            return [message_id for message_id in failures if message_id not in returned]
        return []


class _Message:
    """One SQS message on its way through the pipeline."""

    def __init__(self, record: dict[str, Any], request_id: str, metrics: telemetry.Metrics) -> None:
        self._id = record["messageId"]
        self._body = record["body"]
        self._attempt = int(record["attributes"]["ApproximateReceiveCount"])
        self._request_id = request_id
        self._metrics = metrics
        self.failures: list[Failure] = []

    def process(self, pipeline: Pipeline) -> bool:
        """Return whether the message is done with. Raises Systemic."""
        try:
            events = parse(self._body)
        except Permanent as unreadable:
            self._reject(unreadable)
            return True
        done = True
        for event in events:
            if isinstance(event, Permanent):
                self._reject(event)
            else:
                done = self._apply(pipeline, event) and done
        return done

    def _apply(self, pipeline: Pipeline, event: ObjectEvent) -> bool:
        started = time.monotonic()
        key = event.image.key
        try:
            with telemetry.subsegment("image", metadata={"key": key, "bucket": event.image.bucket}) as annotations:
                outcome = pipeline.apply(event, attempt=self._attempt)
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
            self._metrics.count("RETURNED")
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
        self.failures.append(Failure(f"message {self._id}", error.reason, error.detail))
        self._log("WARNING", "message rejected", reason=error.reason, detail=error.detail)

    def _log(self, level: str, message: str, **fields: object) -> None:
        telemetry.log(level, message, request_id=self._request_id, message_id=self._id, attempt=self._attempt, **fields)
