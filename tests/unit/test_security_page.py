"""The page about security tells of every policy of the Terraform module, and of none that is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from devtools.localaws.stack import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DOCS: Final = REPOSITORY / "docs"
MODULE: Final = REPOSITORY / "terraform"

# A name that is followed by `=` is a condition's key.
ACTION: Final = re.compile(r'"([a-z0-9]+:[A-Z]\w*\*?)"(?!\s*=)')
SID: Final = re.compile(r'\bSid\s*=\s*"(\w+)"')
ROLE_POLICY: Final = re.compile(r'^resource "aws_iam_role_policy" .*?^}', re.DOTALL | re.MULTILINE)
CAPABILITIES: Final = re.compile(r"^  capabilities = {$(.*?)^  }$", re.DOTALL | re.MULTILINE)
CAPABILITY: Final = re.compile(r"^    ([\w-]+) = (?:concat\()?\[$(.*?)^    \]\)?$", re.DOTALL | re.MULTILINE)
# What every function is given stands one by one.
COMMON: Final = re.compile(r"^ +([\w-]+) = jsonencode\(\[\{$(.*?)^ +\}\]\)$", re.DOTALL | re.MULTILINE)


def sections() -> dict[str, str]:
    """What the page says of each part of the module, by the part's path under terraform/."""
    page = (
        (DOCS / "security.md").read_text(encoding="utf-8").split("\n## What each policy allows\n")[1].split("\n## ")[0]
    )
    _, *parts = re.split(r"^### \[.+\]\(\.\./terraform/(.+)\)$", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(section: str) -> list[list[set[str]]]:
    """The rows of its table, and in each cell what is written as code."""
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[set(re.findall(r"`([^`]+)`", cell)) for cell in line.strip("|").split("|")] for line in lines]


def sources(part: str) -> list[str]:
    path = MODULE / part
    return [file.read_text(encoding="utf-8") for file in ([path] if path.is_file() else sorted(path.glob("*.tf")))]


def of_roles(part: str) -> dict[str, set[str]]:
    """The policies of the part's roles: the actions of each by its name."""
    found: dict[str, set[str]] = {}
    for text in sources(part):
        for capabilities in CAPABILITIES.findall(text):
            found |= {name: set(ACTION.findall(block)) for name, block in CAPABILITY.findall(capabilities)}
        found |= {name: set(ACTION.findall(block)) for name, block in COMMON.findall(text)}
        for resource in ROLE_POLICY.findall(text):
            for name in re.findall(r'^  name\s*= "([\w-]+)"$', resource, re.MULTILINE):
                # Where they are not in it, they are those of a capability, or have a name of their own beside it.
                found[name] = set(ACTION.findall(resource)) or found.get(name) or set(ACTION.findall(text))
    return found


def of_resources(part: str) -> set[str]:
    """The names of the statements in the part's other policies."""
    return {sid for text in sources(part) for sid in SID.findall(text)}


def parts() -> list[str]:
    """Every part of the module that has a policy."""
    paths: list[Path] = [*MODULE.glob("*.tf"), *MODULE.glob("modules/*")]
    names = [str(path.relative_to(MODULE)) for path in sorted(paths)]
    return [name for name in names if of_roles(name) or of_resources(name)]


def test_the_page_has_a_section_for_every_part_with_policies() -> None:
    assert len(parts()) > 5
    assert sections().keys() == set(parts())


@pytest.mark.parametrize("part", parts())
def test_the_section_names_every_policy_and_statement(part: str) -> None:
    told = [name for row in rows(sections()[part]) for name in row[0]]
    assert sorted(told) == sorted({*of_roles(part), *of_resources(part)})


@pytest.mark.parametrize("part", [part for part in parts() if of_roles(part)])
def test_the_section_tells_what_each_policy_of_a_role_allows(part: str) -> None:
    allowed = of_roles(part)
    told = {
        name: {code for cell in row[1:] for code in cell if ":" in code}
        for row in rows(sections()[part])
        for name in row[0]
    }
    assert all(allowed.values())
    assert {name: told[name] for name in allowed} == allowed


# What the page and others call the services that functions ask, by boto3's names for them.
SERVICES: Final = {
    "s3": "S3",
    "dynamodb": "DynamoDB",
    "sqs": "SQS",
    "sns": "SNS",
    "ssm": "Systems Manager",
    "events": "EventBridge",
    "kinesis": "Kinesis",
    "lambda": "Lambda",
}
TRACED: Final = "X-Ray"  # by Lambda's daemon beside the function
OTHERS: Final = ("KMS", "Logs", "CloudWatch")


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("terraform/variables.tf", r"From there they have to reach (.+?), through endpoints"),
        ("terraform/examples/complete/variables.tf", r"Private subnets that reach (.+?)\."),
        ("docs/deploying.md", r"They reach (.+?): through gateway endpoints"),
        ("docs/security.md", r"no route but endpoints of (.+?), each with"),
    ],
)
def test_endpoints_are_those_of_the_services_that_functions_call(file: str, sentence: str) -> None:
    code = "".join(each.read_text(encoding="utf-8") for each in (REPOSITORY / "functions").rglob("*.py"))
    called = {SERVICES[name] for name in re.findall(r'\.client\(\s*"(\w+)"', code)}
    assert len(called) == len(SERVICES)
    (told,) = re.findall(sentence, (REPOSITORY / file).read_text(encoding="utf-8"), re.DOTALL)
    words = " ".join(told.split())
    assert {name for name in (*SERVICES.values(), TRACED, *OTHERS) if name in words} == {*called, TRACED}


def test_the_tests_that_it_names_are_there() -> None:
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    tests = (REPOSITORY / "tests" / "e2e" / "test_least_privilege.py").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in tests] == []
