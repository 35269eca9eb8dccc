"""`python -m chaos [--seed N --keys N --changes N]`: a storm over a stack of its own, and a summary."""

from __future__ import annotations

import argparse
import sys
import time

from chaos.storm import Storm, rage
from devtools.errors import DevtoolsError
from devtools.localaws import stack
from support.deployment import Deployment


def main() -> int:
    """Return 0 where every key ended as it should."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--changes", type=int, default=1500)
    arguments = parser.parse_args()
    storm = Storm(arguments.seed, arguments.keys, arguments.changes)
    sys.stdout.write(f"{storm}\n")
    try:
        with stack.temporary(inputs={"timeout_seconds": 6, "max_receive_count": 10, "events": {}}) as applied:
            books = rage(storm, Deployment(applied))
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{books}\n")
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
