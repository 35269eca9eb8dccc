"""`python -m devtools.local up [--port N] | down`: a local stack with its pages.

It is kept in .local/ until `down`.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from dataclasses import replace

from devtools.edge import server as edge
from devtools.errors import DevtoolsError
from devtools.livepage import server
from devtools.localaws import processes, stack
from thumbctl.interrupts import terminate_as_interrupt

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
        created = stack.create(_HOME, port=port, inputs={"events": {}, "api": edge.inputs(edge_port)})
        undo.callback(created.stop)
        stack.save(created, _STACK_FILE)
        with stack.step("starting the pages", usually=3):
            page, page_url = server.start(_STACK_FILE)
            undo.callback(page.stop)
            users_page, edge_url = edge.start(created, _STACK_FILE, edge_port)
            undo.callback(users_page.stop)
            edge.admit(created)
        undo.pop_all()
        created = replace(created, page=page, page_url=page_url, edge=users_page, edge_url=edge_url)
        stack.save(created, _STACK_FILE)
    sys.stdout.write(f"up at {created.endpoint_url}, credentials test/test; details in {_STACK_FILE}\n")
    for name, value in sorted(created.outputs.items()):
        sys.stdout.write(f"  {name:24} {value}\n")
    sys.stdout.write(f"look at it: {page_url}\n")
    sys.stdout.write("upload images: {} as {}, password {}\n".format(edge_url, *edge.USER))


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
