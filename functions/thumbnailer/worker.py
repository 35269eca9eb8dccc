"""Processes one batch of messages, and decides which of them SQS may delete and which come back:

- a message is acknowledged (deleted) when all its events are decided: applied, outdated, or recorded as failures;
- a message that may succeed later is named in `batchItemFailures` and comes back alone;
- a fault that every message would meet raises an error, so that Lambda's pollers back off and messages do not use up
  their deliveries; after a partial response they do not back off.
  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
- a message for which there is no time left comes back, and nothing has been done about it.
"""

from __future__ import annotations

import itertools
import resource
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.clients import Clients
from thumbnail_pipeline.errors import OutOfTime, Permanent, Systemic, Transient, Withheld
from thumbnail_pipeline.messages import parse
from thumbnail_pipeline.outcomes import Status, Unapplied, Undecided
from thumbnailer.admission import Admission, Patience
from thumbnailer.alerts import Alerts, Failure
from thumbnailer.catalog import Catalog
from thumbnailer.config import ThumbnailerConfig
from thumbnailer.digests import Digests
from thumbnailer.pipeline import Pipeline
from thumbnailer.postponing import WorkQueue, delay, delay_of_denied
from thumbnailer.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from thumbnail_pipeline.environment import LambdaContext
    from thumbnail_pipeline.messages import ObjectEvent
    from thumbnail_pipeline.renderer.rendering import Rendered
    from thumbnailer.pipeline import Outcome

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")

# A message is begun only while this share of the invocation's time is left: when Lambda kills an invocation, the
# whole batch comes back, with the messages that were finished.
_RESERVED_SHARE = 0.3
# An image that is not done after this share of the time, in a process of its own, is too slow and not just unlucky.
_ENOUGH_SHARE = 0.5

# What counts each outcome but FAILED, which is counted by its reason.
_METRICS = {
    Status.READY: "Ready",
    Status.DELETED: "Deleted",
    Unapplied.STALE: "Stale",
    Unapplied.DUPLICATE: "Duplicate",
    Unapplied.IGNORED: "Ignored",
    Unapplied.KEPT: "Kept",
}


@dataclass(frozen=True)
class Worker:
    """What a warm function keeps between invocations."""

    config: ThumbnailerConfig
    storage: Storage
    catalog: Catalog
    admission: Admission
    alerts: Alerts
    queue: WorkQueue
    _invocations: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Worker:
        """Read the configuration and make the clients. Raises Systemic."""
        config = ThumbnailerConfig.from_environment(environment)
        # What is begun just before the reserve still has time for one call that takes longest and then fails.
        clients = Clients.connect(
            deadline=config.timeout_seconds * _RESERVED_SHARE,
            s3_connections=config.capacity.connections,
            dynamodb_connections=config.capacity.images,
        )
        return cls(
            config=config,
            storage=Storage(clients.s3, config.thumbnails_bucket, config.cache_control, config.key_ids),
            catalog=Catalog(clients.dynamodb, config.catalog_table),
            admission=Admission(config.settings, config.capacity, config.memory_bytes),
            alerts=Alerts(
                clients,
                config.alerts_topic_arn,
                Digests(clients.dynamodb, config.digests_table, config.digest_window_seconds),
                config.runbook_url,
            ),
            queue=WorkQueue(clients),
        )

    def run(self, records: Sequence[dict[str, Any]], context: LambdaContext) -> list[str]:
        """Process the SQS `records` side by side, and return the ids of the messages that must come back.

        Raises Systemic.
        """
        allotted_ms = context.get_remaining_time_in_millis()
        reserve_ms = allotted_ms * _RESERVED_SHARE
        patience = Patience(
            left=lambda: (context.get_remaining_time_in_millis() - reserve_ms) / 1000,
            enough=allotted_ms * _ENOUGH_SHARE / 1000,
        )
        invocation = _Invocation(context.aws_request_id, patience)
        if next(self._invocations) == 0:
            invocation.metrics.add("ColdStarts")
        messages = [_Message(record, invocation) for record in records]
        capacity = self.config.capacity
        try:
            with ThreadPoolExecutor(capacity.writes) as writers, ThreadPoolExecutor(capacity.images) as images:
                workshop = _Workshop(self.admission, patience, writers)
                pipeline = Pipeline(self.config, self.storage, self.catalog, workshop)
                process = telemetry.in_this_trace(lambda message: message.process(pipeline))
                # A systemic fault raises here, when all messages that were begun are through.
                list(images.map(process, messages))
            self._tell(messages)
        except Systemic:
            invocation.metrics.add("Systemic")
            raise
        finally:
            invocation.metrics.reach("MemoryUsed", _most_memory_used())
            invocation.metrics.flush()
        returned = [message for message in messages if not message.done]
        for message in returned:
            self.queue.postpone(message.record, self._delay(message))
        return [message.id for message in returned]

    def _delay(self, message: _Message) -> int:
        config = self.config
        if message.withheld:
            return delay_of_denied(message.attempt, config.denied_tries, config.retry_denied_seconds)
        return delay(message.attempt, config.retry_first_seconds)

    def _tell(self, messages: Sequence[_Message]) -> None:
        """Tell people what has failed. Where they cannot be told, the messages of these failures must come back."""
        by_reason: defaultdict[str, list[Failure]] = defaultdict(list)
        for message in messages:
            for failure in message.failures:
                by_reason[failure.reason].append(failure)
        for reason, failures in by_reason.items():
            try:
                self.alerts.tell(reason, failures)
            except Transient as error:
                telemetry.log("WARNING", "alert not published", reason=reason, error=str(error))
                for message in messages:
                    if any(failure.reason == reason for failure in message.failures):
                        message.done = False


