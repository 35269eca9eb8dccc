"""The module initialised, tested and drawn once for all of these tests: each of it takes Terraform a while."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from devtools.localaws.stack import REPOSITORY
from devtools.localaws.terraform import Root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODULE = REPOSITORY / "terraform"
# Of these test files other tests read what each run made; `terraform test` prints that at length.
READ = ("names", "structure")


@dataclass(frozen=True)
class Tested:
    """What `terraform test` said."""

    passed: frozenset[str]
    """The test files that passed, by their paths in the module."""
    states: Mapping[str, Mapping[str, Any]]
    """What runs made, by their names; of the files in READ."""


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """The module as a root of its own, with the provider that all of these tests share."""
    root = Root(MODULE, tmp_path_factory.mktemp("module"))
    root.init(backend=False)
    with root.with_running_provider() as attached:
        yield attached


@pytest.fixture(scope="session")
def tested(module: Root) -> Tested:
    """Every test of the module's own, each once."""
    read = [f"-filter=tests/{name}.tftest.hcl" for name in READ]
    others = [
        f"-filter=tests/{file.name}"
        for file in sorted(MODULE.glob("tests/*.tftest.hcl"))
        if file.name.partition(".")[0] not in READ
    ]
    printed = module.run("test", "-json", "-verbose", *read) + module.run("test", "-json", *others)
    messages = [json.loads(line) for line in printed.splitlines()]
    return Tested(
        frozenset(
            each["@testfile"]
            for each in messages
            if each["type"] == "test_file" and each["test_file"].get("status") == "pass"
        ),
        {each["@testrun"]: each["test_state"] for each in messages if each["type"] == "test_state"},
    )


@pytest.fixture(scope="session")
def graph(module: Root) -> str:
    """What waits for what, as `terraform graph` draws it."""
    return module.run("graph")
