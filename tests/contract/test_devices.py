"""What cameras and their functions take for granted of AWS IoT Core, and of whatever invokes a function asynchronously.

The emulator has much of it from `devtools.localaws`: by itself, its broker listens everywhere and lets everybody in.
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
import socket
import ssl
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from ministack.core.x509_utils import generate_ca, sign_leaf_certificate  # type: ignore[import-untyped]

from devtools.localaws import emulator
from devtools.localaws.processes import LOOPBACK
from support.deployment import eventually
from support.mqtt import Broker, Connection, Identity

if TYPE_CHECKING:
    from pathlib import Path

    from contract.conftest import Emulated

pytestmark = pytest.mark.e2e

ACCOUNT: Final = "000000000000"
IOT: Final = f"arn:aws:iot:{emulator.REGION}:{ACCOUNT}"
OWN: Final = "${iot:Connection.Thing.ThingName}"
IS_ATTACHED: Final = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}

# Fails as often as its event says. It counts in files, since each try may be another process's.
FUNCTION: Final = """
import os, pathlib, time
if pathlib.Path(os.environ["TRIES"], "none starts").exists():
    os._exit(1)
def handler(event, context):
    tries = pathlib.Path(os.environ["TRIES"], event["name"])
    with tries.open("a") as file:
        file.write("x")
    time.sleep(event.get("seconds", 0))
    while "until" in event and not pathlib.Path(os.environ["TRIES"], event["until"]).exists():
        time.sleep(0.1)
    if len(tries.read_text()) <= event.get("failures", 0):
        raise ValueError("not yet")
