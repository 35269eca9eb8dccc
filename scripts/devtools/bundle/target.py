"""What an archive is built for: a Python version and a machine, and whether native code matches it."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.bundle import elf
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from pathlib import Path

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES = {"aarch64": "EM_AARCH64", "x86_64": "EM_X86_64"}
_CPYTHON_TAG = re.compile(r"\.cpython-(\d)(\d+)-")


@dataclass(frozen=True)
class Target:
    """A Lambda runtime: `python` is its (major, minor), `machine` the name that ELF and wheels use."""

    python: tuple[int, int]
    machine: str
    native: bool
    """Built for the very interpreter that builds it, as the local emulator needs."""

    @classmethod
    def of_lambda(cls, runtime: str, architecture: str) -> Target:
        """`runtime` and `architecture` as Terraform's `aws_lambda_function` spells them."""
        version = re.fullmatch(r"python(3)\.(\d+)", runtime)
        if version is None or architecture not in _MACHINES:
            raise DevtoolsError(
                f"no archive can be built for {runtime} on {architecture}: "
                "name a runtime such as python3.13 and arm64 or x86_64"
            )
        return cls((int(version[1]), int(version[2])), _MACHINES[architecture], native=False)

    @classmethod
    def of_this_interpreter(cls) -> Target:
        """The interpreter that runs this: the emulator runs functions with it.

        Raises DevtoolsError where functions cannot run as they do in Lambda.
        """
        if sys.platform != "linux":
            raise DevtoolsError(
                f"the local stack runs functions as Lambda does, which {platform.system()} cannot: use Linux, in a "
                "virtual machine for instance; thumbctl, and make package for what is deployed, work here"
            )
        machine = platform.machine()
        return cls(sys.version_info[:2], _MACHINES.get(machine, machine), native=True)

    @property
    def pip_arguments(self) -> list[str]:
        """What makes pip choose wheels of this target.

        Pillow publishes no manylinux2014 wheels any more; Lambda's Amazon Linux 2023 has glibc 2.34,
        so manylinux_2_28 is safe. https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
        """
        if self.native:
            return []
        glibc_tags = [f"manylinux_2_28_{self.machine}", f"manylinux_2_17_{self.machine}"]
        platforms = [argument for tag in glibc_tags for argument in ("--platform", tag)]
        return [*platforms, "--implementation", "cp", "--python-version", self.version]

    def mismatch(self, native_module: Path) -> str | None:
        """Say why `native_module` would not load on this target, or None if it would."""
        machine = elf.machine(native_module)
        if machine is None:
            return "is no ELF file"
        if machine != _ELF_MACHINES.get(self.machine):
            return f"is built for {machine}"
        tag = _CPYTHON_TAG.search(native_module.name)
        if tag and (int(tag[1]), int(tag[2])) != self.python:
            return f"is built for Python {tag[1]}.{tag[2]}"
        return None

    @property
    def version(self) -> str:
        """The Python version, such as 3.13."""
        return ".".join(map(str, self.python))

    def __str__(self) -> str:
        return f"Python {self.version} on {self.machine}"
