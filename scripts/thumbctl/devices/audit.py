"""Whether registry and certificates fit together: who may connect, and is no device of this deployment?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from thumbctl.devices.registry import certificate_id, is_certificate

if TYPE_CHECKING:
    from thumbctl.devices.registry import Registry

__all__ = ["Audit", "audit"]

# With a call for each, AWS IoT would take hours for a large fleet.
_MOST: Final = 500


@dataclass
class Audit:
    """What was found of a deployment's devices."""

    devices: int = 0
    """How many were looked at."""
    all_of_them: bool = True
    waiting: list[str] = field(default_factory=list)
    """Devices without a certificate."""
    several: list[str] = field(default_factory=list)
    """Devices with more than one."""
    parted: list[str] = field(default_factory=list)
    """Certificates with the devices' policy that belong to no thing, by their ids: they cannot connect."""
    foreign: list[str] = field(default_factory=list)
    """What has the devices' policy, and is no device's certificate, by ARN."""


def audit(registry: Registry) -> Audit:
    """Look at the first few hundred devices, and at as many of those that the policy lets in beside them."""
    found = Audit()
    things = list(itertools.islice(registry.things(), _MOST + 1))
    found.all_of_them = len(things) <= _MOST
    known: set[str] = set()
    for thing in things[:_MOST]:
        found.devices += 1
        own = list(filter(is_certificate, registry.principals(thing.name)))
        known.update(own)
        if not own:
            found.waiting.append(thing.name)
        elif len(own) > 1:
            found.several.append(thing.name)
    others = [each for each in registry.let_in() if each not in known]
    found.all_of_them &= len(others) <= _MOST
    for principal in others[:_MOST]:
        if not is_certificate(principal):
            found.foreign.append(principal)
        elif not (names := registry.things_of(principal)):
            found.parted.append(certificate_id(principal))
        elif not any(thing and registry.is_own(thing) for thing in map(registry.thing, names)):
            found.foreign.append(principal)
    return found
