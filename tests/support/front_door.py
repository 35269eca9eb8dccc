"""The API over moto: every request that it makes, signed and in HTTP's own words, answered by moto."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from api.answers import Answer
from api.config import ApiConfig
from api.requests import Request
from api.routes import ROUTES, FrontDoor
from support.pipeline import TABLE, THUMBNAILS, UPLOADS, FakeContext
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from thumbnail_pipeline.asking.config import Access
    from thumbnail_pipeline.asking.signing import Target

ASKS = "asks"
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI"
ANNA = "1111aaaa-2222-4333-8444-555555555555"
BERT = "99999999-2222-4333-8444-555555555555"
LIMITS = {
    "bytes": 1000,
    "types": ["image/jpeg", "image/png"],
    "asks_a_minute": 5,
    "bytes_a_day": 4000,
    "url_minutes": 10,
}
DOCUMENT = Path(__file__).parents[2] / "functions" / "api" / "openapi.json"


def environment(**changed: str) -> dict[str, str]:
    """The function's environment as Terraform and Lambda set it."""
    return {
        "UPLOADS_BUCKET": UPLOADS,
        "SOURCE_PREFIX": "in/",
        "THUMBNAILS_BUCKET": THUMBNAILS,
        "CATALOG_TABLE": TABLE,
        "ASKS_TABLE": ASKS,
        "OWN_ISSUER": ISSUER,
        "LIMITS": json.dumps(LIMITS),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        **changed,
    }


def create_asks(dynamodb: DynamoDBClient) -> None:
    """Create the table of asks."""
    dynamodb.create_table(
        TableName=ASKS,
        KeySchema=[
            {"AttributeName": "owner", "KeyType": "HASH"},
            {"AttributeName": "what", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "owner", "AttributeType": "S"},
            {"AttributeName": "what", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


class MotoAws(Aws):
    """Sends what the function would send to moto, and notes it."""

    def __init__(self, access: Access) -> None:
        super().__init__(access, clock=lambda: self.now)
        self.now = 1_800_000_000.0
        self.calls: list[str] = []

    def _send(self, target: Target, headers: Mapping[str, str], query: str, body: bytes) -> tuple[int, bytes]:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        self.calls.append(operation or f"S3 {target.method}")
        url = f"{target.url}?{query}" if query else target.url
        response = requests.request(target.method, url, data=body, headers=headers, timeout=10)
        return response.status_code, response.content


class Visitors:
    """A front door and those who come to it. Needs `mock_aws` around it, buckets and the catalog."""

    def __init__(self, **changed: str) -> None:
        config = ApiConfig.from_environment(environment(**changed))
        self.aws = MotoAws(config.access)
        self.slept: list[float] = []
        self.door = replace(FrontDoor.over(config, self.aws), clock=lambda: self.aws.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.aws.now += seconds

    def send(self, route: str, user: str = ANNA, *, body: Any = None, remaining: int = 20_000, **parts: Any) -> Answer:
        """Send one request; what comes back is held to the document."""
        request = Request.read(event(route, user, body=body, **parts), self.door.config.own_issuer)
        try:
            answer = self.door.answer(request, FakeContext(remaining=[remaining]))
        except Refusal as refusal:
            answer = Answer.of(refusal)
        require_documented(route, answer)
        return answer

    def ask(self, user: str = ANNA, *, once: str = "once", size: int = 100, **fields: Any) -> Answer:
        """Ask for an upload."""
        body = {"bytes": size, "type": "image/jpeg", **fields}
        return self.send("POST /v1/images", user, body=body, headers={"idempotency-key": once})

    def asked(self, user: str = ANNA, **named: Any) -> dict[str, Any]:
        """What an ask was granted."""
        answer = self.ask(user, **named)
        assert answer.status == 201
        assert answer.document
        return dict(answer.document)

    def show(self, image_id: str, user: str = ANNA, *, remaining: int = 20_000, **headers: str) -> Answer:
        """Ask what became of an image."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("GET /v1/images/{id}", user, path={"id": image_id}, headers=named, remaining=remaining)


def event(
    route: str,
    user: str = ANNA,
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What the gateway hands on."""
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/v1/images",
        "headers": {"authorization": "Bearer SECRET", "user-agent": "Anna's telephone", **(headers or {})},
        "requestContext": {
            "requestId": "gateway-1",
            "http": {"method": route.partition(" ")[0], "sourceIp": "192.0.2.7"},
            "authorizer": {"jwt": {"claims": {"iss": ISSUER, "sub": user, "username": "anna"}, "scopes": ["x/read"]}},
        },
        **({"pathParameters": path} if path else {}),
        **({"queryStringParameters": query} if query else {}),
        **({} if body is None else {"body": body if isinstance(body, str) else json.dumps(body)}),
        "isBase64Encoded": False,
    }


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    read: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return read


def described(route: str) -> dict[str, Any]:
    """What the document says of a route."""
    method, path = route.split()
    said: dict[str, Any] = document()["paths"][path][method.lower()]
    return said


def resolved(thing: dict[str, Any]) -> dict[str, Any]:
    """A thing of the document, or that which it refers to."""
    if "$ref" not in thing:
        return thing
    found: Any = document()
    for part in thing["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def require_documented(route: str, answer: Answer) -> None:
    """Raise unless the document knows such an answer: its status, headers, type and body."""
    assert route in ROUTES
    sent = answer.as_lambda()
    require_said(route, answer.status, sent["headers"], sent["body"])


def require_said(route: str, status: int, headers: Mapping[str, str], body: str) -> None:
    """Raise unless the document knows an answer of this status, with these headers by names in lower case."""
    said = resolved(described(route)["responses"][str(status)])
    for name, header in said.get("headers", {}).items():
        if header.get("required"):
            _validate(header["schema"], headers[name.lower()], text=True)
    if not body:
        assert "content" not in said
        return
    _validate(said["content"][headers["content-type"]]["schema"], json.loads(body))


def _validate(schema: dict[str, Any], value: Any, *, text: bool = False) -> None:
    if text and schema.get("type") == "integer":
        value = int(value)
    # Takes seconds to import, which every run of any test would wait for.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    whole = {**schema, "components": document()["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
