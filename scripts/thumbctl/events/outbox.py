"""The catalog as the outbox that it is: every row says what was, or has to be, announced last of its image."""

from __future__ import annotations

import json
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.images import Image
from thumbnail_pipeline.jobs.wish import Wish
from thumbnail_pipeline.rows import decoded, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, ScanInputTypeDef

    from thumbctl.backfill.job import Checkpoints
    from thumbnail_pipeline.rows import Row

# Parts of the table that are read side by side: a call for ten events takes longer than reading their rows.
SEGMENTS: Final = 8
READ, SELECTED = "read", "selected"
_Item = dict[str, "AttributeValueTypeDef"]
_TICK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class ChosenImages:
    """Which images are meant. With nothing said, all whose state is committed; deleted ones, as long as it is known."""

    prefix: str = ""
    keys: tuple[str, ...] = ()
    """Globs, of which a key must match one; `*` matches slashes too."""
    since: datetime | None = None
    """Only what has changed since."""

    @property
    def exact(self) -> bool:
        """Whether it names the keys, so that nothing has to be searched for."""
        return bool(self.keys) and not any(set("*?[") & set(each) for each in self.keys)

    def chooses(self) -> Callable[[Row], bool]:
        """Return what tells whether a row is among them."""
        named = Wish(include=self.keys).names()
        since = 0 if self.since is None else int(self.since.timestamp() * 1000)

        def chosen(row: Row) -> bool:
            key = row.image.key
            return row.status is not None and row.revision >= since and key.startswith(self.prefix) and named(key, 0)

        return chosen


@dataclass(frozen=True)
class Outbox:
    """The rows of the images of one bucket."""

    dynamodb: DynamoDBClient
    table: str
    bucket: str

    def named(self, keys: Sequence[str]) -> list[Row]:
        """The rows that there are of these very keys, as they are at this moment."""
        found = [
            self.dynamodb.get_item(TableName=self.table, Key=key_of(Image(self.bucket, key)), ConsistentRead=True)
            for key in dict.fromkeys(keys)
        ]
        return [decoded(each["Item"]) for each in found if "Item" in each]

    def pages(self, segment: int, position: str) -> Iterator[tuple[list[_Item], str]]:
        """Yield the items of a part of the table behind `position`, empty for all, with the position behind each page.

        The position behind the last page is empty. What changes in the last second may not be in it, and is announced
        by its own event.
        """
        request: ScanInputTypeDef = {"TableName": self.table, "TotalSegments": SEGMENTS, "Segment": segment}
        while True:
            if position:
                request["ExclusiveStartKey"] = json.loads(position)
            answer = self.dynamodb.scan(**request)
            last = answer.get("LastEvaluatedKey")
            position = json.dumps(last) if last else ""
            yield [item for item in answer["Items"] if item["source_bucket"]["S"] == self.bucket], position
            if not position:
                return

    def go_through(
        self,
        chosen: ChosenImages,
        checkpoints: Checkpoints,
        deal_with: Callable[[Sequence[Row]], None],
        refuse: Callable[[Mapping[str, str]], None],
        watch: Callable[[], None],
    ) -> None:
        """Hand what is selected to `deal_with`, which may be called by several threads, and write down how far it is.

        `refuse`, which may be too, is told the keys of items that are no rows, and why. `watch` is called every half
        second; whatever it raises ends the run, once what is in hand is dealt with.
        """
        stop = threading.Event()
        is_chosen = chosen.chooses()

        def work_off(number: int, segment: str, position: str) -> None:
            for items, behind in self.pages(int(segment), position):
                rows, unreadable = _decoded(items)
                wanted = [row for row in rows if is_chosen(row)]
                refuse(unreadable)
                deal_with(wanted)
                checkpoints.record(number, behind, {READ: len(items), SELECTED: len(wanted)}, done=not behind)
                if stop.is_set():
                    return

        with ThreadPoolExecutor(SEGMENTS) as threads:
            try:
                working = {threads.submit(work_off, *each) for each in checkpoints.remaining()}
                while working:
                    watch()
                    done, working = wait(working, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()
            finally:
                stop.set()


def _decoded(items: Sequence[_Item]) -> tuple[list[Row], dict[str, str]]:
    """The rows that items are, and why others are none, by key: somebody may have written to the table by hand."""
    rows: list[Row] = []
    unreadable: dict[str, str] = {}
    for item in items:
        try:
            rows.append(decoded(item))
        except (LookupError, ValueError) as error:
            unreadable[item["source_key"]["S"]] = f"what the catalog has of it is no row ({error!r})"
    return rows, unreadable
