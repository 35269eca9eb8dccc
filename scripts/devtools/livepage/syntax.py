"""What the live page's three languages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedToken

if TYPE_CHECKING:
    from lark.exceptions import UnexpectedInput


def rest(text: str, error: UnexpectedInput) -> str:
    """`text` from the place on where it cannot be read; empty at its end."""
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    return "" if at_end else text[error.pos_in_stream :].strip()
