"""What `thumbctl doctor` checks: each is a function from what AWS says to one finding, and changes nothing."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote_plus

from thumbctl import channels
from thumbctl.bulk.queues import depth
from thumbctl.conventions import counted
from thumbctl.devices.audit import audit
from thumbctl.devices.registry import named, registry_of
from thumbctl.jobs.account import AccountJobs
from thumbctl.looking.health import MAPPINGS, most_at_a_time
from thumbnail_pipeline.jobs.records import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sts import STSClient

    from thumbctl.stack import Stack

# The keys of the parameter that the module's tools.tf writes; a test holds the two together.
OUTPUTS: Final = frozenset(
    {
        "alarm_names", "archives", "backfill_event_source_mapping_uuid", "backfill_maximum_concurrency",
        "backfill_queue_arn", "backfill_queue_url", "dashboard_name", "digests_table_name", "dlq_arn", "dlq_url",
        "event_source_mapping_uuid", "failures_index_name", "function_name", "function_role_name", "function_sha256",
        "log_group_name", "maximum_concurrency", "propagate_deletions", "queue_arn", "queue_url", "release",
        "reserved_concurrency",
        "source_bucket", "source_mode", "source_prefix", "source_rule_name", "table_name", "thumbnails_bucket",
        "topic_arns",
    }
)  # fmt: skip

# What the module has S3 tell of: everything that makes an object or, where deletions are propagated, unmakes one.
_MAKING: Final = frozenset({"s3:ObjectCreated:*"})
_UNMAKING: Final = frozenset({"s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"})

_APPLY: Final = "'terraform apply' puts it back."


class CheckOutcome(StrEnum):
    """How a check ends."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class CheckResult:
    """What a check found: a sentence, and where something is wrong, what to do about it."""

    outcome: CheckOutcome
    says: str
    remedy: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What AWS says of a stack. Each thing is asked for once, when the first check needs it."""

    stack: Stack

    @functools.cached_property
    def function(self) -> Mapping[str, Any]:
        """The function's configuration."""
        functions: LambdaClient = self.stack.client("lambda")
        return functions.get_function_configuration(FunctionName=self.stack.outputs["function_name"])

    @functools.cached_property
    def mappings(self) -> Mapping[str, Mapping[str, Any]]:
        """The event source mappings by the names of their queues: `work` and `backfill`."""
        functions: LambdaClient = self.stack.client("lambda")
        return {
            name: functions.get_event_source_mapping(UUID=self.stack.outputs[output])
            for name, output in MAPPINGS.items()
        }

    @functools.cached_property
    def queues(self) -> Mapping[str, Mapping[QueueAttributeNameType, str]]:
        """The attributes of the queues `work` and `backfill` and of their `dead letters`."""
        sqs: SQSClient = self.stack.client("sqs")
        return {
            name: sqs.get_queue_attributes(QueueUrl=self.stack.outputs[output], AttributeNames=["All"])["Attributes"]
            for name, output in {
                "work": "queue_url",
                "backfill": "backfill_queue_url",
                "dead letters": "dlq_url",
            }.items()
        }


Check: TypeAlias = "Callable[[Evidence], CheckResult]"


def _ok(says: str) -> CheckResult:
    return CheckResult(CheckOutcome.OK, says)


def _parameter(seen: Evidence) -> CheckResult:
    lacking = sorted(OUTPUTS - seen.stack.outputs.keys())
    if lacking:
        return CheckResult(
            CheckOutcome.FAIL,
            f"The stack does not tell tools its {', '.join(lacking)}.",
            "Apply the module of this release again.",
        )
    return _ok("The stack tells tools all that they need.")


def _place(seen: Evidence) -> CheckResult:
    """Account and region are those of the stack: the parameter may have been copied."""
    sts: STSClient = seen.stack.client("sts")
    caller = sts.get_caller_identity()
    # arn:aws:sqs:region:account:name
    region, account = seen.stack.outputs["queue_arn"].split(":")[3:5]
    if (sts.meta.region_name, caller["Account"]) != (region, account):
        return CheckResult(
            CheckOutcome.FAIL,
            f"The stack is in {region} of account {account}, and you look at {sts.meta.region_name} of"
            f" {caller['Account']}.",
            "Set AWS_PROFILE and AWS_DEFAULT_REGION to the stack's.",
        )
    return _ok(f"You are {caller['Arn'].split(':', 5)[5]} in account {account}, {region}.")


