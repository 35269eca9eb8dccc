"""Tables in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Container[str] | None = None) -> str:
    """A table. Columns whose heading is among `texts` are set left, the others right; all left where it is None."""
    rule = ["---" if texts is None or heading in texts else "---:" for heading in headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
