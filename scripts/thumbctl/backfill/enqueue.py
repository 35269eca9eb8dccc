"""What `backfill` and `retry` have in common: how they send to the backfill queue, watch what comes of it, and end."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer
from botocore.config import Config

from thumbctl.backfill.guard import Bounds, Guard, Seen, Tripped, Valve
from thumbctl.backfill.job import PARTS_AT_A_TIME, Backfill
from thumbctl.bulk.pace import Pace
from thumbctl.bulk.queues import MESSAGES_AT_A_TIME
from thumbctl.bulk.sender import MESSAGES_A_CALL, Message, Sender
from thumbctl.conventions import ExitCode, complain, console, counted, progress, write_json
from thumbctl.interrupts import terminate_as_interrupt
from thumbnail_pipeline.reconciliation.judgement import Verdict
from thumbnail_pipeline.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

    from thumbctl.backfill.found import Found
    from thumbctl.backfill.job import Checkpoints, ObjectSource
    from thumbctl.stack import Stack
    from thumbnail_pipeline.jobs.wish import Wish
    from thumbnail_pipeline.listing import Listed

_LOOK_SECONDS: Final = 3
# SQS may take so long to count what was sent last.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
_SETTLED_SECONDS: Final = 60

# A throttled call is no reason to stop, and every thread has a connection of its own. Every request is made here, and
# checking each of its keys takes longer than sending it.
_PATIENT: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 10},
    max_pool_connections=PARTS_AT_A_TIME,
    parameter_validation=False,
)

IncludeOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOB",
        help="Take only keys that match, such as `*.jpg` or `album/*`; `*` matches `/` too.",
    ),
]
ExcludeOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave out keys that match, even if --include matches them."),
]
DryRunOption: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Send nothing; only say what would be sent.")]


class RunState(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    """Everything is dealt with."""
    LIMITED = "limited"
    """--limit was reached."""
    PAUSED = "paused"
    """Somebody pressed Ctrl-C."""
    STOPPED = "stopped"
    """Too much went wrong."""


@dataclass(frozen=True)
class Manner:
    """How a bulk job sends: how many messages in all, how many a second, when to stop, and whether to wait."""

    limit: int | None = None
    rate: float | None = None
    bounds: Bounds = field(default_factory=Bounds)
    wait: bool | None = None
    """Until what was sent is processed; None is the command's own habit."""


def _manner(
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Stop after N messages.")] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.1, metavar="N", help="Send at most N messages a second.")
    ] = None,
    in_queue: Annotated[
        int,
        typer.Option(
            "--in-queue",
            min=MESSAGES_A_CALL,
            max=100_000,  # of the 120,000 that SQS lets be worked on at a time
            metavar="N",
            help="Keep at most about N messages in the backfill queue, and wait while there are more.",
        ),
    ] = MESSAGES_AT_A_TIME,
    max_failed: Annotated[
        float | None,
        typer.Option(
            "--max-failed",
            min=0,
            max=100,
            metavar="PERCENT",
            help="Stop when more than PERCENT of the last 300 images failed.",
        ),
    ] = None,
    max_dead: Annotated[
        int,
        typer.Option(
            "--max-dead", min=0, metavar="N", help="Stop when more than N messages became dead letters since it began."
        ),
    ] = Bounds.dead,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            help="Whether to wait until the function has processed what was sent; a job in the account is waited for if"
            " you say so.",
        ),
    ] = None,
) -> Manner:
    return Manner(limit, rate, Bounds(in_queue, max_failed, max_dead), wait)


