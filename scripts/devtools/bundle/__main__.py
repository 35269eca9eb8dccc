"""`python -m devtools.bundle FUNCTION|layer OUTPUT`, or `all FOLDER --runtime python3.13 --architecture arm64`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devtools.bundle import build, bytecode
from devtools.bundle.kit import build_kit
from devtools.bundle.target import Target
from devtools.errors import DevtoolsError


def main() -> int:
    """Build one archive, or all for Lambda, and print their sizes."""
    parser = argparse.ArgumentParser(prog="devtools.bundle", description=build.__doc__)
    parser.add_argument("part", choices=[*build.FUNCTIONS, "layer", "all"])
    parser.add_argument("output", type=Path, help="an archive; a folder for all of them")
    parser.add_argument("--runtime", help="a Lambda runtime; without it, the interpreter that runs this")
    parser.add_argument("--architecture", default="arm64", help="arm64 or x86_64")
    parser.add_argument(
        "--interpreter", action="append", default=[], help="what makes the bytecode; without it, one is looked for"
    )
    parser.add_argument("--without-heif", action="store_true", help="leave out the LGPL decoder of HEIC and HEIF")
    arguments = parser.parse_args()
    if arguments.part == "all" and not arguments.runtime:
        parser.error("all archives are built for Lambda: name its --runtime")
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
                "uv or pyenv: it works as well, but compiles what it imports at every cold start, and is not what a "
                "release has; make package INTERPRETER=… names an interpreter\n"
            )
        heif = not arguments.without_heif
        if arguments.part == "all":
            build_kit(arguments.output, arguments.runtime, arguments.architecture, interpreter, heif=heif)
        elif arguments.part == "layer":
            build.build_layer(target, arguments.output, interpreter, heif=heif)
        else:
            build.build_function(arguments.part, arguments.output, interpreter)
    except DevtoolsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    is_folder = arguments.part == "all"
    for built in sorted(arguments.output.glob("*.zip")) if is_folder else [arguments.output]:
        size = built.stat().st_size / 2**20
        sys.stdout.write(f"{built}: {built.stem if is_folder else arguments.part} for {target}, {size:.2f} MiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
