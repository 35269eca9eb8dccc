"""Queries of Logs Insights over the function's own lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from devtools.livepage.insights import InsightsError, Table, run
from devtools.livepage.logs import Event

MINUTE = 60_000
REPOSITORY = Path(__file__).parents[2]


def line(minute: int, **fields: Any) -> Event:
    return Event("stream", minute * MINUTE, json.dumps({"message": "image", **fields}))


EVENTS = [
    Event("stream", 0, "START RequestId: 1"),
    line(0, key="a.png", outcome="READY", milliseconds=40, detail={"width": 7}),
    line(1, key="b.png", outcome="FAILED", reason="empty", milliseconds=2),
    line(6, key="c.png", outcome="FAILED", reason="corrupt", milliseconds=9),
    line(7, key="d.png", outcome="FAILED", reason="empty", milliseconds=4),
    line(8, key="e.png", outcome="RETURNED", error="SlowDown: later", attempt=2, milliseconds=11),
]


def rows(query: str) -> list[tuple[Any, ...]]:
    return list(run(query, EVENTS).rows)


def test_without_fields_time_and_message_are_shown() -> None:
    table = run("filter @message like /START/", EVENTS)
    assert table == Table(("@timestamp", "@message"), ((0, "START RequestId: 1"),))


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ('outcome = "READY"', "a"),
        ("outcome = 'FAILED' and reason != 'empty'", "c"),
        ('(outcome = "READY" or reason = "corrupt") and message = "image"', "ac"),
        ('outcome in ["RETURNED", "READY"]', "ae"),
        ('outcome not in ["FAILED"] and ispresent(key)', "ae"),
        ("milliseconds > 9", "ae"),
        ("milliseconds <= 4", "bd"),
        ("ispresent(reason)", "bcd"),
        ("not ispresent(reason) and ispresent(key)", "ae"),
        ("error like /^SlowDown/", "e"),
        ('key like ".png" and error not like "Slow" and reason = "empty"', "bd"),
        ("detail.width = 7", "a"),
        ("`outcome` = 'READY' # a comment", "a"),
    ],
)
def test_conditions(condition: str, keys: str) -> None:
    assert rows(f"fields key | filter {condition}") == [(f"{key}.png",) for key in keys]


def test_groups() -> None:
    query = """
        # by reason
        filter outcome = "FAILED"
        | stats count(*) as images, latest(key) as last_key, earliest(key), sum(milliseconds),
            pct(milliseconds, 50) by reason
        | sort images desc
    """
    assert run(query, EVENTS) == Table(
        ("reason", "images", "last_key", "earliest(key)", "sum(milliseconds)", "pct(milliseconds)"),
        (("empty", 2, "d.png", "b.png", 6, 2), ("corrupt", 1, "c.png", "c.png", 9, 9)),
    )


def test_groups_by_time() -> None:
    table = run("stats count(key), max(attempt), avg(milliseconds) as mean by bin(5m)", EVENTS)
    assert table.columns == ("bin(5m)", "count(key)", "max(attempt)", "mean")
    assert table.rows == ((0, 2, None, 21), (5 * MINUTE, 3, 2, 8))


def test_all_together() -> None:
    assert rows("stats count(*), count_distinct(reason), min(milliseconds)") == [(6, 2, 2)]


def test_texts_are_no_numbers() -> None:
    assert rows("stats sum(key), avg(key), max(key)") == [(None, None, "e.png")]


def test_order_and_number() -> None:
    assert rows("fields key, reason | sort reason asc, milliseconds desc | limit 3 | display key") == [
        ("c.png",),
        ("d.png",),
        ("b.png",),
    ]


def test_the_first_of_each() -> None:
    assert rows("filter ispresent(reason) | dedup reason | display key as which") == [("b.png",), ("c.png",)]


SAVED = sorted((REPOSITORY / "terraform/modules/observability/queries").glob("*.query"))


# The other one calculates with what Lambda's own lines say.
@pytest.mark.parametrize("file", [file for file in SAVED if file.stem != "cold-starts"], ids=lambda file: file.stem)
def test_saved_queries_run(file: Path) -> None:
    run(file.read_text(), EVENTS)


@pytest.mark.parametrize("file", SAVED, ids=lambda file: file.stem)
def test_saved_queries_sort_by_what_there_is(file: Path) -> None:
    """After `stats`, nothing else is left than what it has calculated and grouped by."""
    _, has_stats, calculated = file.read_text().partition("| stats ")
    names = set(re.findall(r"\bas (\w+)", calculated)) | set(re.findall(r"\bby ([\w, ]+)$", calculated, re.MULTILINE))
    sorted_by = re.findall(r"\| sort (\S+)", calculated)
    assert not has_stats or {*sorted_by} <= names


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("parse @message '*'", "the command parse is not known here"),
        ("filter strlen(key) > 3", "strlen is not known here"),
        ("stats stddev(milliseconds)", "the function stddev is not known here"),
        ("filter key = ", "goes wrong at the end of a command"),
        ("limit many", "goes wrong at many"),
        ("filter key like 3", "like takes"),
        ("filter key like /(/", "is no pattern"),
        ("fields key; limit 3", "goes wrong at ;"),
        ("filter (key = 'a'", "goes wrong at the end of a command"),
    ],
)
def test_what_is_wrong_is_said(query: str, complaint: str) -> None:
    with pytest.raises(InsightsError, match=complaint):
        rows(query)
