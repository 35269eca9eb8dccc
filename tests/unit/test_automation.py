"""The workflow, the commit hooks and the scanner: that they run what the project has, and no more than they may."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.localaws.stack import REPOSITORY
from devtools.release.build import RUNTIMES

WORKFLOWS = REPOSITORY / ".github" / "workflows"
HOOKS = REPOSITORY / ".pre-commit-config.yaml"
TARGETS = re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


@pytest.fixture
def workflow() -> Any:
    return yaml.safe_load((WORKFLOWS / "ci.yml").read_text())


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_a_workflow_makes_what_can_be_made(name: str) -> None:
    for job in yaml.safe_load((WORKFLOWS / name).read_text())["jobs"].values():
        assert job["steps"][-1] == {"run": "make ${{ matrix.make }}"}
        matrix = job["strategy"]["matrix"]
        made = [made.split() for made in matrix.get("make") or [each["make"] for each in matrix["include"]]]
        assert {word for words in made for word in words if "=" not in word} <= set(TARGETS)


def test_what_decides_is_make_test(workflow: Any) -> None:
    (job,) = workflow["jobs"].values()
    assert "test" in [each["make"] for each in job["strategy"]["matrix"]["include"]]
    assert (REPOSITORY / ".ci" / "run").read_text().endswith("\nexec make test\n")


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_a_workflow_may_only_read(name: str) -> None:
    workflow = yaml.safe_load((WORKFLOWS / name).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        (checkout,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
        assert checkout["with"]["persist-credentials"] is False


def test_a_release_may_no_more_than_it_has_to() -> None:
    """And what builds it holds no credentials of the forge: the last step alone is given a token."""
    workflow = yaml.safe_load((WORKFLOWS / "release.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "write", "id-token": "write", "attestations": "write"}
    assert job["steps"][0]["with"]["persist-credentials"] is False
    assert [step["name"] for step in job["steps"] if "github.token" in str(step)] == ["Draft the release"]
    runtimes = [f"python{version}" for version in job["steps"][1]["with"]["python-version"].split()]
    assert sorted(runtimes) == sorted(RUNTIMES)


def test_acceptance_is_the_role_for_no_longer_than_it_has_to_be() -> None:
    """What is built from packages of others is built before, and nothing is done where nobody said in which account."""
    workflow = yaml.safe_load((WORKFLOWS / "acceptance.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["acceptance"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["steps"][0]["with"]["persist-credentials"] is False
    assert {step["uses"] for step in job["steps"][1:] if "with" in step} >= {
        "aws-actions/configure-aws-credentials@v5.0.0"
    }
    does = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]
    role = does.index("aws-actions/configure-aws-credentials")
    assert does[role - 1] == "make package"
    assert [each.split("${{")[0] for each in does[role + 1 : role + 3]] == [
        "make acceptance YES=yes CDN=",
        "make acceptance YES=yes CLEAN=yes",
    ]
    assert job["steps"][role + 2]["if"] == "failure() || cancelled()"
    assert "secrets." not in str(workflow)
    nowhere = workflow["jobs"]["nowhere"]
    assert {job["if"], nowhere["if"]} == {
        "vars.ACCEPTANCE_ROLE_ARN != '' && vars.ACCEPTANCE_REGION != ''",
        "vars.ACCEPTANCE_ROLE_ARN == '' || vars.ACCEPTANCE_REGION == ''",
    }
    assert "::notice::" in nowhere["steps"][0]["run"]


LOCKING = """#!/bin/sh
case "$*" in *darwin_arm64*) ;; *) exit 1 ;; esac
root=${1#-chdir=}
[ -e "$root/.terraform.lock.hcl" ] && exit 1
echo newest > "$root/.terraform.lock.hcl"
"""


def test_the_workflow_proposes_a_lock_that_is_new_and_nothing_else(tmp_path: Path) -> None:
    """Its steps, with a forge that only notes how it was called, and a Terraform that locks what was not locked."""
    workflow = yaml.safe_load((WORKFLOWS / "lock.yml").read_text())
    steps = {step["name"]: step["run"] for step in workflow["jobs"]["lock"]["steps"] if "name" in step}
    origin, checkout, tools = (tmp_path / name for name in ("origin", "checkout", "tools"))
    for directory in (origin, tools):
        directory.mkdir()
    for name, script in {"terraform": LOCKING, "gh": f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n'}.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path),
        "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "e",
    }  # fmt: skip

    def run(command: str, where: Path) -> str:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=where, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    run("git init --quiet --bare --initial-branch main", origin)
    run(f"git clone --quiet {origin} {checkout}", tmp_path)
    for name in ("dev", "prod"):
        root = checkout / "terraform" / "environments" / name
        root.mkdir(parents=True)
        (root / ".terraform.lock.hcl").write_text("old\n" if name == "dev" else "newest\n")
    shutil.copy(REPOSITORY / "terraform" / ".gitignore", checkout / "terraform")
    run(
        "git switch --quiet -c main && git add . && git commit --quiet -m all && git push --quiet origin main", checkout
    )

    for step in steps.values():
        run(step, checkout)
    assert run("git diff --name-only main lock-providers", origin).split() == [
        "terraform/environments/dev/.terraform.lock.hcl"
    ]
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "pr create --head lock-providers --fill"

    asked = (tmp_path / "asked").read_text()
    run("git switch --quiet main && git merge --quiet lock-providers && git branch --delete lock-providers", checkout)
    for step in steps.values():
        run(step, checkout)
    assert (tmp_path / "asked").read_text() == asked


@pytest.mark.parametrize("name", ["acceptance.yml", "ci.yml", "lock.yml", "nightly.yml", "release.yml"])
def test_the_actions_of_a_workflow_are_pinned(name: str) -> None:
    workflow = yaml.safe_load((WORKFLOWS / name).read_text())
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [
        action
        for action in used
        if not re.fullmatch(r"(actions|aws-actions|hashicorp|sigstore)/[a-z-]+@v\d+\.\d+\.\d+", action)
    ] == []


def test_the_workflow_fetches_a_provider_that_the_module_allows(workflow: Any, tmp_path: Path) -> None:
    """The step itself, with a Terraform that only says that it was called."""
    (job,) = workflow["jobs"].values()
    (step,) = (step for step in job["steps"] if step.get("name") == "Fetch the AWS provider")
    (tmp_path / "terraform").write_text("#!/bin/sh\necho $* && cat provider.tf.json\n")
    (tmp_path / "terraform").chmod(0o755)
    variables = tmp_path / "variables"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_ENV": str(variables), "VERSION": "~> 6.0"}
    command = ["bash", "-e", "-c", step["run"]]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.startswith("init\n{")
    assert yaml.safe_load(told.removeprefix("init\n")) == {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "~> 6.0"}}}
    }
    assert variables.read_text() == f"TERRAFORM_PROVIDER_MIRROR={tmp_path}/.terraform/providers\n"


def test_every_hook_is_a_tool_of_the_project() -> None:
    (repository,) = yaml.safe_load(HOOKS.read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0]
        assert (REPOSITORY / tool).exists() or shutil.which(tool), hook["id"]


def test_the_hooks_mend_what_is_committed(tmp_path: Path) -> None:
    shutil.copy(HOOKS, tmp_path)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    code, module = tmp_path / "paths.py", tmp_path / "main.tf"
    code.write_text("import os, sys\nprint( sys.path)\n")
    module.write_text("locals {\n  a = 1\n  long = 2\n}\n")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "paths.py", "main.tf", HOOKS.name], check=True)

    def committed() -> subprocess.CompletedProcess[str]:
        command = [".venv/bin/pre-commit", "run", "--all-files", "--color=never"]
        environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "cache")}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert committed().returncode == 1
    assert code.read_text() == "import sys\n\nprint(sys.path)\n"
    assert module.read_text() == "locals {\n  a    = 1\n  long = 2\n}\n"
    second = committed()
    assert second.returncode == 0, second.stdout
    assert "tables of terraform/README.md" in second.stdout


def test_every_check_that_is_passed_over_says_why() -> None:
    text = "".join(file.read_text() for file in REPOSITORY.glob("terraform/**/*.tf"))
    passed_over = re.findall(r"checkov:skip.*", text)
    assert passed_over
    assert [each for each in passed_over if not re.fullmatch(r"checkov:skip=CKV2?_AWS_\d+:[A-Z].{30,}\.", each)] == []
