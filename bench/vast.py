"""A deployment with as many objects as one likes, on a loopback address: `python -m bench.vast PORT OBJECTS [MORE]`.

Nothing of it is stored. What a bucket holds and a row says follows from an object's number, so a million objects take
no more memory than ten: keys are `07/42/IMG_0042.jpg`, in the order of their numbers, and every key can be found again
by halving. S3 answers listings and HEAD, and takes MORE objects, of which it keeps nothing; DynamoDB answers
BatchGetItem and GetItem, SQS takes messages, SSM and Lambda say what `thumbctl` asks of a stack. The table of bulk jobs
and the queue of their ranges do have to be stored: they are moto's.

Some objects are damaged, by their numbers: see `Damage`. One that came as a message has a row as it should be from then
on. `GET /_stats` is what was called and by whom, and how often each of the objects came as a message.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import json
import re
import sys
import urllib.request
import uuid
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import boto3
from aiohttp import web
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from bench.corpus import ROOT
from devtools.localaws import processes
from thumbctl.defaults import DEFAULT
from thumbnail_pipeline.messages import ObjectEvent, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Damage", "Sent", "damage", "environment", "key_of", "out_of_date", "running", "second_looks", "stats"]

UPLOADS, THUMBNAILS, TABLE, NAME = "uploads", "thumbnails", "catalog", "vast"
JOBS, RANGES = "jobs", "ranges"
ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"
FINGERPRINT: Final = DEFAULT.fingerprint
SIZE: Final = 3_000_000
_WRITTEN: Final = "2026-01-02T03:04:05.000Z"
_CALLER: Final = re.compile("Credential=([^/]+)/")
_START_SECONDS: Final = 60


class Damage(IntEnum):
    """What is wrong with an object, by its number modulo `EVERY`."""

    MISSING = 7
    """It has no row."""
    RESTYLED = 107
    """Its thumbnails were made with other settings."""
    FAILED = 207
    """It failed for good, as `corrupt`: of the release before, which took some for corrupt that are not."""
    BARE = 307
    """Its row is fine, and one of its thumbnails is gone."""


_OUT_OF_DATE: Final = frozenset({Damage.MISSING, Damage.RESTYLED, Damage.FAILED})

EVERY: Final = 1000


def damage(number: int) -> Damage | None:
    """What is wrong with an object."""
    left = number % EVERY
    return Damage(left) if left in _DAMAGED else None


_DAMAGED: Final = frozenset(Damage)


def out_of_date(objects: int) -> int:
    """How many of so many objects a backfill sends a message about."""
    return sum(damage(number) in _OUT_OF_DATE for number in range(objects))


# ── the side of the bench ────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def running(objects: int, more: int = 0) -> Iterator[str]:
    """A deployment with so many objects, and room for more, for the block: its address."""
    port, log = processes.free_port(), ROOT / "vast.log"
    ROOT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.vast", *map(str, (port, objects, more))]
    process = processes.start(command, log=log, environment={})
    url = f"http://{processes.LOOPBACK}:{port}"

    def ask() -> None:
        stats(url)

    processes.wait_until_it_answers(process, ask, within=_START_SECONDS, name="the vast deployment", log=log)
    try:
        yield url
    finally:
        process.stop()


def stats(url: str) -> dict[str, Any]:
    """What a deployment has been asked so far."""
    with urllib.request.urlopen(f"{url}/_stats") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@dataclass(frozen=True)
class Sent:
    """What of the objects came as a message, or came at all."""

    objects: int
    twice: int
    """Of them, those that came more than once."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Sent:
        """By what `stats` gave."""
        times = {int(times): number for times, number in found["sent"].items() if times != "0"}
        return cls(sum(times.values()), sum(number for each, number in times.items() if each > 1))


def environment(url: str, caller: str) -> dict[str, str]:
    """For a process that calls the deployment, which counts what it is called by its name."""
    return {
        **processes.environment_without_aws(),
        "AWS_ACCESS_KEY_ID": caller,
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "THUMBCTL_STACK": NAME,
    }