def _release(seen: Evidence) -> CheckResult:
    deployed, mine = seen.stack.outputs["release"], importlib.metadata.version("thumbnail-pipeline")
    if deployed != mine:
        return CheckResult(
            CheckOutcome.WARN,
            f"The stack is of release {deployed}, and this thumbctl of {mine}.",
            "Use the thumbctl of the stack's release, or apply this one's module.",
        )
    archives = seen.stack.outputs["archives"]
    if archives is None:
        return _ok(f"Module and thumbctl are of release {mine}; which one the archives are of, nobody told.")
    if archives["bytecode"] is None:
        return CheckResult(
            CheckOutcome.WARN,
            f"Module, archives and thumbctl are of release {mine}, but the archives carry no bytecode: cold starts take"
            " longer.",
            "Take the archives of a release, or name an interpreter: make package INTERPRETER=….",
        )
    return _ok(f"Module, archives and thumbctl are of release {mine}, with bytecode by {archives['bytecode']}.")


def _settings(seen: Evidence) -> CheckResult:
    settings = seen.stack.deployed().settings
    return _ok(f"The function makes {', '.join(each.name for each in settings.renditions)}.")


def _function(seen: Evidence) -> CheckResult:
    state, update = seen.function.get("State", "Active"), seen.function.get("LastUpdateStatus", "Successful")
    if (state, update) != ("Active", "Successful"):
        why = (
            seen.function.get("LastUpdateStatusReason") or seen.function.get("StateReason") or "Lambda does not say why"
        )
        return CheckResult(
            CheckOutcome.FAIL,
            f"The function is {state}, its last update {update} ({why}).",
            "Mend that, and apply the module again.",
        )
    return _ok(f"The function is {state}, and its last update {update}.")


def _code(seen: Evidence) -> CheckResult:
    if seen.stack.outputs["function_sha256"] is None:
        return CheckResult(
            CheckOutcome.WARN,
            "The stack does not tell which code was deployed.",
            "Name the sha256 of the objects in archives.s3, and apply.",
        )
    if seen.function["CodeSha256"] != seen.stack.outputs["function_sha256"]:
        return CheckResult(CheckOutcome.FAIL, "The function runs other code than was deployed by Terraform.", _APPLY)
    return _ok("The function runs the archive that was deployed.")


def _layer(seen: Evidence) -> CheckResult:
    """The layer holds compiled libraries, which work on what they were built for alone."""
    layers: LambdaClient = seen.stack.client("lambda")
    runtime, architecture = seen.function["Runtime"], seen.function["Architectures"][0]
    for attached in seen.function.get("Layers", ()):
        layer = layers.get_layer_version_by_arn(Arn=attached["Arn"])
        runtimes, architectures = layer.get("CompatibleRuntimes", ()), layer.get("CompatibleArchitectures", ())
        if runtime not in runtimes or architecture not in architectures:
            return CheckResult(
                CheckOutcome.FAIL,
                f"The function runs {runtime} on {architecture}, and its layer is for {', '.join(runtimes)} on"
                f" {', '.join(architectures)}.",
                f"Build it with 'make package RUNTIME={runtime} ARCHITECTURE={architecture}', and apply.",
            )
    if not seen.function.get("Layers"):
        return CheckResult(CheckOutcome.FAIL, "The function has no layer, so it has nothing to render with.", _APPLY)
    return _ok(f"Function and layer are for {runtime} on {architecture}.")


