"""Who announces on a stack what becomes of images, whether it does, how much, and how far it is behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from thumbctl.errors import ThumbctlError
from thumbctl.looking.metrics import DAY, HOUR, Series, query
from thumbnail_pipeline.telemetry import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient

    from thumbctl.stack import Stack
    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.rows import Row


class DestinationName(StrEnum):
    """Where it is announced."""

    EVENTS = "events"
    """The bus of EventBridge."""
    CHANGES = "changes"
    """The Kinesis stream."""


@dataclass(frozen=True)
class DeployedPublisher:
    """A function that announces, and the mapping from the catalog's stream to it."""

    destination: str
    """One of DestinationName."""
    where: str
    """The ARN of the bus or of the stream."""
    function_name: str
    state: str
    """Of the mapping: https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""
    last_result: str | None
    """What Lambda says of the last batch."""
    wants_backfills: bool
    """Whether what a backfill made is announced too."""
    mapping_uuid: str

    @property
    def enabled(self) -> bool:
        return self.state not in {"Disabled", "Disabling", "Deleting"}

    def passed(self, event: CompletionEvent, row: Row, measured: Measured, now: datetime) -> str:
        """Say whether this publisher has read the change that calls for `event`, as far as can be told from outside.

        A publisher tells how old the last change was that it read, and nothing while there is nothing to read. What it
        read it has announced, or Lambda has parked it.
        """
        if row.backfilled and not self.wants_backfills:
            return "left out, for a backfill made it"
        if not self.enabled:
            return f"nobody announces it, for the mapping is {self.state}"
        # Metrics are a minute or two old.
        if now - event.time < timedelta(minutes=2):
            return "on its way"
        if measured.behind_seconds is None or now - timedelta(seconds=measured.behind_seconds) > event.time:
            return "read, and so announced or parked"
        return f"not read yet, the publisher is {measured.behind_seconds:,.0f} s behind"


def passed(stack: Stack, event: CompletionEvent, row: Row) -> dict[str, str]:
    """Say of each publisher whether it is past the change that calls for `event`."""
    there = publishers(stack)
    measured = Measured.of(stack, [each.function_name for each in there])
    now = datetime.now(UTC)
    return {each.destination: each.passed(event, row, measured[each.function_name], now) for each in there}


def deployment(stack: Stack, publisher: DeployedPublisher) -> str:
    """The name that a publisher's events carry."""
    functions: LambdaClient = stack.client("lambda")
    told = functions.get_function_configuration(FunctionName=publisher.function_name)
    return told["Environment"]["Variables"]["DEPLOYMENT"]


def publishers(stack: Stack) -> list[DeployedPublisher]:
    """All of a stack's. Raises ThumbctlError where it has none."""
    named = stack.outputs.get("publishers") or {}
    if not named:
        raise ThumbctlError(
            "The stack announces nothing: set the module's input events, or changes, and apply. What became of images"
            " until then, 'thumbctl events republish' announces."
        )
    return [_publisher(stack, destination, outputs) for destination, outputs in sorted(named.items(), reverse=True)]


def _publisher(stack: Stack, destination: str, outputs: Mapping[str, str]) -> DeployedPublisher:
    functions: LambdaClient = stack.client("lambda")
    mapping = functions.get_event_source_mapping(UUID=outputs["event_source_mapping_uuid"])
    where = (
        stack.outputs["event_bus_arn"]
        if destination == DestinationName.EVENTS
        else stack.outputs["change_stream"]["arn"]
    )
    return DeployedPublisher(
        destination=destination,
        where=where,
        function_name=outputs["function_name"],
        state=mapping["State"],
        last_result=mapping.get("LastProcessingResult"),
        # The module's modules/publisher writes the filter.
        wants_backfills="backfilled" not in json.dumps(mapping.get("FilterCriteria", {})),
        mapping_uuid=outputs["event_source_mapping_uuid"],
    )


# By what is asked for: namespace, metric, dimension and statistic.
_ASKED: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "behind": ("AWS/Lambda", "IteratorAge", "FunctionName", "Maximum"),
    "published": (NAMESPACE, "EventsPublished", "Function", "Sum"),
    "refused": (NAMESPACE, "EventsFailed", "Function", "Sum"),
}


@dataclass(frozen=True)
class Measured:
    """What the metrics of one publisher say."""

    behind_seconds: float | None
    """How old the last record was when it was read; None where nothing was read in the last ten minutes."""
    last_hour: int
    last_day: int
    """Events that were taken."""
    refused_last_day: int
    """Tries that were not."""

    @classmethod
    def of(cls, stack: Stack, functions: Sequence[str]) -> dict[str, Measured]:
        """Ask CloudWatch, in one call."""
        now = datetime.now(UTC)
        queries = [
            query(f"{name}{number}", namespace, metric, {dimension: function}, statistic)
            for number, function in enumerate(functions)
            for name, (namespace, metric, dimension, statistic) in _ASKED.items()
        ]
        series = Series(stack, queries, now)
        measured = {}
        for number, function in enumerate(functions):
            behind = series.latest(f"behind{number}")
            measured[function] = cls(
                # In milliseconds: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
                behind_seconds=None if behind is None else behind / 1000,
                last_hour=series.total(f"published{number}", now - HOUR, now),
                last_day=series.total(f"published{number}", now - DAY, now),
                refused_last_day=series.total(f"refused{number}", now - DAY, now),
            )
        return measured
