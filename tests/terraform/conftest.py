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
RUNS = ["everything", "nothing_but_what_is_required", "what_was_there_before"]


@dataclass(frozen=True)
class Tested:
    """What `terraform test` said."""

    passed: frozenset[str]
    """The test files that passed, by their paths in the module."""
    states: Mapping[str, Mapping[str, Any]]
    """What runs made, by their names; of the files in READ."""


@dataclass(frozen=True)
class Resource:
    """A resource as a run left it."""

    address: str
    type: str
    values: Mapping[str, Any]

    def document(self, attribute: str) -> dict[str, Any]:
        """The JSON of one attribute, empty where it has none: what nobody set, the mocked provider makes up."""
        value = self.values[attribute]
        document: dict[str, Any] = json.loads(value) if isinstance(value, str) and value.startswith("{") else {}
        return document

    def statements(self) -> Iterator[dict[str, Any]]:
        """Every statement of every policy that it holds, in whatever attribute."""
        for attribute in self.values:
            yield from self.document(attribute).get("Statement", [])


@dataclass(frozen=True)
class Deployed:
    """What one run made."""

    resources: tuple[Resource, ...]
    taggable: frozenset[str]
    """The types of resources that the provider can tag."""

    def of(self, kind: str) -> list[Resource]:
        """All resources of a type. There are some: a rule about none would always hold."""
        found = [resource for resource in self.resources if resource.type == kind]
        assert found, f"there is no {kind}"
        return found

    def one(self, kind: str, attribute: str, value: Any) -> Resource:
        """The one resource of a type that has this value."""
        (found,) = [resource for resource in self.of(kind) if resource.values[attribute] == value]
        return found


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


@pytest.fixture(scope="session")
def runs(tested: Tested) -> dict[str, Deployed]:
    """What each run of structure.tftest.hcl made."""
    return {run: deployed(tested.states[run]) for run in RUNS}


@pytest.fixture(params=RUNS)
def deployment(runs: dict[str, Deployed], request: pytest.FixtureRequest) -> Deployed:
    """Each of them in turn."""
    return runs[request.param]


@pytest.fixture(params=RUNS[:2])
def made(runs: dict[str, Deployed], request: pytest.FixtureRequest) -> Deployed:
    """Each in turn of those that have buckets, a key and topics of their own."""
    return runs[request.param]


def deployed(state: Mapping[str, Any]) -> Deployed:
    provider = state["provider_schemas"]["registry.terraform.io/hashicorp/aws"]
    taggable = {
        name for name, schema in provider["resource_schemas"].items() if "tags" in schema["block"]["attributes"]
    }
    resources = (
        Resource(each["address"], each["type"], each["values"])
        for each in resources_of(state["root_module"])
        if each["mode"] == "managed"
    )
    return Deployed(tuple(resources), frozenset(taggable))


def resources_of(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources_of(child)
