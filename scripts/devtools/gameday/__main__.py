"""`python -m gameday [SCENARIO|surprise] [--reveal | --mend]`: a game day on the local stack."""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from devtools.errors import DevtoolsError
from devtools.gameday import game
from devtools.gameday.scenarios import SCENARIOS
from devtools.localaws import stack
from thumbctl.interrupts import terminate_as_interrupt

if TYPE_CHECKING:
    from devtools.gameday.scenarios import Scenario

_HOME: Final = stack.REPOSITORY / ".local"
_GAME_FILE: Final = _HOME / "gameday.json"
_SURPRISE: Final = "surprise"
_INTERRUPTED: Final = 130  # as shells report it


def main() -> int:
    """List the scenarios, or play, reveal or mend one."""
    parser = argparse.ArgumentParser(prog="gameday", description=__doc__)
    parser.add_argument("scenario", nargs="?", help="one that is listed without it; with --reveal, the one that is on")
    does = parser.add_mutually_exclusive_group()
    does.add_argument("--reveal", action="store_true", help="tell what a scenario is")
    does.add_argument("--mend", action="store_true", help="end the game that is on")
    arguments = parser.parse_args()
    try:
        if arguments.mend:
            game.mend(_GAME_FILE)
            _say("mended")
        elif arguments.reveal:
            _reveal(_named(arguments.scenario or game.name_of_the_one_that_is_on(_GAME_FILE)))
        elif arguments.scenario == _SURPRISE:
            _play(random.choice(list(SCENARIOS.values())))  # noqa: S311 - a game
        elif arguments.scenario:
            _play(_named(arguments.scenario))
        else:
            _list()
    except (DevtoolsError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _named(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise DevtoolsError(f"there is no scenario {name!r}: 'make gameday' lists them")
    return SCENARIOS[name]


def _play(scenario: Scenario) -> None:
    running = stack.load(_HOME / "stack.json")
    if not running.emulator.alive:
        raise DevtoolsError("the local stack has died: start it again with 'make up'")
    with terminate_as_interrupt(), game.registered(scenario, _GAME_FILE):
        game.play(scenario, running, _say)


def _reveal(scenario: Scenario) -> None:
    _say(f"{scenario.cause}\n\nFirst alarm: {scenario.first_alarm}, see docs/runbook.md#{scenario.first_alarm}")
    _say(f"To mend it:  {scenario.remedy}\nOn AWS:      {scenario.on_aws}")


def _list() -> None:
    _say("Play one with 'make gameday SCENARIO=name':")
    for scenario in SCENARIOS.values():
        _say(f"  {scenario.name:18}{scenario.cause}")
    _say(f"  {_SURPRISE:18}One of these, and you are not told which.")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
