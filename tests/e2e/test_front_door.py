"""Users at the front door of the applied stack: who gets in, to what, and what a signed address is good for.

They sign in at the stack's user pool, and come through its gateway; what the function signs, S3 takes or refuses by the
function's role. What no emulator enforces is held over plans: docs/acceptance.md.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.api_document import deployed, explore
from support.deployment import eventually
from support.pictures import picture
from support.users import (
    CALLBACK,
    NOBODYS,
    PAGE,
    SECONDS,
    FrontDoor,
    Told,
    User,
    claims_of,
    header_of,
    signed,
    unsigned,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

JPEG: Final = picture(size=(640, 480), image_format="JPEG")
# What every answer has, whoever it is about.
OF_THE_MOMENT: Final = ("apigw-requestid", "x-amzn-requestid", "x-amz-request-id", "date")


@dataclass(frozen=True)
class Visit:
    """The front door with two users, the first of whom has an image that is ready."""

    door: FrontDoor
    anna: User
    bert: User
    image: str


@pytest.fixture(scope="module")
def visit(deployment: Deployment) -> Visit:
    door = FrontDoor(deployment)
    anna, bert = door.signed_in("anna"), door.signed_in("bert")
    return Visit(door, anna, bert, door.uploaded(anna, JPEG))


# Each is told a token and an image.
ROUTES: Final[dict[str, Callable[[FrontDoor, str | None, str], Told]]] = {
    "POST /v1/images": lambda door, token, _: door.send(
        "POST",
        "/v1/images",
        token,
        body={"bytes": 1, "type": "image/jpeg"},
        headers={"idempotency-key": str(uuid.uuid4())},
    ),
    "GET /v1/images": lambda door, token, _: door.send("GET", "/v1/images", token),
    "GET /v1/images/{id}": lambda door, token, image: door.send("GET", f"/v1/images/{image}", token),
    "GET /v1/images/{id}/renditions/{name}": lambda door, token, image: door.send(
        "GET", f"/v1/images/{image}/renditions/{rendition(door)}", token
    ),
    "DELETE /v1/images/{id}": lambda door, token, image: door.send("DELETE", f"/v1/images/{image}", token),
}
SCOPES: Final = dict(zip(ROUTES, ("upload", "read", "read", "read", "delete"), strict=True))
LETS_IN: Final = dict(zip(ROUTES, (201, 200, 404, 404, 202), strict=True))
"""How a user's own request about an image that never was ends."""


def rendition(door: FrontDoor) -> str:
    return str(door.deployment.renditions()[0]["name"])


# ── who gets in ──────────────────────────────────────────────────────────────────────────────────────


