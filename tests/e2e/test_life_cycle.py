"""The life of one deployment: made by an earlier release, upgraded, changed while it has work, and destroyed.

Each stage is a fixture that goes on from the one before and keeps what there is to know of it.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.docs.terraform_module import Module
from devtools.errors import DevtoolsError
from devtools.localaws import emulator, stack
from devtools.localaws.stack import REPOSITORY
from devtools.localaws.terraform import Root
from support.deployment import Deployment, eventually
from support.pictures import picture
from thumbctl.app import app
from thumbnail_pipeline.settings import Settings, made_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.e2e

MODULE = REPOSITORY / "terraform"
UPGRADING = REPOSITORY / "docs" / "upgrading.md"

# Release 0.1.0: the first, from which every later one is upgraded.
EARLIER = "19c594878d60e527a067e9301e65d9115e663a1a"
EARLIER_INPUTS = {"deletion_protection": True, "reconcile": {"schedule": "rate(365 days)"}}

# Of somebody else.
KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"

HOLD_DATA = {"aws_s3_bucket", "aws_dynamodb_table", "aws_sqs_queue", "aws_kms_key"}

# What the emulator describes incompletely, so that every plan puts it right again: asked in the provider's protocol,
# it leaves out most of an alarm.
DRIFT = {
    "aws_cloudwatch_metric_alarm": {
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "ok_actions",
        "treat_missing_data",
    },
    "aws_cloudwatch_composite_alarm": {
        "actions_enabled",  # which cannot be changed, so that the alarm is made anew, with what follows …
        "actions_suppressor",
        "alarm_actions",
        "alarm_description",
        "arn",
        "id",
        "insufficient_data_actions",
        "ok_actions",
        "tags",
        "tags_all",
    },
    "aws_cloudwatch_dashboard": {"dashboard_body"},  # … and shown by an ARN that is not known before
}

# A different value of every input that a running deployment may change, applied all at once.
CHANGES: dict[str, Any] = {
    "memory_mb": 2048,
    "timeout_seconds": 12,
    "batching": {"size": 5, "window_seconds": 2},
    "parallelism": {"images": 3},
    "maximum_concurrency": 3,
    "backfill": {"maximum_concurrency": 3},
    "jobs": {"ranges_at_a_time": 3, "inventories": [{"bucket": "lists", "prefix": "photos/"}]},
    "reserved_concurrency": 7,
    "reconcile": {"schedule": "rate(300 days)"},
    "max_receive_count": 4,
    "retry_first_seconds": 2,
    "retry_denied_seconds": 600,
    "retention": {
        "queue_days": 3,
        "log_days": 14,
        "tombstone_days": 60,
        "noncurrent_days": 7,
        "incomplete_upload_days": 3,
    },
    "renditions": [{"name": "tiny", "width": 16, "height": 16}],
    "limits": {"pixels": 50_000_000},
    "animation": "animate",
    "truncated": "render",
    "source_prefix": "photos/",
    "source_keys": {"include": ["*.png"]},
    "uploads_transition": {"days": 90, "storage_class": "INTELLIGENT_TIERING"},
    "propagate_deletions": False,
    "cache_control": "no-cache",
    "cors": {"origins": ["https://www.example.com"]},
    "access": {"uploaders": ["arn:aws:iam::000000000000:root"], "readers": ["arn:aws:iam::000000000000:root"]},
    "distribution_arns": ["arn:aws:cloudfront::000000000000:distribution/E1"],
    "alarm_thresholds": {"late_seconds": 60},
    "digest_window_seconds": 120,
    "events": {"backfills": False},
    "runbook_url": "https://wiki.example.com/thumbnails",
    "tracing": {"mode": "PassThrough"},
    "log_level": "DEBUG",
    "debug_sample_rate": 0.5,
    "tags": {"team": "photos"},
}

# The same of what the emulator does not know, or could not be reached without: only planned.
PLANNED_CHANGES: dict[str, Any] = {
    "pollers": {"maximum": 2},
    "maximum_concurrency": None,
    "reserved_concurrency": None,
    "snap_start": True,
    "vpc": {"subnet_ids": ["subnet-0a", "subnet-0b"], "security_group_ids": ["sg-0a"]},
    "permissions_boundary_arn": "arn:aws:iam::000000000000:policy/boundary",
    "encryption": {"log_key": "existing"},
    "log_kms_key_arn": KEY,
    "cdn": {},
    "saved_searches": True,
    "changes": {},
    # Keys of users have no ending that sources could be chosen by.
    "source_keys": {"exclude": ["*.tmp"]},
    "api": {"sign_in": {}, "page": {}},
    "devices": {"provisioning": {}, "role_alias": True},
    "chat_channels": {"slack": {"ops": {"workspace_id": "T07EA123LEP", "channel_id": "C07EZ1ABC23"}}},
    "function_environment": {"COLOUR": "teal"},
    "plaintext_source_cidrs": [],
}

# The same of those that docs/upgrading.md says what they make anew, by its rows. Those whose resources are of other
# types are planned together: every plan takes its time.
REPLACEMENTS: list[dict[str, dict[str, Any]]] = [
    {"`name`": {"name": "others"}},
    {
        "`uploads_bucket`": {"uploads_bucket": {"name": "other-uploads"}},
        "`encryption`, `kms_key_arn`": {
            "encryption": {"key": "existing", "made_key": "delete"},
            "kms_key_arn": KEY,
        },
        "`archives`, `runtime`, `architecture`": {"runtime": "python3.12", "architecture": "x86_64"},
        "`alert_subscriptions`": {
            "alert_subscriptions": {"subscriber": {"protocol": "email", "endpoint": "on-call@example.com"}}
        },
    },
    {
        "`thumbnails_bucket`": {"thumbnails_bucket": {"name": "other-thumbnails"}},
        "`alert_topics`": {"alert_topics": {"critical": {"arn": "arn:aws:sns:us-east-1:000000000000:pages"}}},
        "`regional_roles`": {"regional_roles": True},
    },
]


@dataclass(frozen=True)
class Change:
    """What a plan does to one resource."""

    address: str
    type: str
    actions: tuple[str, ...]
    attributes: frozenset[str]
    """Those that get another value, or one that is not known yet."""
    before: str
    """Its address in the state so far, which is another one where it moved."""
    forced_by: frozenset[str]
    """The attributes that cannot be changed without making it anew."""

    @classmethod
    def read(cls, planned: Mapping[str, Any]) -> Change:
        """From an entry of a plan's `resource_changes`."""
        change = planned["change"]
        before, after = change["before"] or {}, change["after"] or {}
        unknown = {name for name, value in (change["after_unknown"] or {}).items() if "true" in json.dumps(value)}
        known = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return cls(
            planned["address"],
            planned["type"],
            tuple(change["actions"]),
            frozenset(known | unknown),
            planned.get("previous_address", planned["address"]),
            frozenset(path[0] for path in change.get("replace_paths", ())),
        )

    @property
    def destroys(self) -> bool:
        """Whether what is there goes, if only for another to come, and not because of what the emulator left out."""
        return "delete" in self.actions and not (self.forced_by and self.forced_by <= DRIFT.get(self.type, set()))

    @property
    def only_of_the_emulator(self) -> bool:
        """Whether it only puts right what the emulator left out."""
        return self.attributes <= DRIFT.get(self.type, set())


