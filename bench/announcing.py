"""How long an event takes from the catalog to its consumer: `python -m bench.announcing`.

Both read the same stream of a local AWS, with the same settings, and put on a bus whose rule feeds a queue:

    empty      a function that does nothing but put an entry for each record
    publisher  the one that is deployed

A row is committed now and then, as uploads come, and each queue says when it got the event of it. Both share the
machine, so what sets the two apart is what the publisher does: it reads rows, makes events, logs and measures.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from devtools.localaws import emulator, processes
from devtools.localaws.stack import ARCHIVES
from thumbnail_pipeline.rows import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ACCOUNT: Final = "000000000000"
_WARM_UP: Final = 20
_SECONDS_BETWEEN: Final = 0.15
_PATIENCE_SECONDS: Final = 60
_AT_MOST: Final = 1.2
_EMPTY: Final = """
import json, os
import boto3

events = boto3.client("events")

def handler(event, context):
    events.put_events(Entries=[
        {
            "EventBusName": os.environ["EVENT_BUS_NAME"],
            "Source": "thumbnail-pipeline",
            "DetailType": "Image Ready",
            "Detail": json.dumps({"subject": record["dynamodb"]["Keys"]["source_key"]["S"]}),
        }
        for record in event["Records"]
    ])
"""


def measured(rounds: int) -> dict[str, Any]:
    """Milliseconds from commit to queue, of each contender, over so many rows."""
    with tempfile.TemporaryDirectory() as scratch:
        port = processes.free_port()
        process = emulator.start(port, Path(scratch))
        try:
            document = {"rows": rounds, **_raced(f"http://{processes.LOOPBACK}:{port}", rounds)}
        finally:
            process.stop()
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "announcing.json").write_text(json.dumps(document, indent=1))
    return document


def tables(document: Mapping[str, Any]) -> list[Figures]:
    """A row for each contender."""
    rows = [(name, *(f"{_quantile(document[name], share):.0f}" for share in (0.5, 0.9, 0.99))) for name in _CONTENDERS]
    title = f"From commit to the consumer's queue, milliseconds, {document['rows']} rows"
    return [Figures("announcing", title, ("", "half", "90 %", "99 %"), rows)]


def verdicts(document: Mapping[str, Any]) -> list[Goal]:
    """How much longer it takes than where the function does nothing."""
    goals = []
    for words, share in (("half of the events", 0.5), ("90 % of the events", 0.9)):
        ratio = _quantile(document["publisher"], share) / _quantile(document["empty"], share)
        goals.append(Goal(f"publisher / empty function, {words}", f"{ratio:.2f}", f"≤ {_AT_MOST}", ratio <= _AT_MOST))
    return goals


def _quantile(values: Sequence[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(100 * share) - 1]


_CONTENDERS: Final = ("empty", "publisher")


def _raced(url: str, rounds: int) -> dict[str, list[float]]:
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    aws: dict[str, Any] = {
        name: session.client(name, endpoint_url=url) for name in ("dynamodb", "events", "iam", "lambda", "sqs")
    }
    stream = aws["dynamodb"].create_table(
        TableName="catalog",
        KeySchema=[
            {"AttributeName": "source_key", "KeyType": "HASH"},
            {"AttributeName": "source_bucket", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "source_key", "AttributeType": "S"},
            {"AttributeName": "source_bucket", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    layer = aws["lambda"].publish_layer_version(
        LayerName="imaging", Content={"ZipFile": (ARCHIVES / "layer.zip").read_bytes()}
    )["LayerVersionArn"]
    queues = {name: _contender(aws, name, stream, layer, url) for name in _CONTENDERS}
    committed = {}
    for number in range(_WARM_UP + rounds):
        key = f"{number:05d}.jpg"
        row = _row(key)
        committed[key] = time.time()
        aws["dynamodb"].put_item(TableName="catalog", Item=row)
        time.sleep(_SECONDS_BETWEEN * (0.5 + number % 7 / 6))  # never in step with a poller
    warm = {key: moment for number, (key, moment) in enumerate(committed.items()) if number >= _WARM_UP}
    arrived = {name: _arrivals(aws["sqs"], queue, set(committed)) for name, queue in queues.items()}
    return {name: [1000 * (of[key] - moment) for key, moment in warm.items()] for name, of in arrived.items()}


def _contender(aws: Mapping[str, Any], name: str, stream: str, layer: str, url: str) -> str:
    """A function on the stream, a bus of its own, and the URL of the queue behind it."""
    bus = aws["events"].create_event_bus(Name=name)["EventBusArn"]
    queue = aws["sqs"].create_queue(QueueName=name)["QueueUrl"]
    aws["events"].put_rule(Name=name, EventBusName=name, EventPattern='{"source": ["thumbnail-pipeline"]}')
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{emulator.REGION}:{_ACCOUNT}:{name}"}
    aws["events"].put_targets(Rule=name, EventBusName=name, Targets=[target])
    role = aws["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    aws["iam"].put_role_policy(
        RoleName=name,
        PolicyName="announce",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("empty.py", _EMPTY)
    deployed = name == "publisher"
    aws["lambda"].create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="publisher.handler.handler" if deployed else "empty.handler",
        Role=role,
        Code={"ZipFile": (ARCHIVES / "publisher.zip").read_bytes() if deployed else archive.getvalue()},
        Layers=[layer],
        Timeout=60,
        Environment={
            "Variables": {
                "AWS_ENDPOINT_URL": url,
                "DESTINATION": "events",
                "DEPLOYMENT": "bench",
                "EVENT_BUS_NAME": bus,
                "TIMEOUT_SECONDS": "60",
            }
        },
    )
    aws["lambda"].create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        BatchSize=100,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    return str(queue)


def _arrivals(sqs: Any, queue: str, keys: set[str]) -> dict[str, float]:  # noqa: ANN401 - boto3's own
    """When the queue got the event of each key, as it says itself."""
    found: dict[str, float] = {}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while keys - found.keys():
        if time.monotonic() > deadline:
            raise SystemExit(f"error: {len(keys - found.keys())} events have not arrived at {queue}")
        received = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageSystemAttributeNames=["SentTimestamp"]
        )
        for message in received.get("Messages", []):
            key = json.loads(message["Body"])["detail"]["subject"]
            found.setdefault(key, int(message["Attributes"]["SentTimestamp"]) / 1000)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def _row(key: str) -> dict[str, Any]:
    """A row as the thumbnailer commits it, with three renditions."""
    renditions = [
        {
            "M": {
                "name": {"S": name},
                "key": {"S": f"{name}/{key}.webp"},
                "width": {"N": "640"},
                "height": {"N": "480"},
                "bytes": {"N": "40000"},
                "etag": {"S": "d41d8cd98f00b204e9800998ecf8427e"},
            }
        }
        for name in ("large", "medium", "small")
    ]
    texts = {
        "source_key": key,
        "source_bucket": "uploads",
        "status": "READY",
        "etag": "d41d8cd98f00b204e9800998ecf8427e",
        "version_id": "v1",
        "sequencer": "0055AED6DCD90281E5",
        "claim": "0055AED6DCD90281E5",
        "format": "jpeg",
        "content_type": "image/jpeg",
        "processed_at": iso(datetime.now(UTC)),
        "settings_fingerprint": "f" * 16,
    }
    numbers = {"fence": 1, "size_bytes": 2_000_000, "width": 4000, "height": 3000, "attempts": 1, "milliseconds": 300}
    return {
        **{name: {"S": text} for name, text in texts.items()},
        **{name: {"N": str(number)} for name, number in numbers.items()},
        "renditions": {"L": renditions},
    }


def main() -> int:
    """Race and tell."""
    parser = argparse.ArgumentParser(prog="bench.announcing", description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, nargs="?", default=300, help="how many rows are committed")
    return told(parser.parse_args().rows, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
