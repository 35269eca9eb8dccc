"""A game: break the stack, upload, and show the mails that come, until it is mended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from typing import TYPE_CHECKING, Final

import psutil
from PIL import Image

from devtools.errors import DevtoolsError
from devtools.gameday.inbox import Inbox
from devtools.localaws.processes import Process
from thumbctl.bulk.queues import depth
from thumbctl.dead_letters import letters
from thumbctl.dead_letters.letters import Fate, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from devtools.gameday.inbox import Mail
    from devtools.gameday.scenarios import Scenario
    from devtools.localaws.stack import LocalStack

_SECONDS_BETWEEN_UPLOADS: Final = 1
_SECONDS_BETWEEN_SIGNS_OF_LIFE: Final = 30
_MOST_SECONDS_TO_MEND: Final = 180
# What a worker died of comes back after the visibility timeout, and then may have had its last try.
_MOST_SECONDS_TO_PUT_BACK: Final = 120
# Whatever is uploaded in a game; letters about other keys are somebody else's.
_KEYS: Final = ("gameday/*", "import-17/*")
_RULE: Final = "─" * 100


def play(scenario: Scenario, stack: LocalStack, say: Callable[[str], None]) -> None:
    """Break the stack and tell what people on call are told, until it is mended or we are interrupted."""
    _require_quiet(stack)
    s3, picture, inbox = stack.client("s3"), _picture(), Inbox(stack)
    known: set[str] = set()
    alarmed = mended = False
    say("Breaking something …")
    try:
        with scenario.broken(stack) as lasts:
            clock = _Clock()
            say(f"Something is broken. The first alarm comes after about {scenario.minutes} min; images are uploaded.")
            number = 0
            while lasts():
                number += 1
                s3.put_object(Bucket=stack.outputs["source_bucket"], Key=f"gameday/{number:05d}.png", Body=picture)
                for mail in inbox.new():
                    is_news = mail.state != "OK" and mail.about not in known
                    say(_shown(mail, clock, whole=is_news))
                    if is_news:
                        known.add(mail.about)
                    if mail.state == "ALARM" and not alarmed:
                        alarmed = True
                        say(_to_do(stack))
                if clock.is_time_for_a_sign_of_life() and not alarmed:
                    say(f"{clock}: {number} images uploaded, no alarm yet")
                time.sleep(_SECONDS_BETWEEN_UPLOADS)
            mended = True
            say(f"The trouble is over after {clock}. You were told of {_told(inbox)}.")
    finally:
        if not mended:
            say("The stack is mended.")
        say(f"Dead letters of the game put back into the queue: {_put_back(stack)}.")


@contextlib.contextmanager
def registered(scenario: Scenario, file: Path) -> Iterator[None]:
    """Let others find this game by `file` while it is on."""
    if file.exists() and _process(file).alive:
        raise DevtoolsError("a game is on: end it with 'make gameday MEND=yes'")
    process = Process(os.getpid(), psutil.Process().create_time())
    file.write_text(json.dumps({"scenario": scenario.name, "process": vars(process)}) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        file.unlink()


def name_of_the_one_that_is_on(file: Path) -> str:
    """The scenario of the game that is on. Raises DevtoolsError where none is."""
    if not file.exists():
        raise DevtoolsError("no game is on: start one with 'make gameday SCENARIO=name'")
    return str(json.loads(file.read_text(encoding="utf-8"))["scenario"])


def mend(file: Path) -> None:
    """End the game that is on, which puts back what it changed. Raises DevtoolsError where none is."""
    name_of_the_one_that_is_on(file)
    process = _process(file)
    if not process.alive:
        raise DevtoolsError("the game was killed and could mend nothing: start afresh with 'make down' and 'make up'")
    player = psutil.Process(process.pid)
    player.terminate()
    try:
        player.wait(_MOST_SECONDS_TO_MEND)
    except psutil.TimeoutExpired as error:
        raise DevtoolsError(f"the game, process {process.pid}, does not end: look at what it printed") from error


class _Clock:
    """Tells how long the game has been on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._signs = 0

    def __str__(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

    def is_time_for_a_sign_of_life(self) -> bool:
        """True once in a while."""
        due = int((time.monotonic() - self._began) / _SECONDS_BETWEEN_SIGNS_OF_LIFE)
        if due == self._signs:
            return False
        self._signs = due
        return True


def _process(file: Path) -> Process:
    return Process(**json.loads(file.read_text(encoding="utf-8"))["process"])


def _require_quiet(stack: LocalStack) -> None:
    """Raise DevtoolsError where an alarm is on: it would not go off again."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms")
    on = [
        alarm["AlarmName"]
        for page in pages.paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"], StateValue="ALARM")
        for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"])
    ]
    if on:
        raise DevtoolsError(
            f"still in alarm: {', '.join(sorted(on))}. Alarms are over up to 15 minutes after their cause, and those "
            "of dead letters when there are none; or start afresh with 'make down' and 'make up'"
        )


def _shown(mail: Mail, clock: _Clock, *, whole: bool) -> str:
    head = f"{clock}: to {mail.topic}: {mail.subject}"
    return f"\n{_RULE}\n{head}\n\n{mail.text}\n{_RULE}\n" if whole else head


def _to_do(stack: LocalStack) -> str:
    return (
        "You are on call. Go by the message, docs/runbook.md and the page, in another terminal:\n"
        f"  {stack.page_url}\n"
        "The game ends when the cause is mended. To give up: 'make gameday REVEAL=yes' tells what it is,\n"
        "'make gameday MEND=yes' or Ctrl-C mends it."
    )


def _told(inbox: Inbox) -> str:
    counts = inbox.counts
    return (
        f"{counts['ALARM']} alarms, {counts['OK']} times that one is over, and in {counts['digests']} digests of "
        f"{counts['failures']:,} failed images"
    )


def _put_back(stack: LocalStack) -> int:
    """Send the dead letters of the game back until none can come any more; return how many there were."""
    sqs, moved = stack.client("sqs"), 0
    deadline = time.monotonic() + _MOST_SECONDS_TO_PUT_BACK
    while time.monotonic() < deadline:
        fates = [fate for _, fate in letters.redrive_of(stack, Selection(_KEYS), again=True)]
        moved += fates.count(Fate.MOVED)
        if not fates and not depth(sqs, stack.outputs["queue_url"]).total:
            break
        time.sleep(1)
    return moved


def _picture() -> bytes:
    encoded = io.BytesIO()
    Image.radial_gradient("L").save(encoded, "PNG")
    return encoded.getvalue()
