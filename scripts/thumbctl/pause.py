"""`thumbctl pause` and `thumbctl resume`: whether the function takes what is in a queue."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thumbctl import stack as stacks
from thumbctl.conventions import JsonOption, StackOption, console, write_json
from thumbctl.looking.health import MAPPINGS

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

__all__ = ["pause", "resume"]


class QueueName(StrEnum):
    """A queue that the function takes messages from."""

    WORK = "work"
    """Events of uploads."""
    BACKFILL = "backfill"
    """Messages of `backfill`, `retry` and `reconcile --repair`."""


_QueueArgument: TypeAlias = Annotated[
    QueueName, typer.Argument(help="`work` holds events of uploads, `backfill` what people send.")
]


def pause(
    queue: _QueueArgument,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a queue's messages wait: the function takes no more of them until `thumbctl resume`, or `terraform apply`.

    It finishes the messages that it has already. Messages that wait longer than the queue keeps them are lost.

    Examples:

        # Stop a backfill from using the function, and nothing else
        thumbctl pause backfill --stack photos

        # Stop the work on uploads
        thumbctl pause work --stack photos
    """
    _switch(stack, queue, on=False, as_json=as_json)


def resume(
    queue: _QueueArgument,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the function take a queue's messages again.

    It undoes `thumbctl pause`. A queue that was not paused stays as it is.

    Examples:

        # Go on with uploads
        thumbctl resume work --stack photos

        # Go on with a backfill
        thumbctl resume backfill --stack photos
    """
    _switch(stack, queue, on=True, as_json=as_json)


def _switch(name: str | None, queue: QueueName, *, on: bool, as_json: bool) -> None:
    stack = stacks.find(name)
    functions: LambdaClient = stack.client("lambda")
    state = functions.update_event_source_mapping(UUID=stack.outputs[MAPPINGS[queue]], Enabled=on)["State"]
    if as_json:
        write_json([{"queue": queue, "state": state}])
    else:
        console().print(f"The {queue} queue is {'resumed' if on else 'paused'}; Lambda calls its mapping {state}.")
