"""The runbook on the applied stack: its alarms are those that are deployed, and its commands work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from devtools.localaws import stack
from devtools.localaws.stack import REPOSITORY
from support import runbook
from support.deployment import eventually
from support.notifications import notification, record
from support.pictures import picture
from support.runbook import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

SECTIONS: Final = runbook.sections()
LOOKS: Final = [name for name, section in SECTIONS.items() if section.looks and name != "Set up"]
# Those that Terraform runs itself, which has its own tests, are left out.
CHANGING: Final = [
    pytest.param(name, block, id=f"{name}: {block.splitlines()[0].removeprefix('# ')}")
    for name, section in SECTIONS.items()
    for block in section.blocks
    if block not in section.looks and "terraform" not in block
]
# Asked for an example of its answer, the AWS CLI checks the names and the types of all parameters, and calls nobody.
# So it is with what the emulator or this stack lacks, or cannot do now; the rest is really called.
AWS: Final = f"""#!/bin/bash
case " $* " in
  *"-message-move-task"*|*" xray "*|*" cloudtrail "*|*" cancel-key-deletion "*|*" sns publish "*|*"-reconciler"*)
    set -- "$@" --generate-cli-skeleton output
esac
"{Path(sys.executable).parent / "aws"}" "$@" || echo "$*" >> "$(dirname "$0")/refused"
"""
COMPLAINTS: Final = ("command not found", "unbound variable", "syntax error", "usage:", "rror")


@dataclass(frozen=True)
class Shell:
    """Bash after the set-up of the runbook."""

    home: Path

    def run(self, *blocks: str, setup: str = ". ./set-up.sh") -> str:
        """Return what the commands print; fail where one is refused, or complains."""
        finished = subprocess.run(
            ["bash", "-u", "-c", "\n".join([setup, *blocks])],
            cwd=self.home,
            env={"PATH": f"{self.home / 'bin'}:{os.environ['PATH']}", "TF_CLI_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        refused = self.home / "bin" / "refused"
        assert not refused.exists(), f"{refused.read_text()}\n{finished.stderr}"
        assert [line for line in finished.stderr.splitlines() if any(word in line for word in COMPLAINTS)] == []
        return finished.stdout


@pytest.fixture(scope="module")
def shell(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in a copy of the repository that has this stack for its own, with something to look at."""
    home = tmp_path_factory.mktemp("repository")
    (home / "terraform").symlink_to(REPOSITORY / "terraform")
    (home / ".local").symlink_to(deployment.stack.directory)
    stack.save(deployment.stack, home / ".local" / "stack.json")
    (home / "bin").mkdir()
    (home / "bin" / "aws").write_text(AWS)
    (home / "bin" / "aws").chmod(0o755)
    shell = Shell(home)
    outputs, _, functions, local = SECTIONS["Set up"].looks
    once = shell.run(local, outputs, functions, "declare -p | grep -v 'declare -[a-z]*r'; declare -f", setup="")
    (home / "set-up.sh").write_text(once)

    deployment.upload("holiday/cat.png", picture())
    deployment.upload("holiday/dog.png", b"no dog")
    deployment.row_when("holiday/cat.png", "READY")
    deployment.row_when("holiday/dog.png", "FAILED")
    deployment.sqs.send_message(
        QueueUrl=deployment.outputs["dlq_url"],
        MessageBody=notification(record("holiday/cat.png", bucket=deployment.outputs["source_bucket"])),
    )
    yield shell
    deployment.sqs.purge_queue(QueueUrl=deployment.outputs["dlq_url"])


@pytest.fixture(scope="module")
def _as_it_was(deployment: Deployment) -> Iterator[None]:
    """Put back what the commands change."""
    mapping = deployment.outputs["event_source_mapping_uuid"]
    queues = deployment.outputs["queue_url"], deployment.outputs["backfill_queue_url"]
    before = deployment.lambda_.get_event_source_mapping(UUID=mapping)["ScalingConfig"]
    attributes = deployment.sqs.get_queue_attributes(QueueUrl=queues[0], AttributeNames=["MessageRetentionPeriod"])
    yield
    deployment.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True, ScalingConfig=before)
    for queue in queues:
        deployment.sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes["Attributes"])


def test_every_alarm_that_is_deployed_has_a_section(deployment: Deployment) -> None:
    chapters = {"page": "Pages", "critical": "Critical alarms", "warning": "Warnings"}
    deployed = {
        name.removeprefix("thumbs-"): chapters[tier]
        for tier, names in deployment.outputs["alarm_names"].items()
        for name in names
    }
    assert {name: SECTIONS[name].chapter for name in deployed} == deployed


def test_both_ways_to_set_up_lead_to_the_same(shell: Shell) -> None:
    from_terraform, from_the_name, _, local = SECTIONS["Set up"].looks
    names = set(re.findall(r"\b([A-Z_]+)=", from_terraform))
    assert len(names) > 10
    show = "\n".join(f'echo "{name} ${name}"' for name in sorted(names))
    told = shell.run(local, from_terraform, show, setup="")
    assert told == shell.run(local, "NAME=thumbs", from_the_name, show, setup="")
    assert all(len(line.split()) == 2 for line in told.splitlines())


@pytest.mark.parametrize("name", LOOKS)
def test_what_only_looks_works(shell: Shell, name: str) -> None:
    assert shell.run(*SECTIONS[name].looks) != ""


def test_a_look_finds_what_is_wrong(shell: Shell) -> None:
    assert "holiday/dog.png" in shell.run(*SECTIONS["failed-images"].looks)
    assert "holiday/cat.png" in shell.run(*SECTIONS["dead-letters"].looks)


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize(("name", "block"), CHANGING)
def test_what_changes_something_works(shell: Shell, name: str, block: str) -> None:
    before = [each for each in SECTIONS[name].blocks if each.startswith(CHANGES) and "() {" in each and each != block]
    listing = SECTIONS["failed-images"].looks if "failures " in block else []
    shell.run("KEY=holiday/cat.png", *listing, *before, block)


def test_an_image_whose_message_was_lost_is_retried(deployment: Deployment, shell: Shell) -> None:
    pause, resume = SECTIONS["Pause and resume"].blocks
    key = "holiday/süß + 100 %.png"
    shell.run(pause)
    deployment.upload(key, picture())
    eventually("its message is there", lambda: deployment.backlog(deployment.outputs["queue_url"]) == 1)
    deployment.sqs.purge_queue(QueueUrl=deployment.outputs["queue_url"])
    shell.run(resume)
    assert deployment.row(key) is None
    shell.run(f"KEY='{key}'", SECTIONS["Retry images"].blocks[0])
    deployment.row_when(key, "READY")


def test_dead_letters_are_redriven(deployment: Deployment, shell: Shell) -> None:
    deployment.upload("holiday/late.png", picture())
    deployment.row_when("holiday/late.png", "READY")
    deployment.delete("holiday/late.png")
    deployment.row_when("holiday/late.png", "DELETED")
    _, one_by_one = SECTIONS["Redrive dead letters"].blocks
    shell.run(one_by_one)
    assert deployment.backlog(deployment.outputs["dlq_url"]) == 0
