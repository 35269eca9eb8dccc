"""`make acceptance` without an instance: what it costs, whom it asks, and that it cleans up whatever happens."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from devtools.acceptance import __main__ as acceptance
from devtools.acceptance import instance as instances
from devtools.acceptance import price
from devtools.acceptance.checks import CDN_IS_OFF, CHECKS, Check, findings
from devtools.acceptance.findings import CheckFailed, Finding, Verdict
from devtools.acceptance.instance import Instance
from devtools.acceptance.places import Place
from devtools.acceptance.report import Report
from devtools.acceptance.run import Run
from devtools.errors import DevtoolsError
from devtools.localaws.stack import REPOSITORY
from devtools.localaws.terraform import Root
from devtools.motoserver import __main__ as motoserver
from thumbctl.costs.model import Model, PricedStack, total
from thumbctl.interrupts import terminate_as_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCS = REPOSITORY / "docs" / "acceptance.md"


class Account:
    """What is called by the instance's name in an account, as three services tell of it."""

    def __init__(self) -> None:
        self.queues: list[str] = []

    def client(self, service: str, config: object = None) -> Account:
        assert (service in {"ssm", "sqs", "logs"}, config) == (True, None)
        return self

    def get_parameters(self, **_: object) -> dict[str, Any]:
        return {"Parameters": []}

    def list_queues(self, **_: object) -> dict[str, Any]:
        return {"QueueUrls": self.queues}

    def describe_log_groups(self, **_: object) -> dict[str, Any]:
        return {"logGroups": []}


@dataclass(frozen=True)
class Terraform(Root):
    """A Terraform that makes two things, or what of them it gets to; `trouble` is raised at a subcommand, once."""

    trouble: dict[str, BaseException] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    devices: dict[str, str] | None = None

    def run(self, subcommand: str, *_arguments: str) -> str:
        self.ran.append(subcommand)
        if subcommand == "apply":
            self.know("aws_sqs_queue", "aws_kms_key")
        if problem := self.trouble.pop(subcommand, None):
            raise problem
        if subcommand == "destroy":
            self.know()
        if subcommand == "show":
            created = {"mode": "managed", "address": "a", "change": {"actions": ["create"]}}
            return json.dumps({"resource_changes": [created, {**created, "mode": "data"}, created]})
        return ""

    def outputs(self) -> dict[str, Any]:
        self.run("output")
        return {"pipeline": {"devices": self.devices}}

    def know(self, *types: str) -> None:
        resources = [{"mode": "managed", "type": each, "name": "this", "instances": [{}]} for each in types]
        (self.directory / "terraform.tfstate").write_text(json.dumps({"resources": resources}))


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def instance(tmp_path: Path, account: Account) -> Instance:
    directory = tmp_path / "build" / "acceptance"
    directory.mkdir(parents=True)
    place = Place("123456789012", "eu-central-1", {}, account.client, tmp_path)
    return Instance("acceptance", directory, place, Terraform(tmp_path, directory))


def passing(_: object) -> str:
    return "It is so."


GOOD = Check("good", "https://example.com/", passing)


def run(instance: Instance, *checks: Check, agree: Callable[[str], bool] = lambda _: True) -> Run:
    return Run(instance, Console(quiet=True), agree, checks=checks or (GOOD,))


def troubled(instance: Instance, subcommand: str, problem: BaseException) -> Instance:
    terraform = instance.root
    assert isinstance(terraform, Terraform)
    return replace(instance, root=replace(terraform, trouble={subcommand: problem}))


def ran(instance: Instance) -> list[str]:
    assert isinstance(instance.root, Terraform)
    return instance.root.ran


def written(instance: Instance) -> dict[str, str]:
    """How everything ended, by the report."""
    document = json.loads((instance.directory.parent / "report.json").read_text())
    return {each["name"]: each["verdict"] for each in document["findings"]}


# ── what it costs, and whom it asks ──────────────────────────────────────────────────────────────────


def test_a_run_costs_a_dollar_at_most() -> None:
    assert 0.01 < price.dollars() <= price.MOST_DOLLARS == 1
    assert round(100 * price.dollars()) == 7
    assert "seven cents" in DOCS.read_text(encoding="utf-8")


