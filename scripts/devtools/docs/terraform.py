"""`python -m tfdocs`: the tables of terraform/README.md, out of the module's own files."""

from __future__ import annotations

import sys

from devtools.docs.tf_errors import TfdocsError
from devtools.docs.tf_module import Module
from devtools.docs.tf_page import MODULE, PAGE, rewritten


def main() -> int:
    """Write the tables."""
    try:
        text = rewritten(PAGE.read_text(encoding="utf-8"), Module.read(MODULE))
    except TfdocsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(MODULE.parent)} has the module's inputs and outputs as they are now\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