"""


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


@pytest.fixture(scope="module")
def broker(emulated: Emulated, tmp_path_factory: pytest.TempPathFactory) -> Broker:
    return Broker.of(emulated.url, emulated.mqtt_port, tmp_path_factory.mktemp("broker"))


@pytest.fixture(scope="module")
def iot(emulated: Emulated) -> Any:
    made = emulated.client("iot")
    for thing in ("mine", "other"):
        made.create_thing(thingName=thing)
    document = policy(
        {"Action": "iot:Connect", "Resource": f"{IOT}:client/{OWN}", "Condition": IS_ATTACHED},
        {"Action": "iot:Publish", "Resource": [f"{IOT}:topic/c/{OWN}/up", f"{IOT}:topic/c/{OWN}/deaf"]},
        {"Action": "iot:Subscribe", "Resource": f"{IOT}:topicfilter/c/{OWN}/*"},
        {"Action": "iot:Receive", "Resource": f"{IOT}:topic/c/{OWN}/up"},
    )
    made.create_policy(policyName="by-thing", policyDocument=document)
    return made


@pytest.fixture
def mine(iot: Any, tmp_path: Path) -> Identity:
    return Identity.made(iot, tmp_path, "by-thing", "mine")


def test_nobody_but_this_machine_reaches_the_emulator(emulated: Emulated) -> None:
    listening = [
        each.laddr for each in psutil.Process(emulated.process.pid).net_connections("inet") if each.status == "LISTEN"
    ]
    assert emulated.mqtt_port in [each.port for each in listening]
    assert {each.ip for each in listening} == {LOOPBACK}


def test_who_shows_no_certificate_is_not_let_in(broker: Broker, mine: Identity) -> None:
    connect = bytes.fromhex("10 10 0004 4d515454 04 02 003c 0004 6d696e65")

    def answer(shown: Identity | None) -> bytes:
        context = ssl.create_default_context(cafile=str(broker.ca))
        if shown:
            context.load_cert_chain(shown.certificate, shown.key)
        with (
            socket.create_connection((LOOPBACK, broker.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            secured.sendall(connect)
            # With TLS 1.3, a client hears of it when it first reads; it may find the line dead as well.
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                return secured.recv(4)
        return b""

    assert answer(mine) == bytes.fromhex("20 02 0000")
    assert answer(None) == b""


def test_a_certificate_that_nobody_made_is_not_let_in(broker: Broker, tmp_path: Path) -> None:
    pem, key, _ = sign_leaf_certificate(*generate_ca(), "mine")
    with pytest.raises(PermissionError), Connection(broker, Identity.written("x/forged", pem, key, tmp_path), "mine"):
        pass


def test_a_certificate_without_a_thing_is_not_let_in(broker: Broker, iot: Any, tmp_path: Path) -> None:
    alone = Identity.made(iot, tmp_path, "by-thing")
    with pytest.raises(PermissionError, match="NOT_AUTHORIZED"), Connection(broker, alone, "mine"):
        pass


def test_a_policy_speaks_of_the_thing_that_connects(broker: Broker, mine: Identity) -> None:
    with pytest.raises(PermissionError, match="NOT_AUTHORIZED"), Connection(broker, mine, "other"):
        pass
    with Connection(broker, mine, "mine") as connection:
        assert connection.subscribe("c/mine/up") == "GRANTED_QOS_1"
        assert connection.subscribe("c/mine/deaf") == "GRANTED_QOS_1"
        assert connection.subscribe("c/other/up") == "NOT_AUTHORIZED"
        assert connection.subscribe("c/+/up") == "NOT_AUTHORIZED"
        assert connection.publish("c/other/up", {}) == "NOT_AUTHORIZED"
        assert connection.publish("c/mine/deaf", {"heard": False}) == "SUCCESS"
        assert connection.publish("c/mine/up", {"heard": True}) == "SUCCESS"
        assert connection.hears() == ("c/mine/up", {"heard": True})


# https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_is_revoked_is_disconnected_and_let_in_no_more(
    broker: Broker, iot: Any, mine: Identity, status: str
) -> None:
    with Connection(broker, mine, "mine") as connection:
        iot.update_certificate(certificateId=mine.id, newStatus=status)
        assert connection.ended.wait(20)
    with pytest.raises(PermissionError), Connection(broker, mine, "mine"):
        pass


# https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt-persistent-sessions
def test_what_comes_while_a_client_is_away_is_kept_as_long_as_its_session(
    emulated: Emulated, broker: Broker, mine: Identity
) -> None:
    data = emulated.client("iot-data")
    with Connection(broker, mine, "mine", expires=60) as connection:
        connection.subscribe("c/mine/up")
    data.publish(topic="c/mine/up", qos=1, payload=b'{"number": 1}')
    with Connection(broker, mine, "mine", expires=60) as connection:
        assert connection.resumed
        assert connection.hears() == ("c/mine/up", {"number": 1})
        # What it subscribes to again, it hears once.
        connection.subscribe("c/mine/up")
        assert connection.publish("c/mine/up", {"number": 2}) == "SUCCESS"
        assert connection.hears() == ("c/mine/up", {"number": 2})
        with pytest.raises(queue.Empty):
            connection.heard.get(timeout=0.5)
    with Connection(broker, mine, "mine") as connection:
        assert connection.resumed
    data.publish(topic="c/mine/up", qos=1, payload=b'{"number": 3}')
    with Connection(broker, mine, "mine") as connection:
        assert not connection.resumed
        assert connection.subscribe("c/mine/up") == "GRANTED_QOS_1"
        with pytest.raises(queue.Empty):
            connection.heard.get(timeout=0.5)


def test_who_connects_under_the_same_name_takes_over(broker: Broker, mine: Identity) -> None:
    with Connection(broker, mine, "mine") as first, Connection(broker, mine, "mine") as second:
        assert first.ended.wait(20)
        assert second.publish("c/mine/up", {}) == "SUCCESS"


def test_a_role_may_publish_what_its_policy_says(emulated: Emulated) -> None:
    iam = emulated.client("iam")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    role = iam.create_role(RoleName="publishing", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    document = policy({"Action": "iot:Publish", "Resource": f"{IOT}:topic/c/*/down"})
    iam.put_role_policy(RoleName="publishing", PolicyName="p", PolicyDocument=document)
    as_role = emulated.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = boto3.session.Session(
        as_role["AccessKeyId"], as_role["SecretAccessKey"], as_role["SessionToken"], region_name=emulator.REGION
    )
    data = session.client("iot-data", endpoint_url=emulated.url)
    data.publish(topic="c/mine/down", qos=1, payload=b"{}")
    with pytest.raises(ClientError) as denied:
        data.publish(topic="c/mine/up", qos=1, payload=b"{}")
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.fixture(scope="module")
def tries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where functions leave a mark for each time that they were invoked, a file an event."""
    return tmp_path_factory.mktemp("tries")


@pytest.fixture(scope="module")
def function(emulated: Emulated, tries: Path) -> str:
    """Its ARN; what it gives up goes to a queue."""
    arn = make_function(emulated, "trying", tries)
    emulated.client("lambda").put_function_event_invoke_config(
        FunctionName="trying", DestinationConfig={"OnFailure": {"Destination": queue_of(emulated, "given-up")[1]}}
    )
    return arn


def make_function(emulated: Emulated, name: str, tries: Path) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("trying.py", FUNCTION)
    arn: str = emulated.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="trying.handler",
        Role=emulated.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"],
        Code={"ZipFile": archive.getvalue()},
        Timeout=20,
        Environment={"Variables": {"TRIES": str(tries)}},
    )["FunctionArn"]
    return arn


def queue_of(emulated: Emulated, name: str) -> tuple[str, str]:
    return emulated.client("sqs").create_queue(QueueName=name)[
        "QueueUrl"
    ], f"arn:aws:sqs:{emulator.REGION}:{ACCOUNT}:{name}"


