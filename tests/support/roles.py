"""A deployed role as a test sees it: what it may do, the same without a piece of it, and calls made as it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devtools.localaws.stack import LocalStack


@dataclass(frozen=True)
class Permission:
    """One action on one resource, out of one of the role's policies."""

    capability: str
    """The policy's name."""
    action: str
    resource: str
    """An ARN, or `*`."""


class Role:
    """Handles on one role."""

    def __init__(self, stack: LocalStack, name: str) -> None:
        self._stack = stack
        self._iam = stack.client("iam")
        self._name = name

    def permissions(self) -> set[Permission]:
        """Everything that its policies allow."""
        return {
            Permission(name, each["Action"], each["Resource"])
            for name, document in self._policies().items()
            for each in _one_by_one(document)
        }

    @contextmanager
    def without(self, lost: Collection[Permission]) -> Iterator[None]:
        """Take permissions out of its policies."""
        before = self._policies()
        capabilities = {each.capability for each in lost}
        assert capabilities
        for name in capabilities:
            kept = [
                each
                for each in _one_by_one(before[name])
                if Permission(name, each["Action"], each["Resource"]) not in lost
            ]
            if kept:
                self._put(name, {**before[name], "Statement": kept})
            else:
                self._iam.delete_role_policy(RoleName=self._name, PolicyName=name)
        try:
            yield
        finally:
            for name in capabilities:
                self._put(name, before[name])

    def client(self, service: str) -> Any:
        """A client with the credentials of a session of the role, as whoever takes over the function has them.

        The emulator lets an account's root have the role that AWS gives to its own service alone.
        """
        arn = self._iam.get_role(RoleName=self._name)["Role"]["Arn"]
        session = self._stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=self._stack.region,
            endpoint_url=self._stack.endpoint_url,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    def _policies(self) -> dict[str, dict[str, Any]]:
        names = self._iam.list_role_policies(RoleName=self._name)["PolicyNames"]
        return {
            name: self._iam.get_role_policy(RoleName=self._name, PolicyName=name)["PolicyDocument"] for name in names
        }

    def _put(self, name: str, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self._name, PolicyName=name, PolicyDocument=json.dumps(document))


def _one_by_one(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same statements, each about one action on one resource."""
    for statement in document["Statement"]:
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield {**statement, "Action": action, "Resource": resource}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
