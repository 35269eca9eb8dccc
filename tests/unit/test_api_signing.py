"""Signatures of the API are those of the SDK, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as SdkCredentials
from hypothesis import given
from hypothesis import strategies as st

from support.front_door import environment
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.config import Access
from thumbnail_pipeline.asking.signing import Credentials, Signer, Target, encoded
from thumbnail_pipeline.environment import Variables

regions = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"])
secrets = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)
tokens = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=60).map(str.strip)
times = st.integers(0, 4_102_444_799)
keys = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)
values = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=30)


def sdk_signed(auth: Any, request: AWSRequest, now: int) -> AWSRequest:
    """Let a signer of the SDK sign a request at this moment."""
    with signing_at(now):
        auth.add_auth(request)
    return request


def signing_at(now: int) -> Any:
    """Let the SDK believe that it is this moment."""
    return mock.patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(now, UTC))


@given(regions, secrets, tokens, times, keys, values, st.integers(1, 604_800))
def test_a_url_is_signed_as_the_sdk_signs_it(
    region: str, secret: str, token: str, now: int, key: str, value: str, seconds: int
) -> None:
    path = f"/{quote(key, safe='/~')}"
    target = Target("s3", "PUT", f"https://uploads.s3.{region}.amazonaws.com", path)
    headers = {"content-type": "image/png", "if-none-match": "*", "content-length": "3", "x-amz-meta-a": value}
    request = AWSRequest("PUT", target.url, headers=headers)
    credentials = SdkCredentials("AKIA", secret, token or None)
    sdk_signed(S3SigV4QueryAuth(credentials, "s3", region, expires=seconds), request, now)
    mine = Signer(Credentials("AKIA", secret, token), region).presigned(target, headers, seconds=seconds, now=now)
    assert mine == request.url


@given(regions, secrets, tokens, times, st.binary(max_size=60))
def test_a_call_of_dynamodb_is_signed_as_the_sdk_signs_it(
    region: str, secret: str, token: str, now: int, body: bytes
) -> None:
    target = Target("dynamodb", "POST", f"https://dynamodb.{region}.amazonaws.com", "/")
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.BatchGetItem"}
    request = AWSRequest("POST", target.url, headers=headers, data=body)
    credentials = SdkCredentials("AKIA", secret, token or None)
    sdk_signed(SigV4Auth(credentials, "dynamodb", region), request, now)
    mine = Signer(Credentials("AKIA", secret, token), region).headers(target, headers, "", body, now)
    assert mine["authorization"] == request.headers["Authorization"]


@given(regions, secrets, tokens, times, keys)
def test_a_call_of_s3_is_signed_as_the_sdk_signs_it(
    region: str, secret: str, token: str, now: int, prefix: str
) -> None:
    target = Target("s3", "GET", f"https://uploads.s3.{region}.amazonaws.com", "/")
    query = encoded({"list-type": "2", "max-keys": "1", "prefix": prefix})
    request = AWSRequest("GET", f"{target.url}?{query}", headers={})
    credentials = SdkCredentials("AKIA", secret, token or None)
    sdk_signed(S3SigV4Auth(credentials, "s3", region), request, now)
    mine = Signer(Credentials("AKIA", secret, token), region).headers(target, {}, query, b"", now)
    assert mine["authorization"] == request.headers["Authorization"]
    assert mine["x-amz-content-sha256"] == request.headers["X-Amz-Content-SHA256"]


@pytest.mark.parametrize("bucket", ["uploads", "uploads.example.com"])
@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1"])
@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4566"])
def test_a_url_is_the_one_that_the_sdks_client_makes(
    bucket: str, region: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client(
        "s3",
        region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - nobody's
        endpoint_url=endpoint or None,
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path" if endpoint or "." in bucket else "virtual"}
        ),
    )
    key = "tenant=acme/My Photos/users/ä~b/7Z"
    wanted = {"ContentType": "image/png", "ContentLength": 3, "IfNoneMatch": "*", "ChecksumSHA256": "q6ur"}
    theirs = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key, **wanted}, ExpiresIn=600)
    aws = Aws(Access.of(Variables(environment(AWS_REGION=region, AWS_ENDPOINT_URL=endpoint))))
    headers = {
        "content-length": "3",
        "content-type": "image/png",
        "if-none-match": "*",
        "x-amz-checksum-sha256": "q6ur",
    }
    at = datetime.strptime(dict(parse_qsl(urlsplit(theirs).query))["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    mine = aws.presigned("PUT", bucket, key, headers, seconds=600, now=at.timestamp())
    # With the common runtime installed, the SDK signs by it, and writes its parameters in another order.
    assert (mine.partition("?")[0], sorted(mine.partition("?")[2].split("&"))) == (
        theirs.partition("?")[0],
        sorted(theirs.partition("?")[2].split("&")),
    )
