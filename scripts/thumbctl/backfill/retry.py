"""`thumbctl retry`: has images that failed for good tried again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thumbctl import stack as stacks
from thumbctl.backfill import enqueue
from thumbctl.backfill.enqueue import DryRunOption, Manner, bounded
from thumbctl.backfill.job import Checkpoints
from thumbctl.conventions import (
    JsonOption,
    KeysOption,
    ReasonsOption,
    SinceOption,
    StackOption,
    YesOption,
    ask,
    console,
    write_json,
)
from thumbctl.looking.failed import failures
from thumbctl.terminal import plain_table
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.jobs.wish import Wish
from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.messages import backfill_body
from thumbnail_pipeline.reconciliation.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from thumbctl.looking.failed import Failed
    from thumbctl.stack import Stack

__all__ = ["retry"]


@dataclass(frozen=True)
class _Failures:
    """What is failed, as one part and the newest first: what fails again meanwhile is behind whoever reads."""

    stack: Stack
    reasons: Sequence[str]
    since: datetime | None

    def parts(self) -> list[str]:
        return ["failures"]

    def objects(self, part: str, position: str) -> Iterator[tuple[str, Listed]]:  # noqa: ARG002 - there is one part
        for each in self:
            # The index does not tell how large an image is.
            yield each.key, Listed(each.key, 0, each.etag or "", None)

    def __iter__(self) -> Iterator[Failed]:
        dynamodb = enqueue.patient(self.stack, "dynamodb")
        outputs = self.stack.outputs
        found = failures(dynamodb, outputs["table_name"], outputs["failures_index_name"], since=self.since)
        return (each for each in found if not self.reasons or each.reason in self.reasons)


@bounded(max_failed=None)
def retry(
    reasons: ReasonsOption = None,
    keys: KeysOption = None,
    since: SinceOption = None,
    *,
    manner: Manner,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try images again that failed for good, the newest first: after a fix, or with other limits.

    It tries the images that `thumbctl failures` lists with the same options, each once. An image that fails again stays
    failed. An image that was uploaded again meanwhile is skipped: its own upload is processed anyway. Exit code 1: it
    stopped by itself, because messages became dead letters; 130: interrupted.

    Examples:

        # How many would be tried again, by reason
        thumbctl retry --stack photos --dry-run

        # What failed as corrupt in the last two hours
        thumbctl retry --stack photos --reason corrupt --since 2h

        # One folder, without being asked
        thumbctl retry --stack photos --key 'holiday/*' --yes
    """
    found = stacks.find(stack)
    settings = found.deployed().settings
    wish = Wish(include=tuple(keys or ()), sent=frozenset({Verdict.FAILED}), watches=settings.watches)
    source = _Failures(found, tuple(reasons or ()), since)
    is_named = wish.names()
    counts = dict(Counter(each.reason for each in source if is_named(each.key, 0)).most_common())
    if dry_run or not counts:
        _show(counts, as_json=as_json)
        return
    if not as_json:
        _show(counts, as_json=False)
    number = min(sum(counts.values()), manner.limit or sum(counts.values()))
    ask(f"Try {number:,} again?", yes=yes)
    checkpoints = Checkpoints.in_memory()
    checkpoints.begin(source.parts())

    def body(listed: Listed) -> str:
        return backfill_body(Image(found.outputs["source_bucket"], listed.key), etag=listed.etag or None)

    ending = enqueue.send(found, source, wish, settings.fingerprint, checkpoints, body, manner, number)
    go_on = "The same command tries again what is failed then."
    enqueue.tell(ending, {"failed": counts}, go_on=go_on, as_json=as_json)


def _show(counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        write_json([{"state": "looked", "would_send": sum(counts.values()), "failed": counts}])
        return
    if not counts:
        console().print("Nothing of that is failed.")
        return
    table = plain_table("Images", "Reason", right=("Images",))
    for reason, number in counts.items():
        table.add_row(f"{number:,}", reason)
    console().print(table)
