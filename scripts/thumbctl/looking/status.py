"""`thumbctl status`: what the pipeline is doing now, and whether anything is wrong with it."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group
from rich.styled import Styled

from thumbctl import stack as stacks
from thumbctl.bulk.queues import depth
from thumbctl.conventions import ExitCode, JsonOption, StackOption, complain, console, counted, write_json
from thumbctl.looking import failed, health
from thumbctl.looking.metrics import DAY, HOUR, Series, query
from thumbctl.terminal import plain_table
from thumbnail_pipeline.telemetry import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from thumbctl.bulk.queues import Depth
    from thumbctl.looking.health import Poller
    from thumbctl.stack import Stack

__all__ = ["status"]

# Everything that can become of an image: the dashboard's outcomes.
_OUTCOMES: Final = ("Ready", "Failed", "Deleted", "Stale", "Duplicate", "Ignored", "Kept")
_QUEUES: Final[Mapping[str, str]] = {"work": "queue_url", "backfill": "backfill_queue_url", "dead_letters": "dlq_url"}
_DEAD: Final = "dead_letters"
# Metrics of the function take a minute or two to arrive: over five of them the rate is steady.
_RATE_MINUTES: Final = 5
# Of the newest failures; to count more takes longer than anybody looks.
_MOST_FAILURES: Final = 10_000


@dataclass(frozen=True)
class QueueStatus:
    """What a queue holds."""

    name: str
    depth: Depth
    oldest_seconds: float | None
    """The age of the oldest message; None where no metric says."""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, **asdict(self.depth), "oldest_seconds": self.oldest_seconds}


@dataclass(frozen=True)
class Decided:
    """Images by what became of them."""

    last_hour: Mapping[str, int]
    last_day: Mapping[str, int]
    a_minute: float
    """In the last five."""


@dataclass(frozen=True)
class StackStatus:
    """A stack at one moment."""

    at: str
    """ISO 8601."""
    queues: Sequence[QueueStatus]
    pollers: Sequence[Poller]
    decided: Decided | None
    """None where there are no metrics: nothing was processed in the last day, or nobody collects them."""
    concurrency: int | None
    """Invocations at a time lately; None where no metric says."""
    failed: Mapping[str, int]
    """Images that are failed now, by reason."""
    failed_are_more: bool
    """Whether that is only the newest of them."""
    alarms_on: Sequence[str]

    @property
    def backlog(self) -> int:
        return sum(queue.depth.total for queue in self.queues if queue.name != _DEAD)

    @property
    def eta_seconds(self) -> float | None:
        """How long the backlog takes at the present rate; None where that is not known, for nothing moves."""
        if not self.backlog:
            return 0.0
        return self.backlog / self.decided.a_minute * 60 if self.decided and self.decided.a_minute else None

    @property
    def problems(self) -> list[str]:
        dead = next(queue.depth.total for queue in self.queues if queue.name == _DEAD)
        return [
            *(f"The alarm {name} is on: docs/runbook.md says what to do." for name in self.alarms_on),
            *([f"There are dead letters, about {dead}: see 'thumbctl dlq'."] if dead else []),
            *(
                f"Nothing takes messages out of the {each.queue} queue, for its mapping is {each.state}: enable it with"
                f" 'thumbctl resume {each.queue}'."
                for each in self.pollers
                if not each.enabled
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "queues": [queue.as_json() for queue in self.queues],
            "backlog": self.backlog,
            "eta_seconds": self.eta_seconds,
            "problems": self.problems,
        }


def status(
    stack: StackOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How often, with --watch.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show what waits, what was decided, how long the rest takes, and what is wrong.

    Metrics are a minute or two old. The rest takes as long as its queue divided by the images a minute of the last five
    minutes, which is unknown where nothing moves. A local stack has metrics of its function as long as its page runs.
    Every look asks CloudWatch for ten metrics: at ten seconds, some 4 cents an hour.

    Exit code 1: an alarm is on, there are dead letters, or nothing takes messages out of a queue. With `--watch` always
    0.

    Examples:

        # The stack photos, once
        thumbctl status --stack photos

        # For a script
        thumbctl status --stack photos --json
    """
    found = stacks.find(stack)
    if watch:
        _watch(found, interval, as_json=as_json)
        return
    seen = _look(found)
    if as_json:
        write_json([seen.as_json()])
    else:
        console().print(_shown(found, seen))
    for problem in seen.problems:
        complain(problem)
    if seen.problems:
        raise typer.Exit(ExitCode.WRONG)


def _watch(stack: Stack, interval: float, *, as_json: bool) -> None:
    from rich.live import Live  # noqa: PLC0415 - one look needs none

    terminal = console()
    # Where nobody looks, a live view would be shown when it is over, and not before.
    view = Live(console=terminal, auto_refresh=False) if terminal.is_terminal and not as_json else None
    try:
        with view or contextlib.nullcontext():
            while True:
                seen = _look(stack)
                if as_json:
                    write_json([seen.as_json()])
                    sys.stdout.flush()
                elif view:
                    view.update(_shown(stack, seen, with_problems=True), refresh=True)
                else:
                    terminal.print(_shown(stack, seen, with_problems=True))
                time.sleep(interval)
    except KeyboardInterrupt:
        return


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────


