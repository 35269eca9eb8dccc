"""Revokes a device: its certificates, and then its place in the registry. Wherever it stops, the next time goes on."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from thumbctl.devices.registry import REVOKED_FROM, certificate_id, code, is_certificate

if TYPE_CHECKING:
    from mypy_boto3_iot_data import IoTDataPlaneClient

    from thumbctl.devices.registry import Registry, Thing

__all__ = ["Connection", "revoke"]


class Connection(StrEnum):
    """What became of a device's connection."""

    ENDED = "ended"
    NONE = "none"
    """It was not connected."""
    LEFT = "left"
    """It could not be ended by us. AWS ends it within some minutes, since its certificate is revoked.

    https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
    """


def revoke(registry: Registry, broker: IoTDataPlaneClient, thing: Thing) -> Connection:
    """Revoke all certificates of a device for good, end its connection, and delete it from the registry."""
    principals = registry.principals(thing.name)
    for principal in filter(is_certificate, principals):
        registry.iot.update_certificate(certificateId=certificate_id(principal), newStatus="REVOKED")
    if not registry.is_being_revoked(thing):
        # A thing of ours without a certificate is one that a claim may have: this one must not be.
        registry.iot.update_thing(
            thingName=thing.name,
            removeThingType=True,
            attributePayload={"attributes": {REVOKED_FROM: registry.thing_type}, "merge": False},
        )
    for principal in principals:
        registry.detach_policy(principal)
        registry.detach_thing(thing.name, principal)
    connection = _disconnect(broker, thing.name)
    registry.delete_thing(thing.name)
    return connection


def _disconnect(broker: IoTDataPlaneClient, name: str) -> Connection:
    """End the connection and forget the session, what waits in it for the device with it."""
    try:
        broker.delete_connection(clientId=name, cleanSession=True)
    except ClientError as error:
        return Connection.NONE if code(error) == "ResourceNotFoundException" else Connection.LEFT
    except BotoCoreError:
        return Connection.LEFT
    return Connection.ENDED
