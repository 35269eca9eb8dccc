"""`thumbctl show`: everything that is known of one image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.table import Table

from thumbctl import stack as stacks
from thumbctl.aws_errors import sentence
from thumbctl.conventions import ExitCode, JsonOption, SinceOption, StackOption, complain, console, write_json
from thumbctl.looking import history, image, publishers, traces
from thumbctl.terminal import plain_table
from thumbctl.words import bytes_in_words
from thumbnail_pipeline.completion import completion_event
from thumbnail_pipeline.outcomes import Status, Undecided
from thumbnail_pipeline.reconciliation.findings import Kind
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thumbctl.looking.image import SourceObject, ThumbnailObject
    from thumbctl.looking.xray import Trace
    from thumbctl.stack import Stack
    from thumbnail_pipeline.rows import Row

__all__ = ["show"]

_SINCE: Final = timedelta(days=1)

# What there is to say beyond the reconciler's verdicts and findings, which are about what is watched.
_DELETED, _UNWATCHED = "deleted", "unwatched"

_SAYINGS: Final[Mapping[str, str]] = {
    Verdict.CURRENT: "Its thumbnails are those of these bytes and of the settings that are deployed.",
    Verdict.FAILED: "These bytes cannot be rendered: replace the image, or lift what refuses it and 'thumbctl retry'.",
    Verdict.MISSING: "The pipeline has not heard of it: wait for its event, or send one with 'thumbctl backfill'.",
    Verdict.CHANGED: "Its row was made from other bytes: wait for the newer event, or send one: 'thumbctl backfill'.",
    Verdict.RESTYLED: "It was made with other settings, or by an older renderer: 'thumbctl backfill' renders it anew.",
    Verdict.CLAIMED: "It is being worked on; if that worker died, its message comes back by itself.",
    _DELETED: "It was deleted, and so were its thumbnails.",
    Kind.VANISHED: "The source is gone, and its row does not know: 'thumbctl reconcile' puts that right.",
    _UNWATCHED: "It is not under the prefix that is watched, so nobody makes thumbnails of it: upload it below that.",
}
_FINE: Final = frozenset({Verdict.CURRENT, Verdict.CLAIMED, _DELETED})

# What people want of a line of the log, as the saved query story-of-one-key has it; --json has all of it.
_FURTHER: Final = ("reason", "detail", "error", "age_ms", "version_id", "trace_id")


@dataclass(frozen=True)
class _Story:
    """What is known of one image."""

    key: str
    bucket: str
    row: Row | None
    source: SourceObject | None
    thumbnails: Sequence[ThumbnailObject]
    verdict: str
    trace: Trace | None
    no_trace: str | None
    """Why there is no trace."""
    console_url: str | None
    history: Sequence[Mapping[str, Any]]
    event: Mapping[str, Any] | None
    """Of its completion event: id, sequence, time and type, and by destination what is known of its way; None where
    nothing is announced."""

    @property
    def wrong(self) -> bool:
        lost = any(each.found != "there" for each in self.thumbnails)
        return self.verdict not in _FINE or (self.verdict == Verdict.CURRENT and lost)


def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of a source object, as it is in the bucket.")],
    stack: StackOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything that is known of one image: row, source, thumbnails, trace, and what the log tells of it.

    The log is read of the last day, or `--since`. Nothing is changed, and no image is read.

    Exit code 1: nobody knows the key, or it has no thumbnails that are current and all there.

    Examples:

        # One image
        thumbctl show holiday/beach.jpg --stack photos

        # With what the log has of the last week
        thumbctl show holiday/beach.jpg --stack photos --since 7d
    """
    found = stacks.find(stack)
    story = _story(found, key, since or datetime.now(UTC) - _SINCE)
    if story.row is None and story.source is None and not story.history:
        complain(_unknown(found, key))
        raise typer.Exit(ExitCode.WRONG)
    if as_json:
        write_json([_document(story)])
    else:
        _print(found, story)
    if story.wrong:
        raise typer.Exit(ExitCode.WRONG)


