"""`thumbctl channels`: who hears of what is wrong, and whether it would reach them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError

from thumbctl import stack as stacks
from thumbctl.conventions import ExitCode, JsonOption, StackOption, complain, console, options_go_behind, write_json
from thumbctl.errors import ThumbctlError
from thumbctl.terminal import plain_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sts import STSClient

    from thumbctl.stack import Stack

__all__ = ["app"]


class Tier(StrEnum):
    """How much it matters; each has a topic."""

    FAILURES = "failures"
    WARNING = "warning"
    CRITICAL = "critical"


BORROWED: Final[Mapping[Tier, tuple[str, ...]]] = {
    Tier.WARNING: ("catalog-throttles", "notifications-failed"),
    Tier.CRITICAL: ("pipeline-failing",),
}
"""How alarms end that publish to the topic of a tier and set off no other: the module lets operators set these."""


@dataclass(frozen=True)
class Subscription:
    """Somebody who hears a tier, or would."""

    protocol: str
    endpoint: str
    status: str
    """confirmed, PENDING until its owner confirms it, or DELETED, which SNS shows for some days."""
    filter_policy: Mapping[str, Any] | None

    @property
    def confirmed(self) -> bool:
        return self.status == "confirmed"


@dataclass(frozen=True)
class Channel:
    """A tier and its subscriptions."""

    tier: Tier
    topic_arn: str
    subscriptions: Sequence[Subscription]

    @property
    def heard(self) -> bool:
        return any(subscription.confirmed for subscription in self.subscriptions)

    def as_json(self) -> dict[str, Any]:
        return {"heard": self.heard, **asdict(self)}


@dataclass(frozen=True)
class Sent:
    """What `channels test` did about a tier."""

    what: str
    arrives: bool = True
    """Whether that gives a message; without one, `what` says why."""


app = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def channels(
    context: typer.Context,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who hears of failures, warnings and pages.

    Each tier is a topic of SNS: `failures` has digests of images that failed for good, `warning` has alarms for the
    working day, `critical` wakes somebody up. Who is PENDING has to open the link in the message that SNS sent, and
    hears nothing until then. Exit code 1: a tier has nobody who confirmed.

    Examples:

        # Who hears of what
        thumbctl channels --stack photos

        # For a script
        thumbctl channels --stack photos --json
    """
    if context.invoked_subcommand:
        options_go_behind(context, f"channels {context.invoked_subcommand}")
        return
    found = stacks.find(stack)
    all_of_them = listed(found)
    if as_json:
        write_json(channel.as_json() for channel in all_of_them)
    else:
        _show(found, all_of_them)
    _judge(all_of_them)


