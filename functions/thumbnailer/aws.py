"""The clients, made once at cold start, and what their errors mean to the message in hand."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from thumbnailer.errors import Systemic, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_ATTEMPTS = 3
_CONNECT_SECONDS = 1


def _client_config(deadline: float) -> ClientConfig:
    """Let one call, retries included, take `deadline` seconds at most.

    The SDK's own retries cover the blips; what does not answer for longer is retried from the queue, so that one
    slow call does not eat the time of a whole batch.
    """
    return ClientConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=max(1.0, deadline / _ATTEMPTS - _CONNECT_SECONDS),
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )


# Errors that the next attempt may well not meet. Anything else that is not the caller's to interpret means
# that permissions, resources or code are wrong, and every message would fail the same way.
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
    """The AWS clients of the function."""

    s3: S3Client
    dynamodb: DynamoDBClient
    sns: SNSClient

    @classmethod
    def connect(cls, deadline: float) -> Clients:
        """Make them, such that one call takes `deadline` seconds at most; nothing goes over the network yet."""
        session, config = boto3.session.Session(), _client_config(deadline)
        return cls(
            s3=session.client("s3", config=config),
            dynamodb=session.client("dynamodb", config=config),
            sns=session.client("sns", config=config),
        )


def connect_sqs(deadline: float) -> SQSClient:
    """Make a client of SQS, which few invocations need."""
    return boto3.session.Session().client("sqs", config=_client_config(deadline))


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
