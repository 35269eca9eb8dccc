"""Adds a device: files, thing, certificate, attachments, and only then the certificate is active.

Where it cannot go on, what was done is taken back, the newest first; what cannot be taken back is told.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from thumbctl.aws_errors import sentence
from thumbctl.devices.kit import CA, CERTIFICATE, CONFIG, KEY, Kit
from thumbctl.devices.registry import ADDED_AT, code, once_parted
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.rows import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_iot.type_defs import (
        CreateCertificateFromCsrResponseTypeDef,
        CreateKeysAndCertificateResponseTypeDef,
    )

    from thumbctl.devices.kit import Broker
    from thumbctl.devices.registry import Registry, Thing

__all__ = ["Added", "NotAddedError", "add", "add_by_claim"]


_BROKEN: Final = 500


@dataclass(frozen=True)
class Added:
    """A device that can connect now."""

    certificate_id: str
    certificate_arn: str
    files: list[str]


class NotAddedError(ThumbctlError):
    """A device could not be added; the message says what is left of it."""

    def __init__(self, message: str, *, interrupted: bool) -> None:
        super().__init__(message)
        self.interrupted = interrupted


def add_by_claim(registry: Registry, name: str) -> None:
    """Make the thing alone, as which a device with a claim certificate may then provision itself.

    Raises ThumbctlError where it is there.
    """
    if _without_certificate(registry, name) is not None:
        raise ThumbctlError(f"{name} waits for its claim already: nothing is to be added.")
    _create_thing(registry, name, iso(datetime.now(UTC)))


def add(registry: Registry, name: str, directory: Path, broker: Broker, topic_prefix: str, csr: str | None) -> Added:
    """Add a device and write what it needs into `directory`; with a certificate signing request, its key is its own.

    A thing without a certificate, that waits for its claim or was left when somebody killed this, is given one. Raises
    ThumbctlError where the device is there, and NotAddedError.
    """
    thing = _without_certificate(registry, name)
    revoke = f"thumbctl devices revoke {name}"
    files = [CERTIFICATE, CONFIG, *([] if csr else [KEY]), *([CA] if broker.ca else [])]
    with Kit.reserved(directory, files) as kit, _taken_back(name) as undoing:
        if thing is None:
            added_at = iso(datetime.now(UTC))
            undoing.do(
                f"the thing {name}",
                revoke,
                lambda: _create_thing(registry, name, added_at),
                lambda: _delete_own(registry, name, added_at),
            )
        certificate_id, arn = _certify(registry, kit, undoing, csr)
        if broker.ca:
            kit.write(CA, broker.ca)
        kit.write_config(broker, name, topic_prefix)
        undoing.do(
            f"its certificate {certificate_id}",
            revoke,
            lambda: registry.attach_thing(name, arn),
            lambda: registry.detach_thing(name, arn),
        )
        undoing.do(
            f"the policy of {certificate_id}",
            revoke,
            lambda: registry.iot.attach_policy(policyName=registry.policy_name, target=arn),
            lambda: registry.detach_policy(arn),
        )
        undoing.do(
            f"that certificate {certificate_id} is active",
            _revoking(certificate_id),
            lambda: registry.iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE"),
            lambda: registry.iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE"),
        )
        return Added(certificate_id, arn, kit.paths)


def _without_certificate(registry: Registry, name: str) -> Thing | None:
    """Return a device that has no certificate yet, or None where there is no such thing. Raises ThumbctlError."""
    if (thing := registry.thing(name)) is None:
        return None
    registry.require_own(thing)
    if registry.is_being_revoked(thing) or registry.principals(name):
        raise ThumbctlError(
            f"There is a device {name} already: see 'thumbctl devices show {name}'. For another certificate, or to end"
            f" what was begun, first 'thumbctl devices revoke {name}'."
        )
    return thing


def _create_thing(registry: Registry, name: str, added_at: str) -> None:
    try:
        registry.iot.create_thing(
            thingName=name, thingTypeName=registry.thing_type, attributePayload={"attributes": {ADDED_AT: added_at}}
        )
    except ClientError as error:
        # The same name with other attributes is refused, so that of two who add it one is.
        # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
        if code(error) != "ResourceAlreadyExistsException":
            raise
        raise ThumbctlError(f"Somebody else adds {name} now: see 'thumbctl devices show {name}'.") from None


def _certify(registry: Registry, kit: Kit, undoing: _Undoing, csr: str | None) -> tuple[str, str]:
    """Have an inactive certificate made, write what there is of it at once, and return its identifier and ARN."""
    undoing.may_be_lost = True
    made: CreateKeysAndCertificateResponseTypeDef | CreateCertificateFromCsrResponseTypeDef
    key = None
    if csr is None:
        # The key is in this answer and in no other: from here it goes into its file, and nowhere else.
        made = keyed = registry.iot.create_keys_and_certificate(setAsActive=False)
        key = keyed["keyPair"]["PrivateKey"]
    else:
        made = registry.iot.create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=False)
    certificate_id, arn = made["certificateId"], made["certificateArn"]
    undoing.later(
        f"the certificate {certificate_id}, the key of which nobody has",
        _revoking(certificate_id),
        lambda: once_parted(lambda: registry.iot.delete_certificate(certificateId=certificate_id)),
    )
    undoing.may_be_lost = False
    if key is not None:
        kit.write(KEY, key)
    kit.write(CERTIFICATE, made["certificatePem"])
    return certificate_id, arn


def _revoking(certificate_id: str) -> str:
    return f"aws iot update-certificate --new-status REVOKED --certificate-id {certificate_id}"


def _delete_own(registry: Registry, name: str, added_at: str) -> None:
    """Delete the thing, unless it is somebody else's who was quicker."""
    thing = registry.thing(name)
    if thing is not None and thing.added_at == added_at:
        registry.delete_thing(name)


