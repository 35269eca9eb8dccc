"""The roles of all functions: they need every permission that they have, and can do nothing else.

Which permissions there are is read from the deployed roles. One more than is told of here fails the tests.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
from botocore.exceptions import ClientError

from support.bulk_jobs import DeployedJobs
from support.cameras import HEARD, Claim, Registry, Talk, wanted
from support.deployment import eventually
from support.mqtt import Identity
from support.pictures import picture
from support.roles import Role
from support.users import NOBODYS, SECONDS, FrontDoor, User
from thumbctl.aws_errors import is_denied
from thumbnail_pipeline import addresses
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.jobs.records import JobState
from thumbnail_pipeline.messages import backfill_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.deployment import Deployment
    from support.roles import Permission

    Lose = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.e2e

ACCOUNT: Final = "000000000000"
RECONCILER: Final = "thumbs-reconciler"
PUBLISHER: Final = "thumbs-publisher"
API: Final = "thumbs-api"
CURSOR: Final = "/thumbnail-pipeline/thumbs/reconcile"

# A capability, an action of it, and what it is allowed on; see `named`.
Name = tuple[str, str, str]


@pytest.fixture
def function(deployment: Deployment) -> Iterator[Role]:
    """The role of the function that renders; what the test left in the queues is gone after it."""
    yield deployment.role
    deployment.empty_queues()


def named(deployment: Deployment, permissions: Iterable[Permission]) -> dict[Name, Permission]:
    """Permissions by their names here: instead of an ARN, what it is the ARN of."""
    outputs = deployment.outputs
    here = f"{deployment.stack.region}:{ACCOUNT}"
    things = {
        f"arn:aws:s3:::{outputs['source_bucket']}": "uploads bucket",
        f"arn:aws:s3:::{outputs['source_bucket']}/*": "uploads",
        f"arn:aws:s3:::{outputs['thumbnails_bucket']}": "thumbnails bucket",
        f"arn:aws:s3:::{outputs['thumbnails_bucket']}/*": "thumbnails",
        outputs["table_arn"]: "catalog",
        f"{outputs['table_arn']}/stream/*": "stream",
        outputs["event_bus_arn"]: "bus",
        f"arn:aws:s3:::{outputs['parked_bucket']}": "parked bucket",
        f"arn:aws:s3:::{outputs['parked_bucket']}/*": "parked batches",
        f"arn:aws:dynamodb:{here}:table/{outputs['digests_table_name']}": "digests",
        f"arn:aws:s3:::{outputs['source_bucket']}/users/*": "uploads of users",
        f"arn:aws:s3:::{outputs['thumbnails_bucket']}/*/users/*": "thumbnails of users",
        f"arn:aws:dynamodb:{here}:table/{outputs['api']['asks_table_name']}": "asks",
        f"arn:aws:logs:{here}:log-group:/aws/lambda/{API}:*": "API's log",
        f"arn:aws:s3:::{outputs['source_bucket']}/things/*": "uploads of devices",
        f"arn:aws:dynamodb:{here}:table/{outputs['devices']['asks_table_name']}": "asks of devices",
        f"arn:aws:sqs:{here}:{outputs['devices']['error_queue_url'].rpartition('/')[2]}": "device errors",
        f"arn:aws:iot:{here}:thing/*": "things",
        **{
            f"arn:aws:iot:{here}:topic/{outputs['devices']['topic_prefix']}/*/uploads/{last}": f"topics of {last}"
            for last in HEARD
        },
        **{
            f"arn:aws:logs:{here}:log-group:{log}:*": "its log"
            for log in outputs["devices"]["log_group_names"].values()
        },
        f"arn:aws:dynamodb:{here}:table/{outputs['jobs']['table_name']}": "jobs",
        f"arn:aws:sqs:{here}:{outputs['jobs']['ranges_queue_url'].rpartition('/')[2]}": "queue of ranges",
        f"arn:aws:logs:{here}:log-group:{outputs['jobs']['log_group_name']}:*": "range worker's log",
        **{f"{each.replace('s3://', 'arn:aws:s3:::')}*": "inventories" for each in outputs["jobs"]["inventories"]},
        f"arn:aws:lambda:{here}:event-source-mapping:{outputs['backfill_event_source_mapping_uuid']}": "mapping",
        f"arn:aws:sqs:{here}:{outputs['dlq_url'].rpartition('/')[2]}": "dead letters",
        outputs["topic_arns"]["failures"]: "failures topic",
        outputs["queue_arn"]: "work queue",
        outputs["backfill_queue_arn"]: "backfill queue",
        outputs["kms_key_arn"]: "key",
        f"arn:aws:logs:{here}:log-group:{outputs['log_group_name']}:*": "function's log",
        f"arn:aws:logs:{here}:log-group:/aws/lambda/{RECONCILER}:*": "reconciler's log",
        f"arn:aws:logs:{here}:log-group:/aws/lambda/{PUBLISHER}:*": "publisher's log",
        f"arn:aws:ssm:{here}:parameter{CURSOR}": "cursor",
        "*": "everything",
    }
    return {(each.capability, each.action, things.get(each.resource, each.resource)): each for each in permissions}


def says(deployment: Deployment, *words: str) -> str:
    """Wait until the function has logged a line with all these words in it, and return it."""
    # On a busy machine an invocation may end before it is through: then its message is back after the visibility
    # timeout.
    return eventually(f"the function logs {words}", lambda: next(iter(deployment.logged(*words)), None))


# ── what breaks without a permission ─────────────────────────────────────────────────────────────────
# Each is told a key of its own, and `lose`, which takes the permission away.


def an_upload_is_not_read(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose():
        deployment.upload(key, picture())
        says(deployment, key, "SYSTEMIC", "reading the source")
        assert deployment.row(key) is None


def a_backfill_reads_nothing(deployment: Deployment, key: str, lose: Lose) -> None:
    """Its messages name no version."""
    deployment.upload(key, picture())
    deployment.row_when(key, "READY")
    with lose():
        backfill(deployment, key)
        says(deployment, key, "SYSTEMIC", "reading the source")


def nothing_is_stored(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose():
        deployment.upload(key, picture())
        says(deployment, key, "SYSTEMIC", "writing a thumbnail")
        assert deployment.row(key) is None
        assert not deployment.thumbnail_keys(key)


def thumbnails_of_a_deleted_image_stay(deployment: Deployment, key: str, lose: Lose) -> None:
    deployment.upload(key, picture())
    deployment.row_when(key, "READY")
    with lose():
        deployment.delete(key)
        says(deployment, key, "SYSTEMIC", "deleting a thumbnail")
        assert deployment.thumbnail_keys(key)


def thumbnails_without_a_row_stay_in_the_way(deployment: Deployment, key: str, lose: Lose) -> None:
    deployment.upload(key, picture("teal"))
    deployment.row_when(key, "READY")
    name = {"source_key": {"S": key}, "source_bucket": {"S": deployment.outputs["source_bucket"]}}
    deployment.dynamodb.delete_item(TableName=deployment.outputs["table_name"], Key=name)
    with lose():
        deployment.upload(key, picture("red"))
        says(deployment, key, "SYSTEMIC", "looking for a thumbnail")


def an_image_has_no_row(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose():
        deployment.upload(key, picture())
        says(deployment, key, "SYSTEMIC", "writing the catalog")
        assert deployment.row(key) is None


def an_overwrite_is_not_compared(deployment: Deployment, key: str, lose: Lose) -> None:
    overwritten_in_vain(deployment, key, lose, "reading the catalog")


def an_overwrite_is_not_claimed(deployment: Deployment, key: str, lose: Lose) -> None:
    overwritten_in_vain(deployment, key, lose, "claiming a catalog row")


def overwritten_in_vain(deployment: Deployment, key: str, lose: Lose, doing: str) -> None:
    first = deployment.upload(key, picture("teal"))
    deployment.row_when(key, "READY", etag=first)
    with lose():
        deployment.upload(key, picture("red"))
        says(deployment, key, "SYSTEMIC", doing)
        assert (deployment.row(key) or {})["etag"] == first


def nobody_is_told_of_a_failure(deployment: Deployment, key: str, lose: Lose) -> None:
    told_in_vain(deployment, key, lose, "publishing an alert")


def failures_are_not_counted(deployment: Deployment, key: str, lose: Lose) -> None:
    told_in_vain(deployment, key, lose, "counting failures")


def told_in_vain(deployment: Deployment, key: str, lose: Lose, doing: str) -> None:
    # Nobody has told of this reason in this window, so that it is for this invocation to tell.
    deployment.dynamodb.delete_item(
        TableName=deployment.outputs["digests_table_name"], Key={"reason": {"S": "unidentified"}}
    )
    before = len(deployment.logged(doing))
    with lose():
        deployment.upload(key, b"no image")
        eventually(f"it fails while {doing}", lambda: len(deployment.logged(doing)) > before)
        assert not [alert for alert in deployment.alerts() if key in json.dumps(alert)]


def an_upload_waits_for_the_visibility_timeout(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose(), deployment.environment(AWS_ENDPOINT_URL_S3="http://127.0.0.1:1"):
        deployment.upload(key, picture())
        waits(deployment, key, "queue_url")


def a_backfill_waits_for_the_visibility_timeout(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose(), deployment.environment(AWS_ENDPOINT_URL_S3="http://127.0.0.1:1"):
        backfill(deployment, key)
        waits(deployment, key, "backfill_queue_url")


def waits(deployment: Deployment, key: str, queue: str) -> None:
    message_id = json.loads(says(deployment, key, "RETURNED"))["message_id"]
    says(deployment, "message not postponed", message_id)
    returned = len(deployment.logged("RETURNED", message_id))
    # It would be back within two seconds.
    time.sleep(3)
    assert len(deployment.logged("RETURNED", message_id)) == returned
    assert deployment.backlog(deployment.outputs[queue]) == 1


def backfill(deployment: Deployment, key: str) -> None:
    body = backfill_body(Image(deployment.outputs["source_bucket"], key), forced=True)
    deployment.sqs.send_message(QueueUrl=deployment.outputs["backfill_queue_url"], MessageBody=body)


STORIES: Final[dict[Name, Callable[[Deployment, str, Lose], None]]] = {
    ("read-sources", "s3:GetObjectVersion", "uploads"): an_upload_is_not_read,
    ("read-sources", "s3:GetObject", "uploads"): a_backfill_reads_nothing,
    ("write-thumbnails", "s3:PutObject", "thumbnails"): nothing_is_stored,
    ("write-thumbnails", "s3:DeleteObject", "thumbnails"): thumbnails_of_a_deleted_image_stay,
    ("write-thumbnails", "s3:ListBucket", "thumbnails bucket"): thumbnails_without_a_row_stay_in_the_way,
    ("catalog", "dynamodb:PutItem", "catalog"): an_image_has_no_row,
    ("catalog", "dynamodb:GetItem", "catalog"): an_overwrite_is_not_compared,
    ("catalog", "dynamodb:UpdateItem", "catalog"): an_overwrite_is_not_claimed,
    ("alert", "sns:Publish", "failures topic"): nobody_is_told_of_a_failure,
    ("alert", "dynamodb:UpdateItem", "digests"): failures_are_not_counted,
    ("consume", "sqs:ChangeMessageVisibility", "work queue"): an_upload_waits_for_the_visibility_timeout,
    ("consume", "sqs:ChangeMessageVisibility", "backfill queue"): a_backfill_waits_for_the_visibility_timeout,
}

# Lambda's pollers do this as the role. Those of the emulator need no permission, so the test does it in their place.
IN_PLACE_OF_THE_POLLERS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "sqs:ReceiveMessage": lambda sqs, url: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0),
    "sqs:DeleteMessage": lambda sqs, url: sqs.delete_message(QueueUrl=url, ReceiptHandle="none"),
    "sqs:GetQueueAttributes": lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
}
POLLED: Final = {"work queue": "queue_url", "backfill queue": "backfill_queue_url"}
POLLING: Final[list[Name]] = [("consume", action, queue) for action in IN_PLACE_OF_THE_POLLERS for queue in POLLED]

# What the emulator asks nobody's policy for. terraform/tests/iam.tftest.hcl holds these to what AWS's pages say.
LOGS: Final = "it writes the functions' logs itself"
KEYS: Final = "its services do not ask the key on behalf of who calls them"
ETAGS: Final = "it compares ETags for those who may not read, too"
XRAY: Final = "it has no X-Ray, and traces go to a collector that asks nobody"
UNENFORCED: Final[dict[Name, str]] = {
    (
        "read-sources",
        "s3:ListBucket",
        "uploads bucket",
    ): "it says that an object is gone to those who may not list, too",
    ("replace-thumbnails", "s3:GetObject", "thumbnails"): ETAGS,
    ("encryption", "kms:Decrypt", "key"): KEYS,
    ("encryption", "kms:GenerateDataKey", "key"): KEYS,
    ("logs", "logs:CreateLogStream", "function's log"): LOGS,
    ("logs", "logs:PutLogEvents", "function's log"): LOGS,
    ("trace", "xray:PutTraceSegments", "everything"): XRAY,
    ("trace", "xray:PutTelemetryRecords", "everything"): XRAY,
}


def test_every_permission_of_the_function_has_a_story(deployment: Deployment, function: Role) -> None:
    assert named(deployment, function.permissions()).keys() == {*STORIES, *POLLING, *UNENFORCED}


@pytest.mark.parametrize("name", STORIES, ids=" ".join)
def test_something_breaks_without_it(deployment: Deployment, function: Role, name: Name) -> None:
    lost = named(deployment, function.permissions())[name]
    STORIES[name](deployment, f"least/{'-'.join(name)}.png".replace(":", "-"), lambda: function.without([lost]))


@pytest.mark.parametrize("name", POLLING, ids=" ".join)
def test_lambda_cannot_poll_without_it(deployment: Deployment, function: Role, name: Name) -> None:
    _, action, queue = name
    url, sqs = deployment.outputs[POLLED[queue]], function.client("sqs")

    def denied() -> bool:
        return is_refused(lambda: IN_PLACE_OF_THE_POLLERS[action](sqs, url))

    assert not denied()
    with function.without([named(deployment, function.permissions())[name]]):
        assert denied()


def test_what_the_emulator_does_not_ask_for(deployment: Deployment, function: Role) -> None:
    """What can be tried here must go well without. Once something does not, it is time for a story."""
    permissions = named(deployment, function.permissions())
    key, bad, gone = (f"unenforced/{name}.png" for name in ("good", "bad", "gone"))
    before = len(deployment.logged("SYSTEMIC"))
    with function.without([permissions[name] for name in UNENFORCED]):
        for colour in ("teal", "red"):
            deployment.row_when(key, "READY", etag=deployment.upload(key, picture(colour)))
        deployment.upload(bad, b"no image")
        deployment.row_when(bad, "FAILED")
        backfill(deployment, gone)
        says(deployment, gone, "STALE")
        deployment.delete(key)
        deployment.row_when(key, "DELETED")
        eventually("its thumbnails are gone", lambda: not deployment.thumbnail_keys(key))
        assert len(deployment.logged("SYSTEMIC")) == before


# ── what the function cannot do ──────────────────────────────────────────────────────────────────────


def is_refused(call: Callable[[], Any]) -> bool:
    """Whether it is for want of a permission that a call fails; it may fail for something else."""
    try:
        call()
    except ClientError as error:
        return is_denied(error)
    return False


# Each is a call that the account's root may make, and whoever has taken over the function may not.
FORBIDDEN: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "list the account's buckets": lambda client, _: client("s3").list_buckets(),
    "list thumbnails": lambda client, out: client("s3").list_objects_v2(Bucket=out["thumbnails_bucket"]),
    "list two thumbnails at a time": lambda client, out: client("s3").list_objects_v2(
        Bucket=out["thumbnails_bucket"], MaxKeys=2
    ),
    "list versions of uploads": lambda client, out: client("s3").list_object_versions(Bucket=out["source_bucket"]),
    "write an upload": lambda client, out: client("s3").put_object(Bucket=out["source_bucket"], Key="k", Body=b""),
    "delete an upload": lambda client, out: client("s3").delete_object(Bucket=out["source_bucket"], Key="k"),
    "delete a version of an upload": lambda client, out: client("s3").delete_object(
        Bucket=out["source_bucket"], Key="k", VersionId="v"
    ),
    "change what the bucket tells of": lambda client, out: client("s3").put_bucket_notification_configuration(
        Bucket=out["source_bucket"], NotificationConfiguration={}
    ),
    "open the thumbnails to others": lambda client, out: client("s3").put_bucket_policy(
        Bucket=out["thumbnails_bucket"], Policy="{}"
    ),
    "lift the block of public access": lambda client, out: client("s3").delete_public_access_block(
        Bucket=out["thumbnails_bucket"]
    ),
    "read the catalog as a whole": lambda client, out: client("dynamodb").scan(TableName=out["table_name"]),
    "list failures": lambda client, out: client("dynamodb").query(
        TableName=out["table_name"],
        IndexName=out["failures_index_name"],
        KeyConditionExpression="failure_shard = :shard",
        ExpressionAttributeValues={":shard": {"S": "00"}},
    ),
    "delete a row": lambda client, out: client("dynamodb").delete_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "read the digests": lambda client, out: client("dynamodb").get_item(
        TableName=out["digests_table_name"], Key={"reason": {"S": "corrupt"}}
    ),
    "write to another table": lambda client, _: client("dynamodb").put_item(TableName="other", Item={"k": {"S": "v"}}),
    "send to the work queue": lambda client, out: client("sqs").send_message(QueueUrl=out["queue_url"], MessageBody=""),
    "send to the backfill queue": lambda client, out: client("sqs").send_message(
        QueueUrl=out["backfill_queue_url"], MessageBody="{}"
    ),
    "read dead letters": lambda client, out: client("sqs").receive_message(QueueUrl=out["dlq_url"], WaitTimeSeconds=0),
    "purge a queue": lambda client, out: client("sqs").purge_queue(QueueUrl=out["queue_url"]),
    "open a queue to others": lambda client, out: client("sqs").set_queue_attributes(
        QueueUrl=out["queue_url"], Attributes={"Policy": ""}
    ),
    "wake people up": lambda client, out: client("sns").publish(TopicArn=out["topic_arns"]["critical"], Message="m"),
    "subscribe to failures": lambda client, out: client("sns").subscribe(
        TopicArn=out["topic_arns"]["failures"], Protocol="email", Endpoint="somebody@example.com"
    ),
    "encrypt with the key": lambda client, out: client("kms").encrypt(KeyId=out["kms_key_arn"], Plaintext=b"p"),
    "get a data key": lambda client, out: client("kms").generate_data_key(KeyId=out["kms_key_arn"], KeySpec="AES_256"),
    "have the key deleted": lambda client, out: client("kms").schedule_key_deletion(KeyId=out["kms_key_arn"]),
    "make a log group": lambda client, _: client("logs").create_log_group(logGroupName="/aws/lambda/other"),
    "read its own log": lambda client, out: client("logs").filter_log_events(logGroupName=out["log_group_name"]),
    "delete its own log": lambda client, out: client("logs").delete_log_group(logGroupName=out["log_group_name"]),
    "change its own policies": lambda client, out: client("iam").put_role_policy(
        RoleName=out["function_role_name"], PolicyName="more", PolicyDocument="{}"
    ),
    "read its own policies": lambda client, out: client("iam").list_role_policies(RoleName=out["function_role_name"]),
    "make an access key": lambda client, _: client("iam").create_access_key(UserName="somebody"),
    "change its own code": lambda client, out: client("lambda").update_function_code(
        FunctionName=out["function_name"], ZipFile=b"z"
    ),
    "change its own settings": lambda client, out: client("lambda").update_function_configuration(
        FunctionName=out["function_name"], Timeout=7
    ),
    "invoke itself": lambda client, out: client("lambda").invoke(FunctionName=out["function_name"], Payload=b"{}"),
    "find out about the stack": lambda client, _: client("ssm").get_parameter(Name="/thumbnail-pipeline/thumbs"),
    "write metrics": lambda client, _: client("cloudwatch").put_metric_data(
        Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}]
    ),
    "silence an alarm": lambda client, out: client("cloudwatch").disable_alarm_actions(
        AlarmNames=out["alarm_names"]["page"]
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_function_cannot(deployment: Deployment, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        FORBIDDEN[what](deployment.role.client, deployment.outputs)
    assert is_denied(refused.value), refused.value


def test_the_function_cannot_decrypt_by_itself(deployment: Deployment) -> None:
    key = deployment.outputs["kms_key_arn"]
    secret = deployment.stack.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert is_refused(lambda: deployment.role.client("kms").decrypt(CiphertextBlob=secret, KeyId=key))


def test_where_the_function_could_do_more_than_it_has_to(deployment: Deployment) -> None:
    """docs/security.md says why. What gets narrower one day must go from there as well."""
    s3, outputs = deployment.role.client("s3"), deployment.outputs
    deployment.upload("wide/cat.png", picture())
    row = deployment.row_when("wide/cat.png", "READY")
    s3.get_object(Bucket=outputs["thumbnails_bucket"], Key=row["renditions"][0]["key"])
    assert "Contents" in s3.list_objects_v2(Bucket=outputs["source_bucket"])
    first = s3.list_objects_v2(Bucket=outputs["thumbnails_bucket"], MaxKeys=1)["Contents"][0]["Key"]
    after = s3.list_objects_v2(Bucket=outputs["thumbnails_bucket"], MaxKeys=1, StartAfter=first)
    assert after["Contents"][0]["Key"] > first


# ── the reconciler ───────────────────────────────────────────────────────────────────────────────────

RECONCILER_NEEDS: Final[list[Name]] = [
    ("list", "s3:ListBucket", "uploads bucket"),
    ("list", "s3:ListBucketVersions", "uploads bucket"),
    ("list", "s3:ListBucket", "thumbnails bucket"),
    ("catalog", "dynamodb:BatchGetItem", "catalog"),
    ("cursor", "ssm:GetParameter", "cursor"),
    ("cursor", "ssm:PutParameter", "cursor"),
]
RECONCILER_UNENFORCED: Final[dict[Name, str]] = {
    ("encryption", "kms:Decrypt", "key"): KEYS,
    ("logs", "logs:CreateLogStream", "reconciler's log"): LOGS,
    ("logs", "logs:PutLogEvents", "reconciler's log"): LOGS,
}


@pytest.fixture(scope="module")
def reconciler(deployment: Deployment) -> Role:
    """The role of the function that looks whether everything is there."""
    return Role(deployment.stack, RECONCILER)


@pytest.fixture(scope="module")
def _something_of_everything(deployment: Deployment) -> None:
    """An image, and a thumbnail whose source has gone: of that, a pass asks since when."""
    deployment.upload("reconciled/cat.png", picture())
    deployment.row_when("reconciled/cat.png", "READY")
    orphan = f"{deployment.renditions()[0]['name']}/reconciled/gone.png.webp"
    deployment.s3.put_object(Bucket=deployment.outputs["thumbnails_bucket"], Key=orphan, Body=b"orphan")


def failure_of_a_pass(deployment: Deployment) -> str | None:
    """What the reconciler's function says when it fails."""
    response = deployment.lambda_.invoke(FunctionName=RECONCILER)
    said = response["Payload"].read().decode()
    return said if "FunctionError" in response else None


