"""`python -m devtools.local up [--port N] | down`: a local stack with its pages.

It is kept in .local/ until `down`.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from devtools import signing_in
from devtools.edge import server as edge
from devtools.errors import DevtoolsError
from devtools.livepage import server
from devtools.localaws import emulator, processes, stack
from thumbctl.interrupts import terminate_as_interrupt

if TYPE_CHECKING:
    from devtools.localaws.stack import LocalStack

_HOME = stack.REPOSITORY / ".local"
_STACK_FILE = _HOME / "stack.json"


def _up(port: int | None) -> None:
    if _STACK_FILE.exists():
        running = stack.load(_STACK_FILE)
        if running.emulator.alive:
            raise DevtoolsError(f"a local stack is up at {running.endpoint_url}: end it with 'make down'")
    shutil.rmtree(_HOME, ignore_errors=True)
    with terminate_as_interrupt(), contextlib.ExitStack() as undo:
        edge_port = processes.free_port()
        created = stack.create(
            _HOME, port=port, inputs={"events": {}, "api": edge.inputs(edge_port), "devices": {"provisioning": {}}}
        )
        undo.callback(created.stop)
        stack.save(created, _STACK_FILE)
        with stack.step("starting the pages", usually=3):
            page, page_url = server.start(_STACK_FILE)
            undo.callback(page.stop)
            users_page, edge_url = edge.start(created, _STACK_FILE, edge_port)
            undo.callback(users_page.stop)
            signing_in.admit(created, edge.USER)
        undo.pop_all()
        created = replace(created, page=page, page_url=page_url, edge=users_page, edge_url=edge_url)
        stack.save(created, _STACK_FILE)
    for what, where in _told(created).items():
        sys.stdout.write(f"{what:14} {where}\n")


def _told(created: LocalStack) -> dict[str, str]:
    """What there is to do with it now, a line each; the rest is in the file."""
    credentials = {**emulator.ROOT_CREDENTIALS, "AWS_DEFAULT_REGION": created.region}
    environment = {**credentials, "AWS_ENDPOINT_URL": created.endpoint_url}
    return {
        "look at it": str(created.page_url),
        "upload images": "{} as {}, password {}".format(created.edge_url, *edge.USER),
        "or put them to": f"s3://{created.outputs['source_bucket']}",
        "add a camera": ".venv/bin/thumbctl devices add camera-1 --to .local/camera-1",
        "for any tool": " ".join(f"{name}={value}" for name, value in environment.items()),
        "ask about it": ".venv/bin/thumbctl status",
        "everything": str(_STACK_FILE),
    }


def _down() -> None:
    if _STACK_FILE.exists():
        stack.load(_STACK_FILE).stop()
    shutil.rmtree(_HOME, ignore_errors=True)
    sys.stdout.write("down\n")


def main() -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="devtools.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up").add_argument("--port", type=int, help="the emulator's port; a free one by default")
    commands.add_parser("down")
    arguments = parser.parse_args()
    try:
        _up(arguments.port) if arguments.command == "up" else _down()
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is left running\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
