"""How the demo ends: its exit codes, its sentences, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from devtools.demo import __main__ as demo
from devtools.demo import run, samples
from devtools.demo.outcome import Result
from devtools.errors import DevtoolsError
from thumbctl.interrupts import terminate_as_interrupt

if TYPE_CHECKING:
    from pathlib import Path


def main(monkeypatch: pytest.MonkeyPatch, *arguments: str, outcome_of_run: Result | BaseException) -> int:
    def instead(*_: object) -> Result:
        if isinstance(outcome_of_run, BaseException):
            raise outcome_of_run
        return outcome_of_run

    monkeypatch.setattr(sys, "argv", ["demo", *arguments])
    monkeypatch.setattr(samples, "built_in", tuple)
    monkeypatch.setattr(run, "run", instead)
    return demo.main()


def test_a_missing_directory_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(monkeypatch, "--images", str(tmp_path / "nowhere"), outcome_of_run=AssertionError())
    assert code == 1
    assert re.fullmatch(r"error: there is no directory .*nowhere: .*\n", capsys.readouterr().err)


def test_a_missing_terraform_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = DevtoolsError("terraform is not on PATH: install Terraform 1.9 or newer")
    assert main(monkeypatch, outcome_of_run=error) == 1
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_broken_promise_is_told_and_ends_in_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Result((), (), (), (), strays=("small/x",), seconds=1.0, last_words=("Task timed out",))
    assert main(monkeypatch, outcome_of_run=broken) == 1
    told_so = capsys.readouterr().err
    assert "problem: thumbnail small/x belongs to no image\n" in told_so
    assert "  log: Task timed out\n" in told_so


def test_an_interrupt_ends_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(monkeypatch, outcome_of_run=KeyboardInterrupt()) == 130


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_interrupt_does_not_cut_the_cleaning_up_short(first: signal.Signals) -> None:
    before = signal.getsignal(first)
    cleaned_up = False

    def work() -> None:
        nonlocal cleaned_up
        try:
            os.kill(os.getpid(), first)
        finally:
            for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), again)
            cleaned_up = True

    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        work()
    assert cleaned_up
    assert signal.getsignal(first) is before
