"""`thumbctl trace`: where the time of an image went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thumbctl import stack as stacks
from thumbctl.conventions import ExitCode, JsonOption, StackOption, complain, console, write_json
from thumbctl.looking import image, traces

if TYPE_CHECKING:
    from thumbctl.looking.xray import Trace
    from thumbctl.stack import Stack

__all__ = ["trace"]


def trace(
    key_or_trace_id: Annotated[
        str,
        typer.Argument(
            metavar="KEY|TRACE-ID",
            help="The key of a source object, or the id of a trace, such as 1-6745a3c1-0123456789abcdef01234567.",
        ),
    ],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where the time of an image went, or of a whole invocation.

    Of a key: the part of the invocation that last decided on this image. Of a trace id, as logs and catalog rows have
    it: all of the invocation, with every image of its batch. Lambda has only some invocations traced: the first of each
    second, and 5 % of the others. X-Ray keeps traces for 30 days.

    Exit code 1: there is no such trace.

    Examples:

        # One image
        thumbctl trace holiday/beach.jpg --stack photos

        # A whole invocation, by its id from the log
        thumbctl trace 1-6745a3c1-0123456789abcdef01234567 --stack photos
    """
    found = stacks.find(stack)
    try:
        shown = _found(found, key_or_trace_id)
    except traces.NoTrace as error:
        complain(str(error))
        raise typer.Exit(ExitCode.WRONG) from None
    if as_json:
        write_json(traces.as_json(shown))
        return
    console().print(f"{shown.spans[0].subject}  {shown.trace_id}".lstrip(), style="bold")
    console().print(traces.table(shown))
    if url := traces.console_url(found, shown.trace_id):
        console().print(url, soft_wrap=True)


def _found(stack: Stack, key_or_trace_id: str) -> Trace:
    if traces.is_trace_id(key_or_trace_id):
        return traces.look_up(stack, key_or_trace_id)
    key = key_or_trace_id
    row = image.row(stack, key)
    if row is None:
        raise traces.NoTrace(f"The catalog does not know '{key}': see why with 'thumbctl show'.")
    if "trace_id" not in row.attributes:
        raise traces.NoTrace(f"The row of '{key}' has no trace id: its image is being worked on for the first time.")
    return traces.look_up(stack, row.attributes["trace_id"], key)
