"""Addresses of objects in S3, as people type them: `s3://bucket/key`."""

from __future__ import annotations

from typing import Final

SCHEME: Final = "s3://"


def is_s3(text: str) -> bool:
    """Whether this is an address in S3, and not a path."""
    return text.startswith(SCHEME)


def parsed(address: str) -> tuple[str, str]:
    """Return the bucket and the key or prefix of an address, which may be empty.

    A key may hold `?`, `#` or `%`, which mean something else in other URLs and nothing here.
    """
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return bucket, key
