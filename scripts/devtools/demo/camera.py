"""The demo's camera: the client of docs/devices.md, as it stands, with some of the samples in its folder."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.cameras import Camera, wait
from devtools.demo.upload import Uploaded
from devtools.errors import DevtoolsError
from thumbctl.conventions import counted
from thumbctl.stack import Stack
from thumbnail_pipeline.things import key_of_thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devtools.demo.samples import Sample
    from devtools.localaws.processes import Process
    from devtools.localaws.stack import LocalStack

_THING: Final = "camera"
_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
_LARGEST_BYTES: Final = 2**21
_PICTURES: Final = 3
_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Filming:
    """A camera that uploads its pictures by itself."""

    stack: LocalStack
    camera: Camera
    process: Process
    pictures: tuple[Sample, ...]

    def uploaded(self) -> tuple[Uploaded, ...]:
        """Its pictures, once it was told what became of each. Raises DevtoolsError where it was not."""
        wait(self.process, seconds=_SECONDS)
        if len(self.camera.told()) < len(self.pictures):
            raise DevtoolsError(f"the camera was not told of all its pictures; what it said is in {self.camera.log}")
        return tuple(self._found(picture) for picture in self.pictures)

    @property
    def words(self) -> str:
        """What it did, in a line."""
        outcomes = Counter(line.split()[1] for line in self.camera.told())
        told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
        return f"a camera uploaded {counted(len(self.pictures), 'picture')} over MQTT, and was told: {told}"

    def _found(self, picture: Sample) -> Uploaded:
        key = self.stack.outputs["source_prefix"] + picture.key
        found = self.stack.client("s3").head_object(Bucket=self.stack.outputs["source_bucket"], Key=key)
        return Uploaded(picture, key, found["ETag"].strip('"'), found.get("VersionId"))


@contextlib.contextmanager
def filming(stack: LocalStack, samples: Sequence[Sample]) -> Iterator[Filming]:
    """Add a camera to the stack and let it upload some of the samples, until it is through or the block ends."""
    deployment = Stack("the local stack", stack.outputs, stack.client, mqtt_port=stack.mqtt_port)
    camera, chosen = Camera.added(deployment, _THING, stack.directory / _THING), _chosen(samples)
    pictures = {f"{number}{Path(sample.key).suffix}": sample.body() for number, sample in enumerate(chosen)}
    with camera.uploading(pictures) as process:
        yield Filming(stack, camera, process, tuple(_as_its_own(sample) for sample in chosen))


def _chosen(samples: Sequence[Sample]) -> list[Sample]:
    """Some small ones, which go into a message, and one that does not."""
    fitting = [
        each
        for each in samples
        if each.content_type in _TYPES and len(each.bodies) == 1 and not each.deleted and each.expected != "FAILED"
    ]
    sized = [(len(each.body()), each.key, each) for each in fitting]
    by_size = [each for size, _, each in sorted(sized, key=lambda one: one[:2]) if 0 < size <= _LARGEST_BYTES]
    return by_size[: _PICTURES - 1] + by_size[_PICTURES - 1 :][-1:]


def _as_its_own(sample: Sample) -> Sample:
    own_id = hashlib.sha256(sample.body()).hexdigest()
    return replace(
        sample, key=key_of_thing("", _THING, own_id), group="Uploaded by a camera, over MQTT", about=f"As {sample.key}"
    )