def remade(door: FrontDoor, user: User, **changed: Any) -> str:
    """A user's token with these claims instead, or without those that are None, signed by the pool itself."""
    claims = {**claims_of(user.access_token), **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    return signed(door.pools_key, header_of(user.access_token), kept)


def forged(_: FrontDoor, user: User) -> str:
    own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return signed(own_key, header_of(user.access_token), claims_of(user.access_token))


def signed_with_the_public_key(door: FrontDoor, user: User) -> str:
    """As if what everybody may know were a secret that both sides share."""
    public = door.pools_key.public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = {**header_of(user.access_token), "alg": "HS256"}
    digest = hmac.HMAC(secret, hashes.SHA256())
    digest.update(unsigned(header, claims_of(user.access_token)).rpartition(".")[0].encode())
    return unsigned(header, claims_of(user.access_token), digest.finalize())


def of_somebody_else(_: FrontDoor, user: User) -> str:
    """The signature of one's own token below another's name."""
    header, _claims, signature = user.access_token.split(".")
    other = unsigned({}, {**claims_of(user.access_token), "sub": str(uuid.uuid4())}).split(".")[1]
    return f"{header}.{other}.{signature}"


def unsigned_at_all(_: FrontDoor, user: User) -> str:
    return unsigned({**header_of(user.access_token), "alg": "none"}, claims_of(user.access_token))


def of_another_pool(door: FrontDoor, user: User) -> str:
    """The same region's, and for a client of the same name."""
    theirs = "us-east-1_Elsewhere"
    return remade(door, user, iss=claims_of(user.access_token)["iss"].rpartition("/")[0] + f"/{theirs}")


REFUSED: Final[dict[str, tuple[int, Callable[[FrontDoor, User], str | None]]]] = {
    "no token": (401, lambda *_: None),
    "no token at all": (401, lambda *_: "1234"),
    "a key of one's own": (401, forged),
    "the public key as a secret": (401, signed_with_the_public_key),
    "no signature": (401, unsigned_at_all),
    "another's name": (401, of_somebody_else),
    "expired": (401, lambda door, user: remade(door, user, exp=int(time.time()) - 1)),
    "not yet valid": (401, lambda door, user: remade(door, user, nbf=int(time.time()) + 3600)),
    "another issuer": (401, lambda door, user: remade(door, user, iss="https://login.example.com")),
    "another pool": (401, of_another_pool),
    "another audience": (401, lambda door, user: remade(door, user, client_id="somebodyelses")),
    "no audience": (401, lambda door, user: remade(door, user, client_id=None)),
    "an ID token": (403, lambda _, user: user.id_token),
    "no scope": (403, lambda door, user: remade(door, user, scope=None)),
    "a scope of another API": (403, lambda door, user: remade(door, user, scope="openid other/upload other/read")),
    "a scope that begins like one": (
        403,
        lambda door, user: remade(door, user, scope=" ".join(f"{each}s" for each in door.scopes)),
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_nobody_gets_in_with_a_token_that_is_none_for_it(visit: Visit, why: str) -> None:
    status, made = REFUSED[why]
    token = made(visit.door, visit.anna)
    for route, call in ROUTES.items():
        told = call(visit.door, token, visit.image)
        assert (route, told.status, set(told.document)) == (route, status, {"message"})


@pytest.mark.parametrize("route", ROUTES)
def test_one_that_is_made_anew_as_it_was_gets_in(visit: Visit, route: str) -> None:
    """So it is for what is wrong with them, and not for how they were made, that the others are refused."""
    assert ROUTES[route](visit.door, remade(visit.door, visit.anna), NOBODYS).status == LETS_IN[route]


@pytest.mark.parametrize("scope", ["upload", "read", "delete"])
def test_a_scope_is_good_for_its_routes_alone(visit: Visit, scope: str) -> None:
    user = visit.door.signed_in("carl", visit.door.outputs["scopes"][scope])
    statuses = {route: call(visit.door, user.access_token, NOBODYS).status for route, call in ROUTES.items()}
    assert statuses == {route: LETS_IN[route] if SCOPES[route] == scope else 403 for route in ROUTES}


# ── to what ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("route", [route for route in ROUTES if "{id}" in route])
def test_anothers_image_is_answered_like_one_that_never_was(visit: Visit, route: str) -> None:
    def seen(image: str) -> tuple[int, dict[str, str], str]:
        told = ROUTES[route](visit.door, visit.bert.access_token, image)
        headers = {name: value for name, value in told.headers.items() if name not in OF_THE_MOMENT}
        return told.status, headers, told.text

    assert seen(visit.image) == seen(NOBODYS)
    assert visit.door.show(visit.anna, visit.image).status == 200
    assert visit.door.deployment.source(visit.door.key(visit.anna, visit.image))[0] == JPEG


def test_nobody_lists_the_images_of_others(visit: Visit) -> None:
    assert visit.image in visit.door.listed(visit.anna)
    assert visit.door.listed(visit.bert) == []
    of_anna = visit.image.encode().hex()
    assert visit.door.listed(visit.bert, f"?cursor={of_anna}") == []


def test_the_keys_of_two_users_requests_are_two(visit: Visit) -> None:
    once = str(uuid.uuid4())
    first, second = (visit.door.granted(user, JPEG, once=once) for user in (visit.anna, visit.bert))
    assert first["id"] != second["id"]
    assert visit.anna.sub not in json.dumps(second)
    # And each keeps what they were granted.
    assert visit.door.granted(visit.anna, JPEG, once=once) == first


@pytest.mark.parametrize(
    "path", ["../{anna}/{image}", "..%2F{anna}%2F{image}", "%2E%2E%2f{anna}%2f{image}", "{image}%00"]
)
def test_no_path_leads_to_another(visit: Visit, path: str) -> None:
    there = path.format(anna=visit.anna.sub, image=visit.image)
    url = f"{visit.door.deployment.stack.endpoint_url}/v1/images/{there}"
    headers = {
        "host": urlsplit(visit.door.outputs["url"]).netloc,
        "authorization": f"Bearer {visit.bert.access_token}",
    }
    request = requests.Request("GET", url, headers=headers).prepare()
    request.url = url  # as it is, with its dots
    answer = requests.Session().send(request, timeout=SECONDS)
    assert answer.status_code == 404
    assert visit.anna.sub not in answer.text


# ── an image's life ──────────────────────────────────────────────────────────────────────────────────


def test_an_image_comes_and_goes(visit: Visit) -> None:
    door, deployment = visit.door, visit.door.deployment
    image = door.uploaded(visit.anna, JPEG, sha256=hashlib.sha256(JPEG).hexdigest())
    key = door.key(visit.anna, image)
    told = door.show(visit.anna, image)
    assert (told.status, told.document["status"]) == (200, "READY")
    assert [each["name"] for each in told.document["renditions"]] == [each["name"] for each in deployment.renditions()]
    assert deployment.source(key)[0] == JPEG

    stored = {each["name"]: each["key"] for each in (deployment.row(key) or {})["renditions"]}
    for each in told.document["renditions"]:
        fetched = requests.get(each["url"], timeout=SECONDS)
        assert fetched.content == deployment.thumbnail_and_etag(stored[each["name"]])[0]
        assert (fetched.headers["content-type"], len(fetched.content)) == (each["type"], each["bytes"])
        led = door.send("GET", f"/v1/images/{image}/renditions/{each['name']}", visit.anna.access_token)
        assert led.status == 302
        assert requests.get(led.headers["location"], timeout=SECONDS).content == fetched.content

    assert door.show(visit.anna, image, if_none_match=told.headers["etag"]).status == 304
    assert door.listed(visit.anna)[0] == image

    assert ROUTES["DELETE /v1/images/{id}"](door, visit.anna.access_token, image).status == 202
    deployment.row_when(key, "DELETED")
    assert door.show(visit.anna, image).status == 410
    assert door.send("GET", f"/v1/images/{image}/renditions/{rendition(door)}", visit.anna.access_token).status == 410
    assert image not in door.listed(visit.anna)
    eventually("its thumbnails are gone", lambda: not deployment.thumbnail_keys(key))
    for each in told.document["renditions"]:
        assert requests.get(each["url"], timeout=SECONDS).status_code == 404
    assert ROUTES["DELETE /v1/images/{id}"](door, visit.anna.access_token, image).status == 202


PAGES: Final = {
    "HTML": b"<!doctype html><script>alert(document.domain)</script>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>',
    "HTML behind the signature of a JPEG": b"\xff\xd8\xff\xe0<!doctype html><script>alert(1)</script>",
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_that_is_called_an_image_has_failed_and_is_never_served(visit: Visit, kind: str) -> None:
    door, deployment = visit.door, visit.door.deployment
    image = door.uploaded(visit.anna, PAGES[kind])
    key = door.key(visit.anna, image)
    told = door.show(visit.anna, image)
    assert told.document.keys() == {"id", "status", "reason"}
    assert told.document["status"] == "FAILED"
    assert "script" not in told.text
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["content-security-policy"].startswith("default-src 'none'")
    assert door.send("GET", f"/v1/images/{image}/renditions/{rendition(door)}", visit.anna.access_token).status == 404
    assert deployment.thumbnail_keys(key) == set()
    # Nor where it lies, to whoever thinks of its address.
    bucket = deployment.outputs["source_bucket"]
    assert requests.get(f"{deployment.stack.endpoint_url}/{bucket}/{key}", timeout=SECONDS).status_code == 403


def test_the_log_names_nobody(visit: Visit) -> None:
    logs = visit.door.deployment.stack.client("logs").get_paginator("filter_log_events")
    ROUTES["GET /v1/images/{id}"](visit.door, visit.anna.access_token, NOBODYS)

    def lines() -> str:
        pages = logs.paginate(logGroupName=visit.door.outputs["log_group_name"])
        return "".join(event["message"] for page in pages for event in page["events"])

    eventually("a request is in the log", lambda: '"GET /v1/images/{id}"' in lines())
    said = lines()
    for word in (visit.anna.sub, visit.bert.sub, visit.image, NOBODYS, "Bearer", visit.anna.access_token, "127.0.0.1"):
        assert word not in said


# ── what a signed address is good for ────────────────────────────────────────────────────────────────


@dataclass
class Put:
    """A PUT as it was granted, until a test makes it another."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "PUT"

    def send(self) -> int:
        """Its status."""
        return requests.request(
            self.method, self.url, headers=self.headers, data=self.body, timeout=SECONDS
        ).status_code


def to_another_key(put: Put) -> None:
    parts = urlsplit(put.url)
    put.url = parts._replace(path=f"{parts.path[:-26]}{NOBODYS}").geturl()


def to_another_user(put: Put) -> None:
    parts = urlsplit(put.url)
    before, _, image = parts.path.rpartition("/")
    put.url = parts._replace(path=f"{before.rpartition('/')[0]}/{uuid.uuid4()}/{image}").geturl()


def for_longer(put: Put) -> None:
    parts = urlsplit(put.url)
    query = {name: value for name, (value,) in parse_qs(parts.query).items()}
    put.url = parts._replace(query=urlencode({**query, "X-Amz-Expires": "604800"})).geturl()


def without(name: str) -> Callable[[Put], None]:
    def change(put: Put) -> None:
        del put.headers[name]

    return change


def with_header(**headers: str) -> Callable[[Put], None]:
    return lambda put: put.headers.update({name.replace("_", "-"): value for name, value in headers.items()})


def with_body(body: bytes) -> Callable[[Put], None]:
    def change(put: Put) -> None:
        put.body = body

    return change


def by(method: str) -> Callable[[Put], None]:
    def change(put: Put) -> None:
        put.method = method

    return change


OTHERWISE: Final[dict[str, tuple[int, Callable[[Put], None]]]] = {
    "a longer body": (403, with_body(JPEG + b"1")),
    "a shorter body": (403, with_body(JPEG[:-1])),
    "no body": (403, with_body(b"")),
    "other bytes": (400, with_body(JPEG[:-1] + b"1")),
    "another type": (403, with_header(content_type="text/html")),
    "no type": (403, without("content-type")),
    "another checksum": (403, with_header(x_amz_checksum_sha256="A" * 43 + "=")),
    "no checksum": (403, without("x-amz-checksum-sha256")),
    "whatever is there": (403, without("if-none-match")),
    "over a certain state": (403, with_header(if_none_match='"0123"')),
    "another key": (403, to_another_key),
    "another's key": (403, to_another_user),
    "for a week": (403, for_longer),
    "to read it": (403, by("GET")),
    "to delete it": (403, by("DELETE")),
    "with tags": (403, with_header(x_amz_tagging="scan=clean")),
    "for everybody": (403, with_header(x_amz_acl="public-read")),
    "with metadata": (403, with_header(x_amz_meta_owner="somebody")),
    "where it leads": (403, with_header(x_amz_website_redirect_location="https://example.com/")),
    "out of another's": (403, with_header(x_amz_copy_source="/somebodys/key")),
}


@pytest.fixture(scope="module")
def put_of(visit: Visit) -> Callable[[], tuple[Put, str]]:
    """A PUT that was granted, and the key that it is for. It stays good until somebody uses it."""
    granted: list[dict[str, Any]] = []

    def make() -> tuple[Put, str]:
        if not granted or visit.door.deployment.was_uploaded(visit.door.key(visit.bert, granted[-1]["id"])):
            digest = hashlib.sha256(JPEG).hexdigest()
            granted.append(visit.door.granted(visit.bert, JPEG, sha256=digest))
        upload = granted[-1]["upload"]
        return Put(upload["url"], dict(upload["headers"]), JPEG), visit.door.key(visit.bert, granted[-1]["id"])

    return make


@pytest.mark.parametrize("how", OTHERWISE)
def test_nothing_is_put_otherwise_than_it_was_signed(
    visit: Visit, put_of: Callable[[], tuple[Put, str]], how: str
) -> None:
    put, key = put_of()
    status, change = OTHERWISE[how]
    change(put)
    assert put.send() == status
    deployment = visit.door.deployment
    assert not deployment.was_uploaded(key)
    assert not deployment.was_uploaded(f"{key[:-26]}{NOBODYS}")


def test_it_is_put_as_it_was_signed_and_once(visit: Visit, put_of: Callable[[], tuple[Put, str]]) -> None:
    put, key = put_of()
    assert put.send() == 200
    first = visit.door.deployment.source(key)
    assert first[0] == JPEG
    assert put.send() == 412
    assert visit.door.deployment.source(key) == first


def test_nothing_is_put_after_the_address_has_expired(visit: Visit) -> None:
    """An ask that was repeated gets the address of the first, which the table of asks says the time of."""
    door, once = visit.door, str(uuid.uuid4())
    granted = door.granted(visit.bert, JPEG, once=once)
    asked = {"owner": {"S": visit.bert.sub}, "what": {"S": f"once#{once}"}}
    door.deployment.dynamodb.update_item(
        TableName=door.outputs["asks_table_name"],
        Key=asked,
        UpdateExpression="SET asked_at = asked_at - :hour",
        ExpressionAttributeValues={":hour": {"N": "3600"}},
    )
    late = door.granted(visit.bert, JPEG, once=once)
    assert late["id"] == granted["id"]
    put = Put(late["upload"]["url"], late["upload"]["headers"], JPEG)
    assert put.send() == 403
    assert not door.deployment.was_uploaded(door.key(visit.bert, granted["id"]))
    # The time is all that is wrong with it.
    assert Put(granted["upload"]["url"], granted["upload"]["headers"], JPEG).send() == 200


def test_the_address_of_a_thumbnail_is_good_for_nothing_else(visit: Visit) -> None:
    deployment = visit.door.deployment
    shown = visit.door.show(visit.anna, visit.image).document["renditions"][0]["url"]
    parts = urlsplit(shown)
    source = f"/{deployment.outputs['source_bucket']}/{visit.door.key(visit.anna, visit.image)}"
    theirs = parts._replace(path=parts.path.replace(visit.image, NOBODYS)).geturl()
    original = parts._replace(path=source).geturl()
    assert [requests.get(url, timeout=SECONDS).status_code for url in (shown, theirs, original)] == [200, 403, 403]
    assert requests.delete(shown, timeout=SECONDS).status_code == 403
    assert requests.put(shown, data=b"1", timeout=SECONDS).status_code == 403
    assert requests.get(shown, timeout=SECONDS).status_code == 200


# ── whose scripts ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("origin", "allowed"), [(PAGE, PAGE), ("https://www.example.com", None)])
def test_scripts_of_the_page_alone_may_ask_and_put(visit: Visit, origin: str, allowed: str | None) -> None:
    deployment = visit.door.deployment
    upload = visit.door.granted(visit.anna, JPEG)["upload"]
    asking = {"origin": origin, "access-control-request-method": "PUT"}
    asking["access-control-request-headers"] = ",".join(sorted(upload["headers"]))
    put = requests.options(upload["url"], headers=asking, timeout=SECONDS)
    assert put.headers.get("access-control-allow-origin") == allowed
    host = {"host": urlsplit(visit.door.outputs["url"]).netloc}
    asking = {"origin": origin, "access-control-request-method": "POST", **host}
    ask = requests.options(f"{deployment.stack.endpoint_url}/v1/images", headers=asking, timeout=SECONDS)
    assert ask.headers.get("access-control-allow-origin") == allowed
    told = visit.door.send("GET", "/v1/images", visit.anna.access_token, headers={"origin": origin})
    assert told.headers.get("access-control-allow-origin") == allowed


def test_people_come_back_to_the_page_alone(visit: Visit) -> None:
    asked = {
        "client_id": visit.door.outputs["client_id"],
        "redirect_uri": "https://www.example.com/",
        "response_type": "code",
    }
    url = f"{visit.door.deployment.stack.endpoint_url}/oauth2/authorize"
    assert requests.get(url, params=asked, timeout=SECONDS, allow_redirects=False).status_code == 400
    assert requests.get(url, params={**asked, "redirect_uri": CALLBACK}, timeout=SECONDS).status_code == 200


def test_whatever_is_sent_through_the_gateway_is_answered_as_documented(visit: Visit, tmp_path: Path) -> None:
    """A few examples of each: tests/integration/test_api_document.py tries many of the function alone."""
    door, user = visit.door, visit.door.signed_in("eve")
    ids = {"ready": door.uploaded(user, JPEG), "asked": door.granted(user, JPEG)["id"]}
    function = door.deployment.lambda_.get_function_configuration(FunctionName=door.outputs["function_name"])
    limits = json.loads(function["Environment"]["Variables"]["LIMITS"])
    renditions = [each["name"] for each in door.show(user, ids["ready"]).document["renditions"]]
    host = urlsplit(door.outputs["url"]).netloc
    headers = {"Authorization": f"Bearer {user.access_token}", "Host": host}
    known = deployed(limits, renditions, **ids)
    explore(door.deployment.stack.endpoint_url, known, headers, examples=3, folder=tmp_path, limited=True)