def taken(emulated: Emulated, name: str) -> list[Any]:
    url = queue_of(emulated, name)[0]
    messages = emulated.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
    return [json.loads(each["Body"]) for each in messages]


def marks(tries: Path, name: str) -> int:
    file = tries / name
    return len(file.read_text()) if file.exists() else 0


@pytest.fixture(scope="module")
def rule(emulated: Emulated, iot: Any, function: str) -> str:
    """The topic of a rule that may invoke the function, and tells a queue what goes wrong."""
    emulated.client("lambda").add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="iot.amazonaws.com",
        SourceArn=f"{IOT}:rule/trying",
        SourceAccount=ACCOUNT,
    )
    make_rule(emulated, iot, "trying", function)
    return "rules/trying"


def make_rule(emulated: Emulated, iot: Any, name: str, function: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/trying"
    error = {"sqs": {"roleArn": role, "queueUrl": queue_of(emulated, f"{name}-errors")[0]}}
    payload = {
        "sql": f"SELECT * FROM 'rules/{name}'",  # noqa: S608 - no database reads it
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{"lambda": {"functionArn": function}}],
        "errorAction": error,
    }
    iot.create_topic_rule(ruleName=name, topicRulePayload=payload)


# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
def test_a_rule_has_its_function_tried_three_times(emulated: Emulated, rule: str, tries: Path) -> None:
    passing, lasting = {"name": "passes", "failures": 2}, {"name": "lasts", "failures": 3}
    for event in (passing, lasting):
        emulated.client("iot-data").publish(topic=rule, qos=1, payload=json.dumps(event).encode())
    given_up = eventually("one is given up", lambda: taken(emulated, "given-up"))
    assert [letter["requestPayload"] for letter in given_up] == [lasting]
    eventually("both were tried", lambda: [marks(tries, name) for name in ("passes", "lasts")] == [3, 3])
    assert taken(emulated, "given-up") == []


def test_what_finds_no_room_is_not_given_up(emulated: Emulated, function: str, rule: str, tries: Path) -> None:
    functions, data = emulated.client("lambda"), emulated.client("iot-data")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    names = [f"one of {number}" for number in range(6)]
    try:
        for name in names:
            data.publish(topic=rule, qos=1, payload=json.dumps({"name": name, "seconds": 0.4}).encode())
        eventually("all had their turn", lambda: [marks(tries, name) for name in names] == [1] * 6)
    finally:
        functions.delete_function_concurrency(FunctionName=function)


@pytest.mark.parametrize("lacking", ["function", "permission"])
def test_a_rule_that_cannot_invoke_takes_its_error_action(
    emulated: Emulated, iot: Any, function: str, tries: Path, lacking: str
) -> None:
    make_rule(emulated, iot, f"no_{lacking}", function if lacking == "permission" else f"{function}-gone")
    emulated.client("iot-data").publish(topic=f"rules/no_{lacking}", qos=1, payload=b'{"name": "refused"}')
    (error,) = eventually("it is told", lambda: taken(emulated, f"no_{lacking}-errors"))
    assert [each["failedAction"] for each in error["failures"]] == ["LambdaAction"]
    assert marks(tries, "refused") == 0


def test_who_dies_as_it_starts_takes_nobody_along(emulated: Emulated, tries: Path) -> None:
    functions = emulated.client("lambda")
    # A function of its own: no worker of an earlier test is there to take what should start one.
    function = make_function(emulated, "starting", tries)

    def invoked(**event: Any) -> bool:
        answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
        return "FunctionError" not in answer

    with ThreadPoolExecutor() as pool:
        lives = pool.submit(invoked, name="lives", until="it may end")
        eventually("it is under way", lambda: marks(tries, "lives"))
        (tries / "none starts").touch()
        try:
            assert not invoked(name="dies")
        finally:
            (tries / "none starts").unlink()
            (tries / "it may end").touch()
        assert lives.result()
    assert marks(tries, "lives") == 1


# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
def test_a_rule_of_a_bus_has_its_function_tried_again(emulated: Emulated, function: str, tries: Path) -> None:
    events = emulated.client("events")
    events.put_rule(Name="trying", EventPattern=json.dumps({"source": ["trying"]}))
    target = {"Id": "function", "Arn": function, "InputPath": "$.detail"}
    events.put_targets(Rule="trying", Targets=[target])
    event = {"name": "by a bus", "failures": 2}
    events.put_events(Entries=[{"Source": "trying", "DetailType": "t", "Detail": json.dumps(event)}])
    eventually("it is tried", lambda: marks(tries, "by a bus") == 3)
