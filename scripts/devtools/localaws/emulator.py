"""MiniStack, the emulator of AWS, with IAM enforced."""

from __future__ import annotations

import socket
import sys
import urllib.request
from typing import TYPE_CHECKING

from devtools.localaws import processes

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.localaws.processes import Process

REGION = "us-east-1"
# The emulator takes these for the account's root; everybody else is held to their policies.
ROOT_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_START_SECONDS = 60


def start(port: int, directory: Path, *, mqtt_port: int | None = None) -> Process:
    """Start the emulator on `port`, with all that it writes below `directory`, and wait until it answers.

    Devices with a certificate speak to `mqtt_port`; without one there is no broker for them.
    """
    scratch = directory / "emulator"
    scratch.mkdir(parents=True)
    log = directory / "emulator.log"
    process = processes.start(
        [sys.executable, "-m", "devtools.localaws.emulator_process"],
        log=log,
        environment={
            "AUTH": "true",
            "BIND_HOST": processes.LOOPBACK,
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "TMPDIR": str(scratch),
            # Private keys of user pools, which the emulator would otherwise share with all others on this machine.
            "STATE_DIR": str(scratch / "state"),
            "IOT_MTLS_ENABLED": str(mqtt_port is not None).lower(),
            "IOT_MTLS_PORT": str(mqtt_port or ""),
            "LOG_LEVEL": "WARNING",
            # The function must find what Lambda would give it, and nothing of this project by accident.
            "PYTHONPATH": "",
            "PYTHONDONTWRITEBYTECODE": "1",
            **ROOT_CREDENTIALS,
        },
    )
    health = f"http://{processes.LOOPBACK}:{port}/_ministack/health"

    def ask() -> None:
        with urllib.request.urlopen(health, timeout=1):
            pass
        if mqtt_port is not None:
            socket.create_connection((processes.LOOPBACK, mqtt_port), timeout=1).close()

    processes.wait_until_it_answers(process, ask, within=_START_SECONDS, name="the emulator", log=log)
    return process