@dataclass(frozen=True)
class Life:
    """A deployment, and the Terraform that goes on with it."""

    deployment: Deployment
    root: Root
    blocks: Mapping[str, Any]
    """What the root has from the stack that it goes on with; see `Root.override`."""

    @property
    def _plan(self) -> Path:
        return self.root.directory / "plan"

    def plan(self, inputs: Mapping[str, Any], *options: str) -> list[Change]:
        """Plan an apply with these inputs of the module; what it would change, the emulator's drift left out."""
        pipeline = {**self.blocks["module"]["pipeline"], **inputs}
        self.root.override({**self.blocks, "module": {"pipeline": pipeline}})
        self.root.run("plan", "-input=false", f"-out={self._plan}", *options)
        return [
            each
            for each in self.planned()
            if each.actions not in {("no-op",), ("read",)} and not each.only_of_the_emulator
        ]

    def planned(self) -> list[Change]:
        """Everything that the last plan is about, also what it leaves as it is."""
        document = json.loads(self.root.run("show", "-json", str(self._plan)))
        return [Change.read(each) for each in document["resource_changes"]]

    def apply(self) -> None:
        """Apply what was planned last."""
        self.root.run("apply", "-input=false", "-no-color", "-parallelism=20", str(self._plan))

    def destroy(self) -> None:
        """Destroy all of it, as the state has it: what there is was looked at by the plan before."""
        self.root.run("destroy", "-refresh=false", "-input=false", "-auto-approve", "-no-color", "-parallelism=20")


