"""Ranges of keys: together every key once and in order, whatever the keys; and where there are many, enough of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.memory_aws import MemoryS3
from thumbctl.backfill.ranges import Listing
from thumbnail_pipeline.jobs.ranges import Range, halve, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUCKET = "uploads"

# Few letters, so that many keys begin alike; and those that could be taken for the end or the beginning of something.
_KEYS = st.text(st.sampled_from("ab/\0é\ud7ff\ue000\U0010ffff"), min_size=1, max_size=6)


class CountingS3(MemoryS3):
    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__()
        self.calls = 0
        self.create_bucket(Bucket=BUCKET)
        for key in keys:
            self.put_object(Bucket=BUCKET, Key=key, Body=b"", ContentType="")

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        return super().list_objects_v2(**request)


def listed(s3: Any, prefix: str, ranges: Sequence[Range]) -> list[list[str]]:
    listing = Listing(s3, BUCKET, prefix)
    parts = [json.dumps([each.after, each.until]) for each in ranges]
    return [[listed.key for _, listed in listing.objects(part, "")] for part in parts]


@given(
    keys=st.sets(_KEYS, max_size=60),
    prefix=st.just("") | _KEYS,
    wanted=st.integers(1, 20),
    small=st.integers(1, 8),
)
def test_every_key_is_in_one_range(keys: set[str], prefix: str, wanted: int, small: int) -> None:
    s3: Any = CountingS3(keys)
    ranges = split(s3, BUCKET, prefix, wanted=wanted, small=small)
    found = [key for part in listed(s3, prefix, ranges) for key in part]
    assert found == sorted(key for key in keys if key.startswith(prefix))
    assert len(ranges) <= 2 * wanted


@given(
    keys=st.sets(_KEYS, max_size=60),
    prefix=st.just("") | _KEYS,
    ends=st.tuples(st.just("") | _KEYS, st.none() | _KEYS),
    wanted=st.integers(1, 20),
)
def test_a_range_is_divided_like_a_bucket(
    keys: set[str], prefix: str, ends: tuple[str, str | None], wanted: int
) -> None:
    within = Range(ends[0], max(ends[0] + "a", ends[1]) if ends[1] else None)
    s3: Any = CountingS3(keys)
    ranges = split(s3, BUCKET, prefix, wanted=wanted, small=2, within=within)
    found = [key for part in listed(s3, prefix, ranges) for key in part]
    assert found == sorted(key for key in keys if key.startswith(prefix) and within.holds(key))
    border = halve(s3, BUCKET, prefix, within, small=2)
    assert border is None or within.after < border < (within.until or "\U0010ffff" * 9)


@given(keys=st.sets(_KEYS, max_size=30), data=st.data())
def test_a_range_goes_on_behind_a_position(keys: set[str], data: st.DataObject) -> None:
    s3: Any = CountingS3(keys)
    listing = Listing(s3, BUCKET, "")
    (part,) = listing.parts()
    everything = list(listing.objects(part, ""))
    stopped = data.draw(st.integers(0, len(everything)))
    position = everything[stopped - 1][0] if stopped else ""
    assert list(listing.objects(part, position)) == everything[stopped:]


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        pytest.param(lambda n: f"IMG_{n:06d}.jpg", 3, id="flat"),
        pytest.param(lambda n: f"users/{n % 20:02d}/{n:06d}.jpg", 3, id="folders"),
        pytest.param(lambda n: f"a/long/way/to/the/only/folder/{n * 7919 % 2000:04x}", 4, id="deep"),
        pytest.param(lambda n: f"{'few' if n < 40 else 'many'}/{n:06d}", 3, id="unequal"),
    ],
)
def test_many_keys_fall_into_enough_ranges(shape: Any, most: float) -> None:
    s3: Any = CountingS3(map(shape, range(2000)))
    ranges = split(s3, BUCKET, "", wanted=8, small=50)
    probes = s3.calls
    sizes = [len(part) for part in listed(s3, "", ranges)]
    assert len(sizes) >= 8
    assert max(sizes) <= most * 2000 / 8
    assert probes <= 50


def test_few_keys_are_asked_for_once() -> None:
    s3: Any = CountingS3(f"{number}.jpg" for number in range(1000))
    assert len(Listing(s3, BUCKET, "").parts()) == 1
    assert s3.calls == 1


@pytest.mark.parametrize("done", [0, 500, 1500])
@pytest.mark.parametrize("ends", [1999, 2500, None])
def test_what_is_left_of_a_range_is_halved(done: int, ends: int | None) -> None:
    keys = [f"2026/{number:06d}.jpg" for number in range(4000)]
    s3: Any = CountingS3(keys)
    rest = Range(keys[done], None if ends is None else keys[ends])
    border = halve(s3, BUCKET, "2026/", rest, small=10)
    assert border
    left = sum(rest.holds(key) for key in keys)
    assert left / 4 <= sum(Range(keys[done], border).holds(key) for key in keys) <= left * 3 / 4
    assert s3.calls <= 80
