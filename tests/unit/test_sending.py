"""The sender, whatever the service answers: order, repetition, limits and what is left."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.memory_aws import MemoryEvents, refusal
from thumbnail_pipeline import sending
from thumbnail_pipeline.completion import SOURCE, CompletionEvent, completion_event
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.rows import decoded, moment
from thumbnail_pipeline.sending import ChangeStream, EventBus, send

if TYPE_CHECKING:
    from collections.abc import Callable


def event(key: str, revision: int = 1, padding: str = "") -> CompletionEvent:
    """That an image is gone."""
    row = {
        "source_bucket": {"S": "uploads"},
        "source_key": {"S": key},
        "status": {"S": "DELETED"},
        "sequencer": {"S": "1"},
        "claim": {"S": "1"},
        "fence": {"N": "0"},
        "revision": {"N": str(revision)},
    }
    made = completion_event(decoded(row), "thumbs")
    assert made
    return replace(made, detail={**made.detail, "padding": padding})


def sent_to(
    bus: Any, events: list[CompletionEvent], *, left: Callable[[], float] = lambda: 1.0
) -> tuple[dict[int, str], list[CompletionEvent]]:
    """What is left, and what was sent."""
    sent: list[CompletionEvent] = []
    unsent = send(EventBus(bus, "bus"), events, left=left, sent=sent.append, sleep=lambda _: None)
    return unsent, sent


def test_an_entry_says_who_tells_what_and_when() -> None:
    bus = MemoryEvents()
    told = event("ä b.jpg", 1)
    assert sent_to(bus, [told]) == ({}, [told])
    assert bus.calls == [
        [
            {
                "EventBusName": "bus",
                "Source": SOURCE,
                "DetailType": "Image Deleted",
                "Time": moment(1),
                "Resources": ["arn:aws:s3:::uploads/ä b.jpg"],
                "Detail": event("ä b.jpg", 1).text,
            }
        ]
    ]


# What becomes of each entry, one after the other: taken, throttled, or refused for good.
FATES = st.lists(
    st.sampled_from([None, None, "ThrottlingException", "InternalFailure", "MalformedDetail"]), max_size=60
)


@given(
    keys=st.lists(st.sampled_from("abcd"), min_size=1, max_size=25),
    fates=FATES,
    seconds=st.one_of(st.none(), st.integers(0, 20)),
)
def test_whatever_fails_images_keep_their_order_and_nothing_is_sent_twice(
    keys: list[str], fates: list[str | None], seconds: int | None
) -> None:
    events = [event(key, position + 1) for position, key in enumerate(keys)]
    remaining = iter(fates)
    refused: set[str] = set()
    tries: Counter[str] = Counter()

    def fails(entry: dict[str, Any]) -> str | None:
        code = next(remaining, None)
        tries[entry["Detail"]] += 1
        if code == "MalformedDetail":
            refused.add(entry["Detail"])
        return code

    bus = MemoryEvents(fails)
    clock = iter(range(seconds, -1, -1)) if seconds is not None else None
    unsent, sent = sent_to(bus, events, left=lambda: float(next(clock, 0)) if clock else 1.0)
    assert [each["sequence"] for each in bus.arrived] == [each.detail["sequence"] for each in sent]
    assert len({each["id"] for each in bus.arrived}) == len(bus.arrived), "nothing is sent twice"
    assert {events.index(each) for each in sent} ^ unsent.keys() == set(range(len(events))), "each is sent or told"
    assert max(tries.values(), default=0) <= 5, "and not tried for ever"
    by_image: defaultdict[str, list[str]] = defaultdict(list)
    for each in bus.arrived:
        by_image[each["subject"]].append(each["sequence"])
    for key, sequences in by_image.items():
        assert sequences == sorted(sequences), "of an image, the older comes first"
        overtaken = [
            position
            for position in unsent
            if keys[position] == key and events[position].detail["sequence"] < sequences[-1]
        ]
        assert {events[each].text for each in overtaken} <= refused, "only what can never be sent is overtaken"
    for entries in bus.calls:
        details = [each["Resources"][0] for each in entries]
        assert len(set(details)) == len(details), "a call has one event of an image"
    if seconds is None and not any(fates):
        assert not unsent


@given(sizes=st.lists(st.integers(0, 300_000), min_size=1, max_size=30))
def test_a_call_is_never_too_large(sizes: list[int]) -> None:
    events = [event(f"{position}.jpg", padding="ü" * (size // 2)) for position, size in enumerate(sizes)]
    bus = MemoryEvents()
    destination = EventBus(bus, "bus")  # type: ignore[arg-type]
    unsent, sent = sent_to(bus, events)  # the bus refuses what is too large
    too_large = {position for position, each in enumerate(events) if destination.size(each) > destination.most_bytes}
    assert unsent.keys() == too_large
    assert len(sent) == len(events) - len(too_large)


def test_what_everybody_would_meet_is_raised() -> None:
    bus = MemoryEvents(lambda entry: "AccessDeniedException" if "b.jpg" in entry["Detail"] else None)
    with pytest.raises(Systemic, match=r"AccessDeniedException for b\.jpg"):
        sent_to(bus, [event("a.jpg"), event("b.jpg")])


class Refusing:
    """A bus that refuses the first calls as a whole."""

    meta = MemoryEvents.meta

    def __init__(self, code: str, status: int, calls: int) -> None:
        self._bus = MemoryEvents()
        self._refusal, self.calls = refusal("PutEvents", code, status), calls

    def put_events(self, **request: Any) -> dict[str, Any]:
        self.calls -= 1
        if self.calls >= 0:
            raise self._refusal
        return self._bus.put_events(**request)


def test_a_call_that_fails_as_a_whole_is_made_again() -> None:
    unsent, sent = sent_to(Refusing("InternalException", 500, 4), [event("a.jpg"), event("b.jpg")])
    assert (unsent, len(sent)) == ({}, 2)
    unsent, sent = sent_to(Refusing("InternalException", 500, 5), [event("a.jpg"), event("a.jpg", 2)])
    assert (sorted(unsent), len(sent)) == ([0, 1], 0)
    assert "InternalException while putting events on the bus" in unsent[0]


def test_a_bus_that_is_not_there_is_raised() -> None:
    with pytest.raises(Systemic, match="ResourceNotFoundException while putting events on the bus"):
        sent_to(Refusing("ResourceNotFoundException", 400, 1), [event("a.jpg")])


def test_waits_grow_are_spread_and_end_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    waits: list[float] = []
    bus = MemoryEvents(lambda _: "ThrottlingException")
    events = [event(f"{each}.jpg") for each in range(20)]
    send(EventBus(bus, "bus"), events, left=lambda: 2.0, sent=lambda _: None, sleep=waits.append)  # type: ignore[arg-type]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]


class Shards:
    """A Kinesis client: its first call takes every second record."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_records(self, **request: Any) -> dict[str, Any]:
        self.calls.append(request)
        few = len(self.calls) == 1
        return {
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException"} if few and index % 2 else {"ShardId": "0"}
                for index, _ in enumerate(request["Records"])
            ]
        }


def test_a_stream_gets_the_same_events_by_image() -> None:
    shards = Shards()
    events = [event("a.jpg"), event("b.jpg"), event("a.jpg", 2), event("k" * 1024)]
    sent: list[CompletionEvent] = []
    stream = ChangeStream(shards, "arn:aws:kinesis:x")  # type: ignore[arg-type]
    assert not send(stream, events, left=lambda: 1.0, sent=sent.append, sleep=lambda _: None)
    assert [each.text for each in sent] == [events[index].text for index in (0, 3, 1, 2)]
    assert [len(call["Records"]) for call in shards.calls] == [3, 2]
    assert {call["StreamARN"] for call in shards.calls} == {"arn:aws:kinesis:x"}
    by_data = {each["Data"]: each["PartitionKey"] for call in shards.calls for each in call["Records"]}
    assert by_data[events[0].text.encode()] == by_data[events[2].text.encode()]
    assert len(set(by_data.values())) == 3
    assert max(map(len, by_data.values())) <= 256


def test_keys_of_two_images_differ() -> None:
    assert sending._partition_key(Image("a", "b")) != sending._partition_key(Image("a", "c"))
