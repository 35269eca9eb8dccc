"""bulk.transfer over HTTP: what it stores, and how it tells what went wrong."""

from __future__ import annotations

import base64
import hashlib
import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from devtools.localaws import emulator, processes
from thumbctl.errors import ThumbctlError
from thumbctl.importing import transfer
from thumbctl.importing.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

BUCKET = "uploads"
DATA = b"image" * 1000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The runtime opens its own connections: what imitates AWS has to be a server.
    port = processes.free_port()
    process = emulator.start(port, tmp_path_factory.mktemp("emulator"))
    yield f"http://{processes.LOOPBACK}:{port}"
    process.stop()


@pytest.fixture
def s3(url: str, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    monkeypatch.setattr(transfer, "_RETRIES", 1)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    client: S3Client = boto3.client("s3", endpoint_url=url, region_name=emulator.REGION)
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a b+c%20ü.jpg"
    file.write_bytes(DATA)
    return file


def headers(**more: str) -> dict[str, str]:
    checksum = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    return {"Content-Type": "image/jpeg", "x-amz-checksum-sha256": checksum, **more}


@pytest.mark.parametrize(
    "key",
    ["plain.jpg", "a b+c%20/ü 日本.jpg", "a//b/./c/../d.jpg", "x~y!'()*&=;:@,?#$.jpg", "tab\tand\nline", "k" * 1024],
)
def test_any_key_gets_the_bytes_their_type_and_checksum(s3: S3Client, file: Path, key: str) -> None:
    stored = Transfer(s3, BUCKET, connections=2).put(str(file), key, size=len(DATA), headers=headers()).result()
    found = s3.get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert found["Body"].read() == DATA
    assert found["ContentType"] == "image/jpeg"
    assert found["ChecksumSHA256"] == headers()["x-amz-checksum-sha256"]
    assert (stored.etag, stored.version_id) == (found["ETag"].strip('"'), found["VersionId"])
    assert key in [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


def test_a_condition_that_fails_is_told_as_boto3_does(s3: S3Client, file: Path) -> None:
    put = Transfer(s3, BUCKET, connections=2)
    put.put(str(file), "once", size=len(DATA), headers=headers()).result()
    with pytest.raises(ClientError) as caught:
        put.put(str(file), "once", size=len(DATA), headers=headers(**{"If-None-Match": "*"})).result()
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert caught.value.operation_name == "PutObject"


def test_a_file_that_is_gone_or_shorter_is_an_error_of_the_disk(s3: S3Client, file: Path, tmp_path: Path) -> None:
    put = Transfer(s3, BUCKET, connections=2)
    with pytest.raises(OSError, match="gone"):
        put.put(str(tmp_path / "gone"), "gone", size=5, headers={}).result()
    with pytest.raises(OSError, match="must match"):
        put.put(str(file), "shorter", size=len(DATA) + 1, headers={}).result()
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="gone")


def test_an_s3_that_is_not_there_is_told_with_the_remedy(
    s3: S3Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(transfer, "_url_of", lambda *_: f"{nobody}/{BUCKET}")
        put = Transfer(s3, BUCKET, connections=2)
        with pytest.raises(ThumbctlError, match=rf"{nobody} does not take an upload .* check the network"):
            put.put(str(file), "key", size=len(DATA), headers=headers()).result()


def test_an_answer_that_cannot_be_read_leaves_nobody_waiting(
    s3: S3Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise KeyError("etag")

    monkeypatch.setattr(transfer, "Stored", unreadable)
    with pytest.raises(KeyError):
        Transfer(s3, BUCKET, connections=2).put(str(file), "key", size=len(DATA), headers=headers()).result(timeout=30)


def test_credentials_are_asked_for_with_every_upload(s3: S3Client, file: Path) -> None:
    put = Transfer(s3, BUCKET, connections=2)
    credentials: Any = s3._get_credentials()  # type: ignore[attr-defined]
    asked: list[str] = []
    really = credentials.get_frozen_credentials

    def frozen() -> Any:
        asked.append("asked")
        return really()

    credentials.get_frozen_credentials = frozen
    for index in range(3):
        put.put(str(file), f"{index}", size=len(DATA), headers=headers()).result()
    assert len(asked) >= 3


def test_a_bucket_that_may_not_be_listed_is_told_at_once(s3: S3Client) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        Transfer(s3, "another", connections=2)
