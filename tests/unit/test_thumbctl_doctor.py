"""thumbctl doctor: each thing that can be wrong with a stack is found, and nothing else is."""

from __future__ import annotations

import importlib.metadata
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import hcl2
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from devtools.localaws.stack import REPOSITORY
from support.pipeline import RENDITIONS, environment
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.doctor import canary
from thumbctl.doctor.checks import CHECKS, OUTPUTS
from thumbnail_pipeline.jobs.records import Asked, BulkJob, JobBounds, JobKind, JobPrices, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORK, BACKFILL, DEAD = (f"arn:aws:sqs:eu-central-1:1:photos-{name}" for name in ("work", "backfill", "dead-letters"))
FUNCTION: Final = "arn:aws:lambda:eu-central-1:1:function:photos-thumbnailer"
DAY: Final = 86_400


class Aws:
    """What AWS says of a stack that is well, in dictionaries that a test breaks."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.region = "eu-central-1"
        self.outputs: dict[str, Any] = dict.fromkeys(OUTPUTS, "…") | {
            "release": importlib.metadata.version("thumbnail-pipeline"),
            "archives": {"version": "…", "bytecode": "CPython 3.13.0"},
            "source_bucket": "uploads", "source_mode": "create", "source_prefix": "photos/", "source_rule_name": "",
            "queue_url": WORK, "queue_arn": WORK,
            "backfill_queue_url": BACKFILL, "backfill_queue_arn": BACKFILL,
            "dlq_url": DEAD, "dlq_arn": DEAD,
            "event_source_mapping_uuid": WORK, "backfill_event_source_mapping_uuid": BACKFILL,
            "maximum_concurrency": 50, "backfill_maximum_concurrency": 5, "reserved_concurrency": None,
            "propagate_deletions": True,
            "function_name": "photos-thumbnailer", "function_sha256": "abc=",
            "failures_index_name": "failures",
            "alarm_names": {"warning": ["photos-late"], "page": ["photos-failing"]},
            "topic_arns": {tier: tier for tier in ("failures", "warning", "critical")},
        }  # fmt: skip
        self.account = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 55}
        self.caller = {"Account": "1", "Arn": "arn:aws:sts::1:assumed-role/operator/alice"}
        self.function: dict[str, Any] = {
            "FunctionArn": FUNCTION, "State": "Active", "LastUpdateStatus": "Successful", "CodeSha256": "abc=",
            "Runtime": "python3.13", "Architectures": ["arm64"], "Timeout": 60, "MemorySize": 1769,
            "Layers": [{"Arn": "layer:7"}], "Environment": {"Variables": environment("", list(RENDITIONS))},
        }  # fmt: skip
        self.layer = {"CompatibleRuntimes": ["python3.13"], "CompatibleArchitectures": ["arm64"]}
        self.mappings: dict[str, dict[str, Any]] = {
            queue: {
                "State": "Enabled", "EventSourceArn": queue, "FunctionArn": FUNCTION,
                "MaximumBatchingWindowInSeconds": 1, "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": most},
            }
            for queue, most in ((WORK, 50), (BACKFILL, 5))
        }  # fmt: skip
        self.policy: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": WORK,
            "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::uploads"}},
        }
        none = dict.fromkeys((f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")), "0")
        feeding = {
            "VisibilityTimeout": "361",
            "MessageRetentionPeriod": str(4 * DAY),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 5}),
        }
        self.queues: dict[str, dict[str, str]] = {
            WORK: {**none, **feeding, "KmsMasterKeyId": "key"},
            BACKFILL: {**none, **feeding},
            DEAD: {**none, "MessageRetentionPeriod": str(14 * DAY)},
        }
        self.notification: dict[str, Any] = {
            "QueueArn": WORK,
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "photos/"}]}},
        }
        self.told: dict[str, Any] = {"QueueConfigurations": [self.notification]}
        self.pattern: dict[str, Any] = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": {"bucket": {"name": ["uploads"]}, "object": {"key": [{"prefix": "photos/"}]}},
        }
        self.rule = {"State": "ENABLED"}
        self.target = {"Id": "work", "Arn": WORK}
        self.key = {"KeyState": "Enabled"}
        self.table: dict[str, Any] = {
            "TableStatus": "ACTIVE", "GlobalSecondaryIndexes": [{"IndexName": "failures", "IndexStatus": "ACTIVE"}]
        }  # fmt: skip
        self.expiry = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        self.recovery = {"PointInTimeRecoveryStatus": "ENABLED"}
        self.alarms: dict[str, dict[str, Any]] = {
            name: {"AlarmName": name, "ActionsEnabled": True, "StateValue": "OK"}
            for name in ("photos-late", "photos-failing")
        }
        self.subscription = "arn:aws:sns:…"

    def take_devices(self) -> None:
        """Have a device, which has no certificate and nothing to wait for."""
        self.outputs["devices"] = {"thing_type": "photos", "policy_name": "photos", "provisioning_template": None}

    def have_jobs(self, *states: JobState, mapping: str = "Enabled", loop: str = "Allow") -> None:
        """Have bulk jobs in these states."""
        self.outputs["jobs"] = {
            "table_name": "photos-jobs", "ranges_queue_url": BACKFILL, "function_name": "photos-range-worker",
            "event_source_mapping_uuid": "ranges",
        }  # fmt: skip
        self.mappings["ranges"] = {"State": mapping}
        self.loop = loop
        asked = Asked(JobKind.BACKFILL, "uploads", "", "settings", JobPrices(0, 0))
        self.jobs = [BulkJob(f"2026-{number}", asked, JobBounds(), state) for number, state in enumerate(states, 1)]

    def go_through_eventbridge(self) -> None:
        """What AWS says where the bucket notifies nobody, and a rule feeds the queue."""
        self.outputs.update(source_mode="eventbridge", source_rule_name="photos-uploads")
        self.told = {"EventBridgeConfiguration": {}}
        self.policy.update(
            Principal={"Service": "events.amazonaws.com"},
            Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-central-1:1:rule/photos-uploads"}},
        )

    def stack(self) -> stacks.Stack:
        return stacks.Stack("photos", self.outputs, self._client)

    def _client(self, service: str, config: object = None) -> Any:  # noqa: ARG002
        answers: Mapping[str, Mapping[str, Callable[..., Any]]] = {
            "sts": {"get_caller_identity": lambda: self.caller},
            "lambda": {
                "get_function_configuration": lambda **_: self.function,
                "get_event_source_mapping": lambda UUID: self.mappings[UUID],  # noqa: N803 - AWS's name
                "get_layer_version_by_arn": lambda **_: self.layer,
                "get_function_recursion_config": lambda **_: {"RecursiveLoop": self.loop},
                "get_account_settings": lambda: {"AccountLimit": self.account},
            },
            "sqs": {"get_queue_attributes": lambda QueueUrl, **_: {"Attributes": self._queue(QueueUrl)}},  # noqa: N803
            "s3": {"get_bucket_notification_configuration": lambda **_: self.told},
            "events": {
                "describe_rule": lambda **_: {**self.rule, "EventPattern": json.dumps(self.pattern)},
                "list_targets_by_rule": lambda **_: {"Targets": [self.target]},
            },
            "iot": {
                "list_things": lambda **_: {"things": [{"thingName": "camera-7"}]},
                "list_thing_principals": lambda **_: {"principals": []},
                "list_targets_for_policy": lambda **_: {"targets": []},
            },
            "kms": {"describe_key": lambda **_: {"KeyMetadata": self.key}},
            "dynamodb": {
                "query": lambda **_: {"Items": [job.as_item() for job in self.jobs]},
                "describe_table": lambda **_: {"Table": self.table},
                "describe_time_to_live": lambda **_: {"TimeToLiveDescription": self.expiry},
                "describe_continuous_backups": lambda **_: {
                    "ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": self.recovery}
                },
            },
            "cloudwatch": {
                "describe_alarms": lambda AlarmNames, **_: {  # noqa: N803
                    "MetricAlarms": [self.alarms[name] for name in AlarmNames if name in self.alarms],
                    "CompositeAlarms": [],
                }
            },
            "sns": {
                "list_subscriptions_by_topic": lambda **_: {
                    "Subscriptions": [
                        {"SubscriptionArn": self.subscription, "Protocol": "email", "Endpoint": "a@example.com"}
                    ]
                },
                "get_subscription_attributes": lambda **_: {"Attributes": {}},
            },
        }
        calls = {name: self._unless_denied(name, answer) for name, answer in answers[service].items()}
        paginator = lambda name: SimpleNamespace(paginate=lambda **asked: [calls[name](**asked)])  # noqa: E731
        return SimpleNamespace(**calls, get_paginator=paginator, meta=SimpleNamespace(region_name=self.region))

    def _queue(self, url: str) -> dict[str, str]:
        policy = {"Policy": json.dumps({"Statement": [self.policy]})} if url == WORK else {}
        return {**self.queues[url], **policy}

    def _unless_denied(self, name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def call(**asked: Any) -> Any:
            if name in self.denied:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, name)
            return answer(**asked)

        return call


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    well = Aws()
    monkeypatch.setattr(stacks, "find", lambda _: well.stack())
    return well


def run(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by the names of their checks."""
    result = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.stderr == ""
    return result.exit_code, {each["check"]: each for each in map(json.loads, result.stdout.splitlines())}


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_well() -> None:
    code, found = run("--no-canary")
    assert code == 0
    assert {name: each["outcome"] for name, each in found.items()} == dict.fromkeys(CHECKS, "ok")
    assert all(each["says"].endswith(".") and each["remedy"] is None for each in found.values())


