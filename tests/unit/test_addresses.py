"""Addresses in S3 are read alike by every command."""

from __future__ import annotations

import pytest

from thumbnail_pipeline import addresses


@pytest.mark.parametrize(
    ("address", "bucket", "key"),
    [
        ("s3://uploads", "uploads", ""),
        ("s3://uploads/", "uploads", ""),
        ("s3://uploads/2026/a.jpg", "uploads", "2026/a.jpg"),
        ("s3://uploads//a?b#c%20.jpg", "uploads", "/a?b#c%20.jpg"),
    ],
)
def test_bucket_and_key(address: str, bucket: str, key: str) -> None:
    assert addresses.is_s3(address)
    assert addresses.parsed(address) == (bucket, key)


def test_a_path_is_no_address() -> None:
    assert not addresses.is_s3("photos/s3://")
