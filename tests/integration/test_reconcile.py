"""Reconciling over moto: the scheduled function in pieces, and the command that repairs."""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from typer.testing import CliRunner

from reconciler import scheduled
from reconciler.config import ReconcilerConfig
from reconciler.cursor import Cursor, CursorParameter
from support.operations import Operations
from support.pictures import picture
from support.pipeline import RENDITIONS, TABLE, THUMBNAILS, UPLOADS, FakeContext, client
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.messages import ObjectEvent, parse
from thumbnail_pipeline.reconciliation.alignment import can_go_on_at
from thumbnail_pipeline.reconciliation.comparison import reconcile
from thumbnail_pipeline.reconciliation.findings import PassTally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.pipeline import Bench
    from thumbctl.stack import Stack
    from thumbnail_pipeline.reconciliation.findings import Examined

CURSOR = "/thumbnail-pipeline/photos/reconciler"
PICTURE = picture()
# One begins another, and "a.jpg" lies between "a" and its thumbnails' keys.
KEYS = ["a", "a-1", "a.jpg", "b c+d.jpg", "d/", "d/e.jpg", "d/é.jpg"]


class Estate:
    """A stack whose images are rendered by the real pipeline, and what somebody has done to it since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations = Operations(monkeypatch)
        self.bench: Bench = self.operations.bench
        self.queue_url = client("sqs").create_queue(QueueName="backfill")["QueueUrl"]
        self.outputs: dict[str, Any] = {
            "release": importlib.metadata.version("thumbnail-pipeline"),
            "backfill_queue_url": self.queue_url,
            "propagate_deletions": True,
        }
        monkeypatch.setattr(stacks, "find", lambda _: self.stack)
        self._sequencer = 0
        for key in KEYS:
            self.upload(key)

    @property
    def stack(self) -> Stack:
        stack = self.operations.stack
        return replace(stack, outputs={**stack.outputs, **self.outputs})

    def upload(self, key: str, body: bytes = PICTURE) -> None:
        self._sequencer += 1
        self.bench.pipeline.apply(self.bench.upload(key, body, sequencer=f"{self._sequencer:016X}"), attempt=1)

    def damage(self) -> None:
        """One thing of every kind."""
        s3 = self.bench.s3
        s3.put_object(Bucket=UPLOADS, Key="missing.jpg", Body=PICTURE)
        s3.put_object(Bucket=UPLOADS, Key="a", Body=picture("red"))
        self.set("a-1", settings_fingerprint={"S": "of earlier settings"})
        s3.delete_object(Bucket=THUMBNAILS, Key="small/a.jpg.png")
        s3.put_object(Bucket=THUMBNAILS, Key="large/b c+d.jpg.webp", Body=b"of somebody else")
        s3.delete_object(Bucket=UPLOADS, Key="d/e.jpg")
        s3.put_object(Bucket=THUMBNAILS, Key="retired/d/é.jpg.webp", Body=b"of another time")
        s3.put_object(Bucket=THUMBNAILS, Key="index.html", Body=b"of somebody else")
        self.age()
        s3.put_object(Bucket=UPLOADS, Key="young.jpg", Body=PICTURE)

    def set(self, key: str, **attributes: Any) -> None:
        self.bench.dynamodb.update_item(
            TableName=TABLE,
            Key={"source_key": {"S": key}, "source_bucket": {"S": UPLOADS}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    def age(self) -> None:
        """Let all that is there have been written an hour ago."""
        for bucket in (UPLOADS, THUMBNAILS):
            keys = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys
            for version in (version for key in list(keys) for version in keys.getlist(key)):
                version.last_modified -= timedelta(hours=1)

    def work_off(self) -> list[ObjectEvent]:
        """Let the function have what is in the backfill queue."""
        events = []
        while (
            messages := client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages")
        ):
            for message in messages:
                (event,) = parse(message["Body"])
                assert isinstance(event, ObjectEvent)
                self.bench.pipeline.apply(event, attempt=1)
                events.append(event)
                client("sqs").delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return events


WRONG = {
    ("changed", "a", None),
    ("missing", "missing.jpg", None),
    ("orphan", "d/é.jpg", "retired/d/é.jpg.webp"),
    ("restyled", "a-1", None),
    ("thumbnail-altered", "b c+d.jpg", "large/b c+d.jpg.webp"),
    ("thumbnail-missing", "a.jpg", None),
    ("vanished", "d/e.jpg", None),
}
HARMLESS = {("foreign", "index.html", None), ("pending", "young.jpg", None)}


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Estate:
    return Estate(monkeypatch)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────


def run(*arguments: str) -> tuple[int, set[tuple[str, str, str | None]], dict[str, Any]]:
    """The exit code, what was found, and the summary."""
    result = CliRunner().invoke(app, ["reconcile", "--json", *arguments])
    *findings, last = [json.loads(line) for line in result.stdout.splitlines()]
    told = {(each["kind"], each["key"], each.get("thumbnail")) for each in findings}
    assert len(told) == len(findings)
    assert all(each["detail"] for each in findings)
    return result.exit_code, told, last["summary"]


def test_a_whole_estate_is_complete(estate: Estate) -> None:
    estate.age()
    exit_code, told, summary = run()
    assert (exit_code, told) == (0, set())
    assert (summary["checked"], summary["current"], summary["completeness"]) == (len(KEYS), len(KEYS), 100.0)


def test_every_kind_of_damage_is_found_and_nothing_is_changed(estate: Estate) -> None:
    estate.damage()
    estate.bench.calls.clear()
    exit_code, told, summary = run()
    assert (exit_code, told) == (1, WRONG | HARMLESS)
    assert summary["completeness"] == pytest.approx(100 * 2 / 7)
    assert "repaired" not in summary
    assert run()[1] == told
    assert not estate.work_off()


def test_a_repair_mends_all_of_it(estate: Estate) -> None:
    estate.damage()
    exit_code, told, summary = run("--repair", "--yes")
    assert (exit_code, told) == (1, WRONG | HARMLESS)
    assert summary["repaired"] == {"sent": 6, "deleted": 1, "kept": 0, "left": 0}
    forced = {event.image.key: event.forced for event in estate.work_off()}
    assert forced == {
        "a": False, "a-1": False, "missing.jpg": False, "d/e.jpg": False, "a.jpg": True, "b c+d.jpg": True
    }  # fmt: skip
    estate.age()
    exit_code, told, summary = run()
    assert told == {("foreign", "index.html", None), ("missing", "young.jpg", None)}
    assert estate.bench.row("d/e.jpg")["status"] == "DELETED"
    assert not any("d/e.jpg" in key for key in estate.bench.thumbnails())


def test_a_repair_asks_first(estate: Estate) -> None:
    estate.damage()
    result = CliRunner().invoke(app, ["reconcile", "--repair"])
    assert result.exit_code == 2
    assert "pass --yes" in result.stderr
    assert "retired/d/é.jpg.webp" in estate.bench.thumbnails()
    assert not estate.work_off()


def test_the_question_names_what_no_rendition_has(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    estate.damage()
    asked = []
    monkeypatch.setattr("thumbctl.reconcile.command.ask", lambda question, **_: asked.append(question))
    run("--repair")
    (question,) = asked
    assert "all under retired/ among them" in question


def test_a_grace_that_an_invocation_outlasts_is_refused_for_a_repair(estate: Estate) -> None:  # noqa: ARG001
    result = CliRunner().invoke(app, ["reconcile", "--repair", "--yes", "--grace", "59"])
    assert result.exit_code == 2
    assert "may take 60 s" in result.stderr.replace("\n", " ")


def test_grace_decides_what_is_pending(estate: Estate) -> None:
    estate.bench.s3.put_object(Bucket=UPLOADS, Key="young.jpg", Body=PICTURE)
    assert run()[:2] == (0, {("pending", "young.jpg", None)})
    assert run("--grace", "0")[:2] == (1, {("missing", "young.jpg", None)})


def test_a_prefix_and_a_place_bound_it(estate: Estate) -> None:
    estate.damage()
    told = run("--prefix", "d/")[1]
    assert told - HARMLESS == {each for each in WRONG if each[1].startswith("d/")}
    exit_code, first, summary = run("--limit", "3")
    assert (exit_code, summary["finished"], len(first - HARMLESS)) == (1, False, 3)
    place = summary["after"]
    assert f"--after {place} goes on there" in CliRunner().invoke(app, ["reconcile", "--limit", "3"]).stderr
    assert first | run("--after", place)[1] == WRONG | HARMLESS


def test_people_get_a_table_and_two_sentences(estate: Estate) -> None:
    estate.upload("broken.jpg", b"no picture")
    estate.damage()
    result = CliRunner().invoke(app, ["reconcile"])
    for expected in (
        "retired/d/é.jpg.webp",
        "9 objects: 2 current, 1 failed for good (1 unidentified), 1 pending, 5 incomplete.",
        "37.5 % of what is due is complete.",
    ):
        assert expected in result.stdout, result.stdout
    assert result.exit_code == 1


def test_an_unwatched_prefix_is_refused(estate: Estate) -> None:
    estate.outputs["source_prefix"] = "photos/"
    result = CliRunner().invoke(app, ["reconcile", "--prefix", "d/"])
    assert result.exit_code == 2
    assert "photos/" in result.stderr


def test_another_release_is_not_trusted(estate: Estate) -> None:
    estate.outputs["release"] = "0.0.9"
    result = CliRunner().invoke(app, ["reconcile"])
    assert result.exit_code == 2
    assert "The stack is of release 0.0.9" in result.stderr


def test_who_interrupts_it_hears_what_was_found_and_where_to_go_on(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is mended, too: the next run goes on behind it."""
    estate.damage()

    def interrupted(*arguments: Any, **named: Any) -> Iterator[Examined]:
        yield from itertools.islice(reconcile(*arguments, **named), 4)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("thumbctl.reconcile.command.examine_all", interrupted)
        exit_code, first, summary = run("--repair", "--yes")
    assert (exit_code, summary["finished"], summary["repaired"]["sent"]) == (1, False, 3)
    assert first | run("--after", summary["after"])[1] == WRONG | HARMLESS


