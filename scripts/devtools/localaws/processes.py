"""Starts the background processes of a local stack, finds them again later, and ends them with their children."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_GRACE_SECONDS = 5
_START_SECONDS = 30


@dataclass(frozen=True)
class Process:
    """A process that may outlive us. `created` tells it from a later one that got the same number."""

    pid: int
    created: float

    def _handle(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._handle() is not None

    def descendants(self) -> list[psutil.Process]:
        """Every process that it started and that still runs."""
        process = self._handle()
        return process.children(recursive=True) if process else []

    def stop(self) -> None:
        """End it and everything it started: first politely, then not."""
        process = self._handle()
        if process is None:
            return
        family = [process, *process.children(recursive=True)]
        for member in family:
            _signal(member, "terminate")
        _, stubborn = psutil.wait_procs(family, timeout=_GRACE_SECONDS)
        for member in stubborn:
            _signal(member, "kill")
        psutil.wait_procs(stubborn, timeout=_GRACE_SECONDS)


def _signal(process: psutil.Process, how: str) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        getattr(process, how)()


def start(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Process:
    """Start `command` in a session of its own, so that Ctrl-C reaches us alone and we end it in order."""
    # Not subprocess.Popen: its object complains when it is forgotten, and these may outlive us.
    pid = os.posix_spawnp(
        command[0],
        list(command),
        {**environment_without_aws(), **environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Process(pid, psutil.Process(pid).create_time())


def start_server(module: str, *arguments: str, port: int, log: Path, name: str) -> Process:
    """Start a module of ours that serves HTTP at `port`, which is its last argument, and wait until it answers."""
    process = start([sys.executable, "-m", module, *arguments, str(port)], log=log, environment={})

    def ask() -> None:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/", timeout=1):
            pass

    wait_until_it_answers(process, ask, within=_START_SECONDS, name=name, log=log)
    return process


def wait_until_it_answers(process: Process, ask: Callable[[], object], *, within: float, name: str, log: Path) -> None:
    """Ask until `ask` raises no connection error. Ends the process where it does not answer `within` so many seconds,
    or where we are interrupted; raises DevtoolsError, naming it and its `log`.
    """
    deadline = time.monotonic() + within
    with contextlib.ExitStack() as undo:
        undo.callback(process.stop)
        while time.monotonic() < deadline and process.alive:
            try:
                ask()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
            else:
                undo.pop_all()
                return
        raise DevtoolsError(f"{name} did not start; its last words are in {log}")


def environment_without_aws() -> dict[str, str]:
    """Our environment without the developer's own AWS session: a local stack must neither use nor show it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int) -> int:
    """Return `port`; raise DevtoolsError where somebody listens on it."""
    with socket.socket() as probe:
        if probe.connect_ex((LOOPBACK, port)) == 0:
            raise DevtoolsError(
                f"port {port} is taken by another program: stop that one, or leave PORT unset to have a free one chosen"
            )
    return port
