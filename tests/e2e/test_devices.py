"""Cameras that upload by themselves: over the broker, the rule, the functions, the bucket, the bus, and back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from devtools.localaws.stack import REPOSITORY
from support.cameras import CAMERA, Claim, Registry, Talk, require_valid, wanted
from support.crowd import Crowd
from support.deployment import eventually
from support.mqtt import Connection, Identity, Line
from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

BAD: Final = b"this is no image"


@pytest.fixture(scope="module")
def registry(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(deployment, tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="module")
def mine(registry: Registry) -> Identity:
    return registry.add("mine")


@pytest.fixture(scope="module")
def other(registry: Registry) -> Identity:
    return registry.add("other")


def key_of(thing: str, content: bytes) -> str:
    return f"things/{thing}/{hashlib.sha256(content).hexdigest()}"


def put(upload: dict[str, Any], content: bytes, **changed: str) -> int:
    """Upload as an answer says; the status."""
    asked = upload | changed
    return requests.request(
        upload["method"], asked["url"], data=content, headers=upload["headers"], timeout=30
    ).status_code


# ── one camera ───────────────────────────────────────────────────────────────────────────────────────


def test_the_camera_of_the_docs_forgets_a_picture_when_it_was_told_what_became_of_it(
    deployment: Deployment, registry: Registry, tmp_path: Path
) -> None:
    large, small = picture("#102030", size=(1200, 900), image_format="JPEG"), picture("#102031")
    assert len(small) < 5000 < len(large)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, content in {"1 large.jpg": large, "2 small.png": small, "3 bad.jpg": BAD}.items():
        (folder / name).write_bytes(content)
    (folder / "half.png.part").write_bytes(b"")
    device = registry.device_file("docs", registry.add("docs"))
    command = [sys.executable, str(CAMERA), str(device), str(folder), "--patience", "5", "--in-message", "5000"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert sorted(ran.stdout.splitlines()) == [
        "1 large.jpg READY",
        "2 small.png READY",
        "3 bad.jpg FAILED unidentified",
    ]
    left = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    names = {content: hashlib.sha256(content).hexdigest() for content in (large, small, BAD)}
    kept = {f"ready/{names[large]}.jpg", f"ready/{names[small]}.png", f"failed/{names[BAD]}.jpg", "half.png.part"}
    assert left == kept
    for content in (large, small):
        assert (deployment.row(key_of("docs", content)) or {})["status"] == "READY"
        assert deployment.source(key_of("docs", content))[0] == content


@pytest.mark.parametrize("way", ["by a PUT", "in the message"])
def test_whatever_is_asked_again_is_answered_by_what_became_of_it(
    deployment: Deployment, registry: Registry, mine: Identity, way: str
) -> None:
    inside, content = way == "in the message", picture(f"#2000{len(way):02d}")
    request = wanted(content, inside=inside)
    with Talk(registry, "mine", mine) as talk:
        kind, granted = talk.ask(request)
        assert (kind, granted["status"]) == ("accepted", "PENDING")
        if not inside:
            again = talk.ask(request)[1]["upload"]["url"]
            assert again == granted["upload"]["url"]
            assert put(granted["upload"], content) == 200
        kind, status = talk.told(request["id"], "status")
        assert status["status"] == "READY"
        assert talk.ask(request) == ("accepted", {"id": request["id"], "status": "READY"})
        # A camera that did not hear of its PUT: no loop, since there is nothing to PUT.
        assert "upload" not in talk.ask(wanted(content))[1]
    assert deployment.source(key_of("mine", content))[0] == content


def test_a_camera_that_was_away_longer_than_its_session_is_told_when_it_asks(
    deployment: Deployment, registry: Registry, mine: Identity
) -> None:
    good, bad = picture("#300000"), BAD + b" either"
    with Talk(registry, "mine", mine) as talk:
        for content in (good, bad):
            assert put(talk.ask(wanted(content))[1]["upload"], content) == 200
    deployment.row_when(key_of("mine", good), "READY")
    deployment.row_when(key_of("mine", bad), "FAILED")
    with Talk(registry, "mine", mine) as talk:
        assert not talk.resumed
        assert talk.ask(wanted(good))[1]["status"] == "READY"
        failed = talk.ask(wanted(bad))[1]
        assert (failed["status"], failed["reason"]) == ("FAILED", "unidentified")


def test_a_camera_that_was_away_for_less_is_told_at_once(
    registry: Registry, mine: Identity, deployment: Deployment
) -> None:
    content = picture("#310000")
    with Talk(registry, "mine", mine, expires=600) as talk:
        talk.ask(wanted(content, inside=True))
    deployment.row_when(key_of("mine", content), "READY")
    with Talk(registry, "mine", mine) as talk:
        assert talk.resumed
        assert talk.told(wanted(content)["id"], "status")[1]["status"] == "READY"


@pytest.mark.parametrize(
    "sent",
    [b"", b"\xff\xfe", b"[]", b'{"id": "..", "bytes": 1, "type": "image/png"}', b'{"id": "a", "bytes": 0}'],
    ids=["nothing", "no UTF-8", "no object", "no id", "no bytes"],
)
def test_nonsense_is_refused_in_words(registry: Registry, mine: Identity, sent: bytes) -> None:
    with Talk(registry, "mine", mine) as talk:
        talk.publish(registry.topic("mine", "request"), sent)
        topic, said = talk.hears()
        assert topic == registry.topic("mine", "rejected")
        require_valid("rejected", said)
        assert (said["type"], said["status"]) == ("urn:thumbnail-pipeline:problem:invalid-request", 422)
        assert "retry_after" not in said


# ── who is refused what ──────────────────────────────────────────────────────────────────────────────


REFUSED: Final[dict[str, Callable[[Connection, Registry], str]]] = {
    "ask for another": lambda mine, registry: mine.publish(registry.topic("other", "request"), {}),
    "tell another": lambda mine, registry: mine.publish(registry.topic("other", "status"), {}),
    "tell itself": lambda mine, registry: mine.publish(registry.topic("mine", "accepted"), {}),
    "say what it likes": lambda mine, _: mine.publish("anything", {}),
    "change its shadow": lambda mine, _: mine.publish("$aws/things/mine/shadow/update", {}),
    "call our rule": lambda mine, _: mine.publish(
        "$aws/rules/thumbs_device_requests/cameras/other/uploads/request", {}
    ),
    "get itself a certificate": lambda mine, _: mine.publish("$aws/certificates/create/json", {}),
    "hear another": lambda mine, registry: mine.subscribe(registry.topic("other", "accepted")),
    "hear all": lambda mine, registry: mine.subscribe(registry.topic("+", "accepted")),
    "hear everything": lambda mine, _: mine.subscribe("#"),
    "hear what it asks for": lambda mine, registry: mine.subscribe(registry.topic("mine", "request")),
    "hear who connects": lambda mine, _: mine.subscribe("$aws/events/presence/connected/other"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_camera_may_not(registry: Registry, mine: Identity, what: str) -> None:
    with Connection(registry.broker, mine, "mine") as connection:
        assert REFUSED[what](connection, registry) == "NOT_AUTHORIZED"


@pytest.mark.parametrize("client_id", ["other", "mine2", "claim.1", ""])
def test_a_camera_may_not_call_itself_by_another_name(
    registry: Registry, mine: Identity, other: Identity, client_id: str
) -> None:
    with Connection(registry.broker, other, "other") as others:
        with pytest.raises(PermissionError), Connection(registry.broker, mine, client_id):
            pass
        assert not others.ended.is_set()


def test_a_certificate_that_is_nobodys_may_do_nothing(registry: Registry, tmp_path: Path) -> None:
    alone = Identity.made(registry.iot, tmp_path, registry.outputs["policy_name"])
    for client_id in ("mine", alone.id):
        with pytest.raises(PermissionError), Connection(registry.broker, alone, client_id):
            pass


def test_a_camera_that_is_revoked_is_out(registry: Registry) -> None:
    stolen = registry.add("stolen")
    with Connection(registry.broker, stolen, "stolen") as connection:
        registry.iot.update_certificate(certificateId=stolen.id, newStatus="REVOKED")
        assert connection.ended.wait(20)
    with pytest.raises(PermissionError), Connection(registry.broker, stolen, "stolen"):
        pass


def test_an_address_is_good_for_one_upload_of_these_bytes_at_this_key(
    deployment: Deployment, registry: Registry, mine: Identity, other: Identity
) -> None:
    content = picture("#400000")
    with Talk(registry, "mine", mine) as talk:
        upload = talk.ask(wanted(content))[1]["upload"]
    image_id, prefix = wanted(content)["id"], "things/mine/"
    assert put(upload, content + b"0") == 403
    assert put(upload, content[:-1]) == 403
    assert put(upload, bytes(len(content))) in {400, 403}, "of another checksum"
    assert put(upload, content, url=upload["url"].replace(prefix, "things/other/")) == 403
    assert put(upload, content, url=upload["url"].replace(image_id, "f" * 64)) == 403
    assert put({**upload, "headers": {**upload["headers"], "content-type": "text/html"}}, content) == 403
    assert deployment.source(key_of("mine", content))[0] is None
    assert put(upload, content) == 200
    assert put(upload, content) == 412, "replayed"
    # It is nothing to another camera, whose own of this name is its own.
    with Talk(registry, "other", other) as talk:
        assert talk.ask(wanted(content))[1]["upload"]["url"] != upload["url"]
        assert deployment.source(key_of("other", content))[0] is None


# ── claims ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def claim(registry: Registry) -> Iterator[Claim]:
    with Claim(registry, registry.claim()) as connection:
        yield connection


def test_a_claim_is_exchanged_for_a_certificate_of_a_thing_that_waits_for_one(
    registry: Registry, claim: Claim, tmp_path: Path
) -> None:
    registry.register("from-the-factory")
    own = claim.exchange("from-the-factory", tmp_path)
    assert isinstance(own, Identity), own
    with Talk(registry, "from-the-factory", own) as talk:
        assert talk.ask(wanted(picture("#500000")))[0] == "accepted"
    assert claim.exchange("from-the-factory", tmp_path) == "AccessDenied", "it has one now"


@pytest.mark.parametrize("serial_number", ["unknown", "camera", "toaster", "", "no/name"])
def test_a_claim_is_nothing_to(
    registry: Registry, mine: Identity, claim: Claim, tmp_path: Path, serial_number: str
) -> None:
    del mine  # who has a certificate
    if serial_number == "a toaster":
        serial_number = "toaster"
        with contextlib.suppress(registry.iot.exceptions.ResourceAlreadyExistsException):
            registry.iot.create_thing(thingName=serial_number)
    certificates = {each["certificateId"] for each in registry.iot.list_certificates(pageSize=250)["certificates"]}
    assert claim.exchange(serial_number, tmp_path) == "AccessDenied"
    made = registry.iot.list_certificates(pageSize=250)["certificates"]
    assert {each["status"] for each in made if each["certificateId"] not in certificates} == {"PENDING_ACTIVATION"}
    things = {each["thingName"] for each in registry.iot.list_things(maxResults=250)["things"]}
    assert things.isdisjoint({"unknown", "", "no/name"})


def test_a_claim_may_do_nothing_else(registry: Registry, claim: Claim) -> None:
    assert claim.publish(registry.topic("mine", "request"), {}) == "NOT_AUTHORIZED"
    assert claim.subscribe(registry.topic("mine", "status")) == "NOT_AUTHORIZED"
    assert claim.subscribe("#") == "NOT_AUTHORIZED"
    other_template = "$aws/provisioning-templates/other/provision/json"
    assert claim.publish(other_template, {}) == "NOT_AUTHORIZED"
    for client_id in ("mine", "from-the-factory"):
        with pytest.raises(PermissionError), Connection(registry.broker, claim.identity, client_id):
            pass


# ── fifty of them, and whatever dies ─────────────────────────────────────────────────────────────────

CAMERAS: Final = 50
CROWDS: Final = 5
DEATHS: Final = 4


def test_every_picture_of_fifty_cameras_is_decided_and_told_whatever_dies(
    deployment: Deployment, registry: Registry, tmp_path: Path
) -> None:
    """Their connections are cut, their processes and our workers killed; nothing that was uploaded is unheard of."""
    log, contents = tmp_path / "log", dict[str, list[bytes]]()
    crowds = [tmp_path / f"crowd-{number}.json" for number in range(CROWDS)]
    names = [f"of-fifty-{number:02d}" for number in range(CAMERAS)]
    with Line(registry.broker) as line, Listener(registry, tmp_path) as listener, _few_at_a_time(deployment):
        cameras: list[dict[str, str]] = [{} for _ in crowds]
        for number, name in enumerate(names):
            folder = tmp_path / name
            folder.mkdir()
            contents[name] = _pictures_of(number)
            for each, content in enumerate(contents[name]):
                (folder / f"{each}.png").write_bytes(content)
            file = registry.device_file(name, registry.add(name), port=line.port)
            cameras[number % CROWDS][str(file)] = str(folder)
        for file, those in zip(crowds, cameras, strict=True):
            Crowd(those, str(log), patience=4, in_message=2000).write(file)
        uploaded = {key_of(name, content): content for name in names for content in contents[name]}

        def is_over() -> bool:
            is_forgotten = not list(tmp_path.glob("of-fifty-*/*.png"))
            return is_forgotten and uploaded.keys() <= listener.told().keys()

        deaths = _storm(deployment, line, crowds, tmp_path, is_over)

    assert all(number > 0 for number in deaths.values()), deaths
    for key, content in uploaded.items():
        outcome = "FAILED" if content.startswith(BAD) else "READY"
        _, name, image_id = key.split("/")
        assert (deployment.row(key) or {})["status"] == outcome
        assert listener.told()[key] == {outcome}
        assert (tmp_path / name / outcome.lower() / f"{image_id}.png").exists()
    said = [json.loads(text) for text in log.read_text().splitlines() if text.endswith("}")]
    for message in [*said, *({"kind": "status", "said": status} for _, status in listener.statuses)]:
        require_valid(message["kind"], message["said"])
    assert {message["kind"] for message in said} >= {"request", "accepted", "status"}
    ways = {"upload" in message["said"] for message in said if message["kind"] == "accepted"}
    assert ways == {True, False}, "by a PUT and in the message"


def _pictures_of(number: int) -> list[bytes]:
    """A small one, which goes into a message, and a large one; of every tenth camera, either is no image."""
    good = [
        picture(f"#60{number:02d}00"),
        picture(f"#60{number:02d}01", size=(640, 480), image_format="JPEG"),
    ]
    bad = [b"%b: %d" % (BAD, number), b"%b: %d%b" % (BAD, number, bytes(5000))]
    return [bad[each] if number % 10 == each else good[each] for each in range(2)]


def _storm(
    deployment: Deployment, line: Line, crowds: list[Path], tmp_path: Path, is_over: Callable[[], bool]
) -> dict[str, int]:
    """Run the cameras, and let everything die some times; how often what died."""
    functions = deployment.outputs["devices"]["function_names"]
    victims = {
        "asks": functions["asks"],
        "status": functions["status"],
        "publisher": deployment.publisher,
        "renderer": deployment.outputs["function_name"],
    }
    deaths = dict.fromkeys(["crowd", "line", *victims], 0)
    chance = random.Random(19)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / each) for each in ("tests", "functions")),
    }

    def started(crowd: Path) -> subprocess.Popen[bytes]:
        with (tmp_path / "output").open("ab") as output:
            command = [sys.executable, "-m", "support.crowd", str(crowd)]
            return subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    def let_die() -> None:
        mortal = [each for each, times in deaths.items() if times < DEATHS]
        spared = (each for each in victims if not deaths[each] and deployment.workers(victims[each]))
        what = next(spared, chance.choice(mortal)) if mortal else ""
        if what == "crowd":
            crowd = chance.choice(crowds)
            running[crowd].kill()
            running[crowd].wait()
            running[crowd] = started(crowd)
        elif what == "line":
            line.cut()
        elif what and (workers := deployment.workers(victims[what])):
            chance.choice(workers).kill()
        else:
            return
        deaths[what] += 1

    def is_calm() -> bool:
        let_die()
        if all(times == DEATHS for times in deaths.values()):
            # Dead letters are redriven, as an operator does when a storm is over.
            deployment.redrive()
        return is_over() and all(deaths.values())

    running = {crowd: started(crowd) for crowd in crowds}
    try:
        eventually("every picture is forgotten and told", is_calm)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return deaths


@contextlib.contextmanager
def _few_at_a_time(deployment: Deployment) -> Iterator[None]:
    """Answer a few devices at a time: a hundred new processes at once would get nothing done in their seconds."""
    function = deployment.outputs["devices"]["function_names"]["asks"]
    deployment.lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=3)
    try:
        with deployment.visibility(5):
            yield
    finally:
        deployment.lambda_.delete_function_concurrency(FunctionName=function)


class Listener(Connection):
    """Somebody who hears what is said to all cameras on their topics of statuses, because this account lets them."""

    def __init__(self, registry: Registry, directory: Path) -> None:
        allowed = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        with contextlib.suppress(registry.iot.exceptions.ResourceAlreadyExistsException):
            registry.iot.create_policy(policyName="listening", policyDocument=document)
        super().__init__(registry.broker, Identity.made(registry.iot, directory, "listening"), "listening")
        self._topic = registry.topic("+", "status")
        self.statuses: list[tuple[str, Any]] = []
        """By the beginning of a key, what was said of an image."""

    def __enter__(self) -> Listener:
        super().__enter__()
        assert self.subscribe(self._topic) == "GRANTED_QOS_1"
        return self

    def told(self) -> dict[str, set[str]]:
        """The statuses of each image so far, by the end of its key."""
        with contextlib.suppress(queue.Empty):
            while True:
                topic, said = self.heard.get_nowait()
                self.statuses.append((topic.split("/")[-3], json.loads(said)))
        told: dict[str, set[str]] = {}
        for thing, said in self.statuses:
            told.setdefault(f"things/{thing}/{said['id']}", set()).add(said["status"])
        return told
