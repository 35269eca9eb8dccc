"""Commands of thumbctl in a text, parsed by thumbctl itself."""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from thumbctl.app import app

ROOT: Final[Any] = typer.main.get_command(app)


def understood(words: str) -> None:
    """Have thumbctl parse a command, up to where the text goes on to explain it, and run nothing."""
    given = shlex.split(re.split(r" [|>] |;|  +", words)[0], comments=True)
    command, path = ROOT, ["thumbctl"]
    while isinstance(command, TyperGroup) and given and given[0] in command.commands:
        path.append(given.pop(0))
        command = command.commands[path[-1]]
    try:
        command.make_context(" ".join(path), [*(given or ["--json"])])
    except typer.Exit:
        assert given[-1] == "--help"
    except TyperException as error:
        # What is only named lacks its arguments, and the files of an example are not there.
        if not re.search("(?i)missing (parameter|argument)|requires an argument|does not exist", str(error)):
            pytest.fail(f"thumbctl {words}: {error}")
