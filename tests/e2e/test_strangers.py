"""Whoever is not meant: another account, another bucket, nobody in particular, and who comes without TLS.

What is refused here is refused by the policies of queues, topics and buckets. Of the key, tables, functions and logs
the emulator shows other accounts nothing at all, so that what it answers proves nothing of their policies.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from support.deployment import eventually
from support.pictures import picture
from thumbctl.aws_errors import is_denied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtools.localaws.stack import LocalStack
    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

# The emulator takes twelve digits for the access key of that account's root.
OTHER_ACCOUNT: Final = "111111111111"
OTHER_BUCKET: Final = "somebody-elses-uploads"
EVERYTHING: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

QUEUES: Final = ["queue_url", "backfill_queue_url", "dlq_url"]
TOPICS: Final = ["failures", "warning", "critical"]
BUCKETS: Final = ["source_bucket", "thumbnails_bucket"]

# By service, what they would do with a queue's URL, a topic's ARN, a bucket's name.
WITH_A_QUEUE: Final[dict[str, Callable[[Any, str], Any]]] = {
    "send": lambda sqs, url: sqs.send_message(QueueUrl=url, MessageBody="{}"),
    "receive": lambda sqs, url: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0),
    "purge": lambda sqs, url: sqs.purge_queue(QueueUrl=url),
    "look": lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
    "open": lambda sqs, url: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""}),
}
WITH_A_TOPIC: Final[dict[str, Callable[[Any, str], Any]]] = {
    "publish": lambda sns, arn: sns.publish(TopicArn=arn, Message="m"),
    "subscribe": lambda sns, arn: sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="somebody@example.com"),
    "look": lambda sns, arn: sns.get_topic_attributes(TopicArn=arn),
    "open": lambda sns, arn: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue="{}"),
}
WITH_A_BUCKET: Final[dict[str, Callable[[Any, str], Any]]] = {
    "list": lambda s3, name: s3.list_objects_v2(Bucket=name),
    "read": lambda s3, name: s3.get_object(Bucket=name, Key="strangers/cat.png"),
    "write": lambda s3, name: s3.put_object(Bucket=name, Key="strangers/cat.png", Body=b""),
    "delete": lambda s3, name: s3.delete_object(Bucket=name, Key="strangers/cat.png"),
    "open": lambda s3, name: s3.put_bucket_policy(Bucket=name, Policy="{}"),
    "redirect": lambda s3, name: s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={}),
}


@dataclass(frozen=True)
class Somebody:
    """Somebody with an access key."""

    stack: LocalStack
    key_id: str
    secret: str

    def client(self, service: str, *, tls: bool = False) -> Any:
        """A client with their credentials; with `tls`, what it sends looks as if it had come that way.

        The emulator believes that of requests which say so as a proxy does that ends TLS.
        """
        client = boto3.client(  # type: ignore[call-overload]
            service,
            region_name=self.stack.region,
            endpoint_url=self.stack.endpoint_url,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
        )
        if tls:
            client.meta.events.register("before-send", _as_a_proxy_does)
        return client


def _as_a_proxy_does(request: Any, **_: Any) -> None:
    request.headers["X-Forwarded-Proto"] = "https"


@contextmanager
def administrator(stack: LocalStack, iam: Any, name: str) -> Iterator[Somebody]:
    """Somebody whose own account lets them do anything."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="everything", PolicyDocument=EVERYTHING)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield Somebody(stack, made["AccessKeyId"], made["SecretAccessKey"])
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="everything")
        iam.delete_user(UserName=name)


@pytest.fixture(scope="module")
def root_of_another_account(deployment: Deployment) -> Somebody:
    return Somebody(deployment.stack, OTHER_ACCOUNT, "test")


@pytest.fixture(scope="module", params=["root", "administrator"])
def stranger(
    request: pytest.FixtureRequest, deployment: Deployment, root_of_another_account: Somebody
) -> Iterator[Somebody]:
    """Those who may do anything in another account."""
    if request.param == "root":
        yield root_of_another_account
    else:
        with administrator(deployment.stack, root_of_another_account.client("iam"), "stranger") as somebody:
            yield somebody


