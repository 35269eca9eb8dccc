"""`python -m demo [--images DIR]`: real images through a real stack, told as a table and as a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from devtools.demo import console, run, samples
from devtools.errors import DevtoolsError
from devtools.localaws import stack
from thumbctl.words import printable

_PAGE = stack.REPOSITORY / "build" / "demo" / "report.html"
_INTERRUPTED = 130  # as shells report it


def main() -> int:
    """Run the demo; zero when everything went as promised."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--images", type=Path, metavar="DIR", help="your own images; a built-in sample otherwise")
    images: Path | None = parser.parse_args().images
    try:
        chosen = samples.from_directory(images) if images else samples.built_in()
        out = console.console()
        result = run.run(chosen, _PAGE, out)
        out.print(f"To look at: {_PAGE.as_uri()}", soft_wrap=True)
    except (DevtoolsError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; nothing is left running\n")
        return _INTERRUPTED
    for problem in result.problems:
        sys.stderr.write(f"problem: {printable(problem)}\n")
    for line in result.last_words:
        sys.stderr.write(f"  log: {printable(line)}\n")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
