"""A collector in the X-Ray daemon's place: takes the SDK's datagrams and keeps them in a file.

The emulator has no X-Ray service, so this is what shows that segments are really sent. Format of a
datagram: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from devtools.localaws import processes
from thumbctl.local import traces_file

_LARGEST_DATAGRAM = 65_535


def start(port: int, directory: Path) -> processes.Process:
    """Start a collector on the UDP `port` that appends to `directory`/traces.jsonl."""
    command = [sys.executable, "-m", "devtools.localaws.xray", str(port), str(traces_file(directory))]
    return processes.start(command, log=directory / "collector.log", environment={})


def collect(port: int, file: Path) -> None:
    """Receive until killed."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        file.open("a", encoding="utf-8") as traces,
    ):
        receiver.bind((processes.LOOPBACK, port))
        while True:
            _header, _, document = receiver.recv(_LARGEST_DATAGRAM).partition(b"\n")
            traces.write(json.dumps(json.loads(document)) + "\n")
            traces.flush()


if __name__ == "__main__":
    collect(int(sys.argv[1]), Path(sys.argv[2]))
