"""What happens before the first invocation: nothing on the network, nothing that restored snapshots would share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from support.pipeline import RENDITIONS, environment

# Runs in a process of its own: a cold start happens once in each.
_START = """
import json, sys

connected = []
sys.addaudithook(lambda event, what: connected.append(str(what[1])) if event == "socket.connect" else None)

import thumbnailer.handler

loaded = {name for name in ("aws_xray_sdk", "snapshot_restore_py") if name in sys.modules}
made = thumbnailer.handler._worker.queue._clients.__dict__.keys() & {"sns", "sqs"}
"""


def started(then: str, **variables: str) -> Any:
    """What is left in `told` when the handler was imported and then `then` done."""
    script = f"{_START}\ntold = None\n{then}\nprint(json.dumps(told))"
    usual = {
        **environment("arn:aws:sns:us-east-1:123456789012:alerts", RENDITIONS),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**usual, **variables})
    return json.loads(done.stdout)


def test_nothing_goes_over_the_network() -> None:
    assert started("told = connected") == []


def test_what_few_invocations_need_is_not_loaded() -> None:
    assert started("told = sorted(loaded | made)") == []


def test_functions_restored_from_one_snapshot_draw_different_numbers() -> None:
    then = """
import random, snapshot_restore_py
random.seed(1)
state = random.getstate()
for hook, arguments, named in snapshot_restore_py.get_after_restore():
    hook(*arguments, **named)
told = random.getstate() != state
"""
    assert started(then, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") is True


def test_without_snapshots_nothing_is_registered() -> None:
    assert started("told = 'snapshot_restore_py' in sys.modules", AWS_LAMBDA_INITIALIZATION_TYPE="on-demand") is False