def test_every_permission_of_the_reconciler_has_a_story(deployment: Deployment, reconciler: Role) -> None:
    assert named(deployment, reconciler.permissions()).keys() == {*RECONCILER_NEEDS, *RECONCILER_UNENFORCED}


@pytest.mark.usefixtures("_something_of_everything")
@pytest.mark.parametrize("name", RECONCILER_NEEDS, ids=" ".join)
def test_no_pass_is_made_without_it(deployment: Deployment, reconciler: Role, name: Name) -> None:
    with reconciler.without([named(deployment, reconciler.permissions())[name]]):
        said = failure_of_a_pass(deployment)
    assert said is not None
    assert "AccessDenied" in said
    assert name[1] in said


@pytest.mark.usefixtures("_something_of_everything")
def test_a_pass_is_made_without_what_the_emulator_does_not_ask_for(deployment: Deployment, reconciler: Role) -> None:
    permissions = named(deployment, reconciler.permissions())
    with reconciler.without([permissions[name] for name in RECONCILER_UNENFORCED]):
        assert failure_of_a_pass(deployment) is None


RECONCILER_CANNOT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "read an upload": lambda client, out: client("s3").get_object(
        Bucket=out["source_bucket"], Key="reconciled/cat.png"
    ),
    "read a thumbnail": lambda client, out: client("s3").get_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "write a thumbnail": lambda client, out: client("s3").put_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "delete a thumbnail": lambda client, out: client("s3").delete_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "change a row": lambda client, out: client("dynamodb").update_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "have something rendered": lambda client, out: client("sqs").send_message(
        QueueUrl=out["backfill_queue_url"], MessageBody="{}"
    ),
    "change where tools find the stack": lambda client, _: client("ssm").put_parameter(
        Name="/thumbnail-pipeline/thumbs", Value="{}", Type="String", Overwrite=True
    ),
    "use the key": lambda client, out: client("kms").encrypt(KeyId=out["kms_key_arn"], Plaintext=b"p"),
    "write the other function's log": lambda client, out: client("logs").create_log_stream(
        logGroupName=out["log_group_name"], logStreamName="forged"
    ),
}


