"""thumbctl devices: adding and revoking, whatever interrupts it, and what is told of devices; and of keys nothing."""

from __future__ import annotations

import itertools
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from support.operated import REGION, Operated, operated
from thumbctl.app import app
from thumbctl.devices import audit as audits
from thumbctl.devices import kit
from thumbctl.devices.audit import audit
from thumbctl.devices.registry import Registry
from thumbctl.doctor.checks import CHECKS, CheckOutcome, Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TYPE, POLICY, ENDPOINT = "photos-device", "photos-device", "abc-ats.iot.eu-central-1.amazonaws.com"
REFUSED = EndpointConnectionError(endpoint_url=f"https://iot.{REGION}.amazonaws.com")


class Fleet:
    """A deployment with devices, and what goes wrong with the calls to AWS IoT."""

    def __init__(self, stack: Operated) -> None:
        self.stack = stack
        self.iot = boto3.client("iot", region_name=REGION)
        self.calls = 0
        self.trouble: Callable[[str, int], None] = lambda *_: None
        """Called before and after each call, with the number of the call."""
        self.connected: set[str] = set()
        self.attached_as: list[str] = []
        self.iot.create_thing_type(thingTypeName=TYPE)
        self.iot.create_thing_type(thingTypeName="lamp")
        self.iot.create_policy(policyName=POLICY, policyDocument="{}")
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        stack.dynamodb.create_table(
            TableName="asks",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("owner", "what")],
            KeySchema=[
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "what", "KeyType": "RANGE"},
            ],
        )
        self.output: dict[str, Any] = {
            "thing_type": TYPE, "policy_name": POLICY, "topic_prefix": "cameras", "endpoint": ENDPOINT,
            "asks_table_name": "asks", "provisioning_template": "photos-claim", "role_alias": None, "url_minutes": 15,
            "limits": {"bytes": 1000, "types": [], "asks_a_minute": 60, "bytes_a_day": 10_000_000},
        }  # fmt: skip
        stack.outputs |= {"source_bucket": "uploads", "source_prefix": "in/", "devices": self.output}
        for name, client in {
            "iot": self.iot,
            "iot-data": SimpleNamespace(delete_connection=self._end),
            "s3": s3,
        }.items():
            setattr(stack, name, client)
        self.s3 = s3
        events = self.iot.meta.events
        events.register("provide-client-params.iot.AttachThingPrincipal", self._attaching)
        events.register_last("before-call.iot", self._before)
        events.register_last("after-call.iot", self._after)

    def _attaching(self, params: dict[str, Any], **_: Any) -> None:
        self.attached_as.append(params.get("thingPrincipalType", ""))

    def _before(self, **_: Any) -> None:
        self.calls += 1
        self.trouble("before", self.calls)

    def _after(self, **_: Any) -> None:
        self.trouble("after", self.calls)

    def _end(self, *, clientId: str, cleanSession: bool) -> None:  # noqa: N803 - boto3's names
        self._before()
        assert cleanSession
        if clientId not in self.connected:
            raise refused("ResourceNotFoundException", "DeleteConnection")
        self.connected.remove(clientId)
        self._after()

    @property
    def registry(self) -> Registry:
        return Registry(self.iot, TYPE, POLICY)

    def things(self) -> list[str]:
        return [each["thingName"] for each in self.iot.list_things()["things"]]

    def statuses(self) -> list[str]:
        return sorted(each["status"] for each in self.iot.list_certificates()["certificates"])

    def let_in(self) -> list[str]:
        return self.iot.list_targets_for_policy(policyName=POLICY)["targets"]

    def certificate(self, *, active: bool = True) -> Any:
        """A certificate that nobody has attached to anything."""
        return self.iot.create_keys_and_certificate(setAsActive=active)

    def could_be_claimed(self, name: str) -> bool:
        """Whether the hook would let somebody with a claim certificate be this device."""
        thing = self.registry.thing(name)
        return thing is not None and thing.thing_type == TYPE and not self.registry.principals(name)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr("thumbctl.devices.registry.time.sleep", lambda _: None)
    with operated(monkeypatch) as stack:
        yield Fleet(stack)


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["devices", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: object) -> dict[str, Any]:
    code, out, complaints = run(*arguments, "--json")
    assert code == 0, complaints
    (line,) = out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def at(number: int, trouble: BaseException, moment: str, *, for_ever: bool = False) -> Callable[[str, int], None]:
    """Trouble with one call, or from then on."""

    def arise(when: str, call: int) -> None:
        if when == moment and (call >= number if for_ever else call == number):
            raise trouble

    return arise