def test_outputs_are_those_of_the_parameter() -> None:
    tools, outputs = (
        hcl2.loads((REPOSITORY / "terraform" / file).read_text(encoding="utf-8")) for file in ("tools.tf", "outputs.tf")
    )
    (told,) = [each["tools_always"] for each in tools["locals"]]
    assert set(told) == OUTPUTS
    values = {name.strip('"'): block["value"] for each in outputs["output"] for name, block in each.items()}
    assert {name: values[name] for name in OUTPUTS} == told


def provisioned(pollers: int) -> dict[str, Any]:
    """What a mapping says whose pollers are provisioned."""
    return {"ScalingConfig": {}, "ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": pollers}}


def test_a_filter_is_read_as_it_stands_in_a_url(aws: Aws) -> None:
    aws.outputs["source_prefix"] = "tenant=ä/My Photos/"
    aws.notification["Filter"]["Key"]["FilterRules"][0]["Value"] = "tenant%3D%C3%A4/My+Photos/"
    found = run("--no-canary")[1]["notification"]
    assert (found["outcome"], found["says"].endswith("below tenant=ä/My Photos/.")) == ("ok", True)


def test_what_is_reserved_is_there_whatever_others_take(aws: Aws) -> None:
    aws.outputs["reserved_concurrency"], aws.account["UnreservedConcurrentExecutions"] = 55, 10
    assert run("--no-canary")[1]["concurrency"]["outcome"] == "ok"


