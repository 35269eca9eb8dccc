"""Devices over moto: what the rule of IoT hands to the functions, and what they publish, held to the schema."""

from __future__ import annotations

import base64
import importlib
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto.iotdata.models import iotdata_backends

from device_asks.answering import Gate
from device_asks.config import DeviceAsksConfig
from support.front_door import MotoAws
from support.front_door import environment as of_the_api
from support.pipeline import FakeContext

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from jsonschema import Draft202012Validator

SCHEMA_FILE = Path(__file__).parents[2] / "functions" / "device_asks" / "messages.schema.json"
ENDPOINT = "data-ats.iot.us-east-1.amazonaws.com"
THING_TYPE = "thumbs-camera"
GATE = "gate-3"
"""A camera's name."""
_ACCOUNT = "123456789012"


def environment(**changed: str) -> dict[str, str]:
    """What Terraform and Lambda set for all of the functions."""
    own = {
        "TOPIC_PREFIX": "cameras",
        "IOT_ENDPOINT": ENDPOINT,
        "SOURCE_KEYS": json.dumps({"include": [], "exclude": ["Thumbs.db", "*.xmp"]}),
        "THING_TYPE": THING_TYPE,
    }
    return {**of_the_api(), **own, **changed}


def entry(function: str) -> ModuleType:
    """The module with a function's handler, as Lambda imports it."""
    with mock.patch.dict(os.environ, environment()):
        return importlib.import_module(f"{function}.handler")


@cache
def validator(kind: str) -> Draft202012Validator:
    """Of messages of one topic."""
    # Takes seconds to import, which every run of any test would wait for.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{kind}"}]}, format_checker=checker)


def rule_event(payload: bytes, thing: str = GATE, received_at: int = 1_800_000_000_000) -> dict[str, Any]:
    """What the rule hands on of a message."""
    return {"thing": thing, "request": base64.b64encode(payload).decode(), "received_at": received_at}


def published() -> list[tuple[str, dict[str, Any]]]:
    """All that was published since this was asked last, by topic; each is what the schema says."""
    backend = iotdata_backends[_ACCOUNT]["us-east-1"]
    told = [(topic, json.loads(payload)) for topic, payload in backend.published_payloads]
    backend.published_payloads.clear()
    for topic, message in told:
        validator(topic.rpartition("/")[2]).validate(message)
    return told


class Cameras:
    """Devices and the function that answers them. Needs `mock_aws` around it, buckets and tables."""

    def __init__(self, kind: type[MotoAws] = MotoAws, **changed: str) -> None:
        config = DeviceAsksConfig.from_environment(environment(**changed))
        self.aws = kind(config.access)
        self.gate = replace(Gate.over(config, self.aws), clock=lambda: self.aws.now)

    def handle(self, event: Mapping[str, Any]) -> None:
        """Let the function answer one event."""
        with mock.patch.object(entry("device_asks"), "_gate", self.gate):
            entry("device_asks").handler(dict(event), FakeContext())

    def send(self, payload: bytes, thing: str = GATE) -> tuple[str, dict[str, Any]]:
        """Publish a request, and return the answer with the last part of its topic."""
        self.handle(rule_event(payload, thing, int(self.aws.now * 1000)))
        ((topic, message),) = published()
        assert topic.startswith(f"cameras/{thing}/uploads/")
        return topic.rpartition("/")[2], message

    def ask(
        self, own_id: str = "a", *, size: int = 100, thing: str = GATE, **fields: Any
    ) -> tuple[str, dict[str, Any]]:
        """Ask for an upload."""
        return self.send(json.dumps({"id": own_id, "bytes": size, "type": "image/jpeg", **fields}).encode(), thing)

    def accepted(self, own_id: str = "a", **named: Any) -> dict[str, Any]:
        """What an ask is answered that is not refused."""
        last, message = self.ask(own_id, **named)
        assert (last, message["id"]) == ("accepted", own_id)
        return message

    def rejected(self, own_id: str = "a", **named: Any) -> dict[str, Any]:
        """What an ask is answered that is refused."""
        last, message = self.ask(own_id, **named)
        assert last == "rejected"
        return message