def a_request(tmp_path: Path) -> Path:
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera-7")])
    request = x509.CertificateSigningRequestBuilder().subject_name(named)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    file = tmp_path / "camera-7.csr"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return file


# ── add ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_device_gets_what_it_needs_and_nobody_else_sees_the_key(
    fleet: Fleet, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = os.umask(0)
    try:
        code, out, complaints = run("add", "camera-7", "--to", tmp_path / "a")
        as_json = told("add", "camera:8", "--to", tmp_path / "b")
    finally:
        os.umask(before)
    assert (code, complaints) == (0, "")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "a").iterdir()}
    assert modes == {"private.key": 0o600, "certificate.pem": 0o644, "device.json": 0o644}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert json.loads((tmp_path / "a" / "device.json").read_text()) == {
        "endpoint": ENDPOINT, "port": 8883, "thing": "camera-7", "topic_prefix": "cameras",
        "certificate": "certificate.pem", "key": "private.key",
        "ca": None, "ca_url": "https://www.amazontrust.com/repository/AmazonRootCA1.pem",
    }  # fmt: skip
    printed = [out, json.dumps(as_json), *capfd.readouterr(), caplog.text]
    for directory in ("a", "b"):
        text = (tmp_path / directory / "private.key").read_text()
        key = serialization.load_pem_private_key(text.encode(), None)
        certificate = x509.load_pem_x509_certificate((tmp_path / directory / "certificate.pem").read_bytes())
        assert certificate.public_key() == key.public_key()
        assert not any(line in each for line in text.splitlines() for each in printed)
    assert (as_json["state"], as_json["files"]) == (
        "added", [str(tmp_path / "b" / name) for name in ("certificate.pem", "device.json", "private.key")]
    )  # fmt: skip
    for name in ("camera-7", "camera:8"):
        (certificate_found,) = fleet.registry.certificates(name)
        assert certificate_found.status == "ACTIVE"
        assert certificate_found.arn in fleet.let_in()
    assert fleet.attached_as == ["EXCLUSIVE_THING", "EXCLUSIVE_THING"]


def test_a_device_may_keep_its_own_key(fleet: Fleet, tmp_path: Path) -> None:
    assert told("add", "camera-7", "--csr", a_request(tmp_path), "--to", tmp_path / "a")["state"] == "added"
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["certificate.pem", "device.json"]
    assert json.loads((tmp_path / "a" / "device.json").read_text())["key"] == "private.key", "where it puts its own"
    assert fleet.statuses() == ["ACTIVE"]


def test_a_device_waits_for_its_claim_until_it_is_given_a_certificate(fleet: Fleet, tmp_path: Path) -> None:
    assert told("add", "camera-7", "--by-claim")["provisioning_template"] == "photos-claim"
    assert fleet.could_be_claimed("camera-7")
    assert told("add", "camera-7", "--to", tmp_path)["state"] == "added"
    assert (fleet.things(), fleet.statuses(), fleet.could_be_claimed("camera-7")) == (["camera-7"], ["ACTIVE"], False)


@pytest.mark.usefixtures("fleet")
def test_on_a_local_stack_the_authority_comes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = kit.Broker("127.0.0.1", 18883, "-----BEGIN CERTIFICATE-----")
    monkeypatch.setattr("thumbctl.devices.command.broker_of", lambda *_: local)
    told("add", "camera-7", "--to", tmp_path)
    config = json.loads((tmp_path / "device.json").read_text())
    assert {name: config[name] for name in ("endpoint", "port", "ca", "ca_url")} == {
        "endpoint": "127.0.0.1", "port": 18883, "ca": "ca.pem", "ca_url": None
    }  # fmt: skip
    assert (tmp_path / "ca.pem").read_text() == local.ca


