"""The API's document held against the API: whatever is sent, what comes back is no fault, and as it is documented."""

from __future__ import annotations

import copy
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.requests import cursor
from support.front_door import ANNA, LIMITS, Visitors, create_asks, document, environment
from support.gateway import TOKEN, listening
from support.pictures import picture
from support.pipeline import RENDITIONS, Bench, FakeContext

if TYPE_CHECKING:
    import pytest

JPEG: Final = picture(size=(20, 10), image_format="JPEG")
# So that few asks are refused for their number.
MUCH: Final = {**LIMITS, "bytes": 10**9, "asks_a_minute": 10**6, "bytes_a_day": 10**15}
# An image that was deleted, and one larger than allowed, are answered so although the request is of the form. To
# a method that is no route, the gateway answers 404.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
SETTINGS: Final = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "404", "409", "410"]
negative_data_rejection.expected-statuses = ["401", "404", "409", "413", "415", "422"]
unsupported_method.enabled = false
"""


def deployed(**ids: str) -> dict[str, Any]:
    """The document of a deployment with these images, whose limits, renditions and cursors everybody knows."""
    known = copy.deepcopy(document())
    known["components"]["parameters"]["Id"]["examples"] = {name: {"value": each} for name, each in ids.items()}
    wanted = known["components"]["schemas"]["Wanted"]["properties"]
    wanted["type"]["enum"] = MUCH["types"]
    wanted["bytes"]["maximum"] = MUCH["bytes"]
    (after,) = [each for each in known["paths"]["/v1/images"]["get"]["parameters"] if each["name"] == "cursor"]
    after["schema"]["enum"] = [cursor(each) for each in ids.values()]
    (name,) = [
        each for each in known["paths"]["/v1/images/{id}/renditions/{name}"]["parameters"] if each.get("name") == "name"
    ]
    name["examples"] = {each["name"]: {"value": each["name"]} for each in RENDITIONS}
    return known


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
    (tmp_path / "openapi.json").write_text(json.dumps(deployed(**ids)))
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    answered: set[tuple[str, int]] = set()

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = function.handler(event, FakeContext(remaining=[20_000]))
        answered.add((event["routeKey"], told["statusCode"]))
        return told

    with listening(answer) as url:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json", "--url", url, "--no-color",
            "--header", f"Authorization: Bearer {TOKEN}", "--max-examples", "15", "--generation-deterministic",
            "--max-redirects", "0",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # What it is worth: that it came further than to refusals.
    assert {
        ("POST /v1/images", 201), ("GET /v1/images", 200), ("GET /v1/images/{id}", 200), ("GET /v1/images/{id}", 202),
        ("GET /v1/images/{id}", 410), ("GET /v1/images/{id}/renditions/{name}", 302), ("DELETE /v1/images/{id}", 202),
    } <= answered, answered  # fmt: skip
