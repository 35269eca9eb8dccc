"""A camera through all that can go wrong: messages and answers are lost, functions die, power fails, time passes.

Whatever happens, no picture is forgotten before it is decided, none is stored twice or as other bytes, and none counts
twice while its URL is good; and once the line holds, a few questions are enough.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto.moto_api._internal.models import moto_api_backend

from support.devices import GATE, Cameras, entry, published, rule_event
from support.front_door import ASKS, LIMITS, MotoAws, create_asks
from support.pictures import picture
from support.pipeline import TABLE, UPLOADS, Bench, FakeContext, Killed
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from thumbnail_pipeline.asking.signing import Target

URL_SECONDS, KNOWN_SECONDS = 600, 2 * 86_400
INVOCATIONS: Final = 3
PICTURES: Final = {"good": picture(size=(9, 9), image_format="JPEG"), "bad": b"no picture"}

Fault = tuple[int, bool]
"""That an invocation dies at so manieth call, before or after it takes effect."""

ids = st.sampled_from(sorted(PICTURES))
faults = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=INVOCATIONS)
steps = st.lists(
    st.tuples(st.just("ask"), ids, st.booleans(), faults, st.booleans())
    | st.tuples(st.just("put"), ids, st.sampled_from(["done", "lost", "unheard"]))
    | st.tuples(st.just("decide"), faults, st.booleans())
    | st.tuples(st.just("wait"), st.sampled_from([1, URL_SECONDS, URL_SECONDS + 1, KNOWN_SECONDS + 1]))
    | st.sampled_from([("expire",), ("restart",)]),
    max_size=10,
)


class MortalAws(MotoAws):
    """Dies at a call."""

    dies_at: Fault | None = None
    granted: Callable[[], None]

    def _send(self, target: Target, headers: Mapping[str, str], query: str, body: bytes) -> tuple[int, bytes]:
        at, after = self.dies_at or (-1, False)
        if len(self.calls) == at and not after:
            raise Killed
        answer = super()._send(target, headers, query, body)
        if self.calls[-1] == "TransactWriteItems" and answer[0] == requests.codes.ok:
            self.granted()
        if len(self.calls) - 1 == at and after:
            raise Killed
        return answer


class World:
    """One camera, all that is behind it, and what is between them."""

    def __init__(self) -> None:
        self.bench = Bench(versioned=True, variables={"SOURCE_PREFIX": "in/"})
        create_asks(self.bench.dynamodb)
        limits = json.dumps({**LIMITS, "asks_a_minute": 1000, "bytes_a_day": 10**9})
        self.cameras = Cameras(MortalAws, LIMITS=limits)
        assert isinstance(self.cameras.aws, MortalAws)
        self.aws = self.cameras.aws
        self.aws.granted = self._granted
        self.held = dict(PICTURES)
        self.uploads: dict[str, dict[str, Any]] = {}
        self.asking = ""
        self.grants: dict[str, list[float]] = {each: [] for each in PICTURES}

    def play(self, step: Sequence[Any]) -> None:
        """Let something happen."""
        match step:
            case ("ask", str(own_id), bool(along), faults, bool(heard)):
                self.ask(own_id, along=along, faults=faults, heard=heard)
            case ("put", str(own_id), str(how)):
                self.put(own_id, how)
            case ("decide", faults, bool(heard)):
                self.decide(faults, heard=heard)
            case ("wait", int(seconds)):
                self.aws.now += seconds
            case ("expire",):
                self.expire()
            case ("restart",):
                self.uploads.clear()

    def ask(self, own_id: str, *, along: bool, faults: Sequence[Fault], heard: bool) -> None:
        """Ask for a picture that the camera still has; the function may die, and so the next."""
        if own_id not in self.held:
            return
        body = self.held[own_id]
        request = {"id": own_id, "bytes": len(body), "type": "image/jpeg"}
        if along:
            request["body"] = base64.b64encode(body).decode()
        event = rule_event(json.dumps(request).encode(), GATE, int(self.aws.now * 1000))
        self.asking = own_id
        self.invoke(lambda: self.cameras.handle(event), faults)
        self.hear(heard=heard)

    def put(self, own_id: str, how: str) -> None:
        """Use the URL that the camera has been told, if it has."""
        upload = self.uploads.pop(own_id, None)
        if upload is None or how == "lost":
            return
        if datetime.fromisoformat(upload["expires_at"]).timestamp() <= self.aws.now:
            return  # S3 answers 403, which moto does not
        done = requests.put(upload["url"], data=PICTURES[own_id], headers=upload["headers"], timeout=5)
        assert done.status_code in (200, 412)
        if how == "done":
            assert own_id in self.stored()

    def decide(self, faults: Sequence[Fault], *, heard: bool) -> None:
        """Let the pipeline decide, and the statuses be told."""
        for own_id in self.stored():
            if not self.row(own_id):
                self.bench.dynamodb.put_item(TableName=TABLE, Item=decided(own_id))
            event = completion_event(decoded(self.row(own_id)), "thumbs")
            assert event
            detail = {"detail": dict(event.detail)}
            with mock.patch.object(entry("device_status"), "_aws", self.aws):
                self.invoke(lambda told=detail: entry("device_status").handler(told, FakeContext()), faults)  # type: ignore[misc]
            self.hear(heard=heard)

    def expire(self) -> None:
        """Let DynamoDB delete what has expired."""
        for each in self.bench.dynamodb.scan(TableName=ASKS)["Items"]:
            if int(each["expires_at"]["N"]) < self.aws.now:
                named = {name: each[name] for name in ("owner", "what")}
                self.bench.dynamodb.delete_item(TableName=ASKS, Key=named)

    def invoke(self, call: Callable[[], None], faults: Sequence[Fault]) -> None:
        """Invoke as Lambda does: twice more where it fails, and then no more."""
        for fault in (*faults, None)[:INVOCATIONS]:
            self.aws.dies_at = fault
            self.aws.calls.clear()
            with suppress(Killed):
                call()
                break
        self.aws.dies_at = None

    def hear(self, *, heard: bool) -> None:
        """Let the camera do as it is told, if it hears it; what comes twice does no harm."""
        for topic, message in published():
            own_id, status = message["id"], message["status"]
            if not heard or own_id not in self.held:
                continue
            assert not topic.endswith("/rejected"), message
            if status in ("READY", "FAILED"):
                assert self.row(own_id)["status"]["S"] == status
                assert status == ("READY" if own_id == "good" else "FAILED")
                del self.held[own_id]
            elif "upload" in message:
                self.uploads[own_id] = message["upload"]
            else:
                assert own_id in self.stored(), "it was said to have arrived"

    def row(self, own_id: str) -> dict[str, Any]:
        named = key_of(Image(UPLOADS, key_to(own_id)))
        return dict(self.bench.dynamodb.get_item(TableName=TABLE, Key=named).get("Item", {}))

    def stored(self) -> list[str]:
        listed = self.bench.s3.list_objects_v2(Bucket=UPLOADS).get("Contents", ())
        return [each["Key"].rpartition("/")[2] for each in listed]

    def _granted(self) -> None:
        before, now = self.grants[self.asking], self.aws.now
        assert not before or now - before[-1] > URL_SECONDS, "it counts once while its URL is good"
        assert self.asking not in self.stored() or now - before[-1] > KNOWN_SECONDS, "it has arrived"
        before.append(now)


def decided(own_id: str) -> Any:
    """The row that the pipeline writes of an image, as far as it matters here."""
    said = {"status": "READY", "format": "jpeg"} if own_id == "good" else {"status": "FAILED", "reason": "unidentified"}
    texts = {"sequencer": "1", "claim": "1", "processed_at": "2026-11-30T07:15:00.000Z", **said}
    return {
        **key_of(Image(UPLOADS, key_to(own_id))),
        **{name: {"S": value} for name, value in texts.items()},
        "fence": {"N": "0"},
    }


def key_to(own_id: str) -> str:
    return f"in/things/{GATE}/{own_id}"


@given(steps)
@settings(max_examples=15)
@example(
    [("ask", "good", True, [(2, True), (2, False), (0, False)], True), ("restart",), ("ask", "good", False, [], True)]
)
@example([("ask", "good", False, [(1, True), (2, True)], False), ("wait", 300), ("ask", "good", False, [], True)])
@example(
    [
        ("ask", "bad", False, [], True),
        ("put", "bad", "unheard"),
        ("wait", URL_SECONDS + 1),
        ("expire",),
        ("ask", "bad", False, [], True),
        ("decide", [(0, True), (0, False), (0, False)], True),
        ("wait", KNOWN_SECONDS + 1),
        ("expire",),
    ]
)
def test_no_picture_is_lost_or_stored_twice(history: list[Sequence[Any]]) -> None:
    moto_api_backend.reset()
    world = World()
    for step in history:
        world.play(step)
    for _ in range(2):
        for own_id in PICTURES:
            world.ask(own_id, along=False, faults=[], heard=True)
            world.put(own_id, "done")
        world.decide([], heard=False)
    assert world.held == {}, "it hears when it asks"
    versions = world.bench.s3.list_object_versions(Bucket=UPLOADS)["Versions"]
    bodies = {
        each["Key"]: world.bench.s3.get_object(Bucket=UPLOADS, Key=each["Key"])["Body"].read() for each in versions
    }
    assert len(versions) == len(bodies)
    assert bodies == {key_to(own_id): body for own_id, body in PICTURES.items()}
