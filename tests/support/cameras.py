"""Cameras of a deployed stack: things with certificates, what they say and hear, and the camera of the docs."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import device_asks
from devtools.localaws.processes import LOOPBACK
from devtools.localaws.stack import REPOSITORY
from support.mqtt import Broker, Connection, Identity

if TYPE_CHECKING:
    from types import ModuleType

    from jsonschema import Draft202012Validator

    from support.deployment import Deployment

CAMERA: Final = REPOSITORY / "docs" / "examples" / "camera.py"
_SCHEMA: Final = Path(device_asks.__file__).with_name("messages.schema.json")
HEARD: Final = ("accepted", "rejected", "status")


@cache
def _validator(kind: str) -> Draft202012Validator:
    # Takes seconds to import, which every run of any test would wait for.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    one = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"}
    return Draft202012Validator(one, format_checker=Draft202012Validator.FORMAT_CHECKER)


def require_valid(kind: str, message: Any) -> None:
    """Raise unless a message is what the JSON Schema says of its kind."""
    _validator(kind).validate(message)


@cache
def camera_of_the_docs() -> ModuleType:
    """docs/examples/camera.py, as it stands."""
    spec = importlib.util.spec_from_file_location("camera_of_the_docs", CAMERA)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for it
    spec.loader.exec_module(module)
    return module


def wanted(content: bytes, *, inside: bool = False, **fields: Any) -> dict[str, Any]:
    """A request of a camera about a PNG, which is called by its hash; with the picture `inside`, if so wished."""
    digest = hashlib.sha256(content).hexdigest()
    body = {"body": base64.b64encode(content).decode()} if inside else {}
    return {"id": digest, "bytes": len(content), "type": "image/png", "sha256": digest, **body, **fields}


class Registry:
    """Makes things, as `thumbctl devices add` does, and connects as them."""

    def __init__(self, deployment: Deployment, directory: Path) -> None:
        self.outputs = deployment.outputs["devices"]
        self.iot = deployment.stack.client("iot")
        self._forget()
        self.broker = Broker.of(deployment.stack.endpoint_url, deployment.stack.mqtt_port, directory)
        self._directory = directory

    def _forget(self) -> None:
        """Remove the things of an earlier run, where the stack was kept."""
        for thing in self.iot.list_things(maxResults=250)["things"]:
            name = thing["thingName"]
            for arn in self.iot.list_thing_principals(thingName=name)["principals"]:
                self.iot.update_certificate(certificateId=arn.rpartition("/")[2], newStatus="INACTIVE")
                self.iot.detach_thing_principal(thingName=name, principal=arn)
            self.iot.delete_thing(thingName=name)

    def register(self, thing: str, **attributes: Any) -> None:
        """Make a thing of the stack's type, without a certificate."""
        self.iot.create_thing(thingName=thing, thingTypeName=self.outputs["thing_type"], **attributes)

    def add(self, thing: str) -> Identity:
        """Make one that can connect."""
        self.register(thing)
        return Identity.made(self.iot, self._directory, self.outputs["policy_name"], thing)

    def claim(self) -> Identity:
        """The certificate of devices that have none of their own."""
        return Identity.made(self.iot, self._directory, self.outputs["claim_policy_name"])

    def topic(self, thing: str, last: str) -> str:
        """One of a thing's topics."""
        return f"{self.outputs['topic_prefix']}/{thing}/uploads/{last}"

    def device_file(self, thing: str, identity: Identity, *, port: int | None = None) -> Path:
        """What `thumbctl devices add` writes for a camera; with another port, that of somebody between."""
        file = identity.key.with_name("device.json")
        said = {
            "endpoint": LOOPBACK,
            "port": port or self.broker.port,
            "thing": thing,
            "topic_prefix": self.outputs["topic_prefix"],
            "certificate": identity.certificate.name,
            "key": identity.key.name,
            "ca": str(self.broker.ca),
        }
        file.write_text(json.dumps(said), encoding="utf-8")
        return file


class Talk(Connection):
    """A thing's connection that subscribes to what is said to it, and holds everything to the JSON Schema."""

    def __init__(self, registry: Registry, thing: str, identity: Identity, *, expires: int = 0) -> None:
        super().__init__(registry.broker, identity, thing, expires)
        self._registry = registry

    def __enter__(self) -> Talk:
        """Connect and subscribe."""
        super().__enter__()
        for last in HEARD:
            assert self.subscribe(self._registry.topic(self.client_id, last)) == "GRANTED_QOS_1"
        return self

    def ask(self, request: dict[str, Any]) -> tuple[str, Any]:
        """Publish a request; what is answered, and how."""
        assert self.publish(self._registry.topic(self.client_id, "request"), request) == "SUCCESS"
        return self.told(request.get("id"), "accepted", "rejected")

    def told(self, image_id: Any, *kinds: str) -> tuple[str, Any]:
        """The next that is said of an image on one of these topics."""
        topic, said = self.hears(lambda topic, said: topic.endswith(kinds) and said.get("id") == image_id)
        kind = topic.rpartition("/")[2]
        require_valid(kind, said)
        return kind, said


class Claim(Connection):
    """The connection of a device that has no certificate of its own yet."""

    def __init__(self, registry: Registry, identity: Identity) -> None:
        super().__init__(registry.broker, identity, f"claim.{os.urandom(4).hex()}")
        self._template = registry.outputs["provisioning_template"]

    def exchange(self, serial_number: str, directory: Path) -> Identity | str:
        """The certificate that it gets for itself, or why it gets none."""
        made = self._called("$aws/certificates/create/json", {})
        request = {
            "certificateOwnershipToken": made["certificateOwnershipToken"],
            "parameters": {"SerialNumber": serial_number},
        }
        answer = self._called(f"$aws/provisioning-templates/{self._template}/provision/json", request)
        if "thingName" not in answer:
            return str(answer["errorCode"])
        assert answer["thingName"] == serial_number
        return Identity.written(f"cert/{made['certificateId']}", made["certificatePem"], made["privateKey"], directory)

    def _called(self, topic: str, request: dict[str, Any]) -> Any:
        for answer in ("accepted", "rejected"):
            assert self.subscribe(f"{topic}/{answer}") == "GRANTED_QOS_1"
        assert self.publish(topic, request) == "SUCCESS"
        return self.hears()[1]
