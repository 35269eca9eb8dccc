"""Both buckets' listings side by side, against the same by brute force."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.reconciliation.alignment import Foreign, Sight, align, source_key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RENDITIONS = ("large", "old", "small")
# Around the dot, so that keys begin each other and come on either side of an extension.
ALPHABET = "a-./w\U0001f600"
KEYS = st.one_of(
    st.text(ALPHABET, min_size=1, max_size=4),
    st.builds(
        lambda key, end: f"{key}.{end}", st.text("a-./", min_size=1, max_size=3), st.sampled_from(["webp", "gif"])
    ),
)
SOURCES = st.sets(KEYS, max_size=12)
THUMBNAILS = st.sets(
    st.builds(
        lambda rendition, key, end: f"{rendition}/{key}.{end}",
        st.sampled_from(RENDITIONS),
        KEYS,
        st.sampled_from(["avif", "gif", "jpg", "png", "webp", "txt"]),
    ),
    max_size=20,
)


def listed(keys: Iterable[str]) -> list[Listed]:
    """The objects as S3 lists them."""
    return [Listed(key, 1, f"etag of {key}", None) for key in sorted(keys, key=str.encode)]


def aligned(sources: Iterable[str], thumbnails: Iterable[str], *, after: str = "") -> Iterator[Sight | Foreign]:
    objects = [(each, None) for each in listed(sources) if each.key > after]
    listings = [
        [each for each in listed(thumbnails) if each.key.startswith(f"{name}/") and each.key > f"{name}/{after}"]
        for name in RENDITIONS
    ]
    return align(objects, listings)


def seen(sights: Iterable[Sight | Foreign]) -> tuple[dict[str, tuple[bool, set[str]]], set[str]]:
    """By source key, whether there is an object and its thumbnails; and what is foreign. Nothing is seen twice."""
    images: dict[str, tuple[bool, set[str]]] = {}
    foreign = set()
    for each in sights:
        if isinstance(each, Foreign):
            assert each.key not in foreign
            foreign.add(each.key)
        else:
            assert each.key not in images
            assert set(each.thumbnails) == {thumbnail.key for thumbnail in each.thumbnails.values()}
            images[each.key] = (each.object is not None, set(each.thumbnails))
    return images, foreign


def by_brute_force(
    sources: Iterable[str], thumbnails: Iterable[str]
) -> tuple[dict[str, tuple[bool, set[str]]], set[str]]:
    owned = defaultdict(set)
    foreign = set()
    for key in thumbnails:
        if key.endswith(".txt") or key.count("/") == 0:
            foreign.add(key)
        else:
            owned[key.split("/", 1)[1].rsplit(".", 1)[0]].add(key)
    present = set(sources)
    return {key: (key in present, owned.get(key, set())) for key in present | owned.keys()}, foreign


@given(SOURCES, THUMBNAILS)
def test_every_thumbnail_is_seen_with_its_source(sources: set[str], thumbnails: set[str]) -> None:
    assert seen(aligned(sources, thumbnails)) == by_brute_force(sources, thumbnails)


@given(SOURCES, THUMBNAILS)
def test_whoever_goes_on_from_any_place_sees_the_rest(sources: set[str], thumbnails: set[str]) -> None:
    whole = list(aligned(sources, thumbnails))
    for index, each in enumerate(whole):
        if isinstance(each, Sight) and each.place is not None:
            assert list(aligned(sources, thumbnails, after=each.place)) == whole[index + 1 :]


@given(SOURCES, THUMBNAILS)
def test_a_walk_can_be_left_wherever_nothing_is_held(sources: set[str], thumbnails: set[str]) -> None:
    """The last sight is a place, so every walk that saw anything of ours can be continued after it."""
    sights = [each for each in aligned(sources, thumbnails) if isinstance(each, Sight)]
    assert not sights or sights[-1].place is not None


def test_a_folder_does_not_hold_up_what_is_in_it() -> None:
    """S3's console makes an empty object of each, and everything below it begins with its key."""
    keys = ["photos/", *(f"photos/{number:04}.jpg" for number in range(1000))]
    sights = list(aligned(keys, (f"small/{key}.webp" for key in keys)))
    assert all(isinstance(each, Sight) and each.place for each in sights)
    assert len(sights) == len(keys)


def test_no_more_is_held_than_begins_the_key_that_is_looked_at() -> None:
    """What comes between a source and its thumbnails is let go of as it is passed."""
    released = 0
    longest_wait = 0

    def sources() -> Iterator[tuple[Listed, None]]:
        yield listed(["a"])[0], None
        for number in range(10_000):
            nonlocal longest_wait
            longest_wait = max(longest_wait, number - released)
            yield listed([f"a-{number:05}"])[0], None

    for each in align(sources(), [listed(["small/a.webp"])]):
        assert isinstance(each, Sight)
        released += 1
        if each.key == "a":
            assert each.thumbnails
    assert released == 10_001
    assert longest_wait < 4


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("small/a.jpg.webp", "a.jpg"),
        ("small/a/b.webp", "a/b"),
        ("small//a.webp", "/a"),
        ("small/..png", "."),
        ("logo.png", None),
        ("small/.webp", None),
        ("small/webp", None),
        ("small/a.tiff", None),
        ("small/a.", None),
        ("not a rendition/a.webp", None),
        ("/a.webp", None),
    ],
)
def test_whose_thumbnail_it_is(key: str, source: str | None) -> None:
    assert source_key_of(key) == source


def test_a_prefix_leaves_out_what_only_its_thumbnails_begin_with() -> None:
    listing = listed(["small/a.webp", "small/a.we.webp"])
    (sight,) = align([(each, None) for each in listed(["a.we"])], [listing], prefix="a.we")
    assert isinstance(sight, Sight)
    assert (sight.key, set(sight.thumbnails)) == ("a.we", {"small/a.we.webp"})
