"""What a newcomer is told when something is missing, and that nothing is left running."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from devtools.errors import DevtoolsError
from devtools.localaws import processes, stack, terraform

if TYPE_CHECKING:
    from pathlib import Path


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


def fake_terraform(directory: Path, version: str) -> None:
    executable = directory / "terraform"
    executable.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    executable.chmod(0o755)


def test_a_missing_terraform_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevtoolsError, match=r"terraform is not on PATH: install Terraform 1\.9 or newer"):
        terraform.check_version()


def test_an_old_terraform_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_terraform(tmp_path, "1.8.5")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(DevtoolsError, match=r"terraform 1\.8\.5 is too old"):
        terraform.check_version()


@pytest.mark.parametrize("version", ["1.9.0", "1.10.3", "2.0.0"])
def test_a_new_terraform_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    fake_terraform(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    terraform.check_version()


def test_a_mirror_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "registry" / "hashicorp" / "aws").mkdir(parents=True)
    monkeypatch.setenv("TERRAFORM_PROVIDER_MIRROR", str(tmp_path))
    assert terraform.provider_mirror() == tmp_path


def test_a_mirror_without_the_provider_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERRAFORM_PROVIDER_MIRROR", str(tmp_path))
    with pytest.raises(DevtoolsError, match="holds no AWS provider"):
        terraform.provider_mirror()


def test_a_provider_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    binary = tmp_path / "terraform/providers/somewhere/hashicorp/aws/5.0.0/any/terraform-provider-aws_v5.0.0"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\necho no memory left\n", encoding="utf-8")
    binary.chmod(0o755)
    (tmp_path / "provider.log").write_text("TF_REATTACH_PROVIDERS='an earlier one'\n", encoding="utf-8")
    root = terraform.Root(tmp_path, tmp_path)
    with pytest.raises(DevtoolsError, match=r"did not start.+provider\.log"), root.with_running_provider():
        pass
    assert (tmp_path / "provider.log").read_text(encoding="utf-8") == "no memory left\n"


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((processes.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DevtoolsError, match=f"port {port} is taken"):
            stack.create(tmp_path / "stack", port=port)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(2**40, 2**40, 2**20))
    with pytest.raises(DevtoolsError, match="a local stack needs 2 GiB"):
        stack.create(tmp_path / "stack")


def test_missing_archives_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stack, "ARCHIVES", tmp_path)
    with pytest.raises(DevtoolsError, match=r"thumbnailer\.zip is missing: build it with 'make package'"):
        stack.create(tmp_path / "stack")


def test_no_stack_is_up(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="start one with 'make up'"):
        stack.load(tmp_path / "stack.json")


def test_a_process_is_ended_with_everything_that_it_started(tmp_path: Path) -> None:
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", script], log=log, environment={})
    while not log.exists() or "up" not in log.read_text():
        time.sleep(0.05)
    (child,) = process.descendants()
    process.stop()
    assert process.descendants() == []
    assert not child.is_running()


def test_a_later_process_with_the_same_number_is_left_alone() -> None:
    ourselves = processes.Process(os.getpid(), created=0.0)
    assert not ourselves.alive
    ourselves.stop()


def test_a_background_process_does_not_see_our_aws_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    log = tmp_path / "log"
    script = "import os; print(os.environ.get('AWS_PROFILE'), os.environ['ADDED'], flush=True)"
    process = processes.start([sys.executable, "-c", script], log=log, environment={"ADDED": "yes"})
    while process.alive:
        time.sleep(0.05)
    assert log.read_text() == "None yes\n"
