"""Many cameras of the docs in one process, to be killed: `python -m support.crowd FILE`, which says who they are.

Whatever they say and hear is appended to a log, a line a message.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from support.cameras import camera_of_the_docs


@dataclass(frozen=True)
class Crowd:
    """Device files and the folders that belong to them."""

    cameras: dict[str, str]
    log: str
    patience: float
    in_message: int

    @classmethod
    def read(cls, file: Path) -> Self:
        """One that was written."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def write(self, file: Path) -> None:
        """Tell the process who they are."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def run(self) -> None:
        """Until killed."""
        docs = camera_of_the_docs()
        log = Path(self.log).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until it is killed

        def note(thing: str, kind: str, said: Any) -> None:
            log.write(json.dumps({"thing": thing, "kind": kind, "said": said}) + "\n")

        for file, folder in self.cameras.items():
            device = docs.Device.read(Path(file))
            camera = docs.Camera(device, Path(folder), patience=self.patience, in_message=self.in_message)
            _overhear(camera, device.thing, note)
            threading.Thread(target=camera.run, kwargs={"watch": True}).start()


def _overhear(camera: Any, thing: str, note: Any) -> None:
    put, publish = camera.heard.put, camera.client.publish

    def heard(message: tuple[str, Any]) -> None:
        note(thing, *message)
        put(message)

    def published(packet: Any) -> Any:
        note(thing, "request", json.loads(packet.payload))
        return publish(packet)

    camera.heard = _Heard(heard, camera.heard.get)
    camera.client.publish = published


@dataclass(frozen=True)
class _Heard:
    """A queue that is overheard."""

    put: Any
    get: Any


if __name__ == "__main__":
    Crowd.read(Path(sys.argv[1])).run()
