"""What would mislead whoever is on call: an alarm without a section, a reason unexplained, a command that lies.

tests/unit/test_docs.py holds links and commands of thumbctl; tests/e2e/test_runbook.py runs the commands.
"""

from __future__ import annotations

import re
import subprocess
from typing import Final

import pytest

from devtools.localaws.stack import REPOSITORY
from support import runbook
from support.runbook import CHANGES
from thumbnail_pipeline.outcomes import Reason

SECTIONS: Final = runbook.sections()
TEXT: Final = runbook.FILE.read_text(encoding="utf-8")
BLOCKS: Final = [(section.name, block) for section in SECTIONS.values() for block in section.blocks]
TIERS: Final = {"page": "Pages", "critical": "Critical alarms", "warning": "Warnings"}
TERRAFORM: Final = REPOSITORY / "terraform"
FUNCTIONS: Final = REPOSITORY / "functions"
# What changes something, in the words of the AWS CLI, Terraform and thumbctl.
CHANGING: Final = re.compile(
    r"aws \S+ (?:cancel|create|delete|enable|publish|purge|put|send|set|start|update)-?|terraform (?:apply|init)"
    r"|thumbctl (?:backfill|channels test|dlq (?:purge|re)|devices (?:add|revoke)|jobs (?:cancel|pause|resume)"
    r"|pause|resume|retry)|--repair"
)


def deployed() -> dict[str, str]:
    """The short names of the alarms, and their tiers; Terraform's own test holds this list to what is deployed."""
    test = (TERRAFORM / "tests" / "observability.tftest.hcl").read_text(encoding="utf-8")
    return dict(re.findall(r'^ +thumbs-([a-z-]+) += "(page|critical|warning)"$', test, re.MULTILINE))


def first_column(section: str) -> set[str]:
    """The words in the first column of the tables of a section."""
    return {word for cell in SECTIONS[section].first_column for word in re.findall("`([^`]+)`", cell)}


def test_every_alarm_has_a_section_in_the_chapter_of_its_tier() -> None:
    assert len(deployed()) > 10
    chapters = {name: section.chapter for name, section in SECTIONS.items() if section.chapter in TIERS.values()}
    del chapters["Pages"], chapters["Critical alarms"], chapters["Warnings"]
    assert chapters == {name: TIERS[tier] for name, tier in deployed().items()}


def test_digests_lead_to_a_section() -> None:
    (anchor,) = re.findall(
        r"runbook_url}#([a-z-]+)", (FUNCTIONS / "thumbnailer" / "alerts.py").read_text(encoding="utf-8")
    )
    assert SECTIONS[anchor].chapter == "News"


def test_every_reason_is_explained() -> None:
    # A redelivery that finds a failure nobody was told of does not say why.
    assert {*Reason, "failed"} == first_column("failed-images")


def test_every_policy_of_the_role_is_explained() -> None:
    modules = TERRAFORM / "modules"
    iam = "".join((modules / name / "iam.tf").read_text(encoding="utf-8") for name in ("function", "thumbnailer"))
    capabilities = set(re.findall(r"^    ([a-z-]+) = \[$", iam, re.MULTILINE))
    assert len(capabilities) == 9
    assert capabilities <= first_column("systemic-errors")


def test_saved_queries_graphs_and_facts_that_are_named_exist() -> None:
    observability = TERRAFORM / "modules" / "observability"
    queries = {file.stem for file in (observability / "queries").rglob("*.query")}
    assert set(re.findall(r"saved query `([a-z-]+)`", TEXT)) <= queries
    dashboard = "".join(
        (observability / f"{name}.tf").read_text()
        for name in ("dashboard", "publishers", "changes", "api", "devices", "jobs")
    )
    titles = re.findall(r'title +=.*"([^"]+?)(?:, (?:ms|MB|s|%))? \(good', dashboard)
    graphs = re.findall(r'graphs?\s+"([^"]+)"(?:\s+and\s+"([^"]+)")?', TEXT)
    named = {each for pair in graphs for each in pair if each}
    assert len(named) > 3
    assert {each for each in named if not any(title.startswith(each) for title in titles)} == set()
    tools = (TERRAFORM / "tools.tf").read_text(encoding="utf-8")
    assert set(re.findall(r"\(fact (\w+)\)", TEXT)) <= set(re.findall(r"^ +(\w+) +=", tools, re.MULTILINE))


@pytest.mark.parametrize(("section", "block"), BLOCKS)
def test_commands_are_bash_and_say_first_when_they_change_something(section: str, block: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert checked.stderr == "", section
    assert bool(CHANGING.search(block)) == block.startswith(CHANGES), section
