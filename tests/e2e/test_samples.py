"""The demo's own samples through the whole pipeline: each ends as it should, and its thumbnails open."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from devtools.demo.samples import Sample, built_in
from support.deployment import eventually

if TYPE_CHECKING:
    from support.deployment import Deployment

SAMPLES = built_in()


@pytest.fixture(scope="module")
def _uploaded(deployment: Deployment) -> None:
    """Upload everything at once, so that the tests wait for one import and not for thirty."""
    for sample in SAMPLES:
        for index in range(len(sample.bodies)):
            deployment.upload(sample.key, sample.body(index), sample.content_type)
        if sample.deleted:
            deployment.delete(sample.key)


@pytest.mark.usefixtures("_uploaded")
@pytest.mark.e2e
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.key)
def test_sample_ends_as_expected(deployment: Deployment, sample: Sample) -> None:
    assert sample.expected is not None
    if sample.expected == "READY":
        etag = deployment.s3.head_object(Bucket=deployment.outputs["source_bucket"], Key=sample.key)["ETag"]
        row = deployment.row_when(sample.key, "READY", etag=etag.strip('"'))
        assert deployment.thumbnail_keys(sample.key) == {rendition["key"] for rendition in row["renditions"]}
        for rendition in row["renditions"]:
            data, etag = deployment.thumbnail_and_etag(rendition["key"])
            assert data is not None
            assert (len(data), etag) == (rendition["bytes"], rendition["etag"])
            with Image.open(BytesIO(data)) as thumbnail:
                thumbnail.load()
                assert thumbnail.size == (rendition["width"], rendition["height"])
    else:
        row = deployment.row_when(sample.key, sample.expected)
        assert bool(row.get("reason")) == (sample.expected == "FAILED")
        eventually(f"{sample.key} has no thumbnails", lambda: not deployment.thumbnail_keys(sample.key))
    eventually(
        f"{sample.key} is announced",
        lambda: (
            (event := deployment.newest_announced(sample.key))
            and (event["data"]["status"], int(event["sequence"])) == (sample.expected, deployment.revision(sample.key))
        ),
    )
