"""What AWS has against a call, in a sentence that names the thing and the remedy."""

from __future__ import annotations

import os
import re
import traceback
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    SSLError,
)

# What the services that are asked here call it.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
# The answer to a HEAD has no body to name the error in.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
# https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_DeleteConnection.html
_DENIED: Final = frozenset(
    {
        "403", "AccessDenied", "AccessDeniedException", "AuthorizationError", "ForbiddenException", "KMSAccessDenied",
        "UnauthorizedException",
    }
)  # fmt: skip
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


def is_denied(error: ClientError) -> bool:
    """Whether the caller lacks a permission: another identity, or another policy, would have been let through."""
    return error.response["Error"]["Code"] in _DENIED


def sentence(error: BotoCoreError | ClientError) -> str:
    """Say why a call to AWS failed."""
    match error:
        case NoCredentialsError():
            return "There are no AWS credentials: log in, for example with 'aws sso login', or set AWS_PROFILE."
        case NoRegionError():
            return "There is no AWS region to look in: name the stack's in AWS_DEFAULT_REGION."
        case EndpointConnectionError():
            url = error.kwargs["endpoint_url"]
            return f"{url} does not answer: check the network, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL."
        case SSLError():
            return f"{str(error).rstrip('.')}: check AWS_ENDPOINT_URL and AWS_CA_BUNDLE."
        case ClientError() if error.response["Error"]["Code"] in _EXPIRED:
            return "The credentials have expired: log in again, for example with 'aws sso login'."
        case ClientError() if is_denied(error):
            said = error.response["Error"]["Message"].rstrip(".")
            return f"AWS denies {error.operation_name} ({said}): have it allowed, or be somebody else with AWS_PROFILE."
    names = _named_in(str(error))
    return f"{str(error).rstrip('.')}: correct {names}." if names else str(error)


def of_settings(error: Exception) -> str | None:
    """Say which setting the SDK cannot work with; None where `error` is none of the SDK's.

    It checks few of them before it uses them, so whatever Python has against one comes out of it.
    """
    modules = (frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__))
    if not any(module.startswith("botocore.") for module in modules):
        return None
    said = f"{type(error).__name__}: {error}".rstrip(".")
    names = _named_in(said) or "the environment variables that begin with AWS_, and what your AWS profile sets"
    return f"The AWS SDK cannot work with what it is set to ({said}): correct {names}."


def _named_in(said: str) -> str:
    """The environment variables whose values `said` has something against."""
    return " and ".join(
        name
        for name, value in os.environ.items()
        if name.startswith("AWS_") and value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", said)
    )