def _notification(seen: Evidence) -> CheckResult:
    if seen.stack.outputs["source_mode"] == "eventbridge":
        return _events(seen)
    s3: S3Client = seen.stack.client("s3")
    bucket, queue_arn, prefix = (seen.stack.outputs[name] for name in ("source_bucket", "queue_arn", "source_prefix"))
    told = s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations", [])
    mine = [each for each in told if each["QueueArn"] == queue_arn]
    if not mine:
        return CheckResult(CheckOutcome.FAIL, f"{bucket} tells the work queue of nothing.", _APPLY)
    wanted = _MAKING | _UNMAKING if seen.stack.outputs["propagate_deletions"] else _MAKING
    missing = wanted.difference(*(each["Events"] for each in mine))
    if missing:
        return CheckResult(
            CheckOutcome.FAIL, f"{bucket} does not tell the work queue of {', '.join(sorted(missing))}.", _APPLY
        )
    # S3 takes the filter as it stands in a URL, and tells it as it was given.
    filters = [{name: unquote_plus(value) for name, value in _filters(each).items()} for each in mine]
    if filters != [{"prefix": prefix} if prefix else {}]:
        return CheckResult(
            CheckOutcome.FAIL,
            f"{bucket} tells the work queue of keys with {filters}, and not of those that begin with {prefix!r}.",
            _APPLY,
        )
    where = f"below {prefix}" if prefix else "everywhere"
    what = "made or unmade" if seen.stack.outputs["propagate_deletions"] else "made"
    return _ok(f"{bucket} tells the work queue of all that is {what} {where}.")


def _events(seen: Evidence) -> CheckResult:
    """The bucket tells EventBridge, and the rule picks out what the work queue has to hear of."""
    s3: S3Client = seen.stack.client("s3")
    eventbridge: EventBridgeClient = seen.stack.client("events")
    bucket, rule, prefix = (seen.stack.outputs[name] for name in ("source_bucket", "source_rule_name", "source_prefix"))
    if "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket):
        return CheckResult(
            CheckOutcome.FAIL,
            f"{bucket} does not send its events to EventBridge.",
            "Have its owner switch that on, in the bucket's notification configuration.",
        )
    described = eventbridge.describe_rule(Name=rule)
    pattern = json.loads(described["EventPattern"])
    detail = {"bucket": {"name": [bucket]}, **({"object": {"key": [{"prefix": prefix}]}} if prefix else {})}
    wanted = {"Object Created", "Object Deleted"} if seen.stack.outputs["propagate_deletions"] else {"Object Created"}
    targets = {target["Arn"] for target in eventbridge.list_targets_by_rule(Rule=rule)["Targets"]}
    wrong = {
        f"is {described['State']}": described["State"] != "ENABLED",
        f"picks out {pattern.get('detail')}, and not {detail}": pattern.get("detail") != detail,
        "leaves out some of what is made or unmade": not wanted.issubset(pattern.get("detail-type", ())),
        "does not send to the work queue": seen.stack.outputs["queue_arn"] not in targets,
    }
    found = [what for what, is_so in wrong.items() if is_so]
    if found:
        return CheckResult(CheckOutcome.FAIL, f"The rule {rule} {', and '.join(found)}.", _APPLY)
    where = f"below {prefix}" if prefix else "everywhere"
    what = "made or unmade" if seen.stack.outputs["propagate_deletions"] else "made"
    return _ok(f"{bucket} tells EventBridge, and the rule {rule} the work queue, of all that is {what} {where}.")


def _filters(configuration: Mapping[str, Any]) -> dict[str, str]:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return {rule["Name"].lower(): rule["Value"] for rule in rules if rule["Value"]}


def _queue_policy(seen: Evidence) -> CheckResult:
    # arn:partition:sqs:region:account:name
    _, partition, _, region, account, _ = seen.stack.outputs["queue_arn"].split(":")
    rule, bucket = seen.stack.outputs["source_rule_name"], seen.stack.outputs["source_bucket"]
    if rule:
        service, arn = "events.amazonaws.com", f"arn:{partition}:events:{region}:{account}:rule/{rule}"
    else:
        service, arn = "s3.amazonaws.com", f"arn:{partition}:s3:::{bucket}"
    policy = json.loads(seen.queues["work"].get("Policy", '{"Statement": []}'))
    if not any(_lets_send(statement, service, arn) for statement in policy["Statement"]):
        return CheckResult(
            CheckOutcome.FAIL, f"The policy of the work queue does not let {rule or bucket} send to it.", _APPLY
        )
    return _ok(f"The policy of the work queue lets {rule or bucket} send.")