@dataclass(frozen=True)
class _Workshop:
    """See `pipeline.Workshop`."""

    admission: Admission
    patience: Patience
    writers: ThreadPoolExecutor

    def hold(self, source_bytes: int) -> AbstractContextManager[None]:
        return self.admission.hold(source_bytes, self.patience)

    def render(self, source: bytes, attempt: int) -> Rendered:
        return self.admission.render(source, attempt, patience=self.patience)

    def side_by_side(self, work: Callable[[_Item], _Done], items: Sequence[_Item]) -> list[_Done]:
        futures = [self.writers.submit(work, item) for item in items]
        wait(futures)
        return [future.result() for future in futures]


class _Invocation:
    """What the messages of one batch share."""

    def __init__(self, request_id: str, patience: Patience) -> None:
        self.request_id = request_id
        self.patience = patience
        self.metrics = telemetry.Metrics("Ready", "Failed")
        self._lock = threading.Lock()
        self._in_flight = 0

    def __enter__(self) -> None:
        with self._lock:
            self._in_flight += 1
            self.metrics.reach("InFlight", self._in_flight)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._in_flight -= 1


class _Message:
    """One SQS message on its way through the pipeline."""

    def __init__(self, record: dict[str, Any], invocation: _Invocation) -> None:
        self.record = record
        self.id: str = record["messageId"]
        self.attempt = int(record["attributes"]["ApproximateReceiveCount"])
        self.failures: list[Failure] = []
        self.done = False
        self.withheld = False
        """Whether it comes back because S3 denies an object."""
        self._invocation = invocation
        self._metrics = invocation.metrics

    def process(self, pipeline: Pipeline) -> None:
        """Apply its events; it is done when all of them are decided. Raises Systemic."""
        try:
            events = parse(self.record["body"])
        except Permanent as unreadable:
            events = (unreadable,)
        with self._invocation:
            decided = [self._decide(pipeline, event) for event in events]
        self.done = all(decided)

    def _decide(self, pipeline: Pipeline, event: ObjectEvent | Permanent) -> bool:
        if isinstance(event, Permanent):
            self._reject(event)
            return True
        return self._apply(pipeline, event)

    def _apply(self, pipeline: Pipeline, event: ObjectEvent) -> bool:
        """Apply `event` and tell of it; whether it is decided. Raises Systemic."""
        record = telemetry.Record()
        try:
            with telemetry.image(record, key=event.image.key, bucket=event.image.bucket):
                self._invocation.patience.require()
                outcome = pipeline.apply(event, attempt=self.attempt)
                record.annotations["outcome"] = outcome.result
                if outcome.reason:
                    record.annotations["reason"] = outcome.reason
        except OutOfTime:
            self._metrics.add("HandedBack")
            self._log_image("INFO", event, record, Undecided.HANDED_BACK)
            return False
        except Withheld as error:
            self.withheld = True
            self._metrics.add("Denied")
            self._log_image("INFO", event, record, Undecided.DENIED, error=str(error))
            return False
        except Systemic as error:
            self._log_image("ERROR", event, record, Undecided.SYSTEMIC, error=str(error))
            raise
        except Exception as error:  # noqa: BLE001 - a bug must cost one message, not its neighbours
            # An error that nobody foresaw counts as this message's own: after its last delivery it is a dead letter,
            # and its neighbours are done.
            self._metrics.add("Returned")
            known = isinstance(error, Transient)
            self._log_image("WARNING", event, record, Undecided.RETURNED, error=str(error) if known else repr(error))
            return False
        self._count(event, record, outcome)
        if outcome.report:
            self._report(outcome)
        return True

    def _count(self, event: ObjectEvent, record: telemetry.Record, outcome: Outcome) -> None:
        metrics, age_ms = self._metrics, None
        if outcome.result is Status.FAILED:
            metrics.fail(outcome.reason or "unknown")
        else:
            metrics.add(_METRICS[outcome.result])
        if "render" in record.milliseconds:
            metrics.observe("RenderTime", record.milliseconds["render"])
        if outcome.result is Status.READY:
            metrics.add("SourceBytes", outcome.source_bytes or 0)
            metrics.add("ThumbnailBytes", outcome.thumbnail_bytes or 0)
            if (age_ms := _age_ms(event)) is not None:
                metrics.observe("Age", age_ms)
        self._log_image(
            "INFO",
            event,
            record,
            outcome.result,
            reason=outcome.reason,
            detail=outcome.detail,
            source_bytes=outcome.source_bytes,
            thumbnail_bytes=outcome.thumbnail_bytes,
            age_ms=age_ms,
        )

    def _report(self, outcome: Outcome) -> None:
        subject = f"s3://{outcome.image.bucket}/{outcome.image.key}"
        detail = outcome.detail or "its row in the catalog tells why"
        self.failures.append(Failure(subject, outcome.reason or "failed", detail))

    def _reject(self, error: Permanent) -> None:
        self._metrics.fail(error.reason)
        self.failures.append(Failure(f"message {self.id}", error.reason, error.detail))
        self._log("WARNING", "message rejected", reason=error.reason, detail=error.detail)

    def _log_image(
        self, level: str, event: ObjectEvent, record: telemetry.Record, outcome: str, **fields: object
    ) -> None:
        """Write the one line of the log about an image."""
        steps = {f"{name}_ms": milliseconds for name, milliseconds in record.milliseconds.items()}
        named = {"key": event.image.key, "version_id": event.version_id, "outcome": outcome}
        self._log(level, "image", **named, milliseconds=record.total_milliseconds, **steps, **fields)

    def _log(self, level: str, message: str, **fields: object) -> None:
        request_id = self._invocation.request_id
        telemetry.log(level, message, request_id=request_id, message_id=self.id, attempt=self.attempt, **fields)


def _age_ms(event: ObjectEvent) -> int | None:
    """Milliseconds since the event happened, or None where nobody says when: this is what users wait for."""
    try:
        return telemetry.age_ms(datetime.fromisoformat(event.occurred_at))
    except (ValueError, TypeError):
        return None


def _most_memory_used() -> float:
    """Megabytes that this process had at its peak, in its whole life."""
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kibibytes / 1024, 1)
