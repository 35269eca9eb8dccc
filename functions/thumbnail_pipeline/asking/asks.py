"""The table of asks: what each user, or device, has asked for, and how much of it. All of it is over within two days.

owner   what              attributes
─────   ────────────────  ───────────────────────────────────────────────────────────────
u       ask#<id>          bytes, type, sha256; expires_at: when the URL does, for devices later
u       once#<key>        request (hash of the body), id, asked_at; expires_at: in a day, for devices with the URL
u       day#2026-01-31    bytes_asked, and of the last minutes m<minute>: how many asks
u       waiting           slot0, slot1: until when somebody waits, in milliseconds
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from thumbnail_pipeline.asking.aws import ServiceError
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.errors import Transient

if TYPE_CHECKING:
    from thumbnail_pipeline.asking.aws import Aws
    from thumbnail_pipeline.asking.config import AskLimits
    from thumbnail_pipeline.asking.wanted import Wanted

__all__ = ["AskTable", "Granted", "ask_key"]

_MINUTE, _DAY = 60, 86_400
_MINUTES_FORGOTTEN: Final = 10
_ATTEMPTS: Final = 8
_FIRST_WAIT_SECONDS: Final = 0.02
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_WAITS_AT_ONCE: Final = 2
"""Of one user: whoever waits holds one of the function's concurrent executions."""


@dataclass(frozen=True)
class Granted:
    """What a user may upload, and since when; the same for the same Idempotency-Key."""

    image_id: str
    asked_at: int
    """Seconds since 1970."""


def ask_key(owner: str, image_id: str) -> dict[str, Any]:
    """Return the primary key of an ask, as DynamoDB writes it."""
    return _key(owner, f"ask#{image_id}")