def _lets_send(statement: Mapping[str, Any], service: str, arn: str) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", ())) if isinstance(principal, dict) else []
    sources = [
        _listed(value)
        for test in statement.get("Condition", {}).values()
        for name, value in test.items()
        if name.lower() == "aws:sourcearn"
    ]
    return (
        statement["Effect"] == "Allow"
        and service in services
        and any(fnmatchcase("sqs:sendmessage", action.lower()) for action in _listed(statement.get("Action", ())))
        and all(any(fnmatchcase(arn, like) for like in likes) for likes in sources)
    )


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _visibility(seen: Evidence) -> CheckResult:
    """A message must not come back while the function may still be busy with it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    for name, mapping in seen.mappings.items():
        needed = 6 * seen.function["Timeout"] + mapping.get("MaximumBatchingWindowInSeconds", 0)
        given = int(seen.queues[name]["VisibilityTimeout"])
        if given < needed:
            return CheckResult(
                CheckOutcome.FAIL,
                f"Messages of the {name} queue come back after {given} seconds, and the function may need {needed}.",
                _APPLY,
            )
    return _ok("Messages stay hidden for as long as the function may be busy with them.")


def _redrive(seen: Evidence) -> CheckResult:
    dead = int(seen.queues["dead letters"]["MessageRetentionPeriod"])
    for name in ("work", "backfill"):
        policy = json.loads(seen.queues[name].get("RedrivePolicy", "{}"))
        if policy.get("deadLetterTargetArn") != seen.stack.outputs["dlq_arn"]:
            return CheckResult(
                CheckOutcome.FAIL, f"What is given up in the {name} queue does not become a dead letter.", _APPLY
            )
        # A dead letter's age counts from when it was first sent.
        if int(seen.queues[name]["MessageRetentionPeriod"]) >= dead:
            return CheckResult(
                CheckOutcome.FAIL,
                f"Dead letters are kept no longer than the {name} queue keeps messages, so some vanish unseen.",
                "Raise retention.dlq_days, and apply.",
            )
    return _ok(f"What is given up becomes a dead letter, and is kept for {dead // 86_400} days after it was sent.")


def _mappings(seen: Evidence) -> CheckResult:
    arn = seen.function["FunctionArn"]
    wanted = {
        "work": ("queue_arn", "maximum_concurrency"),
        "backfill": ("backfill_queue_arn", "backfill_maximum_concurrency"),
    }
    for name, (queue, concurrency) in wanted.items():
        mapping = seen.mappings[name]
        if mapping["State"] in {"Disabled", "Disabling"}:
            return CheckResult(
                CheckOutcome.FAIL,
                f"The {name} queue is paused: nothing is taken from it.",
                f"'thumbctl resume {name}'.",
            )
        most = most_at_a_time(mapping)
        wrong = {
            f"reads {mapping['EventSourceArn']}": mapping["EventSourceArn"] != seen.stack.outputs[queue],
            # With SnapStart it is a version of the function.
            f"invokes {mapping['FunctionArn']}": not f"{mapping['FunctionArn']}:".startswith(f"{arn}:"),
            "takes one failed message for a failed batch": "ReportBatchItemFailures"
            not in mapping.get("FunctionResponseTypes", ()),
            f"has up to {most} invocations at a time, not {seen.stack.outputs[concurrency]}": most
            != seen.stack.outputs[concurrency],
        }
        found = [what for what, is_so in wrong.items() if is_so]
        if found:
            return CheckResult(CheckOutcome.FAIL, f"The mapping of the {name} queue {', and '.join(found)}.", _APPLY)
    return _ok("Both queues feed the function.")


def _concurrency(seen: Evidence) -> CheckResult:
    if reserved := seen.stack.outputs["reserved_concurrency"]:
        return _ok(f"{reserved:,} of the account's concurrent executions are set aside for the function.")
    outputs = seen.stack.outputs
    needed = int(outputs["maximum_concurrency"]) + int(outputs["backfill_maximum_concurrency"])
    return room(seen.stack.client("lambda"), needed)


def room(functions: LambdaClient, needed: int) -> CheckResult:
    """Whether the account runs `needed` invocations at a time of a function that reserves none.

    New accounts may run 10, and what others have reserved is not there for this one.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    """
    limit = functions.get_account_settings()["AccountLimit"]
    quota, left = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    if needed > left:
        return CheckResult(
            CheckOutcome.FAIL,
            f"The deployment may use {needed:,} concurrent executions, and of the account's {quota:,} nobody reserved"
            f" {left:,}: what is more is throttled, and each throttle uses up one of a message's receives.",
            f"Set maximum_concurrency and backfill.maximum_concurrency to {left:,} together at most, or have Lambda's"
            " quota of concurrent executions raised.",
        )
    return _ok(
        f"The deployment may use {needed:,} of the {left:,} concurrent executions that nobody reserved; the account has"
        f" {quota:,}."
    )


def _alarms(seen: Evidence) -> CheckResult:
    cloudwatch: CloudWatchClient = seen.stack.client("cloudwatch")
    names = {name for tier in seen.stack.outputs["alarm_names"].values() for name in tier}
    described: dict[str, Any] = {}
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNames=sorted(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    for page in pages:
        described |= {alarm["AlarmName"]: alarm for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"])}
    if missing := sorted(names - described.keys()):
        return CheckResult(CheckOutcome.FAIL, f"There is no alarm {', no '.join(missing)}.", _APPLY)
    if mute := sorted(name for name, alarm in described.items() if not alarm.get("ActionsEnabled", True)):
        return CheckResult(CheckOutcome.FAIL, f"Nobody hears of {', '.join(mute)}: its actions are off.", _APPLY)
    if ringing := sorted(name for name, alarm in described.items() if alarm["StateValue"] == "ALARM"):
        return CheckResult(
            CheckOutcome.WARN,
            f"Now in alarm: {', '.join(ringing)}.",
            "See the section of that name in docs/runbook.md.",
        )
    return _ok(f"{len(names)} alarms are there, and none is on.")


def _topics(seen: Evidence) -> CheckResult:
    deaf = [each.tier for each in channels.listed(seen.stack) if not each.heard]
    if deaf:
        return CheckResult(
            CheckOutcome.WARN,
            f"Nobody hears {', '.join(deaf)}.",
            "See who could with 'thumbctl channels', and test it.",
        )
    return _ok("Every tier is heard by somebody who confirmed.")


def _table(seen: Evidence) -> CheckResult:
    dynamodb: DynamoDBClient = seen.stack.client("dynamodb")
    table, index = seen.stack.outputs["table_name"], seen.stack.outputs["failures_index_name"]
    described = dynamodb.describe_table(TableName=table)["Table"]
    indexes = {each["IndexName"]: each.get("IndexStatus") for each in described.get("GlobalSecondaryIndexes", ())}
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    wrong = {
        f"the table is {described['TableStatus']}": described["TableStatus"] not in {"ACTIVE", "UPDATING"},
        f"its index {index} is {indexes.get(index, 'missing')}": indexes.get(index) not in {"ACTIVE", "UPDATING"},
        "tombstones do not expire": (expiry.get("TimeToLiveStatus"), expiry.get("AttributeName"))
        != ("ENABLED", "expires_at"),
        "it cannot be restored to a point in time": recovery != "ENABLED",
    }
    found = [what for what, is_so in wrong.items() if is_so]
    if found:
        return CheckResult(CheckOutcome.FAIL, f"Of the catalog, {', and '.join(found)}.", _APPLY)
    return _ok("The catalog and its index are active, tombstones expire, and it can be restored to any second.")


def _devices(seen: Evidence) -> CheckResult:
    """Things, certificates and the policy that lets devices in fit together."""
    if (output := seen.stack.outputs.get("devices")) is None:
        return _ok("The stack takes no uploads of devices.")
    found = audit(registry_of(seen.stack))
    policy = output["policy_name"]
    looked = f"{'' if found.all_of_them else 'the first '}{counted(found.devices, 'device')}"
    if found.foreign:
        return CheckResult(
            CheckOutcome.FAIL,
            f"The policy {policy} lets in what is no device of this stack: {named(found.foreign)}.",
            f"'aws iot detach-policy --policy-name {policy} --target …', and see who attached it with 'aws cloudtrail"
            " lookup-events'.",
        )
    if found.several:
        return CheckResult(
            CheckOutcome.WARN,
            f"Of {looked}, with more than one certificate: {named(found.several)}.",
            "See which it uses with 'thumbctl devices show', and set the other to INACTIVE.",
        )
    if found.parted:
        return CheckResult(
            CheckOutcome.WARN,
            f"Certificates that have the policy {policy} and belong to no device: {named(found.parted)}.",
            "Nobody can connect with them: 'aws iot update-certificate --new-status REVOKED --certificate-id …'.",
        )
    if found.waiting and not output["provisioning_template"]:
        return CheckResult(
            CheckOutcome.WARN,
            f"Of {looked}, without a certificate: {named(found.waiting)}.",
            "Give them one with 'thumbctl devices add', or 'thumbctl devices revoke' them.",
        )
    waiting = f"; without one, for they wait for their claim: {len(found.waiting):,}" if found.waiting else ""
    return _ok(f"The certificates of {looked} fit the policy{waiting}.")


def _jobs(seen: Evidence) -> CheckResult:
    """The range worker is fed, Lambda does not take it for a loop, and no job waits for somebody."""
    if (output := seen.stack.outputs.get("jobs")) is None:
        return _ok("The stack runs no bulk jobs in its account.")
    functions: LambdaClient = seen.stack.client("lambda")
    name = output["function_name"]
    mapping = functions.get_event_source_mapping(UUID=output["event_source_mapping_uuid"])
    if mapping["State"] in {"Disabled", "Disabling"}:
        return CheckResult(CheckOutcome.FAIL, f"Nothing feeds {name}: bulk jobs do not go on.", _APPLY)
    if functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] != "Allow":
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        return CheckResult(
            CheckOutcome.FAIL,
            f"Lambda takes {name} for a loop after some sixteen rounds, and drops the messages of ranges.",
            _APPLY,
        )
    jobs = list(AccountJobs(seen.stack).table.jobs())
    stopped = [job.id for job in jobs if job.state is JobState.STOPPED]
    if stopped:
        return CheckResult(
            CheckOutcome.WARN,
            f"Stopped by themselves: {', '.join(stopped)}.",
            "'thumbctl jobs show' says why.",
        )
    going_on = counted(sum(not job.state.is_over for job in jobs), "bulk job")
    waiting = counted(depth(seen.stack.client("sqs"), output["ranges_queue_url"]).total, "message")
    return _ok(f"{name} is fed; {going_on} not over, and {waiting} about ranges of keys.")


def _key(seen: Evidence) -> CheckResult:
    key = seen.queues["work"].get("KmsMasterKeyId")
    if not key:
        return CheckResult(CheckOutcome.FAIL, "The work queue is not encrypted with the stack's key.", _APPLY)
    kms: KMSClient = seen.stack.client("kms")
    state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        return CheckResult(
            CheckOutcome.FAIL,
            f"The key that everything is encrypted with is {state}.",
            f"Cancel its deletion, if that is it, and enable it: 'aws kms enable-key --key-id {key}'.",
        )
    return _ok("The key that everything is encrypted with is enabled.")


def _backlog(seen: Evidence) -> CheckResult:
    waiting = {name: _messages(queue) for name, queue in seen.queues.items()}
    dead = waiting.pop("dead letters")
    told = ", ".join(f"{number:,} in the {name} queue" for name, number in waiting.items())
    if dead:
        return CheckResult(
            CheckOutcome.WARN,
            f"{dead:,} dead letter{'' if dead == 1 else 's'} and {told}.",
            "See what they have in common with 'thumbctl dlq peek'.",
        )
    return _ok(f"No dead letters; messages: {told}.")


def _messages(queue: Mapping[QueueAttributeNameType, str]) -> int:
    return int(queue["ApproximateNumberOfMessages"]) + int(queue["ApproximateNumberOfMessagesNotVisible"])


# In the order in which an image passes through what they look at.
CHECKS: Final[Mapping[str, Check]] = {
    "parameter": _parameter,
    "place": _place,
    "release": _release,
    "key": _key,
    "notification": _notification,
    "queue policy": _queue_policy,
    "visibility": _visibility,
    "redrive": _redrive,
    "mappings": _mappings,
    "concurrency": _concurrency,
    "function": _function,
    "code": _code,
    "layer": _layer,
    "settings": _settings,
    "catalog": _table,
    "alarms": _alarms,
    "topics": _topics,
    "devices": _devices,
    "jobs": _jobs,
    "backlog": _backlog,
}