def bounded(*, max_failed: float | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that bound a bulk job, and hand them to it as one `Manner`, its parameter `manner`.

    `max_failed`, in percent, is the default of `--max-failed`; None is no bound.

        @bounded(max_failed=10)
        def backfill(prefix: PrefixOption, manner: Manner) -> None: ...
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = {
            name: option.replace(kind=option.KEYWORD_ONLY)
            for name, option in inspect.signature(_manner, eval_str=True).parameters.items()
        }
        options["max_failed"] = options["max_failed"].replace(default=max_failed)
        own = inspect.signature(command, eval_str=True)

        @functools.wraps(command)
        def with_options(**given: Any) -> None:  # noqa: ANN401 - whatever the command takes
            command(manner=_manner(**{name: given.pop(name) for name in options}), **given)

        parameters = [
            each
            for parameter in own.parameters.values()
            for each in (options.values() if parameter.name == "manner" else [parameter])
        ]
        # Typer reads the one and Python's own tools the other.
        with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate


@dataclass(frozen=True)
class Ending:
    """How a run ended, and what was seen last."""

    state: RunState
    sent: int
    seen: Seen | None
    reason: str = ""
    """Why it was stopped."""

    def as_json(self) -> dict[str, Any]:
        seen = self.seen and {"in_queue": self.seen.in_queue, "dead": self.seen.dead} | {
            "followed": {"decided": self.seen.decided, "failed": self.seen.failed}
        }
        return {"state": self.state, "sent": self.sent, "reason": self.reason or None, "seen": seen}


@dataclass
class BackfillTally:
    """What would be sent."""

    objects: int = 0
    bytes: int = 0
    rewritten: int = 0
    """Those of them whose thumbnails exist and are replaced."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, found: Sequence[Found]) -> None:
        with self._lock:
            self.objects += len(found)
            self.bytes += sum(each.listed.size for each in found)
            self.rewritten += sum(each.verdict not in {Verdict.MISSING, Verdict.FAILED} for each in found)


def patient(stack: Stack, service: str) -> Any:  # noqa: ANN401 - boto3's own signature
    """A client for many calls at a time."""
    return stack.client(service, _PATIENT)


def rows_of(stack: Stack) -> Rows:
    """The rows of a stack's images."""
    outputs = stack.outputs
    return Rows(patient(stack, "dynamodb"), outputs["table_name"], outputs["source_bucket"], thumbnails=False)


def tally(
    source: ObjectSource, rows: Rows, wish: Wish, settings_fingerprint: str, checkpoints: Checkpoints, limit: int | None
) -> BackfillTally:
    """Go through what is left as if it were sent, and change nothing but `checkpoints`."""
    would_be_sent = BackfillTally()
    valve = Valve(limit)
    before = sum(checkpoints.counts().values())
    with progress() as bar:
        task = bar.add_task("Looking for what is out of date", total=None)

        def watch() -> None:
            valve.make_room(MESSAGES_AT_A_TIME, taken=valve.taken)
            bar.update(task, completed=sum(checkpoints.counts().values()) - before)

        Backfill(source, rows, wish, settings_fingerprint, checkpoints, would_be_sent.add, valve).run(watch)
    return would_be_sent


def send(
    stack: Stack,
    source: ObjectSource,
    wish: Wish,
    settings_fingerprint: str,
    checkpoints: Checkpoints,
    body: Callable[[Listed], str],
    manner: Manner,
    expected: int | None,
) -> Ending:
    """Go through what is left and send the messages that `body` makes, about `expected`, until one of the ways to end.

    Where the run is interrupted, everything that was sent is written down before it ends.
    """
    rows = rows_of(stack)
    sqs: SQSClient = patient(stack, "sqs")
    valve = Valve(manner.limit)
    sender = Sender(sqs, stack.outputs["backfill_queue_url"], Pace(manner.rate, sleep=valve.sleep))
    seen, state, reason, looked_at = None, RunState.FINISHED, "", 0.0
    try:
        with terminate_as_interrupt(), progress() as bar:
            guard = Guard(sqs, stack.client("lambda"), rows, stack.outputs, manner.bounds)
            task = bar.add_task("Sending", total=expected)

            def deliver(found: Sequence[Found]) -> None:
                sender.send([Message(body(each.listed)) for each in found])
                guard.follow(found)

            def watch() -> None:
                nonlocal seen, looked_at
                if time.monotonic() - looked_at >= _LOOK_SECONDS:
                    taken = valve.taken
                    seen = guard.look()
                    valve.make_room(manner.bounds.in_queue - seen.in_queue, taken=taken)
                    looked_at = time.monotonic()
                bar.update(task, completed=valve.taken, description=_doing(seen))

            Backfill(source, rows, wish, settings_fingerprint, checkpoints, deliver, valve).run(watch)
            state = RunState.LIMITED if checkpoints.remaining() else RunState.FINISHED
            if manner.wait is not False and valve.taken:
                bar.update(task, completed=valve.taken)
                for seen in _until_settled(guard):
                    bar.update(task, description=_doing(seen))
    except KeyboardInterrupt:
        state = RunState.PAUSED if checkpoints.remaining() else state
    except Tripped as tripped:
        state, reason = RunState.STOPPED, str(tripped)
    return Ending(state, valve.taken, seen, reason)


def _until_settled(guard: Guard) -> Iterator[Seen]:
    """Look until the function is through with what was sent, as far as can be told."""
    begun, empty = time.monotonic(), 0
    while True:
        seen = guard.look()
        yield seen
        empty = empty + 1 if seen.in_queue == 0 else 0
        if empty > 1 and (not seen.undecided or time.monotonic() - begun > _SETTLED_SECONDS):
            return
        time.sleep(_LOOK_SECONDS)


def _doing(seen: Seen | None) -> str:
    if seen is None:
        return "Sending"
    failed = f", {seen.failed} of the last {seen.decided} failed" if seen.failed else ""
    return f"Sending, {seen.in_queue:,} in the queue{failed}"


def tell(ending: Ending, more: Mapping[str, Any], *, go_on: str, as_json: bool) -> None:
    """Print how a run ended, and raise typer.Exit with its code.

    `more` is added to the JSON object; `go_on` is a sentence for people about what the same command does next.
    """
    if as_json:
        write_json([{**ending.as_json(), **more}])
    else:
        console().print(" ".join(_sentences(ending, go_on)), soft_wrap=True)
    if ending.state is RunState.STOPPED:
        complain(ending.reason)
        raise typer.Exit(ExitCode.WRONG)
    if ending.state is RunState.PAUSED:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _sentences(ending: Ending, go_on: str) -> Iterator[str]:
    seen = ending.seen
    yield f"{counted(ending.sent, 'message')} sent, {ending.state}."
    if seen and seen.decided:
        yield f"Of {counted(seen.decided, 'image')} followed last, {seen.failed} failed."
    if ending.state is not RunState.FINISHED:
        yield go_on
    if ending.sent and seen and seen.in_queue:
        yield "The function goes on with what is in the queue: 'thumbctl pause backfill' holds it."
