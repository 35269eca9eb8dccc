"""Puts tables between their markers in a page.

<!-- bench:NAME -->
whatever stands here is replaced by the table NAME
<!-- /bench:NAME -->
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["rewritten"]

_BLOCK: Final = re.compile(r"(<!-- bench:(\S+) -->\n).*?(<!-- /bench:\2 -->)", re.DOTALL)


def rewritten(page: str, tables: Mapping[str, str]) -> str:
    """`page` with every table as it is now; one that was not measured stays as it is."""

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}{tables[match[2]]}\n{match[3]}" if match[2] in tables else match[0]

    return _BLOCK.sub(block, page)