@pytest.mark.parametrize(("quota", "arguments", "code"), [(30, [], 0), (29, [], 1), (10, ["--concurrency", "10"], 0)])
def test_a_preflight_looks_at_the_account_alone(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, quota: int, arguments: list[str], code: int
) -> None:
    aws.account = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": quota}
    monkeypatch.setattr(stacks, "clients", lambda: aws._client)
    ended, found = run("--preflight", *arguments)
    assert (ended, list(found)) == (code, ["concurrency"])


def test_provisioned_pollers_keep_ten_invocations_busy_each(aws: Aws) -> None:
    aws.mappings[WORK].update(provisioned(5))
    assert run("--no-canary")[1]["mappings"]["outcome"] == "ok"


def test_a_stack_whose_thumbnails_outlive_deletions_is_told_of_none(aws: Aws) -> None:
    aws.notification["Events"] = ["s3:ObjectCreated:*"]
    assert "does not tell the work queue of s3:L" in run("--no-canary")[1]["notification"]["says"]
    aws.outputs["propagate_deletions"] = False
    assert "of all that is made below" in run("--no-canary")[1]["notification"]["says"]
    aws.notification["Events"] = ["s3:ObjectRemoved:*"]
    assert "does not tell the work queue of s3:ObjectCreated:*." in run("--no-canary")[1]["notification"]["says"]


def test_archives_that_tell_nothing_of_themselves_are_no_fault(aws: Aws) -> None:
    assert run("--no-canary")[1]["release"]["says"].endswith("with bytecode by CPython 3.13.0.")
    aws.outputs["archives"] = None
    release = run("--no-canary")[1]["release"]
    assert (release["outcome"], release["says"].partition("; ")[2]) == (
        "ok",
        "which one the archives are of, nobody told.",
    )