@dataclass(frozen=True)
class Stage:
    """A deployment after it was changed, with the inputs that did it, and what they were planned to change."""

    life: Life
    inputs: Mapping[str, Any]
    planned: list[Change]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local environment of the earlier release beside its module, with the function that it built."""
    directory = tmp_path_factory.mktemp("earlier")
    archived = subprocess.run(
        ["git", "-C", REPOSITORY, "archive", EARLIER, "terraform", "functions", "scripts"],
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as files:
        files.extractall(directory, filter="data")
    function = directory / "function.zip"
    subprocess.run(
        [sys.executable, "-m", "bundle", "function", function],
        env={**os.environ, "PYTHONPATH": str(directory / "scripts")},
        cwd=directory,
        check=True,
    )
    # What a stack says and reads today, in the words of then. Of the layer nothing has changed.
    environment = directory / "terraform" / "environments" / "local"
    words = {"name": "thumbs", "function_archive": str(function), "layer_archive": str(stack.ARCHIVES / "layer.zip")}
    for file, blocks in {
        "today.tf.json": {
            "variable": {"archives": {"type": "string"}},
            "output": {"pipeline": {"value": "${module.pipeline}"}},
        },
        "earlier_override.tf.json": {"variable": {name: {"default": value} for name, value in words.items()}},
    }.items():
        (environment / file).write_text(json.dumps(blocks), encoding="utf-8")
    return environment


@pytest.fixture(scope="module")
def begun(earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A protected deployment by the earlier release, with an image that is done, one that failed and a dead letter."""
    # A copy, so that an edit in the middle of all this does not change what is planned.
    present = shutil.copytree(
        MODULE, tmp_path_factory.mktemp("present") / "terraform", ignore=shutil.ignore_patterns(".terraform*")
    )
    with stack.temporary(inputs=EARLIER_INPUTS, environment=earlier) as applied:
        deployment = Deployment(applied)
        deployment.upload("photos/before.png", picture())
        deployment.upload("photos/kept.jpg", picture(image_format="JPEG"))
        deployment.upload("photos/broken.png", b"no image")
        deployment.row_when("photos/before.png", "READY")
        deployment.row_when("photos/kept.jpg", "READY")
        deployment.row_when("photos/broken.png", "FAILED")
        deployment.sqs.send_message(QueueUrl=deployment.outputs["dlq_url"], MessageBody="a dead letter")
        blocks = json.loads((applied.directory / "root" / "override.tf.json").read_text(encoding="utf-8"))
        blocks["module"]["pipeline"]["source"] = str(present)
        root = Root.copied(present / "environments" / "local", applied.directory)
        root.override(blocks)
        root.init()
        with root.with_running_provider() as attached:
            yield Life(deployment, attached, blocks)


@dataclass(frozen=True)
class Upgrade:
    """What the present module plans over the state of the earlier one."""

    there: frozenset[str]
    """The addresses of what there was."""
    planned: list[Change]
    everything: list[Change]
    """What it leaves as it is as well."""
    rows: Mapping[str, Mapping[str, Any]]
    """Rows of the catalog before it that are current after it: those of PNG are not, for they come out otherwise."""
    wrong_before: Mapping[str, str]
    """What the earlier release's doctor found wrong."""


