"""Decides when people are told of failures: for each reason once in a window of time, and by one worker.

A table of its own has one row per reason, with what has failed and was not told yet. Every worker adds to it. The first
that finds the present window untold becomes the speaker: it publishes the total, and then subtracts what it told.

    reason    untold  examples        told_in     speaker_until
    corrupt   4117    [three of them]  1955555  -

`told_in` is the newest window, counted from 1970, whose digest is out; `speaker_until`, in seconds since 1970, is when
the speaker loses its turn.

What fails later in a window is told with the first failure of a later window. A speaker that dies loses its turn after
a minute; its messages come back, and the failures in them are told then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from thumbnail_pipeline.clients import code_of, errors_told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateItemInputTypeDef

# Longer than a publication can take, retries included, and shorter than any message stays away.
_SPEAKING_SECONDS = 60
# A row to which nobody has added for so long expires.
_KEPT_SECONDS = 30 * 24 * 3600

_ADD = (
    "SET untold = if_not_exists(untold, :zero) + :number, examples = if_not_exists(examples, :examples),"
    " expires_at = :expires_at"
)
_UNTOLD_AND_NOBODY_SPEAKS = (
    "(attribute_not_exists(told_in) OR told_in < :window)"
    " AND (attribute_not_exists(speaker_until) OR speaker_until < :now)"
)

_serialise = TypeSerializer().serialize
_deserialise = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Digest:
    """What its holder, the speaker, has to tell of one reason."""

    reason: str
    number: int
    """How many failed since the last digest of this reason."""
    examples: tuple[str, ...]
    added: int
    """How many of them the speaker itself has added."""
    window: int


class Digests:
    """The table of what has failed and was not told.

    digest = digests.add("corrupt", ["s3://uploads/cat.jpg: It cannot be decoded."])
    if digest:
        publish(digest)
        digests.told(digest)
    """

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, window_seconds: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._window_seconds = window_seconds
        self._clock = clock

    def add(self, reason: str, examples: Sequence[str]) -> Digest | None:
        """Add one failure for each of `examples`. Return what to tell now, or None where it is not our turn.

        Whoever gets a digest must end with `told` or `not_told`.
        """
        now = int(self._clock())
        window = now // self._window_seconds
        row = self._update(
            reason,
            _ADD,
            {":zero": 0, ":number": len(examples), ":examples": list(examples[:3]), ":expires_at": now + _KEPT_SECONDS},
        )
        if int(row.get("told_in", -1)) >= window:
            return None
        try:
            row = self._update(
                reason,
                "SET speaker_until = :until",
                {":until": now + _SPEAKING_SECONDS, ":now": now, ":window": window},
                condition=_UNTOLD_AND_NOBODY_SPEAKS,
            )
        except _Refused:
            return None
        return Digest(reason, int(row["untold"]), tuple(row["examples"]), len(examples), window)

    def silent_until(self, digest: Digest) -> str:
        """When the next digest of the same reason may go out, in words."""
        return f"{datetime.fromtimestamp((digest.window + 1) * self._window_seconds, UTC):%H:%M:%S} UTC"

    def told(self, digest: Digest) -> None:
        """Note that the digest is out, so that its reason is silent for the rest of the window."""
        self._update(
            digest.reason,
            "SET told_in = :window, untold = untold - :number REMOVE speaker_until, examples",
            {":window": digest.window, ":number": digest.number},
        )

    def not_told(self, digest: Digest) -> None:
        """Note that the digest could not be published. Another worker may try; the speaker's failures come again."""
        self._update(
            digest.reason, "SET untold = untold - :number REMOVE speaker_until, examples", {":number": digest.added}
        )

    def _update(
        self, reason: str, update: str, values: Mapping[str, Any], *, condition: str | None = None
    ) -> dict[str, Any]:
        request: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": {"reason": {"S": reason}},
            "UpdateExpression": update,
            "ExpressionAttributeValues": {name: _serialise(value) for name, value in values.items()},
            "ReturnValues": "ALL_NEW",
        }
        if condition:
            request["ConditionExpression"] = condition
        with errors_told_apart("counting failures"):
            try:
                response = self._dynamodb.update_item(**request)
            except ClientError as error:
                if condition and code_of(error) == "ConditionalCheckFailedException":
                    raise _Refused from error
                raise
        return {name: _deserialise(value) for name, value in response["Attributes"].items()}


class _Refused(Exception):
    """The row was not as required."""
