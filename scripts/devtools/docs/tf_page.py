"""The module as Markdown: a table of what it requires, one for each group of inputs, one of outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.docs.tf_errors import TfdocsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devtools.docs.tf_module import Group, Input, Module

MODULE = Path(__file__).resolve().parents[3] / "terraform"
PAGE = MODULE / "README.md"

# What terraform-docs looks for as well. https://terraform-docs.io/user-guide/configuration/output/
_BEGIN, _END = "<!-- BEGIN_TF_DOCS -->\n", "<!-- END_TF_DOCS -->"
_TABLES = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)
_MARKUP = re.compile(r"([\\|*<>\[\]])")


def rewritten(page: str, module: Module) -> str:
    """`page` with the tables of `module` between its markers. Raises TfdocsError where it has none."""
    if not _TABLES.search(page):
        raise TfdocsError(f"{PAGE.name} has no place for the tables: put {_BEGIN.strip()} and {_END} into it")
    return _TABLES.sub(lambda _: f"{_BEGIN}\n{tables(module)}\n{_END}", page)


def tables(module: Module) -> str:
    """What stands between the markers."""
    requirements = ([_code(each.name), each.source or "", each.version] for each in module.requirements)
    outputs = ([_code(each.name), _text(each.description)] for each in module.outputs)
    return "\n".join(
        [
            *("## Requirements and providers", "", *_table(["name", "source", "version"], requirements), ""),
            *("## Inputs", ""),
            *(line for group in module.groups for line in _inputs(group)),
            *("## Outputs", "", *_table(["name", "what it is"], outputs), ""),
        ]
    )


def _inputs(group: Group) -> Iterator[str]:
    rows = ([_code(each.name), _type(each), _default(each), _text(each.description)] for each in group.inputs)
    yield from (f"### {group.title}", "", *_table(["name", "type", "default", "what it is"], rows), "")
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


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