# ── the scheduled function ───────────────────────────────────────────────────────────────────────────


ENVIRONMENT = {
    "SETTINGS": json.dumps({"renditions": RENDITIONS}),
    "SOURCE_BUCKET": UPLOADS,
    "SOURCE_PREFIX": "",
    "THUMBNAILS_BUCKET": THUMBNAILS,
    "CATALOG_TABLE": TABLE,
    "CURSOR_PARAMETER": CURSOR,
    "METRICS_FUNCTION": "photos-thumbnailer",
}

Invoke = Callable[[FakeContext], dict[str, Any]]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """The function after its cold start."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    client("ssm").put_parameter(Name=CURSOR, Value="{}", Type="String")
    return started()


def started() -> Invoke:
    """The function after another one."""
    handler = importlib.reload(importlib.import_module("reconciler.handler"))
    return lambda context: handler.handler({}, context)


def stored() -> Any:
    return json.loads(client("ssm").get_parameter(Name=CURSOR)["Parameter"]["Value"])


def metrics(printed: str) -> list[dict[str, Any]]:
    documents = [json.loads(line) for line in printed.splitlines()]
    return [each for each in documents if "_aws" in each]


def test_a_pass_publishes_what_it_came_to(estate: Estate, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    estate.damage()
    invoke(FakeContext())
    printed = capsys.readouterr().out
    (document,) = metrics(printed)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("ThumbnailPipeline", [["Function"]])
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "Completeness": "Percent", "Incomplete": "Count", "Orphans": "Count", "Checked": "Count"
    }  # fmt: skip
    values = {name: document[name] for name in ("Function", "Completeness", "Incomplete", "Orphans", "Checked")}
    assert values == {
        "Function": "photos-thumbnailer", "Completeness": pytest.approx(100 * 2 / 7), "Incomplete": 5, "Orphans": 2,
        "Checked": 8,
    }  # fmt: skip
    lines = [json.loads(line) for line in printed.splitlines()]
    logged = {(each["kind"], each["source_key"], each.get("thumbnail")) for each in lines if "kind" in each}
    assert logged == WRONG
    assert stored() == {}


def test_a_pass_in_as_many_invocations_as_it_takes_is_the_same_pass(
    estate: Estate, invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    estate.damage()
    invoke(FakeContext())
    (whole,) = metrics(capsys.readouterr().out)
    places = []
    while True:
        told = invoke(FakeContext(remaining=[59_999]))
        published = metrics(capsys.readouterr().out)
        if "after" not in told:
            break
        assert published == []
        assert unquote(stored()["place"]) == told["after"]
        places.append(told["after"])
    assert len(places) > 3
    assert places == sorted(set(places))
    (pieces,) = published
    assert {**pieces, "_aws": None} == {**whole, "_aws": None}
    assert stored() == {}


@pytest.mark.parametrize("value", ["{}", "no JSON", "[]", '{"after": "zzz"}', "null"])
def test_what_is_no_cursor_begins_anew(estate: Estate, invoke: Invoke, value: str) -> None:  # noqa: ARG001
    client("ssm").put_parameter(Name=CURSOR, Value=value, Overwrite=True)
    assert invoke(FakeContext())["checked"] == len(KEYS)


def test_new_settings_begin_anew(estate: Estate, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    estate.age()
    told = invoke(FakeContext(remaining=[0]))
    assert told["after"] == stored()["place"] == "a.webp"
    monkeypatch.setenv("SETTINGS", json.dumps({"renditions": [{"name": "large", "width": 5, "height": 5}]}))
    told = started()(FakeContext())
    assert (told["checked"], told["found"]) == (len(KEYS), {"restyled": len(KEYS)})


def test_a_place_that_no_cursor_holds_is_passed_over(estate: Estate, invoke: Invoke) -> None:
    long = "a" * 950
    assert not can_go_on_at(long)
    estate.upload(long)
    told = []
    while "after" in (outcome := invoke(FakeContext(remaining=[0]))):
        told.append(outcome["after"])
    assert all(can_go_on_at(place) for place in told)
    assert outcome["checked"] == len(KEYS) + 1


@pytest.mark.parametrize("place", ["{{ssm:x}}.png", "ü+% é/{{.jpg", "é" * 450])
def test_a_cursor_holds_any_key(estate: Estate, place: str) -> None:  # noqa: ARG001
    assert can_go_on_at(place)
    cursor = CursorParameter(client("ssm"), CURSOR, "f", "{{prefix}}")
    cursor.write(Cursor(place, PassTally(checked=3)))
    value = client("ssm").get_parameter(Name=CURSOR)["Parameter"]["Value"]
    # SSM refuses the name of another parameter.
    assert "{{" not in value
    assert len(value.encode()) < 4096
    assert (cursor.read().after, cursor.read().tally.checked) == (place, 3)


def test_only_so_much_is_logged(
    estate: Estate, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scheduled, "_MOST_FINDINGS_LOGGED", 3)
    estate.damage()
    told = invoke(FakeContext())
    assert sum('"kind"' in line for line in capsys.readouterr().out.splitlines()) == 3
    assert sum(told["found"].values()) == len(WRONG | HARMLESS)


@pytest.mark.parametrize("propagated", ["true", "false"])
def test_what_outlives_its_object_is_told_where_deletions_are_propagated(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, propagated: str
) -> None:
    estate.bench.s3.delete_object(Bucket=UPLOADS, Key="d/e.jpg")
    estate.age()
    estate.outputs["propagate_deletions"] = propagated == "true"
    for name, value in {**ENVIRONMENT, "PROPAGATE_DELETIONS": propagated}.items():
        monkeypatch.setenv(name, value)
    client("ssm").put_parameter(Name=CURSOR, Value="{}", Type="String")
    wrong = {("vanished", "d/e.jpg", None)} if propagated == "true" else set()
    assert run()[1] == wrong
    assert sum(started()(FakeContext())["found"].values()) == len(wrong)


@pytest.mark.parametrize("name", ["SETTINGS", "SOURCE_BUCKET", "CURSOR_PARAMETER", "METRICS_FUNCTION"])
def test_what_is_not_set_is_named(name: str) -> None:
    with pytest.raises(Systemic, match=name):
        ReconcilerConfig.from_environment({**ENVIRONMENT, name: ""})


def test_unusable_settings_are_named() -> None:
    with pytest.raises(Systemic, match="SETTINGS is not usable"):
        ReconcilerConfig.from_environment({**ENVIRONMENT, "SETTINGS": "{}"})
