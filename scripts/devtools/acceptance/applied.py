"""An applied instance as checks see it: from outside, by the names that it tells."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from devtools.acceptance.findings import CheckFailed
from devtools.acceptance.people import Door
from devtools.cameras import Camera
from devtools.demo.catalog import CatalogReader, DeadLetterReader
from devtools.demo.evidence import Alert, AlertQueue, EventQueue, Logs, ThumbnailBucket
from devtools.demo.run import RunningPipeline
from devtools.demo.upload import Uploader
from thumbctl import local
from thumbctl.looking import image, xray
from thumbctl.stack import PARAMETER, Outputs, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rich.console import Console

    from devtools.acceptance.places import Place
    from devtools.demo.evidence import Announcement
    from devtools.signing_in import Tokens
    from thumbctl.stack import ClientFactory
    from thumbnail_pipeline.outcomes import Status
    from thumbnail_pipeline.rows import Row

_T = TypeVar("_T")

_PATIENCE_SECONDS: Final = 60.0
"""For whatever takes moments; what AWS takes minutes for has its own."""
_PAUSE_SECONDS: Final = 0.5
# X-Ray has a trace half a minute after it was sent, and looks at it at most so often.
_QUIET_SECONDS, _STRAGGLER_SECONDS, _TRACES_SECONDS = 45.0, 180.0, 5.0


@dataclass(eq=False)
class Applied:
    """An instance, and handles on what is in it.

    `outputs` are those of the root module, of which `stack` has what tools are told.
    """

    name: str
    place: Place
    outputs: Mapping[str, Any]
    directory: Path
    out: Console
    drifted: Callable[[], list[str]]
    cdn: bool = False
    _heard: list[Alert] = field(default_factory=list)
    _announced: list[Announcement] = field(default_factory=list)

    @property
    def module(self) -> Mapping[str, Any]:
        """All that the module tells."""
        told: Mapping[str, Any] = self.outputs["pipeline"]
        return told

    @functools.cached_property
    def stack(self) -> Stack:
        """It as thumbctl finds it, by its parameter."""
        found = self.place.client("ssm").get_parameter(Name=PARAMETER.format(name=self.name))["Parameter"]["Value"]
        title, outputs = f"{self.name} in {self.place.title}", Outputs(json.loads(found))
        return Stack(title, outputs, self.place.client, mqtt_port=self.place.mqtt_port)

    @functools.cached_property
    def door(self) -> Door:
        """The API."""
        return Door(self.place, self.stack)

    @functools.cached_property
    def anna(self) -> Tokens:
        """A user who has signed in."""
        return self.door.sign_in("anna")

    @functools.cached_property
    def bert(self) -> Tokens:
        """Another."""
        return self.door.sign_in("bert")

    @functools.cached_property
    def cameras(self) -> tuple[Camera, Camera]:
        """Two devices."""
        camera, other = (Camera.added(self.stack, name, self.directory / name) for name in ("camera-1", "camera-2"))
        return camera, other

    @functools.cached_property
    def s3(self) -> Any:  # noqa: ANN401 - boto3's own
        """S3 as whoever applied it."""
        return self.place.client("s3")

    def as_role(self, name: str) -> ClientFactory:
        """Clients of somebody with one of the instance's roles, which may be a few seconds old."""
        return eventually(f"{name} can be assumed", lambda: _if_allowed(self.place, self.outputs["role_arns"][name]))

    def key(self, name: str) -> str:
        """A key below the watched prefix."""
        return f"{self.module['source_prefix']}{name}"

    def upload(self, key: str, body: bytes) -> None:
        """Put a source."""
        self.s3.put_object(Bucket=self.module["source_bucket"], Key=key, Body=body, ContentType="image/jpeg")

    def row(self, key: str) -> Row | None:
        """What the catalog has of a source."""
        return image.row(self.stack, key)

    def row_when(self, key: str, status: Status) -> Row:
        """The row, once it has a status."""

        def decided() -> Row | None:
            row = self.row(key)
            return row if row and row.status is status else None

        return eventually(f"{key} is {status}", decided)

    def alert(self, begins: str, *, within: float = _PATIENCE_SECONDS) -> Alert:
        """The alert whose line begins so, once the subscriber has it."""
        inbox = AlertQueue(self.place.client("sqs"), self.outputs["queue_urls"]["subscriber"])

        def heard() -> Alert | None:
            self._heard.extend(inbox.take())
            return next((each for each in self._heard if each.line.startswith(begins)), None)

        return eventually(f"the subscriber hears {begins!r}", heard, within=within)

    def event(self, key: str, what: str) -> Announcement:
        """The event of a kind about a source, once the consumer has it."""
        queue = EventQueue(self.place.client("sqs"), self.outputs["queue_urls"]["consumer"])

        def announced() -> Announcement | None:
            self._announced.extend(queue.take())
            return next((each for each in self._announced if (each.key, each.what) == (key, what)), None)

        return eventually(f"the consumer hears {what} of {key}", announced)

    def backlog(self, queue: str) -> int:
        """How many messages a queue holds, seen and unseen, by the output of its URL."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.place.client("sqs").get_queue_attributes(QueueUrl=self.module[queue], AttributeNames=names)
        return sum(int(told["Attributes"][name]) for name in names)

    def running_pipeline(self) -> RunningPipeline:
        """It as the demo sees one."""
        client, told = self.place.client, self.module
        sqs, bucket = client("sqs"), told["source_bucket"]
        patience = {} if self.place.emulated else {"quiet": _QUIET_SECONDS, "stragglers": _STRAGGLER_SECONDS}
        return RunningPipeline(
            uploader=Uploader(self.s3, bucket, told["source_prefix"]),
            catalog=CatalogReader(client("dynamodb"), told["table_name"], bucket),
            dead_letters=DeadLetterReader(sqs, told["dlq_url"]),
            thumbnails=ThumbnailBucket(self.s3, told["thumbnails_bucket"]),
            inbox=AlertQueue(sqs, self.outputs["queue_urls"]["subscriber"]),
            consumer=EventQueue(sqs, self.outputs["queue_urls"]["consumer"]),
            logs=Logs(client("logs"), told["log_group_name"]),
            read_traces=self._traces_of_the_collector if self.place.emulated else self._traces_of_xray,
            **patience,
        )

    def _traces_of_the_collector(self) -> tuple[xray.Trace, ...]:
        return xray.assemble(local.segments(self.directory))

    def _traces_of_xray(self) -> tuple[xray.Trace, ...]:
        return self._looked(int(time.monotonic() / _TRACES_SECONDS))

    @functools.lru_cache(maxsize=1)  # noqa: B019 - there is one instance, for as long as the process
    def _looked(self, _turn: int) -> tuple[xray.Trace, ...]:
        client, now = self.place.client("xray"), datetime.now(UTC)
        summaries = client.get_trace_summaries(
            StartTime=now - timedelta(hours=1),
            EndTime=now,
            FilterExpression=f'service("{self.module["function_name"]}")',
        )["TraceSummaries"]
        # As many as a call takes: https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
        ids = [each["Id"] for each in summaries[:5]]
        traces = client.batch_get_traces(TraceIds=ids)["Traces"] if ids else []
        return xray.assemble(json.loads(each["Document"]) for trace in traces for each in trace["Segments"])


def eventually(what: str, probe: Callable[[], _T | None], *, within: float = _PATIENCE_SECONDS) -> _T:
    """Return the first result of `probe` that is something; raise CheckFailed, saying `what`, where none comes."""
    deadline = time.monotonic() + within
    while not (result := probe()):
        if time.monotonic() > deadline:
            raise CheckFailed(f"not within {within:g} seconds: {what}")
        time.sleep(_PAUSE_SECONDS)
    return result


def _if_allowed(place: Place, arn: str) -> ClientFactory | None:
    try:
        return place.as_role(arn)
    except place.client("sts").exceptions.ClientError:
        return None
