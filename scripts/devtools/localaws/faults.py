"""A proxy in front of the local AWS that answers with faults, in AWS's own wire format.

Between the function and AWS it makes the SDK's own retries, and ours, really run.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devtools.localaws import processes
from devtools.localaws.emulator import REGION, ROOT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_START_SECONDS = 30
# It shares its machine with a storm.
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class FaultyProxy:
    """A running proxy; without rules it hands everything on."""

    endpoint_url: str
    process: processes.Process

    def fail(self, rules: Sequence[dict[str, Any]]) -> None:
        """Replace the rules by `rules`, each saying which calls fail, how and how often."""
        self._call("POST", "/_microburst/rules", list(rules))

    def fired(self) -> int:
        """How many calls have failed, or were slow, by the rules so far."""
        return int(self._call("GET", "/_microburst/stats")["requests"]["faulted"])

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever its JSON holds
        request = urllib.request.Request(
            self.endpoint_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as response:
            return json.load(response)


def start(upstream: str, directory: Path) -> FaultyProxy:
    """Start a proxy to `upstream` on a free port and wait until it answers."""
    port = processes.free_port()
    log = directory / "faults.log"
    command = [
        # Signed anew, since the signature covers the host; so what comes through is not held to the role's policy.
        *(sys.executable, "-m", "microburst", "--resign"),
        *("--host", processes.LOOPBACK, "--port", str(port), "--upstream", upstream),
    ]
    process = processes.start(command, log=log, environment={**ROOT_CREDENTIALS, "AWS_REGION": REGION})
    proxy = FaultyProxy(f"http://{processes.LOOPBACK}:{port}", process)
    processes.wait_until_it_answers(
        process, lambda: proxy.fail([]), within=_START_SECONDS, name="the proxy with faults", log=log
    )
    return proxy
