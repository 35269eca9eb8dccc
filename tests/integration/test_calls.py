"""What docs/cost.md says of one image is what the real worker does: its calls, its row, its metrics."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from devtools.docs.cost_figures import FIGURES
from support.notifications import notification, record, sqs_record
from support.pictures import picture
from support.pipeline import UPLOADS, Bench, FakeContext

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURED = FIGURES.model.measured.per_image
# Names as cameras and people give them.
KEY = "holiday/2026/IMG_{:04}.jpg"


def a_bench() -> Bench:
    """A function that makes what docs/cost.md is about, over a versioned bucket as the module makes it."""
    return Bench(renditions=[asdict(each) for each in FIGURES.workload.renditions], versioned=True)


def first_images(bench: Bench, number: int) -> list[dict[str, Any]]:
    """Upload images that nobody has processed before, and return the messages that tell of them."""
    messages = []
    for index in range(number):
        key = KEY.format(index)
        body = picture(size=(1600, 1200), image_format="JPEG")
        stored = bench.s3.put_object(Bucket=UPLOADS, Key=key, Body=body, ContentType="image/jpeg")
        told = record(key, etag=stored["ETag"].strip('"'), version_id=stored["VersionId"], size=len(body))
        messages.append(sqs_record(notification(told), message_id=f"message-{index}"))
    return messages


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call that any client makes from now on, whoever made the client."""
    made: list[str] = []
    make = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> Any:
        made.append(operation)
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return made


@pytest.mark.parametrize("number", [1, 10])
def test_a_batch_makes_the_calls_of_its_images_and_no_other(number: int, calls: list[str]) -> None:
    bench = a_bench()
    messages = first_images(bench, number)
    calls.clear()
    assert bench.worker.run(messages, FakeContext()) == []
    assert Counter(calls) == {name: number * each for name, each in MEASURED.calls.items()}
    assert {bench.row(KEY.format(index))["status"] for index in range(number)} == {"READY"}


def test_an_image_is_one_get_one_put_a_rendition_and_one_write() -> None:
    assert MEASURED.calls == {"GetObject": 1, "PutObject": len(FIGURES.workload.renditions), "PutItem": 1}


def item_bytes(value: Mapping[str, Any]) -> int:
    """The size of an attribute's value.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    ((kind, plain),) = value.items()
    match kind:
        case "S":
            return len(plain.encode())
        case "N":
            return ceil(len(plain.replace(".", "").strip("-0")) / 2) + 1
        case "L":
            return 3 + sum(1 + item_bytes(each) for each in plain)
        case "M":
            return 3 + sum(1 + len(name) + item_bytes(each) for name, each in plain.items())
    return 1


def test_a_row_takes_the_units_that_are_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-67890abc-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0")
    bench = a_bench()
    assert bench.worker.run(first_images(bench, 1), FakeContext()) == []
    (row,) = bench.dynamodb.scan(TableName="catalog")["Items"]
    size = sum(len(name) + item_bytes(value) for name, value in row.items())
    model, workload = FIGURES.model, FIGURES.workload
    assert ceil(size / 1024) == ceil(model.row_bytes(workload) / 1024)
    assert size == pytest.approx(model.row_bytes(workload), rel=0.15)

    renditions = row["renditions"]["L"]
    one_less = replace(workload, renditions=workload.renditions[1:])
    one = model.row_bytes(workload) - model.row_bytes(one_less)
    assert one == pytest.approx(sum(1 + item_bytes(each) for each in renditions) / len(renditions), rel=0.15)


def test_a_good_batch_sends_the_metrics_that_are_reckoned_with(capsys: pytest.CaptureFixture[str]) -> None:
    bench = a_bench()
    assert bench.worker.run(first_images(bench, 2), FakeContext()) == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = {
        metric["Name"]
        for line in lines
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
    }
    assert len(names) == FIGURES.stack.metrics
