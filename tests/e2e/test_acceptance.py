"""`make acceptance` against an emulator of its own, from plan to report: that it works before it costs anything.

An instance of its own is what it is about: a prefix that is encoded, roles, queues, and that nothing of it is left. So
it takes two minutes on calm cores, of which the shared stack could save none: half is the apply, a third the destroy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devtools.acceptance import __main__ as acceptance
from devtools.acceptance.checks import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


def test_all_that_can_be_tried_here_is_as_it_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = acceptance.main(["--local"], build=tmp_path)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = {each["name"]: each for each in document["findings"]}
    assert list(found) == ["apply", *(check.name for check in CHECKS), "destroy"]
    assert {name: each["says"] for name, each in found.items() if each["verdict"] == "failed"} == {}
    assert {name for name, each in found.items() if each["verdict"] == "not possible here"} == {
        check.name for check in CHECKS if check.emulated
    }
    assert code == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# The instance acceptance passed")
    assert f"{document['resources']} resources in the emulator" in capsys.readouterr().out
    assert not (tmp_path / "acceptance.local" / "processes.json").exists()
