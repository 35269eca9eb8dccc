"""Which actions policies are asked for: AWS's own, which the emulator has from `devtools.localaws`.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from devtools.localaws import emulator
from thumbctl.aws_errors import is_denied

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.conftest import Emulated

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def calls(emulated: Emulated) -> dict[str, Callable[[Callable[[str], Any]], object]]:
    """A call for each action, made by whose clients it is given."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("asking.py", "def handler(event, context): ...\n")
    role = emulated.client("iam").create_role(RoleName="asking", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions, sqs = emulated.client("lambda"), emulated.client("sqs")
    functions.create_function(
        FunctionName="asking",
        Runtime="python3.13",
        Handler="asking.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
    )
    url = sqs.create_queue(QueueName="asking")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = functions.create_event_source_mapping(FunctionName="asking", EventSourceArn=arn, Enabled=False)["UUID"]
    one = [{"Id": "1", "MessageBody": "{}"}]
    return {
        "sqs:SendMessage": lambda client: client("sqs").send_message_batch(QueueUrl=url, Entries=one),
        "lambda:GetEventSourceMapping": lambda client: client("lambda").get_event_source_mapping(UUID=mapping),
        "lambda:GetFunctionRecursionConfig": lambda client: client("lambda").get_function_recursion_config(
            FunctionName="asking"
        ),
    }


@pytest.mark.parametrize(
    "action", ["sqs:SendMessage", "lambda:GetEventSourceMapping", "lambda:GetFunctionRecursionConfig"]
)
def test_a_call_needs_the_action_that_aws_says(
    emulated: Emulated, calls: dict[str, Callable[[Callable[[str], Any]], object]], action: str
) -> None:
    iam, user = emulated.client("iam"), action.replace(":", "-")
    iam.create_user(UserName=user)
    keys = iam.create_access_key(UserName=user)["AccessKey"]

    def client(service: str) -> Any:
        session = boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name=emulator.REGION)
        return session.client(service, endpoint_url=emulated.url)  # type: ignore[call-overload]

    def allow(*actions: str) -> None:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_user_policy(UserName=user, PolicyName="some", PolicyDocument=json.dumps(document))

    allow(action)
    calls[action](client)
    allow("s3:ListAllMyBuckets")
    with pytest.raises(ClientError) as refusal:
        calls[action](client)
    assert is_denied(refusal.value)
