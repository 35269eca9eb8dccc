"""The functions of devices: names and topics, what a message has to look like, how each starts, and how it signs."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import datetime
from typing import Any
from unittest import mock
from urllib.parse import quote

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import example, given
from hypothesis import strategies as st

from device_admission.config import DeviceAdmissionConfig
from device_asks.config import DeviceAsksConfig
from device_asks.requests import DeviceRequest, Published
from device_status.config import DeviceStatusConfig
from support.devices import ENDPOINT, environment, rule_event, validator
from support.front_door import LIMITS
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.config import Access, AskLimits
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.environment import Variables
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.things import THING_NAME, is_own_id, key_of_thing, thing_of_key, topic

NO_LIMITS = AskLimits.of(Variables({"LIMITS": json.dumps({**LIMITS, "bytes": 10**30})}))
FUNCTIONS = ("device_asks", "device_status", "device_admission")

things = st.from_regex(THING_NAME, fullmatch=True)
own_ids = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", fullmatch=True)
prefixes = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=9).map(lambda text: f"{text}/")


# ── names ────────────────────────────────────────────────────────────────────────────────────────────


@given(st.just("") | prefixes, things, own_ids)
def test_a_key_says_whose_it_is(prefix: str, thing: str, own_id: str) -> None:
    key = key_of_thing(prefix, thing, own_id)
    assert thing_of_key(prefix, key) == (thing, own_id)
    assert key.startswith(key_of_thing(prefix, thing))
    assert thing_of_key(f"{prefix}x/", key) is None


@given(st.just("") | prefixes, st.text(max_size=40) | st.from_regex(r"(a/)?things/[a:/.\n]{0,4}/[a/.\n]{0,3}"))
def test_a_key_of_a_device_is_the_one_that_it_is_made_to(prefix: str, key: str) -> None:
    if found := thing_of_key(prefix, key):
        assert key_of_thing(prefix, *found) == key


@given(own_ids, own_ids, things, things)
def test_two_images_never_have_one_key(one: str, other: str, thing: str, another: str) -> None:
    assert (key_of_thing("", thing, one) == key_of_thing("", another, other)) == ((thing, one) == (another, other))


@pytest.mark.parametrize("text", ["", ".", "..", ".a", "a/b", "a b", "ä", "a\n", "a" * 65, "%2e"])
def test_what_is_no_id(text: str) -> None:
    assert not is_own_id(text)


def test_the_topics_of_a_device() -> None:
    assert topic("cameras", "gate-3", "accepted") == "cameras/gate-3/uploads/accepted"


# ── what a message has to look like ──────────────────────────────────────────────────────────────────


def read(payload: bytes) -> DeviceRequest | Refusal:
    try:
        return Published.read(rule_event(payload)).request(NO_LIMITS)
    except Refusal as refusal:
        return refusal


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
@example(b"\xef\xbb\xbf{}")
@example(b'{"id": "\xed\xa0\x80", "bytes": 1, "type": "image/png"}')
@example(b'{"id": "a", "bytes": 1e999, "type": "image/png"}')
@example(json.dumps({"id": "a", "bytes": 1, "type": "\ud800"}).encode())
def test_whatever_comes_is_a_request_or_refused(payload: bytes) -> None:
    result = read(payload)
    if isinstance(result, Refusal):
        assert result.problem.status < 500
        json.dumps(result.document).encode()


# As Python searches, `$` is before a newline too, unlike in JSON Schema.
words = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=9)
near = st.fixed_dictionaries(
    {
        "id": words | json_values | st.sampled_from(["a", ".a", "a.", "-" * 64, "-" * 65]),
        "bytes": st.integers(-2, 9) | st.sampled_from([3.0, 0.5, True, "1", None]),
        "type": st.just("image/jpeg") | json_values.filter(lambda value: not isinstance(value, str)),
    },
    optional={
        "sha256": st.sampled_from(["ab" * 32, "AB" * 32, "ab", None, 5]) | words,
        "other": st.integers(),
    },
)


@pytest.mark.slow  # reading JSON Schemas takes a second to import
@given(near.flatmap(lambda made: st.sampled_from([made, *({k: made[k] for k in made if k != name} for name in made)])))
def test_what_the_schema_allows_is_taken_and_nothing_else(document: dict[str, Any]) -> None:
    result = read(json.dumps(document).encode())
    refused = isinstance(result, Refusal) and result.problem is Problem.INVALID_REQUEST
    assert validator("request").is_valid(json.loads(json.dumps(document))) == (not refused)


@given(st.binary(min_size=1, max_size=200), st.integers(-1, 1))
def test_a_body_is_taken_if_it_has_as_many_bytes(body: bytes, off: int) -> None:
    sent = {"id": "a", "bytes": len(body) + off, "type": "image/jpeg", "body": base64.b64encode(body).decode()}
    result = read(json.dumps(sent).encode())
    assert isinstance(result, DeviceRequest) == (off == 0)
    if isinstance(result, DeviceRequest):
        assert result.body == body


@given(st.text(st.characters(codec="ascii", categories=["L"]), min_size=8, max_size=20))
def test_no_refusal_repeats_what_was_sent(secret: str) -> None:
    fields: dict[str, Any] = {"id": "a", "bytes": 5, "type": "image/jpeg"}
    for changed in (
        {"id": f"{secret}/"},
        {"bytes": secret},
        {"type": secret},
        {"sha256": secret},
        {"body": f"{secret}§"},
        {secret: 1},
    ):
        result = read(json.dumps({**fields, **changed}).encode())
        assert isinstance(result, Refusal)
        assert secret not in json.dumps(result.document)


# ── how they start ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "changed", "message"),
    [
        (DeviceStatusConfig, {"IOT_ENDPOINT": ""}, "IOT_ENDPOINT is not set"),
        (DeviceStatusConfig, {"TOPIC_PREFIX": ""}, "TOPIC_PREFIX is not set"),
        (DeviceAsksConfig, {"IOT_ENDPOINT": ""}, "IOT_ENDPOINT is not set"),
        (DeviceAsksConfig, {"TOPIC_PREFIX": ""}, "TOPIC_PREFIX is not set"),
        (DeviceAdmissionConfig, {"THING_TYPE": ""}, "THING_TYPE is not set"),
        (DeviceAsksConfig, {"ASKS_TABLE": ""}, "ASKS_TABLE is not set"),
        (DeviceAsksConfig, {"SOURCE_KEYS": ""}, "SOURCE_KEYS is not set"),
        (DeviceAsksConfig, {"SOURCE_KEYS": "["}, "SOURCE_KEYS cannot be used"),
        (DeviceAsksConfig, {"SOURCE_KEYS": '{"exclude": "*"}'}, "SOURCE_KEYS cannot be used: exclude must be a list"),
        (DeviceAsksConfig, {"SOURCE_KEYS": '{"without": []}'}, "SOURCE_KEYS cannot be used: .*unknown field 'without'"),
        (DeviceAsksConfig, {"LIMITS": "{"}, "LIMITS cannot be used"),
    ],
)
def test_a_bad_environment_is_named(config: Any, changed: dict[str, str], message: str) -> None:
    with pytest.raises(Systemic, match=message):
        config.from_environment(environment(**changed))


_START = """
import json, sys
connected = []
sys.addaudithook(lambda event, _: connected.append(event) if event == "socket.connect" else None)
import {function}.handler
print(json.dumps([connected, sorted({{"boto3", "botocore", "urllib3", "aws_xray_sdk", "PIL"}} & sys.modules.keys())]))
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_loads_no_sdk_and_asks_nobody(function: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START.format(function=function)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=":".join(sys.path)),
    )
    assert json.loads(done.stdout) == [[], []]


