"""What docs/cost.md reckons with in an idle month is what a really applied stack has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devtools.docs.cost_figures import FIGURES
from thumbctl.costs import announcing

if TYPE_CHECKING:
    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

# Of reconciler, publisher, API, devices and jobs, which the shared stack has and the floor has not.
OPTIONAL = {
    "thumbs-api-errors",
    "thumbs-api-failing",
    "thumbs-api-slow",
    "thumbs-api-throttles",
    "thumbs-device-errors",
    "thumbs-device-failing",
    "thumbs-device-refusals",
    "thumbs-device-throttles",
    "thumbs-incomplete",
    "thumbs-reconciler-errors",
    "thumbs-jobs-failing",
    "thumbs-jobs-stalled",
    "thumbs-jobs-stopped",
    "thumbs-events-failing",
    "thumbs-events-late",
    "thumbs-events-late-critical",
    "thumbs-events-parked",
    "thumbs-events-stopped",
}


def applied(deployment: Deployment, kind: str) -> list[dict[str, Any]]:
    """The attributes of every resource of a kind, as Terraform remembers them: emulators forget expressions."""
    state = json.loads((deployment.stack.directory / "terraform.tfstate").read_text(encoding="utf-8"))
    managed = [each for each in state["resources"] if each["mode"] == "managed" and each["type"] == kind]
    return [instance["attributes"] for resource in managed for instance in resource["instances"]]


def test_the_stack_has_what_the_floor_is_made_of(deployment: Deployment) -> None:
    stack = FIGURES.stack
    alarms = applied(deployment, "aws_cloudwatch_metric_alarm")
    assert {alarm["alarm_name"] for alarm in alarms} > OPTIONAL
    queries = [query for alarm in alarms if alarm["alarm_name"] not in OPTIONAL for query in alarm["metric_query"]]
    assert stack.alarm_metrics == sum(bool(query["metric"]) for query in queries)
    assert stack.composite_alarms == len(applied(deployment, "aws_cloudwatch_composite_alarm"))
    assert stack.dashboards == len(applied(deployment, "aws_cloudwatch_dashboard"))
    assert stack.keys == len(applied(deployment, "aws_kms_key"))


def test_alarms_of_the_publisher_look_at_as_many_metrics_as_are_reckoned_with(deployment: Deployment) -> None:
    alarms = applied(deployment, "aws_cloudwatch_metric_alarm")
    of_it = [query for alarm in alarms if "-events-" in alarm["alarm_name"] for query in alarm["metric_query"]]
    assert sum(bool(query["metric"]) for query in of_it) == announcing.PUBLISHER_ALARM_METRICS


def test_the_pollers_are_as_many_as_are_reckoned_with(deployment: Deployment) -> None:
    # Only where maximum_concurrency is set does Lambda keep all five of an idle queue.
    mappings = [
        mapping
        for mapping in applied(deployment, "aws_lambda_event_source_mapping")
        if ":sqs:" in mapping["event_source_arn"]
    ]
    # And that of ranges, see ranging.
    assert len(mappings) == FIGURES.stack.queues + 1
    assert all(mapping["scaling_config"] for mapping in mappings)