def refusals() -> dict[str, tuple[tuple[str, ...], str]]:
    """Arguments that are refused, `{}` being a directory, and what is said."""
    return {
        "name": (("gate 3", "--to", "{}"), "letters, digits, colons"),
        "no place": (("new",), "--by-claim"),
        "both": (("new", "--to", "{}", "--by-claim"), "--by-claim"),
        "request by claim": (("new", "--csr", "{}/camera-7.csr", "--by-claim"), "asks for its"),
        "there": (("there", "--to", "{}/x"), "thumbctl devices revoke there"),
        "there, by claim": (("there", "--by-claim"), "thumbctl devices revoke there"),
        "waits": (("waits", "--by-claim"), "waits for its claim already"),
        "foreign": (("lamp", "--to", "{}/x"), "of the type lamp"),
        "foreign, no type": (("loose", "--to", "{}/x"), "without a type"),
        "half revoked": (("going", "--to", "{}/x"), "thumbctl devices revoke going"),
        "a key there": (("new", "--to", "{}/old"), "private.key already"),
        "a file": (("new", "--to", "{}/old/private.key/x"), "cannot be made"),
        "no request": (("new", "--csr", "{}/none", "--to", "{}/x"), "No such file"),
        "a key for a request": (("new", "--csr", "{}/old/private.key", "--to", "{}/x"), "must not leave the device"),
        "no pem": (("new", "--csr", "{}/picture", "--to", "{}/x"), "it is no PEM"),
        "another pem": (("new", "--csr", "{}/old/other", "--to", "{}/x"), "no certificate signing request"),
    }


def test_what_cannot_be_added_is_refused_with_the_remedy_and_changes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    told("add", "there", "--to", tmp_path / "there")
    told("add", "waits", "--by-claim")
    fleet.iot.create_thing(thingName="lamp", thingTypeName="lamp")
    fleet.iot.create_thing(thingName="loose")
    fleet.iot.create_thing(thingName="going", attributePayload={"attributes": {"revoked_from": TYPE}})
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "private.key").write_text("-----BEGIN RSA PRIVATE KEY-----")
    (tmp_path / "old" / "other").write_text("-----BEGIN CERTIFICATE-----")
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    a_request(tmp_path)
    before = (sorted(fleet.things()), fleet.statuses(), sorted(tmp_path.rglob("*")))
    for what, (arguments, said) in refusals().items():
        code, _, complaints = run("add", *(each.format(tmp_path) for each in arguments))
        assert (code, said in complaints) == (2, True), f"{what}: {complaints}"
        assert (sorted(fleet.things()), fleet.statuses(), sorted(tmp_path.rglob("*"))) == before, what
    assert (tmp_path / "old" / "private.key").read_text() == "-----BEGIN RSA PRIVATE KEY-----"


def test_without_provisioning_nothing_waits_for_a_claim(fleet: Fleet) -> None:
    fleet.output["provisioning_template"] = None
    code, _, complaints = run("add", "camera-7", "--by-claim")
    assert (code, "devices.provisioning" in complaints, fleet.things()) == (2, True, [])


def test_without_devices_there_is_nothing_to_see(fleet: Fleet, tmp_path: Path) -> None:
    del fleet.stack.outputs["devices"]
    for arguments in (["list"], ["add", "camera-7", "--to", tmp_path], ["revoke", "camera-7"], ["show", "camera-7"]):
        code, _, complaints = run(*arguments)
        assert (code, "the module's input 'devices'" in complaints) == (2, True), arguments


def test_of_two_who_add_the_same_device_one_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    def quicker(**_: Any) -> Any:
        raise refused("ResourceAlreadyExistsException", "CreateThing")

    fleet.iot.meta.events.register("before-call.iot.CreateThing", quicker)
    code, _, complaints = run("add", "camera-7", "--to", tmp_path)
    assert (code, "Somebody else adds camera-7" in complaints, list(tmp_path.iterdir())) == (2, True, [])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), REFUSED], ids=["interrupted", "refused"])
def test_adding_that_fails_at_any_call_is_taken_back(
    fleet: Fleet, tmp_path: Path, trouble: BaseException, moment: str
) -> None:
    for number in itertools.count(1):
        fleet.trouble = at(number, trouble, moment)
        fleet.calls = 0
        code, out, complaints = run("add", "camera-7", "--to", tmp_path / "new")
        fleet.trouble = lambda *_: None
        if code == 0:
            break
        assert code == (130 if isinstance(trouble, KeyboardInterrupt) else 2), (number, out, complaints)
        assert (fleet.things(), fleet.let_in(), (tmp_path / "new").exists()) == ([], [], False), number
        assert "ACTIVE" not in fleet.statuses(), "what may have been made without our knowledge lets nobody in"
        if number > 1:
            assert "Nothing is left of it." in complaints
            assert bool(fleet.statuses()) == ("nobody has its key" in complaints and moment == "after")
        for orphan in fleet.iot.list_certificates()["certificates"]:
            fleet.iot.delete_certificate(certificateId=orphan["certificateId"])
    assert number == 7, "describe, create thing, create certificate, attach twice, activate"
    assert (fleet.things(), fleet.statuses()) == (["camera-7"], ["ACTIVE"])


