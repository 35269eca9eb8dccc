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
from thumbnail_pipeline.rows import Row
from thumbnailer.catalog import Catalog, State, Superseded

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
