"""The devices of a deployment, as AWS IoT's registry has them: things of its type, and their certificates.

registry = Registry(iot, thing_type="photos", policy_name="photos-device")
[each.name for each in registry.things()]
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from mypy_boto3_iot import IoTClient

    from thumbctl.stack import Stack

ADDED_AT: Final = "added_at"
"""An attribute of things: when `thumbctl devices add` made it, for the registry does not say."""
REVOKED_FROM: Final = "revoked_from"
"""An attribute of things that are being revoked: the type that they had."""

# A thing and a certificate that were parted may seem to hang together for some seconds still.
# https://docs.aws.amazon.com/iot/latest/apireference/API_DetachThingPrincipal.html
_STILL_ATTACHED: Final = frozenset({"DeleteConflictException", "InvalidRequestException"})
_ATTEMPTS: Final = 12
# https://docs.aws.amazon.com/iot/latest/apireference/API_ListThings.html
_THINGS_A_CALL: Final = 250
# A fleet is a call or two for each device, of which AWS answers few a second.
_PATIENT: Final = Config(retries={"mode": "adaptive", "total_max_attempts": 10})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 4.0


class DeviceState(StrEnum):
    """Whether a device can connect."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    """It has certificates, and none that is active."""
    WAITING = "waiting"
    """It has no certificate: it waits for its claim, or for one to be added."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a device shows when it connects."""

    certificate_id: str
    arn: str
    status: str
    """`ACTIVE`, `INACTIVE`, `REVOKED` and others, as AWS IoT has them."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Thing:
    """A device in the registry."""

    name: str
    thing_type: str | None
    attributes: Mapping[str, str]

    @property
    def added_at(self) -> str | None:
        """ISO 8601, UTC; None where something else than `thumbctl` made it."""
        return self.attributes.get(ADDED_AT)


def state_of(certificates: Iterable[Certificate]) -> DeviceState:
    """Say whether a device with these certificates can connect."""
    statuses = {each.status for each in certificates}
    if not statuses:
        return DeviceState.WAITING
    return DeviceState.ACTIVE if "ACTIVE" in statuses else DeviceState.INACTIVE


@dataclass(frozen=True)
class Registry:
    """Things of one type, and what lets them in."""

    iot: IoTClient
    thing_type: str
    policy_name: str

    def things(self) -> Iterator[Thing]:
        """Yield all devices, in the registry's order."""
        pages = self.iot.get_paginator("list_things").paginate(
            thingTypeName=self.thing_type, PaginationConfig={"PageSize": _THINGS_A_CALL}
        )
        for page in pages:
            for each in page["things"]:
                yield Thing(each["thingName"], each.get("thingTypeName"), each.get("attributes", {}))

    def thing(self, name: str) -> Thing | None:
        """Return the thing of that name, of whatever type, or None."""
        try:
            found = self.iot.describe_thing(thingName=name)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            return None
        return Thing(found["thingName"], found.get("thingTypeName"), found.get("attributes", {}))

    def is_being_revoked(self, thing: Thing) -> bool:
        """Whether it was a device of this deployment, and its revocation was interrupted."""
        return thing.thing_type is None and thing.attributes.get(REVOKED_FROM) == self.thing_type

    def is_own(self, thing: Thing) -> bool:
        """Whether it is a device of this deployment, also one that is being revoked."""
        return thing.thing_type == self.thing_type or self.is_being_revoked(thing)

    def require_own(self, thing: Thing) -> None:
        """Raise ThumbctlError unless it is a device of this deployment."""
        if not self.is_own(thing):
            kind = f"of the type {thing.thing_type}" if thing.thing_type else "without a type"
            raise ThumbctlError(
                f"{thing.name} is a thing {kind}, and the devices of this stack are of the type {self.thing_type}:"
                " leave it to whoever made it, and take another name."
            )

    def require(self, name: str) -> Thing:
        """Return the device of that name. Raises ThumbctlError where there is none."""
        thing = self.thing(name)
        if thing is None:
            raise ThumbctlError(f"There is no device {name}: see 'thumbctl devices list'.")
        self.require_own(thing)
        return thing

    def principals(self, name: str) -> list[str]:
        """Return the ARNs of what a thing is attached to, which are certificates' as a rule."""
        pages = self.iot.get_paginator("list_thing_principals").paginate(thingName=name)
        return [principal for page in pages for principal in page["principals"]]

    def certificates(self, name: str) -> list[Certificate]:
        """Return the certificates of a thing, the newest first."""
        found = (self.certificate(arn) for arn in self.principals(name) if is_certificate(arn))
        return sorted(found, key=lambda each: each.created_at, reverse=True)

    def certificate(self, arn: str) -> Certificate:
        """Look at one certificate."""
        described = self.iot.describe_certificate(certificateId=certificate_id(arn))["certificateDescription"]
        return Certificate(described["certificateId"], arn, described["status"], described["creationDate"])

    def things_of(self, principal: str) -> list[str]:
        """Return the names of the things that a certificate is attached to."""
        pages = self.iot.get_paginator("list_principal_things").paginate(principal=principal)
        return [name for page in pages for name in page["things"]]

    def let_in(self) -> list[str]:
        """Return the ARNs of all that the devices' policy is attached to."""
        pages = self.iot.get_paginator("list_targets_for_policy").paginate(policyName=self.policy_name)
        return [target for page in pages for target in page["targets"]]

    def attach_thing(self, name: str, certificate: str) -> None:
        """Attach a certificate to a thing, and so that no other thing's name can ever be had with it.

        https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html
        """
        self.iot.attach_thing_principal(thingName=name, principal=certificate, thingPrincipalType="EXCLUSIVE_THING")

    def detach_thing(self, name: str, principal: str) -> None:
        """Detach a certificate from a thing, if it is attached."""
        unless_gone(lambda: self.iot.detach_thing_principal(thingName=name, principal=principal))

    def detach_policy(self, principal: str) -> None:
        """Detach the devices' policy from a certificate, if it is attached."""
        unless_gone(lambda: self.iot.detach_policy(policyName=self.policy_name, target=principal))

    def delete_thing(self, name: str) -> None:
        """Delete a thing, if it is there, as soon as the registry knows that nothing is attached to it."""
        once_parted(lambda: self.iot.delete_thing(thingName=name))