@pytest.mark.parametrize("what", RECONCILER_CANNOT)
def test_the_reconciler_cannot(deployment: Deployment, reconciler: Role, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        RECONCILER_CANNOT[what](reconciler.client, deployment.outputs)
    assert is_denied(refused.value), refused.value


# ── the range worker ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def jobs(deployment: Deployment) -> DeployedJobs:
    """With an image, and a thumbnail whose source has gone: of that, a reconciliation asks since when."""
    deployment.upload("ranges/cat.png", picture())
    deployment.row_when("ranges/cat.png", "READY")
    orphan = f"{deployment.renditions()[0]['name']}/ranges/gone.png.webp"
    deployment.s3.put_object(Bucket=deployment.outputs["thumbnails_bucket"], Key=orphan, Body=b"orphan")
    return DeployedJobs(deployment)


@pytest.fixture
def range_worker(deployment: Deployment, jobs: DeployedJobs) -> Iterator[Role]:
    """The role of the function that works on bulk jobs; none is left after the test."""
    yield Role(deployment.stack, jobs.worker)
    jobs.end()


def a_backfill(jobs: DeployedJobs) -> str:
    return jobs.begin("ranges/")


def a_backfill_by_an_inventory(jobs: DeployedJobs) -> str:
    return jobs.begin("ranges/", "--inventory", jobs.deliver("ranges/cat.png"))


def a_reconciliation(jobs: DeployedJobs) -> str:
    return jobs.begin_to_reconcile("ranges/")


def a_repair(jobs: DeployedJobs) -> str:
    time.sleep(7)  # a moment more than the grace, in S3's whole seconds
    return jobs.begin_to_reconcile("ranges/", "--repair", "--grace", "6")


# What is begun comes to nothing, and the log says which permission is missing.
RANGES_STORIES: Final[dict[Name, Callable[[DeployedJobs], str]]] = {
    ("list", "s3:ListBucket", "uploads bucket"): a_backfill,
    ("catalog", "dynamodb:BatchGetItem", "catalog"): a_backfill,
    ("jobs", "dynamodb:GetItem", "jobs"): a_backfill,
    ("jobs", "dynamodb:PutItem", "jobs"): a_backfill,
    ("jobs", "dynamodb:UpdateItem", "jobs"): a_backfill,
    ("ranges", "sqs:SendMessage", "queue of ranges"): a_backfill,
    ("ranges", "sqs:ChangeMessageVisibility", "queue of ranges"): a_backfill,
    ("backfill", "sqs:SendMessage", "backfill queue"): a_backfill,
    ("backfill", "sqs:GetQueueAttributes", "backfill queue"): a_backfill,
    ("guard", "sqs:GetQueueAttributes", "dead letters"): a_backfill,
    ("guard", "lambda:GetEventSourceMapping", "mapping"): a_backfill,
    ("inventories", "s3:GetObject", "inventories"): a_backfill_by_an_inventory,
    ("list", "s3:ListBucket", "thumbnails bucket"): a_reconciliation,
    ("list", "s3:ListBucketVersions", "uploads bucket"): a_reconciliation,
    ("delete", "s3:DeleteObject", "thumbnails"): a_repair,
}
RANGES_POLLED: Final[list[Name]] = [("ranges", action, "queue of ranges") for action in IN_PLACE_OF_THE_POLLERS]
RANGES_UNENFORCED: Final[dict[Name, str]] = {
    ("delete", "s3:GetObject", "thumbnails"): ETAGS,
    ("encryption", "kms:Decrypt", "key"): KEYS,
    ("encryption", "kms:GenerateDataKey", "key"): KEYS,
    ("logs", "logs:CreateLogStream", "range worker's log"): LOGS,
    ("logs", "logs:PutLogEvents", "range worker's log"): LOGS,
}


def test_every_permission_of_the_range_worker_has_a_story(deployment: Deployment, range_worker: Role) -> None:
    told = {*RANGES_STORIES, *RANGES_POLLED, *RANGES_UNENFORCED}
    assert named(deployment, range_worker.permissions()).keys() == told


@pytest.mark.parametrize("name", RANGES_STORIES, ids=" ".join)
def test_a_job_comes_to_nothing_without_it(
    deployment: Deployment, jobs: DeployedJobs, range_worker: Role, name: Name
) -> None:
    before = len(jobs.logged("AccessDenied", name[1]))
    with range_worker.without([named(deployment, range_worker.permissions())[name]]):
        job = RANGES_STORIES[name](jobs)
        eventually("it is denied", lambda: len(jobs.logged("AccessDenied", name[1])) > before)
        assert not jobs.job(job).state.is_over


@pytest.mark.parametrize("name", RANGES_POLLED, ids=" ".join)
def test_lambda_cannot_feed_the_range_worker_without_it(deployment: Deployment, range_worker: Role, name: Name) -> None:
    url, sqs = deployment.outputs["jobs"]["ranges_queue_url"], range_worker.client("sqs")

    def denied() -> bool:
        return is_refused(lambda: IN_PLACE_OF_THE_POLLERS[name[1]](sqs, url))

    assert not denied()
    with range_worker.without([named(deployment, range_worker.permissions())[name]]):
        assert denied()


def test_a_job_is_done_without_what_the_emulator_does_not_ask_for(
    deployment: Deployment, jobs: DeployedJobs, range_worker: Role
) -> None:
    permissions = named(deployment, range_worker.permissions())
    with range_worker.without([permissions[name] for name in RANGES_UNENFORCED]):
        jobs.when(a_repair(jobs), JobState.DONE, within=120)
        jobs.when(a_backfill(jobs), JobState.DONE, within=120)
        jobs.when(a_backfill_by_an_inventory(jobs), JobState.DONE, within=120)


RANGES_CANNOT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "read an upload": lambda client, out: client("s3").get_object(Bucket=out["source_bucket"], Key="ranges/cat.png"),
    "delete an upload": lambda client, out: client("s3").delete_object(Bucket=out["source_bucket"], Key="k"),
    "write an inventory": lambda client, out: client("s3").put_object(
        Bucket=addresses.parsed(out["jobs"]["inventories"][0])[0], Key="k"
    ),
    "write a thumbnail": lambda client, out: client("s3").put_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "change a row": lambda client, out: client("dynamodb").update_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "delete a job": lambda client, out: client("dynamodb").delete_item(
        TableName=out["jobs"]["table_name"], Key={"job": {"S": "jobs"}, "what": {"S": "j"}}
    ),
    "list jobs": lambda client, out: client("dynamodb").scan(TableName=out["jobs"]["table_name"]),
    "send to the work queue": lambda client, out: client("sqs").send_message(QueueUrl=out["queue_url"], MessageBody=""),
    "take messages about images": lambda client, out: client("sqs").receive_message(
        QueueUrl=out["backfill_queue_url"], WaitTimeSeconds=0
    ),
    "purge the queue of ranges": lambda client, out: client("sqs").purge_queue(
        QueueUrl=out["jobs"]["ranges_queue_url"]
    ),
    "read dead letters": lambda client, out: client("sqs").receive_message(QueueUrl=out["dlq_url"], WaitTimeSeconds=0),
    "invoke itself": lambda client, out: client("lambda").invoke(
        FunctionName=out["jobs"]["function_name"], Payload=b"{}"
    ),
    "use the key": lambda client, out: client("kms").encrypt(KeyId=out["kms_key_arn"], Plaintext=b"p"),
    "write the other function's log": lambda client, out: client("logs").create_log_stream(
        logGroupName=out["log_group_name"], logStreamName="forged"
    ),
}