def _story(stack: Stack, key: str, since: datetime) -> _Story:
    row, source = image.row(stack, key), image.source(stack, key)
    trace, no_trace = _trace(stack, key, row)
    trace_id = row.attributes.get("trace_id") if row else None
    return _Story(
        key=key,
        bucket=stack.outputs["source_bucket"],
        row=row,
        source=source,
        thumbnails=image.thumbnails(stack, row.attributes.get("renditions", ())) if row else (),
        verdict=_verdict(stack, key, row, source),
        trace=trace,
        no_trace=no_trace,
        console_url=traces.console_url(stack, trace_id) if trace_id else None,
        history=history.of(stack, key, since),
        event=_event(stack, row) if row else None,
    )


def _event(stack: Stack, row: Row) -> Mapping[str, Any] | None:
    """The event that the row calls for, whose id a consumer may have, and whether publishers are past it."""
    event = completion_event(row, "")
    if event is None or not stack.outputs.get("publishers"):
        return None
    try:
        announced = publishers.passed(stack, event, row)
    except ClientError as error:
        announced = {"unknown": sentence(error)}
    return {**{name: event.detail[name] for name in ("id", "sequence", "time", "type")}, "announced": announced}


def _verdict(stack: Stack, key: str, row: Row | None, source: SourceObject | None) -> str:
    if source and source.current:
        if row is None and not key.startswith(stack.outputs["source_prefix"]):
            return _UNWATCHED
        return judge(source.current, row, stack.deployed().settings.fingerprint)
    if row is None or row.status is Status.DELETED:
        return _DELETED
    return Verdict.CLAIMED if row.claimed else Kind.VANISHED


def _trace(stack: Stack, key: str, row: Row | None) -> tuple[Trace | None, str | None]:
    if row is None or "trace_id" not in row.attributes:
        return None, None
    try:
        return traces.look_up(stack, row.attributes["trace_id"], key), None
    except traces.NoTrace as error:
        return None, str(error)
    except ClientError as error:
        # The rest of the story is worth telling without it.
        return None, sentence(error)


def _unknown(stack: Stack, key: str) -> str:
    bucket, prefix = stack.outputs["source_bucket"], stack.outputs["source_prefix"]
    what = f"Nobody knows '{key}'"
    if not key.startswith(prefix):
        return f"{what}, and only keys that begin with {prefix!r} are watched: give the whole key, or upload it there."
    return (
        f"{what}: it is neither in s3://{bucket} nor in the catalog nor in the log. Compare it with 'aws s3 ls"
        f" s3://{bucket}/{prefix}' (case matters), or upload it; for what was uploaded before the pipeline was there,"
        " there is 'thumbctl backfill'."
    )


# ── for scripts ──────────────────────────────────────────────────────────────────────────────────────


def _document(story: _Story) -> dict[str, Any]:
    source = story.source
    return {
        "key": story.key,
        "bucket": story.bucket,
        "verdict": story.verdict,
        "says": _SAYINGS[story.verdict],
        "row": story.row and dict(sorted(story.row.attributes.items())),
        "source": source and {
            "current": source.current and {"size": source.current.size, "etag": source.current.etag},
            "same_as_row": _same_bytes(story),
            "version_id": source.version_id,
            "versions": source.versions,
            "changed": source.changed.isoformat(),
        },
        "thumbnails": [{**each.listed, "found": each.found} for each in story.thumbnails],
        "trace": {
            "spans": traces.as_json(story.trace) if story.trace else [],
            "missing": story.no_trace,
            "console_url": story.console_url,
        },
        "event": story.event,
        "history": list(story.history),
    }  # fmt: skip


def _same_bytes(story: _Story) -> bool | None:
    """Whether the row was made of the bytes that are there, where both can be told."""
    if story.source is None or story.source.current is None or story.row is None or story.row.etag is None:
        return None
    return story.source.current.etag == story.row.etag


# ── for people ───────────────────────────────────────────────────────────────────────────────────────


