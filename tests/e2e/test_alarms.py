"""Every alarm that is deployed reaches the subscribers of its tier, and says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from support.deployment import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


class Told(NamedTuple):
    """One notification of an alarm, as a subscriber gets it."""

    topic: str
    alarm: str
    state: str
    description: str
    reason: str


def notifications(deployment: Deployment) -> list[Told]:
    """What every subscriber together was told of alarms so far; digests of failures are something else."""
    told = []
    for alert in deployment.alerts():
        if alert["TopicArn"] == deployment.outputs["topic_arns"]["failures"]:
            continue
        message = json.loads(alert["Message"])
        told.append(
            Told(
                alert["TopicArn"],
                message["AlarmName"],
                message["NewStateValue"],
                message["AlarmDescription"],
                message["NewStateReason"],
            )
        )
    return told


def set_state(deployment: Deployment, alarms: Iterable[str], state: str, reason: str) -> None:
    cloudwatch = deployment.stack.client("cloudwatch")
    for alarm in alarms:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=reason)


@pytest.fixture
def alarms(deployment: Deployment) -> Iterator[Mapping[str, Any]]:
    """What is deployed, by name and all quiet, before and after."""
    answer = deployment.stack.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    deployed = {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"] + answer["CompositeAlarms"]}
    set_state(deployment, deployed, "OK", "before a drill")
    yield deployed
    set_state(deployment, deployed, "OK", "after a drill")


def test_all_that_is_deployed_has_a_tier(deployment: Deployment, alarms: Mapping[str, Any]) -> None:
    named = [name for names in deployment.outputs["alarm_names"].values() for name in names]
    assert sorted(named) == sorted(alarms)
    assert len(named) > 10


@pytest.mark.parametrize(("tier", "topic"), [("warning", "warning"), ("critical", "warning"), ("page", "critical")])
def test_alarms_reach_the_subscribers_of_their_tier(
    deployment: Deployment, alarms: Mapping[str, Any], tier: str, topic: str
) -> None:
    arn, names = deployment.outputs["topic_arns"][topic], deployment.outputs["alarm_names"][tier]
    drill = f"a drill of what is {tier}"
    expected = {
        Told(arn, name, state, alarms[name]["AlarmDescription"], drill) for name in names for state in ("ALARM", "OK")
    }
    for state in ("ALARM", "OK"):
        set_state(deployment, names, state, drill)
    eventually("all of it is told", lambda: expected <= set(notifications(deployment)))
    for each in expected:
        assert each.description.endswith(f"\nRunbook: docs/runbook.md#{each.alarm.removeprefix('thumbs-')}")


def test_a_storm_is_one_page(deployment: Deployment, alarms: Mapping[str, Any]) -> None:
    storm = [name for name in deployment.outputs["alarm_names"]["critical"] if f'"{name}"' in rule(alarms)]
    assert len(storm) > 1
    before = len(notifications(deployment))
    for state in ("ALARM", "OK"):
        set_state(deployment, storm, state, "a storm")
    critical = deployment.outputs["topic_arns"]["critical"]

    def pages() -> list[Told]:
        return [each for each in notifications(deployment)[before:] if each.topic == critical]

    eventually("the page is over", lambda: any(page.state == "OK" for page in pages()))
    first, last = pages()
    assert (first.alarm, first.state) == ("thumbs-pipeline-failing", "ALARM")
    assert (last.alarm, last.state) == ("thumbs-pipeline-failing", "OK")
    assert storm[0] in first.reason


def rule(alarms: Mapping[str, Any]) -> str:
    return str(alarms["thumbs-pipeline-failing"]["AlarmRule"])
