"""Who tells people of failures, and when, over moto: few messages, and nothing is forgotten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.pipeline import DIGESTS, Bench, client
from thumbnail_pipeline.errors import Systemic, Transient
from thumbnailer.alerts import Alerts, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 900


def failures(number: int, reason: str = "corrupt") -> list[Failure]:
    return [Failure(f"s3://uploads/{n}.jpg", reason, "it is broken") for n in range(number)]


def subjects(bench: Bench) -> list[str]:
    return [alert["Subject"] for alert in bench.alerts()]


def test_the_first_failure_is_told_at_once_and_the_rest_of_the_window_in_the_next(bench: Bench) -> None:
    alerts = bench.worker.alerts
    alerts.tell("corrupt", failures(1))
    alerts.tell("corrupt", failures(400))
    bench.now += WINDOW / 2 - 1
    alerts.tell("corrupt", failures(7))
    assert subjects(bench) == ["1 image failed: corrupt"]
    bench.now += WINDOW
    alerts.tell("corrupt", failures(2))
    assert subjects(bench) == ["409 images failed: corrupt"]
    bench.now += WINDOW
    alerts.tell("corrupt", failures(1))
    assert subjects(bench) == ["1 image failed: corrupt"]


def test_reasons_are_told_apart(bench: Bench) -> None:
    for reason in ("corrupt", "too-large", "corrupt", "too-large"):
        bench.worker.alerts.tell(reason, failures(3, reason))
    assert subjects(bench) == ["3 images failed: corrupt", "3 images failed: too-large"]


def test_ten_thousand_failures_at_once_are_two_messages_that_count_them_all(bench: Bench) -> None:
    for reason in ["corrupt", "unidentified"] * 100:
        bench.worker.alerts.tell(reason, failures(50, reason))
    first = subjects(bench)
    bench.now += WINDOW
    for reason in ("corrupt", "unidentified"):
        bench.worker.alerts.tell(reason, failures(0, reason))
    second = subjects(bench)
    assert len(first) == len(second) == 2
    assert sum(int(re.sub(r"\D.*", "", subject.replace(",", ""))) for subject in first + second) == 10_000


def test_only_one_has_the_word(bench: Bench) -> None:
    speaker = bench.digests.add("corrupt", ["a", "b"])
    assert speaker is not None
    assert (speaker.number, speaker.examples) == (2, ("a", "b"))
    assert bench.digests.add("corrupt", ["c"]) is None
    bench.digests.told(speaker)
    assert bench.digests.add("corrupt", ["d"]) is None
    bench.now += WINDOW
    successor = bench.digests.add("corrupt", ["e"])
    assert successor is not None
    assert (successor.number, successor.examples) == (3, ("d",))


def test_who_dies_with_the_word_loses_it(bench: Bench) -> None:
    assert bench.digests.add("corrupt", ["a"]) is not None
    bench.now += 59
    assert bench.digests.add("corrupt", ["b"]) is None
    bench.now += 2
    heir = bench.digests.add("corrupt", ["c"])
    assert heir is not None
    assert heir.number == 3


def test_what_could_not_be_published_is_taken_off_again_and_others_may_speak(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = bench.worker.alerts

    def deaf(*_: object) -> None:
        raise Transient("nobody is there")

    with monkeypatch.context() as context:
        context.setattr(Alerts, "_publish", deaf)
        with pytest.raises(Transient):
            alerts.tell("corrupt", failures(5))
    alerts.tell("corrupt", failures(5))
    assert subjects(bench) == ["5 images failed: corrupt"]


def test_a_digest_that_is_out_is_out_even_if_that_cannot_be_noted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgets(*_: object) -> None:
        raise Transient("no answer")

    monkeypatch.setattr(type(bench.digests), "told", forgets)
    bench.worker.alerts.tell("corrupt", failures(1))
    assert subjects(bench) == ["1 image failed: corrupt"]
    assert "digest not noted as told" in capsys.readouterr().out


def test_a_missing_table_is_systemic(bench: Bench) -> None:
    client("dynamodb").delete_table(TableName=DIGESTS)
    with pytest.raises(Systemic, match="ResourceNotFoundException while counting failures"):
        bench.worker.alerts.tell("corrupt", failures(1))


@pytest.mark.parametrize("examples", [["a"], ["a", "b", "c", "d"]])
def test_a_digest_names_three_examples_at_most(bench: Bench, examples: Sequence[str]) -> None:
    digest = bench.digests.add("corrupt", examples)
    assert digest is not None
    assert digest.examples == tuple(examples[:3])
