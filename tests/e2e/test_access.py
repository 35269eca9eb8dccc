"""Who uploads and who fetches thumbnails: the policies that the module has for them are enough and no more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

KEY = "access/brought.png"


@pytest.fixture(params=["uploaders", "readers"])
def whose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def s3(deployment: Deployment, whose: str) -> Iterator[Any]:
    """S3 as somebody with the policy of these, and no other."""
    iam, stack = deployment.iam, deployment.stack
    iam.create_user(UserName=whose)
    # The emulator asks nobody for the key.
    document = json.loads(deployment.outputs["access_policies"][whose])
    iam.put_user_policy(UserName=whose, PolicyName="access", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName=whose)["AccessKey"]
    yield boto3.client(
        "s3",
        region_name=stack.region,
        endpoint_url=stack.endpoint_url,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
    )
    iam.delete_access_key(UserName=whose, AccessKeyId=made["AccessKeyId"])
    iam.delete_user_policy(UserName=whose, PolicyName="access")
    iam.delete_user(UserName=whose)


def test_they_do_what_they_come_for_and_nothing_else(deployment: Deployment, s3: Any, whose: str) -> None:
    deployment.upload(KEY, picture())
    thumbnail = deployment.row_when(KEY, "READY")["renditions"][0]["key"]
    uploads, thumbnails = deployment.outputs["source_bucket"], deployment.outputs["thumbnails_bucket"]

    def in_parts() -> None:
        upload = s3.create_multipart_upload(Bucket=uploads, Key=KEY)["UploadId"]
        whole = {"Bucket": uploads, "Key": KEY, "UploadId": upload}
        etag = s3.upload_part(**whole, PartNumber=1, Body=picture())["ETag"]
        assert len(s3.list_parts(**whole)["Parts"]) == 1
        s3.complete_multipart_upload(**whole, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})

    calls: dict[str, Callable[[], Any]] = {
        "upload": lambda: s3.put_object(Bucket=uploads, Key=KEY, Body=picture()),
        "upload in parts": in_parts,
        "read": lambda: s3.get_object(Bucket=thumbnails, Key=thumbnail),
        "read uploads": lambda: s3.get_object(Bucket=uploads, Key=KEY),
        "delete uploads": lambda: s3.delete_object(Bucket=uploads, Key=KEY),
        "list uploads": lambda: s3.list_objects_v2(Bucket=uploads),
        "list thumbnails": lambda: s3.list_objects_v2(Bucket=thumbnails),
        "write thumbnails": lambda: s3.put_object(Bucket=thumbnails, Key=thumbnail, Body=b""),
    }
    may = {"uploaders": {"upload", "upload in parts"}, "readers": {"read"}}[whose]
    for name, call in calls.items():
        if name in may:
            call()
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                call()


def test_the_policies_let_them_use_the_key_through_s3_alone(deployment: Deployment) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions"""
    wanted = {"uploaders": ["kms:Decrypt", "kms:GenerateDataKey"], "readers": ["kms:Decrypt"]}
    for whose, actions in wanted.items():
        _, key = json.loads(deployment.outputs["access_policies"][whose])["Statement"]
        assert (key["Action"], key["Resource"]) == (actions, [deployment.outputs["kms_key_arn"]])
        assert key["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