def function_environment(url: str) -> dict[str, str]:
    """What the range worker is told of the deployment."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": f"{NAME}-range-worker",
        "SETTINGS": _SETTINGS,
        "JOBS_TABLE": JOBS,
        "CATALOG_TABLE": TABLE,
        "SOURCE_BUCKET": UPLOADS,
        "THUMBNAILS_BUCKET": THUMBNAILS,
        "METRICS_FUNCTION": f"{NAME}-thumbnailer",
        "RANGES_QUEUE_URL": queue_url(url, RANGES),
        "BACKFILL_QUEUE_URL": queue_url(url, "backfill"),
        "DLQ_URL": queue_url(url, "dlq"),
        "BACKFILL_MAPPING": str(uuid.UUID(int=2)),
        "TIMEOUT_SECONDS": "60",
    }


def queue_url(url: str, name: str) -> str:
    """The address of a queue."""
    return f"{url}/{ACCOUNT}/{name}"


# ── what there is ────────────────────────────────────────────────────────────────────────────────────


def second_looks(objects: int) -> int:
    """How often a reconcile lists what seems wrong again: the object, and its thumbnails where its row is fine."""
    looks = {Damage.MISSING: 1, Damage.RESTYLED: 1, Damage.FAILED: 1, Damage.BARE: 1 + len(DEFAULT.renditions)}
    return sum(looks[found] for number in range(objects) if (found := damage(number)) is not None)


def key_of(number: int) -> str:
    """The key of an object, so many of which sort as their numbers do: a hundred million."""
    return f"{number // 1_000_000:02d}/{number // 10_000 % 100:02d}/IMG_{number % 10_000:04d}.jpg"


def number_of(key: str) -> int:
    """The number of the object with a key that `key_of` gave."""
    folder, subfolder, name = key.split("/")
    return int(folder) * 1_000_000 + int(subfolder) * 10_000 + int(name[4:8])


def _etag(*named: object) -> str:
    return hashlib.md5(repr(named).encode(), usedforsecurity=False).hexdigest()


class _Series:
    """The keys of a bucket in their order, of which the number of each is known."""

    def __init__(self, objects: int) -> None:
        self.objects = objects

    def __len__(self) -> int:
        return self.objects

    def key(self, index: int) -> str:
        return key_of(index)

    def described(self, index: int) -> str:
        return _contents(key_of(index), _etag(index), SIZE)

    def first_behind(self, text: str) -> int:
        """The index of the first key that is greater than `text`."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.key(middle) > text:
                high = middle
            else:
                low = middle + 1
        return low


class _Thumbnails(_Series):
    """Every rendition of every object: renditions in the order of their names, and in each the objects in theirs."""

    _RENDITIONS: Final = sorted(DEFAULT.renditions, key=lambda each: each.name)

    def __len__(self) -> int:
        return self.objects * len(self._RENDITIONS)

    def key(self, index: int) -> str:
        rendition, number = divmod(index, self.objects)
        shown = self._RENDITIONS[rendition]
        return f"{shown.name}/{key_of(number)}.{shown.extension}"

    def described(self, index: int) -> str:
        rendition, number = divmod(index, self.objects)
        found = damage(number)
        gone = found in {Damage.MISSING, Damage.FAILED} or (found is Damage.BARE and rendition == 0)
        return "" if gone else _contents(self.key(index), _etag(number, self._RENDITIONS[rendition].name), 30_000)


