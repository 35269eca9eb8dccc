"""The catalog: one DynamoDB row per image, and every condition on it.

How a worker gets its result into the row (the keys of the conditions are named below):

    nobody was here before        otherwise
    ──────────────────────        ─────────────────────────────────────────────
    write thumbnails if absent    claim        fence += 1, claim = my sequencer
    commit_first                  write thumbnails over exactly what is there
                                  commit       only while fence is still mine
                                  delete what the new state no longer has
                                  settle       forget what was deleted

`fence` is a fencing token: it grows with every claim, so that a commit whose claim was taken over fails.
`claim` is the sequencer of the newest event that anybody is applying, `sequencer` that of the newest
applied. They differ while a worker is at it, or after one crashed; then its message comes back.
`revision` grows whenever what is announced of the image changes: see `completion`.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from thumbnail_pipeline import ordering
from thumbnail_pipeline.clients import code_of, errors_told_apart
from thumbnail_pipeline.completion import is_news
from thumbnail_pipeline.outcomes import Status
from thumbnail_pipeline.rows import FAILURE_SHARDS, Row, decoded, iso, key_of, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef

    from thumbnail_pipeline.images import Image, StoredThumbnail
    from thumbnailer.storage import Seen

_NOBODY_WAS_HERE = "attribute_not_exists(source_key)"
_NOTHING_NEWER = "sequencer < :sequencer AND claim <= :sequencer"
_NOTHING_NEWER_THAN_SAME = "sequencer <= :sequencer AND claim <= :sequencer"
_STILL_AS_SEEN = "fence = :fence"

_CLAIM = (
    "SET claim = :sequencer, fence = if_not_exists(fence, :zero) + :one, sequencer = if_not_exists(sequencer, :lowest)"
)
_KEEP = "SET sequencer = :sequencer, claim = :sequencer, etag = :etag, revision = :revision, fence = fence + :one"
_NEXT_FENCE = "SET fence = fence + :one"

_CONDITION_FAILED = "ConditionalCheckFailedException"

_serialise = TypeSerializer().serialize


class Superseded(Exception):
    """The row has moved on: `row` is what it holds now."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"fence {row.fence}, sequencer {row.sequencer}")
        self.row = row


@dataclass(frozen=True)
class State:
    """What an event makes of an image: the part of the row that people read."""

    status: Status
    sequencer: str
    version_id: str | None
    etag: str | None
    settings_fingerprint: str
    attributes: Mapping[str, Any]
    """Everything else to store, by attribute name; None is left out."""
    thumbnails: tuple[StoredThumbnail, ...] = ()


