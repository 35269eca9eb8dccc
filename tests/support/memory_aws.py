"""S3, DynamoDB, SNS and EventBridge in memory: the calls that the functions make, with the answers that AWS gives.

Only what the functions use, and that part honestly: conditional writes and deletes, versions and delete
markers, UTF-8 order, DynamoDB's condition and update expressions, the codes of all refusals. Whatever is
outside of it raises NotImplementedError. `tests/contract` holds these, moto and the emulator to one suite.

A client has no locks, each call happens whole: whoever runs several workers over it decides the order.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.paginate import Paginator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_LONGEST_KEY_BYTES = 1024
_MOST_KEYS_A_CALL = 100


def refusal(operation: str, code: str, status: int, message: str = "", **fields: Any) -> ClientError:
    """What the SDK raises where a service answers with an error."""
    response = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return ClientError(response, operation)  # type: ignore[arg-type]


# ── S3 ───────────────────────────────────────────────────────────────────────────────────────────────


class Body(BytesIO):
    """The part of botocore's StreamingBody that the function reads."""

    def iter_chunks(self, chunk_size: int) -> Iterator[bytes]:
        """Yield the body in pieces."""
        while chunk := self.read(chunk_size):
            yield chunk


class Lock(enum.Enum):
    """Why an object cannot be read: what S3 says to GET, and its status to HEAD; None where HEAD is answered."""

    DENIED = ("AccessDenied", 403, 403, "with an explicit deny in a resource-based policy")
    ARCHIVED = ("InvalidObjectState", 403, None, "The operation is not valid for the object's storage class")
    UPLOADERS_KEY = ("InvalidRequest", 400, 400, "The object was stored using a form of Server Side Encryption.")
    FOREIGN_KEY = ("AccessDenied", 403, None, "not authorized to perform: kms:Decrypt on resource: their-key")


@dataclass(frozen=True)
class Version:
    """One version of an object; `data` is None for a delete marker."""

    version_id: str
    data: bytes | None
    content_type: str
    modified: datetime
    cache_control: str | None = None
    lock: Lock | None = None
    opaque: bool = False

    @property
    def etag(self) -> str:
        """Names the bytes, without quotation marks; under SSE-KMS, those of this write."""
        named = (self.data or b"") + (str(self.modified).encode() if self.opaque else b"")
        return hashlib.md5(named, usedforsecurity=False).hexdigest()


@dataclass
class Keyspace:
    """A bucket's keys and their versions, the oldest first; an unversioned bucket keeps one."""

    versioned: bool = False
    opaque: bool = False
    """Whether no two writes have the same ETag."""
    keys: dict[str, list[Version]] = field(default_factory=dict)

    def current(self, key: str) -> Version | None:
        """The newest version, or None where there is none or a delete marker hides it."""
        versions = self.keys.get(key)
        return versions[-1] if versions and versions[-1].data is not None else None