# How a stack can be broken; what the check says of it.
BROKEN: Final[list[tuple[str, str, Callable[[Aws], Any], str]]] = [
    ("parameter", "fail", lambda aws: aws.outputs.pop("dashboard_name"), "does not tell tools its dashboard_name"),
    (
        "place",
        "fail",
        lambda aws: aws.caller.update(Account="2"),
        "in eu-central-1 of account 1, and you look at eu-central-1 of 2",
    ),
    ("place", "fail", lambda aws: setattr(aws, "region", "eu-west-1"), "and you look at eu-west-1 of 1"),
    (
        "release",
        "warn",
        lambda aws: aws.outputs.update(release="9.9.9"),
        f"of release 9.9.9, and this thumbctl of {importlib.metadata.version('thumbnail-pipeline')}",
    ),
    (
        "release",
        "warn",
        lambda aws: aws.outputs.update(archives={"version": "…", "bytecode": None}),
        "but the archives carry no bytecode: cold starts take longer",
    ),
    ("key", "fail", lambda aws: aws.key.update(KeyState="PendingDeletion"), "is PendingDeletion"),
    ("key", "fail", lambda aws: aws.queues[WORK].pop("KmsMasterKeyId"), "not encrypted with the stack's key"),
    ("notification", "fail", lambda aws: aws.notification.update(QueueArn=BACKFILL), "tells the work queue of nothing"),
    (
        "notification",
        "fail",
        lambda aws: aws.notification["Events"].remove("s3:ObjectRemoved:*"),
        "not tell the work queue of s3:ObjectRemoved:*",
    ),
    ("notification", "fail", lambda aws: aws.outputs.update(source_prefix=""), "{'prefix': 'photos/'}"),
    ("code", "warn", lambda aws: aws.outputs.update(function_sha256=None), "does not tell which code"),
    ("concurrency", "fail", lambda aws: aws.account.update(UnreservedConcurrentExecutions=54), "use 55 concurrent"),
    (
        "notification",
        "fail",
        lambda aws: aws.notification["Filter"]["Key"]["FilterRules"].append({"Name": "Suffix", "Value": ".jpg"}),
        "'suffix': '.jpg'",
    ),
    ("queue policy", "fail", lambda aws: aws.policy.update(Effect="Deny"), "does not let uploads send"),
    (
        "queue policy",
        "fail",
        lambda aws: aws.policy.update(Principal={"Service": "sns.amazonaws.com"}),
        "does not let uploads send",
    ),
    ("queue policy", "fail", lambda aws: aws.policy.update(Action="sqs:ReceiveMessage"), "does not let uploads send"),
    (
        "queue policy",
        "fail",
        lambda aws: aws.policy["Condition"]["ArnEquals"].update({"aws:SourceArn": "arn:aws:s3:::other"}),
        "does not let uploads send",
    ),
    (
        "visibility",
        "fail",
        lambda aws: aws.queues[WORK].update(VisibilityTimeout="360"),
        "work queue come back after 360 seconds, and the function may need 361",
    ),
    (
        "visibility",
        "fail",
        lambda aws: aws.queues[BACKFILL].update(VisibilityTimeout="30"),
        "backfill queue come back after 30",
    ),
    ("redrive", "fail", lambda aws: aws.queues[BACKFILL].pop("RedrivePolicy"), "given up in the backfill queue"),
    (
        "redrive",
        "fail",
        lambda aws: aws.queues[WORK].update(RedrivePolicy=json.dumps({"deadLetterTargetArn": WORK})),
        "given up in the work queue",
    ),
    (
        "redrive",
        "fail",
        lambda aws: aws.queues[DEAD].update(MessageRetentionPeriod=str(4 * DAY)),
        "no longer than the work queue",
    ),
    ("mappings", "fail", lambda aws: aws.mappings[WORK].update(State="Disabled"), "work queue is paused"),
    ("mappings", "fail", lambda aws: aws.mappings[BACKFILL].update(EventSourceArn=WORK), "backfill queue reads"),
    ("mappings", "fail", lambda aws: aws.mappings[WORK].update(FunctionArn=f"{FUNCTION}2"), "invokes"),
    (
        "mappings",
        "fail",
        lambda aws: aws.mappings[WORK].update(FunctionResponseTypes=[]),
        "one failed message for a failed batch",
    ),
    (
        "mappings",
        "fail",
        lambda aws: aws.mappings[BACKFILL].update(ScalingConfig={}),
        "up to None invocations at a time, not 5",
    ),
    (
        "mappings",
        "fail",
        lambda aws: aws.mappings[WORK].update(provisioned(7)),
        "up to 70 invocations at a time, not 50",
    ),
    (
        "function",
        "fail",
        lambda aws: aws.function.update(State="Failed", StateReason="no image"),
        "is Failed, its last update Successful (no image)",
    ),
    ("function", "fail", lambda aws: aws.function.update(LastUpdateStatus="Failed"), "its last update Failed"),
    ("code", "fail", lambda aws: aws.function.update(CodeSha256="def="), "other code"),
    (
        "layer",
        "fail",
        lambda aws: aws.layer.update(CompatibleArchitectures=["x86_64"]),
        "python3.13 on arm64, and its layer is for python3.13 on x86_64",
    ),
    ("layer", "fail", lambda aws: aws.layer.update(CompatibleRuntimes=["python3.12"]), "its layer is for python3.12"),
    ("layer", "fail", lambda aws: aws.function.pop("Layers"), "no layer"),
    (
        "settings",
        "fail",
        lambda aws: aws.function["Environment"]["Variables"].update(SETTINGS="{}"),
        "does not understand",
    ),
    ("catalog", "fail", lambda aws: aws.table.update(TableStatus="ARCHIVED"), "the table is ARCHIVED"),
    ("catalog", "fail", lambda aws: aws.table.update(GlobalSecondaryIndexes=[]), "its index failures is missing"),
    ("catalog", "fail", lambda aws: aws.expiry.update(TimeToLiveStatus="DISABLED"), "tombstones do not expire"),
    ("catalog", "fail", lambda aws: aws.recovery.update(PointInTimeRecoveryStatus="DISABLED"), "cannot be restored"),
    ("alarms", "fail", lambda aws: aws.alarms.pop("photos-late"), "There is no alarm photos-late"),
    (
        "alarms",
        "fail",
        lambda aws: aws.alarms["photos-late"].update(ActionsEnabled=False),
        "Nobody hears of photos-late",
    ),
    (
        "alarms",
        "warn",
        lambda aws: aws.alarms["photos-failing"].update(StateValue="ALARM"),
        "Now in alarm: photos-failing",
    ),
    ("jobs", "fail", lambda aws: aws.have_jobs(mapping="Disabled"), "Nothing feeds photos-range-worker"),
    ("jobs", "fail", lambda aws: aws.have_jobs(loop="Terminate"), "for a loop after some sixteen rounds"),
    ("jobs", "warn", lambda aws: aws.have_jobs(JobState.STOPPED), "Stopped by themselves: 2026-1"),
    ("devices", "warn", lambda aws: aws.take_devices(), "Of 1 device, without a certificate: camera-7"),
    (
        "topics",
        "warn",
        lambda aws: setattr(aws, "subscription", "PendingConfirmation"),
        "Nobody hears failures, warning, critical",
    ),
    ("backlog", "warn", lambda aws: aws.queues[DEAD].update(ApproximateNumberOfMessages="2"), "2 dead letters"),
]


