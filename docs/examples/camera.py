"""A camera: it uploads the pictures of a folder, and forgets each only when it was told what became of it.

    python camera.py device.json pictures/

The folder is its whole memory, so it may be killed at any moment, and goes on where it was. Pictures have to come into
the folder whole, by a rename. It needs `awscrt`; device.json and what it names are written by `thumbctl devices add`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import queue
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awscrt import io, mqtt5

TYPES = {".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
AT_ONCE = 4
# A message of MQTT may have 128 KB on AWS, and base64 makes four bytes of three.
IN_MESSAGE = 95_000


@dataclass(frozen=True)
class Device:
    """Who the camera is, and where it connects. Without `ca` it trusts whom the machine trusts, as is right on AWS."""

    endpoint: str
    port: int
    thing: str
    topic_prefix: str
    certificate: Path
    key: Path
    ca: Path | None

    @classmethod
    def read(cls, file: Path) -> Device:
        """What device.json says; the files that it names lie beside it."""
        said = json.loads(file.read_text(encoding="utf-8"))
        here = {name: said[name] and file.parent / said[name] for name in ("certificate", "key", "ca")}
        return cls(said["endpoint"], said["port"], said["thing"], said["topic_prefix"], **here)


@dataclass
class Picture:
    """One that is not decided yet. Its id is its content's hash: the same after a restart, and never another's."""

    file: Path
    id: str
    ask_at: float = 0.0
    asks: int = 0
    is_there: bool = False
    """Whether it is in the bucket, and only its status is missing."""


class Camera:
    """Asks, uploads, and waits for statuses; asks again where none has come after some `patience`, in seconds."""

    def __init__(self, device: Device, folder: Path, *, patience: float = 60, in_message: int = IN_MESSAGE) -> None:
        self.folder, self.patience, self.in_message = folder, patience, in_message
        self.topics = f"{device.topic_prefix}/{device.thing}/uploads"
        self.pictures: dict[Path, Picture] = {}
        self.heard: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.connected = threading.Event()
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(str(device.certificate), str(device.key))
        if device.ca:
            tls.override_default_trust_store_from_path(None, str(device.ca))
        session = mqtt5.ConnectPacket(
            client_id=device.thing, keep_alive_interval_sec=30, session_expiry_interval_sec=3600
        )
        self.client = mqtt5.Client(
            mqtt5.ClientOptions(
                device.endpoint,
                device.port,
                tls_ctx=io.ClientTlsContext(tls),
                connect_options=session,
                session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
                retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.FULL,
                min_reconnect_delay_ms=int(10 * patience),
                max_reconnect_delay_ms=int(1000 * patience),
                on_publish_callback_fn=self._hear,
                on_lifecycle_event_connection_success_fn=self._subscribe,
                on_lifecycle_event_disconnection_fn=lambda _: self.connected.clear(),
            )
        )

    def run(self, *, watch: bool = False) -> None:
        """Go on until the folder is empty; with `watch`, for ever."""
        self.client.start()
        while self._look() or watch:
            self._ask()
            try:
                kind, said = self.heard.get(timeout=min(1.0, self.patience / 4))
            except queue.Empty:
                continue
            for picture in [each for each in self.pictures.values() if each.id == said.get("id")]:
                self._take(picture, kind, said)
        self.client.stop()

    def _hear(self, event: mqtt5.PublishReceivedData) -> None:
        packet = event.publish_packet
        self.heard.put((packet.topic.rpartition("/")[2], json.loads(packet.payload)))

    def _subscribe(self, _: mqtt5.LifecycleConnectSuccessData) -> None:
        topics = [f"{self.topics}/{kind}" for kind in ("accepted", "rejected", "status")]
        wanted = [mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE) for topic in topics]
        self.client.subscribe(mqtt5.SubscribePacket(subscriptions=wanted))
        self.connected.set()  # what is published from now on follows the subscription

    def _look(self) -> bool:
        """Take up the next pictures of the folder; whether there are any."""
        files = [file for file in sorted(self.folder.iterdir()) if file.suffix.lower() in TYPES]
        self.pictures = {file: picture for file, picture in self.pictures.items() if file in files}
        for file in files[:AT_ONCE]:
            if file not in self.pictures:
                self.pictures[file] = Picture(file, hashlib.sha256(file.read_bytes()).hexdigest())
        return bool(self.pictures)

    def _ask(self) -> None:
        for picture in self.pictures.values():
            if self.connected.is_set() and picture.ask_at <= time.monotonic():
                content, kind = picture.file.read_bytes(), TYPES[picture.file.suffix.lower()]
                request = {"id": picture.id, "bytes": len(content), "type": kind, "sha256": picture.id}
                if len(content) <= self.in_message and not picture.is_there:
                    request["body"] = base64.b64encode(content).decode()
                self._wait(picture)
                message = mqtt5.PublishPacket(
                    topic=f"{self.topics}/request", payload=json.dumps(request), qos=mqtt5.QoS.AT_LEAST_ONCE
                )
                self.client.publish(message)

    def _wait(self, picture: Picture, at_least: float = 0) -> None:
        """Wait with the next question: longer each time, and not when all others ask."""
        longest = self.patience * 2 ** min(picture.asks, 6)
        picture.asks += 1
        picture.ask_at = time.monotonic() + max(at_least, random.uniform(longest / 2, longest))  # noqa: S311

    def _take(self, picture: Picture, kind: str, said: dict[str, Any]) -> None:
        """Do what an answer or a status says; they come in any order, and more than once."""
        if said["status"] in ("READY", "FAILED", "DELETED"):
            self._forget(picture, said["status"], said.get("reason", ""))
        elif kind == "accepted":
            picture.asks, picture.is_there = 0, "upload" not in said or self._put(picture, said["upload"])
            self._wait(picture)
        elif "retry_after" in said:
            self._wait(picture, said["retry_after"])
        else:
            self._forget(picture, "REFUSED", f"{said['type']} {said.get('detail', said['title'])}")

    @staticmethod
    def _put(picture: Picture, upload: dict[str, Any]) -> bool:
        """Upload it; whether it is there. What nobody tells us will be told when we ask again: we never PUT twice."""
        request = urllib.request.Request(
            upload["url"], data=picture.file.read_bytes(), headers=upload["headers"], method=upload["method"]
        )
        try:
            with urllib.request.urlopen(request, timeout=60):
                return True
        except urllib.error.HTTPError as refusal:
            return refusal.code == http.client.PRECONDITION_FAILED
        except (OSError, http.client.HTTPException):
            return False

    def _forget(self, picture: Picture, outcome: str, why: str) -> None:
        """Move it out of the way, under the name by which it is known."""
        aside = self.folder / outcome.lower() / (picture.id + picture.file.suffix)
        aside.parent.mkdir(exist_ok=True)
        picture.file.replace(aside)
        del self.pictures[picture.file]
        sys.stdout.write(f"{picture.file.name} {outcome} {why}".rstrip() + "\n")
        sys.stdout.flush()


def main() -> None:
    """Be a camera."""
    parser = argparse.ArgumentParser(description="Upload the pictures of a folder by AWS IoT Core.")
    parser.add_argument("device", type=Path, help="device.json, as thumbctl writes it")
    parser.add_argument("folder", type=Path, help="where the pictures are")
    parser.add_argument("--watch", action="store_true", help="go on when all are decided, for those that come")
    parser.add_argument("--patience", type=float, default=60, help="seconds until it asks again what became of one")
    parser.add_argument("--in-message", type=int, default=IN_MESSAGE, help="bytes that a picture in a message may have")
    said = parser.parse_args()
    Camera(Device.read(said.device), said.folder, patience=said.patience, in_message=said.in_message).run(
        watch=said.watch
    )


if __name__ == "__main__":
    main()
