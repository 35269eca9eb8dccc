"""The catalog as the outbox that it is: every row says what was, or has to be, announced last of its image."""

from __future__ import annotations

import json
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbctl.backfill.job import Wish
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef

    from thumbctl.backfill.job import Checkpoints
    from thumbnail_pipeline.rows import Row

# Parts of the table that are read side by side: a call for ten events takes longer than reading their rows.
SEGMENTS: Final = 8
READ, SELECTED = "read", "selected"
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

    def pages(self, segment: int, position: str) -> Iterator[tuple[list[Row], str]]:
        """Yield the rows of a part of the table behind `position`, empty for all, with the position behind each page.

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
            rows = (decoded(each) for each in answer["Items"])
            yield [row for row in rows if row.image.bucket == self.bucket], position
            if not position:
                return

    def go_through(
        self,
        chosen: ChosenImages,
        checkpoints: Checkpoints,
        deal_with: Callable[[Sequence[Row]], None],
        watch: Callable[[], None],
    ) -> None:
        """Hand what is selected to `deal_with`, which may be called by several threads, and write down how far it is.

        `watch` is called every half second; whatever it raises ends the run, once what is in hand is dealt with.
        """
        stop = threading.Event()
        is_chosen = chosen.chooses()

        def work_off(number: int, segment: str, position: str) -> None:
            for rows, behind in self.pages(int(segment), position):
                wanted = [row for row in rows if is_chosen(row)]
                deal_with(wanted)
                checkpoints.record(number, behind, {READ: len(rows), SELECTED: len(wanted)}, done=not behind)
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
