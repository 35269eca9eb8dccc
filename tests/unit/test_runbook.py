"""What the runbook says is there: its links, names and commands. tests/e2e/test_runbook.py runs the commands."""

from __future__ import annotations

import ast
import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from devtools.localaws.stack import REPOSITORY
from support import runbook
from support.runbook import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECTIONS: Final = runbook.sections()
TEXT: Final = runbook.FILE.read_text(encoding="utf-8")
BLOCKS: Final = [(section.name, block) for section in SECTIONS.values() for block in section.blocks]
TIERS: Final = {"page": "Pages", "critical": "Critical alarms", "warning": "Warnings"}
TERRAFORM: Final = REPOSITORY / "terraform"
OBSERVABILITY: Final = TERRAFORM / "modules" / "observability"
FUNCTION: Final = REPOSITORY / "functions" / "thumbnailer"
RECONCILER: Final = REPOSITORY / "functions" / "reconciler"
# In this order in every section, so that nobody has to search at night.
PARTS: Final = ("What it means.", "What users feel.", "Look first.", "Over when", "Escalate")
# What changes something, in the words of the AWS CLI and of Terraform.
CHANGING: Final = re.compile(
    r"aws \S+ (?:cancel|create|delete|enable|publish|put|send|set|start|update)-?|terraform (?:apply|init)|\bretry "
)


def deployed() -> dict[str, str]:
    """The short names of the alarms, and their tiers; Terraform's own test holds this list to what is deployed."""
    test = (TERRAFORM / "tests" / "observability.tftest.hcl").read_text(encoding="utf-8")
    return dict(re.findall(r'^ +thumbs-([a-z-]+) += "(page|critical|warning)"$', test, re.MULTILINE))


def constants(*files: Path) -> Iterator[str]:
    """Every string and every keyword in these files."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            if isinstance(node, ast.keyword) and node.arg:
                yield node.arg


def reasons() -> Iterator[str]:
    """The codes with which an image can fail."""
    for file in FUNCTION.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("Permanent"), args=[ast.Constant(str(reason)), *_]):
                    yield reason
                case ast.Call(func=ast.Name("Outcome"), args=[_, ast.Name("FAILED"), ast.Constant(str(reason)), *_]):
                    yield reason
                case ast.FunctionDef(name="_blame"):
                    yield from re.findall(r"(?:return|else) '([a-z-]+)'", ast.unparse(node))


def first_column(section: str) -> set[str]:
    """The words in the first column of the tables of a section."""
    return {word for cell in SECTIONS[section].first_column for word in re.findall("`([^`]+)`", cell)}


def test_every_alarm_has_a_section_in_the_chapter_of_its_tier() -> None:
    assert len(deployed()) > 10
    chapters = {name: section.chapter for name, section in SECTIONS.items() if section.chapter in TIERS.values()}
    del chapters["Pages"], chapters["Critical alarms"], chapters["Warnings"]
    assert chapters == {name: TIERS[tier] for name, tier in deployed().items()}


def test_digests_lead_to_a_section() -> None:
    (anchor,) = re.findall(r"runbook_url}#([a-z-]+)", (FUNCTION / "alerts.py").read_text(encoding="utf-8"))
    assert SECTIONS[anchor].chapter == "News"


@pytest.mark.parametrize("name", [*deployed(), "failed-images"])
def test_a_section_answers_every_question_in_the_same_order(name: str) -> None:
    text = SECTIONS[name].text
    if text.startswith("As ["):
        (other,) = re.findall(r"^As \[([a-z-]+)\]", text)
        assert name == f"{other}-critical"
    else:
        places = [text.index(f"**{part}") for part in PARTS]
        assert places == sorted(places)


def test_links_lead_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in SECTIONS}
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) > 50
    assert {link for link in links if link.startswith("#") and link[1:] not in anchors} == set()
    files = [link for link in links if not link.startswith(("#", "https://"))]
    assert [file for file in files if not (runbook.FILE.parent / file).exists()] == []


def test_outputs_that_are_read_exist() -> None:
    outputs = (TERRAFORM / "outputs.tf").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\(output (\w+)\)", TEXT))
    assert len(read) > 10
    assert read - set(re.findall(r'^output "(\w+)"', outputs, re.MULTILINE)) == set()


def test_names_in_snake_case_exist() -> None:
    # Inputs and outputs of the module, and fields of the log and of the catalog's rows.
    files = [TERRAFORM / "variables.tf", TERRAFORM / "outputs.tf", *FUNCTION.glob("*.py")]
    known = {word for file in files for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    steps = {f"{name}_ms" for name in ("wait", "fetch", "render", "store", "commit")} & {
        f"{constant}_ms" for constant in constants(*FUNCTION.glob("*.py"))
    }
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", re.sub(r"`retention\.(\w+)`", r"`\1`", TEXT)))
    assert len(named) > 10
    assert named - known - steps == set()


def test_fields_of_the_log_that_are_looked_for_are_written() -> None:
    looked_for = set(re.findall(r'"([a-z_]+)":', "\n".join(block for _, block in BLOCKS if "logged" in block)))
    assert {"key", "reason", "detail", "error"} <= looked_for
    assert looked_for - set(constants(*FUNCTION.glob("*.py"))) == {"_aws"} & looked_for


def test_metrics_that_are_read_exist() -> None:
    read = re.findall(r"^ *metric (\S+) (\w+) ", "\n".join(block for _, block in BLOCKS), re.MULTILINE)
    read += re.findall(r"`metric (\S+) (\w+) ", TEXT)
    assert len(read) > 10
    watched = "".join(file.read_text(encoding="utf-8") for file in OBSERVABILITY.glob("*.tf"))
    # The dashboard and the alarms are held to what AWS and the function emit; what they read, the runbook may.
    assert {name for _, name in read if not re.search(rf'"{name}"', watched)} == set()
    emitted = set(constants(FUNCTION / "worker.py", FUNCTION / "telemetry.py", *RECONCILER.glob("*.py")))
    assert {name for namespace, name in read if namespace == "ThumbnailPipeline"} <= emitted


def test_saved_queries_that_are_named_exist() -> None:
    named = set(re.findall(r"saved query `([a-z-]+)`", TEXT)) | set(re.findall(r"\(such as `([a-z-]+)`\)", TEXT))
    assert named
    assert named <= {file.stem for file in (OBSERVABILITY / "queries").glob("*.query")}


def test_every_reason_is_explained() -> None:
    # A redelivery that finds a failure nobody was told of does not say why.
    assert set(reasons()) | {"failed"} == first_column("failed-images")


def test_every_policy_of_the_role_is_explained() -> None:
    modules = TERRAFORM / "modules"
    iam = "".join((modules / name / "iam.tf").read_text(encoding="utf-8") for name in ("function", "thumbnailer"))
    capabilities = set(re.findall(r"^    ([a-z-]+) = \[$", iam, re.MULTILINE))
    assert len(capabilities) == 9
    assert capabilities <= first_column("systemic-errors")


@pytest.mark.parametrize(("section", "block"), BLOCKS)
def test_commands_are_bash(section: str, block: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert checked.stderr == "", section


@pytest.mark.parametrize(("section", "block"), BLOCKS)
def test_what_changes_something_says_so_first(section: str, block: str) -> None:
    assert bool(CHANGING.search(block)) == block.startswith(CHANGES), section
