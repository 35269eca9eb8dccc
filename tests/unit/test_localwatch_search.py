"""SEARCH finds what the documentation says that it finds."""

from __future__ import annotations

import pytest

from devtools.livepage.metricmath import Metric, MetricMathError
from devtools.livepage.search import find

READY = Metric("ThumbnailPipeline", "Ready", (("Function", "thumbs"),))
FAILED = Metric("ThumbnailPipeline", "Failed", (("Function", "thumbs"),))
EMPTY = Metric("ThumbnailPipeline", "Failed", (("Function", "thumbs"), ("Reason", "empty")))
CORRUPT = Metric("ThumbnailPipeline", "Failed", (("Function", "thumbs"), ("Reason", "corrupt")))
COUNT = Metric("Custom", "CustomCount1", (("Host", "Network-Errors_2"),))
ALL = (READY, FAILED, EMPTY, CORRUPT, COUNT)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('{ThumbnailPipeline,Function,Reason} MetricName="Failed"', {EMPTY, CORRUPT}),
        ('{ThumbnailPipeline, Function} MetricName="Failed"', {FAILED}),
        ("{ThumbnailPipeline}", {READY, FAILED, EMPTY, CORRUPT}),
        ('{"Custom", "Host"}', {COUNT}),
        ('Reason="empty" OR Reason="corrupt"', {EMPTY, CORRUPT}),
        ('Reason=("empty" OR "corrupt") Function="thumbs"', {EMPTY, CORRUPT}),
        ('MetricName="Failed" NOT Reason="empty"', {FAILED, CORRUPT}),
        ('MetricName="Failed" AND (Reason="empty" OR Reason="none")', {EMPTY}),
        ("NOT Namespace=Thumbnail", {COUNT}),
        ("count", {COUNT}),
        ("CustomCount", {COUNT}),
        ("network/errors", {COUNT}),
        ('"Custom"', {COUNT}),
        ('"Count"', set()),
    ],
)
def test_queries(query: str, found: set[Metric]) -> None:
    assert set(find(query, ALL)) == found


@pytest.mark.parametrize("query", ['MetricName="Failed" OR', "(count", "= count", "count )"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(MetricMathError, match="SEARCH cannot read"):
        find(query, ALL)
