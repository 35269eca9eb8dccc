"""The page's server: what it answers, and that it goes on when something fails."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer
from botocore.exceptions import EndpointConnectionError

from devtools import local
from devtools.errors import DevtoolsError
from devtools.livepage import server
from devtools.localaws import processes, stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devtools.livepage.page import Page


class Silent:
    """A page whose stack does not answer when it is asked for more than an hour."""

    def view(self, minutes: int, text: str) -> dict[str, Any]:
        if minutes > 60:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        return {"minutes": minutes, "text": text}

    def thumbnail(self, key: str) -> tuple[bytes, str]:
        return key.encode(), "image/webp"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def asked(path: str, method: str = "GET", **parameters: str) -> Answer:
    async def ask() -> Answer:
        application = server._application(cast("Page", Silent()), [])
        async with TestClient(TestServer(application)) as client:
            response = await client.request(method, path, params=parameters)
            return Answer(response.status, response.headers, await response.read())

    return asyncio.run(ask())


def test_the_view_is_of_so_many_minutes_and_of_some_keys() -> None:
    answer = asked("/view", minutes="15", key="cat & dog")
    assert json.loads(answer.body) == {"minutes": 15, "text": "cat & dog", "troubles": []}


@pytest.mark.parametrize("minutes", ["", "0", "-1", "much", "1441", "1.5"])
def test_nonsense_is_refused(minutes: str) -> None:
    answer = asked("/view", minutes=minutes)
    assert (answer.status, answer.body) == (400, b"minutes must be a number from 1 to 1440")


def test_a_silent_stack_is_told_of() -> None:
    answer = asked("/view", minutes="61")
    assert answer.status == 503
    assert answer.body.startswith(b"the local stack does not answer: Could not connect")


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/plotly.js"])
def test_files_come_with_a_policy_that_lets_nothing_else_in(path: str) -> None:
    answer = asked(path)
    assert answer.status == 200
    assert "default-src 'none'; script-src 'self';" in answer.headers["Content-Security-Policy"]


def test_a_thumbnail_has_its_type() -> None:
    answer = asked("/thumbnail", key="small/ä.webp")
    assert (answer.body.decode(), answer.headers["Content-Type"]) == ("small/ä.webp", "image/webp")


def test_nothing_can_be_changed() -> None:
    assert asked("/view", method="POST").status == 405


def test_up_leaves_nothing_running_where_the_page_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    emulator, collector = (processes.start(["sleep", "60"], log=tmp_path / "log", environment={}) for _ in range(2))
    created = stack.LocalStack(tmp_path, "http://127.0.0.1:1", "us-east-1", {}, "http://queue", emulator, collector, 2)

    def refuse(_: Path) -> None:
        raise DevtoolsError("the page did not start")

    monkeypatch.setattr(local, "_HOME", tmp_path / "home")
    monkeypatch.setattr(local, "_STACK_FILE", tmp_path / "stack.json")
    monkeypatch.setattr(stack, "create", lambda *_, **__: created)
    monkeypatch.setattr(server, "start", refuse)
    monkeypatch.setattr(sys, "argv", ["local", "up"])
    assert local.main() == 1
    assert (emulator.alive, collector.alive) == (False, False)


def test_a_chore_that_fails_is_told_of_and_done_again() -> None:
    done: list[int] = []

    def work() -> None:
        done.append(len(done))
        if len(done) == 2:
            raise ConnectionError("refused")

    chore = server._Chore("measuring", work, seconds=0.01)

    async def watch() -> list[str]:
        task = asyncio.create_task(chore.go_on())
        seen: list[str] = []
        while len(done) < 4:
            seen.append(chore.trouble)
            await asyncio.sleep(0.001)
        task.cancel()
        return seen

    assert set(asyncio.run(watch())) == {"", "measuring failed: refused"}
    assert chore.trouble == ""
