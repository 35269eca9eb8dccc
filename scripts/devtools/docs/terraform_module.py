"""What a module shows its caller, as its files say it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import hcl2
from hcl2.utils import SerializationOptions
from lark import Token, Tree
from lark.exceptions import UnexpectedInput

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PLAIN_VALUES = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
_STANDS_ALONE = re.compile(r"^# (.+)\n\n", re.MULTILINE)


@dataclass(frozen=True)
class Requirement:
    """A provider, or Terraform itself, which has no source."""

    name: str
    source: str | None
    version: str


@dataclass(frozen=True)
class Input:
    """A variable. Its type and default are as they are written, comments included: these say what a field is."""

    name: str
    description: str
    type: str
    default: str | None
    """None where a value must be given."""


@dataclass(frozen=True)
class Group:
    """The inputs below a comment that stands alone."""

    title: str
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Output:
    """What a module tells its caller."""

    name: str
    description: str


@dataclass(frozen=True)
class Module:
    """What a caller sees of a module."""

    requirements: tuple[Requirement, ...]
    groups: tuple[Group, ...]
    outputs: tuple[Output, ...]

    @classmethod
    def read(cls, directory: Path) -> Module:
        """From versions.tf, variables.tf and outputs.tf. Raises DevtoolsError where one cannot be read."""
        return cls(
            tuple(_requirements(directory / "versions.tf")),
            tuple(_groups(directory / "variables.tf")),
            tuple(_outputs(directory / "outputs.tf")),
        )


def _requirements(file: Path) -> Iterator[Requirement]:
    (terraform,) = _values(file)["terraform"]
    yield Requirement("terraform", None, terraform["required_version"])
    for providers in terraform["required_providers"]:
        for name, provider in providers.items():
            yield Requirement(name, provider["source"], provider["version"])


def _outputs(file: Path) -> Iterator[Output]:
    for block in _values(file)["output"]:
        for name, output in block.items():
            yield Output(name, _given(output, "description", name))


def _groups(file: Path) -> Iterator[Group]:
    text, tree = file.read_text(encoding="utf-8"), _tree(file)
    title, inputs = "", list[Input]()
    (body,) = _nodes(tree)
    for node in _nodes(body):
        if node.data == "block":
            inputs.append(_input(node, text))
        elif alone := _STANDS_ALONE.search(_written(node, text)):
            if inputs:
                yield Group(title, tuple(inputs))
            title, inputs = alone[1], []
    yield Group(title, tuple(inputs))


def _input(block: Tree[Token], text: str) -> Input:
    _, label, body = _nodes(block)
    name = json.loads(_written(label, text))
    attributes = {}
    for node in _nodes(body):
        if node.data == "attribute":
            attribute, value = _nodes(node)
            attributes[_written(attribute, text)] = _written(value, text)
    try:
        description = json.loads(_given(attributes, "description", name))
    except json.JSONDecodeError as error:
        raise DevtoolsError(
            f"the description of {name} is no plain string: write one in quotes, on one line"
        ) from error
    return Input(name, description, _given(attributes, "type", name), attributes.get("default"))


def _given(attributes: Mapping[str, str], which: str, name: str) -> str:
    if which not in attributes:
        raise DevtoolsError(f"{name} has no {which}: callers read it, so write one")
    return attributes[which]


def _written(node: Tree[Token], text: str) -> str:
    """What stands in `text` at `node`, as far to the left as it goes."""
    first, newline, others = text[node.meta.start_pos : node.meta.end_pos].partition("\n")
    return first + newline + dedent(others)


def _nodes(tree: Tree[Token]) -> Iterator[Tree[Token]]:
    return (child for child in tree.children if isinstance(child, Tree))


def _values(file: Path) -> dict[str, Any]:
    return hcl2.serialize(hcl2.transform(_tree(file)), serialization_options=_PLAIN_VALUES)


def _tree(file: Path) -> Tree[Token]:
    try:
        return hcl2.parses_to_tree(file.read_text(encoding="utf-8"))
    except UnexpectedInput as error:
        raise DevtoolsError(
            f"{file.name} cannot be read from line {error.line} on: terraform validate says what is wrong with it"
        ) from error