@app.command("test")
def send_test(
    stack: StackOption = None,
    tiers: Annotated[
        list[Tier] | None,
        typer.Option("--tier", metavar="TIER", help="Only failures, warning or critical; may be given more than once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test through every channel, the way a real alarm goes. It does page whoever is on call.

    `warning` and `critical`: an alarm that is not on is set to ALARM and at once back to OK, so people get two messages
    of it, with the reason "TEST by YOU: nothing is wrong". CloudWatch goes on to evaluate it as before; a page that was
    tested holds back the page messages-at-risk for a quarter of an hour, as a real one does.

    `failures`: people get one message that begins with the same words; it has the attribute kind=test.

    Exit code 1: a tier has nobody who confirmed, or no alarm that could be tested.

    Examples:

        # Warnings only, which wakes nobody up
        thumbctl channels test --stack photos --tier warning

        # Every channel; it does page whoever is on call
        thumbctl channels test --stack photos
    """
    found = stacks.find(stack)
    sts: STSClient = found.client("sts")
    # arn:aws:sts::account:assumed-role/operator/alice
    caller = sts.get_caller_identity()["Arn"].split(":", 5)[5]
    tested = listed(found, tiers or Tier)
    sent = {channel.tier: _send(found, channel, f"TEST by {caller}: nothing is wrong") for channel in tested}
    if as_json:
        write_json({**channel.as_json(), "sent": asdict(sent[channel.tier])} for channel in tested)
    else:
        _show(found, tested, lambda channel, subscription: _received(sent[channel.tier], subscription))
        for channel in tested:
            console().print(f"{channel.tier}: {sent[channel.tier].what}")
    _judge(tested, *(f"{tier} was not tested: {each.what}" for tier, each in sent.items() if not each.arrives))


def listed(stack: Stack, tiers: Iterable[Tier] = Tier) -> list[Channel]:
    """Ask SNS who hears the topics of a stack."""
    return [_channel(stack, tier) for tier in tiers]


def _channel(stack: Stack, tier: Tier) -> Channel:
    sns: SNSClient = stack.client("sns")
    topic_arn = stack.outputs["topic_arns"][tier]
    subscriptions = []
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        for each in page["Subscriptions"]:
            arn = each["SubscriptionArn"]
            # In place of an ARN there is a word for what is not, or no longer, in force.
            # https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
            status = {"PendingConfirmation": "PENDING", "Deleted": "DELETED"}.get(arn, "confirmed")
            policy = _filter_policy(sns, arn) if status == "confirmed" else None
            subscriptions.append(Subscription(each["Protocol"], each["Endpoint"], status, policy))
    return Channel(tier, topic_arn, subscriptions)


def _show(
    stack: Stack, channels: Sequence[Channel], became: Callable[[Channel, Subscription], str] | None = None
) -> None:
    """A row for each subscription; what became of the test, if there was one, in a last column."""
    headings = ("Tier", "Protocol", "Endpoint", "Status", "Filter policy", *(["Test"] if became else []))
    table = plain_table(*headings, title=stack.title)
    for channel in channels:
        for each in channel.subscriptions:
            policy = json.dumps(each.filter_policy) if each.filter_policy else ""
            cells = (channel.tier, each.protocol, each.endpoint, each.status, policy)
            result = [became(channel, each)] if became else []
            table.add_row(*cells, *result, style="" if each.confirmed else "yellow")
        if not channel.subscriptions:
            table.add_row(channel.tier, "", "nobody", style="red")
    console().print(table)


def _judge(channels: Sequence[Channel], *further: str) -> None:
    """Say what is wrong, and exit accordingly."""
    problems = [
        f"Nobody hears {channel.tier}: "
        + (
            "open the link in the message that SNS sent to whoever is PENDING."
            if channel.subscriptions
            else "name somebody in alert_subscriptions or chat_channels, and apply."
        )
        for channel in channels
        if not channel.heard
    ]
    for problem in (*problems, *further):
        complain(problem)
    if problems or further:
        raise typer.Exit(ExitCode.WRONG)


def _filter_policy(sns: SNSClient, subscription_arn: str) -> Mapping[str, Any] | None:
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription_arn)["Attributes"]
    return json.loads(attributes["FilterPolicy"]) if attributes.get("FilterPolicy") else None


def _send(stack: Stack, channel: Channel, reason: str) -> Sent:
    if channel.tier not in BORROWED:
        _publish(stack.client("sns"), channel.topic_arn, reason)
        return Sent("one message")
    cloudwatch: CloudWatchClient = stack.client("cloudwatch")
    endings = tuple(f"-{each}" for each in BORROWED[channel.tier])
    names = [name for of_tier in stack.outputs["alarm_names"].values() for name in of_tier if name.endswith(endings)]
    alarm = _idle(cloudwatch, names)
    if alarm is None:
        return Sent("the alarms that could be borrowed are on, and people are hearing of them", arrives=False)
    _ring(cloudwatch, alarm, reason)
    return Sent(f"the alarm {alarm} went to ALARM and back to OK")


def _publish(sns: SNSClient, topic_arn: str, reason: str) -> None:
    sns.publish(
        TopicArn=topic_arn,
        Subject="TEST: nothing is wrong",
        Message=f"{reason}. Digests of failed images arrive as this did.",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "test"}},
    )


def _idle(cloudwatch: CloudWatchClient, names: Sequence[str]) -> str | None:
    """An alarm whose message goes out now: not on already, and not held back until another alarm has been looked at."""
    described = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    alarms = [*described["MetricAlarms"], *described["CompositeAlarms"]]
    return next(
        (
            alarm["AlarmName"]
            for alarm in alarms
            if alarm["StateValue"] != "ALARM" and not alarm.get("ActionsSuppressor")
        ),
        None,
    )


def _ring(cloudwatch: CloudWatchClient, alarm: str, reason: str) -> None:
    refused = False
    try:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=reason)
    except ClientError:
        refused = True
        raise
    finally:
        if not refused:
            _quiet(cloudwatch, alarm, reason)


def _quiet(cloudwatch: CloudWatchClient, alarm: str, reason: str) -> None:
    # An alarm on metrics would find back by itself. A page would not before one of its alarms changes, and who is not
    # told that a page is over is not told of the next one either.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
    try:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason=reason)
    except (BotoCoreError, ClientError) as error:
        raise ThumbctlError(
            f"The alarm {alarm} was set to ALARM for the test and could not be set back ({str(error).rstrip('.')}): run"
            f" 'aws cloudwatch set-alarm-state --alarm-name {alarm} --state-value OK --state-reason TEST'."
        ) from error


def _received(sent: Sent, subscription: Subscription) -> str:
    if not sent.arrives:
        return "nothing"
    if not subscription.confirmed:
        return f"nothing: it is {subscription.status}"
    return "sent, if its filter policy lets it pass" if subscription.filter_policy else "sent"