def _contents(key: str, etag: str, size: int) -> str:
    return (
        f"<Contents><Key>{escape(quote(key))}</Key><LastModified>{_WRITTEN}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


class _Aws:
    """Every service that is asked."""

    def __init__(self, objects: int, more: int, url: str) -> None:
        self._url = url
        self._series = {UPLOADS: _Series(objects), THUMBNAILS: _Thumbnails(objects)}
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._kept = _Kept()
        self._sent = bytearray(objects + more)
        self._forced = 0
        self._actions: Mapping[str, Callable[[Any], Any]] = {
            "GetParameter": self._parameter,
            "BatchGetItem": self._rows,
            "GetItem": lambda asked: {"Item": found} if (found := self._row(asked["Key"])) else {},
            "Query": lambda _: {"Items": [], "Count": 0, "ScannedCount": 0},
            "SendMessageBatch": self._send,
            "GetQueueAttributes": lambda _: {"Attributes": _QUEUE},
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path == "/_stats":
            return web.json_response(
                {
                    "calls": sum(self._calls.values(), Counter()),
                    "callers": self._calls,
                    "sent": Counter(self._sent),
                    "forced": self._forced,
                }
            )
        signed = _CALLER.search(request.headers.get("Authorization", ""))
        calls = self._calls[signed[1] if signed else ""]
        if target := request.headers.get("X-Amz-Target"):
            action, asked = target.partition(".")[2], json.loads(body)
            if self._kept.has(asked):
                calls[f"{action}{_about(asked)}"] += 1
                return self._kept.answer(target, asked)
            calls[action] += 1
            return web.json_response(self._actions[action](asked))
        if request.path.startswith("/2015-03-31/functions/"):
            calls["GetFunctionConfiguration"] += 1
            return web.json_response(_FUNCTION)
        if request.path.startswith("/2015-03-31/event-source-mappings/"):
            calls["GetEventSourceMapping"] += 1
            return web.json_response({"State": "Enabled", "BatchSize": 10, "FunctionArn": _FUNCTION["FunctionArn"]})
        return self._s3(request, calls, body)

    # S3

    def _s3(self, request: web.Request, calls: Counter[str], body: bytes) -> web.Response:
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if key:
            calls[f"{request.method} object"] += 1
            return self._put(key, body) if request.method == "PUT" else self._head(bucket, key)
        calls["ListObjectsV2"] += 1
        query = request.query
        after = query.get("continuation-token") or query.get("start-after", "")
        most = int(query.get("max-keys", 1000))
        listed = self._listed(self._series[bucket], query.get("prefix", ""), after, query.get("delimiter"), most)
        return web.Response(
            text=f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<EncodingType>url</EncodingType>{listed}</ListBucketResult>",
            content_type="application/xml",
        )

    def _put(self, key: str, body: bytes) -> web.Response:
        number = number_of(key)
        self._sent[number] = min(255, self._sent[number] + 1)
        return web.Response(headers={"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})

    def _listed(self, series: _Series, prefix: str, after: str, delimiter: str | None, most: int) -> str:
        """A page of keys that begin with `prefix`, or of what they begin with up to the next `delimiter`."""
        index = series.first_behind(max(after, prefix[:-1] + chr(ord(prefix[-1]) - 1) + "\U0010ffff" if prefix else ""))
        found: list[str] = []
        last = after
        while index < len(series) and len(found) < most and (key := series.key(index)).startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                last = key
                if described := series.described(index):
                    found.append(described)
                index += 1
            else:
                common = key[: end + 1]
                last = f"{common}\U0010ffff"
                found.append(f"<CommonPrefixes><Prefix>{escape(quote(common))}</Prefix></CommonPrefixes>")
                index = series.first_behind(last)
        more = index < len(series) and series.key(index).startswith(prefix)
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        return f"<KeyCount>{len(found)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(found)}"

    def _head(self, bucket: str, key: str) -> web.Response:
        series = self._series[bucket]
        index = series.first_behind(key) - 1
        if index < 0 or series.key(index) != key or not series.described(index):
            return web.Response(status=404)
        etag = _etag(index) if bucket == UPLOADS else ""
        return web.Response(headers={"ETag": f'"{etag}"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"})

    # DynamoDB

    def _rows(self, asked: Any) -> Any:  # noqa: ANN401 - JSON
        request = asked["RequestItems"][TABLE]
        keys: Sequence[Any] = request["Keys"]
        names = {request["ExpressionAttributeNames"][each] for each in request["ProjectionExpression"].split(", ")}
        found = [row for key in keys if (row := self._row(key))]
        shown = [{name: value for name, value in row.items() if name in names} for row in found]
        return {"Responses": {TABLE: shown}, "UnprocessedKeys": {}}

    def _row(self, key: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
        name = key["source_key"]["S"]
        number = number_of(name)
        return _row(name, number, None if self._sent[number] else damage(number), made=bool(self._sent[number]))

    # SQS

    def _send(self, asked: Any) -> Any:  # noqa: ANN401 - JSON
        for entry in asked["Entries"]:
            for event in parse(entry["MessageBody"]):
                if not isinstance(event, ObjectEvent):
                    raise TypeError(f"the function could not read {entry['MessageBody']}")
                number = number_of(event.image.key)
                self._sent[number] = min(255, self._sent[number] + 1)
                self._forced += event.forced
        return {
            "Successful": [
                {
                    "Id": each["Id"],
                    "MessageId": each["Id"],
                    "MD5OfMessageBody": hashlib.md5(each["MessageBody"].encode(), usedforsecurity=False).hexdigest(),
                }
                for each in asked["Entries"]
            ]
        }

    # SSM

    def _parameter(self, asked: Any) -> Any:  # noqa: ANN401 - JSON
        queues = {name: queue_url(self._url, name) for name in ("work", "backfill", "dlq")}
        outputs = {
            "release": importlib.metadata.version("thumbnail-pipeline"),
            "source_bucket": UPLOADS,
            "source_prefix": "",
            "thumbnails_bucket": THUMBNAILS,
            "table_name": TABLE,
            "failures_index_name": "failures",
            "queue_url": queues["work"],
            "backfill_queue_url": queues["backfill"],
            "dlq_url": queues["dlq"],
            "function_name": _FUNCTION["FunctionName"],
            "event_source_mapping_uuid": str(uuid.UUID(int=1)),
            "backfill_event_source_mapping_uuid": str(uuid.UUID(int=2)),
            "maximum_concurrency": 20,
            "propagate_deletions": True,
            "backfill_maximum_concurrency": 10,
            "jobs": {
                "table_name": JOBS,
                "ranges_queue_url": queue_url(self._url, RANGES),
                "ranges_at_a_time": 10,
                "reconcile": {"repair": False},
            },
        }
        return {"Parameter": {"Name": asked["Name"], "Type": "String", "Value": json.dumps(outputs)}}


class _Kept:
    """The table of bulk jobs and the queue of their ranges."""

    def __init__(self) -> None:
        mock_aws().start()
        session = boto3.session.Session("bench", "bench", region_name=REGION)
        self._clients: Mapping[str, Any] = {name: session.client(name) for name in ("dynamodb", "sqs")}
        key = {"job": "HASH", "what": "RANGE"}
        self._clients["dynamodb"].create_table(
            TableName=JOBS,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in key.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in key],
        )
        # As terraform/modules/jobs has it.
        self._clients["sqs"].create_queue(QueueName=RANGES, Attributes={"VisibilityTimeout": "90"})

    def has(self, asked: Any) -> bool:  # noqa: ANN401 - JSON
        """Whether a call is about them."""
        is_of_ranges: bool = asked.get("QueueUrl", "").endswith(f"/{RANGES}")
        return is_of_ranges or asked.get("TableName") == JOBS or "TransactItems" in asked

    def answer(self, target: str, asked: Any) -> web.Response:  # noqa: ANN401 - JSON
        """Have moto answer: what both services get and give as JSON is what clients take and return."""
        service, _, action = target.partition(".")
        client = self._clients["sqs" if service == "AmazonSQS" else "dynamodb"]
        try:
            found = getattr(client, xform_name(action))(**asked)
        except ClientError as error:
            about: Any = error.response
            reasons = {name: about[name] for name in ("Item", "CancellationReasons") if name in about}
            named = {"__type": about["Error"]["Code"], "message": about["Error"]["Message"]}
            return web.json_response({**named, **reasons}, status=HTTPStatus.BAD_REQUEST)
        return web.json_response({name: value for name, value in found.items() if name != "ResponseMetadata"})


def _about(asked: Any) -> str:  # noqa: ANN401 - JSON
    """What a call to the table or the queue is about: of all that workers share, only a job's row is one for all."""
    if "QueueUrl" in asked:
        return ", ranges"
    keys = [*asked.get("Key", asked.get("Item", {})).values()]
    return ", a job's row" if {"S": JOBS} in keys else ""


_QUEUE: Final = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "MessageRetentionPeriod": str(4 * 24 * 60 * 60),
    "VisibilityTimeout": "360",
}
_SETTINGS: Final = json.dumps({"renditions": [asdict(each) for each in DEFAULT.renditions]})
_FUNCTION: Final[Mapping[str, Any]] = {
    "FunctionName": "vast-thumbnailer",
    "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:vast-thumbnailer",
    "MemorySize": 1769,
    "Architectures": ["arm64"],
    "Timeout": 60,
    "Runtime": "python3.13",
    "CodeSha256": base64.b64encode(b"code").decode(),
    "Environment": {"Variables": {"SETTINGS": _SETTINGS}},
}


def _row(name: str, number: int, found: Damage | None, *, made: bool) -> dict[str, Any] | None:
    if found is Damage.MISSING:
        return None
    failed = found is Damage.FAILED
    row: dict[str, Any] = {
        "source_key": {"S": name},
        "source_bucket": {"S": UPLOADS},
        "status": {"S": "FAILED" if failed else "READY"},
        "etag": {"S": _etag(number)},
        "settings_fingerprint": {"S": "0" * 16 if found is Damage.RESTYLED else FINGERPRINT},
        "sequencer": {"S": "1"},
        "claim": {"S": "1"},
        "fence": {"N": "0"},
        "processed_at": {"S": "2026-01-03T00:00:00Z" if made else "2026-01-02T03:04:06Z"},
    }
    if failed:
        return {**row, "reason": {"S": "corrupt"}}
    renditions = [
        {
            "M": {
                "name": {"S": each.name},
                "key": {"S": f"{each.name}/{name}.{each.extension}"},
                "etag": {"S": _etag(number, each.name)},
                "bytes": {"N": "30000"},
            }
        }
        for each in DEFAULT.renditions
    ]
    return {**row, "renditions": {"L": renditions}}


def main() -> None:
    """Serve until killed."""
    port, objects, more = map(int, sys.argv[1:])
    service = web.Application(client_max_size=2**24)
    service.router.add_route("*", "/{path:.*}", _Aws(objects, more, f"http://{processes.LOOPBACK}:{port}").answer)
    web.run_app(service, host=processes.LOOPBACK, port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
