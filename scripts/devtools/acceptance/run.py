"""A run from beginning to end: plan, price, ask, apply, try, and destroy whatever happens."""

from __future__ import annotations

import importlib.metadata
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from devtools.acceptance import price
from devtools.acceptance.applied import Applied
from devtools.acceptance.checks import CHECKS, findings
from devtools.acceptance.findings import Finding, Verdict, require, tried
from devtools.acceptance.report import Report
from devtools.errors import DevtoolsError
from devtools.localaws import stack
from thumbctl.costs.model import by_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from devtools.acceptance.checks import Check
    from devtools.acceptance.instance import Instance

_TOLD: Final = 0.001  # dollars of a service
_TRIES: Final = 3
"""How often it is destroyed at most: what AWS has made meanwhile, such as a log, can keep it from being done."""


@dataclass(frozen=True)
class Run:
    """What a run is given: `agree` asks a person, and is never asked where nothing is charged."""

    instance: Instance
    out: Console
    agree: Callable[[str], bool]
    cdn: bool = False
    checks: Iterable[Check] = CHECKS

    def clean_up(self) -> Finding | None:
        """Destroy what an earlier run of the name left, if it did."""
        left = self.instance.left()
        if not left:
            return None
        self.out.print(f"A run that was ended left {len(left)} resources: they are destroyed first.")
        if not self._agreed("Destroy them?"):
            raise DevtoolsError("nothing was done")
        return self._destroyed()

    def accept(self) -> Report | None:
        """Run it; None where nobody wanted it. Raises DevtoolsError before anything is made, and KeyboardInterrupt."""
        began = datetime.now(UTC)
        cleaned = self.clean_up()
        if cleaned and cleaned.verdict is Verdict.FAILED:
            raise DevtoolsError(cleaned.says)
        self.instance.require_free_name()
        with stack.step("terraform plan", usually=10):
            resources = self.instance.plan()
        if not self._agreed(self._offer(resources)):
            return None
        found: list[Finding] = [cleaned] if cleaned else []
        try:
            self._try(found)
        except KeyboardInterrupt:
            found.append(
                Finding("interrupted", Verdict.FAILED, "Somebody ended the run; what had been made was destroyed.")
            )
            raise
        finally:
            found.append(self._destroyed())
            report = self._report(began, resources, found)
            page = report.write(self.instance.directory.parent)
            self.out.print(f"To read: {page}", soft_wrap=True)
        return report

    def _try(self, found: list[Finding]) -> None:
        outputs: dict[str, Any] = {}
        with stack.step("terraform apply", usually=60):
            applied = tried("apply", lambda: self._apply(outputs))
        self._tell(found, applied)
        if applied.verdict is Verdict.FAILED:
            return
        seen = Applied(
            name=self.instance.name,
            place=self.instance.place,
            outputs=outputs,
            directory=self.instance.directory,
            out=self.out,
            drifted=self.instance.drifted,
            cdn=self.cdn,
        )
        for finding in findings(self.checks, seen):
            self._tell(found, finding)

    def _apply(self, outputs: dict[str, Any]) -> str:
        self.instance.apply()
        outputs |= self.instance.outputs()
        return "Terraform made all of it."

    def _destroyed(self) -> Finding:
        with stack.step("terraform destroy", usually=30):
            finding = tried("destroy", self._destroy)
        self._tell([], finding)
        return finding

    def _destroy(self) -> str:
        problem: DevtoolsError | None = None
        for number in range(_TRIES):
            try:
                self.instance.destroy(refresh=number > 0)
            except DevtoolsError as error:
                problem = error
            except KeyboardInterrupt:
                # Signals are ignored from now on: what is left would cost.
                self.out.print("It is being destroyed, and that is done to the end.")
            if not (left := self.instance.left()):
                break
        else:
            raise DevtoolsError(
                f"{len(left)} resources are left in {self.instance.place.title} ({', '.join(left[:5])} …), and cost."
                f" Run the same command again: it begins by destroying them. {problem or ''}"
            )
        traces = self.instance.traces()
        require(not traces, f"Terraform destroyed all that it knew of, and there is still {', '.join(traces)}.")
        return "Nothing is left but keys that wait for their deletion, at no charge."

    def _offer(self, resources: int) -> str:
        """What it would be, and what it costs."""
        lines, dollars = price.lines(), price.dollars()
        if dollars > price.MOST_DOLLARS:
            raise DevtoolsError(f"it would cost ${dollars:.2f}, and ${price.MOST_DOLLARS:.2f} is the most it may")
        dearest = ", ".join(f"{service} ${share:.3f}" for service, share in by_service(lines).items() if share >= _TOLD)
        self.out.print(
            f"{resources} resources in {self.instance.place.title}, called {self.instance.name}, for less than an hour:"
            f" ${dollars:.2f} at list prices ({dearest})."
        )
        return "Apply, try and destroy them?"

    def _agreed(self, question: str) -> bool:
        return self.instance.place.emulated or self.agree(question)

    def _tell(self, found: list[Finding], finding: Finding) -> None:
        found.append(finding)
        self.out.print(f"  {finding.verdict:<17} {finding.name}: {finding.says}", markup=False, highlight=False)

    def _report(self, began: datetime, resources: int, found: list[Finding]) -> Report:
        return Report(
            name=self.instance.name,
            place=self.instance.place.title,
            began=began,
            commit=_commit(),
            release=importlib.metadata.version("thumbnail-pipeline"),
            resources=resources,
            dollars=0 if self.instance.place.emulated else price.dollars(),
            findings=tuple(found),
        )


def _commit() -> str:
    """The commit that is checked out, or that there is none."""
    command = ["git", "-C", str(stack.REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return told or "unknown"
