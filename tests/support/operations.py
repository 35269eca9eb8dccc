"""A stack as thumbctl finds it, over moto: a bench that renders, its log, its traces, and a Lambda that tells of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from support.pipeline import RENDITIONS, TABLE, THUMBNAILS, UPLOADS, Bench, client, environment
from thumbctl import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pytest

LOG_GROUP = "/aws/lambda/photos-thumbnailer"


class Operations:
    """What somebody at a terminal looks at; `find` returns it, whatever its name. Needs `mock_aws` around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stacks, "find", lambda _: self.stack)
        self.bench = Bench(versioned=True)
        self.renditions: Sequence[Any] = RENDITIONS
        self.prefix = ""
        self.segments: list[dict[str, Any]] | None = None
        self.fakes: dict[str, Any] = {
            "lambda": SimpleNamespace(get_function_configuration=self._function),
            "xray": SimpleNamespace(
                get_paginator=self._traces, meta=SimpleNamespace(region_name="us-east-1"), documents=[]
            ),
        }
        client("logs").create_log_group(logGroupName=LOG_GROUP)
        client("logs").create_log_stream(logGroupName=LOG_GROUP, logStreamName="one")

    @property
    def stack(self) -> stacks.Stack:
        """The stack as it is found at this moment."""
        outputs = {
            "source_bucket": UPLOADS,
            "source_prefix": self.prefix,
            "thumbnails_bucket": THUMBNAILS,
            "table_name": TABLE,
            "function_name": "photos-thumbnailer",
            "log_group_name": LOG_GROUP,
        }
        segments = self.segments
        return stacks.Stack("photos", outputs, self._client, (lambda: segments) if segments is not None else None)

    def write_log(self, moment: datetime, line: object) -> None:
        """Let the function have written a line."""
        event = {"timestamp": int(moment.timestamp() * 1000), "message": json.dumps(line)}
        client("logs").put_log_events(logGroupName=LOG_GROUP, logStreamName="one", logEvents=[event])

    def _client(self, service: str, config: object = None) -> Any:  # noqa: ARG002
        return self.fakes.get(service) or client(service)

    def _function(self, **_: str) -> dict[str, Any]:
        return {
            "Environment": {"Variables": environment("", list(self.renditions))},
            "MemorySize": 1769,
            "Architectures": ["arm64"],
            "Timeout": 60,
            "Runtime": "python3.13",
            "CodeSha256": "",
        }

    def _traces(self, _: str) -> Any:
        """X-Ray's pages: of what it has, the traces that are asked for."""

        def paginate(*, TraceIds: list[str]) -> list[dict[str, Any]]:  # noqa: N803 - AWS's name
            documents = [each for each in self.fakes["xray"].documents if each["trace_id"] in TraceIds]
            segments = [{"Id": each["id"], "Document": json.dumps(each)} for each in documents]
            return [{"Traces": [{"Id": TraceIds[0], "Segments": segments}] if segments else []}]

        return SimpleNamespace(paginate=paginate)