class MemoryS3:
    """The S3 client."""

    def __init__(self) -> None:
        self.buckets: dict[str, Keyspace] = {}
        self.keys_a_page = 1000
        self._written = 0

    def create_bucket(
        self,
        *,
        Bucket: str,  # noqa: N803 - boto3's names
        versioned: bool = False,
        opaque: bool = False,
    ) -> None:
        """Make an empty bucket."""
        self.buckets[Bucket] = Keyspace(versioned, opaque)

    def get_object(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html."""
        version = self._read("GetObject", **request)
        if version.lock:
            code, status, _, message = version.lock.value
            raise refusal("GetObject", code, status, message)
        return {"Body": Body(version.data or b""), **self._described(request, version)}

    def head_object(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html."""
        try:
            version = self._read("HeadObject", **request)
        except ClientError as error:
            # An answer to HEAD has no body, so the SDK has only the status to make a code of.
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise refusal("HeadObject", str(status), status) from error
        if version.lock and (status := version.lock.value[2]):
            raise refusal("HeadObject", str(status), status)
        return self._described(request, version)

    def put_object(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html."""
        known = {"Bucket", "Key", "Body", "ContentType", "CacheControl", "IfMatch", "IfNoneMatch"}
        bucket = self._bucket("PutObject", known, request)
        current = bucket.current(request["Key"])
        if "IfNoneMatch" in request:
            if request["IfNoneMatch"] != "*":
                raise NotImplementedError("S3 takes no other value on a write")
            if current is not None:
                raise refusal("PutObject", "PreconditionFailed", 412)
        self._require_match("PutObject", request, current)
        headers = (request.get("ContentType", ""), request.get("CacheControl"))
        return self._append(bucket, request["Key"], bytes(request["Body"]), *headers)

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html."""
        bucket = self._bucket("DeleteObject", {"Bucket", "Key", "VersionId", "IfMatch"}, request)
        key = request["Key"]
        self._require_match("DeleteObject", request, bucket.current(key))
        versions = bucket.keys.get(key, [])
        if "VersionId" in request:
            gone = next((each for each in versions if each.version_id == request["VersionId"]), None)
            if gone is not None:
                versions.remove(gone)
            if not versions:
                bucket.keys.pop(key, None)
            answer = {"VersionId": request["VersionId"]}
            return {**answer, "DeleteMarker": True} if gone and gone.data is None else answer
        if bucket.versioned:
            return {**self._append(bucket, key, None, ""), "DeleteMarker": True}
        bucket.keys.pop(key, None)
        return {}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html."""
        known = {"Bucket", "Prefix", "MaxKeys", "StartAfter", "ContinuationToken", "Delimiter"}
        bucket = self._bucket("ListObjectsV2", known, request)
        prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter")
        after = request.get("ContinuationToken", request.get("StartAfter", ""))
        entries: dict[str, tuple[str, Version] | None] = {}
        for key in sorted(bucket.keys, key=str.encode):
            version = bucket.current(key)
            if version is None or not key.startswith(prefix) or key <= after:
                continue
            head, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
            beneath = prefix + head + found
            # A token that is a prefix has been listed, with all that it begins.
            if not found:
                entries[key] = (key, version)
            elif beneath != after:
                entries[beneath] = None
        listed = list(entries.items())[: request.get("MaxKeys", self.keys_a_page)]
        truncated = len(listed) < len(entries)
        answer: dict[str, Any] = {"KeyCount": len(listed), "IsTruncated": truncated}
        if truncated:
            answer["NextContinuationToken"] = listed[-1][0]
        contents = [
            {
                "Key": each[0],
                "ETag": f'"{each[1].etag}"',
                "Size": len(each[1].data or b""),
                "LastModified": each[1].modified,
            }
            for _, each in listed
            if each
        ]
        prefixes = [{"Prefix": name} for name, each in listed if not each]
        return {
            **answer,
            **({"Contents": contents} if contents else {}),
            **({"CommonPrefixes": prefixes} if prefixes else {}),
        }

    def get_paginator(self, operation: str) -> Paginator[Any]:
        """The SDK's own, over this."""
        if operation != "list_objects_v2":
            raise NotImplementedError(operation)
        tokens = {"input_token": "ContinuationToken", "output_token": "NextContinuationToken"}
        results = {"result_key": ["Contents", "CommonPrefixes"], "more_results": "IsTruncated"}
        paginator: Any = Paginator
        return paginator(self.list_objects_v2, {**tokens, **results}, None)  # type: ignore[no-any-return]

    def list_object_versions(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html."""
        bucket = self._bucket("ListObjectVersions", {"Bucket", "Prefix", "MaxKeys"}, request)
        every = [
            (key, version, version is versions[-1])
            for key, versions in sorted(bucket.keys.items(), key=lambda item: item[0].encode())
            if key.startswith(request.get("Prefix", ""))
            for version in reversed(versions)
        ][: request.get("MaxKeys", self.keys_a_page)]
        answer: dict[str, Any] = {}
        for key, version, newest in every:
            kind = "DeleteMarkers" if version.data is None else "Versions"
            shown = {"Key": key, "VersionId": version.version_id, "IsLatest": newest, "LastModified": version.modified}
            answer.setdefault(kind, []).append(shown)
        return answer

    def withhold(self, bucket: str, key: str, lock: Lock | None) -> None:
        """Let nobody read the current version of an object, or everybody again."""
        versions = self.buckets[bucket].keys[key]
        versions[-1] = replace(versions[-1], lock=lock)

    def pass_time(self, seconds: int) -> None:
        """Let what is written from now on be so much younger."""
        self._written += seconds

    @property
    def now(self) -> datetime:
        """When the last write was."""
        return _EPOCH + timedelta(seconds=self._written)

    def _read(self, operation: str, **request: Any) -> Version:
        bucket = self._bucket(operation, {"Bucket", "Key", "VersionId", "IfMatch", "ChecksumMode"}, request)
        if version_id := request.get("VersionId"):
            versions = bucket.keys.get(request["Key"], [])
            version = next((each for each in versions if each.version_id == version_id), None)
            if version is None:
                raise refusal(operation, "NoSuchVersion", 404)
            if version.data is None:
                raise refusal(operation, "MethodNotAllowed", 405)
        else:
            version = bucket.current(request["Key"])
            if version is None:
                raise refusal(operation, "NoSuchKey", 404)
        self._require_match(operation, request, version)
        return version

    def _bucket(self, operation: str, known: set[str], request: dict[str, Any]) -> Keyspace:
        if unknown := request.keys() - known:
            raise NotImplementedError(f"{operation} with {unknown}")
        if len(request.get("Key", "").encode()) > _LONGEST_KEY_BYTES:
            raise refusal(operation, "KeyTooLongError", 400)
        if request["Bucket"] not in self.buckets:
            raise refusal(operation, "NoSuchBucket", 404)
        return self.buckets[request["Bucket"]]

    @staticmethod
    def _require_match(operation: str, request: dict[str, Any], current: Version | None) -> None:
        if "IfMatch" not in request:
            return
        if current is None:
            raise refusal(operation, "NoSuchKey", 404)
        if request["IfMatch"].strip('"') != current.etag:
            raise refusal(operation, "PreconditionFailed", 412)

    def _append(
        self, bucket: Keyspace, key: str, data: bytes | None, content_type: str, cache_control: str | None = None
    ) -> dict[str, Any]:
        self._written += 1
        version_id = f"v{self._written:04d}" if bucket.versioned else "null"
        modified = _EPOCH + timedelta(seconds=self._written)
        version = Version(version_id, data, content_type, modified, cache_control, opaque=bucket.opaque)
        before = bucket.keys.get(key, []) if bucket.versioned else []
        bucket.keys[key] = [*before, version]
        answer = {"VersionId": version_id} if bucket.versioned else {}
        return answer if data is None else {**answer, "ETag": f'"{version.etag}"'}

    def _described(self, request: dict[str, Any], version: Version) -> dict[str, Any]:
        described = {
            "ETag": f'"{version.etag}"',
            "ContentLength": len(version.data or b""),
            "ContentType": version.content_type,
            "LastModified": version.modified,
            **({"CacheControl": version.cache_control} if version.cache_control else {}),
        }
        if request.get("ChecksumMode") == "ENABLED":
            crc = zlib.crc32(version.data or b"").to_bytes(4)
            described["ChecksumCRC32"] = base64.b64encode(crc).decode()
        if self.buckets[request["Bucket"]].versioned:
            described["VersionId"] = version.version_id
        return described


# ── DynamoDB ─────────────────────────────────────────────────────────────────────────────────────────

_EXPRESSIONS = ("ConditionExpression", "UpdateExpression")
_Item = dict[str, dict[str, Any]]
_WORD = re.compile(r"\s*(<=|>=|<>|[=<>(),+-]|:\w+|\w+)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


class MemoryDynamoDB:
    """The DynamoDB client, for tables whose key is two texts."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, str], _Item]] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self.streams: dict[str, list[dict[str, Any]]] = {}
        """What each table's stream holds, as a function gets it: with new and old images, in order."""

    def create_table(
        self,
        *,
        TableName: str,  # noqa: N803 - boto3's names
        key: tuple[str, str] = ("source_key", "source_bucket"),
    ) -> None:
        """Make an empty table with a stream."""
        self.tables[TableName] = {}
        self._keys[TableName] = key
        self.streams[TableName] = []

    def expire(self, table: str, now: float) -> None:
        """Delete the items whose time is over; the stream says that nobody but DynamoDB did it.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
        """
        never = {"N": "inf"}
        over = [key for key, item in self.tables[table].items() if float(item.get("expires_at", never)["N"]) < now]
        for key in over:
            self._write(table, key, None)
            service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
            self.streams[table][-1]["userIdentity"] = service

    def _write(self, table: str, key: tuple[str, str], after: _Item | None) -> None:
        """Store an item, or nothing, and tell the stream; a write that changes nothing is not told.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
        """
        before = self.tables[table].pop(key, None)
        if after is not None:
            self.tables[table][key] = after
        if before == after:
            return
        images = {"NewImage": after, "OldImage": before}
        number = len(self.streams[table]) + 1
        self.streams[table].append(
            {
                "eventID": f"{number:032x}",
                "eventName": "REMOVE" if after is None else "INSERT" if before is None else "MODIFY",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {name: {"S": value} for name, value in zip(self._keys[table], key, strict=True)},
                    **{name: image for name, image in images.items() if image is not None},
                    "SequenceNumber": f"{number:021d}",
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            }
        )

    def get_item(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html."""
        if not request.get("ConsistentRead"):
            raise NotImplementedError("an eventually consistent read may answer with any earlier row")
        table = self._table("GetItem", {"TableName", "Key", "ConsistentRead"}, request)
        item = table.get(self._primary_key("GetItem", request["TableName"], request["Key"]))
        return {} if item is None else {"Item": dict(item)}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html."""
        ((name, asked),) = request["RequestItems"].items()
        known = {"Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"}
        table = self._table("BatchGetItem", known, {**asked, "TableName": name})
        keys = [self._primary_key("BatchGetItem", name, key) for key in asked["Keys"]]
        if not 0 < len(keys) == len(set(keys)) <= _MOST_KEYS_A_CALL:
            raise refusal("BatchGetItem", "ValidationException", 400)
        names = [asked["ExpressionAttributeNames"][each] for each in asked["ProjectionExpression"].split(", ")]
        found = [item for key in keys if (item := table.get(key)) is not None]
        return {
            "Responses": {name: [{each: item[each] for each in names if each in item} for item in found]},
            "UnprocessedKeys": {},
        }

    def put_item(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html."""
        self._write(request["TableName"], *self._to_put(request))
        return {}

    def _to_put(self, request: dict[str, Any]) -> tuple[tuple[str, str], _Item]:
        table = self._table("PutItem", {"TableName", "Item", *_CONDITIONAL}, request)
        key = self._primary_key("PutItem", request["TableName"], request["Item"])
        expressions = _Expressions("PutItem", request)
        expressions.check(table.get(key))
        return key, dict(request["Item"])

    def update_item(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html."""
        key, after = self._to_update(request)
        self._write(request["TableName"], key, after)
        returned = request.get("ReturnValues", "NONE")
        if returned not in ("NONE", "ALL_NEW"):
            raise NotImplementedError(returned)
        return {"Attributes": dict(after)} if returned == "ALL_NEW" else {}

    def _to_update(self, request: dict[str, Any]) -> tuple[tuple[str, str], _Item]:
        known = {"TableName", "Key", "UpdateExpression", "ReturnValues", *_CONDITIONAL}
        table = self._table("UpdateItem", known, request)
        key = self._primary_key("UpdateItem", request["TableName"], request["Key"])
        expressions = _Expressions("UpdateItem", request)
        before = table.get(key)
        expressions.check(before)
        return key, expressions.updated(before if before is not None else request["Key"])

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html."""
        ways = {"Put": self._to_put, "Update": self._to_update}
        written: list[tuple[str, tuple[str, str], _Item]] = []
        reasons: list[dict[str, Any]] = []
        for ((way, request),) in (each.items() for each in TransactItems):
            try:
                written.append((request["TableName"], *ways[way](request)))
                reasons.append({"Code": "None"})
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                reasons.append({"Code": "ConditionalCheckFailed"})
        if len(written) < len(reasons):
            raise refusal("TransactWriteItems", "TransactionCanceledException", 400, CancellationReasons=reasons)
        if len({(table, key) for table, key, _ in written}) < len(written):
            raise refusal("TransactWriteItems", "ValidationException", 400, "multiple operations on one item")
        for each in written:
            self._write(*each)
        return {}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html."""
        table = self._table("DeleteItem", {"TableName", "Key"}, request)
        key = self._primary_key("DeleteItem", request["TableName"], request["Key"])
        if key in table:
            self._write(request["TableName"], key, None)
        return {}

    def _table(self, operation: str, known: set[str], request: dict[str, Any]) -> dict[tuple[str, str], _Item]:
        if unknown := request.keys() - known - {"TableName"}:
            raise NotImplementedError(f"{operation} with {unknown}")
        if request["TableName"] not in self.tables:
            raise refusal(operation, "ResourceNotFoundException", 400)
        return self.tables[request["TableName"]]

    def _primary_key(self, operation: str, table: str, attributes: _Item) -> tuple[str, str]:
        first, second = (attributes.get(name, {}).get("S") for name in self._keys.get(table, ("", "")))
        if not first or not second:
            raise refusal(operation, "ValidationException", 400, "One or more parameter values were invalid")
        return first, second


_CONDITIONAL = ("ConditionExpression", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure")


class _Expressions:
    """The condition and the update of one request: a small parser that evaluates as it reads."""

    def __init__(self, operation: str, request: dict[str, Any]) -> None:
        self._operation = operation
        self._request = request
        self._values: _Item = request.get("ExpressionAttributeValues", {})
        self._words: list[str] = []
        used = {word for name in _EXPRESSIONS for word in self._split(request.get(name, "")) if word[0] == ":"}
        if used != self._values.keys():
            raise self._invalid(f"values that are not both passed and used: {used ^ self._values.keys()}")

    def check(self, item: _Item | None) -> None:
        """Raise ConditionalCheckFailedException unless the condition holds for `item`."""
        expression = self._request.get("ConditionExpression")
        if expression is None:
            return
        self._words = self._split(expression)
        holds = self._any_of(item or {})
        if self._words:
            raise self._invalid(f"unexpected {self._words[0]!r}")
        if holds:
            return
        wanted = self._request.get("ReturnValuesOnConditionCheckFailure", "NONE")
        shown: dict[str, Any] = {"Item": dict(item)} if wanted == "ALL_OLD" and item is not None else {}
        raise refusal(self._operation, "ConditionalCheckFailedException", 400, **shown)

    def updated(self, item: _Item) -> _Item:
        """Return `item` after the update; every value on the right is that of before."""
        self._words = self._split(self._request["UpdateExpression"])
        after = dict(item)
        while self._words:
            clause = self._take()
            if clause not in ("SET", "REMOVE"):
                raise NotImplementedError(clause)
            while True:
                name = self._take()
                if clause == "REMOVE":
                    after.pop(name, None)
                else:
                    self._take("=")
                    after[name] = self._sum(item)
                if self._words[:1] != [","]:
                    break
                self._take(",")
        return after

    # The grammar, from the loosest binding to the tightest.

    def _any_of(self, item: _Item) -> bool:
        holds = self._all_of(item)
        while self._words[:1] == ["OR"]:
            self._take()
            holds = self._all_of(item) or holds
        return holds

    def _all_of(self, item: _Item) -> bool:
        holds = self._one(item)
        while self._words[:1] == ["AND"]:
            self._take()
            holds = self._one(item) and holds
        return holds

    def _one(self, item: _Item) -> bool:
        word = self._take()
        if word == "(":
            holds = self._any_of(item)
            self._take(")")
            return holds
        if word == "attribute_not_exists":
            return self._argument() not in item
        if word == "attribute_exists":
            return self._argument() in item
        compare = _COMPARISONS[self._take()]
        right = self._operand(item, self._take())
        left = self._operand(item, word)
        # What is missing, or of another type, compares as false.
        if left is None or right is None or left.keys() != right.keys():
            return False
        return compare(_comparable(left), _comparable(right))

    def _sum(self, item: _Item) -> dict[str, Any]:
        value = self._term(item)
        while self._words[:1] == ["+"]:
            self._take()
            value = {"N": str(Decimal(value["N"]) + Decimal(self._term(item)["N"]))}
        return value

    def _term(self, item: _Item) -> dict[str, Any]:
        word = self._take()
        if word == "if_not_exists":
            self._take("(")
            name = self._take()
            self._take(",")
            default = self._sum(item)
            self._take(")")
            return item.get(name, default)
        operand = self._operand(item, word)
        if operand is None:
            raise self._invalid(f"{word} is not in the item")
        return operand

    def _operand(self, item: _Item, word: str) -> dict[str, Any] | None:
        if not word.startswith(":"):
            return item.get(word)
        return self._values[word]

    def _argument(self) -> str:
        self._take("(")
        name = self._take()
        self._take(")")
        return name

    def _take(self, expected: str | None = None) -> str:
        if not self._words:
            raise self._invalid("unexpected end")
        word = self._words.pop(0)
        if expected is not None and word != expected:
            raise self._invalid(f"{word!r} instead of {expected!r}")
        return word

    def _split(self, expression: str) -> list[str]:
        words = _WORD.findall(expression)
        if "".join(words) != re.sub(r"\s", "", expression):
            raise self._invalid(expression)
        return words

    def _invalid(self, why: str) -> ClientError:
        return refusal(self._operation, "ValidationException", 400, f"Invalid expression: {why}")


def _comparable(value: dict[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    if kind == "N":
        return Decimal(plain)
    return plain.encode() if kind == "S" else plain


# ── SNS ──────────────────────────────────────────────────────────────────────────────────────────────


class MemorySNS:
    """The SNS client: what was published is kept."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
        self.published.append(request)
        return {"MessageId": str(len(self.published))}


# ── EventBridge ──────────────────────────────────────────────────────────────────────────────────────

_MOST_ENTRIES_A_CALL = 10
_MOST_ENTRY_BYTES = 256 * 1024


class MemoryEvents:
    """The EventBridge client, with one bus: what was put is kept, in the order in which it arrived."""

    meta = SimpleNamespace(partition="aws")

    def __init__(self, fails: Callable[[dict[str, Any]], str | None] = lambda _: None) -> None:
        """`fails` says with which code an entry fails, None where it does not."""
        self.calls: list[list[dict[str, Any]]] = []
        self.arrived: list[dict[str, Any]] = []
        """The details, as consumers read them."""
        self._fails = fails

    def put_events(self, **request: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html."""
        entries = request["Entries"]
        if not 0 < len(entries) <= _MOST_ENTRIES_A_CALL or sum(map(_entry_bytes, entries)) >= _MOST_ENTRY_BYTES:
            raise refusal("PutEvents", "ValidationException", 400, "Total size of the entries in the request is over")
        self.calls.append(entries)
        answers: list[dict[str, str]] = []
        for entry in entries:
            if code := self._fails(entry):
                answers.append({"ErrorCode": code, "ErrorMessage": code})
                continue
            self.arrived.append(json.loads(entry["Detail"]))
            answers.append({"EventId": f"{len(self.arrived):036d}"})
        return {"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers}


def _entry_bytes(entry: dict[str, Any]) -> int:
    texts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"])
    return 14 + sum(len(each.encode()) for each in texts)
