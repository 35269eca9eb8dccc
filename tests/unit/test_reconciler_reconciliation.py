"""The pass over S3 and DynamoDB in memory, against what sets of everything say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.estate import GRACE, HOUR, OLD, ROWS, SETTINGS, WORLDS, World, build, deployed, etag_of, thumbnail_of
from support.rows import row
from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.reconciliation.alignment import Sight
from thumbnail_pipeline.reconciliation.comparison import can_end, reconcile
from thumbnail_pipeline.reconciliation.findings import Kind, PassTally, Standing, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from support.estate import Image
    from thumbnail_pipeline.reconciliation.findings import Examined


def found(examined: Iterable[Examined]) -> Counter[tuple[Kind, str, str | None]]:
    return Counter(
        (each.kind, each.key, each.thumbnail.key if each.thumbnail else None)
        for one in examined
        for each in one.findings
    )


def tallied(examined: Iterable[Examined]) -> PassTally:
    tally = PassTally()
    for each in examined:
        tally.add(each)
    return tally


# ── any world ────────────────────────────────────────────────────────────────────────────────────────


def expected(world: World, images: dict[str, Image]) -> tuple[Counter[tuple[Kind, str, str | None]], Counter[Standing]]:
    """The same by sets: everything is in memory at once, and nothing moves."""
    findings: Counter[tuple[Kind, str, str | None]] = Counter()
    outcomes: Counter[Standing] = Counter()
    now = world.s3.now
    bucket = world.s3.buckets["thumbnails"]
    there = {key: version for key in bucket.keys if (version := bucket.current(key))}
    for key, image in images.items():
        present = image.object in {"old", "young"}
        row = ROWS[image.row] if image.row else {}
        status = row.get("status")
        claimed = row.get("claim", OLD) > row.get("sequencer", OLD)
        mine = {name for name in there if name.split("/", 1)[1].rsplit(".", 1)[0] == key}
        if not present and not mine:
            continue
        if claimed:
            findings[Kind.PENDING, key, None] += 1
            outcomes[Standing.PENDING] += present
            continue
        if image.object == "deleted lately":
            findings[Kind.PENDING, key, None] += 1
            continue
        owned = set(deployed(key)) if status == "READY" else set()
        right = etag_of(thumbnail_of(key))
        wrong = None
        if present:
            if status not in {"READY", "FAILED"}:
                wrong = Kind.MISSING
            elif row.get("etag", "") == "other":
                wrong = Kind.CHANGED
            elif status == "READY" and "settings_fingerprint" in row:
                wrong = Kind.RESTYLED
            if wrong and image.object == "young":
                findings[Kind.PENDING, key, None] += 1
                outcomes[Standing.PENDING] += 1
                continue
            broken = [
                (Kind.THUMBNAIL_ALTERED, key, name) if name in there else (Kind.THUMBNAIL_MISSING, key, None)
                for name in owned
                if not wrong and (name not in there or there[name].etag != right)
            ]
            findings.update(broken)
            if wrong:
                findings[wrong, key, None] += 1
            whole = Standing.FAILED if status == "FAILED" else Standing.CURRENT
            outcomes[Standing.INCOMPLETE if wrong or broken else whole] += 1
        elif status in {"READY", "FAILED"}:
            findings[Kind.VANISHED, key, None] += 1
            owned = {name for name in owned & mine if there[name].etag == right}
        for name in set() if wrong else mine - owned:
            young = there[name].modified > now - GRACE
            findings[Kind.PENDING if young else Kind.ORPHAN, key, name] += 1
    return findings, +outcomes


@given(WORLDS)
@settings(deadline=None, max_examples=150)
def test_a_pass_finds_what_sets_say(images: dict[str, Image]) -> None:
    world = World()
    build(world, images)
    examined = world.pass_from()
    findings, outcomes = expected(world, images)
    assert found(examined) == findings
    assert Counter(each.standing for each in examined if each.standing) == outcomes
    assert tallied(examined).incomplete == outcomes[Standing.INCOMPLETE]


@given(WORLDS)
@settings(deadline=None, max_examples=60)
def test_where_deletions_are_not_propagated_only_tombstones_must_own_nothing(images: dict[str, Image]) -> None:
    world = World()
    build(world, images)
    estate = world.estate(propagates_deletions=False)
    left = found(reconcile(estate, grace=GRACE, clock=lambda: world.s3.now))
    propagated, _ = expected(world, images)

    def outlived(key: str) -> bool:
        image = images[key]
        row = ROWS[image.row] if image.row else {}
        claimed = row.get("claim", OLD) > row.get("sequencer", OLD)
        return image.object in {"never", "deleted", "deleted lately"} and row.get("status") != "DELETED" and not claimed

    assert left == Counter({told: number for told, number in propagated.items() if not outlived(told[1])})


_TEXTS = st.one_of(st.text("a-./\0b", min_size=1, max_size=4), st.sampled_from(["a.webp", "a.q", "a-.gif"]))
_BORDERS = st.lists(_TEXTS)


@given(images=WORLDS, borders=_BORDERS)
@settings(deadline=None, max_examples=60)
def test_passes_over_ranges_are_together_the_same_pass(images: dict[str, Image], borders: list[str]) -> None:
    world = World()
    build(world, images)
    whole = world.pass_from()
    ends: list[str | None] = [*sorted(set(borders)), None]
    parts = [
        each
        for after, until in zip(["", *ends], ends, strict=False)
        for each in reconcile(world.estate(), begin=after or "", until=until, grace=GRACE, clock=lambda: world.s3.now)
    ]
    assert found(parts) == found(whole)
    assert Counter(each.standing for each in parts) == Counter(each.standing for each in whole)
    assert tallied(parts) == tallied(whole)


@given(images=WORLDS, ends=st.tuples(_TEXTS, _TEXTS), data=st.data())
@settings(deadline=None, max_examples=100)
def test_a_pass_that_is_under_way_may_end_earlier(
    images: dict[str, Image], ends: tuple[str, str], data: st.DataObject
) -> None:
    world = World()
    build(world, images)
    until = data.draw(st.sampled_from([None, max(ends)]))
    estate = world.estate()

    def part(**where: Any) -> list[Examined]:
        return list(reconcile(estate, **where, grace=GRACE, clock=lambda: world.s3.now))

    whole = part(until=until)
    places = [number for number, each in enumerate(whole) if each.place and each.place < min(ends)]
    if not places:
        return
    last = data.draw(st.sampled_from(places))
    place, border = whole[last].place or "", min(ends)
    if can_end(estate, border, begin="", place=place, until=until):
        parts = [*whole[: last + 1], *part(after=place, until=border), *part(begin=border, until=until)]
        assert found(parts) == found(whole)
        assert tallied(parts) == tallied(whole)


@given(WORLDS)
@settings(deadline=None, max_examples=40)
def test_a_pass_in_two_parts_is_the_same_pass(images: dict[str, Image]) -> None:
    world = World()
    build(world, images)
    whole = world.pass_from()
    for index, each in enumerate(whole):
        if each.place is not None:
            first = tallied(whole[: index + 1])
            second = PassTally.from_json(first.as_json())
            for rest in world.pass_from(each.place):
                second.add(rest)
            assert second == tallied(whole)


@given(WORLDS, st.sampled_from(["a", "a.", "a-", "a.w"]))
@settings(deadline=None, max_examples=40)
def test_a_prefix_sees_its_part_of_it(images: dict[str, Image], prefix: str) -> None:
    world = World()
    build(world, images)
    part = Counter({each: number for each, number in found(world.pass_from()).items() if each[1].startswith(prefix)})
    assert found(world.pass_from(prefix=prefix)) == part


# ── particular ones ──────────────────────────────────────────────────────────────────────────────────


def test_what_straddles_a_border_and_was_dealt_with_is_not_looked_at_again() -> None:
    world = World()
    for key in ("a", "a.x1", "a.x2"):
        world.whole(key)
    place = world.pass_from()[0].place
    assert place == "a.webp"
    assert not can_end(world.estate(), "a.x", begin="", place=place, until=None)
    assert can_end(world.estate(), "a.x", begin="a", place=place, until=None)
    assert can_end(world.estate(), "b.x", begin="", place=place, until=None)
    world.s3.delete_object(Bucket="uploads", Key="a")
    for key in deployed("a"):
        world.s3.delete_object(Bucket="thumbnails", Key=key)
    assert can_end(world.estate(), "a.x", begin="", place=place, until=None)


def test_what_is_whole_needs_no_second_look() -> None:
    world = World()
    for number in range(7):
        world.whole(f"{number}.jpg")
    world.s3.list_object_versions = world.dynamodb.get_item = None
    looks = counting(world, lambda request: request.get("MaxKeys") == 1)
    tally = tallied(world.pass_from())
    assert (tally.checked, tally.current, tally.completeness, tally.wrong) == (7, 7, 100.0, 0)
    assert looks == []


def test_an_empty_bucket_is_complete() -> None:
    assert tallied(World().pass_from()) == PassTally()
    assert PassTally().completeness == 100.0


def test_what_can_be_no_thumbnail_is_told_and_not_taken_for_one() -> None:
    world = World()
    world.whole("a.jpg")
    for key in ("index.html", "small/readme.txt", "my files/a.jpg.png", "small/.png"):
        world.thumbnail(key)
    world.s3.pass_time(HOUR)
    told = found(world.pass_from())
    foreign = {"index.html", "small/readme.txt", "my files/", "small/.png"}
    assert told == Counter({(Kind.FOREIGN, key, None): 1 for key in foreign})
    assert not any(kind.is_wrong for kind, _, _ in told)


def test_retired_renditions_are_named() -> None:
    world = World()
    world.whole("a.jpg")
    world.thumbnail("old/a.jpg.webp")
    world.thumbnail("my files/a.jpg.webp")
    assert world.estate().retired() == ["old"]


def test_percent_counts_what_is_due() -> None:
    world = World()
    world.whole("whole")
    world.row("failed", "FAILED", world.upload("failed"), {}, reason="corrupt")
    world.upload("missing")
    world.s3.pass_time(HOUR)
    world.upload("young")
    tally = tallied(world.pass_from())
    assert tally.completeness == pytest.approx(100 * 2 / 3)
    assert (tally.checked, tally.pending, tally.incomplete, tally.failed) == (4, 1, 1, Counter(corrupt=1))


@pytest.mark.parametrize("versioned", [True, False])
def test_only_a_bucket_with_versions_knows_that_a_deletion_is_young(*, versioned: bool) -> None:
    world = World(versioned)
    world.whole("a.jpg")
    world.s3.pass_time(HOUR)
    world.s3.delete_object(Bucket="uploads", Key="a.jpg")
    assert found(world.pass_from()) == {(Kind.PENDING if versioned else Kind.VANISHED, "a.jpg", None): 1}


def test_no_more_is_held_than_a_few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("listing.KEYS_A_CALL", "rows.KEYS_A_CALL", "reconciliation.comparison._SIGHTS_AT_ONCE"):
        monkeypatch.setattr(f"thumbnail_pipeline.{name}", 10)
    world = World()
    for number in range(500):
        world.whole(f"{number:03}.jpg")
    world.s3.keys_a_page = 10
    pages = counting(world, lambda request: request["Bucket"] == "uploads")
    ahead = [
        10 * len(pages) - examined for examined, _ in enumerate(reconcile(world.estate(), clock=lambda: world.s3.now))
    ]
    assert len(ahead) == 500
    # A page that is examined, what rows are asked of, and two pages of the listing.
    assert max(ahead) <= 10 + 50 + 20


@pytest.mark.parametrize("status", ["READY", "DELETED", None])
def test_of_an_undecided_image_no_thumbnail_is_called_nobodys(status: str | None) -> None:
    name = "small/a.jpg.png"
    listed, thumbnail = Listed("a.jpg", 1, "new", None), Listed(name, 1, "any", None)
    known = row(status, "old") if status else None
    now = World().s3.now
    examined = examine(Sight("a.jpg", listed, known, {name: thumbnail}), "settings", now)
    assert [each.kind for each in examined.findings] == [Kind.CHANGED if status == "READY" else Kind.MISSING]
    gone = examine(Sight("a.jpg", None, known, {name: thumbnail}), "settings", now)
    assert Kind.ORPHAN in {each.kind for each in gone.findings}


# ── what changes between the two looks ───────────────────────────────────────────────────────────────


def counting(
    world: World, wanted: Callable[[dict[str, Any]], bool], then: Callable[[], None] | None = None
) -> list[Any]:
    """Note the listings that are `wanted`, and let something happen before the first."""
    noted: list[Any] = []
    listing = world.s3.list_objects_v2

    def listed(**request: Any) -> Any:
        if wanted(request):
            noted.append(request)
            if then and len(noted) == 1:
                then()
        return listing(**request)

    world.s3.list_objects_v2 = listed
    return noted


def second_look(request: dict[str, Any]) -> bool:
    return request.get("MaxKeys") == 1


def before_the_second_look(world: World, then: Callable[[], None]) -> None:
    """Let something happen when listings are over and rows are asked for consistently."""
    batch = world.dynamodb.batch_get_item
    asked: list[Any] = []

    def get(**request: Any) -> Any:
        (table,) = request["RequestItems"].values()
        if table["ConsistentRead"] and not asked:
            asked.append(request)
            then()
        return batch(**request)

    world.dynamodb.batch_get_item = get


def test_a_row_that_is_written_meanwhile_is_no_longer_missing() -> None:
    world = World()
    etag = world.upload("a.jpg")
    world.s3.pass_time(HOUR)

    def commit() -> None:
        world.row("a.jpg", "READY", etag, {each: world.thumbnail(each) for each in deployed("a.jpg")})

    before_the_second_look(world, commit)
    (examined,) = world.pass_from()
    assert (examined.standing, examined.findings) == (Standing.CURRENT, ())


def test_an_object_that_is_deleted_meanwhile_is_no_longer_missing() -> None:
    world = World()
    world.upload("a.jpg")
    world.s3.pass_time(HOUR)
    before_the_second_look(world, lambda: world.s3.delete_object(Bucket="uploads", Key="a.jpg"))
    (examined,) = world.pass_from()
    assert examined.standing is None
    assert not examined.is_wrong


def test_an_image_that_is_uploaded_meanwhile_owns_its_thumbnails() -> None:
    world = World()
    world.thumbnail("small/a.jpg.png")
    world.s3.pass_time(HOUR)
    before_the_second_look(world, lambda: world.whole("a.jpg"))
    (examined,) = world.pass_from()
    assert (examined.standing, examined.findings) == (Standing.CURRENT, ())


def test_thumbnails_that_are_replaced_meanwhile_are_not_altered() -> None:
    world = World()
    world.whole("a.jpg")
    world.row("a.jpg", "READY", world.upload("a.jpg"), dict.fromkeys(deployed("a.jpg"), "earlier"))
    world.s3.pass_time(HOUR)
    before_the_second_look(world, lambda: world.whole("a.jpg"))
    (examined,) = world.pass_from()
    assert (examined.standing, examined.findings) == (Standing.CURRENT, ())


def test_a_row_that_changes_while_it_is_looked_at_is_pending() -> None:
    world = World()
    world.upload("a.jpg")
    world.s3.pass_time(HOUR)
    counting(world, second_look, lambda: world.row("a.jpg", "READY", "new", {}))
    (examined,) = world.pass_from()
    assert examined.standing is Standing.PENDING
    assert not examined.is_wrong


def test_a_thumbnail_that_is_gone_meanwhile_is_no_orphan() -> None:
    world = World()
    world.thumbnail("small/a.jpg.png")
    world.s3.pass_time(HOUR)
    before_the_second_look(world, lambda: world.s3.delete_object(Bucket="thumbnails", Key="small/a.jpg.png"))
    assert found(world.pass_from()) == {}


def test_what_is_excluded_is_not_looked_at_until_it_is_gone() -> None:
    world = World()
    world.whole("cat.jpg")
    world.whole("old/cat.jpg")
    world.upload("old/dog.jpg")
    world.upload("album/", b"")
    world.s3.pass_time(HOUR)
    estate = replace(world.estate(), settings=replace(SETTINGS, exclude=("old/*",)))
    tally = tallied(reconcile(estate, clock=lambda: world.s3.now))
    assert (tally.checked, tally.current, tally.wrong) == (1, 1, 0)
    # Its thumbnails go with it.
    world.s3.delete_object(Bucket="uploads", Key="old/cat.jpg")
    world.s3.pass_time(HOUR)
    tally = tallied(reconcile(estate, clock=lambda: world.s3.now))
    assert (tally.checked, tally.found[Kind.VANISHED]) == (1, 1)