@pytest.mark.parametrize("what", RANGES_CANNOT)
def test_the_range_worker_cannot(deployment: Deployment, range_worker: Role, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        RANGES_CANNOT[what](range_worker.client, deployment.outputs)
    assert is_denied(refused.value), refused.value


# ── the publisher ────────────────────────────────────────────────────────────────────────────────────

# Lambda does this as the role. The emulator needs no permission, so the test does it in its place.
PUBLISHER_POLLED: Final[dict[Name, Callable[[Any, Any], Any]]] = {
    ("park", "s3:ListBucket", "parked bucket"): lambda client, out: client("s3").list_objects_v2(
        Bucket=out["parked_bucket"]
    ),
}
STREAMS: Final = "its pollers ask nobody, and whoever else reads a stream must be allowed to read all of them"
PUBLISHER_UNENFORCED: Final[dict[Name, str]] = {
    ("read-stream", "dynamodb:DescribeStream", "stream"): STREAMS,
    ("read-stream", "dynamodb:GetRecords", "stream"): STREAMS,
    ("read-stream", "dynamodb:GetShardIterator", "stream"): STREAMS,
    ("read-stream", "dynamodb:ListStreams", "stream"): STREAMS,
    ("encryption", "kms:Decrypt", "key"): KEYS,
    ("encryption", "kms:GenerateDataKey", "key"): KEYS,
    ("logs", "logs:CreateLogStream", "publisher's log"): LOGS,
    ("logs", "logs:PutLogEvents", "publisher's log"): LOGS,
    ("trace", "xray:PutTraceSegments", "everything"): XRAY,
    ("trace", "xray:PutTelemetryRecords", "everything"): XRAY,
}


@pytest.fixture(scope="module")
def publisher(deployment: Deployment) -> Role:
    """The role of the function that announces what becomes of images."""
    return Role(deployment.stack, PUBLISHER)


def last_result(deployment: Deployment) -> str:
    """What Lambda says of the last batch that it gave to the publisher."""
    mapping = deployment.outputs["publishers"]["events"]["event_source_mapping_uuid"]
    return str(deployment.lambda_.get_event_source_mapping(UUID=mapping)["LastProcessingResult"])


def nothing_is_announced_until_it_is_back(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose():
        deployment.upload(key, picture())
        deployment.row_when(key, "READY")
        eventually("the publisher fails", lambda: last_result(deployment).startswith("PROBLEM"))
        assert deployment.announced(key) == []
    eventually("it is announced", lambda: deployment.announced(key))


def nothing_is_parked(deployment: Deployment, key: str, lose: Lose) -> None:
    with lose():
        give_up_on(deployment, f"{key}-lost")
    give_up_on(deployment, f"{key}-kept")
    eventually("a batch is parked", lambda: is_parked(deployment, f"{key}-kept"))
    assert not is_parked(deployment, f"{key}-lost")


def give_up_on(deployment: Deployment, key: str) -> None:
    """Have the publisher fail at a row that it cannot read, and Lambda go on with the next."""
    table, mapping = deployment.outputs["table_name"], deployment.outputs["publishers"]["events"]
    named_so = {"source_key": {"S": key}, "source_bucket": {"S": deployment.outputs["source_bucket"]}}
    uuid = mapping["event_source_mapping_uuid"]
    before = deployment.lambda_.get_event_source_mapping(UUID=uuid)["MaximumRetryAttempts"]
    deployment.lambda_.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=0)
    try:
        poison = {**named_so, "status": {"S": "READY"}}
        deployment.dynamodb.put_item(TableName=table, Item=poison)
        eventually("it fails", lambda: last_result(deployment).startswith("PROBLEM"))
        deployment.upload(f"{key}.png", picture())
        eventually("the next is announced", lambda: deployment.announced(f"{key}.png"))
    finally:
        deployment.lambda_.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=before)
        deployment.dynamodb.delete_item(TableName=table, Key=named_so)


