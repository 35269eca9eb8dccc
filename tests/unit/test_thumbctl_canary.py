"""The canary of thumbctl doctor: it goes the whole way, says how far it came, and never stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from support.notifications import record
from support.operations import Operations
from support.pipeline import THUMBNAILS, UPLOADS, event
from thumbctl.doctor import canary

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sky(Operations):
    """A stack whose function works while the canary waits: what happened to its bucket since, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.prefix = "photos/"
        self.seconds = 0.0
        self.works = {"created", "removed"}
        self.loses_thumbnails = False
        self._told: list[str] = []

    def fly(self, within: float = 10) -> canary.Flight:
        return canary.fly(self.stack, within, clock=lambda: self.seconds, sleep=self._sleep)

    def sources(self) -> list[str]:
        """The keys of the uploads bucket."""
        return [each["Key"] for each in self.bench.s3.list_objects_v2(Bucket=UPLOADS).get("Contents", [])]

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for version in self.bench.s3.list_object_versions(Bucket=UPLOADS).get("Versions", []):
            self._apply("created", "ObjectCreated:Put", version["Key"], "01", version["ETag"].strip('"'))
        for marker in self.bench.s3.list_object_versions(Bucket=UPLOADS).get("DeleteMarkers", []):
            self._apply("removed", "ObjectRemoved:DeleteMarkerCreated", marker["Key"], "02", None)
        if self.loses_thumbnails:
            for key in self.bench.thumbnails():
                self.bench.s3.delete_object(Bucket=THUMBNAILS, Key=key)

    def _apply(self, what: str, name: str, key: str, sequencer: str, etag: str | None) -> None:
        if what in self.works and what not in self._told:
            self._told.append(what)
            told = event(record(key, name=name, bucket=UPLOADS, sequencer=sequencer, etag=etag, size=None))
            self.bench.pipeline.apply(told, attempt=1)


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sky]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield Sky(monkeypatch)


def test_it_gets_through_and_leaves_nothing(sky: Sky) -> None:
    assert sky.fly() == canary.Flight(thumbnails=2, ready_seconds=0.5, gone_seconds=0.5)
    assert (sky.sources(), sky.bench.thumbnails()) == ([], {})
    (key,) = [each["Key"] for each in sky.bench.s3.list_object_versions(Bucket=UPLOADS)["Versions"]]
    assert key.startswith("photos/.thumbctl-canary/")
    assert key.endswith(".jpg")


def test_nobody_hears_of_it(sky: Sky) -> None:
    sky.works = set()
    with pytest.raises(canary.CanaryDied, match=r"after 10 seconds photos/\S+ was not in the catalog and not READY"):
        sky.fly()
    assert sky.sources() == []


def test_it_fails(sky: Sky) -> None:
    sky.bench.configure(limits={"pixels": 100})
    with pytest.raises(canary.CanaryDied, match=r"FAILED \(too-many-pixels: "):
        sky.fly()
    assert sky.sources() == []


def test_its_thumbnails_are_not_there(sky: Sky) -> None:
    sky.loses_thumbnails = True
    with pytest.raises(canary.CanaryDied, match=r"is READY, and there is no large/photos/\S+ and no small/photos/"):
        sky.fly()
    assert sky.sources() == []


def test_nobody_hears_that_it_was_deleted(sky: Sky) -> None:
    sky.works = {"created"}
    with pytest.raises(canary.CanaryDied, match="was READY and not DELETED, with its thumbnails gone"):
        sky.fly()
    assert sky.sources() == []


def test_whoever_interrupts_it_leaves_no_source(sky: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sky, "_sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sky.fly()
    assert sky.sources() == []