def _print(stack: Stack, story: _Story) -> None:
    out = console()
    out.print(story.key, style="bold", soft_wrap=True)
    out.print(f"{story.verdict}: {_SAYINGS[story.verdict]}", style="red" if story.wrong else "green")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(stack, story):
        facts.add_row(name, value)
    out.print(facts)
    if story.thumbnails:
        out.print()
        out.print(_thumbnails(story.thumbnails))
    if story.trace:
        out.print()
        out.print(traces.table(story.trace))
    out.print()
    if story.history:
        out.print(_history(story.history))
    else:
        out.print("The log of that time has nothing of it: look further back with --since.")


def _facts(stack: Stack, story: _Story) -> Iterator[tuple[str, str]]:
    if story.row is None:
        yield "row", f"none in {stack.outputs['table_name']}"
    else:
        yield from _row_facts(story.row.attributes)
    yield "source", _source_in_words(story)
    if story.event:
        yield "event", f"{story.event['type'].rpartition('.')[2]}, id {story.event['id']}, of {story.event['time']}"
        for destination, passed in story.event["announced"].items():
            yield "", f"{destination}: {passed}"
    if story.row and "trace_id" in story.row.attributes:
        yield "trace", story.row.attributes["trace_id"]
    if story.console_url:
        yield "", story.console_url
    if story.no_trace:
        yield "", story.no_trace


def _row_facts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    status = row.get("status", "claimed for the first time")
    times = {1: "1st", 2: "2nd", 3: "3rd"}
    attempt = row.get("attempts", 1)
    processed = (
        f" on {row['processed_at']}, at the {times.get(attempt, f'{attempt}th')} attempt"
        if "processed_at" in row
        else ""
    )
    took = f", in {row['milliseconds']:,} ms" if "milliseconds" in row else ""
    yield "row", f"{status}{processed}{took}"
    if "reason" in row:
        yield "reason", f"{row['reason']}: {row.get('detail', '')}"
    if "format" in row:
        frames = f", {row['frames']} frames" if row.get("frames", 1) > 1 else ""
        alpha = ", transparent" if row.get("has_alpha") else ""
        captured = f", taken {row['captured_at']}" if "captured_at" in row else ""
        yield "image", f"{row['format']} {row['width']} x {row['height']}, {row['mode']}{frames}{alpha}{captured}"
    for warning in row.get("warnings", ()):
        yield "warning", warning


def _source_in_words(story: _Story) -> str:
    source = story.source
    if source is None:
        return f"gone from s3://{story.bucket}, with every version"
    versions = f"{source.versions} version{'' if source.versions == 1 else 's'}"
    if source.current is None:
        return f"deleted {_moment(source.changed)}; {versions} kept"
    same = {True: "the row's bytes", False: "other bytes than the row's", None: ""}[_same_bytes(story)]
    told = (bytes_in_words(source.current.size), f"of {_moment(source.changed)}", versions, same)
    return ", ".join(each for each in told if each)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _thumbnails(thumbnails: Sequence[ThumbnailObject]) -> Table:
    table = plain_table("Rendition", "Pixels", "Size", "In the bucket", "Key", right=("Size",))
    for each in thumbnails:
        listed = each.listed
        cells = (
            listed["name"],
            f"{listed['width']} x {listed['height']}",
            bytes_in_words(listed["bytes"]),
            each.found,
            listed["key"],
        )
        table.add_row(*cells, style="" if each.found == "there" else "red")
    return table


def _history(lines: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table("When", "Outcome", "Try", "ms", "And", right=("Try", "ms"))
    for line in lines:
        cells = (
            f"{line['timestamp'][:19]}Z",
            *(str(line.get(name, "")) for name in ("outcome", "attempt", "milliseconds")),
            ", ".join(f"{name} {str(line[name]).rstrip('.')}" for name in _FURTHER if name in line),
        )
        bad = line.get("outcome") in {Status.FAILED, Undecided.RETURNED, Undecided.SYSTEMIC}
        table.add_row(*cells, style="red" if bad else "")
    return table
