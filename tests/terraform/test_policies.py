"""Every policy that a run of the module made, beside what AWS publishes of its actions, as policy-sentry has it.

A policy may name actions that are none, resources that an action does not know, and conditions that it does not have:
Terraform takes them, and so does the emulator.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_sentry.querying.actions import get_action_data
from policy_sentry.querying.all import get_all_actions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraform.conftest import Deployed

# What is so although the tables say otherwise, and where that is written.
DOCUMENTED_ELSEWHERE: Final = {
    # Lambda gives the ARN of the function along with what it calls in its name.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    "has no lambda:SourceFunctionArn",
    # A key's policy names services without the actions that have no key to look at.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    "kms:DescribeKey has no kms:EncryptionContext:aws:logs:arn",
    # Lambda asks for it "on your stream" when a mapping is made.
    # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    "dynamodb:ListStreams knows none of the resources",
}


@dataclass(frozen=True)
class Action:
    """What AWS says of an action."""

    name: str
    resources: tuple[str, ...]
    """The forms of the ARNs that it can be limited to; none where it knows none."""
    conditions: tuple[str, ...]
    """Its condition keys, beside those of every action."""

    @classmethod
    @functools.cache
    def of(cls, name: str) -> Action:
        service, _, operation = name.partition(":")
        rows = get_action_data(service, operation)
        assert rows, name
        forms = (row["resource_arn_format"] for row in rows[service])
        keys = (key for row in rows[service] for key in row["condition_keys"])
        return cls(name, tuple(form for form in forms if form != "*"), tuple(keys))

    def knows(self, resource: str) -> bool:
        """Whether it can be limited to a resource; what the mocked provider made up in place of an ARN will do."""
        return not resource.startswith("arn:") or any(overlap(_glob(each), resource) for each in self.resources)

    def has(self, key: str) -> bool:
        return key.startswith("aws:") or any(overlap(_glob(each), key) for each in self.conditions)


def _glob(written: str) -> str:
    """What AWS writes, with a star for what somebody else has to say in it, such as ${BucketName}."""
    return re.sub(r"\$\{[^}]*\}|<[^>]*>", "*", written)


@functools.cache
def overlap(one: str, other: str) -> bool:
    """Whether some text is matched by both, in each of which a star stands for any text."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0].lower() == other[0].lower() and overlap(one[1:], other[1:])


@functools.cache
def meant(pattern: str) -> tuple[Action, ...]:
    """The actions that a policy means."""
    every = (name.lower() for name in get_all_actions())
    return tuple(Action.of(name) for name in every if fnmatch.fnmatchcase(name, pattern.lower()))


def faults(statement: dict[str, Any]) -> Iterator[str]:
    """What a statement says in vain."""
    actions, resources = listed(statement["Action"]), set(listed(statement["Resource"])) - {"*"}
    for pattern in actions:
        if not meant(pattern):
            yield f"{pattern} is no action"
        elif resources and not any(each.knows(resource) for each in meant(pattern) for resource in resources):
            yield f"{pattern} knows none of the resources"
        for key in {key for condition in statement.get("Condition", {}).values() for key in condition}:
            if not any(each.has(key) for each in meant(pattern)):
                yield f"{pattern} has no {key}"
    for resource in resources:
        if not any(each.knows(resource) for pattern in actions for each in meant(pattern)):
            yield f"no action knows {resource}"


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_policies_say_what_aws_understands(deployment: Deployed) -> None:
    statements = [
        (f"{resource.address}.{attribute}", statement)
        for resource in deployment.resources
        for attribute in resource.values
        # Whom a role trusts is no matter of resources, and devices' policies are not IAM's.
        if attribute != "assume_role_policy" and resource.type != "aws_iot_policy"
        for statement in resource.document(attribute).get("Statement", [])
    ]
    assert len(statements) > 20
    found = {(address, fault) for address, statement in statements for fault in faults(statement)}
    assert {each for each in found if not any(allowed in each[1] for allowed in DOCUMENTED_ELSEWHERE)} == set()


def test_it_would_find_what_is_wrong() -> None:
    def told(action: str, resource: str, **condition: Any) -> list[str]:
        return list(faults({"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}))

    assert told("s3:PutObject", "arn:aws:s3:::bucket/*", Null={"s3:if-none-match": "false"}) == []
    assert told("s3:PutObjects", "*") == ["s3:PutObjects is no action"]
    in_vain = ["s3:PutObject knows none of the resources", "no action knows arn:aws:s3:::bucket"]
    assert told("s3:PutObject", "arn:aws:s3:::bucket") == in_vain
    assert told("s3:PutObject", "*", StringEquals={"s3:prefix": "a"}) == ["s3:PutObject has no s3:prefix"]