class Catalog:
    """The catalog's table. A row is read as a whole, and written only under one of the conditions above.

    catalog = Catalog(dynamodb, "thumbs-catalog")
    claimed = catalog.claim(image, event.sequencer)
    row = catalog.commit(claimed, state)
    """

    def __init__(self, dynamodb: DynamoDBClient, table: str, clock: Callable[[], float] = time.time) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    def read(self, image: Image) -> Row | None:
        """Return the row as it is now, or None."""
        with errors_told_apart("reading the catalog"):
            response = self._dynamodb.get_item(TableName=self._table, Key=key_of(image), ConsistentRead=True)
        return decoded(response["Item"]) if "Item" in response else None

    def commit_first(self, image: Image, state: State) -> Row:
        """Store the first row of `image` and return it: the one write of the usual case.

        Raises Superseded where there is a row already.
        """
        first = Row(image, None, ordering.LOWEST, state.sequencer, fence=0)
        return self._put(first, state, obsolete=(), condition=_NOBODY_WAS_HERE, values={})

    def claim(self, image: Image, sequencer: str) -> Row:
        """Claim `image` for the event with `sequencer` and return the row with its new fence.

        Raises Superseded where that event or a newer one has been applied, or a newer one claimed.
        """
        values = {":sequencer": {"S": sequencer}, ":zero": {"N": "0"}, ":lowest": {"S": ordering.LOWEST}}
        return self._claim(image, _CLAIM, f"{_NOBODY_WAS_HERE} OR ({_NOTHING_NEWER})", values)

    def claim_as_seen(self, row: Row) -> Row:
        """Claim an image in the state that `row` shows, to make its thumbnails anew without a new event.

        Until the commit the row has no settings fingerprint, for its thumbnails may be made with two settings.
        Raises Superseded where the row has been claimed since.
        """
        return self._claim_as_seen(row, f"{_NEXT_FENCE} REMOVE settings_fingerprint")

    def keep(self, row: Row, sequencer: str, seen: Seen) -> Row:
        """Note that `row` shows what its key holds as of the event with `sequencer`, and return it as it is now.

        Older events are stale from then on, and whoever is applying one cannot commit. Raises Superseded where the row
        has been claimed since, or a newer event has been applied.
        """
        kept = {**row.attributes, "sequencer": sequencer, "etag": seen.etag, "version_id": seen.version_id}
        revision, backfilled = _revised(row, kept, self._now())
        # Of an object that S3 denies, nobody knows the version.
        optional = {"version_id": seen.version_id, "backfilled": backfilled}
        known = {name: value for name, value in optional.items() if value}
        update = "".join([_KEEP, *(f", {name} = :{name}" for name in known)])
        if unknown := [name for name in optional if name not in known]:
            update += f" REMOVE {', '.join(unknown)}"
        values: dict[str, Any] = {
            "fence": row.fence,
            "sequencer": sequencer,
            "etag": seen.etag,
            "revision": revision,
            "written": row.processed_at,
            **known,
        }
        # A commit leaves the fence as it is: what was read under another's claim may be another state by now.
        condition = f"{_STILL_AS_SEEN} AND {_NOTHING_NEWER_THAN_SAME} AND processed_at = :written"
        if "revision" in row.attributes:
            values["seen"], condition = row.revision, f"{condition} AND revision = :seen"
        else:
            condition = f"{condition} AND attribute_not_exists(revision)"
        stored = {f":{name}": _serialise(value) for name, value in values.items()}
        return self._claim(row.image, update, condition, stored)

    def fence_off(self, row: Row) -> Row:
        """Make every commit fail that relies on an earlier claim, or on none.

        Raises Superseded where the row has been claimed since.
        """
        return self._claim_as_seen(row, _NEXT_FENCE)

    def require(self, claimed: Row) -> None:
        """Raise Superseded where anybody has claimed the image since `claimed` was returned."""
        row = self.read(claimed.image)
        if row is None or row.fence != claimed.fence:
            raise Superseded(row or _vanished(claimed.image))

    def commit(self, claimed: Row, state: State) -> Row:
        """Store `state` under a claim and return the row as it is now.

        What the row showed before and `state` does not have stays on record as obsolete until `settle`.
        Raises Superseded where the claim was taken over.
        """
        kept = {thumbnail.key for thumbnail in state.thumbnails}
        obsolete = tuple(
            {old.key: old for old in (*claimed.obsolete, *claimed.thumbnails) if old.key not in kept}.values()
        )
        values = {":fence": {"N": str(claimed.fence)}}
        return self._put(claimed, state, obsolete=obsolete, condition=_STILL_AS_SEEN, values=values)

    def settle(self, row: Row) -> None:
        """Forget the obsolete thumbnails of `row`, which are deleted by now; leave a changed row alone."""
        with errors_told_apart("settling a catalog row"):
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=key_of(row.image),
                    UpdateExpression="REMOVE obsolete",
                    ConditionExpression=_STILL_AS_SEEN,
                    ExpressionAttributeValues={":fence": {"N": str(row.fence)}},
                )
            except ClientError as error:
                if code_of(error) != _CONDITION_FAILED:
                    raise

    def _now(self) -> int:
        """Milliseconds since 1970."""
        return int(self._clock() * 1000)

    def _claim_as_seen(self, row: Row, update: str) -> Row:
        return self._claim(row.image, update, _STILL_AS_SEEN, {":fence": {"N": str(row.fence)}})

    def _claim(self, image: Image, update: str, condition: str, values: Mapping[str, Any]) -> Row:
        with errors_told_apart("claiming a catalog row"):
            try:
                response = self._dynamodb.update_item(
                    TableName=self._table,
                    Key=key_of(image),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":one": {"N": "1"}, **values},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code_of(error) != _CONDITION_FAILED:
                    raise
                raise Superseded(_row_in_the_way(image, error)) from error
        return decoded(response["Attributes"])

    def _put(
        self,
        claimed: Row,
        state: State,
        *,
        obsolete: tuple[StoredThumbnail, ...],
        condition: str,
        values: Mapping[str, Any],
    ) -> Row:
        image = claimed.image
        item = {
            **state.attributes,
            "source_bucket": image.bucket,
            "source_key": image.key,
            "status": state.status,
            "sequencer": state.sequencer,
            "claim": claimed.claim,
            "fence": claimed.fence,
            "version_id": state.version_id,
            "etag": state.etag,
            "settings_fingerprint": state.settings_fingerprint,
            "obsolete": [{"key": old.key, "etag": old.etag} for old in obsolete] or None,
        }
        now = self._now()
        revision, backfilled = _revised(claimed, item, now)
        item |= {
            "processed_at": iso(moment(now)),
            "revision": None if revision == now else revision,
            "backfilled": backfilled or None,
        }
        if state.status is Status.FAILED:
            item["failure_shard"] = f"{zlib.crc32(image.key.encode()) % FAILURE_SHARDS:02d}"
            item["failed_at"] = item["processed_at"]
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": {name: _serialise(value) for name, value in item.items() if value is not None},
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            request["ExpressionAttributeValues"] = values
        with errors_told_apart("writing the catalog"):
            try:
                self._dynamodb.put_item(**request)
            except ClientError as error:
                if code_of(error) != _CONDITION_FAILED:
                    raise
                row = _row_in_the_way(image, error)
                # Where the answer to a write is lost, the SDK repeats it and finds its own row in the way.
                if _shows(row, state):
                    return row
                raise Superseded(row) from error
        return decoded(request["Item"])


def _revised(before: Row, after: Mapping[str, Any], now: int) -> tuple[int, bool]:
    """The revision of a row that becomes `after`, and whether a backfill made it.

    It grows with every piece of news, whatever the clocks of workers say: a hybrid logical clock. After the expiry of a
    tombstone nobody knows where it was, and by then more time has passed than clocks differ by.
    """
    # Only a backfill leaves an image the rank that it has.
    backfilled = after["sequencer"] == before.sequencer and after["status"] != Status.DELETED
    if is_news(before.attributes, {**after, "backfilled": backfilled}):
        return max(before.revision + 1, now), backfilled
    return before.revision, before.backfilled


def _shows(row: Row, state: State) -> bool:
    names = ("status", "sequencer", "version_id", "etag", "settings_fingerprint", "thumbnails")
    return all(getattr(row, name) == getattr(state, name) for name in names)


def _row_in_the_way(image: Image, error: ClientError) -> Row:
    """The row that made a condition fail."""
    stored: Any = error.response.get("Item")
    if stored:
        return decoded(stored)
    return _vanished(image)


def _vanished(image: Image) -> Row:
    """Stands for a row that was there to be compared and is gone: only the expiry of a tombstone does that."""
    return Row(image, None, ordering.LOWEST, ordering.LOWEST, fence=-1)