@pytest.fixture(scope="module")
def colleague(deployment: Deployment) -> Iterator[Somebody]:
    """Somebody who may do anything in our account, but for what policies of resources deny."""
    with administrator(deployment.stack, deployment.iam, "colleague") as somebody:
        yield somebody


@pytest.fixture(autouse=True)
def _nothing_left_over(deployment: Deployment) -> Iterator[None]:
    yield
    deployment.empty_queues()


def assert_refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    with pytest.raises(ClientError) as refused:
        call(*arguments, **named)
    assert is_denied(refused.value), refused.value


# ── another account ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_refuse_another_account(deployment: Deployment, stranger: Somebody, queue: str) -> None:
    for call in WITH_A_QUEUE.values():
        assert_refused(call, stranger.client("sqs"), deployment.outputs[queue])


@pytest.mark.parametrize("topic", TOPICS)
def test_topics_refuse_another_account(deployment: Deployment, stranger: Somebody, topic: str) -> None:
    for call in WITH_A_TOPIC.values():
        assert_refused(call, stranger.client("sns"), deployment.outputs["topic_arns"][topic])


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_another_account(deployment: Deployment, stranger: Somebody, bucket: str) -> None:
    for call in WITH_A_BUCKET.values():
        assert_refused(call, stranger.client("s3"), deployment.outputs[bucket])


def test_nobody_can_be_the_function(
    deployment: Deployment, colleague: Somebody, root_of_another_account: Somebody
) -> None:
    """Not even whoever may do anything: its role is for Lambda."""
    arn = f"arn:aws:iam::000000000000:role/{deployment.outputs['function_role_name']}"
    with administrator(deployment.stack, root_of_another_account.client("iam"), "impostor") as impostor:
        for somebody in (colleague, impostor):
            assert_refused(somebody.client("sts").assume_role, RoleArn=arn, RoleSessionName="impostor")


# ── another bucket ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["our account", "another account"])
def other_bucket(request: pytest.FixtureRequest, deployment: Deployment, root_of_another_account: Somebody) -> Any:
    """The client of a bucket's owner, who would like it to tell our queue of its objects."""
    s3 = deployment.s3 if request.param == "our account" else root_of_another_account.client("s3")
    s3.create_bucket(Bucket=OTHER_BUCKET)
    yield s3
    for each in s3.list_objects_v2(Bucket=OTHER_BUCKET).get("Contents", []):
        s3.delete_object(Bucket=OTHER_BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=OTHER_BUCKET)


def notify(s3: Any, queue_arn: str, *, validated: bool = True) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=OTHER_BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": queue_arn, "Events": ["s3:ObjectCreated:*"]}],
        },
        SkipDestinationValidation=not validated,
    )


@pytest.mark.parametrize("queue", ["queue_arn", "backfill_queue_arn", "dlq_arn"])
def test_another_bucket_cannot_send(deployment: Deployment, other_bucket: Any, queue: str) -> None:
    with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
        notify(other_bucket, deployment.outputs[queue])
    notify(other_bucket, deployment.outputs[queue], validated=False)
    key = f"strangers/{queue}.png"
    other_bucket.put_object(Bucket=OTHER_BUCKET, Key=key, Body=picture())
    time.sleep(2)
    assert not deployment.logged(key)
    assert deployment.backlog(deployment.outputs[queue.replace("_arn", "_url")]) == 0


