"""The API's environment, ids, answers, its document, what it logs, and how it speaks to AWS."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import ids
from api.answers import Answer
from api.images import Window
from api.routes import ROUTES, FrontDoor
from support.front_door import ANNA, ISSUER, LIMITS, document, environment, event, require_documented
from support.pipeline import FakeContext
from thumbnail_pipeline.asking.aws import Aws, ServiceError
from thumbnail_pipeline.asking.config import Access
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.environment import Variables
from thumbnail_pipeline.errors import Systemic, Transient
from thumbnail_pipeline.users import key_of_user, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator


# ── who and what ─────────────────────────────────────────────────────────────────────────────────────


def test_a_user_of_our_own_pool_is_called_as_there() -> None:
    assert owner_of(ISSUER, ANNA, ISSUER) == ANNA
    assert key_of_user("in/", ANNA, "7Z") == f"in/users/{ANNA}/7Z"


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_two_users_of_other_issuers_never_have_one_name(a: str, b: str, c: str, d: str) -> None:
    first, second = owner_of(a, b, ISSUER), owner_of(c, d, ISSUER)
    assert (first == second) == ((a, b) == (c, d))
    assert first.isalnum()
    assert first.islower()


@pytest.mark.parametrize("subject", ["", "..", "a/b", ANNA.upper(), f"{ANNA}/", f"{ANNA}\n"])
def test_what_no_pool_calls_a_user_is_encoded(subject: str) -> None:
    assert owner_of(ISSUER, subject, ISSUER).isalnum()
    assert owner_of("https://else.example", ANNA, ISSUER) != ANNA
    assert owner_of("", ANNA, "") == ANNA, "no token lacks an issuer"


@given(st.lists(st.integers(0, 2**48 - 1).map(lambda ms: ms / 1000), min_size=2, unique=True))
def test_ids_descend_in_time(times: list[float]) -> None:
    made = [ids.new_image_id(each) for each in sorted(times)]
    assert all(map(ids.is_image_id, made))
    apart = [
        (a, b)
        for (a, b), (x, y) in zip(pairwise(made), pairwise(sorted(times)), strict=True)
        if int(x * 1000) != int(y * 1000)
    ]
    assert all(earlier > later for earlier, later in apart)


def test_ids_of_one_moment_differ() -> None:
    assert len({ids.new_image_id(1.0) for _ in range(1000)}) == 1000


@given(st.floats(0, 4e9), st.integers(1, 60), st.floats(0, 3600))
def test_urls_are_good_for_half_of_their_time_after_they_are_fresh(now: float, minutes: int, later: float) -> None:
    window = Window.at(now, minutes)
    assert 0 < window.fresh_for(now) <= minutes * 30
    assert window.ends - now - window.fresh_for(now) >= minutes * 30 - 1
    if later < window.fresh_for(now) - 1:
        assert Window.at(now + later, minutes) == window


# ── configuration ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"UPLOADS_BUCKET": ""}, "UPLOADS_BUCKET is not set"),
        ({"ASKS_TABLE": ""}, "ASKS_TABLE is not set"),
        ({"LIMITS": "{"}, "LIMITS cannot be used"),
        ({"LIMITS": json.dumps({**LIMITS, "byte": 1})}, "LIMITS cannot be used: .*byte"),
        ({"LIMITS": json.dumps({**LIMITS, "bytes": 0})}, "LIMITS must have whole numbers"),
        ({"LIMITS": json.dumps({**LIMITS, "types": []})}, "and a type"),
        ({"AWS_REGION": ""}, "AWS_DEFAULT_REGION is not set"),
    ],
)
def test_a_bad_environment_is_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(Systemic, match=message):
        FrontDoor.start(environment(**changed))


# ── the document ─────────────────────────────────────────────────────────────────────────────────────


def test_the_document_has_the_routes_and_no_other() -> None:
    said = {
        f"{method.upper()} {path}"
        for path, item in document()["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    assert said == set(ROUTES)


def test_the_document_knows_every_problem() -> None:
    schema = document()["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert schema == [each.urn for each in Problem]


@pytest.mark.parametrize("problem", Problem)
def test_a_problem_is_what_the_document_says(problem: Problem) -> None:
    route = "POST /v1/images" if problem.status not in (404, 410) else "GET /v1/images/{id}"
    require_documented(route, Answer.of(Refusal(problem, "Why.", retry_after=1)))


def test_the_document_refers_to_what_is_there() -> None:
    text = json.dumps(document())
    names = {part.split('"')[0] for part in text.split('"$ref": "#/components/')[1:]}
    assert names
    for name in names:
        kind, _, component = name.partition("/")
        assert component in document()["components"][kind]


# ── the handler ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, as Lambda imports it."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    from api import handler  # noqa: PLC0415 - it reads its environment when it is imported

    return handler


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception) -> None:
    def answered(*_: Any) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(FrontDoor, "answer", answered)


SECRET = f"The key in/users/{ANNA}/7Z of row anna@example.com"


@pytest.mark.parametrize(
    ("raised", "status", "logged"),
    [
        (RuntimeError(SECRET), 500, "RuntimeError"),
        (ServiceError("AccessDeniedException", {"message": SECRET}), 500, "ServiceError"),
        (Transient("ThrottlingException from dynamodb"), 503, "ThrottlingException from dynamodb"),
    ],
)
def test_what_goes_wrong_inside_stays_inside(
    handler: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: Exception,
    status: int,
    logged: str,
) -> None:
    answering(monkeypatch, raised)
    told = handler.handler(event("GET /v1/images"), FakeContext())
    assert told["statusCode"] == status
    body = json.loads(told["body"])
    assert set(body) == {"type", "title", "status"}
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["error"]) == ("ERROR", logged)
    assert metrics["Faults"] == 1
    for hidden in ("SECRET", "anna", ANNA, "192.0.2.7", "telephone"):
        assert hidden not in json.dumps([line, told])


def test_without_an_authorizer_before_it_nobody_gets_in(handler: Any) -> None:
    asked = event("GET /v1/images")
    del asked["requestContext"]["authorizer"]
    assert handler.handler(asked, FakeContext())["statusCode"] == 500


def test_a_request_is_one_line_and_says_not_whose(
    handler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, Answer(200, {"images": []}))
    told = handler.handler(event("GET /v1/images", query={"cursor": "typed"}), FakeContext())
    assert told["headers"]["cache-control"] == "no-store"
    assert told["headers"]["x-content-type-options"] == "nosniff"
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert line.keys() == {"level", "message", "request_id", "gateway_request_id", "route", "status", "milliseconds"}
    assert (line["route"], line["status"], line["gateway_request_id"]) == ("GET /v1/images", 200, "gateway-1")
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Function", "Route"]]
    assert (metrics["Route"], metrics["Requests"], metrics["Refused"], metrics["Faults"]) == ("GET /v1/images", 1, 0, 0)


def test_a_refusal_is_logged_with_its_type(
    handler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, Refusal(Problem.GONE))
    handler.handler(event("GET /v1/images"), FakeContext())
    line, metrics = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["level"], line["problem"]) == ("INFO", Problem.GONE.urn)
    assert (metrics["Refused"], metrics["Faults"]) == (1, 0)


def test_a_route_that_is_not_ours_is_not_repeated(handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert handler.handler({**event("GET /v1/images"), "routeKey": "GET /typed"}, FakeContext())["statusCode"] == 404
    assert "typed" not in capsys.readouterr().out


_START = """
import json, sys
connected = []
sys.addaudithook(lambda event, _: connected.append(event) if event == "socket.connect" else None)
import api.handler
print(json.dumps([connected, sorted({"boto3", "botocore", "urllib3", "aws_xray_sdk", "PIL"} & sys.modules.keys())]))
"""


def test_a_cold_start_loads_no_sdk_and_asks_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=":".join(sys.path)),
    )
    assert json.loads(done.stdout) == [[], []]


# ── over the wire ────────────────────────────────────────────────────────────────────────────────────


class Service(http.server.BaseHTTPRequestHandler):
    """Answers what `script` says, one after the other; None hangs up."""

    protocol_version = "HTTP/1.1"
    script: ClassVar[list[tuple[int, bytes] | None]] = []
    connections: ClassVar[set[Any]] = set()
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.connections.add(self.client_address)
        self.asked.append(f"{self.headers['host']} {self.headers['x-amz-target']} {self.headers['content-type']}")
        answer = self.script.pop(0)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer[0])
        self.send_header("content-length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The client, with a service that speaks HTTP."""
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    for kept in (Service.script, Service.connections, Service.asked):
        kept.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Aws(Access.of(Variables(environment(AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}/"))))
        yield made
        for connection in made._connections.values():
            connection.close()
        server.shutdown()


def refusal(code: str, **more: Any) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode()


def test_a_connection_is_kept_open(aws: Aws) -> None:
    Service.script[:] = [(200, b'{"a": 1}'), (200, b"{}")]
    assert [aws.dynamodb("GetItem", {}), aws.dynamodb("GetItem", {})] == [{"a": 1}, {}]
    assert len(Service.connections) == 1
    assert Service.asked[0].endswith("DynamoDB_20120810.GetItem application/x-amz-json-1.0")


def test_a_connection_that_was_closed_meanwhile_is_made_anew(aws: Aws) -> None:
    Service.script[:] = [(200, b"{}"), None, (200, b'{"a": 1}')]
    aws.dynamodb("GetItem", {})
    assert aws.dynamodb("GetItem", {}) == {"a": 1}


@pytest.mark.parametrize(
    "answer", [(500, b""), (503, b"<Error/>"), (400, refusal("ThrottlingException")), (400, refusal("SlowDown"))]
)
def test_what_may_pass_is_tried_again(aws: Aws, answer: tuple[int, bytes]) -> None:
    Service.script[:] = [answer, answer, (200, b"{}")]
    assert aws.dynamodb("GetItem", {}) == {}
    Service.script[:] = [answer] * 4
    with pytest.raises(Transient):
        aws.dynamodb("GetItem", {})
    assert Service.script == []


def test_what_is_refused_is_not_tried_again(aws: Aws) -> None:
    Service.script[:] = [(HTTPStatus.BAD_REQUEST, refusal("ConditionalCheckFailedException", Item={"a": {"S": "b"}}))]
    with pytest.raises(ServiceError) as raised:
        aws.dynamodb("UpdateItem", {})
    assert (raised.value.code, raised.value.document["Item"]) == ("ConditionalCheckFailedException", {"a": {"S": "b"}})
