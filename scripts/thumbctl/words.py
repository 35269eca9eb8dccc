"""Formats sizes for people, and makes names from outside safe to print."""

from __future__ import annotations


def bytes_in_words(count: int) -> str:
    """A size as people say it: `812 B`, `24.1 kB`, `3.2 MB`."""
    if count < 1000:  # noqa: PLR2004 - the definition of the prefix
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:  # noqa: PLR2004 - what would be rounded to 1000.0
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def printable(text: str) -> str:
    """`text` with everything escaped that could steer a terminal or turn round the reading direction."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
