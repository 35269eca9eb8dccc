"""Finding a deployment by its name: Terraform leaves what tools have to know in a parameter of SSM."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import ClientError

from localaws import stack as local_stack
from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Written by the module's tools.tf; a test holds the two together.
PARAMETER: Final = "/thumbnail-pipeline/{name}"
LOCAL_STACK: Final = Path(".local/stack.json")


@dataclass(frozen=True)
class Stack:
    """A deployment that has been found."""

    title: str
    """Which one it is, for people."""
    outputs: Mapping[str, Any]
    """Those of the Terraform module, as far as tools need them."""
    client: Callable[[str], Any]
    """A boto3 client by the name of its service."""


def find(name: str | None) -> Stack:
    """Return the deployment of that name; without a name, the local one of this directory."""
    if name:
        return _deployed(name)
    if LOCAL_STACK.exists():
        return _local()
    raise ThumbctlError(
        "No stack is named, and none is up in this directory: name one with --stack or THUMBCTL_STACK, or run 'make up'"
        " where the repository is."
    )


def _deployed(name: str) -> Stack:
    session = boto3.session.Session()
    parameter = PARAMETER.format(name=name)
    try:
        value = session.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise ThumbctlError(
            f"There is no stack {name} in {session.region_name}, for there is no SSM parameter {parameter}: correct the"
            " name or AWS_DEFAULT_REGION; if it was deployed before the module wrote that parameter, apply it again."
        ) from None
    try:
        outputs = json.loads(value)
    except ValueError:
        raise ThumbctlError(
            f"The SSM parameter {parameter} is not JSON: somebody changed it, and 'terraform apply' puts it back."
        ) from None
    return Stack(f"{name} in {session.region_name}", outputs, session.client)  # type: ignore[arg-type] # one overload a service


def _local() -> Stack:
    stack = local_stack.load(LOCAL_STACK)
    if not stack.emulator.alive:
        raise ThumbctlError(
            f"The local stack of {LOCAL_STACK} has ended: run 'make up' again, or name another stack with --stack."
        )
    return Stack(f"the local stack at {stack.endpoint_url}", stack.outputs, stack.client)