def registry_of(stack: Stack) -> Registry:
    """Return the registry of a stack's devices. Raises ThumbctlError where it has none."""
    output = devices_of(stack)
    return Registry(stack.client("iot", _PATIENT), output["thing_type"], output["policy_name"])


def devices_of(stack: Stack) -> Mapping[str, Any]:
    """Return the stack's output `devices`. Raises ThumbctlError where it has none."""
    devices: Mapping[str, Any] | None = stack.outputs.get("devices")
    if devices is None:
        raise ThumbctlError("The stack takes no uploads of devices: give the module's input 'devices', and apply.")
    return devices


def certificate_id(arn: str) -> str:
    """Return the identifier in a certificate's ARN."""
    return arn.rpartition("/")[2]


def is_certificate(principal: str) -> bool:
    """Whether a principal is a certificate, and no identity of Cognito."""
    return ":cert/" in principal


def code(error: ClientError) -> str:
    """What AWS calls an error."""
    return error.response["Error"]["Code"]


def unless_gone(call: Callable[[], object]) -> None:
    """Undo something that may have been undone before."""
    try:
        call()
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise


def once_parted(call: Callable[[], object]) -> None:
    """Delete what was attached to something until a moment ago: again and again for half a minute."""
    wait = _FIRST_WAIT_SECONDS
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            unless_gone(call)
        except ClientError as error:
            if code(error) not in _STILL_ATTACHED or attempt == _ATTEMPTS:
                raise
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        else:
            return


def named(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
