"""`python -m devtools.acceptance [--name NAME] [--local] [--cdn] [--yes] [--only-clean-up]`; see docs/acceptance.md."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from devtools.acceptance import places
from devtools.acceptance.instance import Instance
from devtools.acceptance.run import Run
from devtools.demo.console import console
from devtools.errors import DevtoolsError
from devtools.localaws import stack
from devtools.localaws.terraform import check_version
from thumbctl.aws_errors import sentence
from thumbctl.errors import ThumbctlError
from thumbctl.interrupts import terminate_as_interrupt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUILD: Final = stack.REPOSITORY / "build" / "acceptance"
_INTERRUPTED: Final = 130  # as shells report it
# Short enough for the longest name that is made of it, and for the user pool's domain.
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{2,19}")


def main(arguments: Sequence[str] | None = None, *, build: Path = BUILD) -> int:
    """Run it; zero when nothing failed."""
    parser = argparse.ArgumentParser(prog="devtools.acceptance", description=__doc__)
    parser.add_argument("--name", default="acceptance", help="of the instance, and of what is named after it")
    parser.add_argument("--local", action="store_true", help="against the emulator")
    parser.add_argument("--cdn", action="store_true", help="with CloudFront, which takes half an hour more")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--only-clean-up", action="store_true", help="destroy what an earlier run left, and nothing else"
    )
    said = parser.parse_args(arguments)
    out = console()
    try:
        with contextlib.ExitStack() as during:
            during.enter_context(terminate_as_interrupt())
            check_version()
            name = _checked(said.name)
            if said.local:
                # Apart from the state of an account's, which it must not end.
                directory = build / f"{name}.local"
                place = during.enter_context(places.emulated(directory))
            else:
                directory = build / name
                directory.mkdir(parents=True, exist_ok=True)
                place = places.account()
            places.require_archives(place)
            laid_out = Instance.at(place, name, directory, cdn=said.cdn and not said.local)
            with stack.step("terraform init", usually=3):
                instance = during.enter_context(laid_out.ready())
            run = Run(instance, out, lambda question: said.yes or _agree(question), cdn=said.cdn)
            if said.only_clean_up:
                cleaned = run.clean_up()
                return 1 if cleaned and cleaned.verdict == "failed" else 0
            report = run.accept()
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: {sentence(error)}\n")
        return 1
    except (DevtoolsError, ThumbctlError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return _INTERRUPTED
    return 0 if report and report.passed else 1


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DevtoolsError(f"{name} is no name: 3 to 20 lower-case letters, digits and hyphens")
    return name


def _agree(question: str) -> bool:
    """Ask whoever sits there; nobody does where the input is no terminal."""
    if not sys.stdin.isatty():
        raise DevtoolsError(f"{question} Nobody is there to say: say it beforehand with YES=yes")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    sys.exit(main())
