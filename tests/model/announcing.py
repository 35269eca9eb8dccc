"""The publisher at the end of the catalog's stream, with whatever Lambda and EventBridge may do to it.

It reads a log and changes nothing that workers see. So what it does at any time while they are at work it does after
them as well, with the same records in the same order: only where batches begin and end is left to choose, and what
becomes of each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.world import DEPLOYMENT
from publisher.publishing import Publisher
from support.memory_aws import MemoryEvents, refusal
from support.pipeline import TABLE, FakeContext, Killed
from thumbnail_pipeline.errors import Systemic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model.world import World

_LARGEST_BATCH = 4
MISHAPS = (
    "an entry fails",
    "an entry fails again and again",
    "no answer",
    "no permission",
    "killed before",
    "killed after",
    "no time",
    "sent again",
)


def announce(world: World, choose: Callable[[int], int]) -> None:
    """Let the publisher come to the end of the stream. `choose(n)` returns a number below n."""
    records = [each for each in world.dynamodb.streams[TABLE] if world.protocol.passes(each)]
    mishaps = choose(4)
    while records:
        batch = records[: 1 + choose(_LARGEST_BATCH)]
        mishap = None
        if mishaps and choose(2):
            mishaps -= 1
            mishap = MISHAPS[choose(len(MISHAPS))]
        world.note(f"the publisher gets {len(batch)} of {len(records)} records{f': {mishap}' if mishap else ''}")
        # Which of its calls that happens at.
        client = FaultyBus(world.bus, mishap, choose(len(batch)) if mishap else 0)
        remaining = [60_000, 60_000, 60_000, 1_000] if mishap == "no time" else [60_000]
        publisher = Publisher(DEPLOYMENT, world.protocol.bus(client, "bus"), sleep=lambda _: None)  # type: ignore[arg-type]
        try:
            returned = publisher.run(batch, FakeContext(remaining=remaining))
        except (Killed, Systemic):
            continue
        if mishap == "sent again":
            continue
        records = records[len(batch) :] if returned is None else list(_from(returned, records))


def _from(number: str, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (each for each in records if int(each["dynamodb"]["SequenceNumber"]) >= int(number))


class FaultyBus:
    """The client of EventBridge, one of whose calls meets with a mishap."""

    meta = MemoryEvents.meta

    def __init__(self, bus: MemoryEvents, mishap: str | None, at: int) -> None:
        self._bus = bus
        self._mishap = mishap
        self._calls_before = at

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Put entries on the bus, or not."""
        mishap = self._mishap if self._calls_before == 0 else None
        self._calls_before -= 1
        others = request["Entries"][1:]
        match mishap:
            case "killed before":
                raise Killed
            case "an entry fails" | "an entry fails again and again":
                if mishap != "an entry fails":
                    self._calls_before = 0
                answers = self._bus.put_events(Entries=others)["Entries"] if others else []
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}, *answers]}
            case "no permission":
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "AccessDeniedException"}]}
        answer = self._bus.put_events(**request)
        if mishap == "killed after":
            raise Killed
        if mishap == "no answer":
            raise refusal("PutEvents", "InternalException", 500)
        return answer