def test_an_hour_is_charged_of_what_stands_and_all_of_what_is_done() -> None:
    model = Model.load()
    hour = total(model.idle(PricedStack())) / 730 * price.HOURS
    assert price.dollars() > hour + total(model.once(price.IMAGES, price.WORKLOAD))
    charged = {line.what for line in price.lines()}
    for service in (
        "Kinesis",
        "Cognito",
        "API Gateway",
        "EventBridge",
        "Firehose",
        "KMS",
        "CloudWatch",
        "Lambda",
        "IoT Core",
    ):
        assert service in {line.service for line in price.lines()}
    assert {"dashboards", "alarms", "custom metrics"} <= charged


def test_nothing_is_made_that_would_cost_more(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price, "MOST_DOLLARS", 0.01)
    with pytest.raises(DevtoolsError, match=r"it would cost \$0\.\d\d, and \$0\.01 is the most it may"):
        run(instance).accept()
    assert ran(instance) == ["plan", "show"]


def test_number_and_price_are_said_before_anybody_is_asked(instance: Instance) -> None:
    out, asked = Console(file=StringIO(), width=300), list[str]()

    def agree(question: str) -> bool:
        asked.append(question)
        return False

    assert Run(instance, out, agree, checks=(GOOD,)).accept() is None
    assert isinstance(out.file, StringIO)
    said = out.file.getvalue()
    assert "2 resources in eu-central-1 of account 123456789012, called acceptance" in said
    assert f"${price.dollars():.2f}" in said
    assert asked == ["Apply, try and destroy them?"]
    assert ran(instance) == ["plan", "show"]


def test_a_name_that_is_taken_is_left_alone(instance: Instance, account: Account) -> None:
    account.queues = ["https://sqs.eu-central-1.amazonaws.com/123456789012/acceptance-work"]
    with pytest.raises(DevtoolsError, match=r"the name acceptance is taken in .* \(queue acceptance-work\)"):
        run(instance).accept()
    assert ran(instance) == []


def test_nobody_at_the_keyboard_agrees_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(DevtoolsError, match="YES=yes"):
        acceptance._agree("Apply?")


@pytest.mark.parametrize("name", ["", "a", "Photos", "a" * 21, "a_b", "../x"])
def test_a_name_that_nothing_can_be_called_after_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert acceptance.main([f"--name={name}"], build=tmp_path) == 1
    assert "is no name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# ── cleaning up ──────────────────────────────────────────────────────────────────────────────────────


def raising(problem: BaseException) -> Check:
    def fail(_: object) -> str:
        raise problem

    return Check("bad", "https://example.com/", fail)


@pytest.mark.parametrize("subcommand", ["apply", "output"])
@pytest.mark.parametrize("problem", [DevtoolsError("no"), RuntimeError("no")])
def test_an_apply_that_fails_is_destroyed(instance: Instance, subcommand: str, problem: BaseException) -> None:
    broken = troubled(instance, subcommand, problem)
    report = run(broken).accept()
    assert report
    assert not report.passed
    assert broken.left() == []
    assert written(broken) == {"apply": "failed", "destroy": "ok"}


@pytest.mark.parametrize("problem", [CheckFailed("no"), DevtoolsError("no"), KeyError("no"), AssertionError("no")])
def test_a_check_that_fails_keeps_nothing_from_being_tried_and_destroyed(
    instance: Instance, problem: BaseException
) -> None:
    report = run(instance, raising(problem), GOOD).accept()
    assert report
    assert not report.passed
    assert written(instance) == {"apply": "ok", "bad": "failed", "good": "ok", "destroy": "ok"}
    assert instance.left() == []