@pytest.mark.parametrize(
    ("condition", "is_let_in"),
    [
        ({"aws:SourceArn": f"arn:aws:s3:::{OTHER_BUCKET}"}, False),
        ({"aws:SourceAccount": OTHER_ACCOUNT}, False),
        ({"aws:SourceArn": f"arn:aws:s3:::{OTHER_BUCKET}", "aws:SourceAccount": OTHER_ACCOUNT}, True),
    ],
    ids=["its name is not enough", "its account is not enough", "both are"],
)
def test_a_bucket_is_let_in_by_its_name_and_its_account(
    deployment: Deployment,
    root_of_another_account: Somebody,
    condition: dict[str, str],
    is_let_in: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A bucket's name is free to take once its owner has deleted it, so that the name alone says nothing."""
    url = deployment.outputs["queue_url"]
    original = deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    changed = original["Policy"]
    for block in ("ArnEquals", "StringEquals"):
        wanted = allowing(json.loads(changed))["Condition"][block]
        (key,) = wanted
        if key in condition:
            changed = changed.replace(json.dumps(wanted, separators=(",", ":")), json.dumps({key: condition[key]}))
    s3 = root_of_another_account.client("s3")
    s3.create_bucket(Bucket=OTHER_BUCKET)
    try:
        deployment.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": changed})
        if is_let_in:
            notify(s3, deployment.outputs["queue_arn"])
            s3.put_object(Bucket=OTHER_BUCKET, Key="strangers/let-in.png", Body=picture())
            eventually("the function logs it", lambda: deployment.logged("strangers/let-in.png"))
            s3.delete_object(Bucket=OTHER_BUCKET, Key="strangers/let-in.png")
        else:
            with pytest.raises(ClientError, match="Unable to validate"):
                notify(s3, deployment.outputs["queue_arn"])
    finally:
        deployment.sqs.set_queue_attributes(QueueUrl=url, Attributes=original)
        s3.delete_bucket(Bucket=OTHER_BUCKET)


def allowing(policy: dict[str, Any]) -> dict[str, Any]:
    (statement,) = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
    return dict(statement)


# ── nobody in particular ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_who_does_not_say_who_they_are(deployment: Deployment, bucket: str) -> None:
    anonymous = deployment.stack.client("s3", Config(signature_version=UNSIGNED))
    for call in WITH_A_BUCKET.values():
        assert_refused(call, anonymous, deployment.outputs[bucket])


# ── without TLS ──────────────────────────────────────────────────────────────────────────────────────


def without_exception(policy: str) -> str:
    """A policy as production has it: here, and nowhere else, loopback addresses may do without TLS."""
    document = json.loads(policy)
    (statement,) = [each for each in document["Statement"] if each["Sid"] == "DenyWithoutTls"]
    assert statement["Condition"].pop("NotIpAddress") == {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": ["false"]}}
    return json.dumps(document)


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_refuse_who_comes_without_tls(deployment: Deployment, colleague: Somebody, queue: str) -> None:
    url, safe = deployment.outputs[queue], colleague.client("sqs", tls=True)
    original = deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    deployment.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": without_exception(original["Policy"])})
    try:
        for call in WITH_A_QUEUE.values():
            assert_refused(call, colleague.client("sqs"), url)
        WITH_A_QUEUE["look"](safe, url)
    finally:
        safe.set_queue_attributes(QueueUrl=url, Attributes=original)


@pytest.mark.parametrize("topic", TOPICS)
def test_topics_refuse_who_publishes_without_tls(deployment: Deployment, colleague: Somebody, topic: str) -> None:
    arn, sns = deployment.outputs["topic_arns"][topic], deployment.stack.client("sns")
    original = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=without_exception(original))
    try:
        assert_refused(WITH_A_TOPIC["publish"], colleague.client("sns"), arn)
        WITH_A_TOPIC["publish"](colleague.client("sns", tls=True), arn)
    finally:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=original)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_who_comes_without_tls(deployment: Deployment, colleague: Somebody, bucket: str) -> None:
    name = deployment.outputs[bucket]
    original = deployment.s3.get_bucket_policy(Bucket=name)["Policy"]
    deployment.s3.put_bucket_policy(Bucket=name, Policy=without_exception(original))
    try:
        for call in WITH_A_BUCKET.values():
            assert_refused(call, colleague.client("s3"), name)
        WITH_A_BUCKET["list"](colleague.client("s3", tls=True), name)
    finally:
        deployment.s3.put_bucket_policy(Bucket=name, Policy=original)
