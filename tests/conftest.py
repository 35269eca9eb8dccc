"""For every suite."""

from __future__ import annotations

import functools
import gc
from typing import TYPE_CHECKING, Final

import botocore.loaders
import botocore.session
import pytest
from aws_xray_sdk.core import xray_recorder
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = "tests/"
# What takes longest begins first, so that no process waits for another in the end.
FIRST: Final = ("tests/terraform/", "tests/e2e/", "tests/model/")
# What takes a process or an archive, or more than a second or two.
SLOW: Final = (
    "tests/integration/test_api_document.py",
    "tests/renderer/test_fuzz.py",
    "tests/renderer/test_kinds.py",
    "tests/renderer/test_memory.py",
    "tests/renderer/test_pixels.py",
    "tests/unit/test_api_examples.py",
    "tests/unit/test_bulk_transfer.py",
    "tests/unit/test_bundle.py",
    "tests/unit/test_demo_samples.py",
    "tests/unit/test_hostile_messages.py",
    "tests/unit/test_localaws.py",
    "tests/unit/test_reconciler_repair.py",
    "tests/unit/test_release.py",
    "tests/unit/test_sbom.py",
    "tests/unit/test_thumbctl_devices.py",
    "tests/unit/test_thumbctl_import.py",
    "tests/unit/test_wheel.py",
)
LONGEST_NAME: Final = 80
# So many tests use the applied stack that two of it are sooner through, in a process each.
STACKS: Final = 2

# What decides is the same every time; `make check` has a glance at it, `make fuzz` and `make model` explore at random.
settings.register_profile("decide", derandomize=True, database=None, deadline=None)
settings.register_profile("glance", derandomize=True, database=None, deadline=None, max_examples=15)
settings.register_profile("explore", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("decide")

# Every boto3 session reads the descriptions of AWS's services anew, and most tests have one of their own.
botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the suites can be asked for."""
    parser.addoption("--keep-stack", action="store_true", help="leave the shared stack up, and use one that is")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call a test that is given much by how much that is: nobody reads the bytes of a picture."""
    return f"{argname}-of-{len(val)}" if isinstance(val, bytes | str) and len(val) > LONGEST_NAME else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, mark what is slow, and keep modules whose tests share something in one process.

    Modules that share a fixture of the session are kept together as well; those that share an applied stack take turns
    with each of several.
    """
    if "nightly" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    items.sort(key=lambda item: next((at for at, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))
    groups: dict[str, str] = {}
    stacks = 1 if config.getoption("--keep-stack") else STACKS
    turns: dict[str, int] = {}
    for item in items:
        module = item.nodeid.partition("::")[0]
        # Whoever imitates AWS for a test imports its imitation and describes its services first.
        if module.startswith(SLOW) or hasattr(getattr(item, "module", None), "mock_aws"):
            item.add_marker(pytest.mark.slow)
        for scope, name in _shared(item):
            if scope == "session" and module.startswith("tests/e2e/"):
                groups[module] = f"{name} {turns.setdefault(module, len(turns)) % stacks}"
            elif scope == "session":
                groups[module] = name
            else:
                groups.setdefault(module, module)
    for item in items:
        if group := groups.get(item.nodeid.partition("::")[0]):
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Let nobody's finalizer run, and fail, at the bottom of a document that is nested too deeply."""
    gc.disable()
    yield
    gc.enable()


def _shared(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Scope and name of the fixtures of ours that `item` has in common with other tests."""
    for definitions in item._fixtureinfo.name2fixturedefs.values():  # type: ignore[attr-defined]
        fixture = definitions[-1]
        if fixture.baseid.startswith(HERE) and fixture.scope in {"module", "session"}:
            yield fixture.scope, fixture.argname


def pytest_unconfigure() -> None:
    """Close the socket that the X-Ray SDK opens on import and never closes: warnings are errors here."""
    xray_recorder.emitter._socket.close()  # type: ignore[attr-defined]
