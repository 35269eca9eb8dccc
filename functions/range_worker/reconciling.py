"""A turn of a reconciliation: compares a range of both buckets with the catalog, and mends what is wrong if asked."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from range_worker.guarded import CALLS_AT_A_TIME, TurnGuard
from thumbnail_pipeline.errors import Transient
from thumbnail_pipeline.jobs.records import DELETED, EXAMINED, SENT
from thumbnail_pipeline.reconciliation.alignment import can_go_on_at
from thumbnail_pipeline.reconciliation.comparison import can_end, reconcile
from thumbnail_pipeline.reconciliation.findings import Standing
from thumbnail_pipeline.reconciliation.mending import delete, message_about, orphans

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from range_worker.guarded import TurnOver, TurnShop
    from thumbnail_pipeline.jobs.records import BulkJob, KeyRange
    from thumbnail_pipeline.reconciliation.findings import Examined

_EXAMPLES: Final = 3
"""Of each kind, a range."""

_MOST_AHEAD: Final = 100
"""Images behind the last place where a turn can go on that it may mend, a range: their keys are in its row."""

_OVERTIME_SECONDS: Final = 10.0
"""So much longer a turn may look for a place where the next one can go on."""


class ReconcileTurn:
    """What one turn needs; `run` has it."""

    def __init__(self, shop: TurnShop, job: BulkJob) -> None:
        self._shop = shop
        self._asked = job.asked
        self._guard = TurnGuard(shop, job)
        self._estate = shop.estate(job.asked.prefix)
        self.source = shop.source(job.asked)

    def run(self, found: KeyRange, until: float) -> TurnOver:
        """Go through what is left of a range until it is done, has to wait, or it is `until`.

        Raises NotRunning, TurnLost, and Transient where there is no place at which it can be interrupted.
        """
        guard = self._guard
        guard.require_settings()
        found = guard.look_after(found)
        if found.walked:
            return guard.at_the_end(found)
        begun = found
        page: list[Examined] = []
        with closing(self._examined(found)) as everything:
            for examined in everything:
                page.append(_without(examined, found.ahead) if found.ahead else examined)
                is_late = self._shop.clock() >= until
                if not is_late and len(page) < self._shop.keys_a_page:
                    continue
                if _can_be_interrupted(examined):
                    found, room = self._deal_with(found, page, walked=False)
                    if not room:
                        return guard.without_room(found)
                    if is_late:
                        return guard.over(found)
                    guard.require_running()
                    page = []
                elif is_late and found is not begun:
                    return guard.over(found)
                elif self._shop.clock() >= until + _OVERTIME_SECONDS:
                    return guard.over(found, border=self._middle(found, page))
        found, room = self._deal_with(found, page, walked=True)
        return guard.at_the_end(found) if room else guard.without_room(found)

    def can_end_at(self, found: KeyRange, border: str) -> bool:
        """Whether the range can be divided there, after what is dealt with."""
        return can_end(self._estate, border, begin=found.keys.after, place=found.reached, until=found.keys.until)

    def _examined(self, found: KeyRange) -> Generator[Examined]:
        return reconcile(
            self._estate,
            after=found.reached,
            begin=found.keys.after,
            until=found.keys.until,
            grace=timedelta(seconds=self._asked.grace),
            clock=lambda: datetime.fromtimestamp(self._shop.clock(), UTC),
        )

    def _middle(self, found: KeyRange, page: Sequence[Examined]) -> str:
        """Return a border amid what could not be interrupted. What straddles it is looked at by itself."""
        keys = sorted(each.object.key for each in page if each.object)
        borders = [key for key in keys if found.rest.holds(key) and can_go_on_at(key) and key != found.keys.until]
        for border in borders[len(borders) // 2 :]:
            if self.can_end_at(found, border):
                return border
        raise Transient(f"nothing after {found.rest.after!r} can be gone through in one turn, and it cannot be divided")

    def _deal_with(self, found: KeyRange, page: Sequence[Examined], *, walked: bool) -> tuple[KeyRange, bool]:
        """Mend what is wrong as far as the guard lets it through, write that down, and say whether it was all."""
        bucket = self._asked.bucket
        messages = [message_about(each, bucket) for each in page] if self._asked.repair else [None] * len(page)
        wrong = [number for number, body in enumerate(messages) if body]
        granted = self._guard.grant(len(wrong))
        end, ahead = len(page), list[int]()
        if granted < len(wrong):
            places = (number for number in reversed(range(wrong[granted])) if _can_be_interrupted(page[number]))
            end = next(places, -1) + 1
            ahead = [number for number in wrong[:granted] if number >= end][:_MOST_AHEAD]
        sent = [number for number in wrong[:granted] if number < end] + ahead
        self._guard.give_back(granted - len(sent))
        dealt_with = [*page[:end], *(page[number] for number in ahead)]
        with self._shop.executor(CALLS_AT_A_TIME) as threads:
            doomed = [each for one in dealt_with for each in orphans(one)] if self._asked.repair else []
            deleting, thumbnails = self._shop.deleting, self._estate.thumbnails_bucket
            deleted = sum(threads.map(lambda each: delete(deleting, thumbnails, each), doomed))
            keys = [page[number].findings[0].key for number in sent]
            found = self._guard.follow_keys(found, keys)
            self._guard.send(threads, [body for number in sent if (body := messages[number])])
        is_all = end == len(page)
        found = replace(
            found,
            reached=page[end - 1].place or found.reached if end else found.reached,
            walked=walked and is_all,
            ahead=(*(() if end else found.ahead), *keys[len(keys) - len(ahead) :]),
            counts=found.counts + _counted(dealt_with) + Counter({SENT: len(sent), DELETED: deleted}),
            examples=_with_examples(found.examples, dealt_with),
        )
        self._shop.table.record(found)
        return found, is_all


def _without(examined: Examined, keys: Sequence[str]) -> Examined:
    """Leave out what is dealt with."""
    dealt_with = bool(examined.findings) and examined.findings[0].key in keys
    return replace(examined, standing=None, findings=()) if dealt_with else examined


def _can_be_interrupted(examined: Examined) -> bool:
    return examined.place is not None and can_go_on_at(examined.place)


def _counted(page: Iterable[Examined]) -> Counter[str]:
    """Objects, those of each standing, and findings of each kind."""
    counts: Counter[str] = Counter()
    for each in page:
        counts.update(finding.kind.value for finding in each.findings)
        if each.standing is not None:
            counts[EXAMINED] += 1
            # Each of these has a finding of that name.
            if each.standing is not Standing.PENDING:
                counts[each.standing.value] += 1
    return counts


def _with_examples(examples: Sequence[Mapping[str, Any]], page: Iterable[Examined]) -> tuple[Mapping[str, Any], ...]:
    numbers = Counter(each["kind"] for each in examples)
    more = list(examples)
    for finding in (finding for each in page for finding in each.findings):
        numbers[finding.kind] += 1
        if numbers[finding.kind] <= _EXAMPLES:
            more.append(finding.as_json())
    return tuple(more)
