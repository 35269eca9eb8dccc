"""The catalog's conditions one by one, over moto: what each call stores, returns and refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.pipeline import TABLE, UPLOADS, client
from thumbnail_pipeline import ordering
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.images import Image, StoredThumbnail
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import Row, key_of
from thumbnailer.catalog import Catalog, State, Superseded
from thumbnailer.storage import Seen

if TYPE_CHECKING:
    from support.pipeline import Bench

IMAGE = Image(UPLOADS, "cat.png")
OLD, NEW = StoredThumbnail("large/cat.png.webp", "etag-1"), StoredThumbnail("large/cat.png.webp", "etag-2")
NOW = "2026-01-02T03:04:05.678Z"
GONE = StoredThumbnail("small/cat.png.webp", "etag-3")


def at(number: int) -> str:
    return ordering.normalise(f"{number:X}")


def state(sequencer: str, *thumbnails: StoredThumbnail, status: Status = Status.READY) -> State:
    attributes: dict[str, Any] = {}
    if thumbnails:
        attributes["renditions"] = [{"key": each.key, "etag": each.etag} for each in thumbnails]
    return State(status, sequencer, "v1", "source-etag", "fingerprint", attributes, thumbnails)


@pytest.fixture
def catalog(bench: Bench) -> Catalog:
    return Catalog(bench.clients.dynamodb, TABLE, clock=lambda: 1767323045.678)


def test_an_unknown_image_has_no_row(catalog: Catalog) -> None:
    assert catalog.read(IMAGE) is None


def test_a_first_commit_returns_what_can_be_read_back(catalog: Catalog) -> None:
    row = catalog.commit_first(IMAGE, state(at(1), OLD))
    assert row == Row(
        IMAGE, Status.READY, at(1), at(1), 0, "v1", "source-etag", "fingerprint", (OLD,), processed_at=NOW
    )
    assert catalog.read(IMAGE) == row


def test_reads_are_consistent(bench: Bench, catalog: Catalog) -> None:
    asked: list[dict[str, Any]] = []
    bench.clients.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: asked.append(params), unique_id="asked"
    )
    catalog.read(IMAGE)
    bench.clients.dynamodb.meta.events.unregister("provide-client-params.dynamodb.GetItem", unique_id="asked")
    assert [request["ConsistentRead"] for request in asked] == [True]


def test_a_second_first_commit_is_refused_and_shown_the_row(catalog: Catalog) -> None:
    first = catalog.commit_first(IMAGE, state(at(1), OLD))
    with pytest.raises(Superseded) as refused:
        catalog.commit_first(IMAGE, state(at(2), NEW))
    assert refused.value.row == first
    assert str(refused.value) == f"fence 0, sequencer {at(1)}"


def test_a_commit_whose_answer_was_lost_is_taken_for_ones_own(catalog: Catalog) -> None:
    first = catalog.commit_first(IMAGE, state(at(1), OLD))
    assert catalog.commit_first(IMAGE, state(at(1), OLD)) == first


@pytest.mark.parametrize(
    "other",
    [
        state(at(2), OLD),
        state(at(1), NEW),
        state(at(1), OLD, status=Status.FAILED),
        replace(state(at(1), OLD), version_id="v2"),
        replace(state(at(1), OLD), etag="other"),
        replace(state(at(1), OLD), settings_fingerprint="other"),
    ],
    ids=["event", "thumbnails", "status", "version", "etag", "settings"],
)
def test_a_commit_that_differs_in_anything_is_not(catalog: Catalog, other: State) -> None:
    catalog.commit_first(IMAGE, state(at(1), OLD))
    with pytest.raises(Superseded):
        catalog.commit_first(IMAGE, other)


def test_a_claim_raises_the_fence_and_keeps_what_is_shown(catalog: Catalog) -> None:
    first = catalog.commit_first(IMAGE, state(at(1), OLD))
    assert catalog.claim(IMAGE, at(2)) == replace(first, claim=at(2), fence=1)
    assert catalog.claim(IMAGE, at(2)) == replace(first, claim=at(2), fence=2)


def test_a_claim_on_an_unknown_image_makes_a_row_without_a_status(catalog: Catalog) -> None:
    assert catalog.claim(IMAGE, at(1)) == Row(IMAGE, None, ordering.LOWEST, at(1), fence=1)


@pytest.mark.parametrize("number", [1, 2])
def test_a_claim_for_an_event_that_is_not_newer_is_refused(catalog: Catalog, number: int) -> None:
    row = catalog.commit_first(IMAGE, state(at(2), OLD))
    with pytest.raises(Superseded) as refused:
        catalog.claim(IMAGE, at(number))
    assert refused.value.row == row


def test_a_claim_below_another_is_refused(catalog: Catalog) -> None:
    catalog.claim(IMAGE, at(3))
    with pytest.raises(Superseded):
        catalog.claim(IMAGE, at(2))


def test_a_commit_under_a_claim_puts_what_is_gone_on_record(catalog: Catalog) -> None:
    catalog.commit_first(IMAGE, state(at(1), OLD, GONE))
    row = catalog.commit(catalog.claim(IMAGE, at(2)), state(at(2), NEW))
    assert (row.thumbnails, row.obsolete) == ((NEW,), (GONE,))
    assert catalog.read(IMAGE) == row


def test_obsolete_thumbnails_stay_on_record_until_they_are_settled(catalog: Catalog) -> None:
    catalog.commit_first(IMAGE, state(at(1), OLD, GONE))
    catalog.commit(catalog.claim(IMAGE, at(2)), state(at(2), NEW))
    row = catalog.commit(catalog.claim(IMAGE, at(3)), state(at(3), status=Status.DELETED))
    assert set(row.obsolete) == {NEW, GONE}
    catalog.settle(row)
    assert catalog.read(IMAGE) == replace(row, obsolete=())


def test_a_row_that_changed_is_not_settled(catalog: Catalog) -> None:
    catalog.commit_first(IMAGE, state(at(1), OLD, GONE))
    row = catalog.commit(catalog.claim(IMAGE, at(2)), state(at(2), NEW))
    claimed = catalog.claim(IMAGE, at(3))
    catalog.settle(row)
    assert catalog.read(IMAGE) == claimed
    assert claimed.obsolete == (GONE,)


def test_a_commit_after_the_claim_was_taken_over_is_refused(catalog: Catalog) -> None:
    slow = catalog.claim(IMAGE, at(1))
    quick = catalog.claim(IMAGE, at(2))
    with pytest.raises(Superseded) as refused:
        catalog.commit(slow, state(at(1), OLD))
    assert refused.value.row == quick


def test_a_claim_is_required_only_while_it_stands(catalog: Catalog) -> None:
    claimed = catalog.claim(IMAGE, at(1))
    catalog.require(claimed)
    quick = catalog.claim(IMAGE, at(2))
    with pytest.raises(Superseded) as refused:
        catalog.require(claimed)
    assert refused.value.row == quick


def test_a_row_that_expired_takes_its_claims_along(bench: Bench, catalog: Catalog) -> None:
    claimed = catalog.claim(IMAGE, at(1))
    bench.dynamodb.delete_item(TableName=TABLE, Key={"source_key": {"S": IMAGE.key}, "source_bucket": {"S": UPLOADS}})
    nothing = Row(IMAGE, None, ordering.LOWEST, ordering.LOWEST, fence=-1)
    with pytest.raises(Superseded) as refused:
        catalog.require(claimed)
    assert refused.value.row == nothing
    with pytest.raises(Superseded) as refused:
        catalog.commit(claimed, state(at(1), OLD))
    assert refused.value.row == nothing


# ── revisions ────────────────────────────────────────────────────────────────────────────────────────

MS = 1767323045678


def failed(sequencer: str, reason: str = "corrupt") -> State:
    return State(Status.FAILED, sequencer, "v1", "source-etag", "fingerprint", {"reason": reason})


def a_clock(bench: Bench, now: int) -> Catalog:
    return Catalog(bench.clients.dynamodb, TABLE, clock=lambda: now / 1000)


def test_a_revision_grows_with_news_whatever_the_clock_says(bench: Bench, catalog: Catalog) -> None:
    row = catalog.commit_first(IMAGE, failed(at(1)))
    assert (row.revision, row.attributes.get("revision")) == (MS, None), "the row of a usual image holds no byte more"
    row = catalog.claim(IMAGE, at(2))
    assert row.revision == MS
    row = a_clock(bench, MS + 1000).commit(row, failed(at(2)))
    assert row.revision == MS, "nothing new"
    row = a_clock(bench, MS - 90_000).commit(catalog.claim(IMAGE, at(3)), failed(at(3), "truncated"))
    assert row.revision == MS + 1
    row = a_clock(bench, MS + 1000).commit(catalog.claim(IMAGE, at(4)), state(at(4), OLD))
    assert row.revision == MS + 1000
    assert catalog.read(IMAGE) == row


def test_what_keeps_its_rank_is_a_backfills(catalog: Catalog) -> None:
    row = catalog.commit_first(IMAGE, failed(ordering.LOWEST))
    assert row.backfilled
    row = catalog.commit(catalog.claim(IMAGE, at(1)), failed(at(1)))
    assert (row.backfilled, row.revision) == (False, MS + 1), "S3 tells of what only a backfill had found"
    row = catalog.commit(catalog.claim_as_seen(row), failed(at(1)))
    assert (row.backfilled, row.revision) == (False, MS + 1)
    row = catalog.commit(catalog.claim_as_seen(row), state(at(1), OLD))
    assert (row.backfilled, row.revision) == (True, MS + 2)
    row = catalog.commit(catalog.claim_as_seen(row), state(at(1), status=Status.DELETED))
    assert (row.backfilled, row.revision) == (False, MS + 3)


def test_to_keep_is_news_where_version_or_etag_change(catalog: Catalog) -> None:
    row = catalog.commit_first(IMAGE, state(at(1), OLD))
    row = catalog.keep(row, at(2), Seen("v1", "source-etag", 1))
    assert (row.revision, row.backfilled) == (MS, False)
    row = catalog.keep(row, at(2), Seen(None, "source-etag", 1))
    assert (row.revision, row.backfilled, row.version_id) == (MS + 1, True, None)
    row = catalog.keep(row, at(3), Seen("v2", "other", 1))
    assert (row.revision, row.backfilled, row.version_id) == (MS + 2, False, "v2")
    assert catalog.read(IMAGE) == row


@pytest.mark.parametrize("later", [0, 1])
def test_what_was_written_since_it_was_read_is_not_kept(bench: Bench, catalog: Catalog, later: int) -> None:
    """Also within one millisecond, and where neither row needs the attribute."""
    claimed = catalog.claim_as_seen(catalog.commit_first(IMAGE, state(at(1), OLD)))
    row = a_clock(bench, MS + later).commit(claimed, state(at(1), NEW))
    assert row.fence == claimed.fence
    with pytest.raises(Superseded) as refused:
        catalog.keep(claimed, at(2), Seen("v1", "source-etag", 1))
    assert refused.value.row == row


def test_a_row_of_0_1_0_goes_on_from_where_it_is(bench: Bench, catalog: Catalog) -> None:
    """Such a row has no revision, and neither has one that 0.1.0 writes after a step back."""

    def as_0_1_0_writes(**more: str) -> None:
        stored = bench.dynamodb.get_item(TableName=TABLE, Key=key_of(IMAGE))["Item"]
        kept = {name: each for name, each in stored.items() if name not in ("revision", "backfilled")}
        bench.dynamodb.put_item(TableName=TABLE, Item={**kept, **{name: {"S": value} for name, value in more.items()}})

    catalog.commit_first(IMAGE, failed(at(1)))
    as_0_1_0_writes(processed_at="2026-01-02T03:04:05.700Z")
    old = catalog.read(IMAGE)
    assert old
    assert old.revision == MS + 22
    row = catalog.commit(catalog.claim(IMAGE, at(2)), failed(at(2)))
    assert row.revision == MS + 22, "nothing new, although the clock is behind"
    row = catalog.commit(catalog.claim(IMAGE, at(3)), state(at(3), OLD))
    assert row.revision == MS + 23
    as_0_1_0_writes(processed_at="2026-01-02T03:05:00.000Z", etag="written after a step back")
    stepped_back = catalog.read(IMAGE)
    assert stepped_back
    assert stepped_back.revision == MS + 54_322
    again = catalog.keep(stepped_back, at(4), Seen("v1", "source-etag", 1))
    assert again.revision == MS + 54_323


@pytest.mark.parametrize(
    ("call", "doing"),
    [
        (lambda catalog: catalog.read(IMAGE), "reading the catalog"),
        (lambda catalog: catalog.commit_first(IMAGE, state(at(1))), "writing the catalog"),
        (lambda catalog: catalog.claim(IMAGE, at(1)), "claiming a catalog row"),
        (lambda catalog: catalog.settle(Row(IMAGE, Status.READY, at(1), at(1), 0)), "settling a catalog row"),
    ],
)
def test_a_missing_table_is_systemic_and_says_while_doing_what(catalog: Catalog, call: Any, doing: str) -> None:
    client("dynamodb").delete_table(TableName=TABLE)
    with pytest.raises(Systemic, match=f"ResourceNotFoundException while {doing}"):
        call(catalog)
