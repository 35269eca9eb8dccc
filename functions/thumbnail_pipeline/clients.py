"""The AWS clients of a function, and what each of their errors means for the message in hand."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import botocore
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from thumbnail_pipeline.errors import Systemic, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_ATTEMPTS = 3
_CONNECT_SECONDS = 1
# What CloudTrail shows of a call. The SDK would put its own together anew, twice a call: a tenth of what a call takes.
USER_AGENT = f"thumbnail-pipeline Botocore/{botocore.__version__}"


def client_config(deadline: float, connections: int) -> ClientConfig:
    """Let one call, retries included, take `deadline` seconds at most, and keep `connections` open.

    The SDK's own retries cover short faults. For longer ones the message goes back to the queue, so that one slow call
    does not take the time of a whole batch.
    """
    return ClientConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=max(1.0, deadline / _ATTEMPTS - _CONNECT_SECONDS),
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=connections,
        user_agent=USER_AGENT,
    )


# Errors that the next attempt may not meet. Any other error, unless the caller has dealt with it, means that
# permissions, resources or code are wrong, and every message would fail the same way.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_TRANSIENT_CODES = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "InternalServerError",
        "LimitExceededException",
        "OperationAborted",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
    }
)
_SERVER_ERROR = 500


@dataclass(frozen=True)
class Clients:
    """The clients of a function, made once at cold start; making them sends nothing over the network.

        clients = Clients.connect(deadline=18, s3_connections=18, dynamodb_connections=10)
        with errors_told_apart("reading the source"):
            clients.s3.get_object(Bucket=bucket, Key=key)

    Those that few invocations need are made on first use, for each costs a cold start several milliseconds.
    """

    s3: S3Client
    dynamodb: DynamoDBClient
    _deadline: float

    @classmethod
    def connect(cls, *, deadline: float, s3_connections: int, dynamodb_connections: int) -> Clients:
        """Make the clients. One call, retries included, takes `deadline` seconds at most.

        So many connections are kept open to be used again; a call beyond them makes one that is closed after it.
        """
        session = boto3.session.Session()
        return cls(
            s3=session.client("s3", config=client_config(deadline, s3_connections)),
            dynamodb=session.client("dynamodb", config=client_config(deadline, dynamodb_connections)),
            _deadline=deadline,
        )

    @cached_property
    def sns(self) -> SNSClient:
        """For digests of failures."""
        return boto3.session.Session().client("sns", config=client_config(self._deadline, 1))

    @cached_property
    def sqs(self) -> SQSClient:
        """For the delay of messages that must come back."""
        return boto3.session.Session().client("sqs", config=client_config(self._deadline, 1))


def code_of(error: ClientError) -> str:
    """The error code that the service answered with."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def errors_told_apart(doing: str) -> Iterator[None]:
    """Turn what the SDK raises into Transient or Systemic; `doing` completes "while …"."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = Transient if code_of(error) in _TRANSIENT_CODES or status >= _SERVER_ERROR else Systemic
        raise kind(f"{code_of(error)} while {doing}: {error}") from error
    except NoCredentialsError as error:
        raise Systemic(f"no credentials while {doing}: {error}") from error
    # Connections refused, reset, timed out, or cut in the middle of a body.
    except (BotoCoreError, ConnectionError, TimeoutError) as error:
        raise Transient(f"{type(error).__name__} while {doing}: {error}") from error
