"""What a camera waits for its answer: `python -m bench.devices`.

A request is published on a topic of the local AWS, whose rule hands it to a function, which publishes the answer: once
to the function that answers devices, and once, behind the same rule on another topic, to one that only publishes an
empty answer, by the same code. They take turns in one run; each request asks for the upload of a new image.
"""

from __future__ import annotations

import argparse
import io
import json
import queue
import random
import sys
import tempfile
import time
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from awscrt import io as crt
from awscrt import mqtt5

from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from devtools.localaws import emulator, processes
from devtools.localaws.stack import ARCHIVES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GOAL: Final = 1.5
_WARM_UP: Final = 20
_TURNS_A_ROUND: Final = 40
_RESAMPLED: Final = 2000
_SECONDS: Final = 60
_THING: Final = "camera"
_LAMBDA: Final = {"Service": "lambda.amazonaws.com"}
_EMPTY: Final = """
import os
from device_asks.config import DeviceAsksConfig
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.things import ACCEPTED, topic
config = DeviceAsksConfig.from_environment(os.environ)
aws = Aws(config.access)
def handler(event, context):
    aws.publish(config.iot_endpoint, topic(config.topic_prefix, event["thing"], ACCEPTED), {})
    # It writes a line as the other does: for a line that does not come, the local AWS waits longer than either takes.
    print("{}")
"""


@dataclass(frozen=True)
class Contender:
    """A function behind the rule; what it is called is the first part of its topics as well."""

    name: str
    handler: str


_CONTENDERS: Final = (Contender("empty", "empty.handler"), Contender("asks", "device_asks.handler.handler"))


@dataclass(frozen=True)
class _Account:
    """A bare local AWS."""

    url: str
    mqtt_port: int

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's own signature
        session = boto3.session.Session("test", "test", region_name=emulator.REGION)
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]


def measured(rounds: int) -> dict[str, list[float]]:
    """Milliseconds from request to answer, of every contender, in turns."""
    with tempfile.TemporaryDirectory() as scratch:
        port, mqtt_port = processes.free_port(), processes.free_port()
        process = emulator.start(port, Path(scratch), mqtt_port=mqtt_port)
        try:
            account = _Account(f"http://{processes.LOOPBACK}:{port}", mqtt_port)
            _deploy(account)
            document = _raced(_Camera(account, Path(scratch)), rounds)
        finally:
            process.stop()
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "devices.json").write_text(json.dumps(document, indent=1))
    return document


def _deploy(account: _Account) -> None:
    tables = {"asks": ("owner", "what"), "catalog": ("source_key", "source_bucket")}
    for name, (first, second) in tables.items():
        account.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in (first, second)],
            BillingMode="PAY_PER_REQUEST",
        )
    account.client("s3").create_bucket(Bucket="uploads")
    iam = account.client("iam")
    role = iam.create_role(RoleName="asks", AssumeRolePolicyDocument=_policy("sts:AssumeRole", Principal=_LAMBDA))
    iam.put_role_policy(RoleName="asks", PolicyName="all", PolicyDocument=_policy("*", Resource="*"))
    for contender in _CONTENDERS:
        _put_behind_a_rule(account, contender, role["Role"]["Arn"])


def _put_behind_a_rule(account: _Account, contender: Contender, role: str) -> None:
    limits = {"bytes": 2**25, "types": ["image/jpeg"], "asks_a_minute": 10**6, "bytes_a_day": 10**15, "url_minutes": 10}
    functions, name = account.client("lambda"), contender.name
    function = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler=contender.handler,
        Role=role,
        Code={"ZipFile": _archive()},
        Timeout=20,
        Environment={
            "Variables": {
                "UPLOADS_BUCKET": "uploads",
                "SOURCE_PREFIX": "",
                "SOURCE_KEYS": '{"include": ["*"], "exclude": []}',
                "CATALOG_TABLE": "catalog",
                "ASKS_TABLE": "asks",
                "LIMITS": json.dumps(limits),
                "TOPIC_PREFIX": name,
                "IOT_ENDPOINT": "localhost",
                "AWS_ENDPOINT_URL": account.url,
            }
        },
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=name, StatementId="rule", Action="lambda:InvokeFunction", Principal="iot.amazonaws.com"
    )
    selected = "topic(2) AS thing, encode(*, 'base64') AS request, timestamp() AS received_at"
    rule = {
        "sql": f"SELECT {selected} FROM '{name}/+/uploads/request'",  # noqa: S608 - no database reads it
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{"lambda": {"functionArn": function}}],
    }
    account.client("iot").create_topic_rule(ruleName=name, topicRulePayload=rule)


