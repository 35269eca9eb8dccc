"""thumbctl against what is really deployed: the parameter that names it, and tests that arrive."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator, stack
from support.deployment import eventually
from thumbctl.app import app
from thumbctl.channels import BORROWED
from thumbctl.local import LOCAL_STACK

if TYPE_CHECKING:
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

TIERS = ["failures", "warning", "critical"]


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def operator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal of somebody who has credentials, and knows the stack's name and nothing else."""
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")


def run(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_tools_find_what_the_outputs_say(deployment: Deployment) -> None:
    parameter = deployment.stack.client("ssm").get_parameter(Name="/thumbnail-pipeline/thumbs")["Parameter"]
    found = json.loads(parameter["Value"])
    assert found == {name: deployment.outputs[name] for name in found}
    assert parameter["Type"] == "String"


@pytest.mark.usefixtures("operator")
def test_every_tier_is_heard(deployment: Deployment) -> None:
    names = ["QueueArn"]
    inbox = deployment.sqs.get_queue_attributes(QueueUrl=deployment.stack.alerts_queue_url, AttributeNames=names)
    subscriber = {
        "protocol": "sqs",
        "endpoint": inbox["Attributes"]["QueueArn"],
        "status": "confirmed",
        "filter_policy": None,
    }
    assert run("channels") == [
        {
            "heard": True,
            "tier": tier,
            "topic_arn": deployment.outputs["topic_arns"][tier],
            "subscriptions": [subscriber],
        }
        for tier in TIERS
    ]


def test_the_stack_of_this_directory(deployment: Deployment) -> None:
    LOCAL_STACK.parent.mkdir()
    stack.save(deployment.stack, LOCAL_STACK)
    assert [channel["tier"] for channel in run("channels")] == TIERS


@pytest.mark.usefixtures("operator")
def test_a_test_arrives_from_every_tier(deployment: Deployment) -> None:
    # Other tests of this stack may have set them off, and of what is on no test is made.
    cloudwatch = deployment.stack.client("cloudwatch")
    for name in (name for names in BORROWED.values() for name in names):
        cloudwatch.set_alarm_state(AlarmName=f"thumbs-{name}", StateValue="OK", StateReason="a test begins")
    before = len(deployment.alerts())
    sent = {each["tier"]: each["sent"]["what"] for each in run("channels", "test")}
    # Either page: the emulator forgets which of them waits for the other.
    pages = deployment.outputs["alarm_names"]["page"]
    assert sent["critical"] in {f"the alarm {page} went to ALARM and back to OK" for page in pages}
    reason = "TEST by root: nothing is wrong"
    tiers = {arn: tier for tier, arn in deployment.outputs["topic_arns"].items()}

    def arrived() -> list[tuple[str, str]]:
        told = []
        for alert in deployment.alerts()[before:]:
            tier = tiers[alert["TopicArn"]]
            if tier != "failures":
                message = json.loads(alert["Message"])
                told += [(tier, message["NewStateValue"])] if message["NewStateReason"] == reason else []
            elif alert["MessageAttributes"].get("kind", {}).get("Value") == "test":
                assert alert["Message"].startswith(reason)
                told.append((tier, "test"))
        return told

    expected = [
        ("critical", "ALARM"),
        ("critical", "OK"),
        ("failures", "test"),
        ("warning", "ALARM"),
        ("warning", "OK"),
    ]
    eventually("a message from every tier", lambda: sorted(arrived()) == expected)
