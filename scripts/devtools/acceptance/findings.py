"""How a check ends, and what it raises where something is not as it should be."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from devtools.errors import DevtoolsError
from thumbctl.aws_errors import sentence

if TYPE_CHECKING:
    from collections.abc import Callable


class Verdict(StrEnum):
    """How a check ends."""

    OK = "ok"
    FAILED = "failed"
    NOT_HERE = "not possible here"


class CheckFailed(Exception):
    """What is not as it should be, in a sentence."""


@dataclass(frozen=True)
class Finding:
    """How a check, or a step of a run, ended."""

    name: str
    verdict: Verdict
    says: str
    rule: str = ""
    seconds: float = 0


def require(condition: object, otherwise: str) -> None:
    """Raise CheckFailed with this sentence unless `condition` is so."""
    if not condition:
        raise CheckFailed(otherwise)


def tried(name: str, run: Callable[[], str], *, rule: str = "") -> Finding:
    """Run something, and tell how it ended, whatever it raises but an interruption."""
    began = time.monotonic()
    try:
        verdict, says = Verdict.OK, run()
    except (BotoCoreError, ClientError) as error:
        verdict, says = Verdict.FAILED, sentence(error)
    except (CheckFailed, DevtoolsError) as error:
        verdict, says = Verdict.FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - a check that is itself wrong must not keep the others from running
        verdict, says = Verdict.FAILED, f"{type(error).__name__}: {error}"
    return Finding(name, verdict, says, rule, time.monotonic() - began)