@pytest.mark.parametrize("subcommand", ["apply", "output"])
def test_an_interrupted_apply_is_destroyed(instance: Instance, subcommand: str) -> None:
    broken = troubled(instance, subcommand, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(broken).accept()
    assert broken.left() == []
    assert written(broken) == {"interrupted": "failed", "destroy": "ok"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_ends_it_in_order(instance: Instance, number: signal.Signals) -> None:
    def kill(_: object) -> str:
        os.kill(os.getpid(), number)
        return "It goes on."

    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        run(instance, Check("bad", "https://example.com/", kill), GOOD).accept()
    assert instance.left() == []
    assert written(instance) == {"apply": "ok", "interrupted": "failed", "destroy": "ok"}


@pytest.mark.parametrize("problem", [DevtoolsError("no"), KeyboardInterrupt()])
def test_what_cannot_be_destroyed_at_once_is_destroyed_then(instance: Instance, problem: BaseException) -> None:
    broken = troubled(instance, "destroy", problem)
    report = run(broken).accept()
    assert report
    assert report.passed
    assert broken.left() == []
    assert ran(broken).count("destroy") == 2


def test_what_is_left_is_told_and_destroyed_by_the_next_run(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Instance, **__: bool) -> None:
        raise DevtoolsError("the bucket is not empty")

    with monkeypatch.context() as patched:
        patched.setattr(Instance, "destroy", refuse)
        report = run(instance).accept()
    assert report
    (told,) = (each.says for each in report.findings if each.name == "destroy")
    assert told.startswith("2 resources are left in eu-central-1 of account 123456789012 (aws_sqs_queue.this")
    assert "the bucket is not empty" in told
    asked: list[str] = []

    def agree(question: str) -> bool:
        asked.append(question)
        return True

    assert run(instance, agree=agree).accept()
    assert asked == ["Destroy them?", "Apply, try and destroy them?"]
    assert ran(instance)[-8:] == ["output", "destroy", "plan", "show", "apply", "output", "output", "destroy"]


def test_what_was_left_is_destroyed_even_where_its_name_seems_taken(instance: Instance, account: Account) -> None:
    assert isinstance(instance.root, Terraform)
    instance.root.know("aws_sqs_queue")
    account.queues = ["https://sqs/acceptance-work"]
    cleaned = run(instance).clean_up()
    assert instance.left() == []
    # It is somebody else's, or Terraform lost sight of it: either way, somebody has to know.
    assert cleaned
    assert "there is still queue acceptance-work" in cleaned.says


@mock_aws
def test_devices_go_before_what_they_hold(instance: Instance, tmp_path: Path) -> None:
    """AWS IoT keeps a policy and a thing type for as long as a device has them."""
    iot = boto3.client("iot", region_name="eu-central-1")
    clients = {"iot": iot, "iot-data": SimpleNamespace(delete_connection=lambda **_: None)}
    iot.create_thing_type(thingTypeName="camera")
    iot.create_thing(thingName="camera-1", thingTypeName="camera")
    iot.create_thing(thingName="lamp")
    devices = {"thing_type": "camera", "policy_name": "cameras"}
    place = replace(instance.place, client=lambda service, _=None: clients[service])
    terraform = Terraform(tmp_path, instance.directory, devices=devices)
    replace(instance, place=place, root=terraform).destroy(refresh=False)
    assert terraform.ran == ["output", "destroy"]
    assert [each["thingName"] for each in iot.list_things()["things"]] == ["lamp"]


def test_nothing_is_destroyed_unless_somebody_agrees(instance: Instance) -> None:
    assert isinstance(instance.root, Terraform)
    instance.root.know("aws_sqs_queue")
    with pytest.raises(DevtoolsError, match="nothing was done"):
        run(instance, agree=lambda _: False).accept()
    assert instance.left() == ["aws_sqs_queue.this"]
    assert ran(instance) == []


def test_a_state_of_another_account_is_left_alone(tmp_path: Path, instance: Instance) -> None:
    """There, what it tells of would seem gone, and be forgotten."""
    Instance.at(instance.place, "acceptance", tmp_path)
    Terraform(tmp_path, tmp_path).know("aws_sqs_queue")
    Instance.at(instance.place, "acceptance", tmp_path)
    with pytest.raises(DevtoolsError, match="in eu-central-1 of account 123456789012, which was not destroyed"):
        Instance.at(replace(instance.place, account="999999999999"), "acceptance", tmp_path)


def test_what_is_being_made_in_an_account_is_made_to_the_end(tmp_path: Path, instance: Instance) -> None:
    """Else Terraform loses sight of it."""
    here = Instance.at(instance.place, "acceptance", tmp_path)
    there = Instance.at(replace(instance.place, endpoint_url="http://127.0.0.1:1"), "acceptance", tmp_path)
    assert here.root.patience == instances._PATIENCE_SECONDS > there.root.patience


# ── the table, and the report ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def applied(instance: Instance) -> Callable[..., Any]:
    @dataclass
    class Seen:
        place: Place
        cdn: bool

    return lambda emulated, cdn: Seen(replace(instance.place, endpoint_url="http://a" if emulated else None), cdn)


@pytest.mark.parametrize(
    ("check", "emulated", "cdn", "verdict", "says"),
    [
        (GOOD, True, False, Verdict.OK, "It is so."),
        (replace(GOOD, emulated="It cannot."), True, False, Verdict.NOT_HERE, "It cannot."),
        (replace(GOOD, emulated="It cannot."), False, False, Verdict.OK, "It is so."),
        (replace(GOOD, cdn=True), False, False, Verdict.NOT_HERE, CDN_IS_OFF),
        (replace(GOOD, cdn=True), False, True, Verdict.OK, "It is so."),
    ],
)
def test_a_check_runs_where_it_is_possible(
    applied: Callable[..., Any], check: Check, *, emulated: bool, cdn: bool, verdict: Verdict, says: str
) -> None:
    (finding,) = findings([check], applied(emulated, cdn))
    assert (finding.verdict, finding.says, finding.rule) == (verdict, says, check.rule)


def test_every_check_has_a_name_of_its_own_and_a_rule() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names) > 20
    assert not {check.name for check in CHECKS if not re.fullmatch(r"https://[^ ]+", check.rule)}
    # Those for CloudFront need what the emulator lacks.
    assert all(check.emulated for check in CHECKS if check.cdn)


def test_the_page_tells_of_every_check_and_of_none_that_is_not_there() -> None:
    text = DOCS.read_text(encoding="utf-8")
    listed = text.split("## True by rule, not by run\n")[1].split("\n## ")[0]
    _, _, *rows = (line for line in listed.splitlines() if line.startswith("|"))
    settling: set[str] = set()
    for row in rows:
        checks, by_hand, _ = row.rsplit(" | ", 1)[1].partition("by hand")
        named = re.findall(r"`([^`]+)`", checks)
        assert named or by_hand, row
        settling |= set(named)
    names = {check.name for check in CHECKS}
    assert settling <= names | {"apply"}
    assert {check.name for check in CHECKS if check.emulated} <= settling
    assert all(f"`{name}`" in text for name in names)


def test_the_report_is_a_page_and_a_document(tmp_path: Path) -> None:
    told = Report(
        "acceptance",
        "eu-central-1 of account 123456789012",
        datetime(2026, 11, 30, tzinfo=UTC),
        "0123456789ab",
        "1.0.0",
        150,
        0.06,
        (
            Finding("apply", Verdict.OK, "Terraform made all of it.", seconds=60),
            Finding("samples", Verdict.FAILED, "a|b <script>\nc", "https://example.com/"),
            Finding("page", Verdict.NOT_HERE, CDN_IS_OFF, "https://example.com/"),
        ),
    )
    page = told.write(tmp_path).read_text()
    assert "FAILED" in page.splitlines()[0]
    assert "150 resources, $0.06" in page
    assert "1 ok, 1 failed, 1 not possible here" in page
    assert "| [samples](https://example.com/) | failed | 0.0 | a\\|b &lt;script> c |" in page
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["passed"] is False
    assert document["findings"][0] == {
        "name": "apply",
        "verdict": "ok",
        "says": "Terraform made all of it.",
        "rule": "",
        "seconds": 60,
    }


# ── moto's server ────────────────────────────────────────────────────────────────────────────────────


def test_what_moto_refuses_is_a_gap_that_is_known_or_to_be_looked_at() -> None:
    complaints = """terraform apply failed:
Error: creating XRay Group (acceptance): StatusCode: 404

  with module.pipeline.module.observability.aws_xray_group.this["acceptance"],
  on queries.tf line 44, in resource "aws_xray_group" "this":
  44: resource "aws_xray_group" "this" {


Error: creating SQS Queue: it is too large

  with module.pipeline.module.ingest.aws_sqs_queue.work,
"""
    refused = motoserver._refused(complaints)
    assert [*refused] == [
        'module.pipeline.module.observability.aws_xray_group.this["acceptance"]',
        "module.pipeline.module.ingest.aws_sqs_queue.work",
    ]
    gaps = {"aws_xray_group": "it has none.", "aws_kms_key": "it has none."}
    code, lines = motoserver.report(motoserver.Opinion(9, 7, refused), gaps)
    assert (code, lines) == (
        1,
        [
            "moto's server made 7 of 9 resources, and refused 2.",
            "A gap of moto's, aws_xray_group: it has none.",
            "Refused: module.pipeline.module.ingest.aws_sqs_queue.work: creating SQS Queue: it is too large",
            "No gap any more, to be taken off the list: aws_kms_key",
        ],
    )
    del refused["module.pipeline.module.ingest.aws_sqs_queue.work"], gaps["aws_kms_key"]
    assert motoserver.report(motoserver.Opinion(9, 8, refused), gaps)[0] == 0