@pytest.mark.parametrize(("check", "outcome", "damage", "words"), BROKEN, ids=[f"{b[0]}: {b[3]}" for b in BROKEN])
def test_what_is_broken_is_found_and_nothing_else(
    aws: Aws, check: str, outcome: str, damage: Callable[[Aws], Any], words: str
) -> None:
    damage(aws)
    code, found = run("--no-canary")
    assert {name: each["outcome"] for name, each in found.items() if each["outcome"] != "ok"} == {check: outcome}
    assert words in found[check]["says"]
    assert found[check]["remedy"] or check == "settings"
    assert code == (outcome == "fail")


def test_a_stack_that_runs_jobs(aws: Aws) -> None:
    aws.have_jobs(JobState.RUNNING, JobState.DONE)
    code, found = run("--no-canary")
    assert (code, found["jobs"]["outcome"]) == (0, "ok")
    assert "1 bulk job not over" in found["jobs"]["says"]
    aws.denied = {"get_function_recursion_config"}
    _, found = run("--no-canary")
    assert found["jobs"]["outcome"] == "warn"


@pytest.fixture
def rule(aws: Aws) -> Aws:
    aws.go_through_eventbridge()
    return aws


@pytest.mark.usefixtures("rule")
def test_a_stack_that_eventbridge_tells() -> None:
    code, found = run("--no-canary")
    assert (code, {each["outcome"] for each in found.values()}) == (0, {"ok"})
    assert (
        "the rule photos-uploads the work queue, of all that is made or unmade below photos/"
        in (found["notification"]["says"])
    )
    assert found["queue policy"]["says"] == "The policy of the work queue lets photos-uploads send."


