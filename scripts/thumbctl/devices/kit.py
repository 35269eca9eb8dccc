"""The files that a device gets: its key, its certificate, and where to connect. Nothing else ever sees the key.

with Kit.reserved(Path("camera-7"), (KEY, CERTIFICATE, CONFIG)) as kit:
    kit.write(KEY, "-----BEGIN RSA PRIVATE KEY-----…")
"""

from __future__ import annotations

import contextlib
import json
import os
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from thumbctl.stack import Stack

__all__ = ["CA", "CERTIFICATE", "CONFIG", "KEY", "Broker", "Kit", "broker_of"]

KEY, CERTIFICATE, CA, CONFIG = "private.key", "certificate.pem", "ca.pem", "device.json"
_SECRET, _PUBLIC = 0o600, 0o644

# https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html
_PORT: Final = 8883
# https://docs.aws.amazon.com/iot/latest/developerguide/server-authentication.html
_AMAZONS_CA: Final = "https://www.amazontrust.com/repository/AmazonRootCA1.pem"
_PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True)
class Broker:
    """What a device connects to."""

    host: str
    port: int
    ca: str | None
    """The certificate of the authority that vouches for it, as PEM; None where it is Amazon's."""


def broker_of(stack: Stack, endpoint: str) -> Broker:
    """Where devices of a stack connect to, whose output says that it is `endpoint`."""
    if stack.mqtt_port is None:
        return Broker(endpoint, _PORT, None)
    where = stack.client("iot").meta.endpoint_url
    with urllib.request.urlopen(f"{where}/_ministack/iot/ca.pem", timeout=_PATIENCE_SECONDS) as answer:
        return Broker("127.0.0.1", stack.mqtt_port, answer.read().decode())


class Kit:
    """Files of one device in one directory, all of them made here: what was there is never overwritten."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[str, TextIO] = {}
        self._made_directory = False

    @classmethod
    @contextlib.contextmanager
    def reserved(cls, directory: Path, names: Sequence[str]) -> Iterator[Kit]:
        """Make the files, empty, before anything else is done; take them away again where the block fails.

        Raises ThumbctlError where one of them is there already, or cannot be made.
        """
        kit = cls(directory)
        try:
            try:
                kit._reserve(names)
                yield kit
            finally:
                for file in kit._files.values():
                    file.close()
        except BaseException:
            kit.remove()
            raise

    def _reserve(self, names: Sequence[str]) -> None:
        try:
            if not self.directory.is_dir():
                self.directory.mkdir(mode=0o700, parents=True)
                self._made_directory = True
            for name in names:
                mode = _SECRET if name == KEY else _PUBLIC
                descriptor = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                self._files[name] = os.fdopen(descriptor, "w", encoding="utf-8")
        except FileExistsError as error:
            raise ThumbctlError(
                f"There is a file {error.filename} already, and what a device has is never overwritten: name another"
                " directory, or move it away."
            ) from None
        except OSError as error:
            raise ThumbctlError(
                f"{error.filename} cannot be made ({error.strerror}): name another directory with --to."
            ) from None

    def remove(self) -> None:
        """Take away what was made, as far as it is there."""
        for name in self._files:
            (self.directory / name).unlink(missing_ok=True)
        if self._made_directory:
            with contextlib.suppress(OSError):
                self.directory.rmdir()

    @property
    def paths(self) -> list[str]:
        """The files."""
        return [str(self.directory / name) for name in self._files]

    def write(self, name: str, text: str) -> None:
        """Write one file, which is on the disk when this returns. Raises ThumbctlError where there is no room."""
        try:
            self._files[name].write(text)
            self._files[name].flush()
            os.fsync(self._files[name])
        except OSError as error:
            raise ThumbctlError(
                f"{self.directory / name} cannot be written ({error.strerror}): make room, and start again."
            ) from None

    def write_config(self, broker: Broker, thing: str, topic_prefix: str) -> None:
        """Write what a client has to know; names are relative to where it stands, where a device puts its own key."""
        config = {
            "endpoint": broker.host,
            "port": broker.port,
            "thing": thing,
            "topic_prefix": topic_prefix,
            "certificate": CERTIFICATE,
            "key": KEY,
            "ca": CA if CA in self._files else None,
            "ca_url": None if broker.ca else _AMAZONS_CA,
        }
        self.write(CONFIG, json.dumps(config, indent=2) + "\n")
