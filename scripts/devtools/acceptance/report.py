"""What a run found, as a page for people and as JSON for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from devtools.acceptance.findings import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True)
class Report:
    """A run: where, when, of which commit, what it was to cost, and how each step and check ended."""

    name: str
    place: str
    began: datetime
    commit: str
    release: str
    resources: int
    dollars: float
    findings: Sequence[Finding]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.count(Verdict.FAILED) == 0

    def count(self, verdict: Verdict) -> int:
        """How many steps and checks ended so."""
        return sum(finding.verdict is verdict for finding in self.findings)

    def write(self, folder: Path) -> Path:
        """Write report.md and report.json into `folder`; return the page."""
        page = folder / "report.md"
        page.write_text(self.as_markdown(), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        return page

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "began": self.began.isoformat(timespec="seconds"), "passed": self.passed}

    def as_markdown(self) -> str:
        """A table, with a link from each check to the rule that it shows."""
        counts = ", ".join(f"{self.count(verdict)} {verdict}" for verdict in Verdict)
        rows = [
            f"| {f'[{each.name}]({each.rule})' if each.rule else each.name} | {each.verdict} | {each.seconds:.1f} |"
            f" {_cell(each.says)} |"
            for each in self.findings
        ]
        return "\n".join(
            [
                f"# The instance {self.name} {'passed' if self.passed else 'FAILED'}",
                "",
                f"In {self.place}, {self.began:%Y-%m-%d %H:%M} UTC, release {self.release}, commit {self.commit}:"
                f" {self.resources} resources, ${self.dollars:.2f} at list prices. {counts}.",
                "",
                "| check | ended | seconds | what was seen |",
                "|---|---|---|---|",
                *rows,
                "",
            ]
        )


def _cell(text: str) -> str:
    """Text as a cell of a table has it: on a line, and no markup, whatever a key or an error has in it."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
