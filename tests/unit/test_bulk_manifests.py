"""S3 Inventory: what was current when it was written, in either format, from a bucket or from files."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from support.inventories import BUCKET, DELIVERY, FOLDER, LOCATION, MANIFEST, InventoryRow, deliver, in_csv, in_parquet
from support.memory_aws import MemoryS3
from thumbctl.backfill import manifests
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.listing import Listed

if TYPE_CHECKING:
    from pathlib import Path


def delivered(*files: bytes, **other: Any) -> Any:
    """An S3 that has an inventory of these files."""
    s3 = MemoryS3()
    s3.create_bucket(Bucket=DELIVERY)
    deliver(s3, *files, **other)
    return s3


def read(s3: Any, location: str = LOCATION, *, prefix: str = "") -> manifests.Manifest:
    return manifests.read(s3, location, bucket=BUCKET, prefix=prefix)


def keys(manifest: manifests.Manifest) -> list[str]:
    return [listed.key for part in manifest.parts() for _, listed in manifest.objects(part, "")]


_FORMS = pytest.mark.parametrize(("form", "written"), [("CSV", in_csv), ("Parquet", in_parquet)])


@_FORMS
def test_only_what_is_current(form: str, written: Any) -> None:
    rows = [
        InventoryRow("a b+c%.jpg"),
        InventoryRow("old.jpg", is_latest=False),
        InventoryRow("gone.jpg", None, None, is_delete_marker=True),
        InventoryRow("d.jpg", 9, "f" * 32),
    ]
    manifest = read(delivered(written(rows[:3]), written(rows[3:]), form=form))
    assert [
        [listed for _, listed in manifest.objects(part, "")] for part in manifest.parts()
    ] == [[Listed("a b+c%.jpg", 7, "e" * 32, None)], [Listed("d.jpg", 9, "f" * 32, None)]]  # fmt: skip


def test_an_inventory_of_current_versions() -> None:
    content = gzip.compress(b'"uploads","a%2Bb.jpg","7","abc"\n')
    manifest = read(delivered(content, schema="Bucket, Key, Size, ETag"))
    assert keys(manifest) == ["a+b.jpg"]


@_FORMS
@given(data=st.data())
def test_any_key_from_any_row_on(form: str, written: Any, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=12))
    manifest = read(delivered(written([InventoryRow(name) for name in names]), form=form))
    (part,) = manifest.parts()
    found = list(manifest.objects(part, ""))
    assert [listed.key for _, listed in found] == names
    stopped = data.draw(st.integers(0, len(found)))
    position = found[stopped - 1][0] if stopped else ""
    assert list(manifest.objects(part, position)) == found[stopped:]


def test_only_keys_that_begin_so() -> None:
    manifest = read(delivered(in_csv([InventoryRow("a/1"), InventoryRow("b/1"), InventoryRow("a/2")])), prefix="a/")
    assert keys(manifest) == ["a/1", "a/2"]


@pytest.mark.parametrize("beside", ["..", "2026-01-02T00-00Z"])
def test_from_files(tmp_path: Path, beside: str) -> None:
    s3 = delivered(in_csv([InventoryRow("a.jpg")]))
    manifest = tmp_path / "2026-01-02T00-00Z" / "manifest.json"
    data = tmp_path / "data" if beside == ".." else tmp_path / beside
    for file, key in ((manifest, MANIFEST), (data / "0", f"{FOLDER}/data/0")):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(s3.get_object(Bucket=DELIVERY, Key=key)["Body"].read())
    nowhere: Any = None
    assert keys(read(nowhere, str(manifest))) == ["a.jpg"]
    (data / "0").unlink()
    with pytest.raises(ThumbctlError, match=r"0 is neither .* nor .*: copy the inventory's files there"):
        keys(read(nowhere, str(manifest)))


def test_a_file_that_is_not_what_was_written() -> None:
    s3 = delivered(in_csv([InventoryRow("a.jpg")]))
    s3.put_object(Bucket=DELIVERY, Key=f"{FOLDER}/data/0", Body=in_csv([InventoryRow("b.jpg")]), ContentType="")
    with pytest.raises(ThumbctlError, match="data/0 of the inventory is not what its manifest says"):
        keys(read(s3))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"sourceBucket": "others"}, "is an inventory of others, and this stack's images are in uploads"),
        ({"fileFormat": "ORC"}, "is an inventory in ORC"),
        ({"fileSchema": "Bucket, Key"}, "The inventory has no Size and no ETag"),
        ({"files": 7}, "is no manifest of S3 Inventory"),
    ],
)
def test_what_cannot_be_used_is_said(other: dict[str, Any], words: str) -> None:
    with pytest.raises(ThumbctlError, match=words):
        read(delivered(in_csv([]), **other))


def test_parquet_without_etags() -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"key": ["a"], "size": [1]}), sink)
    with pytest.raises(ThumbctlError, match="The inventory has no ETag"):
        keys(read(delivered(sink.getvalue(), form="Parquet")))


@pytest.mark.parametrize("location", ["s3://inventories/none.json", "none.json"])
def test_no_such_manifest(location: str) -> None:
    with pytest.raises(ThumbctlError, match=r"none\.json"):
        read(delivered(), location)
