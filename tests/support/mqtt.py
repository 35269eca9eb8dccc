"""Devices of AWS IoT: their certificates, and a client of MQTT 5 that tells how it was answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from awscrt import io, mqtt5
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devtools.localaws.processes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECONDS: Final = 20


@dataclass(frozen=True)
class Broker:
    """Where devices connect, and whom they trust."""

    port: int
    ca: Path

    @classmethod
    def of(cls, endpoint_url: str, port: int, directory: Path) -> Self:
        """The one of an emulator."""
        ca = directory / "ca.pem"
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/iot/ca.pem", timeout=_SECONDS) as answer:
            ca.write_bytes(answer.read())
        return cls(port, ca)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    arn: str
    certificate: Path
    key: Path

    @property
    def id(self) -> str:
        """Of the certificate."""
        return self.arn.rpartition("/")[2]

    @classmethod
    def written(cls, arn: str, pem: str, private_key: str, directory: Path) -> Self:
        """Write both into a new folder of `directory`."""
        home = directory / arn.rpartition("/")[2][:16]
        home.mkdir()
        (home / "certificate.pem").write_text(pem, encoding="ascii")
        (home / "private.key").write_text(private_key, encoding="ascii")
        return cls(arn, home / "certificate.pem", home / "private.key")

    @classmethod
    def made(cls, iot: Any, directory: Path, policy: str, thing: str | None = None) -> Self:
        """Make an active one with this policy, and attach it to a thing that there is."""
        key = ec.generate_private_key(ec.SECP256R1())
        nobody = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing or "claim")])
        asked = x509.CertificateSigningRequestBuilder().subject_name(nobody).sign(key, hashes.SHA256())
        pem = asked.public_bytes(serialization.Encoding.PEM).decode()
        made = iot.create_certificate_from_csr(certificateSigningRequest=pem, setAsActive=True)
        arn = made["certificateArn"]
        iot.attach_policy(policyName=policy, target=arn)
        if thing:
            iot.attach_thing_principal(thingName=thing, principal=arn)
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return cls.written(arn, made["certificatePem"], key.private_bytes(*form).decode(), directory)


@dataclass
class Connection:
    """One client. It does not subscribe by itself, nor come back once it was ended."""

    broker: Broker
    identity: Identity
    client_id: str
    expires: int = 0
    """Seconds for which the broker is to keep its session when it is away."""
    heard: queue.SimpleQueue[tuple[str, bytes]] = field(default_factory=queue.SimpleQueue)
    ended: threading.Event = field(default_factory=threading.Event)
    resumed: bool = False

    def __enter__(self) -> Self:
        """Connect; raises PermissionError where it is not let in."""
        answered: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(
            str(self.identity.certificate), str(self.identity.key)
        )
        tls.override_default_trust_store_from_path(None, str(self.broker.ca))

        def refused(failure: mqtt5.LifecycleConnectFailureData) -> None:
            packet = failure.connack_packet
            why = packet.reason_code.name if packet else str(failure.exception)
            answered.put(PermissionError(f"{self.client_id}: {why}"))

        def connected(success: mqtt5.LifecycleConnectSuccessData) -> None:
            self.resumed = bool(success.connack_packet.session_present)
            answered.put(None)

        options = mqtt5.ClientOptions(
            LOOPBACK,
            self.broker.port,
            tls_ctx=io.ClientTlsContext(tls),
            connect_options=mqtt5.ConnectPacket(client_id=self.client_id, session_expiry_interval_sec=self.expires),
            session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            min_reconnect_delay_ms=60_000,
            max_reconnect_delay_ms=60_000,
            on_publish_callback_fn=self._hear,
            on_lifecycle_event_connection_success_fn=connected,
            on_lifecycle_event_connection_failure_fn=refused,
            on_lifecycle_event_disconnection_fn=lambda _: self.ended.set(),
            on_lifecycle_event_stopped_fn=lambda _: self.ended.set(),
        )
        self._client = mqtt5.Client(options)
        self._client.start()
        if failure := answered.get(timeout=_SECONDS):
            self._client.stop()
            raise failure
        return self

    def __exit__(self, *_: object) -> None:
        """Be gone without a word, as whoever loses power."""
        self._client.stop()
        assert self.ended.wait(_SECONDS)

    def publish(self, topic: str, payload: object) -> str:
        """What the broker acknowledges it with."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        packet = mqtt5.PublishPacket(topic=topic, payload=body, qos=mqtt5.QoS.AT_LEAST_ONCE)
        name: str = self._client.publish(packet).result(_SECONDS).puback.reason_code.name
        return name

    def subscribe(self, topic: str) -> str:
        """What the broker answers."""
        wanted = [mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)]
        packet = mqtt5.SubscribePacket(subscriptions=wanted)
        name: str = self._client.subscribe(packet).result(_SECONDS).reason_codes[0].name
        return name

    def hears(self, wanted: Callable[[str, Any], bool] = lambda _topic, _said: True) -> tuple[str, Any]:
        """The next message that is wanted, and its topic; what else comes is dropped."""
        while True:
            topic, payload = self.heard.get(timeout=_SECONDS)
            said = json.loads(payload)
            if wanted(topic, said):
                return topic, said

    def _hear(self, event: mqtt5.PublishReceivedData) -> None:
        self.heard.put((event.publish_packet.topic, bytes(event.publish_packet.payload)))


class Line:
    """What lies between devices and a broker, and can be cut."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._ends: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    def __enter__(self) -> Self:
        """Let devices connect to `port`."""
        self._thread.start()
        opened = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._carry, LOOPBACK, 0), self._loop)
        self._server = opened.result(_SECONDS)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        """Cut it for good."""

        async def close() -> None:
            self._server.close()
            await self._server.wait_closed()
            self.cut()
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """End all connections as they are, in the middle of whatever is said."""

        def abort() -> None:
            for end in self._ends:
                end.transport.abort()
            self._ends.clear()

        self._loop.call_soon_threadsafe(abort)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._broker.port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await reader.read(65536):
                writer.write(said)
                await writer.drain()
        writer.close()