def doctor(deployment: Deployment, release: Path) -> dict[str, str]:
    """What the doctor of a release, which is checked out there, finds wrong: its words by check."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "THUMBCTL_"))},
        **emulator.ROOT_CREDENTIALS,
        "AWS_DEFAULT_REGION": deployment.stack.region,
        "AWS_ENDPOINT_URL": deployment.stack.endpoint_url,
        "PYTHONPATH": f"{release / 'functions'}:{release / 'scripts'}",
    }
    command = [sys.executable, "-c", "from thumbctl.app import main; main()", "doctor", "--no-canary", "--json"]
    told = subprocess.run([*command, "--stack", "thumbs"], env=environment, capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(found) > 10, told.stderr
    return {each["check"]: each["says"] for each in found if each["outcome"] == "fail"}


@pytest.fixture(scope="module")
def upgrade(begun: Life, earlier: Path) -> Upgrade:
    """While an image waits."""
    wrong = doctor(begun.deployment, earlier.parents[2])
    pause(begun.deployment)
    begun.deployment.upload("photos/waits-for-the-upgrade.png", picture())
    listed = begun.root.run("state", "list").splitlines()
    there = frozenset(address for address in listed if ".data." not in address)
    rows = {key: begun.deployment.row(key) or {} for key in ("photos/kept.jpg", "photos/broken.png")}
    # What the local environment has by now, and had not then.
    planned = begun.plan({"jobs": None})
    return Upgrade(there, planned, begun.planned(), rows, wrong)


@pytest.fixture(scope="module")
def wrong_meanwhile(begun: Life, upgrade: Upgrade, earlier: Path) -> Mapping[str, str]:
    """What the earlier release's doctor found wrong, again and again until the upgrade was done."""
    assert upgrade.planned
    wrong: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        applying = pool.submit(begun.apply)
        while not applying.done():
            wrong |= doctor(begun.deployment, earlier.parents[2])
        applying.result()
    return wrong


@pytest.fixture(scope="module")
def upgraded(begun: Life, wrong_meanwhile: Mapping[str, str]) -> Life:
    """Once that is done."""
    assert wrong_meanwhile is not None
    return begun


@pytest.fixture(scope="module")
def changed(upgraded: Life) -> Stage:
    """All at once and with a new build of the function, while an image waits."""
    pause(upgraded.deployment)
    upgraded.deployment.upload("photos/waits-for-the-change.png", picture())
    # The same function in other bytes.
    with zipfile.ZipFile(archives(upgraded) / "thumbnailer.zip", "a") as archive:
        archive.comment = b"built again"
    planned = upgraded.plan(CHANGES)
    upgraded.apply()
    return Stage(upgraded, CHANGES, planned)


def pause(deployment: Deployment) -> None:
    """Let messages wait, until the next apply puts the mapping right."""
    uuid = deployment.outputs["event_source_mapping_uuid"]
    deployment.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)


def archives(life: Life) -> Path:
    """The folder that the stack's archives were copied to."""
    return Path(life.blocks["variable"]["archives"]["default"])


@pytest.fixture(scope="module")
def refused(changed: Stage) -> str:
    """After somebody tried to destroy it where no archive is left: what they were told."""
    shutil.rmtree(archives(changed.life))
    changed.life.root.run("plan", "-destroy", "-refresh=false", "-input=false")
    changed.life.root.run("plan", "-refresh-only", "-input=false")
    with pytest.raises(DevtoolsError) as complaint:
        changed.life.destroy()
    return str(complaint.value)


@pytest.fixture(scope="module")
def destroyed(refused: str, changed: Stage) -> Life:
    """For good, after protection was lifted from what it protects."""
    assert refused
    protected = ("catalog", "ingest.module.bucket", "thumbnails_bucket")
    changed.life.plan(
        {**changed.inputs, "deletion_protection": False},
        "-refresh=false",
        *(f"-target=module.pipeline.module.{module}" for module in protected),
    )
    changed.life.apply()
    changed.life.destroy()
    return changed.life


