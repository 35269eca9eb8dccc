"""Terraform's own checks: format, validity of every root, and the module's tests with a mocked provider."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from devtools.localaws.stack import REPOSITORY
from devtools.localaws.terraform import Root
from thumbctl.defaults import DEFAULT
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

MODULE = REPOSITORY / "terraform"
ROOTS = [MODULE, *sorted(main.parent for main in MODULE.glob("environments/*/main.tf"))]
EXAMPLES = sorted(main.parent for main in MODULE.glob("examples/*/main.tf"))


def test_everything_is_formatted(tmp_path: Path) -> None:
    Root(MODULE, tmp_path).run("fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("module", [*ROOTS, *EXAMPLES], ids=lambda module: str(module.relative_to(REPOSITORY)))
def test_root_is_valid(module: Path, tmp_path: Path) -> None:
    root = Root(module, tmp_path)
    root.init(backend=False)
    assert "Success" in root.run("validate", "-no-color")


@pytest.mark.parametrize("module", ROOTS, ids=lambda module: str(module.relative_to(REPOSITORY)))
def test_every_input_is_passed_on(module: Path) -> None:
    """Terraform itself is content with a variable that is declared, checked and then forgotten."""
    declared = re.findall(r'^variable "(\w+)"', (module / "variables.tf").read_text(), re.MULTILINE)
    passed_on = "".join(file.read_text() for file in module.glob("*.tf") if file.name != "variables.tf")
    assert declared
    assert [name for name in declared if not re.search(rf"\bvar\.{name}\b", passed_on)] == []


def test_environments_differ_in_sizes_alone() -> None:
    dev, prod = MODULE / "environments" / "dev", MODULE / "environments" / "prod"
    written = {file.name: file.read_bytes() for file in dev.glob("*.tf")}
    assert {"main.tf", "outputs.tf", "variables.tf", "versions.tf"} <= written.keys()
    assert {file.name: file.read_bytes() for file in prod.glob("*.tf")} == written
    sizes = [
        set(re.findall(r"^(\w+) += ", (each / "terraform.tfvars").read_text(), re.MULTILINE)) for each in (dev, prod)
    ]
    assert sizes[0] == sizes[1] != set()


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_has_a_state_of_its_own_which_is_locked(environment: str) -> None:
    directory = MODULE / "environments" / environment
    assert (directory / "backend.tfbackend").read_text() == f'key = "thumbnail-pipeline/{environment}.tfstate"\n'
    assert re.search(r"^    use_lockfile = true$", (directory / "versions.tf").read_text(), re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_says_what_it_is_one_of(example: Path) -> None:
    assert re.match(r"# \w.+\n\n\w.+", (example / "README.md").read_text())


def test_there_are_examples() -> None:
    assert {example.name for example in EXAMPLES} == {"minimal", "complete", "existing-bucket"}


def test_module_keeps_its_promises(tmp_path: Path) -> None:
    root = Root(MODULE, tmp_path)
    root.init(backend=False)
    summary = re.search(r"(\d+) passed, (\d+) failed", root.run("test", "-no-color"))
    assert summary is not None
    assert int(summary[1]) > 0
    assert summary[2] == "0"


def test_the_key_is_destroyed_after_all_that_is_encrypted_with_it(tmp_path: Path) -> None:
    """Destroying stops at a bucket with something in it, and nobody could read that without the key."""
    root = Root(MODULE, tmp_path)
    root.init(backend=False)
    edges = re.findall(r'"(\S+)" -> "module\.encryption\.aws_kms_key\.this"', root.run("graph"))
    holders = {
        "module.catalog.aws_dynamodb_table.this",
        "module.ingest.module.bucket.aws_s3_bucket.this",
        "module.thumbnails.module.bucket.aws_s3_bucket.this",
    }
    assert holders <= set(edges)


def test_the_command_line_renders_what_the_module_does_by_default() -> None:
    variable = (MODULE / "variables.tf").read_text().split('variable "renditions"')[1]
    default = variable.split("default = [")[1].split("]")[0]
    fields = [dict(re.findall(r'(\w+)\s*=\s*"?([^",\s}]+)', line)) for line in default.split("}") if "{" in line]
    assert fields
    text = json.dumps(
        [{key: int(value) if value.isdecimal() else value for key, value in each.items()} for each in fields]
    )
    assert Settings.from_json(f'{{"renditions": {text}}}') == DEFAULT


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", MODULE / "README.md"], ids=["project", "module"])
def test_the_example_of_the_readme_is_valid(page: Path, tmp_path: Path) -> None:
    example = re.findall(r"```hcl\n(.*?)```", page.read_text(), re.DOTALL)[0]
    assert "../thumbnail-pipeline/terraform" in example
    somebodys_root = tmp_path / "root"
    somebodys_root.mkdir()
    ours = example.replace("../thumbnail-pipeline", str(REPOSITORY)).replace("build/lambda", "build/local")
    (somebodys_root / "main.tf").write_text(ours)
    root = Root(somebodys_root, tmp_path)
    root.init(backend=False)
    assert "Success" in root.run("validate", "-no-color")