def _archive() -> bytes:
    """The deployed one, with the empty function beside the other."""
    archive = io.BytesIO((ARCHIVES / "device_asks.zip").read_bytes())
    with zipfile.ZipFile(archive, "a") as code:
        code.writestr("empty.py", _EMPTY)
    return archive.getvalue()


class _Camera:
    """Asks, and waits for the answer."""

    def __init__(self, account: _Account, directory: Path) -> None:
        iot = account.client("iot")
        iot.create_thing(thingName=_THING)
        iot.create_policy(policyName="all", policyDocument=_policy("iot:*", Resource="*"))
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName="all", target=made["certificateArn"])
        iot.attach_thing_principal(thingName=_THING, principal=made["certificateArn"])
        files = {"certificate.pem": made["certificatePem"], "private.key": made["keyPair"]["PrivateKey"]}
        for name, text in files.items():
            (directory / name).write_text(text)
        with urllib.request.urlopen(f"{account.url}/_ministack/iot/ca.pem") as answer:
            (directory / "ca.pem").write_bytes(answer.read())
        tls = crt.TlsContextOptions.create_client_with_mtls_from_path(*(str(directory / each) for each in files))
        tls.override_default_trust_store_from_path(None, str(directory / "ca.pem"))
        connected: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                processes.LOOPBACK,
                account.mqtt_port,
                tls_ctx=crt.ClientTlsContext(tls),
                connect_options=mqtt5.ConnectPacket(client_id=_THING),
                on_lifecycle_event_connection_success_fn=connected.put,
                on_publish_callback_fn=lambda event: self._heard.put(event.publish_packet.topic),
            )
        )
        self._client.start()
        connected.get(timeout=_SECONDS)
        for contender in _CONTENDERS:
            topics = [f"{contender.name}/{_THING}/uploads/{each}" for each in ("accepted", "rejected")]
            wanted = [mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE) for topic in topics]
            self._client.subscribe(mqtt5.SubscribePacket(subscriptions=wanted)).result(_SECONDS)

    def ask(self, contender: Contender, number: int) -> float:
        """How many milliseconds the answer takes."""
        request = json.dumps({"id": f"image-{number}", "bytes": 1750538, "type": "image/jpeg"})
        topics = f"{contender.name}/{_THING}/uploads"
        packet = mqtt5.PublishPacket(topic=f"{topics}/request", payload=request, qos=mqtt5.QoS.AT_LEAST_ONCE)
        begun = time.monotonic()
        self._client.publish(packet)
        if (answered := self._heard.get(timeout=_SECONDS)) != f"{topics}/accepted":
            raise SystemExit(f"error: {contender.name} answered on {answered}")
        return 1000 * (time.monotonic() - begun)


def _raced(camera: _Camera, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {each.name: [] for each in _CONTENDERS}
    for number in range(_WARM_UP + rounds * _TURNS_A_ROUND):
        for contender in _CONTENDERS:
            taken = camera.ask(contender, number)
            if number >= _WARM_UP:
                times[contender.name].append(taken)
    return times


def _policy(action: str, **about: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **about}]})


def _at(share: float, times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def _ratio(document: Mapping[str, Sequence[float]], share: float) -> tuple[float, float, float]:
    """Of the answers' times at this share, and between which it lies 95 times of 100, by drawing turns anew."""
    turns = [*zip(document["asks"], document["empty"], strict=True)]
    chance = random.Random(0)  # noqa: S311 - statistics, no secrets

    def over(drawn: Sequence[tuple[float, float]]) -> float:
        mine, theirs = zip(*drawn, strict=True)
        return _at(share, mine) / _at(share, theirs)

    drawn = sorted(over(chance.choices(turns, k=len(turns))) for _ in range(_RESAMPLED))
    return over(turns), _at(0.025, drawn), _at(0.975, drawn)


def _words(document: Mapping[str, Sequence[float]], share: float) -> str:
    ratio, low, high = _ratio(document, share)
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


def tables(document: Mapping[str, Sequence[float]]) -> list[Figures]:
    """A row a contender, and one of their ratio."""
    shares = (0.5, 0.95)
    rows = [(name, *(f"{_at(share, times):.1f}" for share in shares)) for name, times in document.items()]
    rows.append(("asks / empty, 95 % interval", *(_words(document, share) for share in shares)))
    title = f"From a device's request to the answer, {len(document['asks'])} turns"
    return [Figures("devices", title, ("", "median ms", "95th percentile ms"), rows)]


def verdicts(document: Mapping[str, Sequence[float]]) -> list[Goal]:
    """What an answer may take beside an empty one."""
    what, held = "answer / empty answer, 95th percentile", _ratio(document, 0.95)[0] <= _GOAL
    return [Goal(what, _words(document, 0.95), f"≤ {_GOAL}", held)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.devices", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    return told(parser.parse_args().rounds, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