def is_parked(deployment: Deployment, key: str) -> bool:
    bucket = deployment.outputs["parked_bucket"]
    objects = deployment.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    bodies = (deployment.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in objects)
    return any(key in body for body in bodies)


PUBLISHER_STORIES: Final[dict[Name, Callable[[Deployment, str, Lose], None]]] = {
    ("announce", "events:PutEvents", "bus"): nothing_is_announced_until_it_is_back,
    ("park", "s3:PutObject", "parked batches"): nothing_is_parked,
}


def test_every_permission_of_the_publisher_has_a_story(deployment: Deployment, publisher: Role) -> None:
    told = {*PUBLISHER_STORIES, *PUBLISHER_POLLED, *PUBLISHER_UNENFORCED}
    assert named(deployment, publisher.permissions()).keys() == told


@pytest.mark.parametrize("name", PUBLISHER_STORIES, ids=" ".join)
def test_the_publisher_cannot_do_its_work_without_it(deployment: Deployment, publisher: Role, name: Name) -> None:
    lost = named(deployment, publisher.permissions())[name]
    PUBLISHER_STORIES[name](
        deployment, f"publisher/{'-'.join(name)}".replace(":", "-"), lambda: publisher.without([lost])
    )


@pytest.mark.parametrize("name", PUBLISHER_POLLED, ids=" ".join)
def test_lambda_cannot_feed_the_publisher_without_it(deployment: Deployment, publisher: Role, name: Name) -> None:
    def denied() -> bool:
        return is_refused(lambda: PUBLISHER_POLLED[name](publisher.client, deployment.outputs))

    assert not denied()
    with publisher.without([named(deployment, publisher.permissions())[name]]):
        assert denied()


