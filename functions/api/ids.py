"""Identifiers of images, made by the server: 26 characters that grow smaller with time.

S3 lists keys upwards, so that a listing begins with the newest image. The first 48 bits are what is left of the
milliseconds since 1970 until the year 10889, the other 80 are random, in the alphabet of Douglas Crockford.
https://www.crockford.com/base32.html
"""

from __future__ import annotations

import os
import re
from typing import Final

__all__ = ["is_image_id", "new_image_id"]

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 26
_LAST_MILLISECOND: Final = 2**48 - 1
_RANDOM_BYTES: Final = 10
_FORM: Final = re.compile(f"[0-7][{_ALPHABET}]{{{_LENGTH - 1}}}")


def new_image_id(now: float) -> str:
    """Return an id for an image that is asked for at `now`, in seconds since 1970."""
    left = _LAST_MILLISECOND - int(now * 1000)
    number = left << 8 * _RANDOM_BYTES | int.from_bytes(os.urandom(_RANDOM_BYTES))
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def is_image_id(text: str) -> bool:
    """Whether an id has this form, whoever made it."""
    return _FORM.fullmatch(text) is not None
