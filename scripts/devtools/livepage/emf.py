"""The embedded metric format: metrics that a function writes into its log.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef


def document(line: str) -> Mapping[str, Any] | None:
    """Return the document that a line of a log holds, or None where it holds none."""
    # Most lines hold none, and this is quicker than to parse them.
    if '"_aws"' not in line:
        return None
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    metadata = parsed.get("_aws") if isinstance(parsed, dict) else None
    return parsed if isinstance(metadata, dict) and "CloudWatchMetrics" in metadata else None


def metrics(document: Mapping[str, Any]) -> dict[str, list[MetricDatumTypeDef]]:
    """Return what a document says for PutMetricData, by namespace: every metric once for each set of dimensions."""
    found: defaultdict[str, list[MetricDatumTypeDef]] = defaultdict(list)
    moment = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                found[directive["Namespace"]] += _datum(document, metric, names, moment)
    return dict(found)


def _datum(
    document: Mapping[str, Any], metric: Mapping[str, Any], dimensions: list[str], moment: datetime
) -> Iterator[MetricDatumTypeDef]:
    values = document.get(metric["Name"])
    # CloudWatch ignores a metric without a value, and a dimension without one makes a set of dimensions void.
    if values is None or any(name not in document for name in dimensions):
        return
    yield {
        "MetricName": metric["Name"],
        "Dimensions": [{"Name": name, "Value": str(document[name])} for name in dimensions],
        "Timestamp": moment,
        "Values": values if isinstance(values, list) else [values],
        "Unit": metric.get("Unit", "None"),
    }