def test_images_are_announced_without_what_the_emulator_does_not_ask_for(
    deployment: Deployment, publisher: Role
) -> None:
    permissions = named(deployment, publisher.permissions())
    with publisher.without([permissions[name] for name in PUBLISHER_UNENFORCED]):
        deployment.upload("publisher/unenforced.png", picture())
        eventually("it is announced", lambda: deployment.announced("publisher/unenforced.png"))


PUBLISHER_CANNOT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "read a row": lambda client, out: client("dynamodb").get_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "change a row": lambda client, out: client("dynamodb").update_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "read an upload": lambda client, out: client("s3").get_object(Bucket=out["source_bucket"], Key="k"),
    "read a thumbnail": lambda client, out: client("s3").get_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "read what is parked": lambda client, out: client("s3").get_object(Bucket=out["parked_bucket"], Key="k"),
    "delete what is parked": lambda client, out: client("s3").delete_object(Bucket=out["parked_bucket"], Key="k"),
    "announce on another bus": lambda client, _: client("events").put_events(
        Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "default"}]
    ),
    "listen to the bus": lambda client, out: client("events").put_rule(
        Name="mine", EventBusName=out["event_bus_arn"], EventPattern='{"source": ["thumbnail-pipeline"]}'
    ),
    "have something rendered": lambda client, out: client("sqs").send_message(
        QueueUrl=out["backfill_queue_url"], MessageBody="{}"
    ),
    "use the key": lambda client, out: client("kms").encrypt(KeyId=out["kms_key_arn"], Plaintext=b"p"),
    "write the other function's log": lambda client, out: client("logs").create_log_stream(
        logGroupName=out["log_group_name"], logStreamName="forged"
    ),
}


