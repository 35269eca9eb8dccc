"""The module as Markdown: a table of what it requires, one for each group of inputs, one of outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.docs.markdown import table
from devtools.docs.terraform_module import Module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.docs.terraform_module import Group, Input

MODULE = Path(__file__).resolve().parents[3] / "terraform"
_MARKUP = re.compile(r"([\\|*<>\[\]])")


def tables(directory: Path) -> str:
    """The tables of the module in `directory`, with their headings. Raises DevtoolsError where it cannot be read."""
    module = Module.read(directory)
    requirements = ([_code(each.name), each.source or "", each.version] for each in module.requirements)
    outputs = ([_code(each.name), _text(each.description)] for each in module.outputs)
    return "\n".join(
        [
            *("", "## Requirements and providers", "", table(["name", "source", "version"], requirements), ""),
            *("## Inputs", ""),
            *(line for group in module.groups for line in _inputs(group)),
            *("## Outputs", "", table(["name", "what it is"], outputs), ""),
        ]
    )


def _inputs(group: Group) -> Iterator[str]:
    rows = ([_code(each.name), _type(each), _default(each), _text(each.description)] for each in group.inputs)
    yield from (f"### {group.title}", "", table(["name", "type", "default", "what it is"], rows), "")
    for each in group.inputs:
        if "\n" in each.type:
            yield from (f"#### `{each.name}`", "", "```hcl", f"type = {each.type}")
            if each.default and "\n" in each.default:
                yield f"default = {each.default}"
            yield from ("```", "")


def _type(variable: Input) -> str:
    """One word for the table: what a longer type begins with, and a link to all of it."""
    if "\n" not in variable.type:
        return _code(variable.type)
    begin = variable.type.partition("{")[0].rstrip("(")
    return f"[{_code(begin + ')' * begin.count('('))}](#{variable.name})"


def _default(variable: Input) -> str:
    if variable.default is None:
        return "required"
    return f"[below](#{variable.name})" if "\n" in variable.default else _code(variable.default)


def _code(text: str) -> str:
    return f"`{text}`"


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
