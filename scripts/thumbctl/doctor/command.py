"""`thumbctl doctor`: is a deployed stack what it should be, as seen from outside?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer
from botocore.exceptions import ClientError
from rich.table import Table

from thumbctl import stack as stacks
from thumbctl.aws_errors import is_denied, sentence
from thumbctl.conventions import ExitCode, JsonOption, StackOption, console, write_json
from thumbctl.costs.estimate import DEFAULT_CONCURRENCY
from thumbctl.doctor import canary, checks
from thumbctl.doctor.checks import CHECKS, CheckOutcome, CheckResult, Evidence
from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_lambda import LambdaClient

    from thumbctl.doctor.checks import Check
    from thumbctl.stack import Stack

__all__ = ["doctor"]

_WITHIN_SECONDS: Final = 60.0
_STYLES: Final = {CheckOutcome.OK: "green", CheckOutcome.WARN: "yellow", CheckOutcome.FAIL: "red"}


def doctor(
    stack: StackOption = None,
    fly_canary: Annotated[
        bool,
        typer.Option(
            "--canary/--no-canary",
            help="Whether to upload a small image, wait for its thumbnails, and delete it again.",
        ),
    ] = True,
    within: Annotated[
        float, typer.Option("--within", metavar="SECONDS", min=1, help="How long the canary may take, each way.")
    ] = _WITHIN_SECONDS,
    preflight: Annotated[
        bool,
        typer.Option("--preflight", help="Before anything is deployed: look at the account alone, and at no stack."),
    ] = False,
    concurrency: Annotated[
        int,
        typer.Option(
            min=4,
            metavar="N",
            help="With --preflight: maximum_concurrency and backfill.maximum_concurrency together.",
        ),
    ] = DEFAULT_CONCURRENCY,
    as_json: JsonOption = False,
) -> None:
    """Check a deployed stack from outside, from its notification to its alarms, and send a canary through it.

    Every check is ok, a warning or a failure, in one sentence with the remedy. What you are not allowed to look at is a
    warning. The canary is an image below `.thumbctl-canary/`; but for it, nothing is changed.

    Exit code 1: a check fails.

    Examples:

        # Everything, a canary included
        thumbctl doctor --stack photos

        # Change nothing at all
        thumbctl doctor --stack photos --no-canary

        # Allow the canary five minutes, behind a long queue
        thumbctl doctor --stack photos --within 300

        # Before the first apply: does the account run as much at a time as the module's defaults allow?
        thumbctl doctor --preflight
    """
    if preflight:
        functions: LambdaClient = stacks.clients()("lambda")
        result = checks.room(functions, concurrency)
        _tell("concurrency", result, as_json=as_json)
        if result.outcome is CheckOutcome.FAIL:
            raise typer.Exit(ExitCode.WRONG)
        return
    found = stacks.find(stack)
    if not as_json:
        console().print(found.title, style="bold")
    failed = False
    wanted: dict[str, Check] = dict(CHECKS)
    if fly_canary:
        wanted["canary"] = lambda seen: _canary(seen.stack, within)
    for name, finding in _findings(found, wanted):
        failed |= finding.outcome is CheckOutcome.FAIL
        _tell(name, finding, as_json=as_json)
    if failed:
        raise typer.Exit(ExitCode.WRONG)


def _tell(name: str, finding: CheckResult, *, as_json: bool) -> None:
    if as_json:
        write_json([{"check": name, **asdict(finding)}])
    else:
        console().print(_line(name, finding))


def _findings(stack: Stack, wanted: dict[str, Check]) -> Iterator[tuple[str, CheckResult]]:
    evidence = Evidence(stack)
    for name, check in wanted.items():
        with console(errors=True).status(f"{name} …"):
            finding = _checked(check, evidence)
        yield name, finding


def _checked(check: Check, evidence: Evidence) -> CheckResult:
    try:
        return check(evidence)
    except ClientError as error:
        if is_denied(error):
            return CheckResult(CheckOutcome.WARN, f"It could not be checked: {sentence(error)}")
        return CheckResult(CheckOutcome.FAIL, sentence(error), "'terraform apply' makes what is missing.")
    except ThumbctlError as error:
        return CheckResult(CheckOutcome.FAIL, str(error))


def _canary(stack: Stack, within: float) -> CheckResult:
    try:
        flight = canary.fly(stack, within)
    except canary.CanaryDied as error:
        return CheckResult(
            CheckOutcome.FAIL,
            f"The canary did not get through: {error}.",
            "See what waits with 'thumbctl status', and allow more time with --within.",
        )
    return CheckResult(
        CheckOutcome.OK,
        f"A canary had its {flight.thumbnails} thumbnails after {flight.ready_seconds:.1f} seconds, and they were gone"
        f" {flight.gone_seconds:.1f} seconds after it was deleted.",
    )


def _line(name: str, finding: CheckResult) -> Table:
    """One check; a table of its own, so that it is seen as soon as it is done."""
    line = Table.grid(padding=(0, 2))
    line.add_column(width=4, no_wrap=True, style=_STYLES[finding.outcome])
    line.add_column(width=12, no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(finding.outcome, name, " ".join(filter(None, (finding.says, finding.remedy))))
    return line
