"""What the API takes for granted of S3 and of API Gateway, beside what both do for everybody.

The emulator has it from `devtools.localaws`: by itself, it takes headers that nobody signed, and hands on what a
function died of.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore.config import Config

from devtools.localaws import emulator

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.e2e

FUNCTION: Final = """
def handler(event, context):
    if event["rawPath"] == "/dies":
        raise ValueError("the password is 1234")
    return {"statusCode": 418, "headers": {"content-type": "text/plain"}, "body": "mine"}
"""


def client(url: str, service: str) -> Any:
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    config = Config(signature_version="s3v4") if service == "s3" else None
    return session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def bucket(emulator_url: str) -> str:
    client(emulator_url, "s3").create_bucket(Bucket="signed")
    return "signed"


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html: "Any x-amz-* headers that you plan to
# add to the request are also required for signature calculation."
@pytest.mark.parametrize(
    ("added", "status"),
    [
        ({}, 200),
        ({"content-disposition": "inline"}, 200),
        ({"x-amz-meta-mine": "1"}, 403),
        ({"x-amz-tagging": "scan=clean"}, 403),
        ({"X-Amz-Storage-Class": "GLACIER"}, 403),
    ],
    ids=str,
)
def test_headers_of_amazons_must_be_signed(
    emulator_url: str, bucket: str, added: Mapping[str, str], status: int
) -> None:
    s3, key = client(emulator_url, "s3"), "".join(added) or "nothing added"
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key, "ContentType": "image/png"})
    answer = requests.put(url, data=b"1", headers={"content-type": "image/png", **added}, timeout=10)
    assert answer.status_code == status
    assert ("AccessDenied" in answer.text) == (status != 200)
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == (status == 200)


def test_headers_of_amazons_that_are_signed_are_taken(emulator_url: str, bucket: str) -> None:
    s3 = client(emulator_url, "s3")
    asked = {"Bucket": bucket, "Key": "tagged", "Metadata": {"mine": "1"}}
    url = s3.generate_presigned_url("put_object", asked)
    requests.put(url, data=b"1", headers={"x-amz-meta-mine": "1"}, timeout=10).raise_for_status()
    assert s3.head_object(Bucket=bucket, Key="tagged")["Metadata"] == {"mine": "1"}


@pytest.fixture(scope="module")
def api(emulator_url: str) -> str:
    """An HTTP API before a function that answers, and dies on one path."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("answering.py", FUNCTION)
    role = client(emulator_url, "iam").create_role(RoleName="answering", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function = client(emulator_url, "lambda").create_function(
        FunctionName="answering",
        Runtime="python3.13",
        Handler="answering.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    gateway = client(emulator_url, "apigatewayv2")
    made = gateway.create_api(Name="answering", ProtocolType="HTTP")
    behind = gateway.create_integration(
        ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )
    target = f"integrations/{behind['IntegrationId']}"
    gateway.create_route(ApiId=made["ApiId"], RouteKey="$default", Target=target)
    gateway.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
    return str(made["ApiEndpoint"])


# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
@pytest.mark.parametrize(("path", "status"), [("/lives", 418), ("/dies", 500)])
def test_what_a_function_dies_of_is_told_to_nobody(emulator_url: str, api: str, path: str, status: int) -> None:
    answer = requests.get(f"{emulator_url}{path}", headers={"host": urlsplit(api).netloc}, timeout=60)
    assert answer.status_code == status
    assert "1234" not in answer.text
    if status == 500:
        assert json.loads(answer.text) == {"message": "Internal Server Error"}
