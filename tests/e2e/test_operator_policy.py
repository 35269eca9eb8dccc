"""Whoever has the operator policy and nothing else: what they can do, cannot do, and that they need all of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
import typer
from botocore.exceptions import ClientError
from typer.core import TyperGroup
from typer.testing import CliRunner

from devtools.localaws import emulator
from devtools.localaws.stack import REPOSITORY
from support.bulk_jobs import DeployedJobs
from support.pictures import picture
from thumbctl.app import Deferred, app
from thumbctl.aws_errors import is_denied
from thumbctl.conventions import complete_stack
from thumbnail_pipeline.jobs.records import Asked, BulkJob, JobBounds, JobKind, JobPrices, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

USER: Final = "operator"
POLICY: Final = REPOSITORY / "terraform" / "modules" / "operator" / "main.tf"
SIDS: Final = re.findall(r'\bSid\s+= "(\w+)"', POLICY.read_text(encoding="utf-8"))

# Only what listens to EventBridge has a rule: terraform/tests/owners.tftest.hcl holds the statement to it.
# Only what has a change stream puts into it: terraform/tests/operator.tftest.hcl does.
# Only where S3 tells of no deletion, rows have to be deleted: so does it.
# Only where an inventory is encrypted with somebody's key, it has to be decrypted: so does it.
OF_OTHER_STACKS: Final = frozenset(
    {"ReadRule", "AnnounceChanges", "EncryptChanges", "ForgetRows", "DecryptInventories"}
)

KEY, BAD_KEY = "operators/good.png", "operators/bad.png"
JOB = "operators-job"
ANNA: Final = "1111aaaa-2222-4333-8444-555555555555"

# What each command is given. One that is interrupted by a refusal leaves nothing behind that the next stumbles over.
STORIES: Final[dict[str, list[str]]] = {
    "status": [],
    "failures": [],
    "show": [KEY],
    "trace": [KEY],
    "doctor": ["--within", "30"],
    "import": ["pictures", "--yes"],
    "backfill": ["--prefix", "operators/", "--force", "--yes"],
    "retry": ["--yes"],
    "dlq": [],
    "dlq peek": [],
    "dlq purge": ["--yes", "--backup", "purged.jsonl"],
    "dlq restore": ["letters.jsonl", "--yes", "--force"],
    "dlq redrive": ["--one-by-one", "--yes", "--force"],
    "events status": [],
    "events republish": ["--prefix", "operators/", "--yes"],
    "events resend": ["--yes"],
    "pause": ["backfill"],
    "resume": ["backfill"],
    "devices list": [],
    "devices add": ["camera-9", "--to", "camera-9"],
    "devices show": ["camera-9"],
    "devices revoke": ["camera-9", "--yes"],
    "users forget": [ANNA, "--issuer", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Anna", "--yes"],
    "reconcile": ["--prefix", "operators/", "--repair", "--grace", "6", "--yes"],
    "jobs list": [],
    "jobs show": [JOB],
    "jobs watch": [JOB],
    "jobs pause": [JOB],
    "jobs resume": [JOB],
    "jobs cancel": [JOB, "--yes"],
    "channels": [],
    "channels test": [],
}
# They look at no stack.
LOCAL: Final = {"render", "estimate"}

# The command that shows what each statement is for: without it, that command is denied something.
NEEDED: Final = {
    "FindTheStack": "show",
    "ReadMetricsAlarmsTraces": "channels",
    "ReadQueues": "status",
    "ReadFunction": "doctor",
    "Inspect": "doctor",
    "ReadLogs": "show",
    "ReadSubscriptions": "channels",
    "ReadCatalog": "failures",
    "ListSources": "show",
    "ListThumbnails": "show",
    "Import": "import",
    "Backfill": "backfill",
    "DeadLetters": "dlq peek",
    "Redrive": "dlq redrive",
    "Repair": "reconcile",
    "ReadPublishers": "events status",
    "ReadOutbox": "events republish",
    "AnnounceEvents": "events republish",
    "ListParked": "events status",
    "ResendParked": "events resend",
    "TestAlarms": "channels test",
    "TestDigests": "channels test",
    "Canary": "doctor",
    "ListAndIssue": "devices add",
    "Things": "devices show",
    "Certificates": "devices add",
    "FindCertificates": "doctor",
    "InspectWorkers": "doctor",
    "AttachThings": "devices add",
    "ReadAsks": "devices show",
    "ForgetUploads": "users forget",
    "ForgetAsks": "users forget",
    "ListThumbnailVersions": "users forget",
    "ReadAndSteerJobs": "jobs show",
    "WakeUpWorkers": "jobs resume",
}
# What the emulator asks nobody's policy for. On AWS, a command fails without it.
UNENFORCED: Final = {
    "ForgetThumbnails": "for a version it asks for s3:DeleteObject, which Repair has",
    "Pause": "it lets everybody change a mapping",
    "Disconnect": "it has no such call; where it is denied, AWS ends the connection itself",
    "UseTheKeyThroughServices": "its services do not ask for the key on behalf of who calls them",
}
# What the commands of the runbook need, and no command of ours: tests/e2e/test_runbook.py runs them.
OF_THE_RUNBOOK: Final = frozenset({"DeviceErrors", "ReadDeviceFunctions", "ReadDeviceLogs", "ReadWorkersLog"})
# Nothing fails without it: the shell offers no names.
COMPLETION: Final = "ListStacks"
# Whoever may not read a manifest is told so in other words than all else.
INVENTORIES: Final = "ReadInventories"

# Where the emulator does not see which resource is meant.
_ASKED_FOR_EVERYTHING: Final = {
    "iot:AttachPolicy": "iot:AttachPolicy",
    "iot:DetachPolicy": "iot:DetachPolicy",
    "iot:ListTargetsForPolicy": "iot:ListTargetsForPolicy",
    "lambda:GetLayerVersion": "lambda:ListLayers",
    "sqs:ListMessageMoveTasks": "sqs:ListMessageMoveTasks",
    "ssm:GetParametersByPath": "ssm:GetParametersByPath",
}


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    text: str

    @property
    def denied(self) -> bool:
        return "AWS denies" in self.text or "AccessDenied" in self.text


@dataclass(frozen=True)
class Operator:
    """Somebody with the policy, at a terminal."""

    deployment: Deployment
    keys: dict[str, str]

    @property
    def outputs(self) -> Any:
        """Those of the Terraform module."""
        return self.deployment.outputs

    @property
    def row_key(self) -> dict[str, Any]:
        """What names the row of the image that is READY."""
        return {"source_key": {"S": KEY}, "source_bucket": {"S": self.outputs["source_bucket"]}}

    def runs(self, command: str, *given: str) -> Said:
        """Run a command with what its story gives it, or with other things, over what is there to be operated on."""
        self._prepare(command)
        result = CliRunner().invoke(app, [*command.split(), *(given or STORIES[command]), "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout + result.stderr)

    def client(self, service: str) -> Any:
        """A client with their credentials."""
        stack = self.deployment.stack
        return boto3.client(service, region_name=stack.region, endpoint_url=stack.endpoint_url, **self.keys)  # type: ignore[call-overload]

    @contextmanager
    def without(self, *sids: str) -> Iterator[None]:
        """Take these statements out of their policy."""
        document = whole_policy(self.deployment)
        kept = [statement for statement in document["Statement"] if statement["Sid"] not in sids]
        assert len(kept) == len(document["Statement"]) - len(sids)
        grant(self.deployment, {**document, "Statement": kept})
        try:
            yield
        finally:
            grant(self.deployment, document)

    def _prepare(self, command: str) -> None:
        if command.startswith("dlq"):
            body = json.dumps({"Records": []})
            self.deployment.sqs.send_message(QueueUrl=self.deployment.outputs["dlq_url"], MessageBody=body)
        if command == "reconcile":
            bucket = self.outputs["thumbnails_bucket"]
            self.deployment.s3.put_object(Bucket=bucket, Key="large/operators/orphan.png.webp", Body=b"nobody's")
            time.sleep(7)  # a moment more than the grace that it gets, in S3's whole seconds
        if command == "events resend":
            self._park(KEY)
        if command.startswith("jobs"):
            states = {"jobs pause": JobState.RUNNING, "jobs watch": JobState.DONE}
            self._have_a_job(states.get(command, JobState.PAUSED))
        if command.startswith("devices"):
            root = CliRunner(env=emulator.ROOT_CREDENTIALS)
            root.invoke(app, ["devices", "revoke", "camera-9", "--yes"])
            shutil.rmtree("camera-9", ignore_errors=True)
            if command != "devices add":
                assert root.invoke(app, ["devices", "add", "camera-9", "--to", "camera-9"]).exit_code == 0
        if command == "users forget":
            put = self.deployment.s3.put_object
            put(Bucket=self.outputs["source_bucket"], Key=f"users/{ANNA}/1", Body=b"no image")
            # What no row lists, so that the function does not delete it before the command does.
            put(Bucket=self.outputs["thumbnails_bucket"], Key=f"large/users/{ANNA}/2.webp", Body=b"nobody's")
        if command == "dlq restore":
            Path("letters.jsonl").unlink(missing_ok=True)
            root = CliRunner(env=emulator.ROOT_CREDENTIALS)
            assert root.invoke(app, ["dlq", "purge", "--yes", "--backup", "letters.jsonl"]).exit_code == 0

    def _have_a_job(self, state: JobState) -> None:
        """Have a job over no keys in some state, whatever has become of the last one."""
        asked = Asked(JobKind.BACKFILL, self.outputs["source_bucket"], "operators/none/", "", JobPrices(0.001, 1.0))
        job = BulkJob(JOB, asked, JobBounds(), state)
        self.deployment.dynamodb.put_item(TableName=self.outputs["jobs"]["table_name"], Item=job.as_item())

    def _park(self, key: str) -> None:
        """Have a batch with the row of an image where Lambda parks what could not be announced."""
        row = self.deployment.dynamodb.get_item(TableName=self.outputs["table_name"], Key=self.row_key)["Item"]
        publisher = self.outputs["publishers"]["events"]
        batch = {
            "requestContext": {"functionArn": f"arn:aws:lambda:r:1:function:{publisher['function_name']}"},
            "payload": json.dumps({"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": row}}]}),
        }
        parked = f"aws/lambda/{publisher['event_source_mapping_uuid']}/shard/2026/11/29/{key.replace('/', '-')}"
        self.deployment.s3.put_object(Bucket=self.outputs["parked_bucket"], Key=parked, Body=json.dumps(batch).encode())


def whole_policy(deployment: Deployment) -> Any:
    """All policies of an operator in one."""
    operating, *further = (
        json.loads(deployment.outputs[f"operator{which}_policy_json"])
        for which in ("", "_events", "_users", "_devices", "_jobs")
    )
    statements = [statement for policy in further for statement in policy["Statement"]]
    return {**operating, "Statement": [*operating["Statement"], *statements]}


def grant(deployment: Deployment, document: Any) -> None:
    """Let the operator do what a policy says, and nothing else."""
    statements = [each for statement in document["Statement"] for each in _as_the_emulator_asks(statement)]
    text = json.dumps({**document, "Statement": statements})
    deployment.iam.put_user_policy(UserName=USER, PolicyName="operator", PolicyDocument=text)


def _as_the_emulator_asks(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    actions = statement["Action"]
    yield statement
    if everywhere := [_ASKED_FOR_EVERYTHING[action] for action in actions if action in _ASKED_FOR_EVERYTHING]:
        yield {"Effect": "Allow", "Action": everywhere, "Resource": "*"}


@pytest.fixture(scope="module")
def keys(deployment: Deployment) -> Iterator[dict[str, str]]:
    """The access key of the operator, for boto3."""
    deployment.iam.create_user(UserName=USER)
    grant(deployment, whole_policy(deployment))
    made = deployment.iam.create_access_key(UserName=USER)["AccessKey"]
    yield {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    DeployedJobs(deployment).end()
    deployment.iam.delete_access_key(UserName=USER, AccessKeyId=made["AccessKeyId"])
    deployment.iam.delete_user_policy(UserName=USER, PolicyName="operator")
    deployment.iam.delete_user(UserName=USER)


@pytest.fixture(scope="module")
def _images(deployment: Deployment) -> None:
    """An image that is READY, and one that FAILED."""
    deployment.upload(KEY, picture())
    deployment.upload(BAD_KEY, b"no image")
    deployment.row_when(KEY, "READY")
    deployment.row_when(BAD_KEY, "FAILED")


@pytest.fixture
def operator(
    deployment: Deployment, keys: dict[str, str], _images: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Operator:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in keys.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "imported.png").write_bytes(picture("red"))
    return Operator(deployment, keys)


def leaves(command: Any, *path: str) -> Iterator[str]:
    """Every command by the words that call it."""
    if isinstance(command, Deferred):
        command = command.load()
    if not isinstance(command, TyperGroup) or (path and command.invoke_without_command):
        yield " ".join(path)
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from leaves(child, *path, name)


COMMANDS: Final = [name for name in leaves(typer.main.get_command(app)) if name not in LOCAL]


def test_every_command_has_a_story() -> None:
    assert set(COMMANDS) == STORIES.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_policy_is_enough(operator: Operator, command: str) -> None:
    said = operator.runs(command)
    assert not said.denied, said.text
    # The emulator has no X-Ray.
    assert said.code in {0, 1} or (command == "trace" and "BatchGetTraces" in said.text), said.text


def test_the_policy_is_enough_to_begin_a_job(operator: Operator) -> None:
    said = operator.runs("backfill", "--in-account", "--prefix", "operators/begun/", "--yes")
    assert said.code == 0, said.text


# What operators must not do, by what it would be: each call is one that the account's root may make.
FORBIDDEN: Final[dict[str, Callable[[Operator], Any]]] = {
    "write the catalog": lambda operator: operator.client("dynamodb").put_item(
        TableName=operator.outputs["table_name"], Item=operator.row_key
    ),
    "change a row": lambda operator: operator.client("dynamodb").update_item(
        TableName=operator.outputs["table_name"], Key=operator.row_key
    ),
    "delete a row": lambda operator: operator.client("dynamodb").delete_item(
        TableName=operator.outputs["table_name"], Key=operator.row_key
    ),
    "change the function's code": lambda operator: operator.client("lambda").update_function_code(
        FunctionName=operator.outputs["function_name"], ZipFile=b"code"
    ),
    "change the function's settings": lambda operator: operator.client("lambda").update_function_configuration(
        FunctionName=operator.outputs["function_name"], Timeout=7
    ),
    "invoke the function": lambda operator: operator.client("lambda").invoke(
        FunctionName=operator.outputs["function_name"], Payload=b"{}"
    ),
    "change the function's policies": lambda operator: operator.client("iam").put_role_policy(
        RoleName=operator.outputs["function_role_name"], PolicyName="more", PolicyDocument="{}"
    ),
    "change their own policy": lambda operator: operator.client("iam").put_user_policy(
        UserName=USER, PolicyName="more", PolicyDocument="{}"
    ),
    "delete a source": lambda operator: operator.client("s3").delete_object(
        Bucket=operator.outputs["source_bucket"], Key=KEY
    ),
    "write a thumbnail": lambda operator: operator.client("s3").put_object(
        Bucket=operator.outputs["thumbnails_bucket"], Key="large/operators/forged.png.webp", Body=b"forged"
    ),
    "change what the bucket tells of": lambda operator: operator.client("s3").put_bucket_notification_configuration(
        Bucket=operator.outputs["source_bucket"], NotificationConfiguration={}
    ),
    "take messages from the work queue": lambda operator: operator.client("sqs").receive_message(
        QueueUrl=operator.outputs["queue_url"], WaitTimeSeconds=0
    ),
    "purge a queue": lambda operator: operator.client("sqs").purge_queue(QueueUrl=operator.outputs["queue_url"]),
    "send to another stack's queue": lambda operator: operator.client("sqs").send_message(
        QueueUrl=operator.deployment.stack.alerts_queue_url, MessageBody="{}"
    ),
    "look into another stack's queue": lambda operator: operator.client("sqs").get_queue_attributes(
        QueueUrl=operator.deployment.stack.alerts_queue_url, AttributeNames=["All"]
    ),
    "wake people up": lambda operator: operator.client("sns").publish(
        TopicArn=operator.outputs["topic_arns"]["critical"], Message="wake up"
    ),
    "silence an alarm": lambda operator: operator.client("cloudwatch").disable_alarm_actions(
        AlarmNames=operator.outputs["alarm_names"]["page"]
    ),
    "invoke the publisher": lambda operator: operator.client("lambda").invoke(
        FunctionName=operator.outputs["publishers"]["events"]["function_name"], Payload=b"{}"
    ),
    "put something else where batches are parked": lambda operator: operator.client("s3").put_object(
        Bucket=operator.outputs["parked_bucket"], Key="aws/lambda/forged", Body=b"{}"
    ),
    "delete a job": lambda operator: operator.client("dynamodb").delete_item(
        TableName=operator.outputs["jobs"]["table_name"], Key={"job": {"S": "jobs"}, "what": {"S": JOB}}
    ),
    "take messages about ranges": lambda operator: operator.client("sqs").receive_message(
        QueueUrl=operator.outputs["jobs"]["ranges_queue_url"], WaitTimeSeconds=0
    ),
    "invoke the range worker": lambda operator: operator.client("lambda").invoke(
        FunctionName=operator.outputs["jobs"]["function_name"], Payload=b"{}"
    ),
    "change where tools find the stack": lambda operator: operator.client("ssm").put_parameter(
        Name="/thumbnail-pipeline/thumbs", Value="{}", Type="String", Overwrite=True
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_policy_is_not_more_than_enough(operator: Operator, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        FORBIDDEN[what](operator)
    assert is_denied(refused.value), refused.value


def test_every_statement_is_for_something() -> None:
    assert {*NEEDED, *UNENFORCED, COMPLETION, INVENTORIES, *OF_OTHER_STACKS, *OF_THE_RUNBOOK} == set(SIDS)


@pytest.mark.parametrize("sid", NEEDED)
def test_no_statement_is_too_much(operator: Operator, sid: str) -> None:
    with operator.without(sid):
        said = operator.runs(NEEDED[sid])
    assert said.denied, said.text


def test_what_the_emulator_does_not_ask_for(operator: Operator) -> None:
    with operator.without(*UNENFORCED):
        denied = [command for command in COMMANDS if operator.runs(command).denied]
    assert not denied


def test_who_begins_a_job_reads_its_manifest(operator: Operator) -> None:
    jobs = DeployedJobs(operator.deployment)
    jobs.end()
    location = jobs.deliver()
    given = ("--in-account", "--inventory", location, "--prefix", "operators/none/", "--yes")
    with operator.without(INVENTORIES):
        assert "or you may not read it" in operator.runs("backfill", *given).text
    assert operator.runs("backfill", *given).code == 0


def test_the_shell_offers_names_to_those_who_may_see_them(operator: Operator) -> None:
    assert complete_stack("") == ["thumbs"]
    with operator.without(COMPLETION):
        assert complete_stack("") == []