def test_adding_that_cannot_be_taken_back_says_what_is_left_and_the_remedy_works(fleet: Fleet, tmp_path: Path) -> None:
    for number in range(2, 7):
        fleet.trouble = at(number, REFUSED, "after", for_ever=True)
        fleet.calls = 0
        code, _, complaints = run("add", "camera-7", "--to", tmp_path / "new")
        fleet.trouble = lambda *_: None
        assert (code, "What is left: " in complaints, (tmp_path / "new").exists()) == (2, True, False), complaints
        assert "thumbctl devices revoke camera-7" in complaints
        assert (number > 3) == ("its certificate" in complaints), complaints
        assert (number > 3) == ("aws iot update-certificate --new-status REVOKED" in complaints), complaints
        assert run("revoke", "camera-7", "--yes")[0] == 0
        assert (fleet.things(), fleet.let_in()) == ([], [])
    told("add", "camera-7", "--to", tmp_path / "new")


@pytest.mark.parametrize("call", ["AttachThingPrincipal", "AttachPolicy", "UpdateCertificate"])
def test_who_may_not_do_all_of_it_leaves_nothing(fleet: Fleet, tmp_path: Path, call: str) -> None:
    def deny(model: Any, **_: Any) -> Any:
        if model.name not in {call, call.replace("Attach", "Detach")}:
            return None
        said = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
        return SimpleNamespace(status_code=403), {**said, "ResponseMetadata": {"HTTPStatusCode": 403}}

    fleet.iot.meta.events.register("before-call.iot", deny)
    code, _, complaints = run("add", "camera-7", "--to", tmp_path / "new")
    assert (code, "Nothing is left of it." in complaints) == (2, True), complaints
    assert (fleet.things(), fleet.statuses(), (tmp_path / "new").exists()) == ([], [], False)


