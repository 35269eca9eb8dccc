"""Devices, which AWS IoT calls things: where their images lie, and on which topics one talks to them.

key = key_of_thing(source_prefix, "gate-3", "2026-11-30T07.15.00")
thing_of_key(source_prefix, key) == ("gate-3", "2026-11-30T07.15.00")
topic(topic_prefix, "gate-3", ACCEPTED)
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ACCEPTED",
    "REJECTED",
    "REQUEST",
    "STATUS",
    "THINGS",
    "is_own_id",
    "is_thing_name",
    "key_of_thing",
    "thing_of_key",
    "topic",
]

THINGS: Final = "things/"
"""What keys of devices' images have behind the watched prefix; nothing else may be written there."""

REQUEST, ACCEPTED, REJECTED, STATUS = "request", "accepted", "rejected", "status"
"""The last part of each topic: the first is a device's to publish on, the others are ours."""

# https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
_THING_NAME: Final = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_OWN_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def is_thing_name(text: str) -> bool:
    """Whether a thing can be called so."""
    return _THING_NAME.fullmatch(text) is not None


def is_own_id(text: str) -> bool:
    """Whether a device can call an image so: it becomes the end of a key, and of a thumbnail's."""
    return _OWN_ID.fullmatch(text) is not None


def key_of_thing(source_prefix: str, thing: str, own_id: str = "") -> str:
    """Return the key of a device's image; without an id, what all of that device's keys begin with."""
    return f"{source_prefix}{THINGS}{thing}/{own_id}"


def thing_of_key(source_prefix: str, key: str) -> tuple[str, str] | None:
    """Return the thing and the id that a key was made of, or None where it is not a device's."""
    beginning = source_prefix + THINGS
    thing, _, own_id = key.removeprefix(beginning).partition("/")
    if key.startswith(beginning) and is_thing_name(thing) and is_own_id(own_id):
        return thing, own_id
    return None


def topic(topic_prefix: str, thing: str, last: str) -> str:
    """Return one of a device's topics."""
    return f"{topic_prefix}/{thing}/uploads/{last}"
