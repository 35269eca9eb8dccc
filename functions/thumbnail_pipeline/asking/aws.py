"""DynamoDB, S3 and IoT by signed requests of our own: a cold start has no time for the SDK. Connections are kept open.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html
https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html
https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT.html
"""

from __future__ import annotations

import http.client
import json
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from thumbnail_pipeline import telemetry
from thumbnail_pipeline.asking.signing import Signer, Target, encoded
from thumbnail_pipeline.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from thumbnail_pipeline.asking.config import Access

__all__ = ["Aws", "ServiceError"]

_ATTEMPTS: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.05
_SECONDS_A_CALL: Final = 3.0
_DYNAMODB_VERSION: Final = "DynamoDB_20120810"
_THROTTLED: Final = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottlingException",
        "TransactionInProgressException",
        str(int(HTTPStatus.TOO_MANY_REQUESTS)),
    }
)


class ServiceError(Exception):
    """A service refused a request, and would do so again."""

    def __init__(self, code: str, document: Mapping[str, Any]) -> None:
        """Its text is the code alone: a service's words repeat keys, which name users."""
        super().__init__(code)
        self.code = code
        self.document = document


class Aws:
    """The services, in the region and with the credentials of the function.

    aws = Aws(access)
    aws.dynamodb("BatchGetItem", {"RequestItems": {…}})
    aws.s3("DELETE", bucket, key)

    Every call may be made twice, where its first answer is lost. All raise Transient where a service cannot answer now,
    and ServiceError where it refuses.
    """

    def __init__(self, access: Access, clock: Callable[[], float] = time.time) -> None:
        """Nothing goes over the network."""
        self._access = access
        self._clock = clock
        self._signer = Signer(access.credentials, access.region)
        self._suffix = "amazonaws.com.cn" if access.region.startswith("cn-") else "amazonaws.com"
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def dynamodb(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call, in the JSON that DynamoDB speaks."""
        origin = self._access.endpoint_url or f"https://dynamodb.{self._access.region}.{self._suffix}"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{_DYNAMODB_VERSION}.{operation}",
        }
        with telemetry.step(operation):
            body = self._call(Target("dynamodb", "POST", origin, "/"), headers, "", json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body)
        return answer

    def s3(
        self,
        method: str,
        bucket: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Make one call, and return the body of its answer."""
        target = self._object(method, bucket, key)
        with telemetry.step(f"S3 {method}"):
            return self._call(target, headers or {}, encoded(dict(sorted((query or {}).items()))), body)

    def publish(self, host: str, topic: str, message: Mapping[str, Any]) -> None:
        """Publish a message in JSON, with QoS 1, at the account's own endpoint for devices."""
        origin = self._access.endpoint_url or f"https://{host}"
        target = Target("iotdata", "POST", origin, f"/topics/{quote(topic, safe='')}")
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        with telemetry.step("Publish"):
            self._call(target, {}, encoded({"qos": "1"}), body)

    def iot(self, path: str) -> dict[str, Any]:
        """Read what the registry of devices has at a path."""
        origin = self._access.endpoint_url or f"https://iot.{self._access.region}.{self._suffix}"
        with telemetry.step("IoT GET"):
            answer: dict[str, Any] = json.loads(self._call(Target("iot", "GET", origin, path), {}, "", b""))
        return answer

    def presigned(
        self, method: str, bucket: str, key: str, headers: Mapping[str, str] | None = None, *, seconds: int, now: float
    ) -> str:
        """Return a URL by which anybody may do this for `seconds` after `now`, with exactly these headers."""
        return self._signer.presigned(self._object(method, bucket, key), headers or {}, seconds=seconds, now=now)

    def _object(self, method: str, bucket: str, key: str) -> Target:
        path = f"/{quote(key, safe='/~')}"
        if self._access.endpoint_url:
            return Target("s3", method, self._access.endpoint_url, f"/{bucket}{path}")
        host = f"s3.{self._access.region}.{self._suffix}"
        # The certificate is for one label before it.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        if "." in bucket:
            return Target("s3", method, f"https://{host}", f"/{bucket}{path}")
        return Target("s3", method, f"https://{bucket}.{host}", path)

    def _call(self, target: Target, headers: Mapping[str, str], query: str, body: bytes) -> bytes:
        why = ""
        for attempt in range(_ATTEMPTS):
            if why:
                time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - jitter
            signed = self._signer.headers(target, headers, query, body, self._clock())
            try:
                status, answered = self._send(target, signed, query, body)
            except (OSError, http.client.HTTPException) as error:
                # A connection that was kept open may have been closed meanwhile.
                self._connections.pop(target.origin).close()
                why = type(error).__name__
                continue
            if status < HTTPStatus.MULTIPLE_CHOICES:
                return answered
            code, document = _refusal(status, answered)
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and code not in _THROTTLED:
                raise ServiceError(code, document)
            why = code
        raise Transient(f"{why} from {target.service}")

    def _send(self, target: Target, headers: Mapping[str, str], query: str, body: bytes) -> tuple[int, bytes]:
        if target.origin not in self._connections:
            secure = target.origin.startswith("https:")
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connections[target.origin] = kind(target.host, timeout=_SECONDS_A_CALL)
        connection = self._connections[target.origin]
        where = f"{target.path}?{query}" if query else target.path
        connection.request(target.method, where, body or None, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()


def _refusal(status: int, body: bytes) -> tuple[str, dict[str, Any]]:
    """The code of an error, and the whole of it where it is DynamoDB's; of the others, the status will do."""
    try:
        document = json.loads(body)
        return str(document["__type"]).rpartition("#")[2], document
    except (LookupError, TypeError, ValueError):
        return str(status), {}
