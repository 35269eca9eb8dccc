"""What the page for devices shows: messages that are what the schema says, every field of them, and every problem."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from devtools.localaws.stack import REPOSITORY
from support.devices import SCHEMA_FILE, validator
from thumbnail_pipeline.asking.problems import Problem
from thumbnail_pipeline.things import ACCEPTED, REJECTED, REQUEST, STATUS

PAGE: Final = (REPOSITORY / "docs" / "devices.md").read_text(encoding="utf-8")
SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
TOPICS: Final = (REQUEST, ACCEPTED, REJECTED, STATUS)


def examples(topic: str) -> list[dict[str, Any]]:
    """The messages that the page shows of a topic."""
    found = []
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
        heading = section.partition("\n")[0]
        if heading == f"On `{topic}`" or (topic == REQUEST and heading == "The picture in the message"):
            found += [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    return found


@pytest.mark.slow  # reading JSON Schemas takes a second to import
@pytest.mark.parametrize("topic", TOPICS)
def test_the_examples_are_messages(topic: str) -> None:
    assert examples(topic)
    for message in examples(topic):
        validator(topic).validate(message)


def test_no_example_is_left_out() -> None:
    assert sum(len(examples(topic)) for topic in TOPICS) == PAGE.count("```json")


@pytest.mark.parametrize("topic", TOPICS)
def test_the_examples_show_every_field(topic: str) -> None:
    shown = {field for message in examples(topic) for field in message}
    known = SCHEMA["$defs"][topic]["properties"].keys()
    assert known - shown <= ({"reason"} if topic == STATUS else set())
    if topic == ACCEPTED:
        upload = SCHEMA["$defs"][topic]["properties"]["upload"]["properties"]
        assert [message["upload"].keys() for message in examples(topic) if "upload" in message] == [upload.keys()]


def test_the_examples_fit_together() -> None:
    request, *_ = examples(REQUEST)
    (upload,) = [message["upload"] for message in examples(ACCEPTED) if "upload" in message]
    assert request["id"] in upload["url"]
    assert request["type"] == upload["headers"]["content-type"]
    assert {message["id"] for topic in TOPICS for message in examples(topic)} == {request["id"]}


def test_page_and_schema_know_the_problems_of_devices() -> None:
    known = SCHEMA["$defs"][REJECTED]["properties"]["type"]["enum"]
    # What is not there, or is gone, is no problem of a device: it may upload, or hears DELETED.
    assert known == [each.urn for each in Problem if each not in (Problem.NOT_FOUND, Problem.GONE)]
    table = PAGE.partition("## Problems")[2]
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (\d{3}) \|", table, re.MULTILINE)
    told = {
        f"urn:thumbnail-pipeline:problem:{word}": int(status)
        for words, status in rows
        for word in words.strip("`").split("`, `")
    }
    assert told == {each.urn: each.status for each in Problem if each.urn in known}
