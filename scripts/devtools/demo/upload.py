"""Uploads the samples, then overwrites some and deletes others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_s3 import S3Client

    from devtools.demo.samples import Sample

# As many as a boto3 client keeps connections for.
_AT_ONCE = 10


@dataclass(frozen=True)
class Uploaded:
    """A sample where it now is. `etag` and `version_id` are those of the last body put there."""

    sample: Sample
    key: str
    etag: str
    version_id: str | None


@dataclass(frozen=True)
class Uploader:
    """Uploads below `prefix` of `bucket`, several objects at once."""

    s3: S3Client
    bucket: str
    prefix: str

    def upload(self, samples: Sequence[Sample], show: Callable[[int], None]) -> tuple[Uploaded, ...]:
        """Put every body of every sample, the bodies of one key in their order, then delete what is to go.

        Calls `show` with the number of samples whose first body has arrived.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                newest: dict[str, Uploaded] = {}
                for uploaded in pool.map(lambda sample: self._put(sample, 0), samples):
                    newest[uploaded.key] = uploaded
                    show(len(newest))
                for index in range(1, max(len(sample.bodies) for sample in samples)):
                    changed = [sample for sample in samples if len(sample.bodies) > index]
                    for uploaded in pool.map(self._put, changed, [index] * len(changed)):
                        newest[uploaded.key] = uploaded
                gone = [uploaded for uploaded in newest.values() if uploaded.sample.deleted]
                newest |= {uploaded.key: uploaded for uploaded in pool.map(self._delete, gone)}
            except BaseException:
                # Whoever presses Ctrl-C does not want to wait for ten thousand uploads.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return tuple(newest.values())

    def _put(self, sample: Sample, index: int) -> Uploaded:
        key = self.prefix + sample.key
        answer = self.s3.put_object(
            Bucket=self.bucket, Key=key, Body=sample.body(index), ContentType=sample.content_type
        )
        return Uploaded(sample, key, answer["ETag"].strip('"'), answer.get("VersionId"))

    def _delete(self, uploaded: Uploaded) -> Uploaded:
        marker = self.s3.delete_object(Bucket=self.bucket, Key=uploaded.key)
        return replace(uploaded, version_id=marker.get("VersionId"))
