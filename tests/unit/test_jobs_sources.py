"""Where a job's objects come from: whatever the ranges are, everything comes once, and from any place on."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from support.inventories import BUCKET, DELIVERY, LOCATION, InventoryRow, deliver, in_csv
from support.memory_aws import MemoryS3
from thumbnail_pipeline.jobs import sources
from thumbnail_pipeline.jobs.ranges import Range
from thumbnail_pipeline.jobs.records import JobInventory
from thumbnail_pipeline.jobs.sources import InventorySource, ListedSource, SourceChanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thumbnail_pipeline.jobs.sources import JobSource

_NAMES = st.lists(st.text("ab/é +%", min_size=1, max_size=6), unique=True, max_size=14)


def listed(names: Iterable[str]) -> ListedSource:
    s3: Any = MemoryS3()
    s3.create_bucket(Bucket=BUCKET)
    s3.keys_a_page = 3
    for name in names:
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"", ContentType="")
    return ListedSource(s3, BUCKET, "", small=2)


def inventoried(*files: bytes, prefix: str = "") -> InventorySource:
    s3: Any = MemoryS3()
    s3.create_bucket(Bucket=DELIVERY)
    return InventorySource(s3, JobInventory(LOCATION, deliver(s3, *files)), prefix)


def of_files(names: list[str], files: int) -> InventorySource:
    """An inventory of these names, in so many files; each has an older version."""
    rows = [InventoryRow(name, is_latest=is_latest) for name in names for is_latest in (False, True)]
    return inventoried(*(in_csv(rows[first::files]) for first in range(files)))


def keys(source: JobSource, within: Range, most: int = 2) -> list[str]:
    return [each.key for page in source.pages(within, most) for _, each in page.placed]


@given(names=_NAMES, files=st.integers(0, 6), wanted=st.integers(1, 8), data=st.data())
def test_every_object_is_in_one_range(names: list[str], files: int, wanted: int, data: st.DataObject) -> None:
    source: JobSource = of_files(names, files) if files else listed(names)
    ranges = list(source.split(wanted))
    for _ in range(data.draw(st.integers(0, 3))):
        whole = data.draw(st.sampled_from(ranges))
        border = source.halve(whole)
        if border is not None:
            assert border > whole.after
            assert whole.until is None or border < whole.until
            at = ranges.index(whole)
            ranges[at : at + 1] = [Range(whole.after, border), Range(border, whole.until)]
    assert sorted(key for each in ranges for key in keys(source, each)) == sorted(names)


@given(names=_NAMES, files=st.integers(0, 4), most=st.integers(1, 5), data=st.data())
def test_it_goes_on_behind_any_place(names: list[str], files: int, most: int, data: st.DataObject) -> None:
    source: JobSource = of_files(names, files) if files else listed(names)
    pages = list(source.pages(Range(), most))
    whole = [placed for page in pages for placed in page.placed]
    assert [place for place, _ in whole] == sorted(place for place, _ in whole)
    assert all(len(page.placed) <= most for page in pages)
    for page in pages:
        behind = [each.key for place, each in whole if place > page.reached]
        assert keys(source, Range(page.reached)) == behind
    if whole:
        stopped = data.draw(st.integers(1, len(whole)))
        assert keys(source, Range(whole[stopped - 1][0])) == [each.key for _, each in whole[stopped:]]


def test_a_turn_can_end_amid_rows_that_are_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_ROWS_A_PAGE", 4)
    rows = [*(InventoryRow(f"b/{number}") for number in range(10)), InventoryRow("a/1")]
    source = inventoried(in_csv(rows), prefix="a/")
    pages = list(source.pages(Range(), 1000))
    assert [len(page.placed) for page in pages] == [0, 0, 1]
    assert keys(source, Range(pages[1].reached)) == ["a/1"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (in_csv([InventoryRow(f"{number}") for number in range(100)])[:-20], r"behind row \d+: .*end"),
        (b"Bucket,Key", r"behind row 0: Not a gzipped file"),
        (gzip.compress(b'"uploads","a","v","true","false","size","e"'), r"behind row 0: invalid literal"),
        (gzip.compress(b'"uploads","a"'), r"behind row 0: zip"),
        (gzip.compress(b'"others","a","v","true","false","1","e"'),
         r"behind row 1: it is of the bucket 'others'"),
    ],
    ids=["cut", "plain", "header", "columns", "bucket"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=f"data/0 of the inventory cannot be read {says}"):
        keys(inventoried(content), Range())


def test_empty_lines_are_no_rows() -> None:
    source = inventoried(
        gzip.compress(b'"uploads","a","v","TRUE","false","1","e"\n\n"uploads","b","v","true","","1","e"\n')
    )
    pages = list(source.pages(Range(), 1))
    assert [each.key for page in pages for _, each in page.placed] == ["a", "b"]
    assert keys(source, Range(pages[0].reached)) == ["b"]


def test_another_manifest_in_its_place_is_noticed() -> None:
    source = inventoried(in_csv([InventoryRow("a"), InventoryRow("b")]))
    deliver(source.s3, in_csv([InventoryRow("b")]))
    with pytest.raises(SourceChanged, match="was written anew since it began"):
        keys(source, Range())


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    source: Any = inventoried(in_csv([InventoryRow(f"{number:05d}") for number in range(2000)]))
    read = source.s3.get_object
    broken: list[str] = []

    def breaks_once(**request: Any) -> Any:
        answer = read(**request)
        if not broken and request["Key"].endswith("/data/0"):
            broken.append(request["Key"])
            answer["Body"] = _Broken(answer["Body"])
        return answer

    source.s3.get_object = breaks_once
    assert keys(source, Range(), most=10) == [f"{number:05d}" for number in range(2000)]
    assert broken


class _Broken:
    """An answer that stalls in its middle."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._left = 4000

    def read(self, size: int = -1) -> bytes:
        if self._left <= 0:
            raise ReadTimeoutError(endpoint_url="s3")
        data: bytes = self._body.read(min(size, self._left) if size > 0 else self._left)
        self._left -= len(data)
        return data

    def close(self) -> None:
        pass


def test_one_file_is_never_divided() -> None:
    source = of_files([f"{number}" for number in range(9)], 3)
    assert source.halve(Range("000002")) is None
    assert source.halve(Range("000001.000000000002", "000002")) is None
    assert source.halve(Range("", "000002")) == "000001"
