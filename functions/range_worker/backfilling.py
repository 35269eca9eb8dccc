"""A turn of a backfill: compares a range's objects with their rows, and sends messages for what is out of date."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from range_worker.guarded import CALLS_AT_A_TIME, TurnGuard
from thumbnail_pipeline.jobs.records import EXAMINED, SENT
from thumbnail_pipeline.jobs.wish import EXCLUDED, Wish
from thumbnail_pipeline.messages import listed_body
from thumbnail_pipeline.reconciliation.judgement import judge
from thumbnail_pipeline.rows import KEYS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from range_worker.guarded import TurnOver, TurnShop
    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange
    from thumbnail_pipeline.jobs.sources import SourcePage
    from thumbnail_pipeline.listing import Listed
    from thumbnail_pipeline.reconciliation.judgement import Verdict
    from thumbnail_pipeline.rows import Row

_Judged: TypeAlias = "tuple[Row | None, Verdict | None]"
"""An object's row, and what that says of it; None for both where it was not asked for."""


class BackfillTurn:
    """What one turn needs; `run` has it."""

    def __init__(self, shop: TurnShop, job: BulkJob) -> None:
        self._shop = shop
        self._asked = job.asked
        self._guard = TurnGuard(shop, job)
        self._rows = shop.rows(job.asked.bucket)
        self.source = shop.source(job.asked)

    def run(self, found: KeyRange, until: float) -> TurnOver:
        """Go through what is left of a range until it is done, has to wait, or it is `until`.

        Raises NotRunning, and TurnLost.
        """
        asked, guard = self._asked, self._guard
        guard.require_settings()
        named = Wish(asked.include, asked.exclude, asked.sent, self._shop.config.settings.watches).names()
        found = guard.look_after(found)
        if not guard.finds_room():
            return guard.without_room(found)
        with (
            closing(self.source.pages(found.rest, self._shop.keys_a_page)) as pages,
            self._shop.executor(CALLS_AT_A_TIME) as threads,
        ):
            for page in _ahead(threads, pages):
                judged = self._judged(threads, [each for _, each in page.placed], named)
                found, room = self._deal_with(threads, found, page, judged)
                if not room:
                    return guard.without_room(found)
                if self._shop.clock() >= until:
                    return guard.over(found)
                guard.require_running()
        return guard.at_the_end(found)

    def can_end_at(self, found: KeyRange, border: str) -> bool:  # noqa: ARG002 - as turns of the other kind have it
        """Whether the range can be divided there: anywhere, for objects alone are looked at."""
        return True

    def _judged(self, threads: Executor, page: Sequence[Listed], named: Callable[[str, int], bool]) -> list[_Judged]:
        keys = [each.key for each in page if named(each.key, each.size)]
        calls = [keys[first : first + KEYS_A_CALL] for first in range(0, len(keys), KEYS_A_CALL)]
        rows: dict[str, Row] = {}
        for answer in threads.map(self._rows.of, calls):
            rows |= answer
        asked_for, fingerprint = set(keys), self._asked.settings_fingerprint
        return [
            (row := rows.get(each.key), judge(each, row, fingerprint)) if each.key in asked_for else (None, None)
            for each in page
        ]

    def _deal_with(
        self, threads: Executor, found: KeyRange, page: SourcePage, judged: Sequence[_Judged]
    ) -> tuple[KeyRange, bool]:
        """Send what is out of date as far as the guard lets it through, write that down, and say whether it was all."""
        outdated = [number for number, (_, verdict) in enumerate(judged) if verdict in self._asked.sent]
        granted = self._guard.grant(len(outdated))
        is_all = granted == len(outdated)
        end = len(judged) if is_all else outdated[granted]
        sent = [(page.placed[number][1], judged[number][0]) for number in outdated[:granted]]
        in_inventory, forced = self._asked.inventory is not None, self._asked.forced
        bodies = [listed_body(self._asked.bucket, each, in_inventory=in_inventory, forced=forced) for each, _ in sent]
        self._guard.send(threads, bodies)
        if not end and not is_all:
            return found, False
        counts = Counter(str(verdict or EXCLUDED) for _, verdict in judged[:end])
        counts[EXAMINED] += end
        counts[SENT] += granted
        found = self._guard.follow(found, [(each.key, row.processed_at if row else None) for each, row in sent])
        reached = page.reached if is_all else page.placed[end - 1][0]
        found = replace(found, reached=reached, counts=found.counts + counts)
        self._shop.table.record(found)
        return found, is_all


def _ahead(threads: Executor, pages: Iterator[SourcePage]) -> Iterator[SourcePage]:
    """Yield the same pages, and fetch the next one meanwhile."""

    def fetch() -> SourcePage | None:
        return next(pages, None)

    following = threads.submit(fetch)
    while page := following.result():
        following = threads.submit(fetch)
        yield page
