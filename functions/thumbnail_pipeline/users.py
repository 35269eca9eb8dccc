"""Where the images of users lie: below one prefix that is the server's, each user's beneath a name of their own.

key = key_of_user(source_prefix, owner_of(issuer, subject, own_issuer), image_id)
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

__all__ = ["USERS", "key_of_user", "owner_of"]

USERS: Final = "users/"
"""What keys of users' images have behind the watched prefix; nothing else may be written there."""

# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
_SUB_OF_A_POOL: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def owner_of(issuer: str, subject: str, own_issuer: str) -> str:
    """Return the name of a user in keys and rows, from what their token says.

    A user of our own pool is called as there. Another issuer's subject may be anything, with slashes in it or a mail
    address; so it is encoded together with the issuer, and nobody meets somebody else's name.
    """
    if issuer == own_issuer and _SUB_OF_A_POOL.fullmatch(subject):
        return subject
    named = hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).digest()
    return base64.b32encode(named).decode().rstrip("=").lower()


def key_of_user(source_prefix: str, owner: str, image_id: str = "") -> str:
    """Return the key of a user's image; without an id, what all of that user's keys begin with."""
    return f"{source_prefix}{USERS}{owner}/{image_id}"
