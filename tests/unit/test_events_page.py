"""What the page for builders promises: an example that is an event, and a consumer that does as it says."""

from __future__ import annotations

import importlib.util
import json
import random
import re
from typing import Any, Final

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from devtools.localaws.stack import REPOSITORY
from support.announcements import newest, require_valid

PAGE: Final = (REPOSITORY / "docs" / "events.md").read_text(encoding="utf-8")
CONSUMER: Final = REPOSITORY / "docs" / "examples" / "consume_events.py"
EXAMPLE: Final[dict[str, Any]] = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


@pytest.fixture(scope="module")
def consumer() -> Any:
    spec = importlib.util.spec_from_file_location("consume_events", CONSUMER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_is_an_event() -> None:
    require_valid(EXAMPLE)
    assert EXAMPLE["subject"] == EXAMPLE["data"]["key"]


def test_the_example_shows_every_field() -> None:
    schema = json.loads((REPOSITORY / "functions" / "publisher" / "image_event.schema.json").read_text())
    data = schema["properties"]["data"]
    assert EXAMPLE.keys() == schema["properties"].keys()
    assert EXAMPLE["data"].keys() == data["properties"].keys()
    assert EXAMPLE["data"]["renditions"][0].keys() == data["properties"]["renditions"]["items"]["properties"].keys()


def test_the_page_says_what_keys_may_hold_and_where_the_schema_is() -> None:
    assert "pseudonymous id" in PAGE
    assert "`functions/publisher/image_event.schema.json`" in PAGE


def test_the_consumer_has_twenty_lines() -> None:
    lines = [line for line in CONSUMER.read_text(encoding="utf-8").splitlines() if line.strip()]
    body = lines[lines.index(next(line for line in lines if line.startswith("def "))) :]
    assert len(body) <= 20


@given(events=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5)), max_size=25), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_consumer_ends_with_the_newest_state_whatever_comes_twice_or_late(
    consumer: Any, events: list[tuple[str, int]], seed: int
) -> None:
    details = [
        {
            **EXAMPLE,
            "id": f"{key}{number}",
            "sequence": f"{number:019d}",
            "data": {**EXAMPLE["data"], "key": key},
        }
        for key, number in events
    ]
    images: dict[tuple[str, str], Any] = {}
    seen: set[str] = set()
    with mock_aws():
        sqs = boto3.client("sqs", region_name="eu-central-1")
        # Nobody sends while it looks.
        sqs.meta.events.register(
            "provide-client-params.sqs.ReceiveMessage", lambda params, **_: params.update(WaitTimeSeconds=0)
        )
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        for detail in random.Random(seed).sample(details, len(details)):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"detail-type": "Image Ready", "detail": detail}))
        while consumer.take(sqs, url, images, seen):
            pass
    assert images == newest(details)
    assert seen == {detail["id"] for detail in details}