@pytest.mark.parametrize("what", PUBLISHER_CANNOT)
def test_the_publisher_cannot(deployment: Deployment, publisher: Role, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        PUBLISHER_CANNOT[what](publisher.client, deployment.outputs)
    assert is_denied(refused.value), refused.value


# ── the API ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Visitor:
    """Somebody at the front door with an image that is ready."""

    door: FrontDoor
    user: User
    image: str

    def status(self, method: str, path: str = "") -> int:
        """Of one request about the image, or about images."""
        return self.door.send(method, f"/v1/images{path}", self.user.access_token).status

    def put(self) -> int:
        """Ask for an upload, and make it; the status of that."""
        upload = self.door.granted(self.user, b"no image")["upload"]
        return requests.put(upload["url"], data=b"no image", headers=upload["headers"], timeout=SECONDS).status_code

    def fetch(self) -> int:
        """Fetch a thumbnail by its address; the status of that."""
        url = self.door.show(self.user, self.image).document["renditions"][0]["url"]
        return requests.get(url, timeout=SECONDS).status_code


@pytest.fixture(scope="module")
def api(deployment: Deployment) -> Role:
    """The role of the function that answers users."""
    return Role(deployment.stack, API)


@pytest.fixture(scope="module")
def visitor(deployment: Deployment) -> Visitor:
    door = FrontDoor(deployment)
    user = door.signed_in("least")
    return Visitor(door, user, door.uploaded(user, picture(image_format="JPEG")))


# The status with the permission, and without: S3 says that it may not be, and the function that something went wrong.
API_STORIES: Final[dict[Name, tuple[int, int, Callable[[Visitor], int]]]] = {
    ("sign-uploads", "s3:PutObject", "uploads of users"): (200, 403, Visitor.put),
    ("sign-thumbnails", "s3:GetObject", "thumbnails of users"): (200, 403, Visitor.fetch),
    ("list-uploads", "s3:ListBucket", "uploads bucket"): (200, 500, lambda visitor: visitor.status("GET")),
    ("catalog", "dynamodb:BatchGetItem", "catalog"): (
        200,
        500,
        lambda visitor: visitor.status("GET", f"/{visitor.image}"),
    ),
    ("asks", "dynamodb:BatchGetItem", "asks"): (200, 500, lambda visitor: visitor.status("GET", f"/{visitor.image}")),
    ("asks", "dynamodb:PutItem", "asks"): (201, 500, lambda visitor: visitor.door.ask(visitor.user, b"1").status),
    ("asks", "dynamodb:UpdateItem", "asks"): (201, 500, lambda visitor: visitor.door.ask(visitor.user, b"1").status),
    ("asks", "dynamodb:DeleteItem", "asks"): (202, 500, lambda visitor: visitor.status("DELETE", f"/{NOBODYS}")),
    # The last, since with it the image goes.
    ("delete-uploads", "s3:DeleteObject", "uploads of users"): (
        202,
        500,
        lambda visitor: visitor.status("DELETE", f"/{visitor.image}"),
    ),
}
API_UNENFORCED: Final[dict[Name, str]] = {
    ("encryption", "kms:Decrypt", "key"): KEYS,
    ("encryption", "kms:GenerateDataKey", "key"): KEYS,
    ("logs", "logs:CreateLogStream", "API's log"): LOGS,
    ("logs", "logs:PutLogEvents", "API's log"): LOGS,
    ("trace", "xray:PutTraceSegments", "everything"): XRAY,
    ("trace", "xray:PutTelemetryRecords", "everything"): XRAY,
}


def test_every_permission_of_the_api_has_a_story(deployment: Deployment, api: Role) -> None:
    assert named(deployment, api.permissions()).keys() == {*API_STORIES, *API_UNENFORCED}


@pytest.mark.parametrize("name", API_STORIES, ids=" ".join)
def test_users_are_served_by_it_alone(deployment: Deployment, api: Role, visitor: Visitor, name: Name) -> None:
    with_it, without_it, status = API_STORIES[name]
    with api.without([named(deployment, api.permissions())[name]]):
        assert status(visitor) == without_it
    assert status(visitor) == with_it


def test_users_are_served_without_what_the_emulator_does_not_ask_for(deployment: Deployment, api: Role) -> None:
    door, permissions = FrontDoor(deployment), named(deployment, api.permissions())
    with api.without([permissions[name] for name in API_UNENFORCED]):
        user = door.signed_in("unenforced")
        visitor = Visitor(door, user, door.uploaded(user, picture(image_format="JPEG")))
        assert (visitor.status("GET"), visitor.fetch()) == (200, 200)
        assert visitor.status("DELETE", f"/{visitor.image}") == 202


API_CANNOT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "read an original": lambda client, out: client("s3").get_object(Bucket=out["source_bucket"], Key="users/u/i"),
    "find out of what type it is": lambda client, out: client("s3").head_object(
        Bucket=out["source_bucket"], Key="users/u/i"
    ),
    "read a version of it": lambda client, out: client("s3").get_object(
        Bucket=out["source_bucket"], Key="users/u/i", VersionId="v"
    ),
    "delete a version of it": lambda client, out: client("s3").delete_object(
        Bucket=out["source_bucket"], Key="users/u/i", VersionId="v"
    ),
    "tag an original": lambda client, out: client("s3").put_object_tagging(
        Bucket=out["source_bucket"], Key="users/u/i", Tagging={"TagSet": []}
    ),
    "write elsewhere": lambda client, out: client("s3").put_object(Bucket=out["source_bucket"], Key="k", Body=b""),
    "write what begins like it": lambda client, out: client("s3").put_object(
        Bucket=out["source_bucket"], Key="users.jpg", Body=b""
    ),
    "delete elsewhere": lambda client, out: client("s3").delete_object(Bucket=out["source_bucket"], Key="k"),
    "list all uploads": lambda client, out: client("s3").list_objects_v2(Bucket=out["source_bucket"]),
    "list others than users'": lambda client, out: client("s3").list_objects_v2(
        Bucket=out["source_bucket"], Prefix="us"
    ),
    "list versions": lambda client, out: client("s3").list_object_versions(
        Bucket=out["source_bucket"], Prefix="users/"
    ),
    "read a thumbnail of nobody's": lambda client, out: client("s3").get_object(
        Bucket=out["thumbnails_bucket"], Key="small/k.webp"
    ),
    "write a thumbnail": lambda client, out: client("s3").put_object(
        Bucket=out["thumbnails_bucket"], Key="small/users/u/i.webp", Body=b""
    ),
    "list thumbnails": lambda client, out: client("s3").list_objects_v2(
        Bucket=out["thumbnails_bucket"], Prefix="small/users/"
    ),
    "read the catalog as a whole": lambda client, out: client("dynamodb").scan(TableName=out["table_name"]),
    "change a row": lambda client, out: client("dynamodb").update_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "see what all have asked for": lambda client, out: client("dynamodb").scan(TableName=out["api"]["asks_table_name"]),
    "have something rendered": lambda client, out: client("sqs").send_message(
        QueueUrl=out["backfill_queue_url"], MessageBody="{}"
    ),
    "list users": lambda client, out: client("cognito-idp").list_users(UserPoolId=out["api"]["user_pool_id"]),
    "make a user": lambda client, out: client("cognito-idp").admin_create_user(
        UserPoolId=out["api"]["user_pool_id"], Username="somebody@example.com"
    ),
    "open a route": lambda client, _: client("apigatewayv2").get_apis(),
    "use the key": lambda client, out: client("kms").encrypt(KeyId=out["kms_key_arn"], Plaintext=b"p"),
    "write the other function's log": lambda client, out: client("logs").create_log_stream(
        logGroupName=out["log_group_name"], logStreamName="forged"
    ),
}


