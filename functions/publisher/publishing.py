"""Announces what a batch of the catalog's stream tells, and decides from where on the batch comes back.

A record that comes back takes all that follow it along, those that were sent as well, whose events have the same ids.
Therefore the others of a batch are sent even if one cannot be: when that one is parked at last, with all that follow
it, nothing else is missing.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3

from publisher.config import BUS, PublisherConfig
from thumbnail_pipeline import telemetry
from thumbnail_pipeline.clients import client_config
from thumbnail_pipeline.completion import event_of_record
from thumbnail_pipeline.sending import ChangeStream, EventBus, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.environment import LambdaContext
    from thumbnail_pipeline.sending import Destination

# No call is begun when less is left: when Lambda kills an invocation, it all comes back, with what was sent.
_RESERVED_SHARE = 0.3


@dataclass(frozen=True)
class Publisher:
    """What a warm function keeps between invocations."""

    deployment: str
    destination: Destination
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Publisher:
        """Read the environment and make the client; nothing goes over the network. Raises Systemic."""
        config = PublisherConfig.from_environment(environment)
        session = boto3.session.Session()
        # What is begun just before the reserve still has time for the call that takes longest.
        one_call = client_config(config.timeout_seconds * _RESERVED_SHARE, connections=1)
        if config.destination == BUS:
            return cls(config.deployment, EventBus(session.client("events", config=one_call), config.target))
        return cls(config.deployment, ChangeStream(session.client("kinesis", config=one_call), config.target))

    def run(self, records: Sequence[Mapping[str, Any]], context: LambdaContext) -> str | None:
        """Send the events that `records` call for, and return the sequence number from which on they come back.

        None where all is done. Raises Systemic.
        """
        reserve_ms = context.get_remaining_time_in_millis() * _RESERVED_SHARE
        metrics = telemetry.Metrics("EventsPublished", "EventsFailed")
        numbers: list[str] = []
        events: list[CompletionEvent] = []
        returned: list[str] = []

        def note(event: CompletionEvent) -> None:
            metrics.add("EventsPublished")
            metrics.observe("EventDelay", delay := _delay_ms(event))
            named = {"key": event.image.key, "event_id": event.detail["id"], "sequence": event.detail["sequence"]}
            telemetry.log("INFO", "event", request_id=context.aws_request_id, **named, delay_ms=delay)

        def fail(number: str, why: str, **named: str) -> None:
            metrics.add("EventsFailed")
            returned.append(number)
            request_id = context.aws_request_id
            telemetry.log("ERROR", "event not sent", request_id=request_id, record=number, **named, error=why)

        try:
            for record in records:
                number = record["dynamodb"]["SequenceNumber"]
                try:
                    event = event_of_record(record, self.deployment)
                except ValueError as error:
                    fail(number, str(error))
                    continue
                if event:
                    numbers.append(number)
                    events.append(event)
            with telemetry.step("send"):
                unsent = send(
                    self.destination,
                    events,
                    left=lambda: (context.get_remaining_time_in_millis() - reserve_ms) / 1000,
                    sent=note,
                    sleep=self.sleep,
                )
            for position, why in unsent.items():
                fail(numbers[position], why, key=events[position].image.key)
        finally:
            metrics.flush()
        return min(returned, key=int, default=None)


def _delay_ms(event: CompletionEvent) -> int:
    """Milliseconds since the state was committed. Clocks differ: see `worker`."""
    return max(0, round((datetime.now(UTC) - event.time).total_seconds() * 1000))