@dataclass
class _Undoing:
    """What has to be done to be where one began."""

    steps: list[tuple[str, str, Callable[[], object]]] = field(default_factory=list)
    may_be_lost: bool = False
    """Whether AWS may have made a certificate and its answer did not come."""

    def do(self, what: str, remedy: str, call: Callable[[], object], undo: Callable[[], object]) -> None:
        """Do something, and note how it is undone; where that fails, `what` is left, and needs `remedy`."""
        self.later(what, remedy, undo)
        try:
            call()
        except ClientError as error:
            # What AWS refuses is not done; what it answers otherwise, or not at all, may be.
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _BROKEN) < _BROKEN:
                self.steps.pop()
            raise

    def later(self, what: str, remedy: str, undo: Callable[[], object]) -> None:
        """Note how something is undone that is done."""
        self.steps.append((what, remedy, undo))

    def undo(self) -> str:
        """Take everything back, and say what is left."""
        left: dict[str, list[str]] = {}
        while self.steps:
            what, remedy, call = self.steps.pop()
            try:
                call()
            except (ClientError, BotoCoreError):
                left.setdefault(remedy, []).append(what)
        lost = (
            " If AWS made a certificate at that moment, it is inactive and attached to nothing, and nobody has its key."
            if self.may_be_lost
            else ""
        )
        if not left:
            return f"Nothing is left of it.{lost}"
        told = "; ".join(f"{' and '.join(whats)} (remedy: '{remedy}')" for remedy, whats in left.items())
        return f"What is left: {told}.{lost}"


@contextlib.contextmanager
def _taken_back(name: str) -> Iterator[_Undoing]:
    """Undo what its block noted where the block fails, and say so."""
    undoing = _Undoing()
    try:
        yield undoing
    except BaseException as error:
        left = undoing.undo()
        match error:
            case KeyboardInterrupt():
                raise NotAddedError(f"Interrupted: {name} is not added. {left}", interrupted=True) from None
            case ClientError() | BotoCoreError():
                why = sentence(error)
            case ThumbctlError():
                why = str(error)
            case _:
                raise
        raise NotAddedError(f"{why.rstrip('.')}. {name} is not added. {left}", interrupted=False) from None