def test_a_full_disk_leaves_nothing(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thumbctl.devices.kit.os.fsync", full)
    code, _, complaints = run("add", "camera-7", "--to", tmp_path / "new")
    assert (code, "make room" in complaints, fleet.things(), fleet.statuses()) == (2, True, [], [])
    assert not (tmp_path / "new").exists()


# ── revoke ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_device_is_out(fleet: Fleet, tmp_path: Path) -> None:
    told("add", "camera-7", "--to", tmp_path)
    fleet.connected.add("camera-7")
    code, out, _ = run("revoke", "camera-7", "--yes")
    assert code == 0
    for words in ("connection is ended", "15 minutes at most", "Its images stay: s3://uploads/in/things/camera-7/"):
        assert words in out
    assert "role alias" not in out
    assert (fleet.things(), fleet.statuses(), fleet.let_in(), fleet.connected) == ([], ["REVOKED"], [], set())
    code, _, complaints = run("revoke", "camera-7", "--yes")
    assert (code, "There is no device camera-7" in complaints) == (2, True)


def test_what_cannot_be_ended_is_said(fleet: Fleet, tmp_path: Path) -> None:
    fleet.output["role_alias"] = {"name": "photos", "endpoint": "abc.credentials.iot"}
    told("add", "camera-7", "--to", tmp_path / "7")
    told("add", "camera-8", "--to", tmp_path / "8")
    said = told("revoke", "camera-7", "--yes")
    now = datetime.now(UTC)
    assert said["connection"] == "none"
    for until, minutes in {"uploads_until": 15, "credentials_until": 15}.items():
        assert abs(datetime.fromisoformat(said[until]) - now - timedelta(minutes=minutes)) < timedelta(seconds=30)

    def denied(**_: Any) -> None:
        raise refused("ForbiddenException", "DeleteConnection")

    setattr(fleet.stack, "iot-data", SimpleNamespace(delete_connection=denied))
    _, out, _ = run("revoke", "camera-8", "--yes")
    assert "AWS ends its connection within some minutes" in out
    assert "by the role alias are good for 15 minutes at most" in out


def test_it_asks_and_says_who_loses_a_shared_certificate_too(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("add", "camera-7", "--to", tmp_path)
    fleet.iot.create_thing(thingName="twin", thingTypeName=TYPE)
    (principal,) = fleet.registry.principals("camera-7")
    fleet.iot.attach_thing_principal(thingName="twin", principal=principal)
    asked: list[str] = []
    monkeypatch.setattr("thumbctl.devices.command.ask", lambda question, **_: asked.append(question))
    run("revoke", "camera-7")
    (question,) = asked
    assert "Revoke camera-7 with 1 certificate for good? twin have the same certificate" in question


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), REFUSED], ids=["interrupted", "refused"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_revoking_goes_on_after_any_call_and_leaves_no_way_in(
    fleet: Fleet, tmp_path: Path, trouble: BaseException, moment: str
) -> None:
    # List, revoke, take the type, detach twice, disconnect, delete: the question takes three calls before.
    for number in range(1, 8):
        told("add", "camera-7", "--to", tmp_path / str(number))
        (principal,) = fleet.registry.principals("camera-7")
        fleet.connected.add("camera-7")
        fleet.calls = 0
        fleet.trouble = at(number + 3, trouble, moment)
        code, _, complaints = run("revoke", "camera-7", "--yes")
        fleet.trouble = lambda *_: None
        assert fleet.calls >= number + 3
        if number == 6 and trouble is REFUSED:
            assert code == 0, "AWS ends the connection itself"
            continue
        assert "thumbctl devices revoke camera-7' goes on" in complaints, complaints
        assert not fleet.could_be_claimed("camera-7"), number
        again, _, complaints = run("revoke", "camera-7", "--yes")
        assert again == (2 if "There is no device" in complaints else 0), complaints
        assert fleet.registry.certificate(principal).status == "REVOKED"
        assert (fleet.things(), fleet.let_in()) == ([], [])
        fleet.connected.clear()


def test_a_thing_of_somebody_else_is_left_alone(fleet: Fleet) -> None:
    fleet.iot.create_thing(thingName="lamp", thingTypeName="lamp")
    code, _, complaints = run("revoke", "lamp", "--yes")
    assert (code, "leave it to whoever made it" in complaints, fleet.things()) == (2, True, ["lamp"])


# ── list and show ────────────────────────────────────────────────────────────────────────────────────


def test_devices_are_listed_with_what_lets_them_in(fleet: Fleet, tmp_path: Path) -> None:
    told("add", "active", "--to", tmp_path)
    told("add", "waiting", "--by-claim")
    fleet.iot.create_thing(thingName="inactive", thingTypeName=TYPE)
    inactive = fleet.certificate(active=False)["certificateArn"]
    fleet.iot.attach_thing_principal(thingName="inactive", principal=inactive)
    fleet.iot.create_thing(thingName="lamp", thingTypeName="lamp")
    code, out, _ = run("list", "--json")
    seen = {each["thing"]: each for each in map(json.loads, out.splitlines())}
    assert (code, {name: each["state"] for name, each in seen.items()}) == (
        0, {"active": "active", "waiting": "waiting", "inactive": "inactive"}
    )  # fmt: skip
    assert [each["status"] for each in seen["active"]["certificates"]] == ["ACTIVE"]
    assert [name for name in seen if seen[name]["added_at"]] == ["active", "waiting"]
    _, out, _ = run("list", "--limit", 2)
    assert "These are 2: there are more" in out


def test_many_devices_come_page_by_page(fleet: Fleet) -> None:
    for number in range(260):
        fleet.iot.create_thing(thingName=f"camera-{number}", thingTypeName=TYPE)
    assert len(run("list", "--json")[1].splitlines()) == 260
    assert "These are 100: there are more" in run("list")[1]
    fleet.calls = 0
    assert len(run("list", "--json", "--limit", 3)[1].splitlines()) == 3
    assert fleet.calls < 10, "no more is asked for than is shown"


@pytest.mark.usefixtures("fleet")
def test_without_devices_it_says_how_to_add_one() -> None:
    assert run("list") == (0, "There is no device: see 'thumbctl devices add'.\n", "")


def test_a_device_is_shown_with_quota_images_and_failures(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("add", "camera-7", "--to", tmp_path)
    now = 1_795_000_000
    monkeypatch.setattr("thumbctl.devices.showing.time.time", lambda: now)
    counted = {"bytes_asked": {"N": "4000000"}, f"m{now % 86_400 // 60}": {"N": "12"}, "m1": {"N": "9"}}
    day = datetime.fromtimestamp(now, UTC).strftime("day#%Y-%m-%d")
    key = {"owner": {"S": "camera-7"}, "what": {"S": day}}
    fleet.stack.dynamodb.put_item(TableName="asks", Item={**key, **counted})
    for name in ("a", "b"):
        fleet.s3.put_object(Bucket="uploads", Key=f"in/things/camera-7/{name}", Body=b"12345")
    fleet.s3.put_object(Bucket="uploads", Key="in/things/camera-70/c", Body=b"12345")
    fleet.stack.fail("in/things/camera-7/b", reason="corrupt")
    fleet.stack.fail("in/things/camera-70/c", reason="corrupt")
    said = told("show", "camera-7")
    assert said["used"] == {"bytes_today": 4_000_000, "asks_this_minute": 12}
    assert (said["images"], said["limits"]) == (2, {"bytes_a_day": 10_000_000, "asks_a_minute": 60})
    became = {each["key"]: (each["status"], each["reason"]) for each in said["newest"]}
    assert became == {"in/things/camera-7/a": (None, None), "in/things/camera-7/b": ("FAILED", "corrupt")}
    assert [each["key"] for each in said["failures"]] == ["in/things/camera-7/b"]
    _, out, _ = run("show", "camera-7")
    for words in (
        "camera-7: active",
        "4.0 MB of 10.0 MB",
        "12 of 60 uploads",
        "not decided",
        "--key 'in/things/camera-7/*'",
    ):
        assert words in out
    fleet.iot.create_thing(thingName="going", attributePayload={"attributes": {"revoked_from": TYPE}})
    assert "Its revocation was interrupted" in run("show", "going")[1]
    assert "It has no images." in run("show", "going")[1]


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────────


def check(fleet: Fleet) -> tuple[str, str]:
    found = CHECKS["devices"](Evidence(fleet.stack.stack))
    return found.outcome, f"{found.says} {found.remedy}"


def test_the_doctor_finds_what_does_not_fit_together(fleet: Fleet, tmp_path: Path) -> None:
    assert check(fleet)[0] == CheckOutcome.OK
    told("add", "camera-7", "--to", tmp_path)
    told("add", "waiting", "--by-claim")
    assert (
        "of 2 devices fit the policy; without one, for they wait for their claim: 1" in check(fleet)[1],
        check(fleet)[0],
    ) == (True, CheckOutcome.OK)
    fleet.output["provisioning_template"] = None
    assert ("waiting" in check(fleet)[1], check(fleet)[0]) == (True, CheckOutcome.WARN)
    parted = fleet.certificate()
    fleet.iot.attach_policy(policyName=POLICY, target=parted["certificateArn"])
    assert (parted["certificateId"] in check(fleet)[1], check(fleet)[0]) == (True, CheckOutcome.WARN)
    second = fleet.certificate()["certificateArn"]
    fleet.iot.attach_thing_principal(thingName="camera-7", principal=second)
    assert ("more than one certificate: camera-7" in check(fleet)[1], check(fleet)[0]) == (True, CheckOutcome.WARN)
    fleet.iot.create_thing(thingName="lamp", thingTypeName="lamp")
    foreign = fleet.certificate()["certificateArn"]
    fleet.iot.attach_policy(policyName=POLICY, target=foreign)
    fleet.iot.attach_thing_principal(thingName="lamp", principal=foreign)
    assert (foreign in check(fleet)[1], check(fleet)[0]) == (True, CheckOutcome.FAIL)
    fleet.stack.outputs.pop("devices")
    assert check(fleet)[0] == CheckOutcome.OK


def test_of_a_large_fleet_the_doctor_looks_at_a_part(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        told("add", name, "--to", tmp_path / name)
    monkeypatch.setattr(audits, "_MOST", 2)
    found = audit(fleet.registry)
    assert (found.devices, found.all_of_them, found.foreign, found.parted) == (2, False, [], [])
    assert "the first 2 devices" in check(fleet)[1]
