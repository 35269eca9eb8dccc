"""docs/runbook.md as a test reads it: chapters, sections, and blocks of commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt

from devtools.localaws.stack import REPOSITORY

FILE: Final = REPOSITORY / "docs" / "runbook.md"
CHANGES: Final = "# changes: "
ON_AWS_ALONE: Final = "# on AWS alone: "


@dataclass
class Section:
    """What is below one heading."""

    name: str
    chapter: str
    """The heading above it."""
    text: str = ""
    """All of it but the commands."""
    first_column: list[str] = field(default_factory=list)
    """The first cell of each row of its tables."""
    blocks: list[str] = field(default_factory=list)
    """Commands."""

    @property
    def looks(self) -> list[str]:
        """The blocks that change nothing, and that the local stack knows."""
        return [block for block in self.blocks if not block.startswith((CHANGES, ON_AWS_ALONE))]


def sections() -> dict[str, Section]:
    """The sections by name."""
    tokens = MarkdownIt().enable("table").parse(FILE.read_text(encoding="utf-8"))
    found: dict[str, Section] = {}
    chapter, section = "", Section("", "")
    for before, token, following in zip([None, *tokens], tokens, tokens[1:], strict=False):
        if token.type == "heading_open":
            chapter = following.content if token.tag == "h1" else chapter
            section = Section(following.content, chapter)
            assert section.name not in found, f"two sections are called {section.name}"
            found[section.name] = section
        elif token.type == "inline" and before is not None and before.type != "heading_open":
            section.text += token.content + "\n"
        elif token.type == "td_open" and before is not None and before.type == "tr_open":
            section.first_column.append(following.content)
        elif token.type == "fence" and token.info == "sh":
            section.blocks.append(token.content)
    return found
