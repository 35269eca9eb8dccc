"""Whether a stack processes messages: the state of its event source mappings, and which alarms are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbctl.bulk.queues import INVOCATIONS_A_POLLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

    from thumbctl.stack import Stack

MAPPINGS: Final[Mapping[str, str]] = {
    "work": "event_source_mapping_uuid",
    "backfill": "backfill_event_source_mapping_uuid",
}
"""The outputs that name the event source mappings, by their queues."""


@dataclass(frozen=True)
class Poller:
    """The event source mapping of a queue."""

    queue: str
    """work or backfill."""
    state: str
    """https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""
    most_at_a_time: int | None
    """Invocations that it may run at the same time; None where neither it nor its pollers are limited."""

    @property
    def enabled(self) -> bool:
        return self.state not in {"Disabled", "Disabling", "Deleting"}


def pollers(stack: Stack) -> list[Poller]:
    """The mappings of both queues."""
    functions: LambdaClient = stack.client("lambda")
    found = {
        queue: functions.get_event_source_mapping(UUID=stack.outputs[output]) for queue, output in MAPPINGS.items()
    }
    return [Poller(queue, mapping["State"], most_at_a_time(mapping)) for queue, mapping in found.items()]


def most_at_a_time(mapping: Mapping[str, Any]) -> int | None:
    """Return how many invocations a mapping may run at the same time, or None where it sets no limit.

    The limit is its maximum concurrency, or with provisioned pollers what these can keep busy.
    """
    pollers = mapping.get("ProvisionedPollerConfig", {}).get("MaximumPollers")
    most: int | None = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    return INVOCATIONS_A_POLLER * pollers if pollers else most


def alarms_on(stack: Stack) -> list[str]:
    """The names of the stack's alarms that are on now, pages included."""
    cloudwatch: CloudWatchClient = stack.client("cloudwatch")
    names = [name for tier in stack.outputs["alarm_names"].values() for name in tier]
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [alarm for page in pages for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"])]
    return sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")
