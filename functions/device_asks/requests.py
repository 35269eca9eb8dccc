"""Reads what the rule hands on: which device it was, and the bytes that it published. Pure.

The rule hands them on encoded, whatever they are: so what is no JSON is refused in words, and does not fail.
Whatever is not of the form that it must have ends in a Refusal, the words of which never repeat what was sent.
https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.asking.wanted import Wanted, read_json
from thumbnail_pipeline.things import is_own_id, is_thing_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.asking.config import AskLimits

__all__ = ["DeviceRequest", "Published"]

_REQUIRED: Final = frozenset({"id", "bytes", "type"})
_FIELDS: Final = _REQUIRED | {"sha256", "body"}


@dataclass(frozen=True)
class Published:
    """What a device published."""

    thing: str
    """Its name, out of the topic: the broker lets it publish there and nowhere else."""
    document: Mapping[str, Any] | None
    """None where it is no JSON object."""
    received_at: int
    """By the broker, in milliseconds since 1970."""

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Published:
        """Read an event of the rule. Raises LookupError, TypeError or ValueError for any other."""
        thing = event["thing"]
        if not is_thing_name(thing):
            raise ValueError("the rule handed on what no device can have published")
        return cls(thing, read_json(base64.b64decode(event["request"])), int(event["received_at"]))

    @property
    def own_id(self) -> str | None:
        """The id that the message is about, so far as it is one."""
        given = (self.document or {}).get("id")
        return given if isinstance(given, str) and is_own_id(given) else None

    def request(self, limits: AskLimits) -> DeviceRequest:
        """What the device asks for. Raises Refusal."""
        if self.document is None or not _REQUIRED <= self.document.keys() <= _FIELDS:
            raise _invalid("The message must be a JSON object with id, bytes, type and, if you like, sha256 and body.")
        if self.own_id is None:
            raise _invalid("id must have 1 to 64 letters, digits, dots, hyphens or underscores, and begin with no dot.")
        wanted = Wanted.read(self.document, limits)
        return DeviceRequest(self.own_id, wanted, _body(self.document.get("body"), wanted))


@dataclass(frozen=True)
class DeviceRequest:
    """What a device asks for."""

    own_id: str
    wanted: Wanted
    body: bytes | None
    """The image, where it came in the message."""


def _body(given: object, wanted: Wanted) -> bytes | None:
    if given is None:
        return None
    try:
        body = base64.b64decode(given, validate=True) if isinstance(given, str) else None
    except ValueError:
        body = None
    if body is None:
        raise _invalid("body must be base64.")
    if len(body) != wanted.bytes:
        raise _invalid("body must have as many bytes as the message says.")
    if wanted.sha256 and hashlib.sha256(body).hexdigest() != wanted.sha256:
        raise _invalid("body must have the sha256 that the message says.")
    return body


def _invalid(detail: str) -> Refusal:
    return Refusal(Problem.INVALID_REQUEST, detail)
