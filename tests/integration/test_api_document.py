"""The API's document held against the function, with images of every kind."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, Final

from support.api_document import deployed, explore
from support.front_door import ANNA, LIMITS, Visitors, create_asks, environment
from support.gateway import TOKEN, listening
from support.pictures import picture
from support.pipeline import RENDITIONS, Bench, FakeContext

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

JPEG: Final = picture(size=(20, 10), image_format="JPEG")
# So that few asks are refused for their number.
MUCH: Final = {**LIMITS, "bytes": 10**9, "asks_a_minute": 10**6, "bytes_a_day": 10**15}


def test_whatever_is_sent_is_answered_as_documented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bench = Bench(versioned=True, variables={"SOURCE_PREFIX": "in/"})
    create_asks(bench.dynamodb)
    visitors = Visitors(LIMITS=json.dumps(MUCH))
    ids = {name: visitors.asked(once=name)["id"] for name in ("ready", "failed", "deleted", "asked")}
    for number, (name, body) in enumerate({"ready": JPEG, "failed": b"no image", "deleted": JPEG}.items()):
        key = f"in/users/{ANNA}/{ids[name]}"
        bench.pipeline.apply(bench.upload(key, body, sequencer=f"{number}1"), attempt=1)
        if name == "deleted":
            bench.pipeline.apply(bench.remove(key, sequencer=f"{number}2"), attempt=1)
    for variable, value in environment().items():
        monkeypatch.setenv(variable, value)
    function = importlib.import_module("api.handler")
    monkeypatch.setattr(function, "_door", visitors.door)
    answered: set[tuple[str, int]] = set()

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = function.handler(event, FakeContext(remaining=[20_000]))
        answered.add((event["routeKey"], told["statusCode"]))
        return told

    known = deployed(MUCH, [str(each["name"]) for each in RENDITIONS], **ids)
    with listening(answer) as url:
        explore(url, known, {"Authorization": f"Bearer {TOKEN}"}, examples=15, folder=tmp_path)
    # What it is worth: that it came further than to refusals.
    assert {
        ("POST /v1/images", 201), ("GET /v1/images", 200), ("GET /v1/images/{id}", 200), ("GET /v1/images/{id}", 202),
        ("GET /v1/images/{id}", 410), ("GET /v1/images/{id}/renditions/{name}", 302), ("DELETE /v1/images/{id}", 202),
    } <= answered, answered  # fmt: skip
