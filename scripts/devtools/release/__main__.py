"""`python -m devtools.release 1.2.3 build/release/1.2.3 [--leave-out python3.14] [--interpreter PATH]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import devtools.release
from devtools.bundle.build import ROOT
from devtools.errors import DevtoolsError
from devtools.release import build
from devtools.release.source import Source


def main() -> int:
    """Build a release and list its files."""
    parser = argparse.ArgumentParser(prog="devtools.release", description=devtools.release.__doc__)
    parser.add_argument("version")
    parser.add_argument("output", type=Path)
    parser.add_argument("--leave-out", action="append", default=[], choices=build.RUNTIMES, metavar="RUNTIME")
    parser.add_argument("--interpreter", action="append", default=[], metavar="PATH", help="may make bytecode")
    arguments = parser.parse_args()
    try:
        source = Source.of(ROOT, arguments.version)
        build.build_release(source, arguments.output, arguments.leave_out, arguments.interpreter)
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for each in sorted(arguments.output.iterdir()):
        sys.stdout.write(f"{each.stat().st_size / 2**20:8.2f} MiB  {each}\n")
    for runtime in arguments.leave_out:
        sys.stdout.write(f"left out: the archives of {runtime}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
