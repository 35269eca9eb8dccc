"""The real Terraform, driven from a script."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.errors import DevtoolsError
from devtools.localaws import processes
from devtools.localaws.processes import environment_without_aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OLDEST = (1, 9)
_MIRROR_VARIABLE = "TERRAFORM_PROVIDER_MIRROR"
# Terraform's implied mirror directories come first, then where images and packages put such a tree.
# https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
_MIRROR_PLACES = (
    Path.home() / ".terraform.d" / "plugins",
    Path.home() / ".local" / "share" / "terraform" / "plugins",
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
)
_MIRROR_PARENTS = (Path("/opt"), Path("/usr/local/share"))
# Terraform and its provider spend a quarter of their time on collecting what they hold again at once: the schemas
# of all of AWS. In percent of what is in use; 100 by default, with half the memory. https://go.dev/doc/gc-guide#GOGC
_COLLECT_LESS = "800"
# After the second signal Terraform itself allows the provider five seconds.
_PATIENCE_SECONDS = (0.5, 10)
# What the provider prints once it serves whoever is told so.
_HOW_TO_ATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")
_PROVIDER_START_SECONDS = 60
# <mirror>/<registry host>/<namespace>/<type>
_PROVIDER_IN_MIRROR = "*/hashicorp/aws"


def check_version() -> None:
    """Raise DevtoolsError unless a Terraform that is new enough is on PATH."""
    if shutil.which("terraform") is None:
        raise DevtoolsError("terraform is not on PATH: install Terraform 1.9 or newer")
    printed = subprocess.run(
        ["terraform", "version", "-json"], capture_output=True, text=True, check=False, env=_environment()
    ).stdout
    version = re.search(r'"terraform_version":\s*"((\d+)\.(\d+)[^"]*)"', printed)
    if version is None or (int(version[2]), int(version[3])) < _OLDEST:
        found = version[1] if version else "of an unknown version"
        raise DevtoolsError(f"terraform {found} is too old: install Terraform 1.9 or newer")


def provider_mirror() -> Path | None:
    """Return a filesystem mirror that holds the AWS provider, or None: then the registry serves it."""
    named = os.environ.get(_MIRROR_VARIABLE)
    if named:
        if not any(Path(named).glob(_PROVIDER_IN_MIRROR)):
            raise DevtoolsError(
                f"{_MIRROR_VARIABLE}={named} holds no AWS provider: unset it or name a directory with one"
            )
        return Path(named)
    found_elsewhere = (place for parent in _MIRROR_PARENTS for place in sorted(parent.glob("*")))
    for place in (*_MIRROR_PLACES, *_MIRROR_PARENTS, *found_elsewhere):
        if any(place.glob(_PROVIDER_IN_MIRROR)):
            return place
    return None


@dataclass(frozen=True)
class Root:
    """A root module, with the state and the plug-ins of this one run kept in `directory`."""

    module: Path
    directory: Path
    provider: str = ""
    """How to reach a provider that runs already, as `with_running_provider` finds it."""
    session: Mapping[str, str] = field(default_factory=dict)
    """Variables of AWS that commands and provider get. None of the developer's own, unless they are said here."""
    patience: tuple[float, float] = _PATIENCE_SECONDS
    """For how long an interrupted command may finish what it is at, and after that, give up what it is at."""

    @classmethod
    def copied(cls, source: Path, directory: Path) -> Root:
        """Return a copy of the root module `source` below `directory`, in place of an earlier copy there."""
        shutil.rmtree(directory / "root", ignore_errors=True)
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        return cls(shutil.copytree(source, directory / "root", ignore=ignored), directory)

    def override(self, blocks: Mapping[str, Any]) -> None:
        """Have these arguments of the root's blocks instead of what its files say, in Terraform's JSON.

            root.override({"module": {"pipeline": {"memory_mb": 512}}})

        https://developer.hashicorp.com/terraform/language/files/override
        """
        (self.module / "override.tf.json").write_text(json.dumps(blocks, indent=2) + "\n", encoding="utf-8")

    def init(self, *, backend: bool = True) -> None:
        """Install the provider, and with `backend` point the local backend at our own state file."""
        mirror = provider_mirror()
        self.run(
            "init",
            "-input=false",
            f"-backend-config=path={self.directory / 'terraform.tfstate'}" if backend else "-backend=false",
            *([f"-plugin-dir={mirror}"] if mirror else []),
        )

    @contextlib.contextmanager
    def with_running_provider(self) -> Iterator[Root]:
        """This root, after `init`, with a provider that its commands find running: else each starts it some five times.

        It keeps what a command has configured it with. So other roots may have it too by their `provider`, if they
        mock it or configure it alike. https://developer.hashicorp.com/terraform/plugin/debugging
        """
        (binary,) = (self._data / "providers").glob("*/hashicorp/aws/*/*/terraform-provider-aws*")
        log = self.directory / "provider.log"
        log.unlink(missing_ok=True)  # an earlier one would say where nobody is any more
        process = processes.start([str(binary), "-debug"], log=log, environment={"GOGC": _COLLECT_LESS, **self.session})

        def told() -> str:
            found = _HOW_TO_ATTACH.search(log.read_text(encoding="utf-8"))
            if found is None:
                raise ConnectionError
            return found[1]

        within = _PROVIDER_START_SECONDS
        processes.wait_until_it_answers(process, told, within=within, name="the AWS provider", log=log)
        try:
            yield replace(self, provider=told())
        finally:
            process.stop()

    def apply(self) -> None:
        """Apply it as it stands."""
        self.run("apply", "-input=false", "-auto-approve", "-no-color", "-parallelism=20")

    def outputs(self) -> dict[str, Any]:
        """The outputs by name."""
        raw: dict[str, dict[str, Any]] = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in raw.items()}

    @property
    def _data(self) -> Path:
        return self.directory / "terraform"

    def run(self, subcommand: str, *arguments: str) -> str:
        """Run one subcommand and return what it printed. Raises DevtoolsError with what it complained of."""
        command = ["terraform", f"-chdir={self.module}", subcommand, *arguments]
        environment = {**_environment(), **self.session, "TF_DATA_DIR": str(self._data)}
        if self.provider:
            environment["TF_REATTACH_PROVIDERS"] = self.provider
        # In a session of its own, so that Ctrl-C reaches us alone and we end it in order.
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate()
            except BaseException:
                _end(process, self.patience)
                raise
        with (self.directory / "terraform.log").open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{stdout}{stderr}\n")
        if process.returncode != 0:
            # With -json it complains among its answers.
            raise DevtoolsError(f"terraform {subcommand} failed:\n{stderr.strip() or _complaints(stdout)}")
        return stdout


def _complaints(printed: str) -> str:
    """What is said of errors in what a subcommand printed as lines of JSON.

    https://developer.hashicorp.com/terraform/internals/machine-readable-ui
    """
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    errors = [line for line in lines if line.get("@level") == "error"]
    return "\n".join(
        "\n".join([line["@message"], line.get("@testrun", ""), line.get("diagnostic", {}).get("detail", "")])
        for line in errors
    )


def _end(process: subprocess.Popen[str], patience_seconds: tuple[float, float]) -> None:
    """Let Terraform go in order: the first signal makes it wait for what it is creating, the second leave."""
    for patience in patience_seconds:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=patience)
            return
    os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    environment = {
        "GOGC": _COLLECT_LESS,
        **environment_without_aws(),
        "TF_IN_AUTOMATION": "true",
        "CHECKPOINT_DISABLE": "true",
    }
    # Terraform warns on every call when this names a file that is not there.
    if not Path(environment.get("TF_CLI_CONFIG_FILE", "/")).is_file():
        environment.pop("TF_CLI_CONFIG_FILE", None)
    return environment