@pytest.mark.parametrize(
    ("check", "damage", "words"),
    [
        ("notification", lambda aws: aws.told.clear(), "uploads does not send its events to EventBridge"),
        ("notification", lambda aws: aws.rule.update(State="DISABLED"), "The rule photos-uploads is DISABLED"),
        ("notification", lambda aws: aws.pattern["detail"]["bucket"].update(name=["other"]), "{'name': ['other']}"),
        ("notification", lambda aws: aws.pattern["detail"].pop("object"), "and not {'bucket'"),
        ("notification", lambda aws: aws.pattern["detail-type"].pop(), "some of what is made or unmade"),
        ("notification", lambda aws: aws.target.update(Arn=BACKFILL), "does not send to the work queue"),
        (
            "queue policy",
            lambda aws: aws.policy.update(Principal={"Service": "s3.amazonaws.com"}),
            "does not let photos-uploads send",
        ),
        (
            "queue policy",
            lambda aws: aws.policy["Condition"]["ArnEquals"].update({"aws:SourceArn": "arn:aws:events:…:rule/other"}),
            "does not let photos-uploads send",
        ),
    ],
)
def test_what_is_broken_on_the_way_through_eventbridge(
    rule: Aws, check: str, damage: Callable[[Aws], Any], words: str
) -> None:
    damage(rule)
    code, found = run("--no-canary")
    assert {name for name, each in found.items() if each["outcome"] != "ok"} == {check}
    assert (code, words in found[check]["says"]) == (1, True), found[check]


def test_deletions_that_are_left_alone_need_not_be_told_of(rule: Aws) -> None:
    rule.outputs["propagate_deletions"] = False
    rule.pattern["detail-type"] = ["Object Created"]
    assert run("--no-canary")[1]["notification"]["outcome"] == "ok"


def test_every_check_can_find_something() -> None:
    assert {check for check, *_ in BROKEN} == CHECKS.keys()


def test_versions_of_the_function_are_the_function(aws: Aws) -> None:
    for mapping in aws.mappings.values():
        mapping["FunctionArn"] = f"{FUNCTION}:7"
    assert run("--no-canary")[1]["mappings"]["outcome"] == "ok"


@pytest.mark.parametrize("call", ["describe_continuous_backups", "describe_key", "get_layer_version_by_arn"])
def test_what_may_not_be_looked_at_is_a_warning(aws: Aws, call: str) -> None:
    aws.denied = {call}
    code, found = run("--no-canary")
    (warning,) = [each for each in found.values() if each["outcome"] != "ok"]
    assert (code, warning["outcome"]) == (0, "warn")
    assert warning["says"].startswith(f"It could not be checked: AWS denies {call}")


def test_one_that_is_denied_much_is_told_of_all_else(aws: Aws) -> None:
    aws.denied = {"get_function_configuration"}
    code, found = run("--no-canary")
    assert (code, found.keys()) == (0, CHECKS.keys())
    assert found["backlog"]["outcome"] == "ok"


def test_what_is_not_there_is_a_failure(aws: Aws) -> None:
    def gone(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "DescribeTable")

    aws._unless_denied = lambda name, answer: gone if name == "describe_table" else answer  # type: ignore[method-assign]
    code, found = run("--no-canary")
    assert (code, found["catalog"]["outcome"]) == (1, "fail")


@pytest.mark.usefixtures("aws")
def test_people_read_a_line_a_check() -> None:
    result = CliRunner().invoke(app, ["doctor", "--no-canary"])
    heading, *lines = result.stdout.splitlines()
    assert heading == "photos"
    assert [line.split()[0] for line in lines] == ["ok"] * len(CHECKS)


@pytest.mark.usefixtures("aws")
def test_the_canary_is_a_check_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "fly", lambda _, within: canary.Flight(3, within / 10, 1.25))
    code, found = run("--within", "20")
    assert (code, found["canary"]["outcome"]) == (0, "ok")
    assert "3 thumbnails after 2.0 seconds, and they were gone 1.2 seconds after" in found["canary"]["says"]

    def die(*_: Any) -> None:
        raise canary.CanaryDied("after 20 seconds it was not in the catalog")

    monkeypatch.setattr(canary, "fly", die)
    code, found = run("--within", "20")
    assert (code, found["canary"]["outcome"]) == (1, "fail")
