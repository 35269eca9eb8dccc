"""Terraform's own checks: format, validity of every root, and the module's tests with a mocked provider."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
from hcl2.utils import SerializationOptions

from devtools.localaws.stack import REPOSITORY
from devtools.localaws.terraform import Root

if TYPE_CHECKING:
    from pathlib import Path

    from terraform.conftest import Tested

MODULE = REPOSITORY / "terraform"
OWN = REPOSITORY / "tests" / "terraform" / "own"
ENVIRONMENTS = ("dev", "prod", "local", "acceptance")
EXAMPLES = sorted(main.parent for main in MODULE.glob("examples/*/main.tf"))
PAGES = {"project": REPOSITORY / "README.md", "module": MODULE / "README.md"}
_PLAIN_VALUES = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


def environment(name: str) -> dict[str, Any]:
    """The one file of an environment."""
    directory = MODULE / "environments" / name
    assert [file.name for file in directory.glob("*.tf*")] == ["main.tf"]
    text = (directory / "main.tf").read_text(encoding="utf-8")
    document: dict[str, Any] = hcl2.loads(text, serialization_options=_PLAIN_VALUES)
    return document


def test_everything_is_formatted(tmp_path: Path) -> None:
    Root(MODULE, tmp_path).run("fmt", "-check", "-recursive", "-diff")


def test_every_root_and_every_example_is_valid(module: Root, tmp_path: Path) -> None:
    """As modules of one root, for which Terraform reads the provider's long schema once."""
    roots = {f"example-{each.name}": each for each in EXAMPLES}
    roots |= {name: MODULE / "environments" / name for name in ENVIRONMENTS}
    for name, page in PAGES.items():
        example = re.findall(r"```hcl\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0]
        assert "../thumbnail-pipeline/terraform" in example
        roots[f"readme-{name}"] = tmp_path / name
        roots[f"readme-{name}"].mkdir()
        (tmp_path / name / "main.tf").write_text(example.replace("../thumbnail-pipeline", str(REPOSITORY)))
    variables = {name: [each for file in root.glob("*.tf") for each in declared(file)] for name, root in roots.items()}
    # By relative paths: what is named by another, Terraform copies away from what it refers to in turn.
    calls = {
        name: {
            "source": os.path.relpath(root, tmp_path / "root"),
            **{each: f"${{var.{each}}}" for each in variables[name]},
        }
        for name, root in roots.items()
    }
    all_of_them: dict[str, dict[str, str]] = {each: {} for names in variables.values() for each in names}
    somebodys = Root(tmp_path / "root", tmp_path, module.provider)
    somebodys.module.mkdir()
    (somebodys.module / "main.tf.json").write_text(json.dumps({"variable": all_of_them, "module": calls}))
    somebodys.init(backend=False)
    assert "Success" in somebodys.run("validate", "-no-color")


def declared(file: Path) -> list[str]:
    """The variables that a file declares."""
    document = hcl2.loads(file.read_text(encoding="utf-8"), serialization_options=_PLAIN_VALUES)
    return [name for each in document.get("variable", []) for name in each]


def test_every_input_is_passed_on() -> None:
    """Terraform itself is content with a variable that is declared, checked and then forgotten."""
    passed_on = "".join(file.read_text() for file in MODULE.glob("*.tf") if file.name != "variables.tf")
    inputs = declared(MODULE / "variables.tf")
    assert len(inputs) > 40
    assert [name for name in inputs if not re.search(rf"\bvar\.{name}\b", passed_on)] == []


def test_dev_and_prod_say_the_same_things_and_differ_in_values() -> None:
    dev, prod = environment("dev"), environment("prod")
    for kind in ("variable", "provider", "output"):
        assert dev[kind] == prod[kind]
    ours, theirs = (each["module"][0]["pipeline"] for each in (dev, prod))
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {
        "backfill",
        "deletion_protection",
        "maximum_concurrency",
        "retention",
    }


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_environment_has_a_state_of_its_own_which_is_locked(name: str) -> None:
    (backend,) = [each["backend"] for each in environment(name)["terraform"]]
    assert backend == [{"s3": {"key": f"thumbnail-pipeline/{name}.tfstate", "encrypt": True, "use_lockfile": True}}]


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_environment_is_a_page(name: str) -> None:
    assert len((MODULE / "environments" / name / "main.tf").read_text(encoding="utf-8").splitlines()) <= 60


def test_dev_and_prod_can_be_deployed(module: Root, tmp_path: Path) -> None:
    """Both planned with a mocked provider: their values keep the module's rules."""
    values = {"name": "thumbs", "on_call": "ops@example.com"}
    ours = {"source": str(MODULE), "archives": {"folder": str(MODULE / "tests" / "fixtures")}}
    root = Root(tmp_path / "root", tmp_path, module.provider)
    shutil.copytree(MODULE / "tests" / "mocks", root.module / "tests" / "mocks")
    calls = {name: environment(name)["module"][0]["pipeline"] | ours for name in ("dev", "prod")}
    document = {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "variable": {name: {"default": value} for name, value in values.items()},
        "module": calls,
    }
    (root.module / "main.tf.json").write_text(json.dumps(document))
    (root.module / "tests" / "plan.tftest.hcl").write_text(
        'mock_provider "aws" {\n  source = "./tests/mocks"\n}\n\nrun "plan" {\n  command = plan\n}\n'
    )
    root.init(backend=False)
    assert "1 passed, 0 failed" in root.run("test", "-no-color")


def test_archives_that_do_not_belong_to_it_are_refused(module: Root, tmp_path: Path) -> None:
    """By what their folder tells: another release's, for another target, or not the ones that it was written for."""
    root = Root(tmp_path / "module", tmp_path, module.provider)
    left_out = shutil.ignore_patterns("*.tftest.hcl", "examples", "environments", ".terraform*")
    shutil.copytree(MODULE, root.module, ignore=left_out)
    sha256 = {
        file.stem: base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()
        for file in (MODULE / "tests" / "fixtures").glob("*.zip")
    }
    told: dict[str, Any] = {
        "version": (MODULE / "VERSION").read_text().strip(),
        "runtime": "python3.13",
        "architecture": "arm64",
        "bytecode": "CPython 3.13.0",
        "sha256": sha256,
    }
    runs = []
    others: dict[str, dict[str, Any]] = {
        "fits": {},
        "another_release": {"version": "0.0.1"},
        "another_runtime": {"runtime": "python3.12"},
        "another_architecture": {"architecture": "x86_64"},
        "another_file": {"sha256": {**sha256, "layer": "AAAA"}},
    }
    for name, otherwise in others.items():
        folder = shutil.copytree(MODULE / "tests" / "fixtures", tmp_path / name)
        (folder / "archives.json").write_text(json.dumps({**told, **otherwise}))
        refused = "expect_failures = [output.release]" if otherwise else ""
        variables = f'variables {{\n    archives = {{ folder = "{folder}" }}\n  }}'
        runs.append(f'run "{name}" {{\n  command = plan\n  {variables}\n  {refused}\n}}\n')
    mocked = 'mock_provider "aws" {\n  source = "./tests/mocks"\n}\n\nvariables {\n  name = "thumbs"\n}\n\n'
    (root.module / "tests" / "kits.tftest.hcl").write_text(mocked + "\n".join(runs))
    root.init(backend=False)
    assert "5 passed, 0 failed" in root.run("test", "-no-color")


def test_consumers_can_be_deployed(module: Root, tmp_path: Path) -> None:
    """Planned with a mocked provider: a rule for each, on the one bus, and a place for what a target does not take."""
    root = Root(tmp_path / "root", tmp_path, module.provider)
    shutil.copytree(MODULE / "examples" / "consumers", root.module)
    (root.module / "tests").mkdir()
    (root.module / "tests" / "plan.tftest.hcl").write_text(CONSUMERS)
    root.init(backend=False)
    assert "1 passed, 0 failed" in root.run("test", "-no-color")


CONSUMERS = """
mock_provider "aws" {
  override_data {
    target = data.aws_lambda_function.consumer
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:index" }
  }
}

variables {
  region            = "eu-central-1"
  event_bus_arn     = "arn:aws:events:eu-central-1:123456789012:event-bus/photos"
  deployment        = "photos"
  function_name     = "index"
  state_machine_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:moderate"
  endpoint          = "https://www.example.com/images"
  endpoint_key      = "secret"
}

run "plan" {
  command = plan

  assert {
    condition = alltrue([
      for target in [
        aws_cloudwatch_event_target.queue, aws_cloudwatch_event_target.function,
        aws_cloudwatch_event_target.workflow, aws_cloudwatch_event_target.endpoint,
      ] : target.event_bus_name == var.event_bus_arn && length(target.dead_letter_config) == 1
    ])
    error_message = "Each must listen to the bus of the deployment, and lose nothing that its target does not take."
  }

  assert {
    condition = alltrue([
      for pattern in [for rule in local.rules : jsondecode(rule.event_pattern)] :
      pattern.source == ["thumbnail-pipeline"] && pattern.detail.deployment == ["photos"]
    ])
    error_message = "Each must listen to this deployment alone."
  }
}
"""


def test_what_it_is_given_may_be_made_in_the_same_configuration(module: Root, tmp_path: Path) -> None:
    root = Root(OWN, tmp_path, module.provider)
    root.run("fmt", "-check", "-recursive", "-diff")
    root.init(backend=False)
    assert "1 passed, 0 failed" in root.run("test", "-no-color")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_says_what_it_is_one_of(example: Path) -> None:
    assert re.match(r"# \w.+\n\n\w.+", (example / "README.md").read_text())


# Of the examples that have variables without a default, what a plan is given.
GIVEN: dict[str, dict[str, Any]] = {
    "cameras": {"region": "eu-central-1"},
    "complete": {
        "region": "eu-central-1",
        "kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555",
        "log_kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/66666666-7777-8888-9999-000000000000",
        "pager_topic_arn": "arn:aws:sns:eu-central-1:123456789012:pager",
        "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "security_group_ids": ["sg-1"],
    },
    "cross-account": {
        "shop_role_arn": "arn:aws:iam::210987654321:role/shop",
        "shop_deployer_role_arn": "arn:aws:iam::210987654321:role/deployer",
    },
    "existing-bucket": {"bucket_name": "photos"},
    "front-door": {"region": "eu-central-1", "page": "https://www.example.com"},
    "page": {"region": "eu-central-1"},
}


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.name != "consumers"], ids=lambda example: example.name
)
def test_an_example_can_be_planned(example: Path, module: Root, tmp_path: Path) -> None:
    """With a mocked provider, as it stands in the repository."""
    terraform = shutil.copytree(MODULE, tmp_path / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
    root = Root(terraform / "examples" / example.name, tmp_path, module.provider)
    shutil.copytree(MODULE / "tests" / "mocks", root.module / "tests" / "mocks")
    aliases = ["", *re.findall(r'( alias += "\w+"\n)', (root.module / "main.tf").read_text())]
    given = {"archives": str(MODULE / "tests" / "fixtures"), **GIVEN.get(example.name, {})}
    (root.module / "tests" / "plan.tftest.hcl").write_text(
        "".join(f'mock_provider "aws" {{\n{alias}  source = "./tests/mocks"\n}}\n\n' for alias in aliases)
        + "variables {\n"
        + "".join(f"  {name} = {json.dumps(value)}\n" for name, value in given.items())
        + "}\n\n"
        + 'run "plan" {\n  command = plan\n}\n'
    )
    root.init(backend=False)
    assert "1 passed, 0 failed" in root.run("test", "-no-color")


def test_there_are_examples() -> None:
    assert {example.name for example in EXAMPLES} == {
        "minimal",
        "complete",
        "existing-bucket",
        "consumers",
        "cross-account",
        "front-door",
        "cameras",
        "own-key",
        "page",
        "two-regions",
    }


def test_module_keeps_its_promises(tested: Tested) -> None:
    assert tested.passed == {f"tests/{file.name}" for file in MODULE.glob("tests/*.tftest.hcl")}
    assert len(tested.passed) > 10


def test_the_key_is_destroyed_after_all_that_is_encrypted_with_it(graph: str) -> None:
    """Destroying stops at a bucket with something in it, and nobody could read that without the key."""
    edges = re.findall(r'"(\S+)" -> "module\.encryption\.aws_kms_key\.this"', graph)
    holders = {
        "module.catalog.aws_dynamodb_table.this",
        "module.ingest.module.bucket.aws_s3_bucket.this",
        "module.thumbnails_bucket.aws_s3_bucket.this",
    }
    assert holders <= set(edges)