@pytest.mark.parametrize("what", API_CANNOT)
def test_the_api_cannot(deployment: Deployment, api: Role, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        API_CANNOT[what](api.client, deployment.outputs)
    assert is_denied(refused.value), refused.value


# ── what serves devices ──────────────────────────────────────────────────────────────────────────────


class Camera:
    """A thing that asks, and hears what is said to it; each of its pictures is another."""

    def __init__(self, deployment: Deployment, registry: Registry, talk: Talk) -> None:
        self._deployment = deployment
        self._registry = registry
        self._talk = talk
        self._numbers = itertools.count()

    def _picture(self) -> bytes:
        return picture(f"#7{next(self._numbers):05d}")

    def ask(self) -> str:
        """How a new request is answered."""
        return self._answered(wanted(self._picture()))

    def ask_again(self) -> str:
        """How one is answered that was granted before: whether it has arrived has to be looked up."""
        request = wanted(self._picture())
        self._talk.ask(request)
        return self._answered(request)

    def put(self) -> str:
        """What S3 says of an upload that was granted."""
        content = self._picture()
        upload = self._talk.ask(wanted(content))[1]["upload"]
        return str(requests.put(upload["url"], data=content, headers=upload["headers"], timeout=SECONDS).status_code)

    def speak_nonsense(self) -> str:
        """How it is answered."""
        return self._answered({"id": f"nonsense-{next(self._numbers)}"})

    def upload(self) -> str:
        """What is said of an image that is ready."""
        content = self._picture()
        image_id = wanted(content)["id"]
        self._deployment.upload(f"things/{self._talk.client_id}/{image_id}", content)
        return self._told(image_id)

    def _answered(self, request: dict[str, Any]) -> str:
        assert self._talk.publish(self._registry.topic(self._talk.client_id, "request"), request) == "SUCCESS"
        return self._told(request["id"])

    def _told(self, image_id: str) -> str:
        """On which topic it is told of an image, or that this was given up."""

        def told() -> str | None:
            with contextlib.suppress(queue.Empty):
                topic, said = self._talk.heard.get(timeout=0.2)
                return topic.rpartition("/")[2] if json.loads(said).get("id") == image_id else None
            return "given up" if self._is_given_up(image_id) else None

        return eventually("it is told, or given up", told)

    def _is_given_up(self, image_id: str) -> bool:
        url = self._registry.outputs["error_queue_url"]
        letters = self._deployment.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages", [])
        events = [json.loads(letter["Body"])["requestPayload"] for letter in letters]
        return any(image_id in json.dumps(each) + str(base64.b64decode(each.get("request", ""))) for each in events)


@pytest.fixture(scope="module")
def registry(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(deployment, tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="module")
def camera(deployment: Deployment, registry: Registry) -> Iterator[Camera]:
    with Talk(registry, "least", registry.add("least")) as talk:
        yield Camera(deployment, registry, talk)


# What happens with the permission, and without it.
ASKS_STORIES: Final[dict[Name, tuple[str, str, Callable[[Camera], str]]]] = {
    ("put-uploads", "s3:PutObject", "uploads of devices"): ("200", "403", Camera.put),
    ("list-uploads", "s3:ListBucket", "uploads bucket"): ("accepted", "rejected", Camera.ask_again),
    ("catalog", "dynamodb:BatchGetItem", "catalog"): ("accepted", "rejected", Camera.ask),
    ("asks", "dynamodb:BatchGetItem", "asks of devices"): ("accepted", "rejected", Camera.ask),
    ("asks", "dynamodb:PutItem", "asks of devices"): ("accepted", "rejected", Camera.ask),
    ("asks", "dynamodb:UpdateItem", "asks of devices"): ("accepted", "rejected", Camera.ask),
    ("answer", "iot:Publish", "topics of accepted"): ("accepted", "given up", Camera.ask),
    ("answer", "iot:Publish", "topics of rejected"): ("rejected", "given up", Camera.speak_nonsense),
}
STATUS_STORIES: Final[dict[Name, tuple[str, str, Callable[[Camera], str]]]] = {
    ("tell", "iot:Publish", "topics of status"): ("status", "given up", Camera.upload),
}
ADMISSION_STORIES: Final[list[Name]] = [
    ("registry", "iot:DescribeThing", "things"),
    ("registry", "iot:ListThingPrincipals", "things"),
]
GIVEN_UP: Final = "Lambda sends what was given up, and the emulator's Lambda asks nobody"
EVERYBODYS: Final[dict[Name, str]] = {
    ("logs", "logs:CreateLogStream", "its log"): LOGS,
    ("logs", "logs:PutLogEvents", "its log"): LOGS,
    ("trace", "xray:PutTraceSegments", "everything"): XRAY,
    ("trace", "xray:PutTelemetryRecords", "everything"): XRAY,
}
GIVES_UP: Final[dict[Name, str]] = {
    ("give-up", "sqs:SendMessage", "device errors"): GIVEN_UP,
    ("give-up", "kms:Decrypt", "key"): KEYS,
    ("give-up", "kms:GenerateDataKey", "key"): KEYS,
}
DEVICE_UNENFORCED: Final[dict[str, dict[Name, str]]] = {
    "asks": {
        ("put-uploads", "kms:GenerateDataKey", "key"): KEYS,
        ("encryption", "kms:Decrypt", "key"): KEYS,
        **GIVES_UP,
        **EVERYBODYS,
    },
    "status": {**GIVES_UP, **EVERYBODYS},
    "admission": EVERYBODYS,
}
DEVICE_STORIES: Final = {
    "asks": ASKS_STORIES.keys(),
    "status": STATUS_STORIES.keys(),
    "admission": ADMISSION_STORIES,
}


def role_for_devices(deployment: Deployment, name: str) -> Role:
    return Role(deployment.stack, deployment.outputs["devices"]["function_names"][name])


@pytest.mark.parametrize("name", DEVICE_STORIES)
def test_every_permission_of_what_serves_devices_has_a_story(deployment: Deployment, name: str) -> None:
    permissions = named(deployment, role_for_devices(deployment, name).permissions())
    assert permissions.keys() == {*DEVICE_STORIES[name], *DEVICE_UNENFORCED[name]}


@pytest.mark.parametrize(
    ("of", "name"), [("asks", each) for each in ASKS_STORIES] + [("status", each) for each in STATUS_STORIES]
)
def test_devices_are_served_by_it_alone(deployment: Deployment, camera: Camera, of: str, name: Name) -> None:
    role = role_for_devices(deployment, of)
    with_it, without_it, act = (ASKS_STORIES | STATUS_STORIES)[name]
    with role.without([named(deployment, role.permissions())[name]]):
        assert act(camera) == without_it
    assert act(camera) == with_it


@pytest.mark.parametrize("name", ADMISSION_STORIES, ids=" ".join)
def test_no_device_is_let_in_without_it(deployment: Deployment, registry: Registry, tmp_path: Path, name: Name) -> None:
    role, thing = role_for_devices(deployment, "admission"), name[1].replace(":", "-")
    registry.register(thing)
    with Claim(registry, registry.claim()) as claim:
        with role.without([named(deployment, role.permissions())[name]]):
            assert not isinstance(claim.exchange(thing, tmp_path), Identity)
        assert isinstance(claim.exchange(thing, tmp_path), Identity)


def test_devices_are_served_without_what_the_emulator_does_not_ask_for(
    deployment: Deployment, registry: Registry, camera: Camera, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as lost:
        for name, unenforced in DEVICE_UNENFORCED.items():
            role = role_for_devices(deployment, name)
            permissions = named(deployment, role.permissions())
            lost.enter_context(role.without([permissions[each] for each in unenforced]))
        assert (camera.put(), camera.upload()) == ("200", "status")
        registry.register("unenforced")
        with Claim(registry, registry.claim()) as claim:
            assert isinstance(claim.exchange("unenforced", tmp_path), Identity)


DEVICES_CANNOT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "read an original": lambda client, out: client("s3").get_object(Bucket=out["source_bucket"], Key="things/t/i"),
    "delete one": lambda client, out: client("s3").delete_object(Bucket=out["source_bucket"], Key="things/t/i"),
    "write a user's": lambda client, out: client("s3").put_object(
        Bucket=out["source_bucket"], Key="users/u/i", Body=b""
    ),
    "list all uploads": lambda client, out: client("s3").list_objects_v2(Bucket=out["source_bucket"]),
    "read a thumbnail": lambda client, out: client("s3").get_object(Bucket=out["thumbnails_bucket"], Key="k"),
    "change a row": lambda client, out: client("dynamodb").update_item(
        TableName=out["table_name"], Key={"source_key": {"S": "k"}, "source_bucket": {"S": "b"}}
    ),
    "see what all have asked for": lambda client, out: client("dynamodb").scan(
        TableName=out["devices"]["asks_table_name"]
    ),
    "see what users have asked for": lambda client, out: client("dynamodb").get_item(
        TableName=out["api"]["asks_table_name"], Key={"owner": {"S": "u"}, "what": {"S": "w"}}
    ),
    "ask in a device's name": lambda client, out: client("iot-data").publish(
        topic=f"{out['devices']['topic_prefix']}/t/uploads/request", payload=b"{}"
    ),
    "speak to others": lambda client, _: client("iot-data").publish(topic="others/t/uploads/status", payload=b"{}"),
    "make a thing": lambda client, _: client("iot").create_thing(thingName="forged"),
    "make a certificate": lambda client, _: client("iot").create_keys_and_certificate(),
    "attach a policy": lambda client, out: client("iot").attach_policy(
        policyName=out["devices"]["policy_name"], target=f"arn:aws:iot:us-east-1:{ACCOUNT}:cert/{'0' * 64}"
    ),
    "read what came to nothing": lambda client, out: client("sqs").receive_message(
        QueueUrl=out["devices"]["error_queue_url"]
    ),
    "have something rendered": lambda client, out: client("sqs").send_message(
        QueueUrl=out["backfill_queue_url"], MessageBody="{}"
    ),
    "write the other function's log": lambda client, out: client("logs").create_log_stream(
        logGroupName=out["log_group_name"], logStreamName="forged"
    ),
}


@pytest.mark.parametrize("what", DEVICES_CANNOT)
@pytest.mark.parametrize("name", DEVICE_STORIES)
def test_what_serves_devices_cannot(deployment: Deployment, name: str, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        DEVICES_CANNOT[what](role_for_devices(deployment, name).client, deployment.outputs)
    assert is_denied(refused.value), refused.value
