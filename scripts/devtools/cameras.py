"""Cameras to try a deployment with: the client of docs/devices.md as it stands, added as thumbctl adds devices."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devtools.localaws import processes
from devtools.localaws.stack import REPOSITORY
from thumbctl.devices.adding import add
from thumbctl.devices.kit import CONFIG, broker_of
from thumbctl.devices.registry import registry_of
from thumbctl.devices.revoking import revoke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from devtools.localaws.processes import Process
    from thumbctl.stack import Stack

_CLIENT: Final = REPOSITORY / "docs" / "examples" / "camera.py"
# Sooner than a camera in the field would ask again.
_PATIENCE_SECONDS: Final = "5"


def revoke_all(stack: Stack) -> None:
    """Revoke every device: AWS IoT keeps a policy and a thing type for as long as a device has them."""
    registry, broker = registry_of(stack), stack.client("iot-data")
    for thing in list(registry.things()):
        revoke(registry, broker, thing)


@dataclass(frozen=True)
class Camera:
    """A device that was added; what it needs lies in `directory`."""

    name: str
    directory: Path

    @classmethod
    def added(cls, stack: Stack, name: str, directory: Path) -> Camera:
        """Add a device; what an earlier run left in the directory goes."""
        shutil.rmtree(directory, ignore_errors=True)
        told = stack.outputs["devices"]
        add(registry_of(stack), name, directory, broker_of(stack, told["endpoint"]), told["topic_prefix"], None)
        return cls(name, directory)

    def calling_itself(self, name: str) -> Camera:
        """The same device with the same certificate, under the name of another."""
        lying = self.directory.with_name(f"{self.directory.name} as {name}")
        shutil.rmtree(lying, ignore_errors=True)
        shutil.copytree(self.directory, lying)
        config = lying / CONFIG
        config.write_text(json.dumps({**json.loads(config.read_text(encoding="utf-8")), "thing": name}))
        return Camera(name, lying)

    @property
    def log(self) -> Path:
        """Where it says what it was told."""
        return self.directory / "told"

    def told(self) -> list[str]:
        """What it was told of its pictures, a line each."""
        return self.log.read_text(encoding="utf-8").splitlines()

    @contextlib.contextmanager
    def uploading(self, pictures: Mapping[str, bytes]) -> Iterator[Process]:
        """Have it upload pictures by their files' names, until it is through with them or the block ends."""
        folder = self.directory / "pictures"
        folder.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
        command = [sys.executable, str(_CLIENT), str(self.directory / CONFIG), str(folder)]
        process = processes.start([*command, "--patience", _PATIENCE_SECONDS], log=self.log, environment={})
        try:
            yield process
        finally:
            process.stop()


def wait(process: Process, *, seconds: float) -> None:
    """Wait until a process ends, for so many seconds at most."""
    deadline = time.monotonic() + seconds
    while process.alive and time.monotonic() < deadline:
        time.sleep(0.1)
