"""Answers a device's request: whether its image is decided upon, has arrived, or may be uploaded.

Whatever is done here may be done twice: a device repeats its request until it has heard, and Lambda an invocation that
failed. The image's key follows from the request, so that each comes to the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from device_asks.config import DeviceAsksConfig
from thumbnail_pipeline.asking.asks import AskTable, ask_key
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.intake import PENDING, Intake
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.things import key_of_thing, topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from device_asks.requests import DeviceRequest

__all__ = ["Gate", "Reply"]

_ASKS_KNOWN_SECONDS: Final = 2 * 86_400


@dataclass(frozen=True)
class Reply:
    """What a device hears whose request is not refused, and a word for it in the log."""

    outcome: str
    message: Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """What a warm function keeps between requests.

    gate = Gate.start(os.environ)
    gate.tell(thing, ACCEPTED, gate.answer(thing, request).message)
    """

    config: DeviceAsksConfig
    aws: Aws
    asks: AskTable
    intake: Intake
    clock: Callable[[], float] = time.time

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Gate:
        """Read the environment; nothing goes over the network. Raises Systemic."""
        config = DeviceAsksConfig.from_environment(environment)
        return cls.over(config, Aws(config.access))

    @classmethod
    def over(cls, config: DeviceAsksConfig, aws: Aws) -> Gate:
        """Make one over these services."""
        return cls(
            config,
            aws,
            # Once its URL has run out, the same request is granted another. That the image was asked for is known for
            # longer: it may have arrived, and wait for the pipeline.
            AskTable(
                aws,
                config.asks_table,
                config.limits,
                same_for=config.limits.url_minutes * 60,
                known_for=_ASKS_KNOWN_SECONDS,
            ),
            Intake(aws, bucket=config.uploads_bucket, catalog_table=config.catalog_table, asks_table=config.asks_table),
        )

    def answer(self, thing: str, request: DeviceRequest) -> Reply:
        """Do what the request asks for. Raises Refusal, Transient, and whatever nobody thought of."""
        now, own_id = self.clock(), request.own_id
        key = key_of_thing(self.config.source_prefix, thing, own_id)
        known = self.intake.one(key, ask_key(thing, own_id), now)
        if known.row is not None and known.row.status is not None:
            reason = {"reason": known.row.reason} if known.row.status is Status.FAILED else {}
            return Reply("decided", {"id": own_id, "status": str(known.row.status), **reason})
        pending = {"id": own_id, "status": PENDING}
        if (known.asked or known.row is not None) and self.intake.is_there(key):
            return Reply("pending", pending)
        granted = self.asks.grant(thing, request.wanted, once=own_id, image_id=own_id, now=now)
        if request.body is not None:
            self.intake.put(key, request.wanted, request.body)
            return Reply("stored", pending)
        seconds = self.config.limits.url_minutes * 60
        upload = self.intake.allowed(key, request.wanted, asked_at=granted.asked_at, seconds=seconds)
        return Reply("granted", {**pending, "upload": upload})

    def tell(self, thing: str, last: str, message: Mapping[str, Any]) -> None:
        """Publish a message on one of the device's topics. Raises Transient or ServiceError."""
        self.aws.publish(self.config.iot_endpoint, topic(self.config.topic_prefix, thing, last), message)