def test_an_upgrade_destroys_nothing_but_a_version_of_the_layer(upgrade: Upgrade) -> None:
    """The layer's file has another path, of which the provider makes another version."""
    assert {each.type for each in upgrade.planned if each.destroys} <= {"aws_lambda_layer_version"}
    assert [each.type for each in upgrade.planned if each.actions == ("create",)] == ["terraform_data"]


def test_an_upgrade_finds_all_that_there_was(upgrade: Upgrade) -> None:
    """What moved is known by where it was; nothing else would be found again."""
    assert {each.type for each in upgrade.everything} >= {*HOLD_DATA, "aws_lambda_function", "aws_iam_role"}
    assert upgrade.there - {each.before for each in upgrade.everything} == set()
    moved = {each.before: each.address for each in upgrade.everything if each.before != each.address}
    pipeline = "module.pipeline.module"
    assert (
        moved.items()
        >= {
            f'{pipeline}.thumbnails.module.bucket["on"].aws_s3_bucket.this': (
                f'{pipeline}.thumbnails_bucket["on"].aws_s3_bucket.this'
            ),
            f"{pipeline}.thumbnailer.aws_lambda_function.this": (
                f"{pipeline}.thumbnailer.module.function.aws_lambda_function.this"
            ),
            f'{pipeline}.reconciler["on"].aws_iam_role.this': (
                f'{pipeline}.reconciler["on"].module.function.aws_iam_role.this'
            ),
        }.items()
    )


