"""Keeps the newest state of every image, from completion events in an SQS queue: python consume_events.py QUEUE_URL."""

import json
import sys
from typing import Any

import boto3


def take(sqs: Any, queue_url: str, images: dict[tuple[str, str], Any], seen: set[str]) -> int:  # noqa: ANN401 - boto3's
    """Take a batch of events into `images`, by bucket and key; `seen` has the ids that were had; return its size."""
    messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    for message in messages:
        event = json.loads(message["Body"])["detail"]
        image = event["data"]["bucket"], event["data"]["key"]
        newest = images.get(image, {"sequence": ""})["sequence"]
        if event["id"] not in seen and event["sequence"] > newest:  # an older one that comes late is true no more
            images[image] = event
        seen.add(event["id"])
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])  # when it is kept, not before
    return len(messages)


if __name__ == "__main__":
    known: dict[tuple[str, str], Any] = {}
    had: set[str] = set()
    while take(boto3.client("sqs"), sys.argv[1], known, had):
        print(f"{len(known)} images, {sum(event['data']['status'] == 'READY' for event in known.values())} ready")
