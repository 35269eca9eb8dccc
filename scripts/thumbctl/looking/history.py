"""What the function's log tells of one image: the saved query story-of-one-key, from a terminal."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_logs import CloudWatchLogsClient

    from thumbctl.stack import Stack

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_LONGEST_PATTERN: Final = 1024


def of(stack: Stack, key: str, since: datetime) -> list[dict[str, Any]]:
    """Return the lines about `key`, the newest last: what the function wrote, and `timestamp`."""
    logs: CloudWatchLogsClient = stack.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=stack.outputs["log_group_name"],
        filterPattern=pattern(key),
        startTime=int(since.timestamp() * 1000),
    )
    lines = (_parsed(event) for page in pages for event in page["events"])
    return sorted((line for line in lines if line.get("key") == key), key=lambda line: str(line["timestamp"]))


def pattern(key: str) -> str:
    """Return a filter pattern that matches every line about `key`, and where it must, some about others.

    `*` stands for what cannot be said between quotes, or is not said alike everywhere: quotes, backslashes, whatever is
    not ASCII, and what is too long.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
    """
    begin, end = '{ $.message = "image" && $.key = "', '" }'
    said = re.sub(r'[^ -~]+|["\\*]+', "*", key)
    room = _LONGEST_PATTERN - len(begin) - len(end)
    if len(said) > room:
        said = said[: room - 1] + "*"
    return f"{begin}{said}{end}"


def _parsed(event: Mapping[str, Any]) -> dict[str, Any]:
    """The line as an object; an empty one where it is none, such as Lambda's own lines."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        return {}
    if not isinstance(line, dict):
        return {}
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return {"timestamp": moment.isoformat(timespec="milliseconds"), **line}