def _look(stack: Stack) -> StackStatus:
    now = datetime.now(UTC)
    # Each waits for answers most of its time, the failures for one of every shard.
    with ThreadPoolExecutor() as threads:
        failures = threads.submit(lambda: Counter(each.reason for each in _newest_failures(stack)))
        measured = threads.submit(_Metrics, stack, now)
        pollers, alarms_on = threads.submit(health.pollers, stack), threads.submit(health.alarms_on, stack)
        depths = {name: depth(stack.client("sqs"), stack.outputs[output]) for name, output in _QUEUES.items()}
        metrics, reasons = measured.result(), failures.result()
    return StackStatus(
        at=now.isoformat(timespec="seconds"),
        queues=[QueueStatus(name, held, metrics.oldest_seconds(name)) for name, held in depths.items()],
        pollers=pollers.result(),
        decided=metrics.decided(),
        concurrency=metrics.concurrency(),
        failed=dict(reasons.most_common()),
        failed_are_more=reasons.total() == _MOST_FAILURES,
        alarms_on=alarms_on.result(),
    )


def _newest_failures(stack: Stack) -> Iterable[failed.Failed]:
    table, index = stack.outputs["table_name"], stack.outputs["failures_index_name"]
    return itertools.islice(failed.failures(stack.client("dynamodb"), table, index), _MOST_FAILURES)


class _Metrics:
    """The metrics of a day, asked for in one call."""

    def __init__(self, stack: Stack, now: datetime) -> None:
        self._now = now
        function = stack.outputs["function_name"]
        queries = [
            *(query(name.lower(), NAMESPACE, name, {"Function": function}, "Sum") for name in _OUTCOMES),
            *(
                query(
                    name, "AWS/SQS", "ApproximateAgeOfOldestMessage",
                    {"QueueName": stack.outputs[output].rpartition("/")[2]}, "Maximum",
                )
                for name, output in _QUEUES.items()
            ),
            query("concurrency", "AWS/Lambda", "ConcurrentExecutions", {"FunctionName": function}, "Maximum"),
        ]  # fmt: skip
        self._series = Series(stack, queries, now)

    def decided(self) -> Decided | None:
        if not any(name.lower() in self._series for name in _OUTCOMES):
            return None
        minute = self._now.replace(second=0, microsecond=0)
        lately = self._sums(minute - timedelta(minutes=_RATE_MINUTES), minute)
        return Decided(
            last_hour=self._sums(self._now - HOUR, self._now),
            last_day=self._sums(self._now - DAY, self._now),
            a_minute=sum(lately.values()) / _RATE_MINUTES,
        )

    def oldest_seconds(self, queue: str) -> float | None:
        return self._series.latest(queue)

    def concurrency(self) -> int | None:
        latest = self._series.latest("concurrency")
        return None if latest is None else round(latest)

    def _sums(self, begin: datetime, end: datetime) -> dict[str, int]:
        return {name: self._series.total(name, begin, end) for name in map(str.lower, _OUTCOMES)}


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────


def _shown(stack: Stack, seen: StackStatus, *, with_problems: bool = False) -> RenderableType:
    return Group(
        Styled(f"{stack.title}  {seen.at}", "bold"),
        "",
        _queues(seen),
        "",
        *_images(seen),
        "",
        *_lines(seen),
        *(Styled(problem, "red") for problem in (seen.problems if with_problems else ())),
    )


def _queues(seen: StackStatus) -> Table:
    headings = ("Waiting", "In flight", "Delayed", "Oldest")
    table = plain_table("Queue", *headings, "Mapping", right=headings)
    mappings = {each.queue: each for each in seen.pollers}
    for queue in seen.queues:
        numbers = (f"{number:,}" for number in (queue.depth.waiting, queue.depth.in_flight, queue.depth.delayed))
        oldest = "no metrics" if queue.oldest_seconds is None else _span(queue.oldest_seconds)
        wrong = queue.name == _DEAD and queue.depth.total
        table.add_row(
            queue.name.replace("_", " "),
            *numbers,
            oldest,
            _mapping(mappings.get(queue.name)),
            style="red" if wrong else "",
        )
    return table


def _mapping(poller: Poller | None) -> RenderableType:
    if poller is None:
        return ""
    most = f", up to {poller.most_at_a_time} at a time" if poller.most_at_a_time else ""
    return f"{poller.state}{most}" if poller.enabled else Styled(poller.state, "red")


def _images(seen: StackStatus) -> Iterable[RenderableType]:
    if seen.decided is None:
        return ["Images: no metrics in the last day"]
    table = plain_table("Images", "Last hour", "Last day", right=("Last hour", "Last day"))
    for outcome, number in seen.decided.last_day.items():
        table.add_row(outcome, f"{seen.decided.last_hour[outcome]:,}", f"{number:,}")
    return [table]


def _lines(seen: StackStatus) -> Iterable[str]:
    rate = "no metrics" if seen.decided is None else f"{seen.decided.a_minute:,.0f} images a minute"
    concurrency = "" if seen.concurrency is None else f", {seen.concurrency} invocations at a time"
    yield f"Now:     {rate}{concurrency}"
    if not seen.backlog:
        eta = "nothing waits"
    elif seen.eta_seconds is None:
        eta = "unknown, for nothing moves" if seen.decided else "unknown, for there are no metrics"
    else:
        eta = f"done in about {_span(seen.eta_seconds)}"
    yield f"Backlog: {seen.backlog:,} messages, {eta}"
    number = sum(seen.failed.values())
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in seen.failed.items())
    more = " or more; of the newest" if seen.failed_are_more else ""
    yield f"Failed:  {counted(number, 'image')} now{more}{': ' if reasons else ''}{reasons}"
    yield f"Alarms:  {', '.join(seen.alarms_on) or 'none is on'}"


def _span(seconds: float) -> str:
    """Such as `40 s`, `12 min`, `3 h 5 min` or `2 d 4 h`, rounded up."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