class AskTable:
    """Grants asks and counts them, and lets so many of a user's requests wait.

    granted = AskTable(aws, "thumbs-asks", limits).grant(owner, wanted, once="…", image_id=new_image_id(now), now=now)
    """

    def __init__(
        self, aws: Aws, table: str, limits: AskLimits, *, same_for: int = _DAY, known_for: int | None = None
    ) -> None:
        """The same request gets the same answer for `same_for` seconds, and an ask is known for `known_for`.

        That is as long as its URL is good, unless it is said.
        """
        self._aws = aws
        self._table = table
        self._limits = limits
        self._same_for = same_for
        self._known_for = known_for or limits.url_minutes * _MINUTE

    def grant(self, owner: str, wanted: Wanted, *, once: str, image_id: str, now: float) -> Granted:
        """Write and count an ask, all or nothing; or return what the same ask was granted before.

        Raises Refusal where `once` was used for something else or the user has asked for too much, Transient.
        """
        asked_at = int(now)
        request = {
            "TransactItems": [
                {"Put": self._once(owner, wanted, once, Granted(image_id, asked_at))},
                {"Update": self._counted(owner, wanted, asked_at)},
                {"Put": {"TableName": self._table, "Item": self._ask(owner, wanted, image_id, asked_at)}},
            ]
        }
        for attempt in range(_ATTEMPTS):
            try:
                self._aws.dynamodb("TransactWriteItems", request)
            except ServiceError as error:
                reasons = error.document.get("CancellationReasons")
                if not reasons:
                    raise
                codes = [each.get("Code") for each in reasons]
                if codes[0] == _CONDITION_FAILED:
                    return _granted_before(reasons[0]["Item"], wanted)
                if codes[1] == _CONDITION_FAILED:
                    raise self._too_much(reasons[1].get("Item", {}), asked_at) from None
                if not _PASSING.intersection(codes):
                    raise
                # Two asks of one user at the same moment want to count in the same row.
                # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
                time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - jitter
            else:
                return Granted(image_id, asked_at)
        raise Transient("too many asks of one user at the same moment")

    def forget(self, owner: str, image_id: str) -> None:
        """Forget an ask, if there is one."""
        self._aws.dynamodb("DeleteItem", {"TableName": self._table, "Key": ask_key(owner, image_id)})

    def begin_waiting(self, owner: str, *, seconds: float, now: float) -> tuple[str, int] | None:
        """Take one of the user's slots for so long; None where all are taken."""
        until = int((now + seconds) * 1000)
        for number in range(_WAITS_AT_ONCE):
            slot = f"slot{number}"
            try:
                self._wait(
                    owner,
                    f"SET {slot} = :until, expires_at = :expires",
                    f"attribute_not_exists({slot}) OR {slot} < :now",
                    {":until": _number(until), ":expires": _number(int(now) + _DAY), ":now": _number(int(now * 1000))},
                )
            except ServiceError as error:
                if not error.code.startswith(_CONDITION_FAILED):
                    raise
            else:
                return slot, until
        return None

    def end_waiting(self, owner: str, taken: tuple[str, int]) -> None:
        """Give a slot back, unless its time was over and it is somebody else's by now."""
        slot, until = taken
        try:
            self._wait(owner, f"REMOVE {slot}", f"{slot} = :until", {":until": _number(until)})
        except ServiceError as error:
            if not error.code.startswith(_CONDITION_FAILED):
                raise

    def _wait(self, owner: str, update: str, condition: str, values: dict[str, Any]) -> None:
        request = {
            "TableName": self._table,
            "Key": _key(owner, "waiting"),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        self._aws.dynamodb("UpdateItem", request)

    def _once(self, owner: str, wanted: Wanted, once: str, granted: Granted) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": {
                **_key(owner, f"once#{once}"),
                "request": {"S": wanted.digest},
                "id": {"S": granted.image_id},
                "asked_at": _number(granted.asked_at),
                "expires_at": _number(granted.asked_at + self._same_for),
            },
            # DynamoDB deletes what has expired when it comes to it.
            "ConditionExpression": "attribute_not_exists(what) OR expires_at < :now",
            "ExpressionAttributeValues": {":now": _number(granted.asked_at)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _ask(self, owner: str, wanted: Wanted, image_id: str, asked_at: int) -> dict[str, Any]:
        given = {"sha256": {"S": wanted.sha256}} if wanted.sha256 else {}
        return {
            **ask_key(owner, image_id),
            **given,
            "bytes": _number(wanted.bytes),
            "type": {"S": wanted.type},
            "expires_at": _number(asked_at + self._known_for),
        }

    def _counted(self, owner: str, wanted: Wanted, asked_at: int) -> dict[str, Any]:
        """Count the bytes of the day and the asks of the minute in one row, in one conditional write.

        Each minute has an attribute of its own, and those before it are removed, so that the row stays small.
        """
        minute = asked_at % _DAY // _MINUTE
        this = f"m{minute}"
        earlier = [f"m{each}" for each in range(max(0, minute - _MINUTES_FORGOTTEN), minute)]
        removed = f" REMOVE {', '.join(earlier)}" if earlier else ""
        return {
            "TableName": self._table,
            "Key": _key(owner, time.strftime("day#%Y-%m-%d", time.gmtime(asked_at))),
            "UpdateExpression": f"SET expires_at = :expires ADD {this} :one, bytes_asked :bytes{removed}",
            "ConditionExpression": (
                f"(attribute_not_exists({this}) OR {this} < :asks)"
                " AND (attribute_not_exists(bytes_asked) OR bytes_asked <= :room)"
            ),
            "ExpressionAttributeValues": {
                ":one": _number(1),
                ":bytes": _number(wanted.bytes),
                ":asks": _number(self._limits.asks_a_minute),
                ":room": _number(self._limits.bytes_a_day - wanted.bytes),
                ":expires": _number(asked_at + 2 * _DAY),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _too_much(self, counted: dict[str, Any], asked_at: int) -> Refusal:
        minute = counted.get(f"m{asked_at % _DAY // _MINUTE}", {"N": "0"})
        if int(minute["N"]) >= self._limits.asks_a_minute:
            detail = f"{self._limits.asks_a_minute:,} uploads a minute are allowed."
            return Refusal(Problem.TOO_MANY_ASKS, detail, retry_after=_MINUTE - asked_at % _MINUTE)
        detail = f"{self._limits.bytes_a_day:,} bytes a day are allowed; days begin at midnight UTC."
        return Refusal(Problem.TOO_MANY_BYTES, detail, retry_after=_DAY - asked_at % _DAY)


def _granted_before(item: dict[str, Any], wanted: Wanted) -> Granted:
    if item["request"]["S"] != wanted.digest:
        raise Refusal(
            Problem.KEY_REUSED, "Take a new one for every upload, and the same one only to repeat its request."
        )
    return Granted(item["id"]["S"], int(item["asked_at"]["N"]))


def _key(owner: str, what: str) -> dict[str, Any]:
    return {"owner": {"S": owner}, "what": {"S": what}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
