"""The process beside the emulator, which keeps metrics and alarms up to date and serves the page."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web
from botocore.exceptions import BotoCoreError, ClientError

from devtools.livepage.bridge import Bridge
from devtools.livepage.page import Page
from devtools.localaws import processes, stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from aiohttp.typedefs import Handler

    from devtools.localaws.processes import Process

_MOST_MINUTES: Final = 24 * 60

# The most of the time that one chore may take: with a big backlog they are slow, and the emulator has other work.
_SHARE: Final = 0.1

_STATIC: Final = Path(__file__).parent / "static"
_PLOTLY: Final = Path(str(resources.files("plotly") / "package_data" / "plotly.min.js"))
# Nothing comes from elsewhere, and nothing runs that a key or a message holds. Plotly writes styles into its plots.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger(__name__)


def start(stack_file: Path) -> tuple[Process, str]:
    """Start the process for the stack that `stack_file` describes; return it, and the address of its page."""
    port = processes.free_port()
    log = stack.load(stack_file).directory / "page.log"
    process = processes.start_server("devtools.livepage.server", str(stack_file), port=port, log=log, name="the page")
    return process, f"http://{processes.LOOPBACK}:{port}/"


@dataclass
class _Chore:
    """What is done again and again."""

    name: str
    work: Callable[[], None]
    seconds: float
    trouble: str = ""
    """Why it failed the last time; empty where it did not."""

    async def go_on(self) -> None:
        """Do it until cancelled, whatever goes wrong on the way."""
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(self.work)
            except Exception as error:  # noqa: BLE001 - the page tells of it, and the next time may be better
                _log.exception("%s failed", self.name)
                self.trouble = f"{self.name} failed: {error}"
            else:
                self.trouble = ""
            await asyncio.sleep(max(self.seconds, (time.monotonic() - began) / _SHARE))


def serve(stack_file: Path, port: int) -> None:
    """Serve until killed."""
    running = stack.load(stack_file)
    bridge = Bridge(running)
    # CloudWatch takes a minute for each of these.
    chores = [
        _Chore("reading the log", bridge.read_log, seconds=1),
        _Chore("collecting alerts", bridge.collect_alerts, seconds=1),
        _Chore("collecting events", bridge.collect_announcements, seconds=1),
        _Chore("measuring the queues", bridge.measure_queues, seconds=5),
        _Chore("evaluating alarms", bridge.alarms.evaluate, seconds=5),
    ]
    application = _application(Page(running, bridge), chores)
    web.run_app(application, host=processes.LOOPBACK, port=port, print=None, access_log=None)


def _application(page: Page, chores: Sequence[_Chore]) -> web.Application:
    async def view(request: web.Request) -> web.Response:
        minutes = request.query.get("minutes", "")
        if not minutes.isdecimal() or not 0 < int(minutes) <= _MOST_MINUTES:
            raise web.HTTPBadRequest(text=f"minutes must be a number from 1 to {_MOST_MINUTES}")
        seen = await asyncio.to_thread(page.view, int(minutes), request.query.get("key", ""))
        return web.json_response({**seen, "troubles": [chore.trouble for chore in chores if chore.trouble]})

    async def thumbnail(request: web.Request) -> web.Response:
        data, content_type = await asyncio.to_thread(page.thumbnail, request.query.get("key", ""))
        return web.Response(body=data, content_type=content_type)

    async def at_work(_: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(chore.go_on()) for chore in chores]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    application = web.Application(middlewares=[_tell_of_silence])
    application.on_response_prepare.append(_add_headers)
    application.cleanup_ctx.append(at_work)
    application.add_routes(
        [
            web.get("/", _file(_STATIC / "index.html")),
            web.get("/page.css", _file(_STATIC / "page.css")),
            web.get("/page.js", _file(_STATIC / "page.js")),
            web.get("/plotly.js", _file(_PLOTLY)),
            web.get("/view", view),
            web.get("/thumbnail", thumbnail),
        ]
    )
    return application


def _file(path: Path) -> Handler:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    return respond


@web.middleware
async def _tell_of_silence(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (BotoCoreError, ClientError) as error:
        raise web.HTTPServiceUnavailable(text=f"the local stack does not answer: {error}") from error


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
