"""Game days on the applied stack: what is broken is mended afterwards, and one game is played to its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from devtools.gameday import breakage
from devtools.gameday.scenarios import SCENARIOS
from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

# What mends what, as the runbook says. The rest passes by itself.
REMEDIES: Final[dict[str, Callable[[Deployment, dict[str, Any]], object]]] = {
    "lost-permission": lambda deployment, before: [
        deployment.iam.put_role_policy(
            RoleName=deployment.outputs["function_role_name"], PolicyName=name, PolicyDocument=json.dumps(policy)
        )
        for name, policy in before["policies"].items()
    ],
    "disabled-key": lambda deployment, _: deployment.stack.client("kms").enable_key(
        KeyId=deployment.outputs["kms_key_arn"]
    ),
    "throttled-table": lambda deployment, _: deployment.dynamodb.update_table(
        TableName=deployment.outputs["table_name"], BillingMode="PAY_PER_REQUEST"
    ),
    "out-of-memory": lambda deployment, _: deployment.lambda_.update_function_configuration(
        FunctionName=deployment.outputs["function_name"], MemorySize=1769
    ),
    "stopped-consumer": lambda deployment, _: deployment.lambda_.update_event_source_mapping(
        UUID=deployment.outputs["event_source_mapping_uuid"], Enabled=True
    ),
}


def state(deployment: Deployment) -> dict[str, Any]:
    """All that a scenario may change."""
    outputs, iam = deployment.outputs, deployment.iam
    role = outputs["function_role_name"]
    function = deployment.lambda_.get_function_configuration(FunctionName=outputs["function_name"])
    mapping = deployment.lambda_.get_event_source_mapping(UUID=outputs["event_source_mapping_uuid"])
    table = deployment.dynamodb.describe_table(TableName=outputs["table_name"])["Table"]
    key = deployment.stack.client("kms").describe_key(KeyId=outputs["kms_key_arn"])
    return {
        "policies": {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        },
        "function": {name: function[name] for name in ("MemorySize", "Environment")},
        "mapping": mapping["State"],
        "billing": table["BillingModeSummary"]["BillingMode"],
        "key": key["KeyMetadata"]["KeyState"],
    }


@pytest.fixture(autouse=True)
def _few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakage, "_POISON", 300)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_broken_is_whole_again(deployment: Deployment, name: str) -> None:
    before = state(deployment)
    with SCENARIOS[name].broken(deployment.stack) as lasts:
        assert lasts()
        assert state(deployment) != before or name == "poison-flood"
    assert state(deployment) == before
    key = f"gameday/after-{name}.png"
    deployment.upload(key, picture())
    # It may share a batch with what a worker died of, which comes back after the visibility timeout of about a minute.
    deployment.row_when(key, "READY")


@pytest.mark.parametrize("name", REMEDIES)
def test_a_game_notices_that_somebody_has_mended_the_cause(deployment: Deployment, name: str) -> None:
    before = state(deployment)
    with SCENARIOS[name].broken(deployment.stack) as lasts:
        assert lasts()
        REMEDIES[name](deployment, before)
        assert not lasts()
    assert state(deployment) == before