def test_no_row_is_out_of_date_after_an_upgrade_but_those_that_come_out_otherwise(
    upgrade: Upgrade, upgraded: Life, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deployment = upgraded.deployment
    deployment.row_when("photos/waits-for-the-upgrade.png", "READY")
    assert {key: deployment.row(key) for key in upgrade.rows} == upgrade.rows
    function = deployment.lambda_.get_function_configuration(FunctionName=deployment.outputs["function_name"])
    settings = Settings.from_json(function["Environment"]["Variables"]["SETTINGS"])
    assert {row["settings_fingerprint"] for row in upgrade.rows.values()} == {settings.fingerprint}
    operate(deployment, monkeypatch, tmp_path)
    renewed = made_by(settings.fingerprint, "png")
    for command in (["backfill", "--yes"], ["reconcile", "--grace", "0"]):
        result = CliRunner().invoke(app, [*command, "--stack", "thumbs", "--json"])
        assert result.exit_code == 0, result.output
        eventually(
            "a PNG of the earlier release is rendered anew",
            lambda: (deployment.row("photos/before.png") or {}).get("settings_fingerprint") == renewed,
        )
    assert deployment.backlog(deployment.outputs["backfill_queue_url"]) == 0
    assert {key: deployment.row(key) for key in upgrade.rows} == upgrade.rows


def operate(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have the terminal of somebody with credentials."""
    for name, value in {
        **emulator.ROOT_CREDENTIALS,
        "AWS_DEFAULT_REGION": deployment.stack.region,
        "AWS_ENDPOINT_URL": deployment.stack.endpoint_url,
        "XDG_STATE_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)


def test_an_upgrade_loses_no_image(upgraded: Life) -> None:
    deployment = upgraded.deployment
    deployment.upload("photos/after.png", picture())
    for key in ("photos/before.png", "photos/waits-for-the-upgrade.png", "photos/after.png"):
        row = deployment.row_when(key, "READY")
        assert deployment.thumbnail_keys(key) == {each["key"] for each in row["renditions"]}


def test_the_doctor_finds_nothing_wrong_before_an_upgrade_and_after(
    upgrade: Upgrade, wrong_meanwhile: Mapping[str, str], upgraded: Life
) -> None:
    """Meanwhile, the earlier one may tell of what is being changed; what an image depends on is never missing."""
    assert upgrade.wrong_before == {}
    assert not wrong_meanwhile.keys() & {"notification", "queue policy", "redrive", "catalog", "topics"}, (
        wrong_meanwhile
    )
    assert doctor(upgraded.deployment, REPOSITORY) == {}


def test_a_running_deployment_is_changed_in_place(changed: Stage) -> None:
    assert [each.address for each in changed.planned if each.destroys] == []
    updated = {each.type for each in changed.planned if each.actions == ("update",)}
    assert (
        HOLD_DATA | {"aws_lambda_function", "aws_lambda_event_source_mapping", "aws_s3_bucket_notification"} <= updated
    )


def test_a_change_loses_no_message(changed: Stage) -> None:
    deployment = changed.life.deployment
    row = deployment.row_when("photos/waits-for-the-change.png", "READY")
    assert [each["name"] for each in row["renditions"]] == ["tiny"]
    deployment.row_when("photos/before.png", "READY")
    assert deployment.dead_letters() == ["a dead letter"]
    eventually("the queue is empty", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 0)


def test_jobs_run_where_they_are_switched_on(changed: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    operate(changed.life.deployment, monkeypatch, tmp_path)

    def said(*command: str) -> Any:
        result = CliRunner().invoke(app, [*command, "--stack", "thumbs", "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    job = said("backfill", "--in-account", "--yes")["job"]
    eventually("the job is done", lambda: said("jobs", "show", job)["state"] == "done")
    row = changed.life.deployment.row_when("photos/before.png", "READY")
    assert [each["name"] for each in row["renditions"]] == ["tiny"]


def test_nothing_is_left_to_change(changed: Stage) -> None:
    """A second plan is empty, but for what the emulator leaves out."""
    assert changed.life.plan(changed.inputs) == []


def test_whatever_there_is_would_be_found(changed: Stage) -> None:
    assert [kind for kind, names in inventory(changed.life.deployment).items() if not names] == []


def test_what_is_only_planned_is_changed_in_place(changed: Stage) -> None:
    planned = changed.life.plan({**changed.inputs, **PLANNED_CHANGES}, "-refresh=false")
    assert [each.address for each in planned if each.destroys] == []
    assert {"aws_lambda_event_source_mapping", "aws_lambda_function"} <= {each.type for each in planned}


def test_every_input_is_changed_or_told_to_make_something_anew() -> None:
    module = Module.read(MODULE)
    told = {name for together in REPLACEMENTS for row in together for name in re.findall(r"`(\w+)`", row)}
    seen = CHANGES.keys() | PLANNED_CHANGES.keys() | told | {"deletion_protection"}
    assert {each.name for group in module.groups for each in group.inputs} == seen


def test_the_upgrade_notes_tell_of_all_that_makes_something_anew() -> None:
    assert set(made_anew()) == {row for together in REPLACEMENTS for row in together}


@pytest.mark.parametrize("together", REPLACEMENTS, ids="-".join)
def test_what_is_made_anew_is_what_the_upgrade_notes_say(changed: Stage, together: dict[str, dict[str, Any]]) -> None:
    # The state is fresh, and a look at everything would take a while.
    values = {name: value for row in together.values() for name, value in row.items()}
    planned = changed.life.plan({**changed.inputs, **values}, "-refresh=false")
    anew = {each.type for each in planned if each.destroys}
    stays = {each.type for each in planned} - anew
    patterns = {pattern for row in together for pattern in made_anew()[row][1]}
    assert {kind for kind in anew if not any(fnmatch(kind, pattern) for pattern in patterns)} == set()
    assert {pattern for pattern in patterns if not any(fnmatch(kind, pattern) for kind in anew)} == set()
    assert {kind for row in together for kind in made_anew()[row][0]} <= stays


def test_the_key_is_not_destroyed_before_somebody_says_so(changed: Stage) -> None:
    """Whatever is encrypted with it could not be read any more."""
    theirs = {"kms_key_arn": KEY, "encryption": {"key": "existing"}}
    with pytest.raises(DevtoolsError, match=r"encryption\.made_key"):
        changed.life.plan({**changed.inputs, **theirs}, "-refresh=false")
    kept = changed.life.plan(
        {**changed.inputs, "kms_key_arn": KEY, "encryption": {"key": "existing", "made_key": "keep"}}, "-refresh=false"
    )
    assert [each.address for each in kept if each.destroys] == []


def made_anew() -> dict[str, tuple[set[str], set[str]]]:
    """What the upgrade notes say, by inputs: the types of resources that stay, and patterns of those that do not."""
    what_replaces_what = UPGRADING.read_text(encoding="utf-8").partition("\n## What a destroy leaves")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|", what_replaces_what, re.MULTILINE)
    told = {}
    for inputs, cell in rows:
        anew, _, exceptions = cell.partition(" but ")
        told[inputs] = set(re.findall(r"`(.+?)`", exceptions)), set(re.findall(r"`(.+?)`", anew))
    return told


def test_what_is_protected_is_not_destroyed(refused: str, changed: Stage) -> None:
    deployment = changed.life.deployment
    for what in ("source_bucket", "thumbnails_bucket"):
        assert re.search(rf"deleting S3 Bucket \({deployment.outputs[what]}\).+ not empty", refused)
    assert re.search(rf"deleting .+ \({deployment.outputs['table_name']}\).+ protected against deletion", refused)
    deployment.row_when("photos/after.png", "READY")
    assert deployment.source("photos/after.png")[0] == picture()
    assert deployment.thumbnail_keys("photos/after.png")
    # What is left cannot be read without it.
    assert key_state(deployment) == "Enabled"


def test_a_destroyed_deployment_leaves_nothing_behind(destroyed: Life) -> None:
    found = {kind: names for kind, names in inventory(destroyed.deployment).items() if names}
    # An inbox that the local stack made for alerts, and what every account has.
    inbox = destroyed.deployment.stack.alerts_queue_url
    assert found == {"queues": [inbox], "schedule groups": ["default"], "buses": ["default"]}
    assert key_state(destroyed.deployment) == "PendingDeletion"
    assert destroyed.root.run("state", "list") == ""


def key_state(deployment: Deployment) -> str:
    kms = deployment.stack.client("kms")
    return str(kms.describe_key(KeyId=deployment.outputs["kms_key_arn"])["KeyMetadata"]["KeyState"])


def inventory(deployment: Deployment) -> dict[str, list[str]]:
    """What there is in the account, by kind."""
    client = deployment.stack.client
    alarms = client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {
        "buckets": named(deployment.s3.list_buckets()["Buckets"], "Name"),
        "queues": deployment.sqs.list_queues().get("QueueUrls", []),
        "tables": deployment.dynamodb.list_tables()["TableNames"],
        "functions": named(deployment.lambda_.list_functions()["Functions"], "FunctionName"),
        "layers": named(deployment.lambda_.list_layers()["Layers"], "LayerName"),
        "mappings": named(deployment.lambda_.list_event_source_mappings()["EventSourceMappings"], "UUID"),
        "roles": named(deployment.iam.list_roles()["Roles"], "RoleName"),
        "log groups": named(client("logs").describe_log_groups()["logGroups"], "logGroupName"),
        "alarms": named(alarms["MetricAlarms"] + alarms["CompositeAlarms"], "AlarmName"),
        "dashboards": named(client("cloudwatch").list_dashboards()["DashboardEntries"], "DashboardName"),
        "topics": named(client("sns").list_topics()["Topics"], "TopicArn"),
        "subscriptions": named(client("sns").list_subscriptions()["Subscriptions"], "SubscriptionArn"),
        "buses": named(client("events").list_event_buses()["EventBuses"], "Name"),
        "parameters": named(client("ssm").describe_parameters()["Parameters"], "Name"),
        "aliases": named(client("kms").list_aliases()["Aliases"], "AliasName"),
        "schedules": named(client("scheduler").list_schedules()["Schedules"], "Name"),
        "schedule groups": named(client("scheduler").list_schedule_groups()["ScheduleGroups"], "Name"),
    }


def named(things: list[dict[str, Any]], name: str) -> list[str]:
    return [thing[name] for thing in things]
