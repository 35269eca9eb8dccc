"""The demo from beginning to end: upload, wait for every answer, check, and tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from devtools.demo import camera, console, report
from devtools.demo.catalog import Answer, CatalogReader, DeadLetterReader, is_among
from devtools.demo.evidence import Alert, AlertQueue, Announcement, EventQueue, Logs, ThumbnailBucket
from devtools.demo.outcome import UNACCOUNTED, Result, UploadResult
from devtools.demo.upload import Uploaded, Uploader
from devtools.localaws import stack
from thumbctl.looking import xray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from devtools.demo.camera import Filming
    from devtools.demo.samples import Sample
    from devtools.localaws.stack import LocalStack
    from thumbnail_pipeline.messages import ObjectEvent

_SECONDS_WITHOUT_PROGRESS = 120.0
_SECONDS_FOR_STRAGGLERS = 15.0
_SECONDS_BETWEEN_LOOKS = 0.25
# Alerts and traces leave the function after the rows: so long without a new one means that it is done.
_QUIET_SECONDS = 2.0


def run(samples: Sequence[Sample], page: Path, out: Console) -> Result:
    """Run `samples` through a local stack of their own; write `page`, print the result and return it."""
    out.print(f"{len(samples)} images through the module of production, in a local AWS: one or two minutes")
    with (
        stack.temporary(inputs={"events": {}, "devices": {}}) as running,
        camera.filming(running, samples) as filming,
    ):
        result = RunningPipeline.of(running).process(samples, out, filming)
    report.write(page, result)
    console.tell(out, result)
    return result


@dataclass(frozen=True)
class RunningPipeline:
    """The places where an applied stack takes images and gives answers."""

    uploader: Uploader
    catalog: CatalogReader
    dead_letters: DeadLetterReader
    thumbnails: ThumbnailBucket
    inbox: AlertQueue
    consumer: EventQueue
    logs: Logs
    read_traces: Callable[[], tuple[xray.Trace, ...]]
    quiet: float = _QUIET_SECONDS
    """Seconds without another alert, event or trace after which no more are expected."""
    stragglers: float = _SECONDS_FOR_STRAGGLERS
    """Seconds after which nobody waits for them any more."""

    @classmethod
    def of(cls, running: LocalStack) -> RunningPipeline:
        """Find them by the names of the Terraform outputs."""
        outputs, s3, sqs = running.outputs, running.client("s3"), running.client("sqs")
        bucket = outputs["source_bucket"]
        return cls(
            uploader=Uploader(s3, bucket, outputs["source_prefix"]),
            catalog=CatalogReader(running.client("dynamodb"), outputs["table_name"], bucket),
            dead_letters=DeadLetterReader(sqs, outputs["dlq_url"]),
            thumbnails=ThumbnailBucket(s3, outputs["thumbnails_bucket"]),
            inbox=AlertQueue(sqs, running.alerts_queue_url),
            consumer=EventQueue(sqs, running.events_queue_url or ""),
            logs=Logs(
                running.client("logs"),
                f"/aws/lambda/{outputs['function_name']}",
                running.directory / "emulator.log",
            ),
            read_traces=lambda: xray.assemble(running.segments()),
        )

    def process(self, samples: Sequence[Sample], out: Console, filming: Filming | None = None) -> Result:
        """Upload, as a camera may do beside, wait until each upload is accounted for, and collect the evidence."""
        started = time.monotonic()
        with console.progress(out, "uploading", len(samples)) as show:
            uploaded = self.uploader.upload(samples, show)
        if filming and filming.pictures:
            uploaded += filming.uploaded()
            out.print(f"  {filming.words}", highlight=False)
        with console.progress(out, "accounted for", len(uploaded)) as show:
            outcomes = self.account_for(uploaded, show)
        seconds = time.monotonic() - started
        alerts, events, assembled = self._settled()
        missing, strays = self._compare(outcomes)
        return Result(
            outcomes=self._with_thumbnails(outcomes),
            alerts=alerts,
            traces=assembled,
            missing=missing,
            strays=strays,
            seconds=seconds,
            events=events,
            last_words=self.logs.last_words() if any(o.status == UNACCOUNTED for o in outcomes) else (),
        )

    def account_for(self, uploaded: Sequence[Uploaded], show: Callable[[int], None]) -> list[UploadResult]:
        """Wait until each has its final answer, or until there has been no new one for long."""
        rows: dict[str, Answer] = {}
        dead: list[ObjectEvent] = []
        pending = list(uploaded)
        progress_at = time.monotonic()
        while pending and time.monotonic() - progress_at < _SECONDS_WITHOUT_PROGRESS:
            dead.extend(self.dead_letters.arrived())
            found = self.catalog.rows([each.key for each in pending])
            rows |= {
                each.key: found[each.key] for each in pending if each.key in found and found[each.key].answers(each)
            }
            still = [each for each in pending if each.key not in rows and not is_among(dead, each)]
            if len(still) < len(pending):
                progress_at = time.monotonic()
            pending = still
            show(len(uploaded) - len(pending))
            if pending:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        return [
            UploadResult(each, rows.get(each.key), dead=each.key not in rows and is_among(dead, each))
            for each in uploaded
        ]

    def _settled(self) -> tuple[tuple[Alert, ...], tuple[Announcement, ...], tuple[xray.Trace, ...]]:
        """The alerts, events and traces, once no more of them come."""
        alerts: list[Alert] = []
        events: list[Announcement] = []
        assembled: tuple[xray.Trace, ...] = ()
        deadline = time.monotonic() + self.stragglers
        quiet_since = time.monotonic()
        while (now := time.monotonic()) < deadline and now - quiet_since < self.quiet:
            news = list(self.inbox.take())
            announced = list(self.consumer.take())
            newest = self.read_traces()
            if news or announced or newest != assembled:
                quiet_since = now
            alerts.extend(news)
            events.extend(announced)
            assembled = newest
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return tuple(alerts), tuple(events), assembled

    def _compare(self, outcomes: Sequence[UploadResult]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The thumbnails that are missing and those that belong to nothing, after the last are cleared away."""
        listed = {each.key for outcome in outcomes if outcome.row for each in outcome.row.renditions}
        deadline = time.monotonic() + self.stragglers
        while True:
            existing = self.thumbnails.keys()
            # A worker commits the row first and deletes what the row no longer has a moment later.
            if existing == listed or time.monotonic() > deadline:
                return tuple(sorted(listed - existing)), tuple(sorted(existing - listed))
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _with_thumbnails(self, outcomes: Sequence[UploadResult]) -> tuple[UploadResult, ...]:
        """The outcomes with their thumbnails read back, as many as a page shows."""
        shown = [
            replace(outcome, thumbnails=tuple(self.thumbnails.read(outcome.row.renditions))) if outcome.row else outcome
            for outcome in outcomes[: report.MOST_CARDS]
        ]
        return (*shown, *outcomes[report.MOST_CARDS :])
