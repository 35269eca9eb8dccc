"""`python -m devtools.bundle FUNCTION|layer OUTPUT [--runtime python3.13 --architecture arm64]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devtools.bundle import archive, build, bytecode
from devtools.bundle.target import Target
from devtools.errors import DevtoolsError


def main() -> int:
    """Build one archive and print its sizes."""
    parser = argparse.ArgumentParser(prog="bundle", description=build.__doc__)
    parser.add_argument("part", choices=[*build.FUNCTIONS, "layer"])
    parser.add_argument("output", type=Path)
    parser.add_argument("--runtime", help="a Lambda runtime; without it, the interpreter that runs this")
    parser.add_argument("--architecture", default="arm64", help="arm64 or x86_64")
    parser.add_argument("--interpreter", help="what makes the bytecode; without it, one is looked for")
    parser.add_argument("--without-heif", action="store_true", help="leave out the LGPL decoder of HEIC and HEIF")
    arguments = parser.parse_args()
    try:
        target = (
            Target.of_lambda(arguments.runtime, arguments.architecture)
            if arguments.runtime
            else Target.of_this_interpreter()
        )
        interpreter = bytecode.interpreter(target, arguments.interpreter)
        if interpreter is None:
            sys.stderr.write(
                f"note: {arguments.output} carries no bytecode, for no Python {target.version} is on PATH or known to "
                "uv: it works as well, but compiles what it imports at every cold start; "
                "make package INTERPRETER=… names an interpreter\n"
            )
        if arguments.part == "layer":
            build.build_layer(target, arguments.output, interpreter, heif=not arguments.without_heif)
        else:
            build.build_function(arguments.part, arguments.output, interpreter)
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    zipped, unzipped = archive.sizes(arguments.output)
    sys.stdout.write(
        f"{arguments.output}: {arguments.part} for {target}, "
        f"{zipped / 2**20:.2f} MiB zipped, {unzipped / 2**20:.2f} MiB unzipped\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