# ── what goes over the wire ──────────────────────────────────────────────────────────────────────────


def by_the_sdk(service: Any, operation: str, **parameters: Any) -> Any:
    """The request that the SDK's client sends."""
    client: Any = boto3.client(
        service,
        "us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - nobody's
        endpoint_url=f"https://{ENDPOINT}" if service == "iot-data" else None,
    )
    sent: list[Any] = []

    def answered(request: Any, **_: Any) -> Any:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, mock.Mock(stream=lambda: [b"{}"]))  # type: ignore[arg-type]

    client.meta.events.register("before-send", answered)
    getattr(client, operation)(**parameters)
    return sent[0]


def require_the_same(theirs: Any, call: str, *arguments: Any) -> bytes:
    """Raise unless we send such a request to the same URL with the same signature; return its body."""
    at = datetime.strptime(theirs.headers["X-Amz-Date"].decode(), "%Y%m%dT%H%M%S%z").timestamp()
    aws = Aws(Access.of(Variables(environment())), clock=lambda: at)
    with mock.patch.object(aws, "_send", return_value=(200, b"{}")) as sent:
        getattr(aws, call)(*arguments)
    target, headers, query, body = sent.call_args.args
    assert (f"{target.url}?{query}" if query else target.url, target.method) == (theirs.url, theirs.method)
    assert headers["authorization"] == theirs.headers["Authorization"].decode()
    assert isinstance(body, bytes)
    return body


@pytest.fixture
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_nobody")
@pytest.mark.parametrize("thing", ["gate-3", "yard:1", "a_b"])
def test_a_message_is_published_as_the_sdk_publishes_it(thing: str) -> None:
    where, message = topic("cameras", thing, "status"), {"id": "ä", "status": "READY"}
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    theirs = by_the_sdk("iot-data", "publish", topic=where, qos=1, payload=text)
    assert require_the_same(theirs, "publish", ENDPOINT, where, message) == text


@pytest.mark.usefixtures("_nobody")
@pytest.mark.parametrize("thing", ["gate-3", "yard:1"])
def test_the_registry_is_read_as_the_sdk_reads_it(thing: str) -> None:
    path = f"/things/{quote(thing, safe='')}"
    require_the_same(by_the_sdk("iot", "describe_thing", thingName=thing), "iot", path)
    require_the_same(by_the_sdk("iot", "list_thing_principals", thingName=thing), "iot", f"{path}/principals")
