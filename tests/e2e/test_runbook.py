"""The runbook on the applied stack: its alarms are those that are deployed, and its commands work."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from devtools.localaws import stack
from support import runbook
from support.notifications import notification, record
from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

SECTIONS: Final = runbook.sections()
# What there is to be found, by the sections that look for it; all others find nothing that is certain.
FOUND: Final = {
    "failed-images": "holiday/dog.png",
    "What failed": "holiday/dog.png",
    "What the log says": "holiday/dog.png",
    "dead-letters": "holiday/cat.png",
    "Look at dead letters, and redrive them": "holiday/cat.png",
}
LOOKS: Final = [name for name, section in SECTIONS.items() if section.looks and name not in {"Set up", *FOUND}]
# Those that Terraform runs itself, which has its own tests, are left out.
CHANGING: Final = [
    pytest.param(block, id=f"{name}: {block.splitlines()[0].removeprefix('# ')}")
    for name, section in SECTIONS.items()
    for block in section.blocks
    if block not in section.looks and "terraform" not in block
]
# Asked for an example of its answer, the AWS CLI checks the names and the types of all parameters, and calls nobody.
# So it is with what the emulator or this stack lacks, or cannot do now; the rest is really called. Where examples break
# rules of their own, it shows what it would ask, for which it checks the names alone.
AWS: Final = f"""#!/bin/bash
case " $* " in
  *" kinesis "*|*" firehose "*|*" glue "*)
    set -- "$@" --generate-cli-skeleton input
    ;;
  # Where nothing has gone wrong, and the emulator's gateway logs nothing.
  *" filter-log-events "*"-api "*|*" filter-log-events "*"-device-"*|*" filter-log-events "*"-range-worker"*|*"/apis/"*)
    set -- "$@" --generate-cli-skeleton output
    ;;
  *"-message-move-task"*|*" cloudtrail "*|*" cancel-key-deletion "*|*"-reconciler"*|*"-changes"*|*[-_]"archive"*)
    set -- "$@" --generate-cli-skeleton output
esac
"{Path(sys.executable).parent / "aws"}" "$@" || echo "$*" >> "$(dirname "$0")/refused"
"""
# 1 says that something is wrong with the stack, which it is. Whether an alarm of it is on, is another test's doing.
THUMBCTL: Final = f"""#!/bin/bash
case " $* " in *" dlq redrive "*) set -- "$@" --force; esac
"{Path(sys.executable).parent / "thumbctl"}" "$@" || [ $? = 1 ] || echo "thumbctl $*" >> "$(dirname "$0")/refused"
"""
COMPLAINTS: Final = ("command not found", "unbound variable", "syntax error", "Traceback")


@dataclass(frozen=True)
class Shell:
    """Bash after the set-up of the runbook."""

    home: Path

    def run(self, *blocks: str) -> str:
        """Return what the commands print; fail where one is refused, or complains."""
        _, fact, local = SECTIONS["Set up"].looks
        refused = self.home / "bin" / "refused"
        refused.unlink(missing_ok=True)
        path = f"{self.home / 'bin'}:{os.environ['PATH']}"
        finished = subprocess.run(
            ["bash", "-u", "-c", "\n".join([local, fact, *blocks])],
            cwd=self.home,
            env={"PATH": path, "XDG_STATE_HOME": str(self.home / "state")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not refused.exists(), f"{refused.read_text()}\n{finished.stderr}"
        assert [line for line in finished.stderr.splitlines() if any(word in line for word in COMPLAINTS)] == []
        return finished.stdout


@pytest.fixture(scope="module")
def shell(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in a directory that has this stack for its own, with something to look at."""
    home = tmp_path_factory.mktemp("repository")
    (home / ".local").mkdir()
    stack.save(deployment.stack, home / ".local" / "stack.json")
    (home / "bin").mkdir()
    for name, script in (("aws", AWS), ("thumbctl", THUMBCTL)):
        (home / "bin" / name).write_text(script)
        (home / "bin" / name).chmod(0o755)

    deployment.upload("holiday/cat.png", picture())
    deployment.upload("holiday/dog.png", b"no dog")
    deployment.row_when("holiday/cat.png", "READY")
    deployment.row_when("holiday/dog.png", "FAILED")
    deployment.sqs.send_message(
        QueueUrl=deployment.outputs["dlq_url"],
        MessageBody=notification(record("holiday/cat.png", bucket=deployment.outputs["source_bucket"])),
    )
    yield Shell(home)
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


@pytest.mark.parametrize("name", LOOKS)
def test_what_only_looks_works(shell: Shell, name: str) -> None:
    assert shell.run(*SECTIONS[name].looks) != ""


@pytest.mark.parametrize(("name", "key"), FOUND.items(), ids=FOUND)
def test_a_look_finds_what_is_there(shell: Shell, name: str, key: str) -> None:
    assert key in shell.run(*SECTIONS[name].looks)


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize("block", CHANGING)
def test_what_changes_something_works(shell: Shell, block: str) -> None:
    shell.run(block)
