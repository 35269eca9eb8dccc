"""What reaches the X-Ray daemon from many threads, over real datagrams: one tree, nothing lost, and never any harm.

In a process of its own, because the SDK looks once, when it is imported, whether it is in Lambda.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

IMAGES = 40
STEPS = ["fetch", "render", "store"]

_WORK = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from thumbnail_pipeline import telemetry

def process(number):
    record = telemetry.Record()
    with telemetry.image(record, key=str(number)):
        for name in {STEPS}:
            with telemetry.step(name):
                pass
        record.annotations["outcome"] = "READY"
    return sorted(record.milliseconds)

with ThreadPoolExecutor(8) as threads:
    done = list(threads.map(telemetry.in_this_trace(process), range({IMAGES})))
assert done == [sorted({STEPS})] * {IMAGES}
print("aws_xray_sdk" in sys.modules)
"""


def traced(daemon: str, *, sampled: bool = True) -> bool:
    """Work in many threads of one invocation; whether the SDK was loaded for it."""
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_XRAY_DAEMON_ADDRESS": daemon,
        "_X_AMZN_TRACE_ID": f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled:d}",
    }
    command = [sys.executable, "-c", _WORK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout == "True\n"


@pytest.fixture
def daemon() -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)  # noqa: FBT003
        yield receiver


def address(daemon: socket.socket) -> str:
    return "{}:{}".format(*daemon.getsockname())


def received(daemon: socket.socket) -> list[dict[str, Any]]:
    documents = []
    while True:
        try:
            documents.append(json.loads(daemon.recv(65_535).partition(b"\n")[2]))
        except BlockingIOError:
            return documents


def test_every_image_hangs_on_the_invocation_and_every_step_on_its_image(daemon: socket.socket) -> None:
    assert traced(address(daemon))
    documents = received(daemon)
    images = {each["id"]: each for each in documents if each["name"] == "image"}
    assert {each["trace_id"] for each in documents} == {"1-5759e988-bd862e3fe1be46a994272793"}
    assert {each["parent_id"] for each in images.values()} == {"53995c3f42cd8ad8"}
    assert {each["annotations"]["outcome"] for each in images.values()} == {"READY"}
    assert sorted(int(each["metadata"]["default"]["key"]) for each in images.values()) == list(range(IMAGES))
    steps = Counter((each["parent_id"], each["name"]) for each in documents if each["name"] != "image")
    assert steps == Counter((image, step) for image in images for step in STEPS)


def test_what_is_not_sampled_costs_nothing(daemon: socket.socket) -> None:
    assert not traced(address(daemon), sampled=False)
    assert received(daemon) == []


@pytest.mark.parametrize("nobody", ["127.0.0.1:9", "240.0.0.1:2000"], ids=["nobody listens", "no route"])
def test_a_daemon_that_cannot_be_reached_hurts_nobody(nobody: str) -> None:
    assert traced(nobody)
