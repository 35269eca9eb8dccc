"""What alarms and dashboard take from others: the names of metrics from the functions, prices from the costs."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from devtools.localaws.stack import REPOSITORY
from thumbctl.costs.prices import Prices

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = REPOSITORY / "terraform" / "modules" / "observability"
FUNCTIONS = REPOSITORY / "functions"
PRICES = Prices.load()


def words_of_the_functions() -> Iterator[str]:
    """Every string and every keyword in the modules that emit metrics."""
    for name in (
        "thumbnailer/worker.py",
        "thumbnail_pipeline/telemetry.py",
        "reconciler/scheduled.py",
        "publisher/publishing.py",
        "range_worker/telling.py",
    ):
        for node in ast.walk(ast.parse((FUNCTIONS / name).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            if isinstance(node, ast.keyword) and node.arg:
                yield node.arg


def test_the_functions_emit_every_metric_that_is_read() -> None:
    # Terraform's own test holds this list to alarms and dashboard.
    test = (REPOSITORY / "terraform" / "tests" / "observability.tftest.hcl").read_text()
    read = set(re.findall(r'"(\w+) by Function"', test))
    assert len(read) > 10
    assert read - set(words_of_the_functions()) == set()


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("arm64", PRICES.lambda_arm64.of(1)),
        ("x86_64", PRICES.lambda_x86_64.of(1)),
        ("lambda_million", PRICES.lambda_request.of(1e6)),
        ("s3_thousand_puts", PRICES.s3_put.of(1e3)),
        ("s3_thousand_gets", PRICES.s3_get.of(1e3)),
        ("dynamodb_million_writes", PRICES.dynamodb_write.of(1e6)),
        ("dynamodb_million_reads", PRICES.dynamodb_read.of(1e6)),
        ("sqs_million", PRICES.sqs_request.of(1e6)),
        ("logs_gb", PRICES.logs_ingestion.of(1)),
    ],
)
def test_the_dashboard_counts_with_the_prices_of_the_costs(name: str, dollars: float) -> None:
    (stated,) = re.findall(rf"\b{name}\s*= ([\d.]+)", (MODULE / "prices.tf").read_text())
    assert float(stated) == pytest.approx(dollars, rel=1e-9)


def test_the_dashboard_says_of_when_and_where_its_prices_are() -> None:
    text = (MODULE / "prices.tf").read_text()
    assert re.findall(r'\bdate\s*= "(.+)"', text) == [PRICES.date.isoformat()]
    assert re.findall(r'\bregion\s*= "(.+)"', text) == [PRICES.region]
