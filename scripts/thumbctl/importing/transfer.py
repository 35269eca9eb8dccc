"""Puts files into a bucket with the AWS Common Runtime: one request a file, and one signature for all its bytes.

docs/decisions/0029-uploads-by-the-common-runtime.md says why not with boto3, and what that costs.
"""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from awscrt.auth import AwsCredentials, AwsCredentialsProvider
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, ClientTlsContext, TlsContextOptions
from awscrt.s3 import S3Client as RuntimeClient
from awscrt.s3 import (
    S3RequestTlsMode,
    S3RequestType,
    S3ResponseError,
    S3RetryConfig,
    S3RetryMode,
    create_default_s3_signing_config,
)
from botocore.exceptions import ClientError

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

MOST_BYTES = 5 * 2**30
"""Of one request. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

_RETRIES = 8
# What the runtime calls it when a file went, or became shorter, while it was read.
_THE_FILE = {"AWS_ERROR_FILE_INVALID_PATH", "AWS_ERROR_FILE_READ_FAILURE", "AWS_ERROR_S3_INCORRECT_CONTENT_LENGTH"}
# The least that the runtime takes for a bound of its buffers.
_MEMORY_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as S3 answered for it."""

    etag: str
    version_id: str | None
    """None in a bucket that is not versioned."""


class Transfer:
    """Uploads to one bucket, from as many threads as like to."""

    def __init__(self, s3: S3Client, bucket: str, *, connections: int) -> None:
        """Take credentials, region and address from `s3`. Raises ClientError where it may not list the bucket."""
        address = urlsplit(_url_of(s3, bucket))
        self._url = f"{address.scheme}://{address.netloc}"
        self._host = address.netloc
        self._path = address.path.rstrip("/")
        # Boto3 takes them from a client in the same way, for its own transfers with the runtime.
        credentials: Credentials = s3._get_credentials()  # type: ignore[attr-defined] # noqa: SLF001

        def current() -> AwsCredentials:
            frozen = credentials.get_frozen_credentials()
            return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)

        region = s3.meta.region_name
        tls = address.scheme == "https"
        self._runtime = RuntimeClient(
            bootstrap=ClientBootstrap.get_or_create_static_default(),
            region=region,
            signing_config=create_default_s3_signing_config(
                region=region, credential_provider=AwsCredentialsProvider.new_delegate(current)
            ),
            tls_mode=S3RequestTlsMode.ENABLED if tls else S3RequestTlsMode.DISABLED,
            tls_connection_options=_trust() if tls else None,
            multipart_upload_threshold=MOST_BYTES,
            memory_limit=_MEMORY_BYTES,
            max_active_connections_override=connections,
            # Slows down for all files where S3 throttles one.
            retry_config=S3RetryConfig(max_retries=_RETRIES, retry_mode=S3RetryMode.ADAPTIVE),
        )

    def put(self, file: str, key: str, *, size: int, headers: Mapping[str, str]) -> Future[Stored]:
        """Begin to put the `size` bytes of `file` at `key`, with `headers` as PutObject has them.

        The future raises ClientError as boto3 does, OSError where the file is shorter, ThumbctlError where S3 does not
        answer. Raises OSError where the file cannot be opened.
        """
        stored: Future[Stored] = Future()
        answered: dict[str, str] = {}

        def note(headers: list[tuple[str, str]], **_: object) -> None:
            answered.update((name.lower(), value) for name, value in headers)

        fields = HttpHeaders([("Host", self._host), ("Content-Length", str(size)), *headers.items()])

        def finish(finished: Future[None]) -> None:
            try:
                finished.result()
                came = Stored(answered["etag"].strip('"'), answered.get("x-amz-version-id"))
            except S3ResponseError as error:
                stored.set_exception(_as_boto3_has_it(error))
            except AwsCrtError as error:
                stored.set_exception(self._told(error, file))
            except BaseException as error:  # noqa: BLE001 - nobody else hears of it, and somebody waits
                stored.set_exception(error)
            else:
                stored.set_result(came)

        try:
            request = self._runtime.make_request(
                type=S3RequestType.PUT_OBJECT,
                request=HttpRequest("PUT", f"{self._path}/{quote(key, safe='/~')}", fields),
                send_filepath=file,
                on_headers=note,
            )
        except RuntimeError as error:
            # How the runtime's binding refuses a file that it cannot open.
            raise OSError(f"{file}: {error}") from error
        request.finished_future.add_done_callback(finish)
        return stored

    def _told(self, error: AwsCrtError, file: str) -> OSError | ThumbctlError:
        if error.name in _THE_FILE:
            return OSError(f"{file}: {error.message}")
        return ThumbctlError(
            f"{self._url} does not take an upload ({error.name}: {error.message.rstrip('.')}): check the network,"
            " AWS_DEFAULT_REGION and AWS_ENDPOINT_URL, and start again; what was uploaded stays uploaded."
        )


def _url_of(s3: S3Client, bucket: str) -> str:
    """Where boto3 finds the bucket, with every setting of endpoints that there is."""
    urls: list[str] = []

    def note(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own, which has no stubs
        urls.append(request.url)

    event = "before-send.s3.ListObjectsV2"
    s3.meta.events.register(event, note)
    try:
        s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    finally:
        s3.meta.events.unregister(event, note)
    return urls[-1]


def _trust() -> Any:  # noqa: ANN401 - awscrt has no stubs
    """The authorities that sign S3's certificate: the machine's, or those that boto3 is told of."""
    options = TlsContextOptions()
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        options.override_default_trust_store_from_path(ca_filepath=bundle)
    return ClientTlsContext(options).new_connection_options()


def _as_boto3_has_it(error: S3ResponseError) -> ClientError:
    code, message = str(error.status_code), error.message
    try:
        document = ElementTree.fromstring(error.body or b"")  # noqa: S314 - from S3, over TLS
    except ElementTree.ParseError:
        pass
    else:
        code, message = document.findtext("Code", code), document.findtext("Message", message)
    metadata: Any = {"HTTPStatusCode": error.status_code}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "PutObject")
