"""The page of the Terraform module: that it is what the module says, and is written from anything that it may say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from devtools.docs.terraform_module import Group, Input, Module, Output, Requirement
from devtools.docs.terraform_tables import MODULE, tables
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = """
terraform {
  required_version = ">= 1.9" # why

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
"""
VARIABLES = """# Required

variable "name" {
  description = "A name such as \\"a|b\\" or <c>."
  type        = string

  validation {
    condition     = var.name != ""
    error_message = "name must not be empty."
  }
}

# How it works

# Only about the next one.
variable "limits" {
  description = "What it costs."
  type = map(object({
    bytes = optional(number, 10) # of the file
    # of the picture
    side = number
  }))
  default = {
    a = { side = 1 }
  }
}

variable "tags" {
  description = "Tags."
  type        = map(string)
  default     = null
}
"""
OUTPUTS = """
output "url" {
  description = "Where it is."
  value       = module.x.url
}
"""
LIMITS_TYPE = """map(object({
  bytes = optional(number, 10) # of the file
  # of the picture
  side = number
}))"""
LIMITS_DEFAULT = """{
  a = { side = 1 }
}"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A small module."""
    for name, text in (("versions", VERSIONS), ("variables", VARIABLES), ("outputs", OUTPUTS)):
        (tmp_path / f"{name}.tf").write_text(text)
    return tmp_path


def test_every_input_and_output_is_on_the_page() -> None:
    page = (MODULE / "README.md").read_text(encoding="utf-8")
    for file, block in (("variables.tf", "variable"), ("outputs.tf", "output")):
        declared = re.findall(rf'^{block} "(\w+)"', (MODULE / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert declared
        assert [name for name in declared if f"\n| `{name}` | " not in page] == []


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = (MODULE / "README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = [heading.lower().replace("`", "").replace(",", "").replace(" ", "-") for heading in headings]
    assert len(anchors) == len(set(anchors))
    targets = re.findall(r"\]\((?!https://)(.+?)\)", page)
    assert [each for each in targets if each.startswith("#") and each[1:] not in anchors] == []
    assert [each for each in targets if not each.startswith("#") and not (MODULE / each).exists()] == []


def test_a_module_is_read_with_its_comments(module: Path) -> None:
    assert Module.read(module) == Module(
        requirements=(Requirement("terraform", None, ">= 1.9"), Requirement("aws", "hashicorp/aws", ">= 5.100")),
        groups=(
            Group("Required", (Input("name", 'A name such as "a|b" or <c>.', "string", None),)),
            Group(
                "How it works",
                (
                    Input("limits", "What it costs.", LIMITS_TYPE, LIMITS_DEFAULT),
                    Input("tags", "Tags.", "map(string)", "null"),
                ),
            ),
        ),
        outputs=(Output("url", "Where it is."),),
    )


def test_the_tables_show_all_of_it(module: Path) -> None:
    lines = tables(module).splitlines()
    assert r'| `name` | `string` | required | A name such as "a\|b" or \<c\>. |' in lines
    assert "| `limits` | [`map(object)`](#limits) | [below](#limits) | What it costs. |" in lines
    assert "| `tags` | `map(string)` | `null` | Tags. |" in lines
    assert "| `url` | Where it is. |" in lines
    fence = lines.index("```hcl")
    assert lines[fence - 2] == "#### `limits`"
    assert "\n".join(lines).count(f"```hcl\ntype = {LIMITS_TYPE}\ndefault = {LIMITS_DEFAULT}\n```") == 1


@pytest.mark.parametrize(
    ("was", "becomes", "error"),
    [
        ('description = "Tags."', "", "tags has no description: "),
        ("type        = map(string)", "", "tags has no type: "),
        (
            'description = "Tags."',
            "description = <<-END\n    Tags.\n  END",
            "the description of tags is no plain string: ",
        ),
        ('variable "tags" {', 'variable "tags" ((', r"variables\.tf cannot be read from line 28 on: "),
    ],
)
def test_what_cannot_be_told_is_named(module: Path, was: str, becomes: str, error: str) -> None:
    assert VARIABLES.count(was) == 1
    (module / "variables.tf").write_text(VARIABLES.replace(was, becomes))
    with pytest.raises(DevtoolsError, match=f"^{error}"):
        Module.read(module)
